# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.star_finding.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.images import (
    PSF,
    StarRenderer,
    get_band,
    measure_completeness,
    measure_stars,
    star_finding,
)

RATE = u.electron / u.s
SCALE = 0.05 * u.arcsec
BAND = get_band('ACS/WFC', 'F475W', exposure_time=1900 * u.s)
SHAPE = (90, 100)


@pytest.fixture(scope='module')
def psf():
    """The point spread function."""
    return PSF.model('ACS/WFC', 'F475W', pixel_scale=SCALE)


def make_wcs():
    """Return coordinates with the pixels of the mosaics."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = 'RA---TAN', 'DEC--TAN'
    wcs.wcs.cdelt = -0.05 / 3600, 0.05 / 3600
    wcs.wcs.crval, wcs.wcs.crpix = (11.1, 41.6), (50, 45)
    return wcs


def make_mosaic(psf, x, y, mag, *, shape=SHAPE, rng=0, unit=RATE):
    """Return a mosaic of stars with the noise of an exposure whose sky is subtracted."""
    flux = BAND.count_rate(mag * u.mag).to_value(RATE)
    renderer = StarRenderer([psf], shape=shape, pixel_scale=SCALE)
    ny, nx = shape
    image = renderer._render(x - (nx - 1) / 2, y - (ny - 1) / 2, flux[:, np.newaxis])[0]
    rng, time, sky = np.random.default_rng(rng), 1900, 0.04
    counts = rng.poisson((np.maximum(image, 0) + sky) * time) + 6 * rng.standard_normal(shape)
    data = (counts / time - sky) * RATE.to(unit)
    return CCDData(data, unit=unit, wcs=make_wcs())


def make_grid(spacing=16):
    """Return places of isolated stars, in all parts of a pixel, and magnitudes 22 to 25.5."""
    y, x = (v.ravel() for v in np.mgrid[12 : SHAPE[0] - 8 : spacing, 12 : SHAPE[1] - 8 : spacing])
    rng = np.random.default_rng(5)
    x, y = (v + rng.uniform(-1, 1, len(v)) for v in (x, y))
    return x, y, rng.permutation(np.linspace(22, 25.5, len(x)))


def nearest(stars, x, y):
    """Return the rows of the stars nearest to places."""
    distance = np.hypot(stars['x'].value[:, np.newaxis] - x, stars['y'].value[:, np.newaxis] - y)
    return distance.argmin(axis=0)


def test_isolated_stars(psf):
    """Stars are found where they are, as bright as they are, and with fair errors."""
    x, y, mag = make_grid()
    mosaic = make_mosaic(psf, x, y, mag)
    stars = measure_stars(mosaic, psf=psf, band=BAND)
    found = stars[nearest(stars, x, y)]
    assert len(np.unique(found['id'])) == len(x)
    assert len(stars) <= len(x) + 5
    assert_allclose(found['x'].value, x, atol=0.08)
    assert_allclose(found['y'].value, y, atol=0.08)
    pull = (found['flux'] - BAND.count_rate(mag * u.mag)) / found['flux_err']
    assert abs(np.median(pull)) < 1
    assert 0.4 < np.std(pull) < 2.5
    assert_allclose(found['mag'].value, mag, atol=0.08)
    assert abs(np.median(found['mag'].value - mag)) < 0.01


def test_table(psf):
    """The table is sorted by flux, has the positions on the sky, and names the filter."""
    x, y, mag = make_grid(40)
    mosaic = make_mosaic(psf, x, y, mag)
    stars = measure_stars(mosaic, psf=psf, band=BAND)
    assert stars.colnames == ['id', 'x', 'y', 'ra', 'dec', 'flux', 'flux_err', 'mag']
    assert stars.meta['filter'] == 'F475W'
    assert (np.diff(stars['flux']) <= 0).all()
    there = mosaic.wcs.world_to_pixel_values(stars['ra'].value, stars['dec'].value)
    assert_allclose(there, [stars['x'].value, stars['y'].value], atol=1e-6)


def test_blend(psf):
    """Two stars at little more than the width of one are both measured."""
    x, y, mag = np.array([50.0, 52.6, 80]), np.array([50.0, 50.7, 20]), np.array([22.5, 23.3, 22])
    stars = measure_stars(make_mosaic(psf, x, y, mag), psf=psf, band=BAND)
    found = stars[nearest(stars, x, y)]
    assert_allclose(found['mag'].value, mag, atol=0.05)
    assert_allclose(found['x'].value, x, atol=0.05)


@pytest.mark.parametrize('level', [3.0, np.linspace(0, 0.01, SHAPE[1])], ids=['constant', 'slope'])
def test_background(psf, level):
    """A background that is constant or slopes does not change the stars."""
    x, y, mag = make_grid(32)
    mosaic = make_mosaic(psf, x, y, mag)
    before = measure_stars(mosaic, psf=psf, band=BAND)
    mosaic.data = mosaic.data + level
    after = measure_stars(mosaic, psf=psf, band=BAND)
    found = [stars['mag'].value[nearest(stars, x, y)] for stars in (before, after)]
    assert_allclose(*found, atol=0.03)


def test_unit(psf):
    """A mosaic in another unit gives the same stars."""
    x, y, mag = make_grid(40)
    one, two = (make_mosaic(psf, x, y, mag, unit=unit) for unit in (RATE, u.electron / u.min))
    one, two = (measure_stars(mosaic, psf=psf, band=BAND) for mosaic in (one, two))
    assert_allclose(one['flux'].value, two['flux'].value, rtol=1e-4)


def test_mask(psf):
    """Bad pixels, masked or not finite, are not measured and harm no other star."""
    x, y, mag = make_grid()
    mosaic = make_mosaic(psf, x, y, mag)
    mosaic.data[10:20, 10:20] = 1e4
    mosaic.mask = np.zeros(SHAPE, bool)
    mosaic.mask[10:20, 10:20] = True
    mosaic.data[60, 60] = np.nan
    stars = measure_stars(mosaic, psf=psf, band=BAND)
    away = np.hypot(x - 15, y - 15) > 15
    found = stars[nearest(stars, x[away], y[away])]
    assert_allclose(found['mag'].value, mag[away], atol=0.15)
    assert stars['mag'].min() > 21.5 * u.mag


def test_tiles(psf, monkeypatch):
    """A mosaic measured in tiles has the stars of one measured whole, each once."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, SHAPE[1] - 1, 80), rng.uniform(0, SHAPE[0] - 1, 80)
    mag = rng.uniform(22, 24.5, 80)
    mosaic = make_mosaic(psf, x, y, mag)
    whole = measure_stars(mosaic, psf=psf, band=BAND)
    monkeypatch.setattr(star_finding, '_MAX_TILE', 60)
    tiles = measure_stars(mosaic, psf=psf, band=BAND)
    assert abs(len(tiles) - len(whole)) <= 6
    bright = whole['mag'] < 24.5 * u.mag
    pairs = nearest(tiles, whole['x'][bright].value, whole['y'][bright].value)
    assert len(np.unique(pairs)) == bright.sum()
    assert_allclose(tiles['mag'][pairs].value, whole['mag'][bright].value, atol=0.08)


