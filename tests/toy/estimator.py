# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Toy images in, ages and masses out.
"""

import astropy.units as u
import numpy as np
from astropy.nddata import NDData

from starcnn.plugins import NetworkBackend
from starcnn.tables import parameter_table


def encode(data, spec):
    """
    Return the images in the unit of the spec, after checking them.
    """
    (part,) = spec.inputs
    if not isinstance(data, NDData):
        msg = f'data must be an NDData, got {type(data).__name__}'
        raise TypeError(msg)
    if data.unit is None or not data.unit.is_equivalent(part.unit):
        msg = f'data must have a unit like {part.unit!r}, got {str(data.unit)!r}'
        raise u.UnitsError(msg)
    if tuple(data.meta.get('filters', ())) != part.filters:
        msg = f'filters of data must be {part.filters}, got {data.meta.get("filters")}'
        raise ValueError(msg)
    images = np.asarray(data.data)
    images = images[np.newaxis] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[1:] != part.dimensions[1:]:
        msg = f'data must have shape (n, {part.dimensions[1:]}), got {images.shape}'
        raise ValueError(msg)
    return {part.name: (images * data.unit.to(part.unit)).astype(np.float32)}


def decode(outputs, spec, data):
    """
    Return the table of parameters.
    """
    return parameter_table(outputs, spec, sources=data.meta.get('sources'))


def make_backend(weights):
    """
    Return the backend with its files.
    """
    return NetworkBackend(
        name='toy',
        summary='Age and mass from two fluxes',
        reference='2018A&A...616A...9L',
        weights=weights,
        encode=encode,
        decode=decode,
    )
