# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From quantities to values on the axes that networks work with, and back.
"""

import astropy.units as u
import numpy as np

# The number of values at which a density without a grid is given by default.
_N_VALUES = 501


def default_axis(parameter):
    """Return the nodes of the grid, or values over the bounds, on the axis."""
    if parameter.grid is not None:
        return np.array(parameter.grid, dtype=np.float64)
    return np.linspace(*parameter.bounds, _N_VALUES)


def to_quantity(x, parameter):
    """Return values on the axis of a parameter as a quantity in linear units."""
    with np.errstate(over='ignore'):
        return (10**x if parameter.log else x) << u.Unit(parameter.unit)


def to_axis(values, parameter, label):
    """Return a quantity as values on the axis of a parameter."""
    try:
        values = u.Quantity(values, copy=False).to_value(parameter.unit)
    except u.UnitConversionError:
        unit = getattr(values, 'unit', None)
        msg = f'{label} must have a unit like {parameter.unit!r}, got {str(unit)!r}'
        raise u.UnitsError(msg) from None
    if not parameter.log:
        return np.asarray(values, dtype=np.float64)
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.log10(values)


def log_jacobian(x, parameter):
    """Return what turns log densities on the axis into those per linear unit."""
    return -np.log(10) * x - np.log(np.log(10)) if parameter.log else 0.0
