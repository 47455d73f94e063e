# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How truths and predictions come in: checked, converted once, as plain arrays.
"""

import astropy.units as u
import numpy as np


def to_arrays(data):
    """
    Return arguments as float arrays in the unit of the first.

    Parameters
    ----------
    data : dict of array-like, `~astropy.units.Quantity` or `~astropy.table.Column`
        The arguments by name; all with the same shape.

    Returns
    -------
    arrays : list of `~numpy.ndarray`
        One for each argument.

    unit : `~astropy.units.UnitBase` or `None`
        The unit of the first argument.

    Raises
    ------
    ValueError
        If a shape differs, there are no values, or a value is not finite or
        is masked.

    astropy.units.UnitsError
        If a unit cannot be converted to that of the first argument.
    """
    first = next(iter(data))
    unit = getattr(data[first], 'unit', None)
    arrays = []
    for name, values in data.items():
        arrays.append(to_array(name, values, unit=unit))
        if arrays[-1].shape != arrays[0].shape:
            msg = f'{name} must have the shape of {first} {arrays[0].shape}, got {arrays[-1].shape}'
            raise ValueError(msg)
    return arrays, unit


def to_array(name, values, *, unit):
    """
    Return one argument as a float array in ``unit``; see `to_arrays`.
    """
    own = getattr(values, 'unit', None)
    if (own is None) != (unit is None) or (own is not None and not own.is_equivalent(unit)):
        msg = f'{name} must have {f"a unit like {unit}" if unit else "no unit"}, got {own}'
        raise u.UnitsError(msg)
    array = np.asarray(getattr(values, 'value', values), dtype=float)
    if own is not None and own != unit:
        array = u.Quantity(array, own).to_value(unit)
    if array.size == 0:
        msg = f'{name} must have at least one value, got none'
        raise ValueError(msg)
    bad = ~np.isfinite(array) | np.asarray(getattr(values, 'mask', False))
    if bad.any():
        msg = (
            f'{name} must be finite, got {bad.sum()} of {bad.size} values that are not: '
            'drop those rows from every argument and say how many'
        )
        raise ValueError(msg)
    return array
