# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of scores in bins.
"""

import astropy.units as u
import numpy as np
import pytest
from scipy.stats import binom

from starcnn.validation import coverage_in_bins, fraction_in_bins


def test_fraction():
    """A bin holds its lower edge; sources outside all bins do not count."""
    condition = [True, False, True, True, False, True, True]
    values = [1.0, 1.5, 2.0, 0.5, 4.0, 3.0, 3.5] * u.Gyr
    fractions, counts = fraction_in_bins(condition, values, edges=[1000, 2000, 3000, 3500] * u.Myr)
    np.testing.assert_array_equal(fractions, [0.5, 1.0, 1.0])
    np.testing.assert_array_equal(counts, [2, 1, 1])


def test_empty_bins():
    """A bin without sources has no fraction."""
    fractions, counts = fraction_in_bins([True], [0.5], edges=[0, 1, 2])
    np.testing.assert_array_equal(fractions, [1, np.nan])
    np.testing.assert_array_equal(counts, [1, 0])
    assert np.isnan(fraction_in_bins([True], [9.0], edges=[0, 1])[0]).all()


@pytest.mark.parametrize('level', [0.68, 0.95])
def test_coverage(level):
    """Right posteriors cover in every bin; narrow ones are found in the bin where they are."""
    rng = np.random.default_rng(1)
    pit = rng.uniform(size=40_000)
    values = rng.integers(4, size=40_000) + 0.5
    is_narrow = values == 2.5
    pit[is_narrow] = rng.choice([0.001, 0.999], is_narrow.sum())
    coverage, counts = coverage_in_bins(pit, values, edges=np.arange(5), level=level)
    assert coverage[2] == 0
    for k in (0, 1, 3):
        assert binom.cdf(coverage[k] * counts[k], counts[k], level) > 1e-3
        assert binom.sf(coverage[k] * counts[k], counts[k], level) > 1e-3


def test_edges_of_intervals():
    """Values at the ends of the interval are inside."""
    coverage, _ = coverage_in_bins([0.16, 0.84, 0.1599, 0.5], np.zeros(4), edges=[0, 1])
    assert coverage == [0.75]


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: fraction_in_bins([True], [1.0, 2.0], edges=[0, 1]), 'condition must have the'),
        (lambda: fraction_in_bins([True], [1.0], edges=[1, 0]), 'edges must be at least two'),
        (lambda: fraction_in_bins([True], [1.0], edges=[1.0]), 'edges must be at least two'),
        (lambda: coverage_in_bins([0.5], [1.0], edges=[0, 1], level=68), 'level must be between'),
    ],
)
def test_errors(call, message):
    """Arguments that make no sense are refused."""
    with pytest.raises(ValueError, match=message):
        call()


def test_unit_of_edges():
    """Edges need the unit of the values."""
    with pytest.raises(u.UnitsError, match='edges must have a unit like yr'):
        fraction_in_bins([True], [1.0] * u.yr, edges=[0, 1])
