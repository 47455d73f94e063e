# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of bootstrap errors.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.validation import bootstrap, rms


def test_error_of_mean():
    """The bootstrap error of a mean is the standard deviation over the root of n."""
    values = np.random.default_rng(1).normal(5, 2, 400)
    measured = bootstrap(np.mean, values, n_resamples=2000, rng=2)
    assert measured.value == values.mean()
    assert_allclose(measured.error, values.std() / 20, rtol=0.06)
    assert_allclose(measured.upper - measured.lower, 2 * measured.error, rtol=0.1)
    assert measured.n_sources == 400


def test_coverage_of_error():
    """The truth is within one error about 68 times in 100."""
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(100):
        measured = bootstrap(np.mean, rng.normal(0, 1, 50), n_resamples=200, rng=rng)
        inside += abs(measured.value) < measured.error
    assert 55 <= inside <= 80


def test_same_rows_of_all_arrays():
    """Truth and prediction of a source stay together."""
    truth = np.arange(30.0)
    measured = bootstrap(rms, truth, truth + 1, n_resamples=20, rng=0)
    assert measured.value == 1
    assert_allclose([measured.error, measured.lower, measured.upper], [0, 1, 1], atol=1e-12)


def test_quantities_and_tables():
    """Quantities and tables are resampled by row, and units are kept."""
    table = QTable({'distance': np.arange(1.0, 40.0) * u.pc})

    def mean_distance(rows):
        return rows['distance'].mean()

    measured = bootstrap(mean_distance, table, n_resamples=50, rng=0)
    assert measured.value == 20 * u.pc
    assert measured.error.unit == measured.lower.unit == u.pc


def test_rng():
    """The same rng gives the same error."""
    values = np.arange(20.0)
    first, second, other = (bootstrap(np.mean, values, rng=rng).error for rng in (7, 7, 8))
    assert first == second != other


@pytest.mark.parametrize('arrays', [([1, 2], [1, 2, 3]), ([1], [1])])
def test_lengths(arrays):
    """Arrays of different lengths, or of one source, are refused."""
    with pytest.raises(ValueError, match='arrays must have equal lengths of at least 2'):
        bootstrap(rms, *arrays)


def test_no_arrays():
    """There must be something to resample."""
    with pytest.raises(ValueError, match=r'arrays must have equal lengths of at least 2, got \[\]'):
        bootstrap(rms)


def test_n_resamples():
    """An error needs at least two resamples."""
    with pytest.raises(ValueError, match='n_resamples must be at least 2, got 1'):
        bootstrap(np.mean, [1.0, 2.0], n_resamples=1)


def test_groups():
    """Sources that share an offset count as one: the error is that of as many groups."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), 20)
    values = rng.normal(0, 1, 60)[groups] + rng.normal(0, 0.1, groups.size)
    alone = bootstrap(np.mean, values, rng=0)
    together = bootstrap(np.mean, values, groups=groups, rng=0)
    assert together.value == alone.value
    assert together.error == pytest.approx(1 / np.sqrt(60), rel=0.25)
    assert alone.error < together.error / 3
    assert together.n_sources == 1200


@pytest.mark.parametrize(
    ('groups', 'message'),
    [
        ([1, 2], r'groups must have shape \(3,\), as the arrays, got \(2,\)'),
        ([4, 4, 4], 'groups must be at least 2, got 1'),
    ],
)
def test_wrong_groups(groups, message):
    """Groups are one per source, and several."""
    with pytest.raises(ValueError, match=message):
        bootstrap(np.mean, [1.0, 2.0, 3.0], groups=groups)
