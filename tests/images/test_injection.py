# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.injection.
"""

import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData, NDData, StdDevUncertainty
from astropy.table import MaskedColumn, QTable, Table
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from scipy.stats import norm

from starcnn.images import extract_cutouts, get_band, inject

RATE = u.electron / u.s
TIME = 500 * u.s
FILTERS = ('F475W', 'F814W')
SHAPE = (160, 200)


def make_wcs(scale=0.05, shift=0):
    """Return tangential coordinates, with a scale in arcsec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = 'RA---TAN', 'DEC--TAN'
    wcs.wcs.crval, wcs.wcs.crpix = (11.1, 41.6), (90 + shift, 70)
    cos, sin = np.cos(0.4) * scale / 3600, np.sin(0.4) * scale / 3600
    wcs.wcs.cd = np.array([[-cos, sin], [sin, cos]])
    return wcs


def make_mosaics(*, shape=SHAPE, unit=RATE, level=0.3, wcs=None):
    """Return mosaics with a smooth sky."""
    sky = level + 1e-3 * np.add(*np.ogrid[: shape[0], : shape[1]])
    wcs = wcs or make_wcs()
    return {
        name: CCDData((i + 1.0) * sky, unit=unit, wcs=wcs, meta={'FILTER': name})
        for i, name in enumerate(FILTERS)
    }


def make_image(dx=0.0, dy=0.0, *, shape=(32, 36), width=1.3, total=1.0):
    """Return a Gaussian as narrow as the PSF of HST, away from the middle of an image."""
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    image = np.exp(-((y[:, np.newaxis] - dy) ** 2 + (x - dx) ** 2) / (2 * width**2))
    return total * image / image.sum()


def make_clusters(n, *, totals=(50.0, 120.0), **options):
    """Return equal images of clusters."""
    image = np.stack([make_image(total=total, **options) for total in totals])
    return np.tile(image, (n, 1, 1, 1)) * RATE


def added(injected, mosaics):
    """Return what was added to mosaics, (n_filter, ny, nx)."""
    return np.array([injected[name].data - mosaics[name].data for name in mosaics])


def centroid(image, x, y, reach=12):
    """Return the centroid of the light within a box around a place."""
    i, j = int(np.rint(y)), int(np.rint(x))
    box = image[i - reach : i + reach + 1, j - reach : j + reach + 1]
    rows, columns = np.indices(box.shape)
    return (box * columns).sum() / box.sum() + j - reach, (box * rows).sum() / box.sum() + i - reach


PLACES = QTable({'x': [40.0, 100.31, 150.5, 60.77], 'y': [50.5, 90.08, 40.49, 120.0]})


@pytest.mark.parametrize('shape', [(32, 36), (33, 37)])
@pytest.mark.parametrize('positions', [PLACES, None])
def test_flux_and_place(shape, positions):
    """Without noise each filter has the flux of its images, centred where the table says."""
    mosaics = make_mosaics()
    injected, truth = inject(mosaics, make_clusters(4, shape=shape), positions, noise='none', rng=3)
    light = added(injected, mosaics)
    assert_allclose(light.sum(axis=(1, 2)), [200, 480], rtol=1e-6)
    for name, plane in zip(FILTERS, light, strict=True):
        for row in truth:
            x, y = row['x'].value, row['y'].value
            assert_allclose(centroid(plane, x, y), (x, y), atol=0.003)
            box = plane[int(y) - 12 : int(y) + 13, int(x) - 12 : int(x) + 13]
            assert_allclose(box.sum(), row[f'flux_{name}'].value, rtol=1e-3)
    if positions is not None:
        assert_array_equal(truth['x'].value, positions['x'])
        assert_array_equal(truth['y'].value, positions['y'])


def test_moved_image():
    """A moved image is the image of a source that was there: splines change little."""
    mosaics = make_mosaics()
    injected, _ = inject(mosaics, make_clusters(1), PLACES[1:2], noise='none')
    light = added(injected, mosaics)[0, 75:107, 82:118]  # the middle is at x = 99.5, y = 90.5
    assert_allclose(light, 50 * make_image(100.31 - 99.5, 90.08 - 90.5), atol=0.01 * light.max())


