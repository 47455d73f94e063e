# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the networks are trained for.
"""

import torch

__all__ = ['cross_entropy']

_LEAST = 1e-20  # a probability whose logarithm is still finite


def cross_entropy(outputs, truth):
    """
    Return minus the logarithm of the probability of the true class (Wei et al. 2020, section 3.3).

    Parameters
    ----------
    outputs, truth : dict of `torch.Tensor`
        The probabilities ``class`` (n, n_class), and the number of each class (n,).

    Returns
    -------
    loss : `torch.Tensor`
        The mean over the batch.
    """
    chosen = outputs['class'].gather(1, truth['class'][:, None])
    return -torch.log(chosen.clamp(min=_LEAST)).mean()
