# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.cutouts.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import CCDData, Cutout2D, NDData
from astropy.table import QTable
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.images import extract_cutouts, get_band, to_array
from starcnn.networks import Images

RATE = u.electron / u.s
FILTERS = ('F336W', 'F438W', 'F814W')


def make_wcs(*, scale=0.04, shift=0, angle=30):
    """Return tangential coordinates, with a scale in arcsec and an angle in degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = 'RA---TAN', 'DEC--TAN'
    wcs.wcs.crval = 204.25, -29.87
    wcs.wcs.crpix = 50 + shift, 40
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.cd = np.array([[-cos, sin], [sin, cos]]) * scale / 3600
    return wcs


def make_mosaic(seed=0, **options):
    """Return a mosaic of noise."""
    data = np.random.default_rng(seed).normal(size=(80, 100)).astype(np.float32)
    return CCDData(data, unit=RATE, wcs=make_wcs(**options))


def make_part(**changes):
    """Return what a network takes."""
    options = {'filters': FILTERS, 'shape': (8, 8), 'pixel_scale': 0.04, 'unit': 'electron / s'}
    return Images(name='images', **{**options, **changes})


def make_cutouts(value=1.0, *, unit=RATE, filters=FILTERS, n=2, side=8, mask=None, **meta):
    """Return cutouts of one value."""
    meta = {'filters': filters, 'pixel_scale': 0.04 * u.arcsec, **meta}
    data = np.full((n, len(filters), side, side), value, np.float32)
    return NDData(data, unit=unit, meta=meta, mask=mask)


@pytest.mark.parametrize('shape', [(16, 16), (15, 15), (16, 9)])
def test_like_cutout2d(shape):
    """Cutouts hold the pixels that Cutout2D cuts, with NaN beyond the edges."""
    mosaic = make_mosaic()
    x, y = np.array([40.3, 3.2, 97.9, 50.7]), np.array([33.8, 70.1, 2.2, 79.4])
    cutouts = extract_cutouts({'F438W': mosaic}, QTable({'x': x, 'y': y}), shape=shape)
    for i, position in enumerate(zip(x, y, strict=True)):
        expected = Cutout2D(mosaic.data, position, shape, mode='partial', fill_value=np.nan).data
        assert_array_equal(cutouts.data[i, 0], expected)
    assert_array_equal(cutouts.mask, np.isnan(cutouts.data))
    assert cutouts.mask[1].any()
    assert not cutouts.mask[0].any()
    assert_allclose(cutouts.meta['pixel_scale'].to_value(u.arcsec), 0.04, rtol=1e-6)


def test_centre():
    """A source in the middle of a pixel's corner is in the middle of an even cutout."""
    data = np.zeros((40, 40))
    data[19:21, 24:26] = 1  # centred on x = 24.5, y = 19.5
    positions = QTable({'x': [24.5], 'y': [19.5]})
    cutout = extract_cutouts({'V': CCDData(data, unit=RATE)}, positions, shape=(8, 8)).data[0, 0]
    assert_array_equal(cutout, cutout[::-1, ::-1])


def test_sky_positions():
    """Positions on the sky go through the WCS, and come back in the table of sources."""
    mosaic = make_mosaic()
    sky = mosaic.wcs.pixel_to_world([30, 60], [20, 50])
    by_sky = extract_cutouts({'V': mosaic}, sky, shape=(9, 9))
    table = QTable({'id': [7, 8], 'ra': sky.ra.to(u.hourangle), 'dec': sky.dec.to(u.arcmin)})
    by_table = extract_cutouts({'V': mosaic}, table, shape=(9, 9))
    assert_array_equal(by_sky.data, by_table.data)
    assert_array_equal(by_sky.data[0, 0], mosaic.data[16:25, 26:35])
    sources = by_table.meta['sources']
    assert_array_equal(sources['id'], [7, 8])
    assert_allclose(sources['x'].value, [30, 60], atol=1e-6)
    assert_allclose(sources['ra'].to_value(u.deg), sky.ra.deg, rtol=1e-12)
    assert 'x' not in table.colnames


