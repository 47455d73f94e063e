# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Two VGG19 with batch norms side by side, as Wei et al. (2020) classify star clusters.
"""

import math
from functools import partial

import torch
from torch import nn

from starcnn.train.pretrained import check_names
from starcnn.train.twins import TwinNetwork

__all__ = ['TwinVGG19BN']

# Simonyan & Zisserman 2014 (arXiv:1409.1556), table 1, column E: the channels of the convolutions
# between the pools.
_STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))

# Of the same: the side of the images before the two dense layers, and the features of these.
_SIDE, _N_DENSE = 7, 4096
_DROPOUT = 0.5


class TwinVGG19BN(TwinNetwork):
    """
    Two VGG19-BN with six channels together, joined by one linear layer (Wei et al. 2020, 3.3).

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        One `~starcnn.networks.Images` with up to six filters goes in, one
        `~starcnn.networks.Classes` comes out.

    size : int, optional
        The side to which stamps are resized, pixels; 299 in section 3.2 of the
        paper.

    dense : bool, optional
        Whether the two dense layers of VGG19 are there, as in the paper: with
        them the network has 279 million weights, 1.1 GB. Without, the last
        images are averaged, and there are 40 million.
    """

    architecture = 'vgg19_bn'

    def __init__(self, spec, *, size=299, dense=True):
        n_features = _N_DENSE if dense else _STAGES[-1][0]
        side = size // 2 ** len(_STAGES)
        copy = partial(_VGG19BN, side=side, dense=dense)
        super().__init__(spec, copy, n_features=n_features, size=size)

    @torch.no_grad()
    def load_start(self, weights, images):  # noqa: ARG002 - all networks are begun alike
        """
        Begin both copies with weights of ImageNet; the last layer stays random.

        Parameters
        ----------
        weights : dict of `torch.Tensor`
            As from `starcnn.train.read_start`: names and shapes of torchvision's
            VGG19-BN, with the dense layers ``classifier.0`` and ``classifier.3``
            (not looked at without dense layers) and the last, ``classifier.6``,
            which is not used.

        images : `torch.Tensor`
            Not used: these weights have their batch norms.

        Raises
        ------
        ValueError
            If names or shapes are not those of VGG19-BN.
        """
        expected = {
            name: tuple(x.shape)
            for name, x in self.copies[0].state_dict().items()
            if not name.endswith('batches_tracked')
        }
        is_dense = any(name.startswith('classifier.') for name in expected)
        unused = 'classifier.6.' if is_dense else 'classifier.'
        weights = {name: x for name, x in weights.items() if not name.startswith(unused)}
        check_names(weights, expected, architecture=self.architecture)
        for copy in self.copies:
            copy.load_state_dict(weights, strict=False)


class _VGG19BN(nn.Module):
    """One copy, without the last layer; the names are those of torchvision."""

    def __init__(self, *, side, dense):
        super().__init__()
        layers, n_in = [], 3
        for n_out, n_layers in _STAGES:
            for _ in range(n_layers):
                layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU()]
                n_in = n_out
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = None
        if dense:
            self.register_buffer('bins', _make_bins(side, _SIDE), persistent=False)
            self.classifier = nn.Sequential(
                nn.Linear(n_in * _SIDE**2, _N_DENSE),
                nn.ReLU(),
                nn.Dropout(_DROPOUT),
                nn.Linear(_N_DENSE, _N_DENSE),
                nn.ReLU(),
                nn.Dropout(_DROPOUT),
            )

    def forward(self, x):
        """Return the features, (n, 4096) or (n, 512)."""
        x = self.features(x)
        if self.classifier is None:
            return x.mean(dim=(2, 3))
        # the adaptive pool of torchvision, which onnxruntime has not
        x = self.bins.T @ x @ self.bins
        return self.classifier(x.flatten(1))


def _make_bins(n_in, n_out):
    """Return the matrix that averages pixels into bins that may overlap, (n_in, n_out)."""
    bins = torch.zeros(n_in, n_out)
    for k in range(n_out):
        first, last = k * n_in // n_out, math.ceil((k + 1) * n_in / n_out)
        bins[first:last, k] = 1 / (last - first)
    return bins
