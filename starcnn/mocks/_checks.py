# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Checks of the values of options.
"""

from numbers import Integral, Real

import astropy.units as u
import numpy as np

# The least exponent of EFF profiles, excluded: that of a profile with finitely many stars is above
# 2, and near 2 the radius of half of the stars, in scale radii, is more than a float can hold.
GAMMA_MIN = 2.005


def check_range(name, value, *, positive=False):
    """Raise unless an option is a range."""
    is_pair = isinstance(value, tuple) and len(value) == 2
    if not is_pair or not all(isinstance(limit, Real) for limit in value):
        msg = f'{name} must be a tuple of two numbers, got {value!r}'
        raise ValueError(msg)
    if not value[0] <= value[1] or not np.isfinite(value).all() or (positive and value[0] <= 0):
        kind = 'positive, increasing' if positive else 'increasing'
        msg = f'{name} must be {kind} numbers, got {value!r}'
        raise ValueError(msg)


def check_within(name, value, low, high, why=''):
    """Raise unless a number, or those of a range, lie between two others."""
    values = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(each, Real) and low <= each <= high for each in values):
        allowed = f'at least {low:.4g}' if high == np.inf else f'between {low:.4g} and {high:.4g}'
        msg = f'{name} must be {allowed}{why}, got {value!r}'
        raise ValueError(msg)


def check_quantity(name, value, unit):
    """Raise unless an option is a positive quantity of a kind."""
    if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(unit):
        msg = f'{name} must be a Quantity that converts to {unit}, got {value!r}'
        raise u.UnitsError(msg)
    if not value.isscalar or not value > 0:
        msg = f'{name} must be positive, got {value}'
        raise ValueError(msg)


def check_fraction(name, value):
    """Raise unless an option is a number from 0 to 1."""
    if not isinstance(value, Real) or not 0 <= value <= 1:
        msg = f'{name} must be a number from 0 to 1, got {value!r}'
        raise ValueError(msg)


def check_not_negative(name, value):
    """Raise unless an option is zero or a positive number."""
    if not isinstance(value, Real) or not 0 <= value < np.inf:
        msg = f'{name} must be zero or a positive number, got {value!r}'
        raise ValueError(msg)


def check_numbers(name, values, *, least=-np.inf):
    """Raise unless an option holds numbers above a value, of which there may be none."""
    is_sequence = isinstance(values, tuple | list)
    if not is_sequence or not all(isinstance(value, Real) for value in values):
        msg = f'{name} must be numbers, got {values!r}'
        raise ValueError(msg)
    if any(not value > least for value in values):
        kind = 'positive' if least == 0 else 'numbers'
        msg = f'{name} must be {kind}, got {values!r}'
        raise ValueError(msg)


def check_shape(value):
    """Raise unless an option is the shape of an image."""
    is_pair = isinstance(value, tuple | list | np.ndarray) and len(value) == 2
    if not is_pair or not all(isinstance(size, Integral) and size > 0 for size in value):
        msg = f'shape must be two positive integers, got {value!r}'
        raise ValueError(msg)


def check_choice(name, value, allowed):
    """Raise unless an option is one of those that there are."""
    if value not in allowed:
        msg = f'{name} must be one of {list(allowed)}, got {value!r}'
        raise ValueError(msg)
