# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Cutouts to arrays, and arrays to ages, masses and sizes.
"""

import numpy as np

from starcnn.files import read_files
from starcnn.flags import NO_DATA
from starcnn.images import find_bands, missing_pixels, to_array
from starcnn.plugins import NetworkBackend
from starcnn.tables import faint_flags, missing_flags, parameter_table

from .spec import BIBCODE, FILTERS, INSTRUMENTS, NAME

__all__ = ['BACKEND', 'decode', 'encode']

# The camera of each filter.
_INSTRUMENTS = dict(zip(FILTERS, INSTRUMENTS, strict=True))


def encode(data, spec):
    """
    Turn cutouts into the array that a network takes.

    Parameters
    ----------
    data : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx) or (n_filter, ny, nx)
        The cutouts, with a unit, ``meta['filters']`` and
        ``meta['pixel_scale']``; see `starcnn.images.to_array`. The default
        network takes any of its filters, F475W alone for instance; the network
        of the paper needs all. Fluxes in Jy and magnitudes are converted with
        the zero points of ``meta['bands']``, a list of `~starcnn.images.Band`,
        or else those of WFC3/UVIS for F336W and of ACS/WFC for F475W and F814W;
        counts need ``meta['bands']``, which have exposure times.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    Returns
    -------
    inputs : dict of `~numpy.ndarray` of float32
        The images; NaN where most pixels are missing in every filter.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If ``data`` is not such a stack.
    """
    array, missing = _read(to_array, data, spec)
    array[(missing_flags(missing) & NO_DATA) > 0] = np.nan
    return {spec.inputs[0].name: array}


def decode(outputs, spec, data):
    """
    Turn the outputs of a network into a table.

    Parameters
    ----------
    outputs : dict of `~numpy.ndarray`
        The outputs that the spec names, one row per cutout.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    data : `~astropy.nddata.NDData`
        What `encode` was given.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per cutout: ``id`` and the columns of ``meta['sources']``;
        ``age``, ``mass`` and ``r_h``, and ``a_v`` if the network was trained
        for it, with their 16th and 84th percentiles, which for the network of
        the paper are as far from the estimates as its errors scatter; for the
        default network ``visibility``; and ``flags``. Only networks that say how
        visible a cluster is have the bit ``FAINT``: what light in a crowded
        field belongs to a cluster cannot be told without one.
    """
    missing = _read(missing_pixels, data, spec)
    flags = missing_flags(missing)
    flags |= np.where(flags & NO_DATA, 0, faint_flags(outputs, spec))
    return parameter_table(outputs, spec, sources=data.meta.get('sources'), flags=flags)


def _read(function, data, spec):
    """Return what a function makes of cutouts; all but the paper's network take any filters."""
    part = spec.inputs[0]
    bands = find_bands(data, part, _INSTRUMENTS)
    return function(data, part, bands=bands, allow_missing=spec.variant != 'paper')


BACKEND = NetworkBackend(
    name=NAME,
    summary='Age, mass and size of faint clusters from F336W, F475W and F814W cutouts',
    reference=BIBCODE,
    weights=read_files('starcnn.families.m31_phat', 'estimator'),
    encode=encode,
    decode=decode,
)
