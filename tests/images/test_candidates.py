# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.candidates.
"""

import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import erf

from starcnn.images import (
    extract_cutouts,
    find_candidates,
    get_band,
    measure_concentration,
)

FILTERS = ('F275W', 'F336W', 'F438W', 'F555W', 'F814W')
RATE = u.electron / u.s
BANDS = {name: get_band('WFC3/UVIS', name, exposure_time=2000 * u.s) for name in FILTERS}
STAR, CLUSTER = 0.8, 1.7  # widths, pixels
DISTANCE = 10 * u.Mpc
SHAPE = (260, 300)


def make_wcs(shift=0.0):
    """Return coordinates of pixels of 0.04 arcsec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ('RA---TAN', 'DEC--TAN'), (64.0, -55.0)
    wcs.wcs.crpix, wcs.wcs.cdelt = (100 + shift, 100), (-0.04 / 3600, 0.04 / 3600)
    return wcs


def gaussian(x, y, sigma, shape=SHAPE):
    """Return a source of flux 1, integrated over the pixels."""
    sides = []
    for centre, n in ((y, shape[0]), (x, shape[1])):
        edges = (np.arange(n + 1) - 0.5 - centre) / (np.sqrt(2) * sigma)
        sides.append(np.diff(erf(edges)) / 2)
    return np.outer(*sides)


def make_mosaic(name, sources, *, rng, shift=0.0, sky=0.02):
    """Return a mosaic with sources: x, y (of another grid), width, magnitude."""
    band, image = BANDS[name], np.full(SHAPE, sky)
    for x, y, sigma, magnitude in sources:
        image += band.count_rate(magnitude * u.mag).value * gaussian(x + shift, y, sigma)
    if rng is not None:
        image = rng.poisson(image * 2000) / 2000 + rng.normal(0, 0.002, SHAPE)
    return CCDData(image.astype(np.float32), unit=RATE, wcs=make_wcs(shift))


# Clusters of M_V = -9, -8 and -5 at 10 Mpc, a star of M_V = -9, a cluster without light in the
# ultraviolet, and one that is a pair of peaks.
SOURCES = {
    'bright': (60.3, 50.2, CLUSTER, 21.0),
    'fainter': (150.0, 60.4, CLUSTER, 22.0),
    'too faint': (230.2, 70.0, CLUSTER, 25.0),
    'star': (70.1, 150.0, STAR, 21.0),
    'red': (150.2, 160.0, CLUSTER, 21.5),
}


@pytest.fixture(scope='module')
def mosaics():
    """Mosaics of a few sources, one of them on a grid of its own; one source is red."""
    rng, made = np.random.default_rng(1), {}
    for name in FILTERS:
        is_blue = name in ('F275W', 'F336W')
        sources = [
            (x, y, sigma, 40.0 if key == 'red' and is_blue else magnitude)
            for key, (x, y, sigma, magnitude) in SOURCES.items()
        ]
        made[name] = make_mosaic(name, sources, rng=rng, shift=7.3 * (name == 'F814W'))
    return made


def find(mosaics, **options):
    """Return the candidates of the field."""
    options = {'bands': BANDS, 'distance': DISTANCE, 'min_ci': 1.2 * u.mag} | options
    return find_candidates(mosaics, **options)


def names_of(table):
    """Return which of the sources were found."""
    found = []
    for x, y in zip(table['x'].value, table['y'].value, strict=True):
        near = [k for k, (a, b, *_) in SOURCES.items() if np.hypot(x - a, y - b) < 1]
        found.extend(near or ['?'])
    return found


def ci_of(sigma):
    """Return the concentration index of a Gaussian between circles of 1 and 3 pixels."""
    small, large = 1 - np.exp(-np.array([1, 9]) / (2 * sigma**2))
    return -2.5 * np.log10(small / large)


def test_candidates(mosaics):
    """Clusters that are bright in four filters are candidates; stars and faint ones are not."""
    table = find(mosaics)
    assert names_of(table) == ['bright', 'fainter']
    assert_array_equal(table['id'], [1, 2])
    assert_array_equal(table['n_filters'], [5, 5])
    assert table.meta['filters'] == list(FILTERS)
    sky = SkyCoord(table['ra'], table['dec'])
    x, y = make_wcs().world_to_pixel(sky)
    assert_allclose(x, [60.3, 150.0], atol=0.2)
    assert_allclose(y, [50.2, 60.4], atol=0.2)


