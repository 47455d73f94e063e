# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.arrays.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.images import find_bands, get_band, missing_pixels, to_array
from starcnn.networks import Images

RATE = u.electron / u.s
FILTERS = ('F336W', 'F438W', 'F814W')


def make_part(**changes):
    """Return what a network takes."""
    options = {'filters': FILTERS, 'shape': (8, 8), 'pixel_scale': 0.04, 'unit': 'electron / s'}
    return Images(name='images', **{**options, **changes})


def make_cutouts(value=1.0, *, unit=RATE, filters=FILTERS, n=2, side=8, mask=None, **meta):
    """Return cutouts of one value."""
    meta = {'filters': filters, 'pixel_scale': 0.04 * u.arcsec, **meta}
    data = np.full((n, len(filters), side, side), value, np.float32)
    return NDData(data, unit=unit, meta=meta, mask=mask)


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


def median_around(image, y, x, reach):
    """Return the median of the good pixels in a box."""
    return np.nanmedian(image[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1])


def test_fill_of_single_pixels():
    """Each pixel has the median of the 5 x 5 around it, whatever is bad beside it."""
    rng = np.random.default_rng(1)
    data = make_cutouts(n=3, side=24, filters=('V',))
    data.data[:] = rng.normal(size=data.data.shape)
    data.data[rng.random(data.data.shape) < 0.1] = np.nan
    before = data.data.copy()
    array, _ = to_array(data, make_part(shape=(24, 24), filters=('V',)))
    assert_array_equal(data.data, before)
    for i, _, y, x in np.argwhere(np.isnan(data.data)):
        expected = median_around(data.data[i, 0], y, x, 2)
        assert array[i, 0, y, x] == pytest.approx(expected, rel=1e-6)
    known = np.isfinite(data.data)
    assert_array_equal(array[known], data.data[known])


def test_fill_of_gaps():
    """Inside of a gap boxes grow, up to 17 x 17; deeper there is the median of the image."""
    rng = np.random.default_rng(2)
    data = make_cutouts(n=2, side=40, filters=('V',))
    data.data[:] = rng.normal(size=data.data.shape)
    data.data[0, 0, :, :20] = np.nan
    array = to_array(data, make_part(shape=(40, 40), filters=('V',)))[0][0, 0]
    for x, reach in ((19, 2), (18, 2), (17, 4), (16, 4), (15, 8), (12, 8)):
        assert array[11, x] == pytest.approx(median_around(data.data[0, 0], 11, x, reach), rel=1e-6)
    assert_allclose(array[:, :12], np.median(data.data[0, 0, :, 20:]), rtol=1e-6)


def test_images_of_one_source():
    """The images of one source are a stack of one, with its mask."""
    mask = np.zeros((1, 3, 8, 8), bool)
    mask[0, 1, :4] = True
    stack = make_cutouts(n=1, mask=mask)
    one = NDData(stack.data[0], unit=RATE, mask=mask[0], meta=stack.meta)
    for found, wanted in zip(to_array(one, make_part()), to_array(stack, make_part()), strict=True):
        assert_array_equal(found, wanted)
    assert_array_equal(missing_pixels(one, make_part()), [[0, 0.5, 0]])


def test_missing_pixels():
    """It is what is missing of the array, also after a conversion of the unit."""
    data = make_cutouts(26.0, unit=u.ABmag, filters=('F438W', 'F814W'), n=4)
    data.data[0, 0, 0, 0] = np.nan
    data.data[1, 1] = np.nan
    data.data[2, 1, 0, 0] = np.inf  # no light at all
    bands = [get_band('WFC3/UVIS', name) for name in FILTERS]
    settings = {'bands': bands, 'allow_missing': True}
    missing = missing_pixels(data, make_part(), **settings)
    assert_array_equal(missing, to_array(data, make_part(), **settings)[1])
    assert_allclose(missing, [[1, 1 / 64, 0], [1, 0, 1], [1, 0, 0], [1, 0, 0]])
    with pytest.raises(ValueError, match='data must have the filters'):
        missing_pixels(data, make_part(), bands=bands)
    with pytest.raises(TypeError, match='data must be NDData with a unit, got list without'):
        missing_pixels([1, 2], make_part())


