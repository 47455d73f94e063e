# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.mosaics.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.wcs import WCS, Sip
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.exceptions import StarcnnWarning
from starcnn.images import (
    PSF,
    StarRenderer,
    extract_cutouts,
    get_band,
    mask_bright_stars,
    reproject_mosaics,
)

RATE = u.electron / u.s
CENTRE = 11.1, 41.6
BAND = get_band('ACS/WFC', 'F475W', exposure_time=1900 * u.s)


def make_wcs(shape, scale, *, angle=0.0, distortion=0.0):
    """Return coordinates whose centre is that of the image, pixels in arcsec, angle in degrees."""
    wcs = WCS(naxis=2)
    suffix = '-SIP' if distortion else ''
    wcs.wcs.ctype = f'RA---TAN{suffix}', f'DEC--TAN{suffix}'
    wcs.wcs.cdelt = -scale / 3600, scale / 3600
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[cos, -sin], [sin, cos]]
    wcs.wcs.crval, wcs.wcs.crpix = CENTRE, ((shape[1] + 1) / 2, (shape[0] + 1) / 2)
    if distortion:
        a, b = np.zeros((2, 3, 3))
        a[2, 0], b[0, 2] = distortion, distortion
        wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    return wcs


def make_stars(wcs, sky, *, shape, width=1.1, flux=1000.0):
    """Return an image of round stars at places on the sky, their flux and width in pixels."""
    y, x = np.indices(shape)
    image = np.zeros(shape)
    for x0, y0 in zip(*wcs.world_to_pixel(sky), strict=True):
        image += np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * width**2))
    return flux * image / (2 * np.pi * width**2)


@pytest.fixture(scope='module')
def target():
    """An empty image with pixels of 0.05 arcsec, north up."""
    return CCDData(np.zeros((70, 80)), unit=RATE, wcs=make_wcs((70, 80), 0.05))


@pytest.fixture(scope='module')
def sky(target):
    """Three places in the image, far from one another."""
    return target.wcs.pixel_to_world([18.3, 55.0, 45.7], [20.0, 25.4, 52.9])


@pytest.mark.parametrize(
    ('scale', 'angle', 'distortion'),
    [(0.0396, 0, 0), (0.0396, 37, 0), (0.065, -20, 0), (0.0396, 10, 4e-4)],
)
def test_flux_is_kept(target, sky, scale, angle, distortion):
    """Each star keeps its flux to 1e-3, and all together to 1e-4; they stay at their places."""
    shape = (110, 120)
    wcs = make_wcs(shape, scale, angle=angle, distortion=distortion)
    mosaic = CCDData(make_stars(wcs, sky, shape=shape), unit=RATE, wcs=wcs)
    made = reproject_mosaics({'F336W': mosaic}, onto=target)['F336W']
    assert made.shape == target.shape
    assert made.unit == RATE
    inside = np.nan_to_num(made.data)
    assert_allclose(inside.sum(), mosaic.data.sum(), rtol=1e-4)
    y, x = np.indices(made.shape)
    for x0, y0 in zip(*target.wcs.world_to_pixel(sky), strict=True):
        star = np.where(np.hypot(x - x0, y - y0) < 12, inside, 0)
        assert_allclose(star.sum(), 1000, rtol=1e-3)
        assert_allclose([(star * v).sum() / star.sum() for v in (x, y)], [x0, y0], atol=0.04)


def test_uniform_light_follows_the_area(target):
    """Light that is even on the sky is so on the new pixels, also where the old ones differ."""
    shape = (110, 120)
    plain, bent = make_wcs(shape, 0.0396), make_wcs(shape, 0.0396, distortion=4e-4)
    # The area of a pixel with x' = x + a x^2 and y likewise is (1 + 2 a x)(1 + 2 a y).
    y, x = np.indices(shape) - np.array(shape).reshape(2, 1, 1) / 2 + 0.5
    area = (1 + 8e-4 * x) * (1 + 8e-4 * y)
    mosaics = {
        'plain': CCDData(np.ones(shape), unit=RATE, wcs=plain),
        'bent': CCDData(area, unit=RATE, wcs=bent),
    }
    made = reproject_mosaics(mosaics, onto=target)
    for ccd in made.values():
        inside = ccd.data[20:50, 20:60]
        assert_allclose(inside, (0.05 / 0.0396) ** 2, rtol=1e-4)


def test_edges_and_masks(target, sky):
    """Pixels that are not covered are NaN and masked, and those with light of bad pixels masked."""
    shape = (60, 60)  # covers the middle alone
    wcs = make_wcs(shape, 0.0396, angle=30)
    data = np.ones(shape)
    data[30, 30], mask = np.nan, np.zeros(shape, bool)
    mask[20, 40] = True
    made = reproject_mosaics({'F336W': CCDData(data, unit=RATE, wcs=wcs, mask=mask)}, onto=target)
    made = made['F336W']
    assert np.isnan(made.data[0, 0])
    assert made.mask[np.isnan(made.data)].all()
    for x, y in ((30, 30), (40, 20)):
        i, j = np.rint(target.wcs.world_to_pixel(wcs.pixel_to_world(x, y))).astype(int)
        assert made.mask[j, i]
        assert not made.mask[j + 4, i + 4]
    good = made.data[~made.mask]
    assert_allclose(good, (0.05 / 0.0396) ** 2, rtol=1e-4)


