# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The network of Bialopetravicius & Narbutis (2020), and the recipes; imported only by training.
"""

from functools import partial

import torch
from torch import nn

from starcnn.mocks import make_recipe
from starcnn.mocks.augment import Augment
from starcnn.train.blocks import GridHead, full_precision
from starcnn.train.bottleneck import make_bottlenecks, make_stem
from starcnn.train.cutout_network import CutoutNetwork

from .bank import BANK
from .losses import default_loss, paper_loss
from .simulator import Options
from .spec import make_default, make_paper

__all__ = ['RECIPES', 'PaperNetwork']

# Fig. 6 of the paper: the images after conv5_x, and the features after fc1024.
_WIDTH = 1024

# Of the default network, electron/s: about the noise of a pixel in half an hour.
_SOFTENING = 0.01


class PaperNetwork(nn.Module):
    """
    The 50-layer network of Bialopetravicius & Narbutis (2020), Figs. 5 and 6.

    Each filter of each image is brought to zero mean and unit variance, and
    then stretched by arcsinh (section 2.4), inside the network.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        The spec of the network.
    """

    def __init__(self, spec):
        super().__init__()
        joint, r_h, classes, visibility = spec.outputs
        self.stem = make_stem(len(spec.inputs[0].filters))
        self.convolutions = make_bottlenecks()
        self.dense = nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.ReLU())
        self.joint = GridHead(_WIDTH, joint.dimensions[1:])
        self.r_h = GridHead(_WIDTH, r_h.dimensions[1:])
        self.classes = GridHead(_WIDTH, classes.dimensions[1:])
        self.visibility = GridHead(_WIDTH, visibility.dimensions[1:])

    def forward(self, images):
        """
        Return the probabilities of the cells of the joint grid, size, classes and visibility.
        """
        mean = images.mean(dim=(2, 3), keepdim=True)
        centred = images - mean
        deviation = centred.square().mean(dim=(2, 3), keepdim=True).sqrt()
        # beside a bright cluster, the noise and the stars of the field are a thousandth of one
        with full_precision(images):
            features = self.stem(torch.asinh(centred / (deviation + 1e-9)))
        features = self.dense(self.convolutions(features).mean(dim=(2, 3)))
        heads = (self.joint, self.r_h, self.classes, self.visibility)
        return tuple(head(features) for head in heads)


_EXPOSURE_TIMES = Options().exposure_times
_make_recipe = partial(make_recipe, bank=BANK, n_mocks=50_000)

# Section 3.2: Adam from 0.01 to 0.0001, batches of 512, half of which are backgrounds.
_PAPER = _make_recipe(
    make_paper,
    PaperNetwork,
    paper_loss,
    augment=Augment(exposure_times=_EXPOSURE_TIMES, background=0.5),
    optimizer='adam',
    schedule='exponential',
    learning_rate=1e-2,
    final_learning_rate=1e-2,
    weight_decay=0.0,
    batch_size=512,
    accumulate=4,
    epochs=5,
)
_DEFAULT = _make_recipe(
    make_default,
    partial(CutoutNetwork, softening=_SOFTENING),
    default_loss,
    augment=Augment(
        exposure_times=_EXPOSURE_TIMES, background=0.25, missing=0.15, calibration_scatter=0.2
    ),
    learning_rate=2e-3,
    weight_decay=0.02,
    batch_size=128,
    epochs=20,
    calibrate=True,
)

RECIPES = (_DEFAULT, _PAPER)