def test_no_sources():
    """A stack of no sources is an array of none."""
    array, missing = to_array(make_cutouts(n=0), make_part())
    assert (array.shape, missing.shape) == ((0, 3, 8, 8), (0, 3))


def test_bands_of_two_cameras():
    """Each filter has the camera that the network knows, unless the cutouts have bands."""
    cameras = {'F336W': 'WFC3/UVIS', 'F475W': 'ACS/WFC', 'F814W': 'ACS/WFC'}
    part = make_part(filters=tuple(cameras))
    data = make_cutouts(filters=tuple(cameras), unit=u.uJy)
    assert [band.instrument for band in find_bands(data, part, cameras)] == list(cameras.values())
    own = [get_band('WFC3/UVIS', 'F475W')]
    assert find_bands(make_cutouts(unit=u.uJy, bands=own), part, cameras) is own


@pytest.mark.parametrize(
    ('unit', 'filters'),
    [(u.electron, FILTERS), (u.adu, FILTERS), (u.adu / u.s, FILTERS), (u.uJy, ('V',))],
)
def test_no_bands(unit, filters):
    """Counts have no exposure time, and unknown filters no camera: nothing is guessed."""
    data, part = make_cutouts(unit=unit, filters=filters), make_part(filters=filters)
    assert find_bands(data, part, dict.fromkeys(FILTERS, 'WFC3/UVIS')) is None


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
    ('meta', 'error', 'message'),
    [
        ({'pixel_scale': 0.04}, u.UnitsError, r"\['pixel_scale'\] of data must be .*, got 0.04"),
        ({'pixel_scale': None}, u.UnitsError, r"\['pixel_scale'\] of data must be .*, got None"),
        ({'pixel_scale': [1, 2] * u.deg}, u.UnitsError, r"\['pixel_scale'\] of data must be one"),
        ({'pixel_scale': np.nan * u.deg}, ValueError, 'data must have pixels of 0.04 .*, got nan'),
        ({'filters': 'F336W'}, TypeError, r"\['filters'\] of data must be .*, got 'F336W'"),
        ({'filters': None}, TypeError, r"meta\['filters'\] of data must be a tuple .*, got None"),
        ({'filters': (1, 2, 3)}, TypeError, r"\['filters'\] of data must be .*, got \(1, 2, 3\)"),
    ],
)
def test_bad_meta(meta, error, message):
    """What describes the cutouts is refused by name if it cannot be."""
    data = make_cutouts()
    data.meta.update(meta)
    with pytest.raises(error, match=message):
        to_array(data, make_part())


def test_pixel_scale_as_text():
    """A pixel scale may be text with a unit, as a header has it."""
    to_array(make_cutouts(pixel_scale='0.04 arcsec'), make_part())


@pytest.mark.parametrize('shape', [(8, 9), (2, 3, 8, 7), (3, 2, 8, 8)])
def test_bad_mask(shape):
    """A mask of another shape is refused, and said to be one."""
    data = make_cutouts(mask=np.zeros(shape, bool))
    with pytest.raises(ValueError, match=r'data must have a mask .*, \(2, 3, 8, 8\), got \('):
        to_array(data, make_part())


def test_mask_of_numbers():
    """A mask of flags masks where any flag is set; that of one image is for all."""
    flags = np.zeros((8, 8), int)
    flags[2, 3] = 4
    array, missing = to_array(make_cutouts(mask=flags), make_part())
    assert_array_equal(array, 1)
    assert_allclose(missing, 1 / 64)


def test_bad_pixels_and_bands():
    """Pixels that are no real numbers, and what are no bands, are refused by name."""
    data = NDData(np.ones((2, 3, 8, 8), complex), unit=RATE, meta=make_cutouts().meta)
    with pytest.raises(TypeError, match='data must have real numbers as pixels, got complex128'):
        to_array(data, make_part())
    with pytest.raises(TypeError, match=r"meta\['bands'\] of data must be a list of .*, got 'x'"):
        find_bands(make_cutouts(bands='x'), make_part(), {})
    band = get_band('WFC3/UVIS', 'F336W')
    with pytest.raises(TypeError, match='bands must be a list of Band, got Band'):
        to_array(make_cutouts(), make_part(), bands=band)


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
