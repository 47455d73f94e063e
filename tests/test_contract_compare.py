# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of how the checks count, choose and compare sources.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData, NDData
from astropy.table import QTable

from starcnn._contract_compare import (
    choose_sources,
    count_sources,
    is_same,
    largest_difference,
    scaled_values,
)

STARS = QTable({'cluster': ['b', 'a', 'b'], 'g': [1.0, 2.0, 3.0] * u.mag})
ROWS = QTable({'g': [1.0, 2.0, 3.0] * u.mag})
STACK = NDData(
    np.arange(12.0).reshape(3, 1, 2, 2), unit='adu', meta={'sources': QTable({'id': [7, 8, 9]})}
)
MAP = CCDData(np.arange(4.0).reshape(2, 2), unit='adu')


@pytest.mark.parametrize(('data', 'n'), [(STARS, 2), (ROWS, 3), (STACK, 3), (MAP, 1)])
def test_count_sources(data, n):
    """Clusters, rows, images and one map."""
    assert count_sources(data) == n


def test_choose_sources():
    """Sources are put in another order with all that belongs to them."""
    assert choose_sources(STARS, [1, 0])['g'].value.tolist() == [2, 1, 3]
    assert choose_sources(ROWS, [2, 0])['g'].value.tolist() == [3, 1]
    stack = choose_sources(STACK, [2, 0])
    assert stack.data[:, 0, 0, 0].tolist() == [8, 0]
    assert stack.meta['sources']['id'].tolist() == [9, 7]
    assert is_same(choose_sources(MAP, [0]), MAP)


@pytest.mark.parametrize('data', [STARS, ROWS, STACK, MAP])
def test_is_same(data):
    """Data equal themselves, and nothing of another kind, unit, value or meta."""
    assert is_same(data, data)
    assert not is_same(data, [1, 2])
    if isinstance(data, NDData):
        assert not is_same(data, type(data)(data.data + 1, unit=data.unit, meta=data.meta))
        assert not is_same(data, type(data)(data.data, unit='K', meta=data.meta))
        assert not is_same(data, type(data)(data.data, unit=data.unit, meta={'a': 1}))
    else:
        other = data.copy()
        other['g'] = other['g'].value * u.K
        assert not is_same(data, other)


def test_nan_equals_nan():
    """NaN equals NaN and no number."""
    nan = np.array([1, np.nan])
    assert is_same(nan, nan.copy())
    assert largest_difference(nan, nan.copy()) == 0
    assert largest_difference(nan, np.array([1.0, 2.0])) == np.inf
    assert largest_difference(nan, np.array([1.5, np.nan])) == 0.5


def test_maps_are_scaled_one_by_one():
    """A map of NaN, or of large values, does not change the scale of another."""
    maps = np.ones((3, 2, 2))
    maps[0], maps[1] = np.nan, 1e9
    values = scaled_values(NDData(maps, unit='solMass'), None)
    assert np.isnan(values[0]).all()
    assert (values[1:] == 1).all()