def test_moved_light_at_the_edges():
    """Light up to the edges of an image is kept when it is moved."""
    mosaics = make_mosaics(level=0)
    clusters = np.ones((1, 2, 20, 20)) * RATE
    for x in (50.0, 50.25, 50.5, 50.75):
        injected, _ = inject(mosaics, clusters, QTable({'x': [x], 'y': [60.8]}), noise='none')
        assert_allclose(added(injected, mosaics).sum(axis=(1, 2)), 400, rtol=2e-3)


def test_images_at_random_are_not_moved():
    """At random places the images are as they came."""
    mosaics = make_mosaics()
    clusters = np.random.default_rng(0).uniform(size=(2, 2, 9, 12)) * RATE
    injected, truth = inject(mosaics, clusters, noise='none', rng=0)
    cutouts = extract_cutouts(injected, truth, shape=(9, 12)).data
    cutouts -= extract_cutouts(mosaics, truth, shape=(9, 12)).data
    assert_allclose(cutouts, clusters.value, atol=1e-6)


@pytest.mark.parametrize('shape', [(20, 20), (21, 25)])
@pytest.mark.parametrize('positions', [PLACES, None])
def test_function(shape, positions):
    """A function renders its clusters exactly at the places of the table."""

    def render(index, dx, dy):
        middle = [n // 2 - (n - 1) / 2 for n in shape]
        image = make_image(dx + middle[1], dy + middle[0], shape=shape, total=index + 1.0)
        return np.stack([image, 2 * image]) * RATE

    mosaics = make_mosaics(level=0)
    known = QTable({'mass': [1.0, 2.0, 3.0, 4.0] * u.solMass})
    injected, truth = inject(mosaics, render, positions, truth=known, noise='none', rng=1)
    light = added(injected, mosaics)
    y, x = np.indices(SHAPE)
    expected = np.zeros(SHAPE)
    for row in truth:
        distance = np.hypot(x - row['x'].value, y - row['y'].value)
        expected += row['flux_F475W'].value * np.exp(-(distance**2) / (2 * 1.3**2))
    assert_allclose(light[0], expected / (2 * np.pi * 1.3**2), atol=2e-5)
    assert_allclose(light[1], 2 * light[0], atol=1e-12)
    assert_allclose(truth['flux_F814W'].value, 2 * truth['mass'].value, rtol=1e-6)
    assert np.ptp(truth['x'].value % 1) > 0.1


@pytest.mark.parametrize(('noise', 'level'), [('photons', 0.0), ('level', 1.0)])
def test_noise(noise, level):
    """The variance is that of the photons of the cluster, and for 'level' of the sky's, too."""
    shape, n = (20, 20), 60
    mosaics = make_mosaics(shape=(400, 400))
    for mosaic in mosaics.values():
        mosaic.data[:] = 1.0
    clusters = np.broadcast_to(np.reshape([0.5, 3.0], (2, 1, 1)), (n, 2, *shape)) * RATE
    times = [400, 100] * u.s
    options = {'exposure_times': times, 'min_separation': 29 * u.pix, 'rng': 5}  # no overlap
    injected, truth = inject(mosaics, clusters, noise=noise, **options)
    cutouts = extract_cutouts(injected, truth, shape=shape).data - 1
    assert_allclose(cutouts.mean(axis=(0, 2, 3)), [0.5, 3.0], rtol=3e-3)
    variance = (np.array([0.5, 3.0]) + level) / times.value
    assert_allclose(cutouts.var(axis=(0, 2, 3)), variance, rtol=0.03)
    counts = cutouts * times.value[:, np.newaxis, np.newaxis]
    assert_allclose(counts, np.rint(counts), atol=1e-3)
    untouched = added(injected, mosaics) == 0
    assert untouched[0].sum() >= 400**2 - n * 400


def test_noise_of_negative_pixels():
    """Pixels below zero have no photons and stay, so that no flux is made."""
    clusters = make_clusters(1)
    clusters[0, :, 0] = -0.01 * RATE
    mosaics = make_mosaics()
    injected, truth = inject(mosaics, clusters, exposure_times=TIME, rng=0)
    y = int(truth['y'][0].value - 15.5)
    assert_allclose(added(injected, mosaics)[:, y].sum(axis=1), -0.01 * 36, rtol=1e-9)


def test_clusters_are_independent():
    """The noise of a cluster does not depend on the others; the seed decides all."""
    mosaics = make_mosaics()
    options = {'exposure_times': TIME, 'rng': 7}
    all_of_them, _ = inject(mosaics, make_clusters(4), PLACES, **options)
    first_two, _ = inject(mosaics, make_clusters(2), PLACES[:2], **options)
    y, x = slice(34, 67), slice(20, 59)  # the first, at x = 40, y = 50.5
    assert_array_equal(added(all_of_them, mosaics)[:, y, x], added(first_two, mosaics)[:, y, x])
    one, two, other = (
        inject(mosaics, make_clusters(3), exposure_times=TIME, rng=seed) for seed in (1, 1, 2)
    )
    assert_array_equal(added(one[0], mosaics), added(two[0], mosaics))
    assert_array_equal(one[1]['x'], two[1]['x'])
    assert (one[1]['x'] != other[1]['x']).any()


def test_sky_positions():
    """Positions on the sky go through the WCS and come back in the table."""
    mosaics = make_mosaics()
    sky = mosaics['F475W'].wcs.pixel_to_world([44.2, 150.0], [50.0, 90.9])
    injected, truth = inject(mosaics, make_clusters(2), sky, noise='none')
    back = SkyCoord(truth['ra'], truth['dec'])
    assert (back.separation(sky) < 1e-7 * u.arcsec).all()
    assert_allclose(truth['x'].value, [44.2, 150.0], atol=1e-6)
    assert_allclose(truth['y'].value, [50.0, 90.9], atol=1e-6)
    light = added(injected, mosaics)[0]
    assert_allclose(centroid(light, 44.2, 50.0), (44.2, 50.0), atol=0.003)
    _, random = inject(mosaics, make_clusters(2), noise='none', rng=0)
    x, y = mosaics['F475W'].wcs.world_to_pixel(SkyCoord(random['ra'], random['dec']))
    assert_allclose(x, random['x'].value, atol=1e-6)
    assert_allclose(y, random['y'].value, atol=1e-6)


@pytest.mark.parametrize('unit', ['', 'arcsec'])
def test_lengths_on_the_sky(unit):
    """Angles are in the scale of the WCS, also before it was used for the first time."""
    wcs = make_wcs()
    if unit:
        wcs.wcs.cunit = unit, unit
        wcs.wcs.cd, wcs.wcs.crval = wcs.wcs.cd * 3600, wcs.wcs.crval * 3600
    mosaic = CCDData(np.zeros((300, 300)), unit=RATE, wcs=wcs)
    clusters = make_clusters(12, totals=(1.0,), shape=(9, 9))
    options = {'min_separation': 2 * u.arcsec, 'radius': 0.5 * u.arcsec}
    _, truth = inject(mosaic, clusters, noise='none', rng=0, **options)
    places = np.column_stack([truth['x'].value, truth['y'].value])
    assert 40 <= pdist(places).min() < 60
    data = NDData(clusters.value, unit=RATE, meta={'filters': 'V', 'pixel_scale': 1 * u.arcsec})
    with pytest.raises(ValueError, match=r'clusters must have the pixels of mosaics, 0.05 arcsec'):
        inject(mosaic, data, noise='none')


def test_mosaics_are_copied():
    """The mosaics do not change; mask, uncertainty, WCS, meta and kind are kept."""
    mosaics = make_mosaics()
    mosaic = mosaics['F475W']
    mosaic.data = mosaic.data.astype('>f4')
    mosaic.mask = np.zeros(SHAPE, bool)
    mosaic.mask[:, :30] = True
    mosaic.data[80:90, 100:120] = np.nan
    mosaic.uncertainty = StdDevUncertainty(np.full(SHAPE, 0.1))
    mosaic.data.setflags(write=False)
    before = {name: mosaic.data.copy() for name, mosaic in mosaics.items()}
    injected, _ = inject(mosaics, make_clusters(2), PLACES[1:3], exposure_times=TIME, rng=0)
    for name in FILTERS:
        assert_array_equal(mosaics[name].data, before[name])
        assert isinstance(injected[name], CCDData)
        assert injected[name].unit == RATE
        assert injected[name].meta == {'FILTER': name}
        assert injected[name].wcs.wcs.compare(mosaics[name].wcs.wcs)
    new = injected['F475W']
    assert new.data.dtype == '>f4'
    assert_array_equal(new.mask, mosaic.mask)
    assert_array_equal(new.uncertainty.array, mosaic.uncertainty.array)
    assert not np.shares_memory(new.mask, mosaic.mask)
    assert_array_equal(np.isnan(new.data), np.isnan(before['F475W']))
    assert (new.data != before['F475W']).sum() > 100 + 200  # of which NaN: 200


def test_random_places():
    """Random places are inside, apart, and away from bad pixels and from objects."""
    mosaics = make_mosaics(shape=(300, 320))
    mosaics['F475W'].data[100:140, 100] = np.nan
    mosaics['F814W'].mask = np.zeros((300, 320), bool)
    mosaics['F814W'].mask[200, 50:300] = True
    y, x = np.reshape(np.mgrid[20:300:40, 20.3:320:40], (2, -1))
    avoid = mosaics['F475W'].wcs.pixel_to_world(np.append(x, np.nan), np.append(y, 7))
    _, truth = inject(
        mosaics,
        make_clusters(60, shape=(16, 21)),
        noise='none',
        avoid=avoid,
        radius=0.6 * u.arcsec,  # 12 pixels
        min_separation=18 * u.pix,
        rng=1,
    )
    places = np.column_stack([truth['x'].value, truth['y'].value])
    assert pdist(places).min() >= 18
    assert (places >= [10, 7.5]).all()
    assert (places <= [309, 291.5]).all()
    bad = np.isnan(mosaics['F475W'].data) | mosaics['F814W'].mask
    objects = np.concatenate([np.argwhere(bad)[:, ::-1], np.column_stack([x, y])])
    distances = np.hypot(*(places[:, np.newaxis] - objects).T)
    assert distances.min() >= 11.99
    assert (np.ptp(places, axis=0) > [250, 230]).all()


def test_only_place():
    """Where an image fits once, that is its place."""
    mosaics = make_mosaics(shape=(32, 36))
    _, truth = inject(mosaics, make_clusters(1), noise='none', rng=0)
    assert (truth['x'][0].value, truth['y'][0].value) == (17.5, 15.5)


def test_random_places_are_uniform():
    """All places are equally likely, also for a function, which needs no whole pixels."""
    mosaic = CCDData(np.zeros((60, 60)), unit=RATE)
    image = np.ones((1, 1, 1)) * RATE
    truth = QTable({'mass': np.ones(900)})
    _, result = inject(
        mosaic,
        lambda index, dx, dy: image,
        truth=truth,
        noise='none',
        min_separation=0 * u.pix,
        radius=0 * u.pix,
        rng=2,
    )
    for name in 'xy':
        counts, _ = np.histogram(result[name].value, 6, (-0.5, 59.5))
        assert ((counts - 150) ** 2).sum() / 150 < 20  # 5 degrees of freedom


@pytest.mark.parametrize(
    'options',
    [
        {'min_separation': 25 * u.pix},
        {'avoid': tuple(np.indices((60, 70)).reshape(2, -1)[::-1]), 'radius': 2 * u.pix},
        {'radius': 24 * u.pix},
    ],
)
def test_too_few_places(options):
    """Where there is no room, that is said."""
    mosaics = make_mosaics(shape=(60, 70))
    mosaics['F475W'].data[30, 35] = np.nan
    with pytest.raises(ValueError, match='positions must be given, or 6 random places be left'):
        inject(mosaics, make_clusters(6), noise='none', rng=0, **options)


def test_edges():
    """An image that sticks out is refused, or what sticks out is lost."""
    mosaics = make_mosaics()
    positions = QTable({'x': [4.0, 199.4], 'y': [80.0, -0.4]})
    clusters = make_clusters(2, width=3)
    message = r'positions must leave room for images of shape \(32, 36\), .* got 2 of 2'
    with pytest.raises(ValueError, match=message):
        inject(mosaics, clusters, positions, noise='none')
    injected, truth = inject(
        mosaics, clusters, positions, edges='clip', exposure_times=1 * u.yr, rng=0
    )
    light = added(injected, mosaics)
    # the edges are 4.5 pixels from the first, and twice 0.1 pixels from the other
    expected = 50 * norm.cdf(4.5 / 3) + 50 * norm.cdf(0.1 / 3) ** 2
    assert_allclose(light[0].sum(), expected, rtol=0.01)
    assert_allclose(truth['flux_F475W'].value, 50, rtol=1e-6)
    _, random = inject(
        mosaics, make_clusters(300), edges='clip', noise='none', min_separation=0 * u.pix, rng=0
    )
    assert random['x'].value.min() < 10
    assert random['y'].value.max() > 150
    for x, y in ((-0.6, 80), (50, 159.6), (np.nan, 3)):
        with pytest.raises(ValueError, match='positions must be inside the mosaics'):
            inject(
                mosaics, make_clusters(1), QTable({'x': [x], 'y': [y]}), edges='clip', noise='none'
            )


def test_table():
    """The table has all that is known: positions first, then parameters, then light."""
    mosaics = make_mosaics()
    bands = [get_band('ACS/WFC', name) for name in FILTERS]
    truth = QTable({'id': [5, 6], 'mass': [1e3, 1e4] * u.solMass})
    positions = QTable({'name': ['a', 'b'], 'x': [50.0, 90], 'y': [60.0, 90]})
    _, table = inject(mosaics, make_clusters(2), positions, truth=truth, bands=bands, rng=0)
    assert table.colnames == [
        *('id', 'ra', 'dec', 'x', 'y', 'name', 'mass'),
        *('flux_F475W', 'mag_F475W', 'flux_F814W', 'mag_F814W'),
    ]
    expected = bands[1].magnitude(120 * RATE)
    assert_allclose(table['mag_F814W'].value, expected.value, atol=1e-6)
    assert_array_equal(table['id'], [5, 6])
    assert_array_equal(table['name'], ['a', 'b'])
    table['mass'][0] = 0
    assert truth['mass'][0] == 1e3 * u.solMass
    assert 'ra' not in positions.colnames


def test_missing_filter():
    """A filter without a mosaic stays so; the clusters' image in it is not needed."""
    mosaics = make_mosaics() | {'F814W': None}
    clusters = make_clusters(2)
    times = [500, 700] * u.s
    injected, truth = inject(mosaics, clusters, PLACES[:2], exposure_times=times, rng=0)
    assert injected['F814W'] is None
    assert 'flux_F814W' not in truth.colnames
    one = NDData(clusters.value[:, :1], unit=RATE, meta={'filters': ('F475W',)})
    again, _ = inject(mosaics, one, PLACES[:2], exposure_times=500 * u.s, rng=0)
    assert_array_equal(again['F475W'].data, injected['F475W'].data)


def test_filters_by_name():
    """Filters of NDData are found by name, whatever their order."""
    mosaics = make_mosaics()
    clusters = make_clusters(4)
    meta = {'filters': ('F814W', 'F606W', 'F475W'), 'pixel_scale': 0.0505 * u.arcsec}
    data = NDData(clusters.value[:, [1, 1, 0]], unit=RATE, meta=meta)
    by_name, truth = inject(mosaics, data, PLACES, noise='none')
    by_order, _ = inject(mosaics, clusters, PLACES, noise='none')
    assert_array_equal(added(by_name, mosaics), added(by_order, mosaics))
    assert_allclose(truth['flux_F814W'].value, 120, rtol=1e-6)


def test_one_mosaic():
    """A mosaic that is not in a dict comes back as one."""
    mosaic = NDData(np.zeros(SHAPE, np.float32), unit=RATE)
    band = get_band('ACS/WFC', 'F475W')
    clusters = make_clusters(3, totals=(50.0,)).astype(np.float16)
    injected, truth = inject(mosaic, clusters, bands=[band], rng=0)
    assert type(injected) is NDData
    assert injected.data.dtype == np.float32
    assert truth.colnames == ['id', 'x', 'y', 'flux', 'mag']
    noise = np.sqrt(150 / 1000)
    assert abs(injected.data.sum() - truth['flux'].value.sum()) < 5 * noise
    data = NDData(clusters.value, unit=RATE, meta={'filters': ('F475W',)})
    again, _ = inject(mosaic, data, exposure_times=1000 * u.s, rng=0)
    assert_array_equal(again.data, injected.data)
    both = {'U': mosaic, 'V': NDData(np.ones(SHAPE), unit=RATE)}
    injected, _ = inject(both, make_clusters(4), PLACES, noise='none')
    assert_allclose(injected['V'].data.sum(), np.prod(SHAPE) + 480, rtol=1e-9)


@pytest.mark.parametrize(
    ('unit', 'factor'),
    [
        (u.electron / u.hour, lambda band: 3600),
        (u.electron, lambda band: 1000),
        (u.adu, lambda band: 500),
        (u.nJy, lambda band: 3631e9 * 10 ** (-0.4 * band.zero_point_ab.value)),
        (
            u.MJy / u.sr,
            lambda band: (
                3631e-6 * 10 ** (-0.4 * band.zero_point_ab.value) / (0.05 / 206264.806) ** 2
            ),
        ),
    ],
)
def test_units(unit, factor):
    """Light is added in the unit of the mosaics."""
    mosaics = make_mosaics(unit=unit, level=0)
    bands = [get_band('ACS/WFC', name) for name in FILTERS]
    injected, _ = inject(mosaics, make_clusters(4), PLACES, noise='none', bands=bands)
    total = added(injected, mosaics).sum(axis=(1, 2))
    expected = [200 * factor(bands[0]), 480 * factor(bands[1])]
    assert_allclose(total, expected, rtol=2e-4)  # AB is 3630.8 Jy
    assert injected['F475W'].unit == unit


def with_clusters(**changes):
    """Return the arguments of a call that is right but for changes."""
    options = {'clusters': make_clusters(2), 'positions': PLACES[:2], 'noise': 'none'}
    return {'mosaics': make_mosaics(), **options, **changes}


def make_data(**changes):
    """Return clusters as NDData, right but for changes."""
    options = {'data': make_clusters(2).value, 'unit': RATE, 'meta': {'filters': FILTERS}}
    return NDData(**(options | changes))


MOSAICS = make_mosaics()
F475W = MOSAICS['F475W']


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        ({'noise': 'poisson'}, ValueError, 'noise must be one of'),
        ({'edges': 'partial'}, ValueError, "edges must be one of .*, got 'partial'"),
        ({'avoid': ([1.0], [1.0])}, ValueError, 'avoid must be None where positions are given'),
        ({'bands': get_band('ACS/WFC', 'F475W')}, TypeError, 'bands must be a list of Band, got B'),
        ({'bands': ['F475W', 'F814W']}, TypeError, r"bands must be a list of Band, got \['F475W'"),
        ({'clusters': -make_clusters(2)}, ValueError, 'clusters must have no .* got 4 of them'),
        (
            {'clusters': lambda index, dx, dy: (2 * index - 1) * make_clusters(1)[0]},
            ValueError,
            'clusters must have no images with a negative sum, got 2 of them',
        ),
        ({'positions': [(40, 50)]}, TypeError, 'positions must be SkyCoord or a table, got list'),
        (
            {'positions': Table({'x': MaskedColumn([50, 60], mask=[0, 1]), 'y': [60, 70]})},
            ValueError,
            r'positions must be inside the mosaics of shape \(160, 200\), got 1 of 2',
        ),
        ({'mosaics': {}}, ValueError, 'mosaics must have at least one'),
        ({'mosaics': {'F475W': None}}, ValueError, 'mosaics must have at least one'),
        ({'mosaics': np.zeros(SHAPE)}, TypeError, 'mosaics must be NDData with a unit, got ndarr'),
        (
            {'mosaics': {'V': NDData(np.zeros(SHAPE))}},
            TypeError,
            r"mosaics\['V'\] must be NDData with a unit",
        ),
        ({'mosaics': NDData(np.zeros(SHAPE), unit=u.ABmag)}, u.UnitsError, 'mosaics must have a'),
        (
            {'mosaics': NDData(np.zeros(SHAPE, int), unit=RATE)},
            ValueError,
            'mosaics must be an image of floats, got int64',
        ),
        (
            {'mosaics': MOSAICS | {'F814W': CCDData(np.zeros((9, 9)), unit=RATE)}},
            ValueError,
            'mosaics must have one shape',
        ),
        (
            {'mosaics': MOSAICS | {'F814W': CCDData(F475W.data, unit=RATE, wcs=make_wcs(shift=1))}},
            ValueError,
            'mosaics must have one pixel grid',
        ),
        ({'mosaics': make_mosaics(unit=u.adu)}, ValueError, 'bands must have F475W to convert adu'),
        ({'mosaics': F475W}, ValueError, r'clusters must have shape \(n, 1, ny, nx\)'),
        ({'mosaics': F475W, 'clusters': make_data()}, ValueError, 'clusters must have one filter'),
        (
            {'mosaics': F475W, 'bands': [get_band('ACS/WFC', name) for name in FILTERS]},
            ValueError,
            'bands must be one',
        ),
        ({'clusters': make_clusters(2).value}, TypeError, 'clusters must be NDData or a Quantity'),
        ({'clusters': make_clusters(2)[:, 0]}, ValueError, r'shape \(n, 2, ny, nx\), got \(2, 32'),
        ({'clusters': make_clusters(3)}, ValueError, 'clusters, positions and truth must be equ'),
        ({'clusters': make_clusters(2) * np.nan}, ValueError, 'clusters must be finite'),
        ({'clusters': make_clusters(2).value * u.K}, ValueError, 'bands must have F475W to conve'),
        ({'clusters': make_data(meta={})}, ValueError, "clusters must have .*'filters' in meta"),
        ({'clusters': make_data(meta={'filters': ('U',)})}, ValueError, r'shape \(n, 1, ny, nx\)'),
        (
            {'clusters': make_data(meta={'filters': ('F475W', 'U')})},
            ValueError,
            'clusters must have the filters of mosaics',
        ),
        (
            {'clusters': make_data(meta={'filters': FILTERS, 'pixel_scale': 40 * u.mas})},
            ValueError,
            'clusters must have the pixels of mosaics, 0.05 arcsec, got 0.04',
        ),
        ({'clusters': make_data(mask=True)}, ValueError, 'clusters must be finite and not masked'),
        (
            {'clusters': lambda index, dx, dy: make_image()},
            TypeError,
            'clusters must be NDData or a Quantity, or return it, got ndarray',
        ),
        (
            {'clusters': lambda index, dx, dy: make_clusters(1)[0, :, index:]},
            ValueError,
            'clusters must return images of one shape',
        ),
        ({'truth': QTable({'mass': [1.0]})}, ValueError, 'clusters, positions and truth must be'),
        ({'truth': QTable({'x': [1.0, 2.0]})}, ValueError, r"truth must not have .*, got \['x'\]"),
        ({'truth': QTable({'flux_F475W': [1.0, 2.0]})}, ValueError, 'truth must not have'),
        ({'noise': 'photons'}, ValueError, 'exposure_times or bands must be given for noise'),
        ({'noise': 'photons', 'exposure_times': 5}, TypeError, 'exposure_times must be a Quantity'),
        (
            {'noise': 'photons', 'exposure_times': [1, 2, 3] * u.s},
            ValueError,
            'exposure_times must be positive, one or one per filter',
        ),
        ({'noise': 'level', 'exposure_times': 0 * u.s}, ValueError, 'exposure_times must be posi'),
        ({'positions': None, 'clusters': make_clusters(0)}, ValueError, 'at least one'),
        ({'positions': None, 'clusters': lambda index, dx, dy: None}, ValueError, 'must be given'),
        (
            {'positions': None, 'avoid': QTable({'x': [1.0], 'y': [1.0]})},
            TypeError,
            'avoid must be SkyCoord or a tuple of x and y, got QTable',
        ),
        ({'positions': None, 'avoid': np.ones((2, 5))}, TypeError, 'avoid must be .*, got ndarray'),
        ({'positions': None, 'avoid': (1.0, [2.0, 3.0])}, ValueError, 'avoid must be x and y, equ'),
        ({'positions': None, 'radius': 3}, TypeError, 'radius must be a Quantity'),
        ({'positions': None, 'radius': -3 * u.pix}, ValueError, 'radius must be one length'),
        ({'positions': None, 'min_separation': 3 * u.s}, u.UnitsError, 'min_separation must have'),
        (
            {
                'positions': None,
                'mosaics': CCDData(np.zeros(SHAPE), unit=RATE),
                'clusters': make_clusters(2, totals=(1.0,)),
                'radius': 1 * u.arcsec,
            },
            ValueError,
            'radius must be in pixels where mosaics have no WCS',
        ),
        (
            {
                'positions': None,
                'mosaics': CCDData(np.zeros(SHAPE), unit=RATE),
                'clusters': make_clusters(2, totals=(1.0,)),
                'avoid': SkyCoord([1] * u.deg, [1] * u.deg),
            },
            ValueError,
            'avoid must be x and y',
        ),
    ],
)
def test_errors(changes, error, message):
    """Arguments that make no sense are refused by name."""
    with pytest.raises(error, match=message):
        inject(**with_clusters(**changes))


