# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Joint distributions given as probabilities on the product of grids.
"""

import math

import numpy as np

from starcnn.networks._smooth import SmoothMarginal

# Sources that are looked at together: their float64 copies stay small.
_PIECE = 64

# How far from one the sum of the probabilities may be.
_TOLERANCE = 1e-3


class JointGrid:
    """
    One distribution per source: probabilities of the cells around the nodes.

    Inside a joint cell the parameters are independent, and the density of each
    has the shape that its marginal has in this cell; see `SmoothMarginal`. So
    the probabilities of the cells are kept, and the marginals are smooth.

    Cells end halfway between nodes; the outermost reach as far beyond their
    node as inside of it, but not beyond the bounds of the parameter, unless the
    node itself is beyond. All values are on the axes that the parameters'
    ``log`` names.

    Parameters
    ----------
    probabilities : `~numpy.ndarray` with shape (n_source, k1, k2, ...)
        The probabilities, as they came: float arrays are not copied, for they
        may be large.

    parameters : tuple of `~starcnn.networks.Parameter`
        The parameters in the order of the axes, each with its grid.

    totals : `~numpy.ndarray` with shape (n_source,)
        What to divide each source's probabilities by; NaN for no result.

    marginals : list of `~numpy.ndarray` with shape (n_source, k)
        For each parameter its probabilities, which sum to one.
    """

    def __init__(self, probabilities, parameters, totals, marginals):
        self.probabilities = probabilities
        self.parameters = parameters
        self.totals = totals
        self.marginals = marginals
        self.edges = [_cell_edges(parameter) for parameter in parameters]
        self._smooth = [None] * len(parameters)  # made when asked for

    @classmethod
    def from_output(cls, output, part):
        """
        Make the distributions of an output that a `Grid` or `Parameter` describes.
        """
        probabilities = np.asarray(output)
        if probabilities.dtype.kind != 'f':
            probabilities = probabilities.astype(np.float64)
        shape = probabilities.shape
        totals = np.empty(len(probabilities))
        marginals = [np.empty((len(probabilities), size)) for size in shape[1:]]
        for rows in _pieces(len(probabilities)):
            piece = probabilities[rows].astype(np.float64)
            if (piece < 0).any():
                raise ValueError(_not_probabilities(part))
            for k, marginal in enumerate(marginals):
                marginal[rows] = _sum_others(piece, (k,))
            totals[rows] = marginals[0][rows].sum(axis=1)
        totals[~np.isfinite(totals)] = np.nan
        if (abs(totals - 1) > _TOLERANCE).any():
            raise ValueError(_not_probabilities(part))
        for marginal in marginals:
            marginal /= totals[:, np.newaxis]
        return cls(probabilities, part.parameters, totals, marginals)

    def __len__(self):
        return len(self.probabilities)

    def take(self, rows):
        """
        Return the distributions of some sources.
        """
        marginals = [marginal[rows] for marginal in self.marginals]
        taken = JointGrid(self.probabilities[rows], self.parameters, self.totals[rows], marginals)
        taken._smooth = [smooth and smooth.take(rows) for smooth in self._smooth]
        return taken

    def keep(self, axes):
        """
        Return the distributions of some parameters, in increasing order.
        """
        marginals = [self.marginals[k] for k in axes]
        kept = marginals[0] if len(axes) == 1 else self.cells(axes)
        ones = np.where(np.isnan(self.totals), np.nan, 1.0)
        result = JointGrid(kept, tuple(self.parameters[k] for k in axes), ones, marginals)
        result._smooth = [self._smooth[k] for k in axes]
        return result

    def cells(self, axes):
        """
        Return the probabilities of the cells of some parameters, in increasing order.
        """
        if len(axes) == 1:
            return self.marginals[axes[0]]
        sizes = [self.probabilities.shape[k + 1] for k in axes]
        cells = np.empty((len(self), *sizes))
        for rows in _pieces(len(self)):
            cells[rows] = _sum_others(self.probabilities[rows].astype(np.float64), axes)
        cells /= np.expand_dims(self.totals, tuple(range(1, cells.ndim)))
        return cells

    def quantile(self, k, q):
        """
        Return where parameter ``k`` exceeds the fraction ``q`` (0 to 1).
        """
        return self._marginal(k).quantile(q)

    def cdf(self, k, x):
        """
        Return the probability that parameter ``k`` is below x, (n_source, m).
        """
        return self._marginal(k).cdf(x)

    def log_pdf(self, x):
        """
        Return the logarithm of the joint density at x, (n_source, m, p).
        """
        rows = np.arange(len(self))[:, np.newaxis]
        cells, density, is_inside = [], 1.0, True
        for k, edges in enumerate(self.edges):
            marginal = self._marginal(k)
            cell, t = marginal.locate(x[..., k])
            cells.append(cell)
            density = density * marginal.shape(cell, t) / np.diff(edges)[cell]
            is_inside = is_inside & (x[..., k] >= edges[0]) & (x[..., k] <= edges[-1])
        probability = self.probabilities[(rows, *cells)] / self.totals[:, np.newaxis]
        is_inside = is_inside | np.isnan(probability)
        with np.errstate(divide='ignore'):
            return np.log(np.where(is_inside, probability * density, 0))

    def mode(self, k):
        """
        Return the node of parameter ``k`` where its density is largest.
        """
        density = self.marginals[k] / np.diff(self.edges[k])
        nodes = np.array(self.parameters[k].grid)[density.argmax(axis=1)]
        return np.where(np.isnan(self.totals), np.nan, nodes)

    def unfold(self, k, radius):
        """
        Return the mean of parameter ``k`` in a ball around the highest joint cell.

        The ball holds the cells at most ``radius`` cells away; its radius is
        counted in cells, and the mean is that of the nodes.
        """
        shape = self.probabilities.shape[1:]
        flat = self.probabilities.reshape(len(self), math.prod(shape))
        peaks = np.stack(np.unravel_index(flat.argmax(axis=1), shape), axis=-1)
        cells = peaks[:, np.newaxis] + _ball(radius, shape)
        is_inside = ((cells >= 0) & (cells < shape)).all(axis=-1)
        cells = np.where(is_inside[..., np.newaxis], cells, 0)
        places = np.ravel_multi_index(tuple(np.moveaxis(cells, -1, 0)), shape)
        weights = np.take_along_axis(flat, places, axis=1).astype(np.float64)
        weights[~is_inside] = 0
        weights[np.isnan(self.totals)] = np.nan
        nodes = np.array(self.parameters[k].grid)[cells[..., k]]
        return (weights * nodes).sum(axis=1) / weights.sum(axis=1)

    def mean(self, k):
        """
        Return the mean of parameter ``k`` itself, not of its logarithm.
        """
        is_log = self.parameters[k].log
        return self._marginal(k).mean(lambda x: 10**x if is_log else x)

    def draw(self, n_draws, rng):
        """
        Return draws with shape (n_source, n_draws, p).
        """
        shape = self.probabilities.shape[1:]
        size = math.prod(shape)
        uniform = rng.random((len(self), n_draws))
        flat = np.empty(uniform.shape, dtype=np.int64)
        for row, probabilities in enumerate(self.probabilities):
            below = probabilities.reshape(size).cumsum(dtype=np.float64)
            # the last sum is one but for rounding; a draw never lands beyond it
            flat[row] = np.searchsorted(below, uniform[row] * below[-1], side='right')
        cells = np.unravel_index(flat.clip(max=size - 1), shape)
        draws = np.empty((*uniform.shape, len(shape)))
        for k, cell in enumerate(cells):
            draws[..., k] = self._marginal(k).place(cell, rng.random(cell.shape))
        draws[np.isnan(self.totals)] = np.nan
        return draws

    def _marginal(self, k):
        """Return the smooth distribution of parameter ``k``."""
        if self._smooth[k] is None:
            self._smooth[k] = SmoothMarginal(self.edges[k], self.marginals[k])
        return self._smooth[k]


def _pieces(n_source):
    """Yield slices of sources."""
    for at in range(0, n_source, _PIECE):
        yield slice(at, at + _PIECE)


def _sum_others(probabilities, axes):
    """Return probabilities summed over all parameters but some."""
    others = tuple(k for k in range(1, probabilities.ndim) if k - 1 not in axes)
    return probabilities.sum(axis=others)


def _not_probabilities(part):
    """Return the message for an output that holds no probabilities."""
    return f'outputs[{part.name!r}] must be probabilities that sum to one'


def _ball(radius, shape):
    """Return the places of the cells at most a radius away from a cell, (n, p)."""
    reach = [min(int(radius), size - 1) for size in shape]
    axes = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing='ij')
    offsets = np.stack(axes, axis=-1).reshape(-1, len(shape))
    return offsets[(offsets**2).sum(axis=1) <= radius**2]


def _cell_edges(parameter):
    """Return the edges of the cells around the nodes of a parameter."""
    nodes = np.array(parameter.grid, dtype=np.float64)
    if len(nodes) < 2:
        msg = f'grid of {parameter.name!r} must have at least two nodes, got {parameter.grid}'
        raise ValueError(msg)
    inner = (nodes[1:] + nodes[:-1]) / 2
    first, last = 2 * nodes[0] - inner[0], 2 * nodes[-1] - inner[-1]
    low, high = parameter.bounds
    # a node beyond a bound keeps its whole cell
    first = max(first, low) if low <= nodes[0] else first
    last = min(last, high) if high >= nodes[-1] else last
    return np.array([first, *inner, last])
