# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Images of clusters without background: read, checked, moved, and with noise.
"""

import astropy.units as u
import numpy as np
from astropy.nddata import NDData

from starcnn.images._electrons import RATE, to_electrons
from starcnn.images.noise import _combine

# An image that is to be moved by less than this is not, pixels: rounding of coordinates.
_LEAST_SHIFT = 1e-4

# The room around an image that is moved, pixels, and the order of the splines that move it.
_ROOM, _ORDER = 3, 5

# How far the pixel scale of images may be from that of the mosaics, as for networks.
_TOLERANCE = 0.02

_AXES = ('n', 'n_filter', 'ny', 'nx')


def read_stamps(clusters, filters, bands, pixel_scale):
    """
    Return images (n, n_filter, ny, nx) in electron/s, and where the clusters are in them.

    Parameters
    ----------
    clusters : `~astropy.nddata.NDData` or `~astropy.units.Quantity`
        The images.

    filters : dict of bool
        The filters of a Quantity in order, and whether each is wanted; the
        name of a single one that is not known is ''.

    bands : dict of `~starcnn.images.Band`
        The bands by filter, as far as they are known.

    pixel_scale : float or `None`
        The pixel scale of the mosaics, arcsec.

    Returns
    -------
    images : `~numpy.ndarray` with shape (n, n_wanted, ny, nx)
        The images, electron/s.

    centres : `~numpy.ndarray` with shape (n, 2)
        The y and x of the middle of each image, pixels.
    """
    if not isinstance(clusters, NDData):
        clusters = _wrap(clusters, filters, _AXES)
    names = _names(clusters, filters)
    _check_scale(clusters.meta.get('pixel_scale'), pixel_scale)
    data = np.asarray(clusters.data)
    data = data.astype(np.result_type(data.dtype, np.float32))
    images = _to_rates(data.swapaxes(0, 1), clusters, names, filters, bands).swapaxes(0, 1)
    _check_finite(images, clusters.mask)
    return images, np.broadcast_to((np.array(data.shape[2:]) - 1) / 2, (len(data), 2))


def render_stamps(render, fractions, filters, bands):
    """
    Return the same from a function, for clusters ``fractions`` (y, x) from a pixel's centre.
    """
    images = []
    for i, (dy, dx) in enumerate(fractions):
        image = _wrap(render(i, float(dx), float(dy)), filters, _AXES[1:])
        images.append(_to_rates(image.data, image, list(filters), filters, bands))
        if images[-1].shape != images[0].shape:
            shapes = f'{images[0].shape} and {images[-1].shape}'
            msg = f'clusters must return images of one shape, got {shapes}'
            raise ValueError(msg)
    images = np.array(images)
    _check_finite(images, None)
    return images, np.array(images.shape[2:]) // 2 + fractions


def _wrap(clusters, filters, axes):
    """Return a Quantity as NDData, if it has an image for each filter."""
    if not isinstance(clusters, u.Quantity):
        msg = f'clusters must be NDData or a Quantity, or return it, got {type(clusters).__name__}'
        raise TypeError(msg)
    shape = clusters.shape
    if len(shape) != len(axes) or shape[-3] != len(filters):
        text = ', '.join(axes).replace('n_filter', str(len(filters)))
        msg = f'clusters must have shape ({text}), got {shape}'
        raise ValueError(msg)
    return NDData(clusters.value, unit=clusters.unit, meta={'filters': list(filters)})


def _names(clusters, filters):
    """Return the filters of images, if the wanted ones are among them."""
    if clusters.unit is None or 'filters' not in clusters.meta:
        msg = "clusters must have a unit, and 'filters' in meta"
        raise ValueError(msg)
    names, shape = list(clusters.meta['filters']), np.shape(clusters.data)
    if len(shape) != len(_AXES) or shape[1] != len(names):
        msg = f'clusters must have shape (n, {len(names)}, ny, nx), got {shape}'
        raise ValueError(msg)
    if list(filters) == ['']:
        if len(names) > 1:
            msg = f'clusters must have one filter where mosaics are not a dict, got {names}'
            raise ValueError(msg)
        return ['']
    missing = [name for name, is_wanted in filters.items() if is_wanted and name not in names]
    if missing:
        msg = f'clusters must have the filters of mosaics, {list(filters)}, got {names}'
        raise ValueError(msg)
    return names


def _check_scale(scale, wanted):
    """Raise unless the pixels of images are as large as those of the mosaics."""
    if scale is None or wanted is None:
        return
    scale = u.Quantity(scale).to_value(u.arcsec)
    if abs(scale / wanted - 1) > _TOLERANCE:
        msg = f'clusters must have the pixels of mosaics, {wanted:.4g} arcsec, got {scale:.4g}'
        raise ValueError(msg)


def _to_rates(planes, data, names, filters, bands):
    """Return the images in the wanted filters, which are the first axis, electron/s."""
    wanted = [name for name, is_wanted in filters.items() if is_wanted]
    return np.stack(
        [
            to_electrons(planes[names.index(name)], data, bands.get(name), name, RATE)
            for name in wanted
        ]
    )


def _check_finite(images, mask):
    """Raise unless all pixels are known."""
    n_bad = np.count_nonzero(~np.isfinite(images)) + (0 if mask is None else np.sum(mask))
    if n_bad:
        msg = f'clusters must be finite and not masked, got {n_bad} pixels that are not'
        raise ValueError(msg)


def move(image, start):
    """
    Return an image (n_filter, ny, nx) moved to a first row and column, and these as integers.
    """
    whole = np.rint(start).astype(int)
    shift = start - whole
    if (abs(shift) < _LEAST_SHIFT).all():
        return image, whole
    from scipy import ndimage

    room = ((0, 0), (_ROOM, _ROOM), (_ROOM, _ROOM))
    planes = [
        ndimage.shift(plane, shift, order=_ORDER, mode='grid-constant', output=float)
        for plane in np.pad(image, room)
    ]
    return np.stack(planes), whole - _ROOM


def overlap(start, shape, size):
    """
    Return the slices of a mosaic of a size that an image covers, and those of the image.
    """
    first = np.clip(start, 0, size)
    last = np.clip(np.add(start, shape), 0, size)
    return (
        tuple(slice(a, b) for a, b in zip(first, last, strict=True)),
        tuple(slice(a - s, b - s) for a, b, s in zip(first, last, start, strict=True)),
    )


def with_noise(image, level, times, rng):
    """
    Return an image (n_filter, ny, nx) as its photons arrive, electron/s.

    ``level`` (n_filter,) is what they come on top of; its noise is included.
    Where the sum is negative, as splines and Fourier transforms leave some
    pixels, there are no photons and the image stays as it is.
    """
    image = np.asarray(image, float)
    background = np.broadcast_to(np.reshape(level, (-1, 1, 1)), image.shape)
    negative = np.minimum(image + background, 0)
    return _combine(image - negative, background, times, rng) - background + negative
