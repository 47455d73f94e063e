# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat.estimator.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.families.m31_phat.estimator import BACKEND, READER
from starcnn.families.m31_phat.spec import DEFAULT, FILTERS, INSTRUMENTS, PAPER, make_default
from starcnn.flags import EDGE, FAINT, FILLED, NO_DATA
from starcnn.images import get_band

RATE = u.electron / u.s
BOTH = pytest.mark.parametrize('spec', [PAPER, DEFAULT], ids=lambda spec: spec.variant)
WHERE = {'age': 8.0, 'a_v': 0.7, 'mass': 3.0, 'r_h': -0.4, 'visibility': 1.1}
SIGMA = 0.1


def make(n=3, *, filters=FILTERS, unit=RATE, mask=None, **meta):
    """Return cutouts of random numbers."""
    pixels = np.random.default_rng(1).uniform(0.1, 1, (n, len(filters), 80, 80))
    meta = {'filters': filters, 'pixel_scale': 0.05 * u.arcsec, **meta}
    return NDData(pixels, unit=unit, mask=mask, meta=meta)


def say(spec, n=3, **where):
    """Return outputs for given values: an estimate, or nearly all in the cell of it."""
    outputs, where = {}, {**WHERE, **where}
    for part in spec.outputs:
        values = np.full((n, *part.dimensions[1:]), 1e-7, np.float32)
        if getattr(part, 'grid', 'joint') is None:
            values[:] = where[part.name], SIGMA
        else:
            cell = [np.argmin(abs(np.array(p.grid) - where[p.name])) for p in part.parameters]
            values[(slice(None), *cell)] = 1
            values /= values.sum(axis=tuple(range(1, values.ndim)), keepdims=True)
        outputs[part.name] = values
    return outputs


@BOTH
def test_encode(spec):
    """Images go in as they are, float32, and stay as they are."""
    data = make()
    data.data[0, 0, 0, 0] = np.nan
    before = data.data.copy()
    inputs = READER.encode(data, spec)
    assert list(inputs) == ['images']
    assert inputs['images'].dtype == np.float32
    assert_allclose(inputs['images'][1:], data.data[1:], rtol=1e-6)
    assert np.isfinite(inputs['images']).all()
    assert_array_equal(data.data, before)


@pytest.mark.parametrize('filters', [('F475W',), ('F336W', 'F814W'), ('F475W', 'F814W')])
def test_missing_filters(filters):
    """The default network takes any of the filters; that of the paper needs all."""
    data = make(filters=filters)
    images = READER.encode(data, DEFAULT)['images']
    there = [name in filters for name in FILTERS]
    assert_array_equal(np.isnan(images).all(axis=(0, 2, 3)), ~np.array(there))
    assert_allclose(images[:, there], data.data, rtol=1e-6)
    assert_array_equal(READER.decode(say(DEFAULT), DEFAULT, data)['flags'], FILLED)
    with pytest.raises(ValueError, match=r"data must have the filters \['F336W', 'F475W'"):
        READER.encode(data, PAPER)


@BOTH
@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        ([1, 2], TypeError, 'data must be NDData with a unit, got list'),
        (make(unit=u.pc), u.UnitsError, 'data must have a unit that converts to electron'),
        (make(unit=u.electron), ValueError, 'bands must have F336W to convert electron'),
        (make(pixel_scale=0.04 * u.arcsec), ValueError, 'data must have pixels of 0.05 arcsec'),
        (make(filters=FILTERS[::-1]), ValueError, 'data must have filters of .* in this order'),
    ],
)
def test_cutouts_that_cannot_be(spec, data, error, match):
    """What a network does not take is refused, by name."""
    with pytest.raises(error, match=match):
        READER.encode(data, spec)


def test_zero_points_of_two_cameras():
    """Fluxes become electron/s with the camera of each filter, or the bands that are given."""
    expected = make().data
    bands = [get_band(*pair) for pair in zip(INSTRUMENTS, FILTERS, strict=True)]
    ab = np.array([band.zero_point_ab.value for band in bands]).reshape(3, 1, 1)
    magnitudes = make(unit=u.ABmag)
    magnitudes.data[:] = ab - 2.5 * np.log10(expected)
    assert_allclose(READER.encode(magnitudes, PAPER)['images'], expected, rtol=1e-4)
    # WFC3/UVIS has an F814W, too, which gets fewer electrons
    magnitudes.meta['bands'] = [get_band('WFC3/UVIS', name) for name in FILTERS]
    ratio = READER.encode(magnitudes, PAPER)['images'] / expected
    assert ratio[:, 2].max() < 0.6
    counts = make(unit=u.electron, bands=[replace(b, exposure_time=500 * u.s) for b in bands])
    assert_allclose(READER.encode(counts, PAPER)['images'], expected / 500, rtol=1e-5)