def test_shifted_mosaics():
    """Mosaics of one scale may begin at different places."""
    first, second = make_mosaic(), make_mosaic(shift=7)
    second.data[:, 7:] = first.data[:, :-7]
    cutouts = extract_cutouts(
        {'U': first, 'V': second}, QTable({'x': [40.2], 'y': [30.0]}), shape=(8, 8)
    )
    assert_array_equal(cutouts.data[0, 0], cutouts.data[0, 1])


def test_masked_and_missing():
    """Masked pixels and filters without a mosaic are NaN; a source far outside is all NaN."""
    mosaic = make_mosaic()
    mosaic.mask = np.zeros(mosaic.shape, bool)
    mosaic.mask[30, 40] = True
    positions = QTable({'x': [40.0, 5000.0, np.nan], 'y': [30.0, 3.0, 3.0]})
    cutouts = extract_cutouts({'U': None, 'V': mosaic}, positions, shape=(8, 8))
    assert cutouts.meta['filters'] == ('U', 'V')
    assert np.isnan(cutouts.data[:, 0]).all()
    assert np.isnan(cutouts.data[0, 1]).sum() == 1
    assert np.isnan(cutouts.data[1:]).all()


@pytest.mark.parametrize(
    ('mosaics', 'positions', 'message'),
    [
        ({'V': None}, {'x': [1.0], 'y': [1.0]}, 'mosaics must have an image'),
        ({'V': make_mosaic()}, {'x': [1.0]}, 'positions must have columns'),
        (
            {'U': make_mosaic(), 'V': make_mosaic(scale=0.05)},
            {'x': [1.0], 'y': [1.0]},
            'one pixel scale and orientation',
        ),
        (
            {'U': make_mosaic(), 'V': make_mosaic(angle=40)},
            {'x': [1.0], 'y': [1.0]},
            'one pixel scale and orientation',
        ),
        (
            {'U': make_mosaic(), 'V': CCDData(np.zeros((80, 100)), unit=RATE)},
            {'x': [1.0], 'y': [1.0]},
            'must all have a WCS',
        ),
    ],
)
def test_bad_mosaics(mosaics, positions, message):
    """Mosaics that do not belong together are refused."""
    with pytest.raises(ValueError, match=message):
        extract_cutouts(mosaics, QTable(positions), shape=(8, 8))


def test_bad_units():
    """Mosaics of different units, and positions without a unit, are refused."""
    other = make_mosaic()
    other.unit = u.adu
    with pytest.raises(u.UnitsError, match='mosaics must have one unit'):
        extract_cutouts(
            {'U': make_mosaic(), 'V': other}, QTable({'x': [1], 'y': [1]}), shape=(8, 8)
        )
    with pytest.raises(u.UnitsError, match="positions must have a unit in the column 'ra'"):
        extract_cutouts({'U': other}, QTable({'ra': [1.0], 'dec': [1.0]}), shape=(8, 8))
    plain = CCDData(np.zeros((9, 9)), unit=RATE)
    with pytest.raises(ValueError, match='positions must be x and y'):
        extract_cutouts({'U': plain}, SkyCoord([1] * u.deg, [1] * u.deg), shape=(8, 8))


# A source of 1 electron/s in each filter, by its definition in each unit.
@pytest.mark.parametrize(
    ('unit', 'meta', 'value'),
    [
        (RATE, {}, lambda band: 1),
        (u.electron / u.hour, {}, lambda band: 3600),
        (u.electron, {}, lambda band: 1000),
        (u.adu, {}, lambda band: 1000 / 1.55),
        (u.adu / u.s, {}, lambda band: 1 / 1.55),
        (u.nJy, {}, lambda band: 3631e9 * 10 ** (-0.4 * band.zero_point_ab.value)),
        (u.ABmag, {}, lambda band: band.zero_point_ab.value),
        (u.mag, {'magnitude_system': 'AB'}, lambda band: band.zero_point_ab.value),
        (u.mag, {'magnitude_system': 'Vega'}, lambda band: band.zero_point_vega.value),
        (
            u.MJy / u.sr,
            {},
            lambda band: (
                3631e-6 * 10 ** (-0.4 * band.zero_point_ab.value) / (0.04 / 206264.806) ** 2
            ),
        ),
    ],
)
def test_units(unit, meta, value):
    """Pixels in every unit become the same electrons per second."""
    bands = [get_band('WFC3/UVIS', name) for name in FILTERS]
    data = make_cutouts(unit=unit, **meta)
    for i, band in enumerate(bands):
        data.data[:, i] = value(band)
    array, missing = to_array(data, make_part(), bands=bands)
    assert array.dtype == np.float32
    assert_allclose(array, 1, rtol=1e-4)  # AB is 3630.8 Jy
    assert not missing.any()


