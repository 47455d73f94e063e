# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stacks of images: some of their sources, and the same sources on other backgrounds.
"""

import astropy.units as u
import numpy as np
from astropy.table import Table

# Sources whose images and outputs are in memory at once: 50 MB of images with
# 3 x 64 x 64 pixels, and 50 MB of outputs with 11,520 cells.
PIECE = 1024

_NDIM = 4


def is_stack(data):
    """Whether data are images of several sources, (n_source, n_filter, ny, nx)."""
    from astropy.nddata import NDData  # which imports scipy

    return isinstance(data, NDData) and np.ndim(data.data) == _NDIM


def split_stack(data):
    """Yield pieces of a stack; anything else, or a small stack, as it is."""
    if not is_stack(data) or len(data.data) <= PIECE:
        yield data
        return
    for at in range(0, len(data.data), PIECE):
        yield take_sources(data, slice(at, at + PIECE))


def take_sources(data, rows):
    """Return some sources of a stack; all else about it is kept."""
    from astropy.nddata import NDData  # which imports scipy

    n_source = len(data.data)
    meta = dict(data.meta)
    sources = meta.get('sources')
    if isinstance(sources, Table) and len(sources) == n_source:
        meta['sources'] = sources[rows]
    uncertainty = data.uncertainty
    if uncertainty is not None and np.shape(uncertainty.array)[:1] == (n_source,):
        uncertainty = type(uncertainty)(uncertainty.array[rows], unit=uncertainty.unit)
    mask = data.mask
    return NDData(
        data.data[rows],
        unit=data.unit,
        mask=mask[rows] if np.shape(mask)[:1] == (n_source,) else mask,
        uncertainty=uncertainty,
        wcs=data.wcs,
        psf=data.psf,
        meta=meta,
    )


def check_backgrounds(data, backgrounds):
    """Return the images, or raise where backgrounds cannot be added to them."""
    from astropy.nddata import NDData  # which imports scipy

    for name, value in (('data', data), ('backgrounds', backgrounds)):
        if not isinstance(value, NDData):
            msg = f'{name} must be images in an NDData, got {type(value).__name__}'
            raise TypeError(msg)
        if value.unit is None:
            msg = f'{name} must have a unit, got none'
            raise u.UnitsError(msg)
        if value.unit == u.mag or isinstance(value.unit, u.LogUnit):
            msg = f'{name} must have a linear unit, since images are added, got {value.unit}'
            raise u.UnitsError(msg)
    if not is_stack(data):
        mask = None if data.mask is None else np.asarray(data.mask)[np.newaxis]
        data = _replace(data, np.asarray(data.data)[np.newaxis], mask)
    shape, found = np.shape(data.data), np.shape(backgrounds.data)
    if len(found) != _NDIM or found[1:] != shape[1:] or not found[0]:
        expected = ', '.join(map(str, ('n', *shape[1:])))
        msg = f'backgrounds must have shape ({expected}), got {found}'
        raise ValueError(msg)
    if not backgrounds.unit.is_equivalent(data.unit):
        msg = f'backgrounds must have a unit like {data.unit}, got {backgrounds.unit}'
        raise u.UnitsError(msg)
    filters = [tuple(value.meta.get('filters', ())) for value in (data, backgrounds)]
    if filters[0] != filters[1]:
        msg = f'backgrounds must have the filters {filters[0]}, got {filters[1]}'
        raise ValueError(msg)
    return data


def subtract_medians(backgrounds, unit):
    """Return backgrounds in a unit without the median of each image, zero where unknown."""
    images = np.array(backgrounds.data, dtype=np.float64) * backgrounds.unit.to(unit)
    is_bad = ~np.isfinite(images)
    if backgrounds.mask is not None:
        is_bad |= np.asarray(backgrounds.mask)
    if is_bad.any():
        medians = np.ma.median(np.ma.array(images, mask=is_bad), axis=(2, 3), keepdims=True)
        images -= np.ma.filled(medians, 0)
    else:
        images -= np.median(images, axis=(2, 3), keepdims=True)
    images[is_bad] = 0
    return images.astype(np.float32)


def add_images(data, rows, images):
    """Return a stack of some sources, each with every one of its own images added."""
    n = images.shape[1]
    stack = (np.asarray(data.data)[rows][:, np.newaxis] + images).reshape(-1, *images.shape[2:])
    mask = data.mask
    if mask is not None:
        mask = np.repeat(np.broadcast_to(mask, data.data.shape)[rows], n, axis=0)
    return _replace(data, stack, mask)


def _replace(data, images, mask):
    """Return data with other images, and without what belonged to each source."""
    from astropy.nddata import NDData  # which imports scipy

    meta = {key: value for key, value in data.meta.items() if key != 'sources'}
    return NDData(images, unit=data.unit, mask=mask, wcs=data.wcs, psf=data.psf, meta=meta)
