# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The parameters of mock clusters: their columns, defaults and limits.
"""

import astropy.units as u
import numpy as np
from astropy.table import QTable

REQUIRED = ('age', 'a_v', 'distance')

# The faint limit of the members of Cantat-Gaudin et al. (2020, A&A 640, A1), G mag.
FAINT_LIMIT = 18.0

# Unit, default, and the least and largest value of each column. NaN as a default means not known.
_COLUMNS = {
    'age': (u.yr, None, 1.0, 1e12),
    'a_v': (u.mag, None, 0.0, 100.0),
    'distance': (u.pc, None, 1.0, 1e7),
    'feh': (u.one, 0.0, -10.0, 10.0),
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


def complete(parameters):
    """Return checked parameters in units, with the defaults of the columns that are not there."""
    names = set(parameters.colnames)
    missing = set(REQUIRED) - names
    if missing:
        msg = f'parameters must have the columns age, a_v and distance; missing {sorted(missing)}'
        raise ValueError(msg)
    unknown = names - set(_COLUMNS) - _IGNORED
    if unknown:
        msg = f'parameters must have columns among {list(_COLUMNS)}, got {sorted(unknown)}'
        raise ValueError(msg)
    if not len(parameters):
        msg = 'parameters must have at least one row, got none'
        raise ValueError(msg)
    rows = QTable()
    for name, (unit, default, low, high) in _COLUMNS.items():
        if name in names:
            values = _values(parameters[name], name, unit)
            _check(values, name, unit, low, high, default)
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
    given = getattr(column, 'unit', None)
    if unit is not u.one and given is None:
        msg = f'parameters[{name!r}] must have a unit like {unit}, got none'
        raise u.UnitsError(msg)
    if given is not None and not given.is_equivalent(unit):
        msg = f'parameters[{name!r}] must have a unit like {unit}, got {given}'
        raise u.UnitsError(msg)
    return np.array(u.Quantity(column).to_value(unit))


def _check(values, name, unit, low, high, default):
    """Raise if a value cannot be; one that may be unknown may be NaN."""
    good = (values >= low) & (values <= high)
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
