# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Cutouts as the arrays that networks take.
"""

from collections.abc import Iterable

import astropy.units as u
import numpy as np
from astropy.nddata import NDData

from starcnn.images._electrons import to_electrons
from starcnn.images._fill import fill
from starcnn.images.instruments import Band, get_band

__all__ = ['find_bands', 'missing_pixels', 'to_array']

# How much the pixel scale of cutouts may differ from that of a network.
_TOLERANCE = 0.02

_ONE_SOURCE = 3  # dimensions of the images of one source: filter, y, x

# Units of counts, which only an exposure time or a gain makes electron/s.
_COUNTS = ('electron', 'adu', 'adu / s')


def to_array(data, part, *, bands=None, allow_missing=False):
    """
    Return cutouts as a network takes them.

    Parameters
    ----------
    data : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx) or (n_filter, ny, nx)
        The cutouts, as `extract_cutouts` returns them. ``meta`` must have
        ``filters`` and ``pixel_scale``, and for magnitudes (the unit is 'mag')
        ``magnitude_system``, 'AB' or 'Vega'.

    part : `~starcnn.networks.Images`
        What the network takes: ``filters``, ``shape``, ``pixel_scale`` and
        ``unit``.

    bands : sequence of `~starcnn.images.Band`, optional
        The bands, by which fluxes, magnitudes and counts are made electron/s;
        see `find_bands`.

    allow_missing : bool, optional
        Whether filters may be missing.

    Returns
    -------
    array : `~numpy.ndarray` with shape (n_source, n_filter, ny, nx)
        The cutouts in the filters of ``part``, float32. Pixels that are masked
        or not finite have the median of the good ones in the 5 x 5 around them,
        inside of gaps of those in the 9 x 9 or 17 x 17, or of the whole image.
        An image without any good pixel, or of a missing filter, is NaN.

    missing : `~numpy.ndarray` with shape (n_source, n_filter)
        The fraction of the pixels that were masked or not finite; 1 for a
        missing filter.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If the cutouts are not what the network takes, or cannot be converted
        to it.
    """
    pixels, mask, filters = _open(data, part, allow_missing=allow_missing)
    shape = (len(pixels), *part.dimensions[1:])
    array, missing = np.full(shape, np.nan, np.float32), np.ones(shape[:2])
    for i, j, band in _match(part, filters, bands):
        image, bad = _read(pixels, mask, j, data, band, part)
        array[:, i], missing[:, i] = fill(image, bad), bad.mean(axis=(1, 2))
    return array, missing


def missing_pixels(data, part, *, bands=None, allow_missing=False):
    """
    Return which part of the pixels of cutouts is missing.

    Parameters
    ----------
    data, part, bands, allow_missing
        As for `to_array`.

    Returns
    -------
    missing : `~numpy.ndarray` with shape (n_source, n_filter)
        As from `to_array`, in less time.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        As from `to_array`.
    """
    pixels, mask, filters = _open(data, part, allow_missing=allow_missing)
    missing = np.ones((len(pixels), len(part.filters)))
    for i, j, band in _match(part, filters, bands):
        _, bad = _read(pixels, mask, j, data, band, part)
        missing[:, i] = bad.mean(axis=(1, 2))
    return missing


def find_bands(data, part, instruments):
    """
    Return the bands of cutouts: their own, or those of the cameras that a network knows.

    Parameters
    ----------
    data : `~astropy.nddata.NDData`
        The cutouts; their own bands are ``meta['bands']``, a list of
        `~starcnn.images.Band`.

    part : `~starcnn.networks.Images`
        What the network takes.

    instruments : dict of str
        The camera of each filter.

    Returns
    -------
    bands : list of `~starcnn.images.Band` or `None`
        The bands; `None` for counts without bands of their own, as nobody else
        knows their exposure times, and for filters without a camera.

    Raises
    ------
    TypeError
        If ``meta['bands']`` is no list of bands.
    """
    meta = getattr(data, 'meta', {})
    if 'bands' in meta:
        _check_bands(meta['bands'], "meta['bands'] of data")
        return meta['bands']
    unit = getattr(data, 'unit', None)
    is_counts = unit is not None and any(unit.is_equivalent(u.Unit(name)) for name in _COUNTS)
    if is_counts or not set(part.filters) <= set(instruments):
        return None
    return [get_band(instruments[name], name) for name in part.filters]


def _check_bands(bands, name):
    """Return a list of bands, which may be `None` for none."""
    found = list(bands or ()) if bands is None or isinstance(bands, Iterable) else [None]
    if not all(isinstance(band, Band) for band in found):
        msg = f'{name} must be a list of Band, got {bands!r}'
        raise TypeError(msg)
    return found


def _open(data, part, *, allow_missing):
    """Return pixels and mask (or `None`) of a stack, and its filters, if a network takes them."""
    if not isinstance(data, NDData) or data.unit is None:
        msg = f'data must be NDData with a unit, got {type(data).__name__} without'
        raise TypeError(msg)
    pixels, mask = np.asarray(data.data), _read_mask(data)
    if pixels.dtype.kind not in 'biuf':
        msg = f'data must have real numbers as pixels, got {pixels.dtype}'
        raise TypeError(msg)
    if pixels.ndim == _ONE_SOURCE:
        pixels, mask = pixels[np.newaxis], mask if mask is None else mask[np.newaxis]
    filters = _check_cutouts(pixels.shape, data.meta, part)
    if len(filters) < len(part.filters) and not allow_missing:
        msg = f'data must have the filters {list(part.filters)}, got {list(filters)}'
        raise ValueError(msg)
    return pixels, mask, filters


def _read_mask(data):
    """Return the mask of cutouts in their shape, or `None`."""
    if data.mask is None:
        return None
    mask, shape = np.asarray(data.mask, bool), np.shape(data.data)
    try:
        return np.broadcast_to(mask, shape)
    except ValueError as error:
        msg = f'data must have a mask of the shape of its pixels, {shape}, got {mask.shape}'
        raise ValueError(msg) from error


def _match(part, filters, bands):
    """Yield for each filter that there is its places in the network and in data, and its band."""
    bands = {band.filter: band for band in _check_bands(bands, 'bands')}
    for i, name in enumerate(part.filters):
        if name in filters:
            yield i, filters.index(name), bands.get(name)


def _read(pixels, mask, j, data, band, part):
    """Return the images in one filter in the unit of a network, and which pixels are bad."""
    name = data.meta['filters'][j]
    image = to_electrons(pixels[:, j], data, band, name, u.Unit(part.unit))
    bad = ~np.isfinite(image)
    return image, bad if mask is None else bad | mask[:, j]


def _check_cutouts(shape, meta, part):
    """Return the filters of cutouts, if their shape and pixels are those of a network."""
    if len(shape) != len(part.dimensions) or shape[2:] != tuple(part.shape):
        msg = f'data must have shape (n_source, n_filter, {part.shape[0]}, {part.shape[1]})'
        msg = f'{msg}, got {shape}'
        raise ValueError(msg)
    needed = ['filters', 'pixel_scale'] if part.pixel_scale is not None else ['filters']
    if lacking := [name for name in needed if name not in meta]:
        msg = f'data must have {needed} in meta, got no {lacking}'
        raise ValueError(msg)
    filters = _read_filters(meta)
    if len(filters) != shape[1] or len(set(filters)) != len(filters):
        msg = f'data must have one filter for each of its {shape[1]} images, got {list(filters)}'
        raise ValueError(msg)
    if list(filters) != [name for name in part.filters if name in filters]:
        msg = f'data must have filters of {list(part.filters)} in this order, got {list(filters)}'
        raise ValueError(msg)
    if part.pixel_scale is not None:
        scale = _read_scale(meta)
        if not abs(scale / part.pixel_scale - 1) <= _TOLERANCE:
            msg = (
                f'data must have pixels of {part.pixel_scale:g} arcsec, got {scale:.4g} arcsec: '
                'resample the mosaics'
            )
            raise ValueError(msg)
    return filters


def _read_filters(meta):
    """Return the filters of cutouts."""
    filters = meta['filters']
    is_sequence = isinstance(filters, tuple | list | np.ndarray)
    if not is_sequence or not all(isinstance(name, str) for name in filters):
        msg = f"meta['filters'] of data must be a tuple of names, got {filters!r}"
        raise TypeError(msg)
    return tuple(filters)


def _read_scale(meta):
    """Return the pixel scale of cutouts, arcsec."""
    try:
        return float(u.Quantity(meta['pixel_scale']).to_value(u.arcsec))
    except (TypeError, u.UnitsError) as error:
        msg = f"meta['pixel_scale'] of data must be one angle, got {meta['pixel_scale']!r}"
        raise u.UnitsError(msg) from error