@pytest.mark.slow
def test_clusters_of_a_family():
    """Mock clusters of a family have the magnitudes of its truth, but for their outer parts."""
    from starcnn import Simulator
    from starcnn.families.m83_hst.bank import BANK

    simulator = Simulator(BANK, offset=0.0, r_h=(0.05, 0.2), a_v=(0.0, 0.0))
    data, truth = simulator.simulate(simulator.sample(4, rng=1), rng=1)
    filters = simulator.options.filters
    bands = [get_band('WFC3/UVIS', name) for name in filters]
    clusters = NDData(data['clusters'], unit=RATE, meta={'filters': filters})
    wcs = make_wcs(scale=0.04)
    mosaics = {name: CCDData(np.zeros((300, 300)), unit=RATE, wcs=wcs) for name in filters}
    injected, table = inject(mosaics, clusters, truth=truth, bands=bands, rng=1)
    for name in filters:
        lost = (table[f'mag_{name}'] - truth[name]).value
        assert (lost > -0.01).all()
        assert (lost < 0.4).all()
    light = np.array([mosaic.data.sum() for mosaic in injected.values()])
    fluxes = np.array([table[f'flux_{name}'].value.sum() for name in filters])
    assert_allclose(light, fluxes, rtol=5e-3)


@pytest.mark.skipif('STARCNN_DATA_DIR' not in os.environ, reason='needs STARCNN_DATA_DIR')
def test_real_frame():
    """Bright sources in a real frame are where the table says, with their flux."""
    path = Path(os.environ['STARCNN_DATA_DIR']) / 'images/m31_phat_b09_f475w.fits'
    with fits.open(path) as hdus:
        frame = CCDData(hdus[0].data / 7.2e4, unit=RATE, wcs=WCS(hdus[0].header))
    clusters = make_clusters(20, totals=(5e4,))
    injected, truth = inject(frame, clusters, exposure_times=1900 * u.s, rng=0)
    cutouts = extract_cutouts({'F475W': injected}, truth, shape=(32, 36)).data
    cutouts -= extract_cutouts({'F475W': frame}, truth, shape=(32, 36)).data
    assert_allclose(cutouts.sum(axis=(1, 2, 3)), 5e4, atol=5 * np.sqrt(5e4 / 1900))
    sky = SkyCoord(truth['ra'], truth['dec'])
    assert_allclose(frame.wcs.world_to_pixel(sky)[0], truth['x'].value, atol=1e-6)
