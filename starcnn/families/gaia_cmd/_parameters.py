# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The parameters of mock clusters: their columns, defaults and limits; and checks of options.
"""

from numbers import Integral, Real

import astropy.units as u
import numpy as np
from astropy.table import QTable

REQUIRED = ('age', 'a_v', 'distance')

# The faint limit of the members of Cantat-Gaudin et al. (2020, A&A 640, A1), G mag.
FAINT_LIMIT = 18.0

# Unit, default, and the least and largest value of each column, where the tables of stars do not
# set them. NaN as a default means not known.
_COLUMNS = {
    'age': (u.yr, None, 0.0, np.inf),
    'a_v': (u.mag, None, 0.0, np.inf),
    'distance': (u.pc, None, 1.0, 1e7),
    'feh': (u.one, 0.0, -np.inf, np.inf),
    'n_stars': (u.one, 200, 0, 1_000_000),
    'binary_fraction': (u.one, 0.3, 0.0, 1.0),
    'differential_reddening': (u.mag, 0.0, 0.0, 10.0),
    'contamination': (u.one, 0.0, 0.0, 1.0),
    'faint_limit': (u.mag, FAINT_LIMIT, 0.0, 30.0),
    'ra': (u.deg, np.nan, -360.0, 360.0),
    'dec': (u.deg, np.nan, -90.0, 90.0),
}

# Columns of the truth that are not parameters, so that a truth can be simulated again.
_IGNORED = {'cluster', 'id'}


def complete(parameters, limits):
    """Return parameters in units, with defaults, checked with limits of some columns by name."""
    names = set(parameters.colnames)
    missing = set(REQUIRED) - names
    if missing:
        msg = f'parameters must have the columns age, a_v and distance; missing {sorted(missing)}'
        raise ValueError(msg)
    unknown = names - set(_COLUMNS) - _IGNORED
    if unknown:
        msg = f'parameters must have columns among {list(_COLUMNS)}, got {sorted(unknown)}'
        raise ValueError(msg)
    if len(names & {'ra', 'dec'}) == 1:
        msg = f'parameters must have both ra and dec or neither, got {parameters.colnames}'
        raise ValueError(msg)
    rows = QTable()
    for name, (unit, default, low, high) in _COLUMNS.items():
        if name in names:
            values = _values(parameters[name], name, unit)
            _check(values, name, unit, limits.get(name, (low, high)), default)
        else:
            values = np.full(len(parameters), default)
        rows[name] = values if unit is u.one else values << unit
    rows['n_stars'] = rows['n_stars'].astype(int)
    return rows


def _values(column, name, unit):
    """Return a column as an array in a unit."""
    if np.any(getattr(column, 'mask', False)):
        msg = f'parameters[{name!r}] must be known for every cluster, got masked entries'
        raise ValueError(msg)
    kind = getattr(column, 'dtype', None)
    if len(column.shape) != 1 or kind is None or kind.kind not in 'fiu':
        found = f'{type(column).__name__ if kind is None else kind} of shape {column.shape}'
        msg = f'parameters[{name!r}] must hold one number per cluster, got {found}'
        raise TypeError(msg)
    given = getattr(column, 'unit', None)
    if given is None or (name == 'feh' and given == u.dex):
        given = u.one
    # Logarithms of units are equivalent to them, but do not convert by a factor.
    if not isinstance(given, u.UnitBase) or not given.is_equivalent(unit):
        wanted = 'no unit' if unit is u.one else f'a unit like {unit}'
        msg = f'parameters[{name!r}] must have {wanted}, got {given if given != u.one else "none"}'
        raise u.UnitsError(msg)
    with np.errstate(over='ignore'):
        return np.asarray(getattr(column, 'value', column), float) * given.to(unit)


def _check(values, name, unit, limits, default):
    """Raise if a value cannot be; one that may be unknown may be NaN."""
    low, high = limits
    good = np.isfinite(values) & (values >= low) & (values <= high)
    if default is not None and np.isnan(default):
        good |= np.isnan(values)
    if isinstance(default, int):
        good &= values == np.round(values)
    if not good.all():
        kind = 'whole numbers' if isinstance(default, int) else 'numbers'
        text = '' if unit is u.one else f' {unit}'
        msg = (
            f'parameters[{name!r}] must be {kind} from {low:g} to {high:g}{text}, '
            f'got {values[~good][0]:g}{text}'
        )
        raise ValueError(msg)


def check_number(name, value, largest):
    """Raise if an option is not a number from 0 to the largest."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= largest:
        msg = f'{name} must be a number from 0 to {largest:g}, got {value!r}'
        raise ValueError(msg)


def check_range(name, value, kind, least, largest):
    """Raise if an option is not two numbers of a kind, the smaller one first, within limits."""
    ends = value if isinstance(value, tuple | list) else ()
    numbers = [end for end in ends if isinstance(end, kind) and not isinstance(end, bool)]
    if len(ends) != 2 or len(numbers) != 2 or not least <= ends[0] <= ends[1] <= largest:  # noqa: PLR2004
        whole = 'whole ' if kind is Integral else ''
        msg = f'{name} must be a range of {whole}numbers within {least} to {largest}, got {value!r}'
        raise ValueError(msg)
