# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.estimator.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.families.m83_hst.estimator import BACKEND, READER
from starcnn.families.m83_hst.spec import DEFAULT, FILTERS, PAPER
from starcnn.flags import EDGE, FAINT, FILLED, NO_DATA
from starcnn.images import get_band

RATE = u.electron / u.s
BOTH = pytest.mark.parametrize('spec', [PAPER, DEFAULT], ids=lambda spec: spec.variant)


def make(n=3, *, filters=FILTERS, unit=RATE, mask=None, **meta):
    """Return cutouts of random numbers."""
    pixels = np.random.default_rng(1).uniform(0.1, 1, (n, len(filters), 64, 64))
    meta = {'filters': filters, 'pixel_scale': 0.04 * u.arcsec, **meta}
    return NDData(pixels, unit=unit, mask=mask, meta=meta)


def say(spec, n=3, *, visible=2.0, **where):
    """Return outputs with nearly all of the probability in the cells next to given values."""
    outputs = {}
    where = {'age': 8.0, 'a_v': 1.5, 'mass': 4.5, 'r_h': -0.9, 'visibility': visible, **where}
    for part in spec.outputs:
        shape = (n, *part.dimensions[1:])
        values = np.full(shape, 1e-6, np.float32)
        parameters = getattr(part, 'parameters', None) or [part]
        if part.name == 'class':
            values[:, 1] = 1
        else:
            cell = [np.argmin(abs(np.array(p.grid) - where[p.name])) for p in parameters]
            values[(slice(None), *cell)] = 1
        outputs[part.name] = values / values.reshape(n, -1).sum(axis=1).reshape(
            n, *(1,) * (values.ndim - 1)
        )
    return outputs


@BOTH
def test_encode(spec):
    """Images go in as they are, float32."""
    data = make()
    inputs = READER.encode(data, spec)
    assert list(inputs) == ['images']
    assert inputs['images'].dtype == np.float32
    assert_allclose(inputs['images'], data.data, rtol=1e-6)


@BOTH
def test_order_of_filters(spec):
    """Filters in another order, or with others among them, are refused."""
    for filters in (('F814W', 'F438W', 'F336W'), ('F336W', 'F438W', 'F555W', 'F814W')):
        with pytest.raises(ValueError, match=r'data must have filters of .* in this order'):
            READER.encode(make(filters=filters), spec)


def test_missing_filters():
    """The default network takes any of the filters; that of the paper needs all."""
    data = make(filters=('F438W', 'F814W'))
    images = READER.encode(data, DEFAULT)['images']
    assert np.isnan(images[:, 0]).all()
    assert_allclose(images[:, 1:], data.data, rtol=1e-6)
    with pytest.raises(
        ValueError, match=r"data must have the filters \['F336W', 'F438W', 'F814W'\]"
    ):
        READER.encode(data, PAPER)
    with pytest.raises(ValueError, match='data must have filters of'):
        READER.encode(make(filters=('F555W',)), DEFAULT)


@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        (make(unit=None), TypeError, 'data must be NDData with a unit'),
        (make().data, TypeError, 'data must be NDData with a unit, got ndarray'),
        (make(unit=u.pc), u.UnitsError, 'data must have a unit that converts to electron'),
        (make(unit=u.mag), ValueError, r"data must say in meta\['magnitude_system'\]"),
        (make(unit=u.electron), ValueError, 'bands must have F336W to convert electron'),
        (make(unit=u.adu / u.s), ValueError, 'bands must have F336W to convert adu'),
        (make(pixel_scale=0.05 * u.arcsec), ValueError, 'data must have pixels of 0.04 arcsec'),
        (make(filters=('F336W', 'F438W', 'F438W')), ValueError, 'data must have one filter'),
        (NDData(np.ones((2, 3, 64, 64)), unit=RATE), ValueError, r'in meta, got no \['),
        (
            NDData(np.ones((2, 3, 60, 64)), unit=RATE, meta=make().meta),
            ValueError,
            r'data must have shape \(n_source, n_filter, 64, 64\), got',
        ),
    ],
)
def test_cutouts_that_cannot_be(data, error, match):
    """What a network does not take is refused, by name."""
    for spec in (PAPER, DEFAULT):
        with pytest.raises(error, match=match):
            READER.encode(data, spec)


def test_other_units():
    """Fluxes, magnitudes and counts become electron/s."""
    expected = make().data
    vega = make(unit=u.mag, magnitude_system='Vega')
    zero_points = np.array(
        [get_band('WFC3/UVIS', name).zero_point_vega.value for name in FILTERS]
    ).reshape(3, 1, 1)
    vega.data[:] = zero_points - 2.5 * np.log10(expected)
    assert_allclose(READER.encode(vega, PAPER)['images'], expected, rtol=1e-5)
    jansky = make(unit=u.uJy)
    ab = np.array([get_band('WFC3/UVIS', name).zero_point_ab.value for name in FILTERS])
    # 3631 Jy is AB magnitude zero
    jansky.data[:] = expected * 3631e6 * 10 ** (-0.4 * ab.reshape(3, 1, 1))
    assert_allclose(READER.encode(jansky, PAPER)['images'], expected, rtol=1e-4)
    bands = [get_band('WFC3/UVIS', name, exposure_time=500 * u.s) for name in FILTERS]
    counts = make(unit=u.electron, bands=bands)
    assert_allclose(READER.encode(counts, PAPER)['images'], expected / 500, rtol=1e-5)
    kilo = make(unit=1000 * RATE)
    assert_allclose(READER.encode(kilo, PAPER)['images'], expected * 1000, rtol=1e-5)


