# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of distributions on grids.
"""

import numpy as np
import pytest
from scipy.stats import kstest

from starcnn.networks import Grid, Parameter
from starcnn.networks._grid import JointGrid
from starcnn.networks._smooth import SmoothMarginal

X = Parameter(name='x', unit='mag', bounds=(0.0, 4.0), grid=(0.0, 1.0, 2.0, 4.0))
Y = Parameter(name='y', unit='yr', bounds=(0.0, 9.0), log=True, grid=(1.0, 2.0, 3.0))
PART = Grid(name='g', parameters=(X, Y))


@pytest.fixture
def grid(rng):
    """Random distributions of two parameters for 50 sources."""
    return JointGrid.from_output(rng.dirichlet(np.ones(12), 50).reshape(50, 4, 3), PART)


def test_edges(grid):
    """Cells end between nodes, and at the bounds or half a cell beyond the last node."""
    np.testing.assert_array_equal(grid.edges[0], [0, 0.5, 1.5, 3, 4])
    np.testing.assert_array_equal(grid.edges[1], [0.5, 1.5, 2.5, 3.5])


@pytest.mark.parametrize(
    ('bounds', 'edges'),
    [
        ((0.0, 4.0), [0, 1.5, 2.5, 4]),
        ((1.2, 2.7), [0.5, 1.5, 2.5, 3.5]),  # the outer nodes are beyond the bounds
        ((1.0, 3.0), [1, 1.5, 2.5, 3]),
    ],
)
def test_edges_and_bounds(bounds, edges):
    """A node beyond a bound keeps its cell; other cells end at the bounds."""
    parameter = Parameter(name='x', unit='', bounds=bounds, grid=(1.0, 2.0, 3.0))
    grid = JointGrid.from_output(np.full((1, 3), 1 / 3), parameter)
    expected = np.clip(edges, 0.5, 3.5)
    np.testing.assert_allclose(grid.edges[0], expected)


def test_float32(rng):
    """Float32 outputs are not copied, and sums over them are still good to eight digits."""
    output = rng.dirichlet(np.ones(12), 300).reshape(300, 4, 3).astype(np.float32)
    grid = JointGrid.from_output(output, PART)
    assert grid.probabilities is output
    exact = output.astype(np.float64)
    exact /= exact.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(grid.marginals[0], exact.sum(axis=2), rtol=1e-12)
    np.testing.assert_allclose(grid.marginals[1], exact.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(grid.cells((0, 1)), exact, rtol=1e-12)


def test_unfold():
    """The estimate is the mean of the nodes around the highest joint cell, not of all."""
    nodes = tuple(range(20))
    x = Parameter(name='x', unit='', bounds=(0.0, 19.0), grid=nodes)
    part = Grid(name='g', parameters=(x, Parameter(name='y', unit='', bounds=(0, 19), grid=nodes)))
    output = np.zeros((3, 20, 20))
    output[0, 5, 5], output[0, 8, 5] = 0.6, 0.4  # three cells away: inside
    output[1, 5, 5], output[1, 9, 5] = 0.6, 0.4  # four: outside
    output[2, 5, 5], output[2, 8, 8] = 0.6, 0.4  # more than three on the diagonal: outside
    grid = JointGrid.from_output(output, part)
    np.testing.assert_allclose(grid.unfold(0, 3), [5 * 0.6 + 8 * 0.4, 5, 5])
    np.testing.assert_allclose(grid.unfold(1, 3), [5, 5, 5])
    np.testing.assert_allclose(grid.unfold(0, 5), [6.2, 6.6, 6.2])
    np.testing.assert_allclose(grid.unfold(0, 0), 5)


def test_unfold_at_the_border():
    """The ball ends at the border of the grid."""
    grid = JointGrid.from_output([[0.7, 0.3, 0, 0], [0, 0, 0.2, 0.8]], X)
    np.testing.assert_allclose(grid.unfold(0, 1), [0.3, 2 * 0.2 + 4 * 0.8])


def test_uniform():
    """Equal probabilities in equal cells make a uniform distribution."""
    grid = JointGrid.from_output(np.full((1, 3), 1 / 3), Y)
    for q in (0.01, 0.16, 0.5, 0.84, 0.99):
        np.testing.assert_allclose(grid.quantile(0, q), 0.5 + 3 * q)
    np.testing.assert_allclose(np.exp(grid.log_pdf(np.full((1, 1, 1), 2.2))), 1 / 3)
    np.testing.assert_allclose(grid.mean(0), (10**3.5 - 10**0.5) / (3 * np.log(10)))


def test_quantile(grid):
    """The distribution at its quantile is the quantile's fraction."""
    for k in range(2):
        for q in (0.001, 0.16, 0.5, 0.84, 0.999):
            np.testing.assert_allclose(grid.cdf(k, grid.quantile(k, q)[:, np.newaxis]), q)


