# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Random places in mosaics: off bad pixels, away from objects and from one another.
"""

from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from starcnn.sky._units import strip_unit

# How many places are tried for each that is wanted, and at least, before the search ends.
_N_TRIES = 200
_LEAST_TRIES = 3000

# No place is farther than this from the centre of some pixel.
_LEAST_REACH = np.sqrt(0.5)


class Grid(NamedTuple):
    """
    The pixels of mosaics: which are bad, their coordinates or `None`, their size in arcsec.
    """

    bad: np.ndarray  # (ny, nx), in any filter
    wcs: object
    scale: float | None


def in_pixels(value, name, scale):
    """Return an angle, or a length in pixels, as a number of pixels."""
    if isinstance(value, u.Quantity) and value.unit.is_equivalent(u.pix):
        number = value.to_value(u.pix)
    else:
        angle = strip_unit(value, u.arcsec, name)
        if scale is None:
            msg = f'{name} must be in pixels where mosaics have no WCS, got {value}'
            raise ValueError(msg)
        number = angle / scale
    if np.ndim(number) or not (np.isfinite(number) and number >= 0):
        msg = f'{name} must be one length that is finite and not negative, got {value}'
        raise ValueError(msg)
    return float(number)


def draw_starts(centres, shape, grid, rng, *, clip, avoid, radius, min_separation):
    """
    Return the first row and column (n, 2) of images at random places.

    Parameters
    ----------
    centres : `~numpy.ndarray` with shape (n, 2)
        Where the source is in each image: y and x, pixels.

    shape : tuple of int
        The shape (ny, nx) of the images.

    grid : `Grid`
        The pixels of the mosaics.

    rng : `~numpy.random.Generator`
        The random numbers.

    clip : bool
        Whether images may stick out; if so, the source itself is still inside.

    avoid, radius, min_separation
        As for `starcnn.images.inject`.
    """
    bad, scale = grid.bad, grid.scale
    objects = np.empty((0, 2)) if avoid is None else _objects(avoid, grid.wcs)
    radius = in_pixels(radius, 'radius', scale)
    if min_separation is None:
        separation = float(max(shape))
    else:
        separation = in_pixels(min_separation, 'min_separation', scale)
    low, high = _limits(centres, shape, bad.shape, clip)
    is_clear = _find_clear(bad, objects, radius)
    starts, found = np.empty((len(centres), 2), int), np.empty((len(centres), 2))
    n = 0
    for _ in range(max(_N_TRIES * len(centres), _LEAST_TRIES)):
        if n == len(centres) or (low > high).any():
            break
        start = rng.integers(low[n], high[n] + 1)
        place = start + centres[n]
        if _is_far(place, found[:n], separation) and is_clear(place):
            starts[n], found[n] = start, place
            n += 1
    if n < len(centres):
        msg = (
            f'positions must be given, or {len(centres)} random places be left by the edges, the '
            f'bad pixels, the objects to avoid and the least separation of {separation:.4g} '
            f'pixels, got {n} in mosaics of shape {bad.shape}'
        )
        raise ValueError(msg)
    return starts


def check_starts(starts, places, shape, size, *, clip):
    """Raise unless places (n, 2), and the images that begin at ``starts``, are in the mosaics."""
    size = np.array(size)
    is_inside = abs(places - (size - 1) / 2) <= size / 2  # false for NaN
    if not is_inside.all():
        msg = (
            f'positions must be inside the mosaics of shape {tuple(size.tolist())}, got '
            f'{np.sum(~is_inside.all(axis=1))} of {len(places)} that are not'
        )
        raise ValueError(msg)
    first = np.rint(starts)
    is_inside = (first >= 0) & (first + shape <= size)
    if not clip and not is_inside.all():
        msg = (
            f'positions must leave room for images of shape {tuple(shape)}, or edges be '
            f"'clip', got {np.sum(~is_inside.all(axis=1))} of {len(places)} images that stick out"
        )
        raise ValueError(msg)


def _objects(avoid, wcs):
    """Return the y and x (n, 2) of objects to avoid, as far as they are known."""
    if isinstance(avoid, tuple):
        if len(avoid) != 2 or np.shape(avoid[0]) != np.shape(avoid[1]):  # noqa: PLR2004 (x, y)
            msg = f'avoid must be x and y, equally many, got shapes {[*map(np.shape, avoid)]}'
            raise ValueError(msg)
        x, y = avoid
    elif not isinstance(avoid, SkyCoord):
        msg = f'avoid must be SkyCoord or a tuple of x and y, got {type(avoid).__name__}'
        raise TypeError(msg)
    elif wcs is None:
        msg = 'avoid must be x and y in pixels where mosaics have no WCS, got sky positions'
        raise ValueError(msg)
    else:
        x, y = wcs.world_to_pixel(avoid)
    objects = np.column_stack([np.ravel(y), np.ravel(x)]).astype(float)
    return objects[np.isfinite(objects).all(axis=1)]


def _limits(centres, shape, size, clip):
    """Return the least and the greatest first row and column (n, 2) of each image."""
    if clip:
        return np.ceil(-centres).astype(int), np.floor(np.array(size) - 1 - centres).astype(int)
    high = np.array(size) - np.array(shape)
    return np.zeros(centres.shape, int), np.broadcast_to(high, centres.shape)


def _is_far(place, others, distance):
    """Whether a place is at least so far from all others."""
    return not (((others - place) ** 2).sum(axis=1) < distance**2).any()


def _find_clear(bad, avoid, radius):
    """Return a function that says whether a place is far from bad pixels and objects."""
    from scipy.spatial import KDTree

    objects = KDTree(avoid) if len(avoid) else None
    reach = max(radius, _LEAST_REACH)

    def is_clear(place):
        if objects is not None and objects.query(place)[0] < radius:
            return False
        first = np.maximum(np.ceil(place - reach), 0).astype(int)
        last = np.floor(place + reach).astype(int)
        window = bad[first[0] : last[0] + 1, first[1] : last[1] + 1]
        distances = np.hypot(*(np.argwhere(window) + first - place).T)
        return not (distances <= reach).any()

    return is_clear
