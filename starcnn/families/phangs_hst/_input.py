# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From stamps to the images that networks of the family take.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
from astropy.nddata import NDData

from starcnn.flags import FILLED, NO_DATA
from starcnn.images import Band, find_bands, to_array
from starcnn.tables import MOST_MISSING

from .spec import INSTRUMENTS, MAX_MISSING, TWINS

__all__ = ['describe_stamps', 'encode_stamps']

_NDIMS = (3, 4)  # of the stamps of one candidate, and of many


def encode_stamps(data, spec):
    """
    Turn stamps into the array that a network takes.

    Parameters
    ----------
    data : `~astropy.nddata.NDData` of (n_source, n_filter, ny, nx) or (n_filter, ny, nx)
        The stamps, with a unit, ``meta['filters']`` and ``meta['pixel_scale']``,
        as `starcnn.images.extract_cutouts` and `starcnn.images.read_stamps`
        return them. F435W and F606W of ACS may stand for F438W and F555W. Larger
        stamps than the network was trained with are cropped around their centre.
        One filter may be missing: not among the filters, or without any pixel, or
        all zeros. Other units than electron/s need zero points, which are those of
        ``meta['bands']`` or of the cameras; only those of counts matter, as each
        image is scaled in the network.

    spec : `~starcnn.networks.Spec`
        The spec of the network. Where its ``sizes`` are set, stamps may be
        smaller than its shape.

    Returns
    -------
    inputs : dict of `~numpy.ndarray` with shape (n_source, n_filter, ny, nx)
        The images, float32, under the name of the input. A missing filter is NaN; all are
        where more than one is.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If ``data`` is not such a stack, or no stamp has enough filters.
    """
    array, missing = _read(data, spec)
    absent = missing > MOST_MISSING
    array[absent] = np.nan
    array[_is_empty(absent)] = np.nan
    return {spec.inputs[0].name: array}


def describe_stamps(data, spec):
    """
    Return what is known about stamps, and their quality bits.

    Parameters
    ----------
    data : `~astropy.nddata.NDData`
        The stamps.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    Returns
    -------
    sources : `~astropy.table.QTable` or `None`
        ``meta['sources']``.

    flags : `~numpy.ndarray` of int with shape (n_source,)
        Bits of `starcnn.flags`: ``FILLED`` where pixels or a filter are missing,
        ``NO_DATA`` where more than one filter is.
    """
    _, missing = _read(data, spec)
    flags = np.where((missing > 0).any(axis=1), FILLED, 0)
    flags |= np.where(_is_empty(missing > MOST_MISSING), NO_DATA, 0)
    return data.meta.get('sources'), flags


def _is_empty(absent):
    """Which stamps lack too many filters: all of one, or more than one of several."""
    n_filter = absent.shape[1]
    return absent.sum(axis=1) > min(MAX_MISSING, n_filter - 1)


def _read(data, spec):
    """Return the images, and which parts of their pixels are missing, (n_source, n_filter)."""
    part = spec.inputs[0]
    _check(data, part)
    data = _rename(data, part)
    if (side := _side(data, part)) is not None:
        data, part = _crop(data, side), replace(part, shape=(side, side), sizes=None)
    bands = find_bands(data, part, INSTRUMENTS)
    array, missing = to_array(data, part, bands=bands, allow_missing=True)
    _check_filters(missing > MOST_MISSING, data, part)
    return array, missing


def _check(data, part):
    """Raise unless data are stamps."""
    shape = np.shape(getattr(data, 'data', None))
    if not isinstance(data, NDData) or len(shape) not in _NDIMS:
        msg = (
            'data must be NDData with shape (n_source, n_filter, ny, nx), '
            f'got {type(data).__name__} with shape {shape}'
        )
        raise (TypeError if not isinstance(data, NDData) else ValueError)(msg)
    if data.unit is None and u.Unit(part.unit) != u.dimensionless_unscaled:
        msg = f'data must have a unit that converts to {part.unit}, got none'
        raise u.UnitsError(msg)


def _rename(data, part):
    """Return stamps with the filters of a network for their twins, and empty images masked."""
    filters = data.meta.get('filters')
    if not isinstance(filters, tuple | list | np.ndarray):
        msg = f'data must have filters in meta, a tuple of names, got {filters!r}'
        raise (ValueError if filters is None else TypeError)(msg)
    meta = dict(data.meta) | {'filters': tuple(_twin(name, part) for name in filters)}
    if isinstance(bands := meta.get('bands'), tuple | list):
        meta['bands'] = [
            replace(band, filter=_twin(band.filter, part)) if isinstance(band, Band) else band
            for band in bands
        ]
    unit = u.dimensionless_unscaled if data.unit is None else data.unit
    pixels = np.asarray(data.data)
    empty = (pixels == 0).all(axis=(-2, -1), keepdims=True)  # as the paper has missing filters
    mask = np.broadcast_to(empty, pixels.shape)
    if data.mask is not None:
        mask = mask | _mask_of(data, pixels.shape)
    return NDData(pixels, unit=unit, mask=mask, meta=meta)


def _twin(name, part):
    """Return the name that a filter has in a network."""
    twin = TWINS.get(name, name) if isinstance(name, str) else name
    return twin if twin in part.filters and name not in part.filters else name


def _mask_of(data, shape):
    """Return the mask of stamps in their shape."""
    try:
        return np.broadcast_to(np.asarray(data.mask, bool), shape)
    except ValueError as error:
        msg = f'data must have a mask of the shape of its pixels, {shape}, got {data.mask.shape}'
        raise ValueError(msg) from error


def _side(data, part):
    """Return the side to crop stamps to, or `None` if they are as the network takes them."""
    shape = data.data.shape[-2:]
    sizes = getattr(part, 'sizes', None)
    least, largest = (min(part.shape), None) if sizes is None else sizes
    if min(shape) < least or (largest is not None and max(shape) > largest):
        limits = f'at least {least}' if largest is None else f'{least} to {largest}'
        msg = f'data must have shape (n_source, n_filter, ny, nx) with sides of {limits} pixels'
        msg = f'{msg}, got {data.data.shape}'
        raise ValueError(msg)
    if shape == tuple(part.shape) and sizes is None:
        return None
    return min(*shape, *part.shape)


def _crop(data, side):
    """Return the middle of stamps, with the pixel of their centre in the same place."""
    ny, nx = data.data.shape[-2:]
    y, x = (n // 2 - side // 2 for n in (ny, nx))
    window = (..., slice(y, y + side), slice(x, x + side))
    return NDData(data.data[window], unit=data.unit, mask=data.mask[window], meta=data.meta)


def _check_filters(absent, data, part):
    """Raise if no stamp has enough filters, though some have light."""
    n_needed = max(1, len(part.filters) - MAX_MISSING)
    n_named = len(data.meta['filters'])
    some = ~absent.all(axis=0)
    if n_named < n_needed or (some.any() and _is_empty(absent).all()):
        found = [name for name, is_there in zip(part.filters, some, strict=True) if is_there]
        msg = (
            f'data must have images in at least {n_needed} of the filters '
            f'{list(part.filters)} for each source, got {found}'
        )
        raise ValueError(msg)
