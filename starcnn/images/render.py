# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Images of stars: each star a PSF at its place, in several filters at once.
"""

import math

import astropy.units as u
import numpy as np

from starcnn.images._render_fast import FastFrame
from starcnn.images._render_galsim import render_galsim
from starcnn.sky._units import strip_unit

__all__ = ['StarRenderer', 'render_stars']

_RATE = u.electron / u.s

# Cells per pixel for which the largest error of the B-spline deposit stays below 0.2 % of
# the peak for the PSFs of HST (with two it is ten times larger).
_OVERSAMPLING = 3


class StarRenderer:
    """
    Render stars into frames of one shape, fast.

    All stars are deposited as cubic B-splines on a grid finer than the pixels;
    one Fourier transform per filter then divides by the transform of the spline
    and multiplies by that of the PSF, and the result is sampled at the centres
    of the pixels. Positions are not rounded, and the wings of the PSF are kept
    as far as its array reaches.

    Parameters
    ----------
    psfs : sequence of `~starcnn.images.PSF`
        The PSF in each filter.

    shape : tuple of int
        The shape (ny, nx) of the frame.

    pixel_scale : `~astropy.units.Quantity`, angle
        The size of a pixel.

    oversampling : int, optional
        The number of cells of the grid per pixel.

    Attributes
    ----------
    filters : tuple of str
        The filters of the PSFs.

    Raises
    ------
    ValueError
        If there are no PSFs, or the shape, pixel scale or oversampling is not
        positive.

    Notes
    -----
    The errors and the time per star are measured by ``benchmarks/bench_render.py``.
    Frames of more than 512 pixels on a side are rendered in tiles.
    """

    # Frames longer than this are rendered in tiles, so that the memory does not grow with the
    # frame; the grid of a tile of three filters takes about 150 MB.
    _MAX_TILE = 512

    def __init__(self, psfs, *, shape, pixel_scale, oversampling=_OVERSAMPLING):
        self.filters, self.shape, self.pixel_scale = _check_frame(psfs, shape, pixel_scale)
        if oversampling < 1 or oversampling != int(oversampling):
            msg = f'oversampling must be a whole number of at least 1, got {oversampling}'
            raise ValueError(msg)
        self.oversampling = int(oversampling)
        # Tiles of one shape cover the frame; the last of each direction may stick out.
        self._n_tile = tuple(math.ceil(n / self._MAX_TILE) for n in self.shape)
        self._tile_shape = tuple(
            math.ceil(n / n_tile) for n, n_tile in zip(self.shape, self._n_tile, strict=True)
        )
        scale = self.pixel_scale.to_value(u.arcsec)
        self._tile = FastFrame(psfs, self._tile_shape, scale, self.oversampling)

    def render(self, x, y, fluxes):
        """
        Return the image of stars.

        Parameters
        ----------
        x, y : `~astropy.units.Quantity` with shape (n_star,), angle
            The positions along the columns and the rows, from the centre of the
            frame. Stars whose PSFs do not reach the frame are left out.

        fluxes : `~astropy.units.Quantity` with shape (n_star, n_filter), electron/s
            The flux of each star in each filter.

        Returns
        -------
        image : `~astropy.units.Quantity` with shape (n_filter, ny, nx), electron/s
            The image, without background or noise.

        Raises
        ------
        ValueError
            If the shapes do not agree, or a value is not finite.
        """
        x, y, fluxes = _check_stars(x, y, fluxes, len(self.filters))
        scale = self.pixel_scale.to_value(u.arcsec)
        return self._render(x / scale, y / scale, fluxes) * _RATE

    def _render(self, x, y, fluxes, faint=None):
        """
        Return the image of stars as an array (n_filter, ny, nx), electron/s.

        ``x`` and ``y`` are in pixels from the centre of the frame, ``fluxes`` with shape
        (n_star, n_filter) in electron/s. ``faint`` may hold stars that share one flux in each
        filter: their x and y, and the sums of their fluxes with shape (n_filter,).
        """
        if self._n_tile == (1, 1):
            return self._tile.render(x, y, fluxes, faint)
        ny, nx = self.shape
        tile_y, tile_x = self._tile_shape
        image = np.empty((len(self.filters), ny, nx), np.float32)
        for j in range(0, ny, tile_y):
            shift_y = j + (tile_y - ny) / 2  # from the centre of the frame to that of the tile
            for i in range(0, nx, tile_x):
                shift_x = i + (tile_x - nx) / 2
                moved = faint and (faint[0] - shift_x, faint[1] - shift_y, faint[2])
                tile = self._tile.render(x - shift_x, y - shift_y, fluxes, moved)
                part = image[:, j : j + tile_y, i : i + tile_x]
                part[...] = tile[:, : part.shape[1], : part.shape[2]]
        return image


def render_stars(stars, psfs, *, shape, pixel_scale, method='fast'):
    """
    Return the image of a table of stars.

    Parameters
    ----------
    stars : `~astropy.table.QTable`
        One row per star, with the columns ``x`` and ``y`` (angles along the
        columns and the rows, from the centre of the frame) and a column for each
        filter (electron/s).

    psfs : sequence of `~starcnn.images.PSF`
        The PSF in each filter; the filters of the image are theirs, in their order.

    shape : tuple of int
        The shape (ny, nx) of the frame.

    pixel_scale : `~astropy.units.Quantity`, angle
        The size of a pixel.

    method : {'fast', 'galsim'}, optional
        ``'fast'`` is `StarRenderer`. ``'galsim'`` draws every star by itself over
        the whole frame, hundreds of times slower, as a reference.

    Returns
    -------
    image : `~astropy.nddata.NDData` with shape (n_filter, ny, nx), electron/s
        The image, without background or noise; its ``meta`` holds ``filters`` and
        ``pixel_scale``.

    Raises
    ------
    ValueError
        If the method is unknown, a column is missing, or values are not finite.
    """
    from astropy.nddata import NDData

    if method not in ('fast', 'galsim'):
        msg = f"method must be 'fast' or 'galsim', got {method!r}"
        raise ValueError(msg)
    filters, shape, pixel_scale = _check_frame(psfs, shape, pixel_scale)
    missing = [name for name in ('x', 'y', *filters) if name not in stars.colnames]
    if missing:
        msg = f'stars must have the columns {missing}, got {stars.colnames}'
        raise ValueError(msg)
    columns = [u.Quantity(strip_unit(stars[name], _RATE, name), _RATE) for name in filters]
    fluxes = u.Quantity(columns).T
    if method == 'fast':
        renderer = StarRenderer(psfs, shape=shape, pixel_scale=pixel_scale)
        image = renderer.render(stars['x'], stars['y'], fluxes).value
    else:
        x, y, fluxes = _check_stars(stars['x'], stars['y'], fluxes, len(filters))
        scale = pixel_scale.to_value(u.arcsec)
        image = render_galsim(x / scale, y / scale, fluxes, psfs, shape=shape, pixel_scale=scale)
    return NDData(image, unit=_RATE, meta={'filters': filters, 'pixel_scale': pixel_scale})


def _check_frame(psfs, shape, pixel_scale):
    """Return the filters, and the shape and pixel scale of a frame that can be rendered."""
    if not len(psfs):
        msg = 'psfs must hold at least one PSF, got none'
        raise ValueError(msg)
    if len(shape) != 2 or any(n < 1 or n != int(n) for n in shape):  # noqa: PLR2004
        msg = f'shape must be two positive whole numbers (ny, nx), got {shape}'
        raise ValueError(msg)
    scale = strip_unit(pixel_scale, u.arcsec, 'pixel_scale')
    if not (np.isscalar(scale) and 0 < scale < math.inf):
        msg = f'pixel_scale must be one positive angle, got {pixel_scale}'
        raise ValueError(msg)
    return tuple(psf.filter for psf in psfs), tuple(int(n) for n in shape), pixel_scale


def _check_stars(x, y, fluxes, n_filter):
    """Return positions in arcsec and fluxes in electron/s as arrays."""
    x = np.atleast_1d(strip_unit(x, u.arcsec, 'x'))
    y = np.atleast_1d(strip_unit(y, u.arcsec, 'y'))
    fluxes = strip_unit(fluxes, _RATE, 'fluxes')
    if x.ndim != 1 or x.shape != y.shape:
        msg = f'y must have the shape of x, (n_star,), got {y.shape} and {x.shape}'
        raise ValueError(msg)
    if fluxes.shape != (len(x), n_filter):
        msg = f'fluxes must have the shape {(len(x), n_filter)}, got {fluxes.shape}'
        raise ValueError(msg)
    for name, values in (('x', x), ('y', y), ('fluxes', fluxes)):
        n_bad = np.count_nonzero(~np.isfinite(values))
        if n_bad:
            msg = f'{name} must be finite, got {n_bad} values that are not'
            raise ValueError(msg)
    return x, y, fluxes
