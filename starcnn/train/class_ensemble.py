# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Classifiers that are averaged in one file, and calibrated.
"""

import torch
from torch import nn

__all__ = ['ClassEnsemble']

_LEAST = 1e-20  # a probability whose logarithm is still finite


class ClassEnsemble(nn.Module):
    """
    The mean of the probabilities of several networks, or of one, calibrated.

    The logarithm of the mean probabilities is divided by the ``temperature``,
    and the ``bias`` of each class is added, before they are normalised again.
    Both change nothing until `starcnn.train.calibrate_classes` finds them.

    Parameters
    ----------
    members : sequence of `torch.nn.Module`
        The networks, each of which returns probabilities (n, n_class) in a
        tuple, of the same classes.

    n_classes : int
        The number of classes.
    """

    def __init__(self, members, n_classes):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.register_buffer('temperature', torch.ones(()))
        self.register_buffer('bias', torch.zeros(n_classes))

    def forward(self, images):
        """
        Return the probabilities, (n, n_class), in a tuple.
        """
        mean = sum(member(images)[0] for member in self.members) / len(self.members)
        logits = torch.log(mean.clamp(min=_LEAST)) / self.temperature + self.bias
        return (logits.softmax(dim=1),)
