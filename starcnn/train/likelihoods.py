# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What training makes small: negative logarithms of probabilities, and squared errors.
"""

import math

import torch

__all__ = ['grid_nll', 'grid_square_errors', 'mixture_nll', 'normal_nll']

_LOG_2PI = math.log(2 * math.pi)

_LEAST = 1e-20  # a probability whose logarithm is still finite


def grid_nll(output, truth, parameters):
    """
    Return the negative logarithm of the probability of the true cells.

    Parameters
    ----------
    output : `torch.Tensor` with shape (n, k1, k2, ...)
        Probabilities, as from `GridHead`.

    truth : dict of `torch.Tensor` with shape (n,)
        The true parameters on their axes. Values outside a grid belong to its
        outermost cell, those that are NaN to its first.

    parameters : tuple of `~starcnn.networks.Parameter`
        The parameters of the axes; the nodes of each are evenly spaced.

    Returns
    -------
    nll : `torch.Tensor` with shape (n,)
        The values, at most 46: probabilities below 1e-20 count as that.
    """
    cells = [_find_cells(truth[parameter.name], parameter.grid) for parameter in parameters]
    rows = torch.arange(len(output), device=output.device)
    return -torch.log(torch.clamp(output[(rows, *cells)], min=_LEAST))


def grid_square_errors(output, truth, parameters):
    """
    Return the squared errors of the means of distributions on a grid.

    Beside `grid_nll` in a loss they change nothing of the best distribution,
    whose means have the smallest errors of all, but networks learn faster: a
    grid does not say which cells are near to the true one.

    Parameters
    ----------
    output, truth, parameters
        As for `grid_nll`.

    Returns
    -------
    errors : `torch.Tensor` with shape (n,)
        The sum over the parameters, zero for those that are NaN. Values beyond
        the outermost nodes count as these.
    """
    total = 0.0
    for k, parameter in enumerate(parameters, start=1):
        others = [axis for axis in range(1, output.ndim) if axis != k]
        marginal = output.sum(dim=others) if others else output
        grid = parameter.grid
        mean = marginal @ torch.tensor(grid, device=output.device)
        wanted = truth[parameter.name].clamp(grid[0], grid[-1])
        wanted = torch.where(wanted.isnan(), mean, wanted)
        total = total + (mean - wanted).square()
    return total


def mixture_nll(output, truth):
    """
    Return the negative logarithm of the probability density at the truth.

    Parameters
    ----------
    output : `torch.Tensor` with shape (n, k, 1 + p + p (p + 1) / 2)
        As from `MixtureHead`.

    truth : `torch.Tensor` with shape (n, p)
        The true parameters on their axes, all of them known.

    Returns
    -------
    nll : `torch.Tensor` with shape (n,)
        The values.
    """
    p = truth.shape[1]
    weights, means, factors = output[..., 0], output[..., 1 : 1 + p], output[..., 1 + p :]
    # solve L z = x - mean row by row; p is small
    residuals = truth[:, None, :] - means
    z, log_det, at = [], 0.0, 0
    for row in range(p):
        rest = residuals[..., row]
        for column in range(row):
            rest = rest - factors[..., at + column] * z[column]
        diagonal = factors[..., at + row]
        z.append(rest / diagonal)
        log_det = log_det + diagonal.log()
        at += row + 1
    chi2 = sum(value**2 for value in z)
    tiny = torch.finfo(output.dtype).tiny
    terms = weights.clamp_min(tiny).log() - chi2 / 2 - log_det - p * _LOG_2PI / 2
    return -terms.logsumexp(dim=1)


def normal_nll(output, truth):
    """
    Return the negative logarithm of the probability density at the truth.

    Parameters
    ----------
    output : `torch.Tensor` with shape (n, 2)
        Mean and standard deviation, as from `NormalHead`.

    truth : `torch.Tensor` with shape (n,)
        The true parameter on its axis.

    Returns
    -------
    nll : `torch.Tensor` with shape (n,)
        The values.
    """
    mean, sigma = output.unbind(dim=1)
    return ((truth - mean) / sigma) ** 2 / 2 + sigma.log() + _LOG_2PI / 2


def _find_cells(values, grid):
    """Return the cells of an even grid in which values lie."""
    places = (torch.nan_to_num(values, nan=grid[0]) - grid[0]) / (grid[1] - grid[0])
    return torch.floor(places + 0.5).clamp(0, len(grid) - 1).long()
