# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of sets of classes, other prevalences and entropy.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.networks import (
    Classes,
    change_prevalence,
    conformal_sets,
    conformal_thresholds,
    entropy,
)


def draw(rng, n, shares, width=1.0):
    """Return the classes of sources, and their probabilities where classes have ``shares``."""
    truth = rng.choice(len(shares), n, p=shares)
    x = truth + rng.normal(0, width, n)
    density = np.exp(-(((x[:, np.newaxis] - np.arange(len(shares))) / width) ** 2) / 2)
    weighted = density * shares
    return truth, weighted / weighted.sum(axis=1, keepdims=True)


def test_entropy():
    """It is zero for certainty, ln 4 for a guess over four (Wei et al. 2020), and NaN for NaN."""
    p = [[1, 0, 0, 0], [0.25] * 4, [np.nan] * 4]
    assert_allclose(entropy(p), [0, 1.386294, np.nan], atol=1e-6)


def test_prevalence_gives_exact_posteriors():
    """Probabilities for one prevalence become those that another one really has."""
    rng = np.random.default_rng(1)
    part = Classes(name='class', labels=('a', 'b'), prevalence=(0.5, 0.5))
    x = rng.normal(0.5, 1, (50, 1))
    density = np.exp(-((x - [0, 1]) ** 2) / 2)
    p = density / density.sum(axis=1, keepdims=True)
    wanted = density * [0.05, 0.95]
    wanted /= wanted.sum(axis=1, keepdims=True)
    assert_allclose(change_prevalence(p, part, {'b': 0.95, 'a': 0.05}), wanted, rtol=1e-12)


def test_prevalence_counts():
    """With 5 % of a class in place of 50 %, the probabilities sum to its number."""
    rng = np.random.default_rng(2)
    truth, p = draw(rng, 40000, [0.05, 0.95])
    assumed = p * np.array([0.5, 0.5]) / [0.05, 0.95]  # what a network of 50 % says
    assumed /= assumed.sum(axis=1, keepdims=True)
    part = Classes(name='class', labels=('a', 'b'), prevalence=(0.5, 0.5))
    n = change_prevalence(assumed, part, {'a': 0.05, 'b': 0.95})[:, 0].sum()
    assert n == pytest.approx((truth == 0).sum(), rel=0.05)
    assert assumed[:, 0].sum() > 3 * n


def test_prevalence_of_nothing():
    """A class that cannot be has no probability; NaN stays NaN."""
    part = Classes(name='class', labels=('a', 'b'), prevalence=(0.25, 0.75))
    p = change_prevalence([[0.5, 0.5], [1, 0], [np.nan, np.nan]], part, {'a': 0, 'b': 1})
    assert_allclose(p, [[0, 1], [0, 1], [np.nan, np.nan]])


@pytest.mark.parametrize(
    ('prevalence', 'error', 'match'),
    [
        ({'a': 0.5}, ValueError, 'must name the classes'),
        ({'a': 0.5, 'b': 0.4}, ValueError, 'sum to one'),
        ({'a': 1.5, 'b': -0.5}, ValueError, 'sum to one'),
        ({'a': 'x', 'b': 0.5}, TypeError, 'dictionary from labels'),
        ([0.5, 0.5], TypeError, 'dictionary from labels'),
    ],
)
def test_wrong_prevalence(prevalence, error, match):
    """A prevalence that cannot be is refused."""
    part = Classes(name='class', labels=('a', 'b'), prevalence=(0.5, 0.5))
    with pytest.raises(error, match=match):
        change_prevalence(np.ones((1, 2)) / 2, part, prevalence)


def test_unknown_prevalence():
    """A file that does not tell its prevalence cannot have another."""
    part = Classes(name='class', labels=('a', 'b'))
    with pytest.raises(ValueError, match='prevalence must be None'):
        change_prevalence(np.ones((1, 2)) / 2, part, {'a': 0.5, 'b': 0.5})


@pytest.mark.parametrize('shares', [[0.3, 0.3, 0.4], [0.8, 0.1, 0.1]])
@pytest.mark.parametrize('confidence', [0.8, 0.9, 0.95])
def test_coverage(shares, confidence):
    """The sets hold the true class as often as they say, for each class and each prevalence."""
    rng = np.random.default_rng(3)
    truth, p = draw(rng, 9000, [1 / 3] * 3, width=0.7)
    p **= 2.0  # overconfident: it does not matter
    p /= p.sum(axis=1, keepdims=True)
    conformal = tuple(tuple(np.sort(p[truth == k, k])[::-1].tolist()) for k in range(3))
    part = Classes(name='class', labels=('a', 'b', 'c'), conformal=conformal)
    truth = rng.choice(3, 9000, p=shares)
    x = truth + rng.normal(0, 0.7, 9000)
    p = np.exp(-((x[:, np.newaxis] - np.arange(3)) ** 2) / 0.49)
    p /= p.sum(axis=1, keepdims=True)
    is_held = conformal_sets(p, part, confidence)[np.arange(9000), truth]
    assert is_held.mean() == pytest.approx(confidence, abs=0.015)
    for k in range(3):
        assert is_held[truth == k].mean() == pytest.approx(confidence, abs=0.035)


def test_thresholds():
    """The rank is ceil((n + 1) * confidence); all are taken where sources are too few."""
    values = tuple(np.arange(9, 0, -1) / 10)
    part = Classes(name='class', labels=('a', 'b'), conformal=(values, values[:3]))
    assert_allclose(conformal_thresholds(part, 0.9), [0.1, 0])
    assert_allclose(conformal_thresholds(part, 0.75), [0.2, 0.7])
    assert_allclose(conformal_thresholds(part, 0.91), [0, 0])


def test_nan_is_in_no_set():
    """A source without probabilities has an empty set."""
    part = Classes(name='class', labels=('a', 'b'), conformal=((0.5,), (0.5,)))
    assert not conformal_sets([[np.nan, np.nan]], part, 0.5).any()


@pytest.mark.parametrize('confidence', [0, 1, 90, '0.9', True])
def test_wrong_confidence(confidence):
    """A confidence is between 0 and 1."""
    part = Classes(name='class', labels=('a', 'b'), conformal=((0.5,), (0.5,)))
    with pytest.raises(ValueError, match='confidence must be a number between 0 and 1'):
        conformal_thresholds(part, confidence)


def test_no_conformal():
    """A file without held out sources has no sets."""
    part = Classes(name='class', labels=('a', 'b'))
    with pytest.raises(ValueError, match='confidence must be None'):
        conformal_thresholds(part, 0.9)


def test_threshold_belongs_to_the_set():
    """A source as probable as the threshold is in the set, as each held out source must be."""
    part = Classes(name='class', labels=('a', 'b'), conformal=((0.5,), (0.75,)))
    assert conformal_sets([[0.5, 0.5]], part, 0.5).tolist() == [[True, False]]
