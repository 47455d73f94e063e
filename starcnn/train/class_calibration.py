# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Make the probabilities of classes come true, and the sets of classes hold the truth.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from starcnn.networks import Classes

__all__ = ['calibrate_classes']

_LEAST = 1e-20  # a probability whose logarithm is still finite

# Of the search for temperature and bias.
_N_STEPS = 200

# Pulls the biases to zero with the weight of one source or so, for classes with few.
_PULL = 0.5

# Probabilities that are kept for each class, at most: ranks of 1/500 are enough for sets with a
# confidence of 99 %.
_N_KEPT = 500
_DIGITS = 6


def calibrate_classes(network, spec, batches, *, with_bias=True):
    """
    Calibrate a classifier on sources that it has not been trained on.

    The temperature (Guo et al. 2017, ICML, 1321) and a bias of each class
    (Alexandari et al. 2020, ICML, 222, who show that a change of the prevalence
    needs it) are those with the largest likelihood. Then the mean probability of
    each class is its fraction among these sources, which is noted as the
    prevalence of the network. The probabilities given to the true classes are
    kept, for sets of classes at any confidence.

    Parameters
    ----------
    network : `starcnn.train.ClassEnsemble`
        The network, on the CPU, whose ``temperature`` and ``bias`` are set.

    spec : `~starcnn.networks.Spec`
        What it eats and returns; one output is a `~starcnn.networks.Classes`.

    batches : iterable of (dict, dict)
        Inputs and truth of the sources.

    with_bias : bool, optional
        Whether the biases are searched for; if not, they are zero.

    Returns
    -------
    spec : `~starcnn.networks.Spec`
        The same with ``prevalence`` and ``conformal``.

    Raises
    ------
    ValueError
        If there is no source of a class.
    """
    (part,) = (part for part in spec.outputs if isinstance(part, Classes))
    network.temperature.fill_(1.0)
    network.bias.zero_()
    p, truth = _run(network, spec, part, batches)
    counts = np.bincount(truth, minlength=len(part.labels))
    if not counts.all():
        absent = [label for label, n in zip(part.labels, counts, strict=True) if not n]
        msg = f'batches must have sources of each class to calibrate with, got none of {absent}'
        raise ValueError(msg)
    logits = torch.log(p.double().clamp(min=_LEAST))
    temperature, bias = _find_best(logits, torch.from_numpy(truth), with_bias=with_bias)
    network.temperature.fill_(temperature)
    network.bias.copy_(bias)
    calibrated = (logits / temperature + bias).softmax(dim=1).numpy()
    changed = replace(
        part,
        prevalence=_round_shares(counts / counts.sum()),
        conformal=tuple(_keep(calibrated[truth == k, k]) for k in range(len(part.labels))),
    )
    return replace(spec, outputs=tuple(changed if x is part else x for x in spec.outputs))


@torch.no_grad()
def _run(network, spec, part, batches):
    """Return the probabilities of sources, and the numbers of their classes."""
    network.eval()
    outputs, truths = [], []
    place = spec.outputs.index(part)
    for inputs, truth in batches:
        outputs.append(network(*(inputs[one.name] for one in spec.inputs))[place])
        truths.append(truth[part.name])
    if not outputs:
        msg = 'batches must have sources to calibrate with, got none'
        raise ValueError(msg)
    return torch.cat(outputs), torch.cat(truths).numpy()


def _find_best(logits, truth, *, with_bias):
    """Return the temperature and the biases with the largest likelihood."""
    log_slope = torch.zeros((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=with_bias)
    searched = [log_slope, bias] if with_bias else [log_slope]
    search = torch.optim.LBFGS(searched, max_iter=_N_STEPS, line_search_fn='strong_wolfe')

    def loss():
        search.zero_grad()
        changed = logits * log_slope.exp() + bias
        value = nn.functional.cross_entropy(changed, truth)
        value = value + _PULL * (bias.square().sum() + log_slope**2) / len(truth)
        value.backward()
        return value

    search.step(loss)
    shift = bias.detach() - bias.detach().mean()
    return math.exp(-float(log_slope.detach())), shift


def _round_shares(shares):
    """Return fractions with a few digits."""
    return tuple(round(float(share), _DIGITS) for share in shares)


def _keep(p):
    """Return the probabilities of a class, the largest first; of very many, as many as needed."""
    p = np.sort(p)[::-1]
    if len(p) > _N_KEPT:
        # with n kept of N, the one of rank k is that of rank ceil(k (N + 1) / (n + 1)) or below:
        # thresholds are a little too low rather than too high
        ranks = np.ceil(np.arange(1, _N_KEPT + 1) * (len(p) + 1) / (_N_KEPT + 1))
        p = p[ranks.astype(int) - 1]
    # rounded down, so that each source is in its own set
    scale = 10.0**_DIGITS
    return tuple((np.floor(p * scale) / scale).tolist())
