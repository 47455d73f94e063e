# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Toy maps of light in, maps of mass out.
"""

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData, NDData

from starcnn.plugins import NetworkBackend


def encode(luminosity, spec):
    """
    Return the maps in the unit of the spec, after checking them.
    """
    (part,) = spec.inputs
    if not isinstance(luminosity, NDData):
        msg = f'luminosity must be an NDData, got {type(luminosity).__name__}'
        raise TypeError(msg)
    if luminosity.unit is None or not luminosity.unit.is_equivalent(part.unit):
        msg = f'luminosity must have a unit like {part.unit!r}, got {str(luminosity.unit)!r}'
        raise u.UnitsError(msg)
    maps = np.asarray(luminosity.data)
    maps = maps[np.newaxis, np.newaxis] if maps.ndim == 2 else maps
    if maps.ndim != 4 or maps.shape[1:] != part.dimensions[1:]:
        msg = f'luminosity must have shape (n, {part.dimensions[1:]}), got {maps.shape}'
        raise ValueError(msg)
    return {part.name: (maps * luminosity.unit.to(part.unit)).astype(np.float32)}


def decode(outputs, spec, luminosity):
    """
    Return the map of mass, or the stack of maps.
    """
    (part,) = spec.outputs
    if isinstance(luminosity, CCDData):
        return CCDData(
            outputs[part.name][0],
            unit=part.unit,
            wcs=luminosity.wcs,
            mask=luminosity.mask,
            meta=luminosity.meta.copy(),
        )
    return NDData(outputs[part.name], unit=u.Unit(part.unit), meta=dict(luminosity.meta))


def make_backend(weights):
    """
    Return the backend with its files.
    """
    return NetworkBackend(
        name='toy',
        summary='Mass from light, by one ratio',
        reference='2018A&A...616A...9L',
        weights=weights,
        encode=encode,
        decode=decode,
    )
