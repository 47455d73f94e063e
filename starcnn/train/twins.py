# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Two copies of a network of colour images for stamps in up to six filters.
"""

import torch
from torch import nn
from torch.nn import functional

from starcnn.networks import Classes
from starcnn.train.blocks import PreciseLinear
from starcnn.train.stamp_scaling import ScaleStamps

__all__ = ['TwinNetwork']

_N_COLOURS, _N_COPIES = 3, 2


class TwinNetwork(nn.Module):
    """
    Two copies of a network side by side (Wei et al. 2020, MNRAS, 493, 3178, section 3.3).

    The first copy sees the first three filters and the second the others; what
    is left of the six channels is zero. One linear layer joins their features,
    and softmax makes probabilities of it.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        One `~starcnn.networks.Images` with up to six filters goes in, one
        `~starcnn.networks.Classes` comes out.

    copy : callable
        ``copy()`` returns one network, which turns images with three channels
        into features, (n, n_features).

    n_features : int
        The number of features.

    size : int
        The side to which stamps are resized, pixels.

    Raises
    ------
    ValueError
        If there are more than six filters.
    """

    def __init__(self, spec, copy, *, n_features, size):
        super().__init__()
        (classes,) = (part for part in spec.outputs if isinstance(part, Classes))
        n_filters = len(spec.inputs[0].filters)
        if n_filters > _N_COPIES * _N_COLOURS:
            msg = f'filters must be at most {_N_COPIES * _N_COLOURS}, got {spec.inputs[0].filters}'
            raise ValueError(msg)
        self.n_missing = _N_COPIES * _N_COLOURS - n_filters
        self.scale = ScaleStamps(size)
        self.copies = nn.ModuleList(copy() for _ in range(_N_COPIES))
        self.head = PreciseLinear(_N_COPIES * n_features, len(classes.labels))

    def forward(self, images):
        """
        Return the probabilities of the classes, (n, n_class), in a tuple.
        """
        x = functional.pad(self.scale(images), (0, 0, 0, 0, 0, self.n_missing))
        halves = x.split(_N_COLOURS, dim=1)
        features = [copy(half) for copy, half in zip(self.copies, halves, strict=True)]
        return (self.head(torch.cat(features, dim=1)).softmax(dim=1),)