def test_each_limit(mosaics):
    """Each of the limits lets others through."""
    assert set(names_of(find(mosaics, min_ci=0.3 * u.mag))) == {'bright', 'fainter', 'star'}
    assert 'red' in names_of(find(mosaics, n_filters=3))
    assert 'too faint' in names_of(find(mosaics, max_abs_mag=-4 * u.mag, n_filters=3))
    assert names_of(find(mosaics, max_abs_mag=-8.5 * u.mag)) == ['bright']
    assert names_of(find(mosaics, max_abs_mag=-8.5 * u.mag, distance=20e3 * u.kpc)) == [
        'bright',
        'fainter',
    ]
    assert names_of(find(mosaics, max_error=1e-4 * u.mag)) == []
    assert names_of(find(mosaics, n_sigma=1e5)) == []


def test_magnitudes(mosaics):
    """Magnitudes are those of the light in 4 pixels; the correction makes them total."""
    table = find(mosaics)
    inside = 1 - np.exp(-16 / (2 * CLUSTER**2))
    expected = np.array([21.0, 22.0]) - 2.5 * np.log10(inside)
    for name in FILTERS:
        error = table[f'mag_{name}_err'].value
        assert (error < 0.1).all()
        assert (abs(table[f'mag_{name}'].value - expected) < 4 * error + 0.01).all()
    assert_allclose(table['abs_mag'], table['mag_F555W'] - 30 * u.mag, rtol=1e-6)
    correction = {'F555W': 2.5 * np.log10(inside) * u.mag}
    total = find(mosaics, aperture_correction=correction)
    assert_allclose(total['abs_mag'].value, [-9, -8], atol=0.02)
    assert_allclose(total['mag_F814W'].value, table['mag_F814W'].value)


def test_missing_filter(mosaics):
    """A filter without mosaic is NaN, and counts as one without detection."""
    table = find(mosaics | {'F275W': None})
    assert names_of(table) == ['bright', 'fainter']
    assert_array_equal(table['n_filters'], [4, 4])
    assert np.isnan(table['mag_F275W'].value).all()
    assert names_of(find(mosaics | {'F275W': None, 'F336W': None})) == []


def test_masked_pixels(mosaics):
    """A source with a bad pixel in its circle is none in that filter; in V it is none at all."""
    mask = np.zeros(SHAPE, bool)
    mask[51, 61] = True
    bad = mosaics['F336W'].copy()
    bad.mask = mask
    table = find(mosaics | {'F336W': bad})
    assert_array_equal(table['n_filters'], [4, 5])
    assert np.isnan(table['mag_F336W'][0].value)
    bad = mosaics['F555W'].copy()
    bad.mask = mask
    assert 'bright' not in names_of(find(mosaics | {'F555W': bad}))


def test_pairs_are_one_source():
    """Two peaks within 3 pixels are one candidate, the higher one."""
    rng = np.random.default_rng(4)
    pair = [(100.0, 100.0, 0.8, 21.0), (102.8, 100.0, 0.8, 21.3), (110.0, 100.0, 0.8, 21.3)]
    field = {name: make_mosaic(name, pair, rng=rng) for name in FILTERS}
    table = find(field, min_ci=0 * u.mag)
    assert_allclose(sorted(table['x'].value), [100, 110], atol=0.5)


def test_stamps_of_candidates(mosaics):
    """The table is what stamps are cut at."""
    cutouts = extract_cutouts(mosaics, find(mosaics), shape=(25, 25))
    assert cutouts.data.shape == (2, 5, 25, 25)
    peaks = cutouts.data.reshape(2, 5, -1).argmax(axis=2)
    assert abs(np.stack(np.unravel_index(peaks, (25, 25))) - 12).max() <= 1
    assert 'ci' in cutouts.meta['sources'].colnames


@pytest.mark.parametrize('sigma', [0.8, 1.2, 2.0])
@pytest.mark.parametrize('place', [(80.0, 60.0), (120.5, 60.5), (160.25, 60.75)])
def test_concentration_of_gaussians(sigma, place):
    """The index is that of the light in circles of 1 and 3 pixels, wherever the centre is."""
    source = gaussian(*place, sigma)
    mosaic = CCDData(source * 100 + 0.3, unit=RATE, wcs=make_wcs())
    ci = measure_concentration(mosaic, QTable({'x': [place[0]], 'y': [place[1]]}))
    fine = source.repeat(20, axis=0).repeat(20, axis=1)  # each pixel is even inside
    y, x = ((np.arange(n) + 0.5) / 20 - 0.5 for n in fine.shape)
    r = np.hypot(x - place[0], y[:, np.newaxis] - place[1])
    assert_allclose(
        ci.to_value(u.mag), -2.5 * np.log10(fine[r < 1].sum() / fine[r < 3].sum()), atol=0.01
    )


