# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Make intervals hold the truth as often as they say.
"""

import numpy as np
import torch

from starcnn.networks._grid import JointGrid
from starcnn.networks.parts import Grid, Parameter

__all__ = ['calibrate']

# Temperatures that are tried; the best is found between them.
TEMPERATURES = np.geomspace(0.3, 2.0, 20)

# The central intervals that are compared with the truth.
LEVELS = np.arange(0.05, 0.96, 0.05)

_LEAST = 1e-20  # a probability whose logarithm is still finite


@torch.no_grad()
def calibrate(network, spec, batches):
    """
    Scale the distributions on grids, so that their intervals hold the truth as they should.

    The logits of each output are divided by one number, its temperature (Guo et
    al. 2017, ICML, 1321). It is not the most likely one, as there, but that for
    which the coverage of the central intervals of 5 to 95 % differs least from
    their levels, in the mean square over levels and parameters: a few outliers
    would else decide about the intervals of all. The numbers become a part of
    the weights.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network, on the CPU, in evaluation mode. Its ``heads`` are the last
        layers, in the order of the outputs, such as
        `~starcnn.train.GridHead`. They are changed.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    batches : iterable of (dict, dict)
        The inputs and the truth, of sources that the network has not been
        trained on. Sources with a parameter that is not finite do not count.

    Returns
    -------
    temperatures : dict of float
        The temperature of each output with parameters on a grid. Below one
        the distributions were too wide.

    Raises
    ------
    ValueError
        If there are no sources to calibrate with.
    """
    parts = {k: part for k, part in enumerate(spec.outputs) if _is_grid(part)}
    found = {k: [] for k in parts}
    for inputs, truth in batches:
        outputs = network(*(inputs[part.name] for part in spec.inputs))
        for k, part in parts.items():
            values = torch.stack([truth[p.name] for p in part.parameters], dim=1)
            rows = values.isfinite().all(dim=1)
            found[k].append(_below(outputs[k][rows], part, values[rows].double().numpy()))
    temperatures = {}
    for k, part in parts.items():
        below = np.concatenate(found[k], axis=1) if found[k] else np.zeros((0, 0))
        if not below.shape[1]:
            msg = f'batches must have sources with {part.name!r}, got none'
            raise ValueError(msg)
        temperatures[part.name] = _find_best(below)
        for parameter in network.heads[k].linear.parameters():
            parameter /= temperatures[part.name]
    return temperatures


def _is_grid(part):
    return isinstance(part, Grid) or (isinstance(part, Parameter) and part.grid is not None)


def _below(probabilities, part, truth):
    """Return the probability below the truth at each temperature, (n_temperature, n, p)."""
    logits = torch.log(probabilities.clamp(min=_LEAST)).flatten(1)
    below = np.empty((len(TEMPERATURES), *truth.shape))
    for i, temperature in enumerate(TEMPERATURES):
        scaled = (logits / temperature).softmax(dim=1).reshape(probabilities.shape)
        grid = JointGrid.from_output(scaled.numpy(), part)
        for k in range(truth.shape[1]):
            below[i, :, k] = grid.cdf(k, truth[:, k : k + 1])[:, 0]
    return below


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
