# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Cutouts to arrays, and arrays to ages, extinctions, masses and sizes.
"""

import astropy.units as u
import numpy as np

from starcnn.files import read_files
from starcnn.flags import FAINT, FILLED, NO_DATA
from starcnn.images import get_band, to_array
from starcnn.networks import Posterior
from starcnn.plugins import NetworkBackend
from starcnn.tables import parameter_table

from .spec import BIBCODE, FILTERS, INSTRUMENT, NAME

__all__ = ['BACKEND', 'FAINT_LIMIT', 'decode', 'encode']

# A cluster with a visibility of one stands out from its background by one standard deviation of
# it (Bialopetravicius & Narbutis 2020, equation 2).
FAINT_LIMIT = 1.0

_ONE_SOURCE = 3  # dimensions of the images of one source: filter, y, x

# Units of counts, which only an exposure time or a gain makes electron/s.
_COUNTS = ('electron', 'adu', 'adu / s')

# With more than this part of the pixels missing in its best filter, a cutout has no result.
MOST_MISSING = 0.5


def encode(data, spec):
    """
    Turn cutouts into the array that a network takes.

    Parameters
    ----------
    data : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx) or (n_filter, ny, nx)
        The cutouts, with a unit, ``meta['filters']`` and
        ``meta['pixel_scale']``; see `starcnn.images.to_array`. The default
        network takes any of its filters; the network of the paper needs all.
        Fluxes in Jy and magnitudes are converted with the zero points of
        ``meta['bands']``, a list of `~starcnn.images.Band`, or else those of
        WFC3/UVIS; counts need ``meta['bands']``, which have exposure times.

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
    part, data = spec.inputs[0], _stack(data)
    bands, any_filter = _bands(data, spec), _takes_any(spec)
    array, missing = to_array(data, part, bands=bands, allow_missing=any_filter)
    array[missing.min(axis=1) > MOST_MISSING] = np.nan
    return {part.name: array}


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
        ``age``, ``a_v``, ``mass``, ``r_h`` and ``visibility`` with their 16th
        and 84th percentiles; and ``flags``.
    """
    sources, flags = describe(data, spec)
    visible = Posterior.from_outputs(outputs, spec).percentile('visibility', 50)
    is_faint = np.asarray(visible).reshape(-1) < FAINT_LIMIT
    flags = flags | np.where(is_faint & ((flags & NO_DATA) == 0), FAINT, 0)
    return parameter_table(outputs, spec, sources=sources, flags=flags)


def describe(data, spec):
    """
    Return what is known about cutouts, and their quality bits.

    Parameters
    ----------
    data : `~astropy.nddata.NDData`
        The cutouts.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    Returns
    -------
    sources : `~astropy.table.QTable` or `None`
        ``meta['sources']``.

    flags : `~numpy.ndarray` of int with shape (n_source,)
        Bits of `starcnn.flags`: ``FILLED`` where some pixels, or some filters,
        are missing, ``NO_DATA`` where most are.
    """
    part, data, bands = spec.inputs[0], _stack(data), _bands(data, spec)
    _, missing = to_array(data, part, bands=bands, allow_missing=_takes_any(spec))
    flags = np.where((missing > 0).any(axis=1), FILLED, 0)
    flags |= np.where(missing.min(axis=1) > MOST_MISSING, NO_DATA, 0)
    return data.meta.get('sources'), flags


def _stack(data):
    """Return cutouts as a stack: that of one source, if it is the images of one."""
    from astropy.nddata import NDData  # which imports scipy

    if not isinstance(data, NDData) or np.ndim(data.data) != _ONE_SOURCE:
        return data
    mask = data.mask if data.mask is None else np.asarray(data.mask)[np.newaxis]
    return NDData(np.asarray(data.data)[np.newaxis], unit=data.unit, mask=mask, meta=data.meta)


def _bands(data, spec):
    """Return the bands of cutouts: those given, or of M83, whose counts need an exposure time."""
    meta = getattr(data, 'meta', {})
    if 'bands' in meta:
        return meta['bands']
    unit = getattr(data, 'unit', None)
    is_counts = unit is not None and any(unit.is_equivalent(u.Unit(name)) for name in _COUNTS)
    if is_counts or not set(spec.inputs[0].filters) <= set(FILTERS):
        return None
    return [get_band(INSTRUMENT, name) for name in spec.inputs[0].filters]


def _takes_any(spec):
    """Whether a network was trained with filters left out."""
    return spec.variant != 'paper'


BACKEND = NetworkBackend(
    name=NAME,
    summary='Age, A_V, mass and size of clusters from F336W, F438W and F814W cutouts',
    reference=BIBCODE,
    weights=read_files('starcnn.families.m83_hst', 'estimator'),
    encode=encode,
    decode=decode,
)
