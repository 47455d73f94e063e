# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Smooth distributions of one parameter, from the probabilities of cells.
"""

from functools import cache

import numpy as np

# Values that are looked for together: their arrays stay in the processor's cache.
_PIECE = 16_384

# Where a search ends: after a step this small, in parts of the cell. Nine in ten take
# six steps or fewer; where the density is zero each step only halves the error.
_STEP = 1e-10
_N_STEPS = 60

# Gauss-Legendre points in a cell: the mean of 10**x is good to 1e-12 over ten dex.
_N_POINTS = 16

# No slope: the step from there is cut at the end of the bracket.
_FLAT = 1e-30


class SmoothMarginal:
    """
    One distribution per source on the same cells: a monotone piecewise cubic.

    The cumulative distribution goes through its values at the edges of the
    cells, so that the probabilities of the cells are kept. Its slopes there,
    the density, are zero beside a cell with no probability.

    Parameters
    ----------
    edges : `~numpy.ndarray` with shape (k + 1,)
        The edges of the cells, increasing; there are at least two cells.

    probabilities : `~numpy.ndarray` with shape (n_source, k)
        The probabilities of the cells, which sum to one; NaN for no result.

    Notes
    -----
    This is PCHIP: cubics between values are monotone if no slope is above three
    times the mean one on either side (Fritsch & Carlson 1980, SIAM J. Numer.
    Anal. 17, 238, their section 3). The slopes are those of Fritsch & Butland
    (1984, SIAM J. Sci. Stat. Comput. 5, 300), weighted harmonic means of the
    densities of the two cells, and at both ends three-point ones (Moler 2004,
    Numerical Computing with MATLAB, chapter 3).

    `scipy.interpolate.PchipInterpolator` has the same slopes, but from the
    cumulative distribution, in whose differences cells below 1e-16 are lost. They
    are kept here, in parts of the mean density of each cell.
    """

    def __init__(self, edges, probabilities):
        self.edges = edges
        self.probabilities = probabilities
        cumulative = probabilities.cumsum(axis=1)
        self._cumulative = np.pad(cumulative / cumulative[:, -1:], [(0, 0), (1, 0)])
        self._left, self._right = _slopes(np.diff(edges), probabilities)

    def take(self, rows):
        """
        Return the distributions of some sources.
        """
        taken = object.__new__(SmoothMarginal)
        taken.edges, taken.probabilities = self.edges, self.probabilities[rows]
        taken._cumulative = self._cumulative[rows]
        taken._left, taken._right = self._left[rows], self._right[rows]
        return taken

    def quantile(self, q):
        """
        Return where the parameter exceeds the fraction ``q`` (0 to 1), good to 1e-9 of the cell.
        """
        cumulative = self._cumulative
        cell = (cumulative[:, 1:] < q).sum(axis=1).clip(max=cumulative.shape[1] - 2)
        cell = cell[:, np.newaxis]
        low = np.take_along_axis(cumulative, cell, axis=1)
        high = np.take_along_axis(cumulative, cell + 1, axis=1)
        return self.place(cell, (q - low) / (high - low))[:, 0]

    def place(self, cell, fraction):
        """
        Return where a fraction of the probability of a cell is below, (n_source, m).
        """
        width = np.diff(self.edges)
        return self.edges[cell] + width[cell] * _invert(fraction, *self._ends(cell))

    def cdf(self, x):
        """
        Return the probability that the parameter is below x, (n_source, m).
        """
        cell, t = self.locate(x)
        fraction = _cubic(t, *self._ends(cell))
        low = np.take_along_axis(self._cumulative, cell, axis=1)
        high = np.take_along_axis(self._cumulative, cell + 1, axis=1)
        return low + fraction * (high - low)

    def shape(self, cell, t):
        """
        Return the density in parts of its mean over the cell, (n_source, m).
        """
        # never below zero but for rounding
        return np.maximum(_slope(t, *self._ends(cell)), 0)

    def locate(self, x):
        """
        Return the cell of each value, and its place there from 0 to 1; of the nearest outside.
        """
        x = np.clip(x, self.edges[0], self.edges[-1])
        cell = np.searchsorted(self.edges, x, side='right') - 1
        cell = cell.clip(max=len(self.edges) - 2)
        return cell, (x - self.edges[cell]) / np.diff(self.edges)[cell]

    def mean(self, function):
        """
        Return the means of a function of the parameter, which is given arrays.
        """
        points, weights = _gauss_legendre()
        values = function(self.edges[:-1, np.newaxis] + np.diff(self.edges)[:, np.newaxis] * points)
        # a cell's mean is linear in the two slopes
        flat, left, right = (
            values @ (weights * _slope(points, *ends)) for ends in ((0, 0), (1, 0), (0, 1))
        )
        means = flat + self._left * (left - flat) + self._right * (right - flat)
        return (self.probabilities * means).sum(axis=1)

    def _ends(self, cell):
        """Return the slopes at the left and the right edge of cells, (n_source, m)."""
        left = np.take_along_axis(self._left, cell, axis=1)
        return left, np.take_along_axis(self._right, cell, axis=1)


def _slopes(widths, probabilities):
    """Return the densities at the left and right edges, in parts of each cell's mean density."""
    density = probabilities / widths
    left, right = np.empty_like(density), np.empty_like(density)
    before, after = density[:, :-1], density[:, 1:]
    w_before, w_after = 2 * widths[1:] + widths[:-1], widths[1:] + 2 * widths[:-1]
    total = w_before * after + w_after * before
    left[:, 1:] = _ratio((w_before + w_after) * before, total)
    right[:, :-1] = _ratio((w_before + w_after) * after, total)
    for end, cell, next_cell in ((left, 0, 1), (right, -1, -2)):
        h, h_next = widths[cell], widths[next_cell]
        steepness = _ratio(density[:, next_cell], density[:, cell])
        end[:, cell] = np.maximum((2 * h + h_next - h * steepness) / (h + h_next), 0)
    return left, right