@pytest.mark.parametrize(
    'names',
    [('F814W', 'F438W', 'F336W'), ('F438W', 'F336W'), ('F336W', 'F438W', 'F555W', 'F814W')],
)
def test_order_of_filters(names):
    """Filters in another order, or that the network does not take, are an error."""
    with pytest.raises(ValueError, match=r'must have filters of .* in this order'):
        to_array(make_cutouts(filters=names), make_part(), allow_missing=True)


def test_missing_filters():
    """A missing filter is NaN if that is allowed, and an error if not."""
    data = make_cutouts(filters=('F438W', 'F814W'))
    with pytest.raises(ValueError, match='data must have the filters'):
        to_array(data, make_part())
    array, missing = to_array(data, make_part(), allow_missing=True)
    assert_array_equal(missing, [[1, 0, 0]] * 2)
    assert np.isnan(array[:, 0]).all()
    assert_array_equal(array[:, 1:], 1)
    with pytest.raises(ValueError, match='must have filters of'):
        to_array(make_cutouts(filters=('V',)), make_part(), allow_missing=True)


def test_fill():
    """Bad pixels have the median of those around them, and are counted."""
    mask = np.zeros((2, 3, 8, 8), bool)
    mask[0, 0, 4, 4] = True
    data = make_cutouts(mask=mask)
    data.data[0, 0] = np.arange(8)  # a gradient along x: the median around column 4 is 4
    data.data[0, 0, 4, 4] = 1e6
    data.data[0, 1, :, :5] = np.nan
    data.data[1, 2] = np.inf
    before = data.data.copy()
    array, missing = to_array(data, make_part())
    assert_array_equal(array[0, 0], np.tile(np.arange(8), (8, 1)))
    assert_array_equal(array[0, 1], 1)
    assert np.isnan(array[1, 2]).all()
    assert_allclose(missing, [[1 / 64, 40 / 64, 0], [0, 0, 1]])
    assert_array_equal(data.data, before)


@pytest.mark.parametrize(
    ('data', 'error', 'message'),
    [
        (np.zeros((2, 3, 8, 8)), TypeError, 'data must be NDData with a unit'),
        (NDData(np.zeros((2, 3, 8, 8))), TypeError, 'data must be NDData with a unit'),
        (make_cutouts(side=9), ValueError, r'data must have shape \(n_source, n_filter, 8, 8\)'),
        (make_cutouts(pixel_scale=0.05 * u.arcsec), ValueError, 'pixels of 0.04 arcsec, got 0.05'),
        (NDData(np.zeros((2, 3, 8, 8)), unit=RATE), ValueError, 'data must have .* in meta'),
        (make_cutouts(unit=u.K), ValueError, 'bands must have F336W'),
        (make_cutouts(unit=u.nJy), ValueError, 'bands must have F336W to convert nJy'),
    ],
)
def test_bad_cutouts(data, error, message):
    """What a network does not take is refused."""
    with pytest.raises(error, match=message):
        to_array(data, make_part())


@pytest.mark.parametrize(
    ('unit', 'error', 'message'),
    [
        (u.K, u.UnitsError, 'data must have a unit that converts to electron/s, got K'),
        (u.mag, ValueError, "whether magnitudes are 'AB' or 'Vega', got None"),
    ],
)
def test_bad_units_of_cutouts(unit, error, message):
    """Units that mean nothing here are refused even with bands."""
    bands = [get_band('WFC3/UVIS', name) for name in FILTERS]
    with pytest.raises(error, match=message):
        to_array(make_cutouts(unit=unit), make_part(), bands=bands)


def test_pixel_scale_tolerance():
    """Pixels may differ by two per cent."""
    to_array(make_cutouts(pixel_scale=0.0396 * u.arcsec), make_part())
    with pytest.raises(ValueError, match='resample'):
        to_array(make_cutouts(pixel_scale=0.0390 * u.arcsec), make_part())