def test_grids(target, sky):
    """The grid is that of a filter, of an image, or one that covers all."""
    shape = (50, 50)
    mosaics = {
        'F336W': CCDData(np.ones(shape), unit=RATE, wcs=make_wcs(shape, 0.0396, angle=15)),
        'F475W': target,
    }
    mosaics['F336W'].meta['EXPTIME'] = 1350.0
    made = reproject_mosaics(mosaics, onto='F475W')
    assert made['F475W'] is target
    assert made['F336W'].meta['EXPTIME'] == 1350
    extract_cutouts(made, sky, shape=(8, 8))  # they are on one grid
    made = reproject_mosaics(mosaics, pixel_scale=0.1 * u.arcsec)
    shapes = {ccd.shape for ccd in made.values()}
    assert len(shapes) == 1
    assert_allclose(made['F336W'].wcs.proj_plane_pixel_area().to_value(u.arcsec**2), 0.01)
    assert_allclose(np.nansum(made['F336W'].data), 2500, rtol=0.15)  # edges are lost


def test_uncertainty(target):
    """An uncertainty is left out with a warning."""
    mosaic = CCDData(
        np.ones((9, 9)),
        unit=RATE,
        wcs=make_wcs((9, 9), 0.06),
        uncertainty=StdDevUncertainty(np.ones((9, 9))),
    )
    with pytest.warns(StarcnnWarning, match='without their uncertainties: F1 loses its own'):
        made = reproject_mosaics({'F1': mosaic}, onto=target)
    assert made['F1'].uncertainty is None


def test_bad_arguments(target):
    """Units that are not of flux, and grids that are none, are refused."""
    with pytest.raises(ValueError, match='onto or pixel_scale must be given, and not both'):
        reproject_mosaics({'F1': target})
    with pytest.raises(ValueError, match='onto or pixel_scale must be given, and not both'):
        reproject_mosaics({'F1': target}, onto='F1', pixel_scale=1 * u.arcsec)
    with pytest.raises(ValueError, match=r"onto must be one of \['F1'\]"):
        reproject_mosaics({'F1': target}, onto='F2')
    with pytest.raises(TypeError, match='onto must be a filter or an image with a WCS'):
        reproject_mosaics({'F1': target}, onto=3)
    with pytest.raises(TypeError, match='pixel_scale must be a Quantity'):
        reproject_mosaics({'F1': target}, pixel_scale=3)
    for unit in ('MJy / sr', 'electron / (s arcsec2)', 'mag'):
        wrong = CCDData(target.data, unit=unit, wcs=target.wcs)
        with pytest.raises(u.UnitsError, match='mosaics must have a unit of flux per pixel'):
            reproject_mosaics({'F1': wrong}, onto='F1')
    with pytest.raises(ValueError, match='mosaics must have a WCS, got none in F1'):
        reproject_mosaics({'F1': CCDData(target.data, unit=RATE)}, onto='F1')


@pytest.fixture(scope='module')
def field():
    """A mosaic with a star of 19, one of 22 and one of 24 mag, and its PSF."""
    psf = PSF.model('ACS/WFC', 'F475W', pixel_scale=0.05 * u.arcsec)
    renderer = StarRenderer([psf], shape=(150, 160), pixel_scale=0.05 * u.arcsec)
    x, y = np.array([40.0, 110.2, 120.0]), np.array([50.3, 40.0, 110.0])
    flux = BAND.count_rate([19, 22, 24] * u.mag).value[:, np.newaxis]
    image = renderer._render(x - 79.5, y - 74.5, flux)[0]
    image += 0.01 * np.random.default_rng(0).standard_normal(image.shape)
    return CCDData(image, unit=RATE, wcs=make_wcs((150, 160), 0.05)), psf


def test_bright_stars(field):
    """Stars brighter than the limit are masked, the brighter the wider, and no others."""
    mosaic, psf = field
    radius = 0.3 * u.arcsec
    made = mask_bright_stars(mosaic, brighter_than=22.5 * u.mag, band=BAND, psf=psf, radius=radius)
    assert mosaic.mask is None
    assert_array_equal(made.data, mosaic.data)
    assert made.mask[50, 40]
    assert made.mask[40, 110]
    assert not made.mask[110, 120]
    y, x = np.indices(made.shape)
    for x0, y0, magnitude in ((40.0, 50.3, 19), (110.2, 40.0, 22)):
        area = made.mask[np.hypot(x - x0, y - y0) < 35].sum()
        ratio = 10 ** (0.4 * (22.5 - magnitude) / 3)
        assert_allclose(np.sqrt(area / np.pi) * 0.05, 0.3 * ratio, rtol=0.1)


def test_saturated_star(field):
    """A star whose core is cut off is masked; a mask that is there is kept."""
    mosaic, psf = field
    mosaic = CCDData(np.minimum(mosaic.data, 5), unit=RATE, wcs=mosaic.wcs)
    mosaic.mask = np.zeros(mosaic.shape, bool)
    mosaic.mask[140, 150] = True
    made = mask_bright_stars(mosaic, brighter_than=21 * u.mag, band=BAND, psf=psf)
    assert made.mask[50, 40]
    assert made.mask[140, 150]
    none = mask_bright_stars(mosaic, brighter_than=15 * u.mag, band=BAND, psf=psf)
    assert none.mask.sum() == 1


def test_bright_stars_unit(field):
    """A mosaic in another unit has the same mask; a magnitude without a unit is refused."""
    mosaic, psf = field
    other = CCDData(mosaic.data * 60, unit=u.electron / u.min, wcs=mosaic.wcs)
    masks = [
        mask_bright_stars(ccd, brighter_than=22.5 * u.mag, band=BAND, psf=psf).mask
        for ccd in (mosaic, other)
    ]
    assert_array_equal(*masks)
    with pytest.raises(TypeError, match='magnitude must be a Quantity'):
        mask_bright_stars(mosaic, brighter_than=22.5, band=BAND, psf=psf)
