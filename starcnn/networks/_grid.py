# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Joint distributions given as probabilities on the product of grids.
"""

import math

import numpy as np


class JointGrid:
    """
    One distribution per source: probabilities of the cells around the nodes.

    Inside a cell the density is constant. Cells end halfway between nodes; the
    outermost reach as far beyond their node as inside of it, but not beyond
    the bounds of the parameter. All values are on the axes that the
    parameters' ``log`` names.

    Parameters
    ----------
    probabilities : `~numpy.ndarray` with shape (n_source, k1, k2, ...)
        The probabilities, which sum to one for each source.

    parameters : tuple of `~starcnn.networks.Parameter`
        The parameters in the order of the axes, each with its grid.
    """

    def __init__(self, probabilities, parameters):
        self.probabilities = probabilities
        self.parameters = parameters
        self.edges = [_cell_edges(parameter) for parameter in parameters]

    @classmethod
    def from_output(cls, output, part):
        """
        Make the distributions of an output that a `Grid` or `Parameter` describes.
        """
        probabilities = np.array(output, dtype=np.float64)
        axes = tuple(range(1, probabilities.ndim))
        probabilities[~np.isfinite(probabilities).all(axis=axes)] = np.nan
        total = probabilities.sum(axis=axes, keepdims=True)
        if (probabilities < 0).any() or (abs(total - 1) > 1e-3).any():
            msg = f'outputs[{part.name!r}] must be probabilities that sum to one'
            raise ValueError(msg)
        return cls(probabilities / total, part.parameters)

    def __len__(self):
        return len(self.probabilities)

    def take(self, rows):
        """
        Return the distributions of some sources.
        """
        return JointGrid(self.probabilities[rows], self.parameters)

    def keep(self, axes):
        """
        Return the distributions of some parameters, in increasing order.
        """
        others = tuple(k + 1 for k in range(len(self.parameters)) if k not in axes)
        return JointGrid(
            self.probabilities.sum(axis=others), tuple(self.parameters[k] for k in axes)
        )

    def quantile(self, k, q):
        """
        Return where parameter ``k`` exceeds the fraction ``q`` (0 to 1).
        """
        cumulative = self._cumulative(k)
        cell = (cumulative[:, 1:] < q).sum(axis=1).clip(max=cumulative.shape[1] - 2)
        rows = np.arange(len(self))
        low, high = cumulative[rows, cell], cumulative[rows, cell + 1]
        edges = self.edges[k]
        return edges[cell] + (edges[cell + 1] - edges[cell]) * (q - low) / (high - low)

    def cdf(self, k, x):
        """
        Return the probability that parameter ``k`` is below x, (n_source, m).
        """
        edges, cumulative = self.edges[k], self._cumulative(k)
        x = np.clip(x, edges[0], edges[-1])
        cell = _cell(x, edges)
        low = np.take_along_axis(cumulative, cell, axis=1)
        high = np.take_along_axis(cumulative, cell + 1, axis=1)
        return low + (high - low) * (x - edges[cell]) / (edges[cell + 1] - edges[cell])

    def log_pdf(self, x):
        """
        Return the logarithm of the joint density at x, (n_source, m, p).
        """
        rows = np.arange(len(self))[:, np.newaxis]
        cells, width, is_inside = [], 1.0, True
        for k, edges in enumerate(self.edges):
            cell = _cell(x[..., k], edges)
            cells.append(cell)
            width = width * (edges[cell + 1] - edges[cell])
            is_inside = is_inside & (x[..., k] >= edges[0]) & (x[..., k] <= edges[-1])
        probability = self.probabilities[(rows, *cells)]
        is_inside = is_inside | np.isnan(probability)
        with np.errstate(divide='ignore'):
            return np.log(np.where(is_inside, probability, 0) / width)

    def mode(self, k):
        """
        Return the node of parameter ``k`` where its density is largest.
        """
        density = self._marginal(k) / np.diff(self.edges[k])
        is_nan = np.isnan(density).any(axis=1)
        return np.where(is_nan, np.nan, np.array(self.parameters[k].grid)[density.argmax(axis=1)])

    def mean(self, k):
        """
        Return the mean of parameter ``k`` itself, not of its logarithm.
        """
        edges = self.edges[k]
        if self.parameters[k].log:
            values = np.diff(10**edges) / np.diff(edges) / np.log(10)
        else:
            values = (edges[1:] + edges[:-1]) / 2
        return self._marginal(k) @ values

    def draw(self, n_draws, rng):
        """
        Return draws with shape (n_source, n_draws, p).
        """
        shape = self.probabilities.shape[1:]
        cumulative = self.probabilities.reshape(len(self), math.prod(shape)).cumsum(axis=1)
        uniform = rng.random((len(self), n_draws))
        flat = np.empty(uniform.shape, dtype=np.int64)
        for row, below in enumerate(cumulative):
            # the last sum is one but for rounding; a draw never lands beyond it
            flat[row] = np.searchsorted(below, uniform[row] * below[-1], side='right')
        cells = np.unravel_index(flat.clip(max=cumulative.shape[1] - 1), shape)
        draws = np.empty((*uniform.shape, len(shape)))
        for k, (cell, edges) in enumerate(zip(cells, self.edges, strict=True)):
            draws[..., k] = edges[cell] + rng.random(cell.shape) * np.diff(edges)[cell]
        draws[np.isnan(cumulative[:, -1])] = np.nan
        return draws

    def _marginal(self, k):
        """Return the probabilities of parameter k, (n_source, n_grid)."""
        return self.keep((k,)).probabilities

    def _cumulative(self, k):
        """Return the probabilities below the cells' edges, from 0 to 1."""
        cumulative = self._marginal(k).cumsum(axis=1)
        return np.pad(cumulative / cumulative[:, -1:], [(0, 0), (1, 0)])


def _cell(x, edges):
    """Return the index of the cell of each value; of the nearest for values outside."""
    return np.clip(np.searchsorted(edges, x, side='right') - 1, 0, len(edges) - 2)


def _cell_edges(parameter):
    """Return the edges of the cells around the nodes of a parameter."""
    nodes = np.array(parameter.grid, dtype=np.float64)
    if len(nodes) < 2:
        msg = f'grid of {parameter.name!r} must have at least two nodes, got {parameter.grid}'
        raise ValueError(msg)
    inner = (nodes[1:] + nodes[:-1]) / 2
    low, high = parameter.bounds
    first = np.clip(low, 2 * nodes[0] - inner[0], nodes[0])
    last = np.clip(high, nodes[-1], 2 * nodes[-1] - inner[-1])
    return np.array([first, *inner, last])
