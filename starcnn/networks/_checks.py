# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Checks of the parts of a spec, and of images against them.
"""

import astropy.units as u

_ROUNDING = 1e-4  # of fractions that sum to one, as files have them


def check_units(owner, units):
    """Raise if astropy does not read a unit."""
    for unit in units:
        try:
            u.Unit(unit)
        except ValueError:
            msg = f'units of {owner!r} must be unit strings that astropy reads, got {unit!r}'
            raise ValueError(msg) from None


def check_columns(part):
    """Raise if columns have not one unit and one range each."""
    check_units(part.name, part.units)
    for name in ('units', 'bounds'):
        if len(getattr(part, name)) != len(part.columns):
            msg = (
                f'{name} of {part.name!r} must have one entry per column '
                f'({len(part.columns)}), got {len(getattr(part, name))}'
            )
            raise ValueError(msg)


def check_side_range(part):
    """Raise if the least and the largest side of images do not hold their usual shape."""
    sizes, shape = part.sizes, part.shape
    if sizes is None:
        return
    if len(sizes) != 2 or not 1 <= sizes[0] <= min(shape) or not max(shape) <= sizes[1]:
        msg = (
            f'sizes of {part.name!r} must be the least and the largest side, with the shape '
            f'{shape} between them, got {sizes!r}'
        )
        raise ValueError(msg)


def check_classes(part):
    """Raise if prevalence and conformal probabilities of classes cannot be."""
    for name in ('prevalence', 'conformal'):
        value = getattr(part, name)
        if value is not None and len(value) != len(part.labels):
            msg = f'{name} of {part.name!r} must have one entry for each of {part.labels}, '
            msg += f'got {len(value)}'
            raise ValueError(msg)
    shares = part.prevalence
    if shares is not None and not (min(shares) > 0 and abs(sum(shares) - 1) <= _ROUNDING):
        msg = f'prevalence of {part.name!r} must be above zero and sum to one, got {shares}'
        raise ValueError(msg)
    for values in part.conformal or ():
        if list(values) != sorted(values, reverse=True) or not all(0 <= p <= 1 for p in values):
            msg = f'conformal of {part.name!r} must be probabilities, the largest first'
            raise ValueError(msg)


def check_sizes(array, part):
    """Raise if images are smaller or larger than a network takes them."""
    sizes = getattr(part, 'sizes', None)
    if sizes is not None and not all(sizes[0] <= side <= sizes[1] for side in array.shape[2:]):
        msg = (
            f'inputs[{part.name!r}] must have images of {sizes[0]} to {sizes[1]} pixels, '
            f'got shape {array.shape}'
        )
        raise ValueError(msg)
