# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The stars of a crowded mosaic: found, fitted all at once, and how many of them are missed.
"""

import math
from itertools import pairwise, product

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData
from astropy.table import QTable
from tqdm import tqdm

from starcnn.images._mosaic import RATE, noise_of_sky, read_mosaic
from starcnn.images._star_fit import OVERSAMPLING, StarFit
from starcnn.images.render import StarRenderer
from starcnn.sky._units import strip_unit

__all__ = ['measure_completeness', 'measure_stars']

# Mosaics are measured in tiles no longer than this, with a margin around each, pixels.
_MAX_TILE = 512
_MARGIN = 16

# An artificial star is found if a star is this near, pixels, and as bright to this factor, mag:
# what most artificial star tests ask for.
_MATCH_PIXELS = 1.0
_MATCH_MAG = 0.75

# The distance of artificial stars, pixels, so that they hardly crowd each other.
_SPACING = 20


def measure_stars(mosaic, *, psf, band, n_sigma=5.0, n_pass=3):
    """
    Find the stars of a crowded mosaic and measure their fluxes.

    In each pass stars are found in what is left of the mosaic when the known
    ones are subtracted (`~photutils.detection.DAOStarFinder`), then the fluxes
    and positions of all stars are fitted together. A smooth background is
    measured between them (`~photutils.background.Background2D`).

    Parameters
    ----------
    mosaic : `~astropy.nddata.CCDData`
        The mosaic, in a unit that converts to electron/s.

    psf : `~starcnn.images.PSF`
        The point spread function.

    band : `~starcnn.images.Band`
        The filter, with the exposure time of the mosaic: zero point and noise.

    n_sigma : float, optional
        The threshold: how far above its surroundings the peak of a star must
        stand, in standard deviations of the noise of an empty sky.

    n_pass : int, optional
        How often stars are sought.

    Returns
    -------
    stars : `~astropy.table.QTable`
        One row per star, the brightest first: ``id``, ``x`` and ``y`` (pixel),
        ``ra`` and ``dec`` if the mosaic has a WCS, ``flux`` and ``flux_err``
        (electron/s) and ``mag`` (Vega). The error is that of the residuals
        under the star, so that it holds what the fit did not.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If the mosaic has no unit or a wrong one, no pixel is good, or a number
        is not positive.

    Notes
    -----
    The fluxes of all stars are one linear problem with a sparse matrix, and
    the steps of fluxes and positions another.
    `~photutils.psf.PSFPhotometry` fits stars one by one or in small groups:
    in a frame of M31 with ten stars to the square arcsecond it takes 6 ms of
    one core for each, this function 0.5 ms. Groups would have all of them.
    """
    data, good, scale = read_mosaic(mosaic)
    sigma = noise_of_sky(band, scale)
    for name, value in (('n_sigma', n_sigma), ('n_pass', n_pass)):
        if not value > 0:
            msg = f'{name} must be positive, got {value}'
            raise ValueError(msg)
    found = _measure(data, good, psf, scale, sigma, n_sigma * sigma, n_pass)
    x, y, flux, error = found[:, np.argsort(-found[2], kind='stable')]
    stars = QTable({'id': np.arange(1, len(x) + 1), 'x': x * u.pix, 'y': y * u.pix})
    if mosaic.wcs is not None:
        sky = mosaic.wcs.pixel_to_world(x, y)
        stars['ra'], stars['dec'] = sky.icrs.ra.to(u.deg), sky.icrs.dec.to(u.deg)
    stars['flux'], stars['flux_err'] = flux * RATE, error * RATE
    stars['mag'] = band.magnitude(stars['flux'])
    stars.meta['filter'] = band.filter
    return stars


def measure_completeness(mosaic, magnitudes, *, psf, band, n_round=3, rng=None, **options):
    """
    Measure which part of the stars of a mosaic is found, with artificial stars.

    Artificial stars are added with their photon noise on a grid of 20 pixels
    with random offsets, and the mosaic is measured again, in several rounds. A
    star is found if a measured one is within one pixel and 0.75 mag.

    Parameters
    ----------
    mosaic : `~astropy.nddata.CCDData`
        The mosaic, in a unit that converts to electron/s.

    magnitudes : `~astropy.units.Quantity` with shape (n + 1,)
        The edges of bins of magnitude, increasing. Artificial stars are spread
        evenly between the first and the last.

    psf, band
        As for `measure_stars`.

    n_round : int, optional
        How often this is done. One round has 2500 stars in a million pixels.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness.

    **options
        More options of `measure_stars`.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per bin: ``mag`` (the middle), ``n`` artificial stars,
        ``completeness``, and of those found the median ``bias`` and the
        ``scatter`` (from the median absolute deviation) of the measured minus
        the true magnitude.

    Raises
    ------
    ValueError
        If the edges are fewer than two or do not increase.
    """
    from astropy.stats import mad_std

    edges = np.atleast_1d(strip_unit(magnitudes, u.mag, 'magnitudes'))
    if len(edges) < 2 or not (np.diff(edges) > 0).all():  # noqa: PLR2004 (both ends)
        msg = f'magnitudes must be edges of bins that increase, got {magnitudes}'
        raise ValueError(msg)
    found = [
        _test(mosaic, edges[[0, -1]], psf, band, generator, options)
        for generator in np.random.default_rng(rng).spawn(n_round)
    ]
    magnitude, difference = np.concatenate(found, axis=1)
    which = np.digitize(magnitude, edges) - 1
    rows = []
    for k in range(len(edges) - 1):
        found = difference[(which == k) & np.isfinite(difference)]
        values = (np.median(found), mad_std(found)) if len(found) else (np.nan, np.nan)
        n = np.count_nonzero(which == k)
        rows.append((n, len(found) / n if n else np.nan, *values))
    n, part, bias, scatter = np.array(rows).T
    middle = (edges[1:] + edges[:-1]) / 2
    return QTable(
        {
            'mag': middle * u.mag,
            'n': n.astype(int),
            'completeness': part,
            'bias': bias * u.mag,
            'scatter': scatter * u.mag,
        }
    )


def _measure(data, good, psf, scale, sigma, threshold, n_pass):
    """Return x, y, flux and its error of all stars of an image, tile by tile."""
    epsf = psf.epsf(scale, OVERSAMPLING)
    starts, sizes, cores = zip(*(_tiles(n) for n in data.shape), strict=True)
    renderer = StarRenderer([psf], shape=sizes, pixel_scale=scale * u.arcsec)
    tiles = list(product(range(len(starts[0])), range(len(starts[1]))))
    found = [np.zeros((4, 0))]
    for j, i in tqdm(tiles, desc='stars', leave=False, disable=None):
        y0, x0 = starts[0][j], starts[1][i]
        part = slice(y0, y0 + sizes[0]), slice(x0, x0 + sizes[1])
        fit = StarFit(data[part], good[part], epsf=epsf, renderer=renderer, sigma=sigma)
        fit.run(threshold, n_pass)
        x, y = fit.x + x0, fit.y + y0
        (bottom, top), (left, right) = cores[0][j], cores[1][i]
        own = (x >= left) & (x < right) & (y >= bottom) & (y < top)
        found.append(np.stack([x, y, fit.flux, fit.errors()])[:, own])
    return np.concatenate(found, axis=1)


def _tiles(n):
    """Return the starts of tiles along an axis, their one size, and the ends of their own parts."""
    n_tile = math.ceil(n / _MAX_TILE)
    edges = np.linspace(0, n, n_tile + 1)
    size = min(math.ceil(n / n_tile) + 2 * _MARGIN, n)
    starts = np.clip(np.floor(edges[:-1]).astype(int) - _MARGIN, 0, n - size)
    edges = edges - 1 / 2
    return starts, size, list(pairwise(edges))


def _test(mosaic, limits, psf, band, rng, options):
    """Return true magnitudes of artificial stars, and the differences of the measured ones."""
    data, good, scale = read_mosaic(mosaic)
    x, y = _places(good, rng)
    magnitude = rng.permutation(np.linspace(*limits, len(x) + 2)[1:-1])
    image = _add_stars(data, x, y, magnitude, scale=scale, psf=psf, band=band, rng=rng)
    crowded = CCDData(image, unit=RATE, mask=~good, wcs=mosaic.wcs)
    stars = measure_stars(crowded, psf=psf, band=band, **options)
    return magnitude, _match(stars, x, y, magnitude)


def _places(good, rng):
    """Return x and y of artificial stars on good pixels."""
    ny, nx = good.shape
    rows, columns = (np.arange(_SPACING / 2, n - 1, _SPACING) for n in (ny, nx))
    y, x = (v.ravel() for v in np.meshgrid(rows, columns, indexing='ij'))
    if not len(x):
        msg = f'mosaic must have at least {_SPACING} pixels on a side, got {good.shape}'
        raise ValueError(msg)
    x, y = (v + rng.uniform(-_SPACING / 4, _SPACING / 4, len(v)) for v in (x, y))
    use = good[np.rint(y).astype(int), np.rint(x).astype(int)]
    return x[use], y[use]


def _add_stars(data, x, y, magnitude, *, scale, psf, band, rng):
    """Return an image with stars and their photon noise."""
    renderer = StarRenderer([psf], shape=data.shape, pixel_scale=scale * u.arcsec)
    flux = band.count_rate(magnitude * u.mag).to_value(RATE)
    ny, nx = data.shape
    image = renderer._render(x - (nx - 1) / 2, y - (ny - 1) / 2, flux[:, np.newaxis])[0]
    time = band.exposure_time.to_value(u.s)
    return data + rng.poisson(np.maximum(image, 0) * time) / time


def _match(stars, x, y, magnitude):
    """Return the measured minus the true magnitudes of artificial stars, NaN if not found."""
    from scipy.spatial import cKDTree

    if not len(stars):
        return np.full(len(x), np.nan)
    places = np.column_stack([stars['x'].value, stars['y'].value])
    distance, nearest = cKDTree(places).query(np.column_stack([x, y]))
    difference = stars['mag'].value[nearest] - magnitude
    found = (distance < _MATCH_PIXELS) & (abs(difference) < _MATCH_MAG)
    return np.where(found, difference, np.nan)
