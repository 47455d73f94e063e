# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of smooth distributions from the probabilities of cells.
"""

import numpy as np
import pytest
from scipy import integrate
from scipy.interpolate import PchipInterpolator
from scipy.stats import kstest, norm

from starcnn.networks import _smooth
from starcnn.networks._smooth import SmoothMarginal

EDGES = np.array([0, 0.5, 1.5, 3, 4, 4.2, 5])

# Points and weights from 0 to 1 that integrate a quadratic exactly (Simpson).
POINTS, WEIGHTS = np.array([0, 0.5, 1]), np.array([1, 4, 1]) / 6


@pytest.fixture
def smooth(rng):
    """Distributions of 200 sources: flat ones, peaks, and some with cells of zero."""
    probabilities = rng.dirichlet(np.ones(6), 200)
    probabilities[50:100] = rng.dirichlet(np.full(6, 0.05), 50)
    probabilities[100:] *= rng.random((100, 6)) < 0.6
    probabilities[100:, 3] += 0.01
    return SmoothMarginal(EDGES, probabilities / probabilities.sum(axis=1, keepdims=True))


def everywhere(n):
    """Return n values between each two edges, with the edges, for one source."""
    starts, widths = EDGES[:-1, np.newaxis], np.diff(EDGES)[:, np.newaxis]
    return np.append((starts + widths * np.arange(n) / n).ravel(), EDGES[-1])


def density(smooth, x):
    """Return the density at x."""
    cell, t = smooth.locate(x)
    mean = smooth.probabilities / np.diff(smooth.edges)
    return np.take_along_axis(mean, cell, axis=1) * smooth.shape(cell, t)


def discretised(mean, sigma, edges):
    """Return the probabilities of normal distributions in cells."""
    return np.diff(norm.cdf((edges - mean[:, np.newaxis]) / sigma))


def coverage(quantile, mean, sigma, level):
    """Return how much of normal distributions the central intervals hold on average."""
    low, high = (quantile(0.5 + side * level / 2) for side in (-1, 1))
    return (norm.cdf((high - mean) / sigma) - norm.cdf((low - mean) / sigma)).mean()


def test_is_pchip(smooth):
    """Distribution and density are those of the interpolation of scipy."""
    x = np.broadcast_to(everywhere(20), (200, 121))
    values = np.pad(smooth.probabilities.cumsum(axis=1), [(0, 0), (1, 0)])
    with np.errstate(over='ignore'):
        pchip = PchipInterpolator(EDGES, values, axis=1)
    np.testing.assert_allclose(smooth.cdf(x), pchip(x[0]), atol=1e-14)
    np.testing.assert_allclose(density(smooth, x), pchip.derivative()(x[0]), atol=1e-13)


def test_edges(smooth):
    """The probabilities of the cells are kept exactly."""
    expected = smooth.probabilities.cumsum(axis=1)
    cdf = smooth.cdf(np.broadcast_to(EDGES, (200, 7)))
    np.testing.assert_array_equal(cdf[:, 1:], expected / expected[:, -1:])
    np.testing.assert_array_equal(cdf[:, 0], 0)


def test_density(smooth):
    """The density is the slope of the distribution, smooth, and never negative."""
    x, step = np.broadcast_to(everywhere(20) + 0.001, (200, 121))[:, :-1], 1e-5
    slope = (smooth.cdf(x + step) - smooth.cdf(x - step)) / (2 * step)
    assert (density(smooth, x) >= 0).all()
    np.testing.assert_allclose(density(smooth, x), slope, atol=2e-7)
    inner = np.broadcast_to(EDGES[1:-1], (200, 5))
    np.testing.assert_allclose(density(smooth, inner), density(smooth, inner - 1e-12), atol=1e-9)


def test_shape(smooth):
    """The mean of the shape is one in each cell, also in those with hardly any probability."""
    probabilities = np.array([[1e-300, 1e-40, 1e-20, 1, 1e-18, 1e-30], np.full(6, 1 / 6)])
    for each in (smooth, SmoothMarginal(EDGES, probabilities)):
        cells = np.broadcast_to(np.repeat(np.arange(6), 3), (len(each.probabilities), 18))
        shape = each.shape(cells, np.tile(POINTS, 6)[np.newaxis]).reshape(-1, 6, 3)
        np.testing.assert_allclose(shape @ WEIGHTS, 1, rtol=1e-12)


def test_zero_cells():
    """There is no density in cells without probability, and none beside them."""
    smooth = SmoothMarginal(EDGES, np.array([[0, 0, 1, 0, 0, 0], [0.5, 0, 0, 0, 0, 0.5]]))
    x = np.broadcast_to([0.1, 1.0, 1.5, 2.25, 2.9999999, 3.5, 4.1], (2, 7))
    first, second = density(smooth, x)
    np.testing.assert_allclose(first, [0, 0, 0, 1, 0, 0, 0], atol=1e-6)  # 1.5 times the mean
    assert second[0] > 0
    np.testing.assert_array_equal(second[1:], 0)
    assert (smooth.quantile(1e-12) > [1.5, 0]).all()
    assert (smooth.quantile(1 - 1e-12) < [3, 5]).all()


def test_uniform():
    """A uniform distribution stays uniform, whatever the sizes of the cells."""
    smooth = SmoothMarginal(EDGES, np.diff(EDGES)[np.newaxis] / 5)
    x = np.linspace(0, 5, 101)[np.newaxis]
    np.testing.assert_allclose(smooth.cdf(x), x / 5, atol=1e-15)
    np.testing.assert_allclose(density(smooth, x), 0.2, rtol=1e-14)
    for q in (0.001, 0.16, 0.5, 0.975):
        np.testing.assert_allclose(smooth.quantile(q), 5 * q, rtol=1e-13)


def test_two_cells():
    """Two cells, the smallest grid, make a monotone distribution too."""
    smooth = SmoothMarginal(np.array([0.0, 1, 3]), np.array([[0.5, 0.5], [0.9, 0.1], [1, 0]]))
    np.testing.assert_array_equal(smooth.cdf(np.full((3, 1), 1.0))[:, 0], [0.5, 0.9, 1])
    assert (np.diff(smooth.cdf(np.linspace([0] * 3, [3] * 3, 50, axis=1))) >= 0).all()
    assert (np.diff([smooth.quantile(q) for q in (0.01, 0.4, 0.8, 0.99)], axis=0) > 0).all()


@pytest.mark.parametrize('q', [1e-12, 0.001, 0.16, 0.5, 0.84, 0.999, 1 - 1e-12])
def test_quantile(smooth, q):
    """The quantile inverts the distribution to nine digits of the cell."""
    x = smooth.quantile(q)[:, np.newaxis]
    cell, _ = smooth.locate(x)
    probability = np.take_along_axis(smooth.probabilities, cell, axis=1)
    np.testing.assert_allclose((smooth.cdf(x) - q) / probability, 0, atol=3e-9)


def test_search():
    """The place in the cell is found for all slopes that a monotone cubic can have."""
    slopes = np.linspace(0, 3, 16)
    t = np.concatenate([np.linspace(0, 1, 51), np.geomspace(1e-12, 0.1, 12)])
    left, right, t = (mesh.ravel() for mesh in np.meshgrid(slopes, slopes, t))
    fraction = _smooth._cubic(t, left, right)
    found = _smooth._invert(fraction, left, right)
    np.testing.assert_allclose(_smooth._cubic(found, left, right), fraction, atol=1e-14)
    is_steep = _smooth._slope(t, left, right) > 1e-3
    np.testing.assert_allclose(found[is_steep], t[is_steep], atol=1e-9)


def test_search_in_pieces(rng):
    """Values beyond the first piece are found as well, in their order."""
    fraction = rng.random((3, _smooth._PIECE))
    left, right = np.full((2, *fraction.shape), [[[0.5]], [[2.0]]])
    found = _smooth._invert(fraction, left, right)
    np.testing.assert_allclose(_smooth._cubic(found, left, right), fraction, atol=1e-14)


def test_place(smooth, rng):
    """Fractions of a cell that are uniform from 0 to 1 follow the density in it."""
    cell = np.broadcast_to([[1, 2, 3, 4]], (200, 4))
    x = smooth.place(cell, np.full((200, 4), 0.3))
    share = np.take_along_axis(smooth.probabilities, cell, axis=1)
    expected = smooth.cdf(EDGES[cell]) + 0.3 * share
    np.testing.assert_allclose(smooth.cdf(x), expected, atol=1e-9)
    one = smooth.take([7])
    draws = one.place(np.full((1, 5000), 3), rng.random((1, 5000)))
    below, above = one.cdf(EDGES[np.newaxis, [3, 4]])[0]
    assert kstest((one.cdf(draws)[0] - below) / (above - below), 'uniform').pvalue > 0.01


@pytest.mark.parametrize('function', [lambda x: x, lambda x: 10**x, np.sin])
def test_mean(smooth, function):
    """Means are integrals over the density."""
    means = smooth.mean(function)
    for row in (3, 60, 150):
        one = smooth.take([row])
        expected, _ = integrate.quad(
            lambda x, one=one: function(x) * density(one, np.array([[x]]))[0, 0],
            0, 5, points=EDGES[1:-1], epsrel=1e-10,
        )  # fmt: skip
        np.testing.assert_allclose(means[row], expected, rtol=1e-9)


@pytest.mark.parametrize('level', [0.68, 0.95])
@pytest.mark.parametrize('sigma', [0.3, 0.5, 0.7, 1.0, 2.0, 3.0])
def test_coverage(rng, sigma, level):
    """
    Intervals of normal distributions hold what they say from 0.7 cells on.

    Those of narrower ones hold too much, because the probabilities of cells do
    not tell where in a cell they are, but less so than with constant densities.
    """
    edges = np.arange(41.0)
    mean = rng.uniform(17, 23, 4000)
    probabilities = discretised(mean, sigma, edges)
    cumulative = np.pad(probabilities.cumsum(axis=1), [(0, 0), (1, 0)])
    flat = coverage(
        lambda q: np.array([np.interp(q, row, edges) for row in cumulative]), mean, sigma, level
    )
    smooth = coverage(SmoothMarginal(edges, probabilities).quantile, mean, sigma, level)
    if sigma >= 0.7:
        np.testing.assert_allclose(smooth, level, atol=0.02)
    assert level - 0.001 < smooth < flat
    assert smooth - level < 0.9 * (flat - level)


def test_width_in_one_cell():
    """A distribution in one cell alone has the quantiles of 6 t (1 - t)."""
    smooth = SmoothMarginal(EDGES, np.array([[0, 0, 0, 1.0, 0, 0]]))
    t = smooth.quantile(0.15625)[0] - 3
    np.testing.assert_allclose(t, 0.25, rtol=1e-9)  # 3 t**2 - 2 t**3


def test_take_and_nan(smooth):
    """A selection has the distributions of its sources; NaN stays with its source."""
    probabilities = smooth.probabilities.copy()
    probabilities[3] = np.nan
    spoiled = SmoothMarginal(EDGES, probabilities)
    x = np.full((200, 1), 1.0)
    for values in (spoiled.quantile(0.3), spoiled.cdf(x)[:, 0], spoiled.mean(np.exp)):
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(values)), [3])
    rows = [9, 2]
    np.testing.assert_array_equal(spoiled.take(rows).quantile(0.3), smooth.quantile(0.3)[rows])
    np.testing.assert_array_equal(spoiled.take(rows).cdf(x[:2]), smooth.cdf(x)[rows])
    np.testing.assert_allclose(spoiled.take(rows).mean(np.exp), smooth.mean(np.exp)[rows])