def test_other_filters_need_bands():
    """Filters of another camera are not taken for those of WFC3."""
    spec = replace(DEFAULT, inputs=(replace(DEFAULT.inputs[0], filters=('F475W',)),))
    data = make(filters=('F475W',), unit=u.uJy)
    with pytest.raises(ValueError, match='bands must have F475W to convert uJy'):
        READER.encode(data, spec)
    data.meta['bands'] = [get_band('ACS/WFC', 'F475W')]
    assert np.isfinite(READER.encode(data, spec)['images']).all()


@BOTH
def test_bad_pixels_are_filled(spec):
    """NaN and masked pixels have the median of those around them, and a flag."""
    mask = np.zeros((3, 3, 64, 64), bool)
    mask[1, 0, 30, 30] = True
    data = make(mask=mask)
    data.data[1, 0, 30, 30] = 1e9
    data.data[2, 1, 5, 5] = np.nan
    images = READER.encode(data, spec)['images']
    assert np.isfinite(images).all()
    assert images.max() <= 1
    box = data.data[1, 0, 28:33, 28:33].ravel()
    assert images[1, 0, 30, 30] == pytest.approx(np.median(box[box < 2]))
    _, flags = READER.describe(data, spec)
    assert_array_equal(flags, [0, FILLED, FILLED])


def test_images_of_one_source():
    """The images of one source are a stack of one."""
    stack = make(1, mask=np.zeros((1, 3, 64, 64), bool))
    one = NDData(stack.data[0], unit=RATE, mask=stack.mask[0], meta=stack.meta)
    assert_array_equal(READER.encode(one, PAPER)['images'], READER.encode(stack, PAPER)['images'])
    assert len(READER.decode(say(PAPER, 1), PAPER, one)) == 1


def test_flags_of_missing_data():
    """Few data are flagged, none at all has no result."""
    data = make(4)
    data.data[0, :, :33] = np.nan  # most of all filters
    data.data[1, :2, :33] = np.nan  # most of two
    data.data[2] = np.nan
    _, flags = READER.describe(data, DEFAULT)
    assert_array_equal(flags, [FILLED | NO_DATA, FILLED, FILLED | NO_DATA, 0])
    table = READER.decode(say(DEFAULT, 4), DEFAULT, data)
    assert_array_equal(np.isnan(table['age'].value), [True, False, True, False])
    _, flags = READER.describe(make(filters=('F814W',)), DEFAULT)
    assert_array_equal(flags, FILLED)


@BOTH
def test_decode(spec):
    """Cells become values with units and percentiles."""
    sources = QTable({'id': [7, 8, 9], 'ra': [1.0, 2.0, 3.0] * u.deg})
    table = READER.decode(say(spec), spec, make(sources=sources))
    names = ['age', 'a_v', 'mass', 'r_h', 'visibility']
    expected = ['id', 'ra', *(f'{n}{end}' for n in names for end in ('', '_16', '_84')), 'flags']
    assert table.colnames == expected
    assert_array_equal(table['id'], [7, 8, 9])
    units = {'age': u.yr, 'a_v': u.mag, 'mass': u.solMass, 'r_h': u.arcsec}
    for name, unit in units.items():
        assert table[name].unit == unit
        assert (table[f'{name}_16'] < table[name]).all()
        assert (table[name] < table[f'{name}_84']).all()
    cell = 0.2 if spec is PAPER else 0.1  # of log age, dex
    assert_allclose(np.log10(table['age'].value), 8.0, atol=cell)
    assert_allclose(np.log10(table['mass'].value), 4.5, atol=0.16)
    assert_allclose(table['a_v'].value, 1.5, atol=0.34)
    assert_allclose(np.log10(table['r_h'].value), -0.9, atol=0.08)
    assert_allclose(np.log10(np.asarray(table['visibility'])), 2.0, atol=0.22)
    assert_array_equal(table['flags'], 0)


@BOTH
def test_flags_of_results(spec):
    """Faint clusters, and those at the edge of the grid, are flagged."""
    faint = READER.decode(say(spec, visible=-0.5), spec, make())
    assert_array_equal(faint['flags'], FAINT)
    bright = READER.decode(say(spec, visible=0.4), spec, make())
    assert_array_equal(bright['flags'], 0)
    edge = READER.decode(say(spec, age=20.0), spec, make())
    assert_array_equal(edge['flags'] & EDGE, EDGE)


def test_faint_is_not_said_of_nothing():
    """A cutout without data is not called faint."""
    data = make()
    data.data[1] = np.nan
    table = READER.decode(say(DEFAULT, visible=-0.5), DEFAULT, data)
    assert_array_equal(table['flags'], [FAINT, FILLED | NO_DATA, FAINT])


def test_nothing_is_changed():
    """What is given stays as it was."""
    data = make()
    data.data[0, 0, 0, 0] = np.nan
    before = data.data.copy()
    READER.encode(data, DEFAULT)
    assert_array_equal(data.data, before)


def test_mocks_can_be_estimated(mocks):
    """The images of the simulator are what the networks take."""
    assert READER.encode(mocks[0], PAPER)['images'].shape == (12, 3, 64, 64)
    assert len(READER.decode(say(DEFAULT, 12), DEFAULT, mocks[0])) == 12


def test_record():
    """The record is of this paper and this family."""
    assert BACKEND.name == 'm83_hst'
    assert BACKEND.reference == '2020A&A...633A.148B'
