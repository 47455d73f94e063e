# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the two networks are trained for.
"""

import torch

from starcnn.train.likelihoods import grid_nll

__all__ = ['default_loss', 'paper_loss']

# Section 3.2 of Bialopetravicius & Narbutis (2020): the widths of the Gaussians around the true
# values, in bins: of the joint grid, and of the others.
_JOINT_WIDTH = 0.25
_SINGLE_WIDTH = 0.5

# Weights of the class and of the visibility beside the joint grid and the size.
_CLASS_WEIGHT = 1.0
_VISIBILITY_WEIGHT = 0.3

_LEAST_SHARE = 0.01  # of a class in a batch

_LEAST = 1e-20  # a probability whose logarithm is still finite


def paper_loss(outputs, truth, *, spec):
    """
    Return the cross-entropy with Gaussian targets (Bialopetravicius & Narbutis 2020, eq. 4).

    Clusters and images without one weigh the same, as in the batches of the paper, half of which
    are backgrounds.

    Parameters
    ----------
    outputs, truth : dict of `torch.Tensor`
        The probabilities of the cells, and the true values on the axes of the
        parameters; ``truth['class']`` is 0 for images without a cluster, which
        count for the class and the visibility only.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    Returns
    -------
    loss : `torch.Tensor`
        The mean over the batch.
    """
    joint, r_h, classes, visibility = spec.outputs
    is_cluster = truth['class'] == 1
    known = {p.name: torch.where(is_cluster, truth[p.name], p.grid[0]) for p in spec.parameters}
    targets = [_gaussian(known[p.name], p.grid, _JOINT_WIDTH) for p in joint.parameters]
    target = torch.einsum('na,nv,nm->navm', *targets)
    size = _gaussian(known['r_h'], r_h.grid, _SINGLE_WIDTH)
    seen = _gaussian(known['visibility'], visibility.grid, _SINGLE_WIDTH)
    cluster = _cross_entropy(outputs[joint.name], target) + _cross_entropy(outputs['r_h'], size)
    everywhere = _balanced_class_loss(outputs[classes.name], truth['class'])
    everywhere = everywhere + _cross_entropy(outputs['visibility'], seen)
    return (torch.where(is_cluster, cluster, 0.0) + everywhere).mean()


def default_loss(outputs, truth, *, spec):
    """
    Return minus the logarithm of the probability of the true cells.

    Parameters
    ----------
    outputs, truth, spec
        As for `paper_loss`.

    Returns
    -------
    loss : `torch.Tensor`
        The mean over the batch; images without a cluster count for the class
        and the visibility only.
    """
    joint, r_h, classes, visibility = spec.outputs
    is_cluster = truth['class'] == 1
    seen = {'visibility': torch.where(is_cluster, truth['visibility'], visibility.grid[0])}
    cluster = grid_nll(outputs[joint.name], truth, joint.parameters)
    cluster = cluster + grid_nll(outputs[r_h.name], truth, r_h.parameters)
    everywhere = _CLASS_WEIGHT * _balanced_class_loss(outputs[classes.name], truth['class'])
    everywhere = everywhere + _VISIBILITY_WEIGHT * grid_nll(
        outputs[visibility.name], seen, visibility.parameters
    )
    return (torch.where(is_cluster, cluster, 0.0) + everywhere).mean()


def _log(probabilities):
    return torch.log(torch.clamp(probabilities, min=_LEAST))


def _gaussian(values, grid, width):
    """Return normal distributions around values on an even grid, which sum to one."""
    nodes = torch.tensor(grid, device=values.device)
    scale = width * (grid[1] - grid[0])
    return torch.softmax(-0.5 * ((nodes - values[:, None]) / scale) ** 2, dim=1)


def _cross_entropy(probabilities, target):
    return -(target * _log(probabilities)).flatten(1).sum(dim=1)


def _balanced_class_loss(probabilities, labels):
    """Return losses that weigh both classes the same, whatever their parts of the batch."""
    is_cluster = labels == 1
    share = is_cluster.float().mean().clamp(_LEAST_SHARE, 1 - _LEAST_SHARE)
    balance = torch.where(is_cluster, 1 / share, 1 / (1 - share)) / 2
    return -balance * _log(probabilities.gather(1, labels[:, None])[:, 0])
