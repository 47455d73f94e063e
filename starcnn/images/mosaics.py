# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mosaics of several filters on one grid of pixels, and without their bright stars.
"""

import warnings

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData
from tqdm import tqdm

from starcnn.exceptions import StarcnnWarning
from starcnn.images._mosaic import RATE, mark_circles, read_mosaic
from starcnn.sky._units import strip_unit

__all__ = ['mask_bright_stars', 'reproject_mosaics']

# Parts of a pixel up to which it may be outside, or its light come from bad pixels: rounding.
_ROUNDING = 1e-6

# A bright star is brighter than the faintest bright one is at this distance, pixels, in at least
# so many connected pixels.
_CORE = 1.5
_N_PIXELS = 4

# The wings of a diffraction pattern fall with this power of the radius (the Airy pattern:
# Born & Wolf 1999, Principles of Optics, Section 8.5.2).
_WINGS = 3.0


def reproject_mosaics(mosaics, *, onto=None, pixel_scale=None):
    """
    Bring mosaics to one grid of pixels, keeping the flux.

    Parameters
    ----------
    mosaics : dict of `~astropy.nddata.CCDData`
        A mosaic for each filter, with a WCS, in a unit of flux per pixel
        such as electron/s.

    onto : str or `~astropy.nddata.CCDData`, optional
        Whose grid it is: one of the filters, or any image with a WCS.

    pixel_scale : `~astropy.units.Quantity`, optional
        Instead of ``onto``: the size of the pixels, angle. The grid has north
        up and covers all mosaics.

    Returns
    -------
    mosaics : dict of `~astropy.nddata.CCDData`
        The mosaics on one grid. Pixels that a mosaic does not cover whole are
        NaN, and they and those with light of masked pixels are masked. The
        meta is kept. A mosaic that is on the grid already is the same.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If not one of ``onto`` and ``pixel_scale`` is given, a mosaic has no
        WCS, or its unit is not of flux per pixel.

    Notes
    -----
    Each pixel is spread over the new ones by their common area on the sky
    (`~reproject.reproject_exact`), so that no flux is lost or won. Images of
    stars become wider by the pixels, and the noise of neighbouring pixels
    becomes correlated; their centres move by up to 0.03 pixels. Uncertainties
    are left out, with a warning. It takes about 0.05 ms per pixel.
    """
    if (onto is None) == (pixel_scale is None):
        msg = 'onto or pixel_scale must be given, and not both'
        raise ValueError(msg)
    for name, ccd in mosaics.items():
        _check_flux(name, ccd)
    wcs, shape = _grid(mosaics, onto, pixel_scale)
    made = {}
    for name, ccd in tqdm(mosaics.items(), desc='reproject', leave=False, disable=None):
        made[name] = ccd if _is_on(ccd, wcs, shape) else _reproject(name, ccd, wcs, shape)
    return made


def mask_bright_stars(mosaic, *, brighter_than, band, psf, radius=1 * u.arcsec):
    """
    Mask the bright stars of a mosaic, and all else that is as bright.

    Connected pixels that are brighter than the core of a star of the limiting
    magnitude are found (`~photutils.segmentation.detect_sources`), so that
    saturated stars and bright clusters are found as well. A circle is masked
    around each, of the given radius for the limiting magnitude; it grows with
    the cube root of the flux, as the wings of a diffraction pattern do. The
    flux is that of the connected pixels over the part of the light of a star
    that pixels of such an area hold.

    Parameters
    ----------
    mosaic : `~astropy.nddata.CCDData`
        The mosaic, in a unit that converts to electron/s, with a WCS.

    brighter_than : `~astropy.units.Quantity`
        The limiting Vega magnitude.

    band : `~starcnn.images.Band`
        The filter.

    psf : `~starcnn.images.PSF`
        Its point spread function.

    radius : `~astropy.units.Quantity`, optional
        The radius of the circle around a star of the limiting magnitude, angle.

    Returns
    -------
    mosaic : `~astropy.nddata.CCDData`
        The mosaic with the circles added to its mask.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If the mosaic has no WCS or a wrong unit, or an argument no unit.
    """
    from photutils.segmentation import SourceCatalog, detect_sources
    from photutils.utils.exceptions import NoDetectionsWarning

    data, good, scale = read_mosaic(mosaic)
    radius = strip_unit(radius, u.arcsec, 'radius') / scale
    flux = band.count_rate(brighter_than).to_value(RATE)
    samples = psf.epsf(scale, 1)
    y, x = np.indices(samples.shape) - len(samples) // 2
    core = samples[np.hypot(x, y) <= _CORE].min() * flux
    above = data - np.median(data[good])
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NoDetectionsWarning)
        segments = detect_sources(above, core, _N_PIXELS, mask=~good)
    mask = np.zeros(data.shape, bool) if mosaic.mask is None else np.array(mosaic.mask, bool)
    if segments is not None:
        catalogue = SourceCatalog(above, segments, mask=~good)
        x, y = np.atleast_2d(catalogue.centroid).T
        extent = np.sqrt(np.atleast_1d(segments.areas) / np.pi) * scale  # arcsec
        total = np.atleast_1d(catalogue.segment_flux) / psf.encircled_energy(extent * u.arcsec)
        mark_circles(mask, x, y, radius * np.maximum(total / flux, 1) ** (1 / _WINGS))
    made = mosaic.copy()
    made.mask = mask
    return made


def _check_flux(name, ccd):
    """Raise if a mosaic has no WCS, or its unit is not of flux per pixel."""
    if ccd.wcs is None:
        msg = f'mosaics must have a WCS, got none in {name}'
        raise ValueError(msg)
    unit = ccd.unit
    wrong = unit is None or isinstance(unit, u.LogUnit) or unit.is_equivalent(u.mag)
    if wrong or u.rad in unit.decompose().bases:
        msg = f'mosaics must have a unit of flux per pixel, got {unit} in {name}'
        raise u.UnitsError(msg)


def _grid(mosaics, onto, pixel_scale):
    """Return the WCS and the shape of the grid that is asked for."""
    if pixel_scale is not None:
        from reproject.mosaicking import find_optimal_celestial_wcs

        strip_unit(pixel_scale, u.arcsec, 'pixel_scale')
        inputs = [(ccd.shape, ccd.wcs) for ccd in mosaics.values()]
        return find_optimal_celestial_wcs(inputs, resolution=pixel_scale)
    if isinstance(onto, str):
        if onto not in mosaics:
            msg = f'onto must be one of {list(mosaics)}, or an image with a WCS, got {onto!r}'
            raise ValueError(msg)
        onto = mosaics[onto]
    if getattr(onto, 'wcs', None) is None:
        msg = f'onto must be a filter or an image with a WCS, got {type(onto).__name__}'
        raise TypeError(msg)
    return onto.wcs, onto.shape


def _is_on(ccd, wcs, shape):
    """Whether a mosaic has a grid."""
    if ccd.wcs is wcs:
        return True
    if ccd.shape != tuple(shape):
        return False
    ny, nx = shape
    corners = np.array([[0, nx - 1, 0, nx - 1], [0, 0, ny - 1, ny - 1]], float)
    there = wcs.world_to_pixel(ccd.wcs.pixel_to_world(*corners))
    return np.allclose(there, corners, atol=_ROUNDING, rtol=0)


def _reproject(name, ccd, wcs, shape):
    """Return one mosaic on a grid."""
    from reproject import reproject_exact

    if ccd.uncertainty is not None:
        message = f'mosaics are reprojected without their uncertainties: {name} loses its own'
        warnings.warn(message, StarcnnWarning, stacklevel=3)
    data = np.asarray(ccd.data, float)
    bad = ~np.isfinite(data)
    if ccd.mask is not None:
        bad |= ccd.mask
    brightness = np.where(bad, 0, data) / _pixel_areas(ccd.wcs, ccd.shape)
    mean, part = reproject_exact((brightness, ccd.wcs), wcs, shape_out=shape)
    outside = part < 1 - _ROUNDING
    made = np.where(outside, np.nan, mean * _pixel_areas(wcs, shape))
    mask = outside
    if bad.any():
        share, _ = reproject_exact((bad.astype(float), ccd.wcs), wcs, shape_out=shape)
        mask = outside | (share > _ROUNDING)
    return CCDData(made, unit=ccd.unit, wcs=wcs, mask=mask, meta=dict(ccd.meta))


def _pixel_areas(wcs, shape):
    """Return the area of each pixel on the sky, steradian."""
    ny, nx = shape
    x, y = np.meshgrid(np.arange(nx + 1) - 0.5, np.arange(ny + 1) - 0.5)
    corners = wcs.pixel_to_world(x, y).represent_as('unitspherical').to_cartesian().xyz.value
    first = corners[:, 1:, 1:] - corners[:, :-1, :-1]
    second = corners[:, 1:, :-1] - corners[:, :-1, 1:]
    return np.linalg.norm(np.cross(first, second, axis=0), axis=0) / 2
