# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The network of Bialopetravicius et al. (2019), and the recipes; imported only by training.
"""

from functools import partial

import torch
from torch import nn

from starcnn.mocks import make_recipe
from starcnn.mocks.augment import Augment
from starcnn.train.blocks import PreciseLinear, full_precision
from starcnn.train.bottleneck import make_bottlenecks, make_stem
from starcnn.train.cutout_network import CutoutNetwork

from .augment import AugmentWithAlone, shares_alone
from .bank import BANK
from .losses import default_loss, paper_loss
from .simulator import Options
from .spec import FILTERS, make_default, make_paper

__all__ = ['RECIPES', 'PaperNetwork']

# Fig. 4 of the paper: the images after conv5_x, and the features after fc1024.
_WIDTH = 1024

_N_TURNS = 4
_DROPOUT = 0.5  # section 4.2

# Pixels below this are taken as this, electron/s: x + 1 must have a logarithm. The noise is a
# hundred times smaller.
_DARKEST = -0.9

# Of the default network, electron/s: about the noise of a pixel in half an hour.
_SOFTENING = 0.01


class PaperNetwork(nn.Module):
    """
    The 50-layer network of Bialopetravicius et al. (2019), Figs. 3 and 4.

    The images are stretched by log (x + 1) (section 4.3) and turned by 0, 90,
    180 and 270 degrees. All four go through the same layers, and what comes out
    of the last but one is averaged (section 4.1), so that turned images give the
    same results.

    The paper has three linear outputs: an estimate of each parameter, without an
    error. A result of this package has one. It is the rms error of the estimates
    at the end of the training, with new backgrounds and without dropout: a
    number that is learnt for each parameter, and does not depend on the cluster,
    since the network knows nothing of it. So faint clusters have larger errors
    than their percentiles say, and bright ones smaller.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        The spec of the network.

    training_turns : int, optional
        How many of the four go through the layers while it is trained. One,
        where images are turned at random in each pass, takes a quarter of the
        time.

    Raises
    ------
    ValueError
        If the images are not square.
    """

    def __init__(self, spec, *, training_turns=_N_TURNS):
        super().__init__()
        self.training_turns = training_turns
        ny, nx = spec.inputs[0].shape
        if ny != nx:
            msg = f'shape must be square for images to be turned, got {(ny, nx)}'
            raise ValueError(msg)
        low, high = torch.tensor([parameter.bounds for parameter in spec.outputs]).T
        self.stem = make_stem(len(spec.inputs[0].filters))
        self.convolutions = make_bottlenecks()
        self.dense = nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.ReLU())
        self.dropout = nn.Dropout(_DROPOUT)
        self.estimates = PreciseLinear(_WIDTH, len(low))
        with torch.no_grad():
            self.estimates.bias[:] = (low + high) / 2
        self.log_deviations = nn.Parameter(((high - low) / 4).log())

    def forward(self, images):
        """
        Return estimates and their standard deviations, (n, 2) for each parameter.

        In training there is a third column, the estimates without dropout.
        """
        n_turns = self.training_turns if self.training else _N_TURNS
        with full_precision(images):
            stretched = torch.log1p(images.clamp(min=_DARKEST))
            turned = [torch.rot90(stretched, k, dims=(2, 3)) for k in range(n_turns)]
        features = self.stem(torch.cat(turned))
        features = self.dense(self.convolutions(features).mean(dim=(2, 3)))
        features = features.unflatten(0, (n_turns, -1)).mean(dim=0)
        estimates = self.estimates(features)
        columns = [estimates, self.log_deviations.exp() + torch.zeros_like(estimates)]
        if self.training:
            columns = [self.estimates(self.dropout(features)), columns[1], estimates]
        return torch.stack(columns, dim=2).unbind(dim=1)


_ALL_CLUSTERS = {'exposure_times': Options().exposure_times, 'background': 0.0}
_make_recipe = partial(make_recipe, bank=BANK, n_mocks=200_000)  # section 4.3

# Sections 4.2 and 4.3: Adam from 0.01, halved after each of 5 passes, in batches of 64. Images are
# turned and mirrored at random, so that one direction at a time is enough.
_PAPER = _make_recipe(
    make_paper,
    partial(PaperNetwork, training_turns=1),
    paper_loss,
    augment=Augment(**_ALL_CLUSTERS),
    optimizer='adam',
    schedule='halving',
    learning_rate=1e-2,
    weight_decay=0.0,
    warm_up=0.0,
    clip=None,
    batch_size=64,
    epochs=5,
)
_DEFAULT = _make_recipe(
    make_default,
    partial(CutoutNetwork, softening=_SOFTENING),
    default_loss,
    augment=AugmentWithAlone(**_ALL_CLUSTERS, missing=0.15, alone=shares_alone(FILTERS)),
    learning_rate=2e-3,
    weight_decay=0.02,
    batch_size=128,
    epochs=20,
    calibrate=True,
)

RECIPES = (_DEFAULT, _PAPER)