def test_empty(psf):
    """A mosaic without stars gives a table without rows."""
    mosaic = make_mosaic(psf, *np.zeros((3, 0)))
    stars = measure_stars(mosaic, psf=psf, band=BAND, n_sigma=10)
    assert len(stars) == 0
    assert 'mag' in stars.colnames


def test_small_psf(psf):
    """A point spread function that is narrower than the square of the fit serves as well."""
    middle, n = len(psf.data) // 2, 5 * psf.oversampling
    core = psf.data[middle - n : middle + n + 1, middle - n : middle + n + 1]
    small = PSF(core, oversampling=psf.oversampling, pixel_scale=SCALE, includes_pixel=False)
    x, y, mag = make_grid(32)
    stars = measure_stars(make_mosaic(small, x, y, mag), psf=small, band=BAND)
    found = stars[nearest(stars, x, y)]
    assert_allclose(found['mag'].value, mag, atol=0.08)
    assert_allclose(found['x'].value, x, atol=0.08)


def test_completeness(psf):
    """Bright stars are all found, those below the noise not; bias and scatter are small."""
    mosaic = make_mosaic(psf, *make_grid(40))
    edges = [23, 25, 29.5, 31] * u.mag
    table = measure_completeness(mosaic, edges, psf=psf, band=BAND, n_round=2, rng=1)
    assert_allclose(table['mag'].value, [24, 27.25, 30.25])
    assert table['completeness'][0] > 0.9
    assert table['completeness'][1] > 0.2
    assert table['completeness'][2] < 0.05
    assert abs(table['bias'][0]) < 0.03 * u.mag
    assert table['scatter'][0] < 0.1 * u.mag
    again = measure_completeness(mosaic, edges, psf=psf, band=BAND, n_round=2, rng=1)
    assert_array_equal(table['completeness'], again['completeness'])


def test_bad_arguments(psf):
    """What cannot be measured is refused."""
    mosaic = make_mosaic(psf, *make_grid(40))
    with pytest.raises(ValueError, match='n_sigma must be positive, got 0'):
        measure_stars(mosaic, psf=psf, band=BAND, n_sigma=0)
    with pytest.raises(u.UnitsError, match='mosaic must have a unit that converts to electron/s'):
        measure_stars(CCDData(mosaic.data, unit=u.K), psf=psf, band=BAND)
    with pytest.raises(ValueError, match='mosaic must have a WCS'):
        measure_stars(CCDData(mosaic.data, unit=RATE), psf=psf, band=BAND)
    with pytest.raises(ValueError, match='mosaic must have good pixels'):
        measure_stars(
            CCDData(mosaic.data, unit=RATE, wcs=mosaic.wcs, mask=np.ones(SHAPE, bool)),
            psf=psf,
            band=BAND,
        )
    with pytest.raises(ValueError, match='magnitudes must be edges of bins that increase'):
        measure_completeness(mosaic, [25, 24] * u.mag, psf=psf, band=BAND)
    with pytest.raises(TypeError, match='magnitudes must be a Quantity'):
        measure_completeness(mosaic, [24, 25], psf=psf, band=BAND)
