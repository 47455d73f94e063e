# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mosaics as arrays of electrons per second, the noise of their sky, and circles in their masks.
"""

import astropy.units as u
import numpy as np

RATE = u.electron / u.s


def read_mosaic(mosaic, name='mosaic'):
    """Return the pixels in electron/s, which of them are good, and their size in arcsec."""
    unit = getattr(mosaic, 'unit', None)
    if unit is None or not unit.is_equivalent(RATE):
        msg = f'{name} must have a unit that converts to electron/s, got {unit}'
        raise u.UnitsError(msg)
    if mosaic.wcs is None:
        msg = f'{name} must have a WCS, which gives the size of its pixels, got none'
        raise ValueError(msg)
    data = np.asarray(mosaic.data, float) * unit.to(RATE)
    if data.ndim != 2:  # noqa: PLR2004
        msg = f'{name} must have shape (ny, nx), got {data.shape}'
        raise ValueError(msg)
    good = np.isfinite(data)
    if mosaic.mask is not None:
        good &= ~np.asarray(mosaic.mask, bool)
    if not good.any():
        msg = f'{name} must have good pixels, got none'
        raise ValueError(msg)
    return data, good, pixel_size(mosaic.wcs)


def pixel_size(wcs):
    """Return the size of a pixel, arcsec."""
    wcs.wcs.set()  # before that its units may be missing
    return float(np.sqrt(wcs.proj_plane_pixel_area().to_value(u.arcsec**2)))


def noise_of_sky(band, scale):
    """Return the standard deviation of an empty pixel of a mosaic, electron/s."""
    time = band.exposure_time.to_value(u.s)
    read = band.n_exposures * band.read_noise.to_value(u.electron) ** 2
    return float(np.sqrt(sky_in_pixel(band, scale) * time + read) / time)


def sky_in_pixel(band, scale):
    """Return the sky in a pixel of a mosaic, electron/s; its size in arcsec."""
    ratio = (scale / band.pixel_scale.to_value(u.arcsec)) ** 2  # of the areas of pixels
    return band.sky.to_value(RATE) * ratio


def mark_circles(mask, x, y, radii):
    """Mark circles around positions in a mask; all lengths in pixels."""
    for x0, y0, radius in np.broadcast(np.atleast_1d(x), y, radii):
        if not (np.isfinite(x0) and np.isfinite(y0)):
            continue
        reach, i, j = int(np.ceil(radius)), int(np.rint(x0)), int(np.rint(y0))
        rows = slice(max(j - reach, 0), max(j + reach + 1, 0))
        columns = slice(max(i - reach, 0), max(i + reach + 1, 0))
        part = mask[rows, columns]
        row, column = np.indices(part.shape)
        part |= np.hypot(row + rows.start - y0, column + columns.start - x0) <= radius
