# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Make intervals hold the truth as often as they say, whatever filters are missing.
"""

import numpy as np
import torch

from starcnn.networks._grid import JointGrid
from starcnn.networks.parts import Grid, Parameter
from starcnn.train._filter_sets import find_sets

__all__ = ['calibrate']

# Temperatures that are tried; the best is found between them.
TEMPERATURES = np.geomspace(0.25, 3.0, 13)

# The central intervals that are compared with the truth.
LEVELS = np.arange(0.05, 0.96, 0.05)

_LEAST = 1e-20  # a probability whose logarithm is still finite


@torch.no_grad()
def calibrate(network, spec, batches):
    """
    Scale the distributions on grids, so that their intervals hold the truth as they should.

    The logits of each output are divided by a number, its temperature (Guo et
    al. 2017, ICML, 1321), one for each set of filters that may be there: the
    fewer there are, the other is what the network does wrong. Each set is
    tried on all sources that have its filters; the others are taken away.

    It is not the most likely temperature, as in that paper, but the one for
    which the coverage of the central intervals of 5 to 95 % differs least from
    their levels, in the mean square over levels and parameters: a few outliers
    would else decide about the intervals of all.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network, on the CPU, in evaluation mode. It divides the logits of
        output ``k`` by the numbers of row ``k`` of its buffer ``temperatures``.
        That has either one column, or 2**n_filter, such as that of
        `~starcnn.train.CutoutNetwork`: column ``s`` is for images with the
        filters ``i`` for which the bit of ``2**i`` in ``s`` is one; the others
        are NaN. The buffer is multiplied by what is found; the column of no
        filter, and outputs without a grid, stay as they are.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    batches : iterable of (dict, dict)
        The inputs and the truth, of sources that the network has not been
        trained on. Sources with a parameter that is not finite do not count.

    Returns
    -------
    temperatures : dict of dict of float
        For each output with parameters on a grid the temperature of each set,
        such as ``'F336W+F814W'``, or of ``'all'`` if the network has but one.
        Below one the distributions were too wide.

    Raises
    ------
    ValueError
        If the spec has no output on a grid, the network has no such
        temperatures, or there are no sources to calibrate a set with.
    """
    parts = {k: part for k, part in enumerate(spec.outputs) if _is_grid(part)}
    if not parts:
        msg = f'spec must have outputs with grids, got {[part.name for part in spec.outputs]}'
        raise ValueError(msg)
    sets = find_sets(network, spec)
    found = {(k, one.column): [] for k in parts for one in sets}
    for inputs, truth in batches:
        values = {k: _stack_truth(part, truth) for k, part in parts.items()}
        useful = torch.stack([v.isfinite().all(dim=1) for v in values.values()]).any(dim=0)
        for one in sets:
            rows = useful & one.has(inputs)
            taken = one.leave({name: value[rows] for name, value in inputs.items()})
            outputs = network(*(taken[part.name] for part in spec.inputs))
            for k, part in parts.items():
                wanted = values[k][rows]
                known = wanted.isfinite().all(dim=1)
                below = _below(outputs[k][known], part, wanted[known].double().numpy())
                found[k, one.column].append(below)
    factors = torch.ones_like(network.temperatures)
    for k, part in parts.items():
        for one in sets:
            factors[k, one.column] = _find_best(_join(found[k, one.column], part, one))
    network.temperatures *= factors
    return {
        part.name: {one.name: round(float(network.temperatures[k, one.column]), 6) for one in sets}
        for k, part in parts.items()
    }


def _is_grid(part):
    return isinstance(part, Grid) or (isinstance(part, Parameter) and part.grid is not None)


def _stack_truth(part, truth):
    """Return the truth of the parameters of an output, (n, p)."""
    return torch.stack([truth[p.name] for p in part.parameters], dim=1)


def _below(probabilities, part, truth):
    """Return the probability below the truth at each temperature, (n_temperature, n, p)."""
    logits = torch.log(probabilities.clamp(min=_LEAST)).flatten(1)
    below = np.empty((len(TEMPERATURES), *truth.shape))
    for i, temperature in enumerate(TEMPERATURES):
        scaled = (logits / temperature).softmax(dim=1).reshape(probabilities.shape)
        for k, parameter in enumerate(part.parameters):
            others = [axis for axis in range(1, scaled.ndim) if axis != k + 1]
            marginal = scaled.sum(dim=others) if others else scaled
            grid = JointGrid.from_output(marginal.numpy(), parameter)
            below[i, :, k] = grid.cdf(0, truth[:, k : k + 1])[:, 0]
    return below


def _join(below, part, one):
    """Return the probabilities of all batches, of one source at least."""
    joined = np.concatenate(below, axis=1) if below else np.zeros((0, 0))
    if not joined.shape[1]:
        msg = f'batches must have sources with {part.name!r} in filters {one.name}, got none'
        raise ValueError(msg)
    return joined


def _find_best(below):
    """Return the temperature at which the coverage differs least from its level."""
    distance = np.abs(2 * below - 1)[:, np.newaxis]
    coverage = (distance <= LEVELS[:, np.newaxis, np.newaxis]).mean(axis=2)
    miss = ((coverage - LEVELS[:, np.newaxis]) ** 2).mean(axis=(1, 2))
    i = int(miss.argmin())
    log = np.log(TEMPERATURES)
    if not 0 < i < len(log) - 1:
        return float(TEMPERATURES[i])
    # the vertex of the parabola through the smallest value and its neighbours, evenly spaced
    left, middle, right = miss[i - 1 : i + 2]
    shift = (left - right) / (2 * (left - 2 * middle + right)) if left + right > 2 * middle else 0
    return float(np.exp(log[i] + shift * (log[1] - log[0])))