def test_concentration_of_missing_sources(mosaics):
    """Without light, pixels or position there is no index; units of positions do not matter."""
    sky = make_wcs().pixel_to_world([60.3, 2.0, 250.0], [50.2, 2.0, 250.0])
    table = QTable({'ra': sky.ra.to(u.hourangle), 'dec': sky.dec.to(u.arcmin)})
    ci = measure_concentration(mosaics['F555W'], table)
    assert_allclose(ci[0].value, ci_of(np.hypot(CLUSTER, np.sqrt(1 / 12))), atol=0.03)
    assert np.isnan(ci[1])
    assert_allclose(measure_concentration(mosaics['F555W'], sky)[0].value, ci[0].value)
    table['ra'][0] = np.nan
    assert np.isnan(measure_concentration(mosaics['F555W'], table)[0])


def test_errors_are_the_scatter():
    """The errors of magnitudes are the scatter of many sources of one magnitude."""
    x, y = (v.ravel() for v in np.meshgrid(np.arange(20, 290, 22), np.arange(20, 250, 22)))
    shifts = np.random.default_rng(3).uniform(-0.5, 0.5, (2, len(x)))
    sources = [(a, b, CLUSTER, 23.5) for a, b in zip(x + shifts[0], y + shifts[1], strict=True)]
    rng = np.random.default_rng(2)
    field = {name: make_mosaic(name, sources, rng=rng) for name in FILTERS[2:]}
    table = find(field, n_filters=3, max_abs_mag=0 * u.mag, min_ci=0 * u.mag)
    assert len(table) == len(sources)
    for name in field:
        ratio = table[f'mag_{name}'].value.std() / np.median(table[f'mag_{name}_err'].value)
        assert 0.8 < ratio < 1.25


def test_errors(mosaics):
    """Arguments that are wrong are named."""
    for options, error, match in (
        ({'distance': 3.0}, TypeError, 'distance must be a Quantity'),
        ({'distance': -3 * u.Mpc}, ValueError, 'distance must be one positive length'),
        ({'distance': 3 * u.s}, u.UnitsError, 'distance must have a unit'),
        ({'min_ci': 1.3}, TypeError, 'min_ci must be a Quantity'),
        ({'max_error': 1 * u.m}, u.UnitsError, 'max_error'),
        ({'bands': list(BANDS)}, TypeError, 'bands must be a dict of Band'),
        ({'bands': {'F555W': BANDS['F555W']}}, ValueError, "got none for \\['F275W'"),
        ({'n_filters': 0}, ValueError, 'n_filters must be a positive integer'),
        ({'n_sigma': 0}, ValueError, 'n_sigma must be positive'),
        ({'detection': 'F606W'}, ValueError, 'mosaics must have F606W to find'),
        ({'aperture_correction': {'V': 1 * u.mag}}, ValueError, "got \\['V'\\]"),
        ({'aperture_correction': {'F555W': 1}}, TypeError, "aperture_correction\\['F555W'\\]"),
    ):
        with pytest.raises(error, match=match):
            find(mosaics, **options)
    with pytest.raises(ValueError, match='F555W or F606W to find sources in'):
        find({'F814W': mosaics['F814W']})
    with pytest.raises(TypeError, match='mosaics must be a dict'):
        find([mosaics['F814W']])
    flat = CCDData(np.ones(SHAPE), unit=RATE, wcs=make_wcs())
    with pytest.raises(ValueError, match='must have noise'):
        find(mosaics | {'F555W': flat})
    bare = CCDData(np.ones(SHAPE), unit=RATE)
    with pytest.raises(ValueError, match='must have a WCS'):
        measure_concentration(bare, QTable({'x': [1.0], 'y': [1.0]}))


@pytest.mark.slow
def test_real_frame():
    """In a real frame, stars have one index, and a catalogued cluster has a larger one."""
    folder = os.environ.get('STARCNN_DATA_DIR')
    if folder is None:
        pytest.skip('STARCNN_DATA_DIR is not set')
    path = Path(folder) / 'images' / 'm31_phat_b09_f475w.fits'
    if not path.is_file():
        pytest.skip(f'{path} is not there')
    with fits.open(path) as hdus:
        hdu = next(hdu for hdu in hdus if hdu.data is not None)
        data, header = np.asarray(hdu.data, float), hdu.header
    mosaic = CCDData(data / 7.2e4, unit=RATE, wcs=WCS(header))  # as its description has it
    band = get_band('ACS/WFC', 'F475W')
    table = find_candidates(
        {'F475W': mosaic},
        bands={'F475W': band},
        distance=785 * u.kpc,
        min_ci=-1 * u.mag,
        max_abs_mag=1 * u.mag,
        n_filters=1,
        detection='F475W',
    )
    bright = table['ci'][:50].to_value(u.mag)
    cluster = measure_concentration(mosaic, QTable({'x': [89.0], 'y': [698.0]}))[0].to_value(u.mag)
    assert len(table) > 1000
    assert 0.8 < np.percentile(bright, 5) < np.percentile(bright, 40) < 1.1
    assert cluster > 1.8
