# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the two networks are trained for.
"""

import torch
from torch.nn import functional

from starcnn.train.likelihoods import grid_nll, grid_square_errors, normal_nll

__all__ = ['default_loss', 'paper_loss']

# The weight of the visibility beside the parameters.
_VISIBILITY_WEIGHT = 0.3

# The weight of squared errors, in dex, beside the likelihood: after 26,000 images the scatter of
# log age is 0.21 with it, and 0.37 to 0.44 without, and the likelihood is better, too.
_SQUARE_WEIGHT = 10.0

_N_IN_USE = 2  # numbers for each parameter out of training: the estimate and its deviation


def paper_loss(outputs, truth, *, spec):
    """
    Return the smooth L1 loss, summed over the parameters (section 4.2, equations 1 and 2).

    The value is that of Bialopetravicius et al. (2019) alone, and so is the
    gradient of all that makes the estimates. The standard deviations, of which
    the paper has none, get the gradient of the negative log-likelihood of the
    errors that the estimates have at this time, so that they become the rms
    errors.

    Parameters
    ----------
    outputs : dict of `torch.Tensor` with shape (n, 2) or (n, 3)
        For each parameter the estimate and its standard deviation, and in
        training the estimate without dropout.

    truth : dict of `torch.Tensor` with shape (n,)
        The true values on the axes of the parameters, as log age.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    Returns
    -------
    loss : `torch.Tensor`
        The mean over the batch.
    """
    loss = 0.0
    for parameter in spec.outputs:
        output, wanted = outputs[parameter.name], truth[parameter.name]
        estimate, deviation = output[:, 0], output[:, 1]
        certain = output[:, 2] if output.shape[1] > _N_IN_USE else estimate
        loss = loss + functional.smooth_l1_loss(estimate, wanted)
        errors = normal_nll(torch.stack([certain.detach(), deviation], dim=1), wanted).mean()
        loss = loss + errors - errors.detach()
    return loss


def default_loss(outputs, truth, *, spec):
    """
    Return minus the logarithm of the probability of the true cells, and squared errors.

    Those are of the means of the distributions, see
    `~starcnn.train.grid_square_errors`.

    Parameters
    ----------
    outputs : dict of `torch.Tensor`
        The probabilities of the cells.

    truth : dict of `torch.Tensor` with shape (n,)
        The true values on the axes of the parameters.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    Returns
    -------
    loss : `torch.Tensor`
        The sum over the outputs, in which the visibility weighs less, and the
        mean over the batch.
    """
    loss = 0.0
    for part in spec.outputs:
        weight = _VISIBILITY_WEIGHT if part.name == 'visibility' else 1.0
        item = outputs[part.name], truth, part.parameters
        terms = grid_nll(*item) + _SQUARE_WEIGHT * grid_square_errors(*item)
        loss = loss + weight * terms.mean()
    return loss
