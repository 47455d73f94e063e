# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of coverage, ranks and joint coverage of posteriors.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.validation import (
    central_coverage,
    coverage,
    joint_coverage,
    pit_values,
    sbc_ranks,
    uniformity,
)

LEVELS = np.linspace(0.05, 0.95, 19)


def draw_posteriors(*, width=1.0, shift=0.0, n_sources=1500, n_draws=400, seed=4):
    """Return truths and draws from normal posteriors that are wrong in width or centre."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1, n_sources)
    # a measurement with error 1 of a prior with width 1 has the posterior N(x / 2, 1 / 2)
    measured = truth + rng.normal(0, 1, n_sources)
    centre = measured / 2 + shift
    draws = centre[:, np.newaxis] + width * np.sqrt(0.5) * rng.normal(size=(n_sources, n_draws))
    return truth, draws


def test_coverage():
    """Ends count as inside; units are converted."""
    truth = [1.0, 2.0, 3.0, 4.0] * u.kpc
    lower, upper = [1, 0, 0, 5] * u.kpc, [2000, 2000, 2000, 6000] * u.pc
    assert coverage(truth, lower, upper) == 0.5


def test_coverage_refused():
    """Swapped ends and missing values are refused."""
    with pytest.raises(ValueError, match='lower must not be above upper, got 1 such rows'):
        coverage([1, 2], [0, 3], [2, 1])
    with pytest.raises(ValueError, match='upper must be finite'):
        coverage([1, 2], [0, 0], [2, np.nan])


def test_sbc_ranks():
    """The rank is the number of draws below the truth, in any unit."""
    draws = [[1, 2, 3], [4, 5, 6]] * u.kpc
    assert_array_equal(sbc_ranks([2500, 9000] * u.pc, draws), [2, 3])
    assert_allclose(pit_values([2500, 9000] * u.pc, draws), [2.5 / 4, 3.5 / 4])


def test_right_posteriors():
    """Right posteriors have uniform ranks and the coverage they promise."""
    truth, draws = draw_posteriors()
    pit = pit_values(truth, draws)
    assert uniformity(pit)[1] > 0.05
    assert_allclose(central_coverage(pit, LEVELS), LEVELS, atol=0.04)
    assert_allclose(joint_coverage({'x': truth}, {'x': draws}, LEVELS, rng=0), LEVELS, atol=0.04)


@pytest.mark.parametrize(
    ('width', 'expected'), [(0.5, 0.381), (2, 0.954)], ids=['too narrow', 'too wide']
)
def test_wrong_widths(width, expected):
    """The coverage of the 68 % interval tells a wrong width as theory says."""
    pit = pit_values(*draw_posteriors(width=width))
    assert_allclose(central_coverage(pit, 0.6827), expected, atol=0.03)
    assert uniformity(pit)[1] < 1e-6


def test_shifted_posteriors():
    """A bias piles the ranks up at one end."""
    pit = pit_values(*draw_posteriors(shift=0.5))
    assert pit.mean() < 0.4
    assert uniformity(pit)[1] < 1e-6


def test_joint_coverage_sees_correlations():
    """Draws with right marginals but without the correlation fail the joint test."""
    rng = np.random.default_rng(5)
    n_sources, n_draws = 2000, 300
    centre = rng.normal(size=(n_sources, 1))
    shared = rng.normal(0, 1, (n_sources, n_draws + 1))
    first = centre + shared + 0.2 * rng.normal(size=shared.shape)
    second = centre - shared + 0.2 * rng.normal(size=shared.shape)
    truth = QTable({'first': first[:, 0] * u.mag, 'second': second[:, 0]})
    draws = {'first': first[:, 1:] * u.mag, 'second': second[:, 1:]}
    right = joint_coverage(truth, draws, LEVELS, rng=6)
    assert_allclose(right, LEVELS, atol=0.035)
    shuffled = draws | {'second': rng.permuted(second[:, 1:], axis=1)}
    for name in ('first', 'second'):
        assert uniformity(pit_values(truth[name], shuffled[name]))[1] > 0.01
    wrong = joint_coverage(truth, shuffled, LEVELS, rng=6)
    assert np.abs(wrong - LEVELS).max() > 0.06


def test_joint_coverage_rng():
    """The same rng gives the same points."""
    truth, draws = draw_posteriors(n_sources=100)
    first, second, other = (
        joint_coverage({'x': truth}, {'x': draws}, LEVELS, rng=rng) for rng in (1, 1, 2)
    )
    assert_array_equal(first, second)
    assert np.any(first != other)


@pytest.mark.parametrize('function', [sbc_ranks, pit_values])
@pytest.mark.parametrize('shape', [(3,), (4, 5), (3, 4, 2)])
def test_shapes(function, shape):
    """Draws need a row per source."""
    with pytest.raises(ValueError, match=r'draws must have shape \(n_source, n_draw\)'):
        function(np.zeros(3), np.zeros(shape))


def test_refused():
    """Probabilities lie between 0 and 1, draws are finite, truths differ."""
    with pytest.raises(ValueError, match=r'pit must be between 0 and 1, got -0\.1 to 1'):
        uniformity([-0.1, 1.0])
    with pytest.raises(ValueError, match='levels must be between 0 and 1, got 68'):
        central_coverage([0.5], [68, 95])
    with pytest.raises(ValueError, match='draws must be finite'):
        sbc_ranks([1.0], [[1.0, np.nan]])
    with pytest.raises(u.UnitsError, match='draws must have a unit like pc, got None'):
        sbc_ranks([1.0] * u.pc, [[1.0, 2.0]])
    with pytest.raises(ValueError, match="truth must have at least two different values of 'x'"):
        joint_coverage({'x': [1.0, 1.0]}, {'x': [[1.0], [2.0]]}, LEVELS)
