# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.phangs_hst._input.
"""

from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData, NDData
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.families.phangs_hst._input import describe_stamps, encode_stamps
from starcnn.families.phangs_hst.spec import CROP, CROPS, FILTERS, PIXEL_SCALE
from starcnn.flags import FILLED, NO_DATA
from starcnn.images import extract_cutouts, get_band
from starcnn.networks import Images

RATE = u.electron / u.s
ACS = ('F275W', 'F336W', 'F435W', 'F606W', 'F814W')


def make_spec(*, filters=FILTERS, shape=(CROP, CROP), sizes=CROPS, scale=PIXEL_SCALE, unit=None):
    """Return a spec of a network of stamps."""
    part = Images(
        name='images',
        filters=filters,
        shape=shape,
        sizes=sizes,
        pixel_scale=scale,
        unit='electron / s' if unit is None else unit,
    )
    return SimpleNamespace(inputs=(part,))


def make_stamps(size=CROP, n=3, filters=FILTERS, *, meta=None, **changes):
    """Return stamps of noise."""
    data = np.random.default_rng(0).uniform(0.1, 1, (n, len(filters), size, size))
    meta = {'filters': filters, 'pixel_scale': 0.0396 * u.arcsec} | (meta or {})
    return NDData(data, **({'unit': RATE, 'meta': meta} | changes))


@pytest.mark.parametrize('size', [25, 26, 49, 50])
def test_sizes_up_to_the_crop(size):
    """Stamps up to the size that the network was trained with go in as they are."""
    stamps = make_stamps(size)
    images = encode_stamps(stamps, make_spec())['images']
    assert images.dtype == np.float32
    assert_allclose(images, stamps.data, rtol=1e-6)


@pytest.mark.parametrize('size', [51, 52, 99, 100])
def test_larger_stamps_are_cropped(size):
    """Of larger stamps the middle is taken: as if smaller ones had been cut at the place."""
    rng = np.random.default_rng(1)
    mosaic = {name: CCDData(rng.uniform(0.1, 1, (300, 300)), unit=RATE) for name in FILTERS}
    places = QTable({'x': [120.0, 151, 170], 'y': [140.0, 160, 131]})
    large, small = (extract_cutouts(mosaic, places, shape=(n, n)) for n in (size, CROP))
    large.meta['pixel_scale'] = 0.04 * u.arcsec
    assert_allclose(encode_stamps(large, make_spec())['images'], small.data, rtol=1e-6)


@pytest.mark.parametrize('size', [24, 101])
def test_other_sizes_are_refused(size):
    """Stamps outside of 25 to 100 pixels are refused."""
    with pytest.raises(ValueError, match=rf'shape .* sides of 25 to 100 pixels, got .*{size}'):
        encode_stamps(make_stamps(size), make_spec())


def test_network_of_one_size():
    """A network of one size takes that or larger stamps."""
    spec = make_spec(sizes=None)
    assert encode_stamps(make_stamps(120), spec)['images'].shape == (3, 5, CROP, CROP)
    with pytest.raises(ValueError, match='sides of at least 50 pixels'):
        encode_stamps(make_stamps(49), spec)


def test_one_source():
    """The stamps of one source are a stack of one."""
    stamps = make_stamps(60)
    one = NDData(stamps.data[1], unit=RATE, meta=stamps.meta)
    expected = encode_stamps(stamps, make_spec())['images'][1:2]
    assert_array_equal(encode_stamps(one, make_spec())['images'], expected)


def test_twins():
    """F435W and F606W of ACS stand for F438W and F555W; the order of filters is checked."""
    expected = encode_stamps(make_stamps(), make_spec())['images']
    assert_array_equal(encode_stamps(make_stamps(filters=ACS), make_spec())['images'], expected)
    with pytest.raises(ValueError, match='one filter for each'):
        encode_stamps(make_stamps(filters=(*FILTERS[:3], 'F435W', 'F814W')), make_spec())
    with pytest.raises(ValueError, match=r'filters .* in this order'):
        encode_stamps(make_stamps(filters=FILTERS[::-1]), make_spec())


def test_network_of_a_twin():
    """A network that was trained with F435W takes it under its own name."""
    images = encode_stamps(make_stamps(filters=ACS), make_spec(filters=ACS))['images']
    assert np.isfinite(images).all()


@pytest.mark.parametrize('kind', ['not named', 'NaN', 'masked', 'zeros'])
def test_one_missing_filter(kind):
    """One filter may be missing, in any of four ways, and is NaN then."""
    stamps = make_stamps()
    expected = stamps.data.copy()
    expected[:, 1] = np.nan
    if kind == 'not named':
        stamps = make_stamps(filters=(FILTERS[0], *FILTERS[2:]))
        expected[:, [0, 2, 3, 4]] = stamps.data
    elif kind == 'masked':
        mask = np.zeros(stamps.data.shape, bool)
        mask[:, 1] = True
        stamps.mask = mask
    else:
        stamps.data[:, 1] = np.nan if kind == 'NaN' else 0
    assert_allclose(encode_stamps(stamps, make_spec())['images'], expected, rtol=1e-6)
    _, flags = describe_stamps(stamps, make_spec())
    assert_array_equal(flags, FILLED)


def test_two_missing_filters():
    """A source with less than four filters has no result; the others are not disturbed."""
    stamps = make_stamps(meta={'sources': QTable({'id': [4, 5, 6]})})
    stamps.data[1, [0, 4]] = 0
    images = encode_stamps(stamps, make_spec())['images']
    assert np.isnan(images[1]).all()
    assert_allclose(images[[0, 2]], stamps.data[[0, 2]], rtol=1e-6)
    sources, flags = describe_stamps(stamps, make_spec())
    assert_array_equal(flags, [0, FILLED | NO_DATA, 0])
    assert list(sources['id']) == [4, 5, 6]


def test_two_filters_missing_for_all():
    """Where no source has four filters, that is an error that names those there are."""
    match = r"at least 4 of the filters .* got \['F438W', 'F555W', 'F814W'\]"
    with pytest.raises(ValueError, match=match):
        encode_stamps(make_stamps(filters=FILTERS[2:]), make_spec())
    stamps = make_stamps()
    stamps.data[:, :2] = 0
    with pytest.raises(ValueError, match=match):
        encode_stamps(stamps, make_spec())
    stamps.data[:] = np.nan  # nothing at all is a source without result, as everywhere
    assert np.isnan(encode_stamps(stamps, make_spec())['images']).all()
    assert_array_equal(describe_stamps(stamps, make_spec())[1], FILLED | NO_DATA)


def test_missing_pixels():
    """Some bad pixels are filled; with most of them the filter is missing."""
    stamps = make_stamps()
    stamps.data[0, 0, :20] = np.nan
    stamps.data[1, 0, :30] = np.nan
    images = encode_stamps(stamps, make_spec())['images']
    assert np.isfinite(images[0]).all()
    assert_array_equal(np.isnan(images[1]).all(axis=(1, 2)), [True, False, False, False, False])
    assert_array_equal(describe_stamps(stamps, make_spec())[1], [FILLED, FILLED, 0])


def test_units():
    """Fluxes are converted with the zero points of the cameras, counts with given bands."""
    stamps = make_stamps()
    expected = encode_stamps(stamps, make_spec())['images']
    bands = [get_band('WFC3/UVIS', name, exposure_time=100 * u.s) for name in FILTERS]
    flux = np.stack(
        [
            x * (1 * u.AB).to_value(u.Jy) / band.count_rate(0 * u.mag, system='AB').value
            for x, band in zip(stamps.data.swapaxes(0, 1), bands, strict=True)
        ],
        axis=1,
    )
    jansky = NDData(flux, unit=u.Jy, meta=stamps.meta)
    assert_allclose(encode_stamps(jansky, make_spec())['images'], expected, rtol=1e-5)
    counts = NDData(stamps.data * 100, unit=u.electron, meta=stamps.meta | {'bands': bands})
    assert_allclose(encode_stamps(counts, make_spec())['images'], expected, rtol=1e-5)
    acs = [get_band('ACS/WFC', name, exposure_time=100 * u.s) for name in ('F435W', 'F606W')]
    bands = [*bands[:2], acs[0], acs[1], bands[4]]
    counts = make_stamps(filters=ACS, unit=u.electron, meta={'bands': bands})
    assert_allclose(encode_stamps(counts, make_spec())['images'] * 100, expected, rtol=1e-5)
    with pytest.raises(ValueError, match='bands must have F275W'):
        encode_stamps(NDData(stamps.data, unit=u.electron, meta=stamps.meta), make_spec())


def test_pictures_of_one_filter():
    """A network of one's own may take pictures without unit in one filter."""
    spec = make_spec(filters=('g',), shape=(128, 128), sizes=None, scale=None, unit='')
    pictures = NDData(np.full((2, 1, 128, 128), 7, np.uint8), meta={'filters': ('g',)})
    assert_array_equal(encode_stamps(pictures, spec)['images'], 7)
    pictures.data[1] = 0
    assert_array_equal(describe_stamps(pictures, spec)[1], [0, FILLED | NO_DATA])
    with pytest.raises(u.UnitsError, match='data must have a unit'):
        encode_stamps(pictures, make_spec(filters=('g',), shape=(128, 128), sizes=None))