def test_cdf_outside(grid):
    """Below the grid the distribution is zero, above it one."""
    cdf = grid.cdf(0, np.array([[-1.0, 0.0, 4.0, 9.0]] * 50))
    np.testing.assert_allclose(cdf, [[0, 0, 1, 1]] * 50)


def gauss_legendre(edges):
    """Return points and weights that integrate a quadratic in each cell, (n_cell, 2)."""
    points, weights = np.polynomial.legendre.leggauss(2)
    half = np.diff(edges)[:, np.newaxis] / 2
    return edges[:-1, np.newaxis] + half * (1 + points), half * weights


def test_log_pdf(grid):
    """The density integrates to the probability of each joint cell, and is zero outside."""
    (x, x_weights), (y, y_weights) = (gauss_legendre(edges) for edges in grid.edges)
    mesh = np.stack(np.meshgrid(x.ravel(), y.ravel(), indexing='ij'), axis=-1)
    mesh = np.broadcast_to(mesh.reshape(1, -1, 2), (50, x.size * y.size, 2))
    density = np.exp(grid.log_pdf(mesh)).reshape(50, *x.shape, *y.shape)
    total = np.einsum('nixjy,ix,jy->nij', density, x_weights, y_weights)
    np.testing.assert_allclose(total, grid.probabilities, rtol=1e-12)
    outside = np.array([[-0.01, 2], [4.01, 2], [1, 0.49], [1, 3.51], [np.inf, 2]])
    assert (grid.log_pdf(np.broadcast_to(outside, (50, 5, 2))) == -np.inf).all()


def test_marginal_of_density(grid):
    """Integrated over the other parameter, the density is the slope of the distribution."""
    y, weights = gauss_legendre(grid.edges[1])
    x = np.array([0.2, 0.5, 1.1, 2.9, 3.7])
    mesh = np.stack(np.meshgrid(x, y.ravel(), indexing='ij'), axis=-1).reshape(1, -1, 2)
    density = np.exp(grid.log_pdf(np.broadcast_to(mesh, (50, 30, 2)))).reshape(50, 5, 6)
    alone = np.exp(grid.keep((0,)).log_pdf(np.broadcast_to(x[:, np.newaxis], (50, 5, 1))))
    np.testing.assert_allclose(density @ weights.ravel(), alone, rtol=1e-12)
    below, above = (grid.cdf(0, np.broadcast_to(x + step, (50, 5))) for step in (-1e-6, 1e-6))
    np.testing.assert_allclose(alone, (above - below) / 2e-6, atol=1e-5)


def test_zero_marginal():
    """Where a parameter has no probability the joint density is zero, and no draw falls."""
    grid = JointGrid.from_output([[[0, 0.3, 0.1], [0, 0, 0], [0, 0.2, 0.1], [0, 0, 0.3]]], PART)
    x = np.array([[[0.3, 1.0], [1.0, 2.0], [3.5, 1.0], [0.3, 2.0]]])
    np.testing.assert_array_equal(grid.log_pdf(x)[0, :3], -np.inf)
    assert np.isfinite(grid.log_pdf(x)[0, 3])
    draws = grid.draw(2000, np.random.default_rng(1))[0]
    assert not ((draws[:, 0] > 0.5) & (draws[:, 0] < 1.5)).any()
    assert (draws[:, 1] > 1.5).all()


