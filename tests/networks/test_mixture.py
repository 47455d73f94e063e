# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of mixtures of normal distributions.
"""

import math
from statistics import NormalDist

import numpy as np
import pytest

from starcnn.networks import Mixture, Parameter
from starcnn.networks._mixture import JointMixture, _normal_cdf

X = Parameter(name='x', unit='mag', bounds=(-5.0, 5.0))
Y = Parameter(name='y', unit='yr', bounds=(-5.0, 5.0), log=True)
PART = Mixture(name='m', parameters=(X, Y), n_components=4)


@pytest.fixture
def mixture(rng):
    """Random mixtures of two parameters for 200 sources."""
    weights = rng.dirichlet(np.ones(4), 200)[..., np.newaxis]
    means = rng.normal(size=(200, 4, 2))
    factors = rng.uniform(0.05, 0.5, (200, 4, 3)) * [1, rng.choice([-1, 1]), 1]
    return JointMixture.from_output(np.concatenate([weights, means, factors], axis=-1), PART)


def test_normal_cdf():
    """The table of the normal distribution is good to 1e-11."""
    t = np.linspace(-12, 12, 2001)
    expected = [math.erfc(-value / math.sqrt(2)) / 2 for value in t]
    np.testing.assert_allclose(_normal_cdf(t), expected, rtol=0, atol=1e-11)
    assert np.isnan(_normal_cdf(np.array([np.nan]))).all()


@pytest.mark.parametrize('q', [0.001, 0.16, 0.5, 0.84, 0.999])
def test_quantile(mixture, q):
    """The distribution at its quantile is the quantile's fraction."""
    for k in range(2):
        x = mixture.quantile(k, q)
        np.testing.assert_allclose(mixture.cdf(k, x[:, np.newaxis]), q, rtol=0, atol=1e-8)


def test_quantile_extremes():
    """Quantiles are found for far, narrow and weightless components."""
    output = np.array(
        [
            [[0.5, -1e3, 1e-3], [0.5, 1e3, 1e-3]],
            [[1.0, 8.0, 1e-12], [0.0, 8.0, 1.0]],
            [[1.0, 2.0, 1.0], [0.0, 1e30, 1.0]],
            [[0.999999, 0.0, 1e-6], [1e-6, 0.0, 1e6]],
        ]
    )
    mixture = JointMixture.from_output(output, Mixture(name='m', parameters=(X,), n_components=2))
    z = NormalDist().inv_cdf(0.84)
    # the upper 0.16 of the first is 0.32 of its second component
    first = 1e3 + 1e-3 * NormalDist().inv_cdf(0.68)
    expected = [first, 8, 2 + z, 1e-6 * z]
    np.testing.assert_allclose(mixture.quantile(0, 0.84), expected, rtol=1e-5)


def test_log_pdf(mixture):
    """The joint density is the sum over components, written out."""
    x = mixture.draw(5, np.random.default_rng(1))
    log_pdf = mixture.log_pdf(x)
    for row in range(3):
        density = np.zeros(5)
        for c in range(4):
            factor = mixture.factors[row, c]
            z = np.linalg.solve(factor, (x[row] - mixture.means[row, c]).T)
            norm = 2 * np.pi * np.linalg.det(factor)
            density += mixture.weights[row, c] * np.exp(-(z**2).sum(axis=0) / 2) / norm
        np.testing.assert_allclose(np.exp(log_pdf[row]), density, rtol=1e-10)


def test_log_pdf_far(mixture):
    """Far from everything the logarithm is finite, not minus infinity."""
    assert np.isfinite(mixture.log_pdf(np.full((200, 1, 2), 1e3))).all()


def test_draw(mixture):
    """Draws have the means and covariances of the mixture."""
    draws = mixture.take(slice(0, 20)).draw(40_000, np.random.default_rng(2))
    weights, means = mixture.weights[:20, :, np.newaxis], mixture.means[:20]
    mean = (weights * means).sum(axis=1)
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=0.02)
    offset = means - mean[:, np.newaxis]
    covariance = mixture.factors[:20] @ mixture.factors[:20].swapaxes(-1, -2)
    covariance += offset[..., np.newaxis] * offset[..., np.newaxis, :]
    covariance = (weights[..., np.newaxis] * covariance).sum(axis=1)
    for row in range(20):
        np.testing.assert_allclose(np.cov(draws[row].T), covariance[row], atol=0.03)


def test_keep(mixture):
    """Parameters kept in another order have the same distributions."""
    swapped = mixture.keep((1, 0))
    assert swapped.parameters == (Y, X)
    x = mixture.draw(3, np.random.default_rng(3))
    np.testing.assert_allclose(swapped.log_pdf(x[..., ::-1]), mixture.log_pdf(x), rtol=1e-9)
    np.testing.assert_allclose(swapped.quantile(0, 0.3), mixture.quantile(1, 0.3))


def test_mode(mixture):
    """No other value has a larger density than the mode."""
    x = np.linspace(-5, 5, 4001)
    mesh = np.broadcast_to(x[:, np.newaxis], (200, x.size, 1))
    one = mixture.keep((0,))
    top = one.log_pdf(mixture.mode(0)[:, np.newaxis, np.newaxis])[:, 0]
    assert (one.log_pdf(mesh).max(axis=1) <= top + 1e-6).all()


def test_mean(mixture):
    """The mean is that of the value, not of its logarithm."""
    few = mixture.take(slice(0, 20))
    draws = few.draw(40_000, np.random.default_rng(4))
    np.testing.assert_allclose(few.mean(0), draws[..., 0].mean(axis=1), atol=0.03)
    narrow = JointMixture.from_output([[2.0, 0.1]] * 5, Y)
    expected = (10 ** narrow.draw(40_000, np.random.default_rng(5))[..., 0]).mean(axis=1)
    np.testing.assert_allclose(narrow.mean(0), expected, rtol=0.01)


def test_nan(mixture):
    """A source with NaN has NaN everywhere, and no other source has."""
    output = np.concatenate(
        [
            mixture.weights[..., np.newaxis],
            mixture.means,
            mixture.factors[(..., *np.tril_indices(2))],
        ],
        axis=-1,
    )
    output[3, 1, 2] = np.nan
    output[5] = np.inf
    spoiled = JointMixture.from_output(output, PART)
    bad = np.isin(np.arange(200), [3, 5])
    x = np.zeros((200, 1, 2))
    for values in (
        spoiled.quantile(0, 0.5),
        spoiled.mode(1),
        spoiled.mean(0),
        spoiled.cdf(0, x[..., 0])[:, 0],
        spoiled.log_pdf(x)[:, 0],
        spoiled.keep((1,)).log_pdf(x[..., :1])[:, 0],
        spoiled.draw(2, np.random.default_rng(0))[:, 0, 0],
    ):
        assert (np.isnan(values) == bad).all()


def test_errors():
    """Weights must sum to one and deviations must be positive."""
    with pytest.raises(ValueError, match=r"outputs\['m'\] must have weights that sum to one"):
        JointMixture.from_output(np.full((1, 4, 6), 0.5), PART)
    with pytest.raises(ValueError, match=r"outputs\['y'\] must have standard deviations above"):
        JointMixture.from_output([[1.0, 0.0]], Y)
