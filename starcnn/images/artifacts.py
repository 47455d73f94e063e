# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What detectors and bright stars leave in images: wings of stars, bleeding charge, hits of particles.
"""

import astropy.units as u
import numpy as np

from starcnn.sky._units import strip_unit

__all__ = ['bleed', 'charge_track', 'psf_wings']

# Wings are continued from the outer part of the array of a point spread function, from this part
# of its half side on, in so many directions.
_INNER = 0.6
_N_ANGLE = 180

# The light of a telescope with sharp edges falls with this power of the radius (Airy 1835).
_SLOPE = -3.0

# Steps along a track, pixels.
_STEP = 0.25

_N_AXES = 2


def psf_wings(psf, *, shape, pixel_scale, x=0 * u.arcsec, y=0 * u.arcsec):
    """
    Return the light of a star beyond the array of its point spread function.

    In each direction the light falls as the third power of the radius, from
    what the outer part of the array has there: diffraction spikes go on.

    Parameters
    ----------
    psf : `~starcnn.images.PSF`
        The point spread function.

    shape : tuple of int
        The shape (ny, nx) of the image.

    pixel_scale : `~astropy.units.Quantity`, angle
        The size of a pixel.

    x, y : `~astropy.units.Quantity`, angle, optional
        Where the star is, from the centre of the image.

    Returns
    -------
    wings : `~numpy.ndarray` with shape (ny, nx)
        The part of the light of the star in each pixel; zero where the array
        reaches.

    Raises
    ------
    ValueError
        If the shape is not that of an image.
    """
    shape = _check_shape(shape)
    scale = strip_unit(pixel_scale, u.arcsec, 'pixel_scale')
    place = [strip_unit(value, u.arcsec, name) / scale for value, name in ((x, 'x'), (y, 'y'))]
    samples = psf.epsf(float(scale), 1)
    half = len(samples) // 2
    table = _wing_table(samples)
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in shape)
    dy, dx = rows[:, np.newaxis] - place[1], columns - place[0]
    radius = np.hypot(dy, dx)
    outside = np.maximum(abs(dy), abs(dx)) > half
    angle = np.arctan2(dy, dx) / (2 * np.pi) * _N_ANGLE
    value = np.interp(angle, np.arange(_N_ANGLE), table, period=_N_ANGLE)
    return np.where(outside, value * np.maximum(radius, 1) ** _SLOPE, 0)


def _wing_table(samples):
    """Return the light times the third power of the radius in pixels, by direction."""
    half = len(samples) // 2
    axis = np.arange(-half, half + 1)
    radius = np.hypot(axis, axis[:, np.newaxis])
    ring = (radius > _INNER * half) & (radius <= half)
    angle = np.arctan2(*np.broadcast_arrays(axis[:, np.newaxis], axis))[ring]
    bins = np.rint(angle / (2 * np.pi) * _N_ANGLE).astype(int) % _N_ANGLE
    light = (np.maximum(samples, 0) * radius**-_SLOPE)[ring]
    counts = np.bincount(bins, minlength=_N_ANGLE)
    sums = np.bincount(bins, light, minlength=_N_ANGLE)
    known = counts > 0
    return np.interp(np.arange(_N_ANGLE), np.flatnonzero(known), sums[known] / counts[known])


def bleed(image, limit):
    """
    Return an image whose pixels hold no more than a limit; the excess flows along the columns.

    Half of what a pixel cannot hold goes up, half down, to the next pixels that
    have room. What reaches the edge is lost.

    Parameters
    ----------
    image : `~numpy.ndarray` with shape (ny, nx)
        The image, in any unit.

    limit : float
        What a pixel can hold, in the same unit: the full well of the detector.

    Returns
    -------
    image : `~numpy.ndarray` with shape (ny, nx)
        A new image.

    Raises
    ------
    ValueError
        If the image is not of two dimensions, or the limit is not positive.
    """
    image = np.array(image)
    if image.ndim != _N_AXES:
        msg = f'image must have shape (ny, nx), got {image.shape}'
        raise ValueError(msg)
    if not limit > 0:
        msg = f'limit must be positive, got {limit!r}'
        raise ValueError(msg)
    excess = np.maximum(image - limit, 0)
    image -= excess
    for column in np.flatnonzero(excess.any(axis=0)):
        for step in (1, -1):
            _flow(image[::step, column], excess[::step, column] / 2, limit)
    return image


def _flow(column, excess, limit):
    """Move excess charge along a column, in place, until there is room for it."""
    carried = 0.0
    for i in range(int(np.argmax(excess > 0)), len(column)):
        carried += excess[i]
        taken = min(carried, max(limit - column[i], 0.0))
        column[i] += taken
        carried -= taken
        if not carried and not excess[i + 1 :].any():
            return


def charge_track(shape, *, x, y, length=0.0, angle=0 * u.deg):
    """
    Return the charge that a particle leaves in a drizzled image, or that a hot pixel has.

    Parameters
    ----------
    shape : tuple of int
        The shape (ny, nx) of the image.

    x, y : float
        The middle of the track, pixels from the centre of the image.

    length : float, optional
        Its length, pixels; 0 is a hot pixel.

    angle : `~astropy.units.Quantity`, optional
        Its direction, from the columns' axis to the rows'.

    Returns
    -------
    charge : `~numpy.ndarray` with shape (ny, nx)
        The part of the charge in each pixel. A pixel of the detector is shared
        between the pixels of the image that it covers.

    Raises
    ------
    ValueError
        If the shape is not that of an image, or the length is negative.
    """
    ny, nx = _check_shape(shape)
    if not 0 <= length < np.inf:
        msg = f'length must be zero or a positive number, got {length!r}'
        raise ValueError(msg)
    direction = strip_unit(angle, u.rad, 'angle')
    steps = np.linspace(-length / 2, length / 2, int(np.ceil(length / _STEP)) + 1)
    columns = x + steps * np.cos(direction) + (nx - 1) / 2
    rows = y + steps * np.sin(direction) + (ny - 1) / 2
    charge = np.zeros((ny, nx))
    for row, column in zip(rows, columns, strict=True):
        weights = [_share(at, n) for at, n in ((row, ny), (column, nx))]
        charge += np.outer(*weights) / len(steps)
    return charge


def _share(position, n):
    """Return how much of a pixel at a position each of n pixels covers."""
    return np.maximum(1 - abs(np.arange(n) - position), 0)


def _check_shape(shape):
    """Return the shape of an image as integers."""
    if len(shape) != _N_AXES or any(n < 1 or n != int(n) for n in shape):
        msg = f'shape must be two positive whole numbers (ny, nx), got {shape}'
        raise ValueError(msg)
    return tuple(int(n) for n in shape)