def test_decode_estimates():
    """The estimates of the paper are medians, with percentiles one deviation away."""
    table = READER.decode(say(PAPER), PAPER, make())
    names = [f'{name}{end}' for name in ('age', 'mass', 'r_h') for end in ('', '_16', '_84')]
    assert table.colnames == ['id', *names, 'flags']
    for name, unit in (('age', u.yr), ('mass', u.solMass), ('r_h', u.arcsec)):
        assert table[name].unit == unit
        log = [np.log10(table[f'{name}{end}'].value) for end in ('_16', '', '_84')]
        for found, offset in zip(log, (-0.99446, 0, 0.99446), strict=True):
            assert_allclose(found, WHERE[name] + offset * SIGMA, rtol=1e-4)
    assert_array_equal(table['flags'], 0)


@pytest.mark.parametrize('spec', [DEFAULT, make_default(a_v=(0.0, 2.0))])
def test_decode_distributions(spec):
    """Cells become values with units and percentiles."""
    sources = QTable({'id': [7, 8, 9], 'ra': [1.0, 2.0, 3.0] * u.deg})
    table = READER.decode(say(spec), spec, make(sources=sources))
    parameters = [parameter.name for parameter in spec.parameters]
    names = [f'{name}{end}' for name in parameters for end in ('', '_16', '_84')]
    assert table.colnames == ['id', 'ra', *names, 'flags']
    assert_array_equal(table['id'], [7, 8, 9])
    for name in ('age', 'mass', 'r_h', 'visibility'):
        assert_allclose(np.log10(u.Quantity(table[name]).value), WHERE[name], atol=0.06)
    if 'a_v' in parameters:
        assert_allclose(table['a_v'].to_value(u.mag), 0.7, atol=0.08)
    assert_array_equal(table['flags'], 0)


def test_flags():
    """Faint clusters and those at an edge are flagged; the paper's network knows no faint ones."""
    assert_array_equal(
        READER.decode(say(DEFAULT, visibility=-0.5), DEFAULT, make())['flags'], FAINT
    )
    assert_array_equal(READER.decode(say(DEFAULT, visibility=0.3), DEFAULT, make())['flags'], 0)
    for spec in (PAPER, DEFAULT):
        edge = READER.decode(say(spec, age=9.6), spec, make())['flags']
        assert_array_equal(edge & EDGE, EDGE)


@BOTH
def test_missing_data(spec):
    """Few data are flagged, none at all has no result, and is not called faint."""
    mask = np.zeros((4, 3, 80, 80), bool)
    mask[0, :, :41] = True  # most of all filters
    mask[1, :2, :41] = True  # most of two
    mask[2] = True
    data = make(4, mask=mask)
    empty = np.isnan(READER.encode(data, spec)['images']).all(axis=(1, 2, 3))
    assert_array_equal(empty, [True, False, True, False])
    table = READER.decode(say(spec, 4, visibility=-0.5), spec, data)
    faint = FAINT if spec is DEFAULT else 0
    wanted = [FILLED | NO_DATA, FILLED | faint, FILLED | NO_DATA, faint]
    assert_array_equal(table['flags'], wanted)
    assert_array_equal(np.isnan(table['age'].value), empty)


@BOTH
def test_images_of_one_source(spec):
    """The images of one source are a stack of one."""
    stack = make(1)
    one = NDData(stack.data[0], unit=RATE, meta=stack.meta)
    assert_array_equal(READER.encode(one, spec)['images'], READER.encode(stack, spec)['images'])
    assert len(READER.decode(say(spec, 1), spec, one)) == 1


def test_record():
    """The record is of this paper and this family."""
    assert BACKEND.name == 'm31_phat'
    assert BACKEND.reference == '2019A&A...621A.103B'
