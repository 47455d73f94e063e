# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Joint distributions given as mixtures of normal distributions.
"""

import math
from functools import cache
from statistics import NormalDist

import numpy as np

# The table of the normal distribution: beyond nine deviations lie 1e-19 of
# it; cubic interpolation over 1/128 deviation is good to 1e-11.
_REACH, _NODES_PER_SIGMA = 9, 128


class JointMixture:
    """
    One distribution per source: a mixture of normal distributions.

    All values are on the axes that the parameters' ``log`` names.

    Parameters
    ----------
    weights : `~numpy.ndarray` with shape (n_source, n_component)
        The weights, which sum to one for each source.

    means : `~numpy.ndarray` with shape (n_source, n_component, p)
        The means.

    factors : `~numpy.ndarray` with shape (n_source, n_component, p, p)
        The lower triangular Cholesky factors of the covariance matrices.

    parameters : tuple of `~starcnn.networks.Parameter`
        The ``p`` parameters in order.
    """

    def __init__(self, weights, means, factors, parameters):
        self.weights = weights
        self.means = means
        self.factors = factors
        self.parameters = parameters
        self.sigmas = np.sqrt((factors**2).sum(axis=-1))

    @classmethod
    def from_output(cls, output, part):
        """
        Make the distributions of an output that a `Mixture` or `Parameter` describes.
        """
        p = len(part.parameters)
        output = np.array(output, dtype=np.float64)
        if output.ndim == 2:  # mean and standard deviation of one parameter
            output = np.insert(output, 0, 1, axis=1)[:, np.newaxis]
        output[~np.isfinite(output).all(axis=(1, 2))] = np.nan
        weights, means = output[..., 0], output[..., 1 : 1 + p]
        factors = np.zeros((*weights.shape, p, p))
        factors[(..., *np.tril_indices(p))] = output[..., 1 + p :]
        total = weights.sum(axis=1, keepdims=True)
        if (weights < 0).any() or (abs(total - 1) > 1e-3).any():
            msg = f'outputs[{part.name!r}] must have weights that sum to one'
            raise ValueError(msg)
        if (factors[..., range(p), range(p)] <= 0).any():
            msg = f'outputs[{part.name!r}] must have standard deviations above zero'
            raise ValueError(msg)
        return cls(weights / total, means, factors, part.parameters)

    def __len__(self):
        return len(self.weights)

    def take(self, rows):
        """
        Return the distributions of some sources.
        """
        return JointMixture(
            self.weights[rows], self.means[rows], self.factors[rows], self.parameters
        )

    def keep(self, axes):
        """
        Return the distributions of some parameters.
        """
        axes = list(axes)
        rows = self.factors[..., axes, :]
        covariance = rows @ rows.swapaxes(-1, -2)
        is_nan = np.isnan(covariance).any(axis=(-2, -1))
        covariance[is_nan] = np.eye(len(axes))
        factors = np.linalg.cholesky(covariance)
        factors[is_nan] = np.nan
        parameters = tuple(self.parameters[k] for k in axes)
        return JointMixture(self.weights, self.means[..., axes], factors, parameters)

    def quantile(self, k, q):
        """
        Return where parameter ``k`` exceeds the fraction ``q`` (0 to 1).
        """
        weight, mean, sigma = self.weights, self.means[..., k], self.sigmas[..., k]
        # the quantile of a mixture lies between those of its components
        ends = mean + NormalDist().inv_cdf(q) * sigma
        low, high = ends.min(axis=1), ends.max(axis=1)
        x = (weight * ends).sum(axis=1)
        tolerance = 1e-9 * sigma.min(axis=1)
        active = np.flatnonzero(np.isfinite(x))
        for _ in range(200):  # Newton's steps, or halves of the bracket where they leave it
            if not len(active):
                break
            w, s, at = weight[active], sigma[active], x[active, np.newaxis]
            t = (at - mean[active]) / s
            excess = (w * _normal_cdf(t)).sum(axis=1) - q
            high[active] = np.where(excess > 0, x[active], high[active])
            low[active] = np.where(excess > 0, low[active], x[active])
            with np.errstate(divide='ignore', invalid='ignore'):
                new = x[active] - excess / (w * _normal_pdf(t) / s).sum(axis=1)
            is_inside = (new > low[active]) & (new < high[active])
            new = np.where(is_inside, new, (low[active] + high[active]) / 2)
            is_moving = abs(new - x[active]) > tolerance[active] + 1e-15 * abs(new)
            x[active] = new
            active = active[is_moving]
        return x

    def cdf(self, k, x):
        """
        Return the probability that parameter ``k`` is below x, (n_source, m).
        """
        t = self._standardised(k, x)
        return (self.weights[:, np.newaxis] * _normal_cdf(t)).sum(axis=-1)

    def log_pdf(self, x):
        """
        Return the logarithm of the joint density at x, (n_source, m, p).
        """
        p = len(self.parameters)
        factors = self.factors[:, np.newaxis]
        offset = x[:, :, np.newaxis] - self.means[:, np.newaxis]
        z = np.zeros_like(offset)
        with np.errstate(divide='ignore'):
            log_pdf = np.log(self.weights)[:, np.newaxis] - p / 2 * np.log(2 * np.pi)
        for k in range(p):  # forward substitution
            known = (factors[..., k, :k] * z[..., :k]).sum(axis=-1)
            z[..., k] = (offset[..., k] - known) / factors[..., k, k]
            log_pdf = log_pdf - z[..., k] ** 2 / 2 - np.log(factors[..., k, k])
        top = log_pdf.max(axis=-1, keepdims=True)
        top[np.isneginf(top)] = 0
        with np.errstate(divide='ignore'):
            return np.log(np.exp(log_pdf - top).sum(axis=-1)) + top[..., 0]

    def mode(self, k):
        """
        Return where the density of parameter ``k`` is largest.
        """
        mean, sigma = self.means[..., k], self.sigmas[..., k]
        x = mean.copy()  # every component climbs to the top of its hill
        active = np.flatnonzero(np.isfinite(mean).all(axis=1))
        for _ in range(500):
            if not len(active):
                break
            pull = self._densities(k, x, active) / sigma[active, np.newaxis] ** 2
            with np.errstate(invalid='ignore'):
                new = (pull * mean[active, np.newaxis]).sum(axis=-1) / pull.sum(axis=-1)
            new = np.where(np.isfinite(new), new, x[active])
            is_moving = abs(new - x[active]) > 1e-7 * sigma[active]
            x[active] = new
            active = active[is_moving.any(axis=1)]
        density = self._densities(k, x, np.arange(len(x))).sum(axis=-1)
        return np.take_along_axis(x, density.argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]

    def mean(self, k):
        """
        Return the mean of parameter ``k`` itself, not of its logarithm.
        """
        values = self.means[..., k]
        if self.parameters[k].log:
            with np.errstate(over='ignore'):
                values = np.exp(np.log(10) * values + (np.log(10) * self.sigmas[..., k]) ** 2 / 2)
        return (self.weights * values).sum(axis=1)

    def draw(self, n_draws, rng):
        """
        Return draws with shape (n_source, n_draws, p).
        """
        n_source, n_component = self.weights.shape
        uniform = rng.random((n_source, n_draws))
        below = self.weights.cumsum(axis=1)[:, :-1]
        component = np.zeros(uniform.shape, dtype=np.int64)
        for c in range(n_component - 1):
            component += uniform > below[:, c, np.newaxis]
        z = rng.standard_normal((n_source, n_draws, len(self.parameters)))
        rows = np.arange(n_source)[:, np.newaxis]
        draws = self.means[rows, component]
        for k in range(len(self.parameters)):
            for j in range(k + 1):
                draws[..., k] += self.factors[rows, component, k, j] * z[..., j]
        return draws

    def _standardised(self, k, x):
        """Return x in each component's deviations, (n_source, m, n_component)."""
        mean, sigma = self.means[:, np.newaxis, :, k], self.sigmas[:, np.newaxis, :, k]
        return (x[..., np.newaxis] - mean) / sigma

    def _densities(self, k, x, rows):
        """Return the components' densities at x of some rows, (n_row, m, n_component)."""
        mean, sigma = self.means[rows][:, np.newaxis, :, k], self.sigmas[rows][:, np.newaxis, :, k]
        t = (x[rows][..., np.newaxis] - mean) / sigma
        return self.weights[rows][:, np.newaxis] * _normal_pdf(t) / sigma


def _normal_pdf(t):
    """Return the density of the standard normal distribution."""
    return np.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)


def _normal_cdf(t):
    """Return the cumulative distribution, good to 1e-11 (numpy has no erf)."""
    cumulative, slope = _normal_table()
    at = (np.clip(t, -_REACH, _REACH) + _REACH) * _NODES_PER_SIGMA
    node = np.nan_to_num(at).astype(np.int64).clip(max=len(cumulative) - 2)
    f = at - node
    g = 1 - f
    # cubic Hermite interpolation of values and slopes
    return (
        cumulative[node] * (1 + 2 * f) * g**2
        + slope[node] * f * g**2
        + cumulative[node + 1] * (1 + 2 * g) * f**2
        - slope[node + 1] * g * f**2
    )


@cache
def _normal_table():
    """Return the cumulative distribution at the nodes, and its slope per node."""
    nodes = np.linspace(-_REACH, _REACH, 2 * _REACH * _NODES_PER_SIGMA + 1)
    cumulative = np.array([math.erfc(-t / math.sqrt(2)) / 2 for t in nodes])
    return cumulative, _normal_pdf(nodes) / _NODES_PER_SIGMA