def test_draw(grid):
    """Draws fall into the cells as often as their probabilities say."""
    grid = grid.take(range(10))
    draws = grid.draw(20_000, np.random.default_rng(1))
    for row in range(5):
        counts, _, _ = np.histogram2d(*draws[row].T, bins=grid.edges)
        np.testing.assert_allclose(counts / 20_000, grid.probabilities[row], atol=0.015)
    np.testing.assert_allclose(grid.mean(0), draws[..., 0].mean(axis=1), atol=0.03)
    np.testing.assert_allclose(grid.mean(1), (10 ** draws[..., 1]).mean(axis=1), rtol=0.05)


def test_draws_follow_the_distribution(grid):
    """Each parameter of the draws has its distribution, also inside the cells."""
    draws = grid.take(range(10)).draw(4000, np.random.default_rng(2))
    for k in range(2):
        ranks = grid.take(range(10)).cdf(k, draws[..., k])
        assert min(kstest(row, 'uniform').pvalue for row in ranks) > 0.005


def test_mode():
    """The mode is the node of the densest cell, not of the widest."""
    grid = JointGrid.from_output([[0.1, 0.3, 0.2, 0.4]], X)
    np.testing.assert_array_equal(grid.mode(0), [4])
    grid = JointGrid.from_output([[0.1, 0.4, 0.45, 0.05]], X)
    np.testing.assert_array_equal(grid.mode(0), [1])


def test_keep_and_take(grid):
    """Selections keep the probabilities, and the shapes inside the cells."""
    np.testing.assert_allclose(grid.keep((1,)).probabilities, grid.probabilities.sum(axis=1))
    np.testing.assert_array_equal(grid.take([4]).probabilities, grid.probabilities[[4]])
    early = grid.take([4]), grid.keep((1,))
    median = grid.quantile(1, 0.5)
    for taken, kept in (early, (grid.take([4]), grid.keep((1,)))):  # before it is asked, after
        np.testing.assert_allclose(taken.quantile(1, 0.5), median[[4]], rtol=1e-14)
        np.testing.assert_allclose(kept.quantile(0, 0.5), median, rtol=1e-14)
        np.testing.assert_allclose(kept.take([4]).quantile(0, 0.5), median[[4]], rtol=1e-14)


def test_made_once(grid, monkeypatch):
    """The shapes of each parameter are made once, and shared with selections made later."""
    made = []
    monkeypatch.setattr(
        'starcnn.networks._grid.SmoothMarginal',
        lambda *args: made.append(args) or SmoothMarginal(*args),
    )
    for q in (0.16, 0.5, 0.84):
        grid.quantile(1, q)
    grid.cdf(1, np.full((50, 1), 2.0))
    grid.take(slice(3)).keep((1,)).quantile(0, 0.5)
    assert len(made) == 1
    grid.mean(0)
    assert len(made) == 2


def test_nan(grid):
    """A source with NaN has NaN everywhere, and no other source has."""
    probabilities = grid.probabilities.copy()
    probabilities[3, 1, 1] = np.nan
    probabilities[5] = np.inf
    spoiled = JointGrid.from_output(probabilities, PART)
    bad = np.isin(np.arange(50), [3, 5])
    x = np.full((50, 1, 2), 1.0)
    for values in (
        spoiled.quantile(0, 0.5),
        spoiled.mode(1),
        spoiled.unfold(0, 3),
        spoiled.mean(0),
        spoiled.cdf(0, x[..., 0])[:, 0],
        spoiled.log_pdf(x)[:, 0],
        spoiled.draw(2, np.random.default_rng(0))[:, 0, 1],
    ):
        assert (np.isnan(values) == bad).all()


@pytest.mark.parametrize('output', [[[0.5, 0.5, 0.5]], [[-0.5, 0.5, 1.0]]])
def test_errors(output):
    """Probabilities must be positive and sum to one."""
    with pytest.raises(ValueError, match=r"outputs\['y'\] must be probabilities that sum to one"):
        JointGrid.from_output(output, Y)


def test_one_node():
    """A grid of one node raises."""
    one = Parameter(name='x', unit='', bounds=(0.0, 1.0), grid=(0.5,))
    with pytest.raises(ValueError, match="grid of 'x' must have at least two nodes"):
        JointGrid.from_output([[1.0]], one)