def test_errors():
    """What are not stamps is told apart."""
    spec = make_spec()
    stamps = make_stamps()
    with pytest.raises(TypeError, match=r'data must be NDData .* got ndarray'):
        encode_stamps(stamps.data, spec)
    with pytest.raises(ValueError, match='shape'):
        encode_stamps(NDData(stamps.data[0, 0], unit=RATE, meta=stamps.meta), spec)
    with pytest.raises(ValueError, match='filters in meta'):
        encode_stamps(NDData(stamps.data, unit=RATE), spec)
    with pytest.raises(TypeError, match='filters in meta'):
        encode_stamps(make_stamps(meta={'filters': 'F275W'}), spec)
    with pytest.raises(ValueError, match=r'pixels of 0\.04 arcsec'):
        encode_stamps(make_stamps(meta={'pixel_scale': 0.05 * u.arcsec}), spec)
    with pytest.raises(u.UnitsError, match='unit'):
        encode_stamps(make_stamps(unit=u.kg), spec)
    with pytest.raises(TypeError, match='list of Band'):
        encode_stamps(make_stamps(meta={'bands': [1]}), spec)
    with pytest.raises(ValueError, match='mask of the shape'):
        encode_stamps(make_stamps(mask=np.zeros((2, 2), bool)), spec)


def test_inputs_are_not_changed():
    """Stamps are not changed."""
    stamps = make_stamps(60, mask=np.zeros((3, 5, 60, 60), bool))
    stamps.data[0, 0] = 0
    before = stamps.data.copy()
    encode_stamps(stamps, make_spec())
    assert_array_equal(stamps.data, before)
    assert not stamps.mask.any()
    assert stamps.meta['filters'] == FILTERS
