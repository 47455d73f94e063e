# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Take the units off arguments, or say which argument is wrong.
"""

import astropy.units as u


def strip_unit(value, unit, name):
    """Return the value of an argument in a unit; the argument must be a Quantity."""
    if not isinstance(value, u.Quantity):
        msg = f'{name} must be a Quantity that converts to {unit}, got {type(value).__name__}'
        raise TypeError(msg)
    if not value.unit.is_equivalent(unit):
        msg = f'{name} must have a unit that converts to {unit}, got {str(value.unit)!r}'
        raise u.UnitsError(msg)
    return value.to_value(unit)