def _ratio(a, b):
    """Return a / b, zero where b is."""
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        return np.where(b == 0, 0, a / b)


def _cubic(t, left, right):
    """Return the part of a cell's probability below t, exactly 0 at 0 and 1 at 1."""
    s = 1 - t
    return t * (t * (3 - 2 * t) + s * (left * s - right * t))


def _slope(t, left, right):
    """Return the derivative of `_cubic`."""
    s = 1 - t
    return left * s**2 + 2 * (3 - left - right) * s * t + right * t**2


def _invert(fraction, left, right):
    """Return where `_cubic` is a fraction; arrays of one shape."""
    arrays = [np.broadcast_to(array, fraction.shape).ravel() for array in (left, right)]
    flat = fraction.ravel()
    t = np.empty(flat.shape)
    for at in range(0, flat.size, _PIECE):
        rows = slice(at, at + _PIECE)
        t[rows] = _search(flat[rows], *(array[rows] for array in arrays))
    return t.reshape(fraction.shape)


def _search(fraction, left, right):
    """
    Return where `_cubic` is a fraction, by Newton's steps.

    The search stays on the side of the inflection that holds the root. There the
    cubic is convex or concave: from the second step on all are towards the root.
    """
    third, second = left + right - 2, 3 - 2 * left - right
    bend = np.ones_like(fraction)
    np.divide(-second, 3 * third, out=bend, where=third != 0)
    bend = bend.clip(0, 1)
    is_before = fraction < _cubic(bend, left, right)
    low, high = np.where(is_before, 0, bend), np.where(is_before, bend, 1)
    t = np.clip(fraction, low, high)
    at = np.arange(len(t))
    for _ in range(_N_STEPS):
        old = t[at]
        excess = ((third[at] * old + second[at]) * old + left[at]) * old - fraction[at]
        slope = (3 * third[at] * old + 2 * second[at]) * old + left[at]
        t[at] = np.clip(old - excess / np.maximum(slope, _FLAT), low[at], high[at])
        at = at[abs(t[at] - old) > _STEP]
        if not len(at):
            break
    return t


@cache
def _gauss_legendre():
    """Return points from 0 to 1, and their weights, which sum to one."""
    points, weights = np.polynomial.legendre.leggauss(_N_POINTS)
    return (points + 1) / 2, weights / 2
