# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The network of Bialopetravicius & Narbutis (2020), and the recipes; imported only by training.
"""

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from starcnn.mocks import encode_bank
from starcnn.mocks.augment import Augment
from starcnn.plugins import Recipe
from starcnn.train.blocks import GridHead, full_precision
from starcnn.train.bottleneck import make_bottlenecks, make_stem
from starcnn.train.cutout_network import CutoutNetwork

from .bank import BANK
from .losses import default_loss, paper_loss
from .simulator import Options
from .spec import DEFAULT, NAME, PAPER, make_bank, make_default, make_paper

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


def _for_options(recipe, make_spec, options):
    """Return the recipe for other clusters than those of M83."""
    spec = make_spec(
        filters=options.filters,
        shape=options.shape,
        pixel_scale=float(options.pixel_scale.to_value('arcsec')),
        log_age=options.log_age,
        log_mass=options.log_mass,
        a_v=options.a_v,
        r_h=options.r_h,
    )
    loss = partial(recipe.loss.func, spec=spec)
    augment = replace(recipe.augment, exposure_times=tuple(options.exposure_times))
    return replace(recipe, spec=spec, bank_spec=make_bank(spec), loss=loss, augment=augment)


def _recipe(spec, network, loss, make_spec, *, augment, **settings):
    """Return a recipe with what the two have in common."""
    recipe = Recipe(
        name=NAME,
        variant=spec.variant,
        task='estimator',
        spec=spec,
        bank_spec=make_bank(spec),
        network=network,
        loss=partial(loss, spec=spec),
        augment=Augment(exposure_times=Options().exposure_times, **augment),
        bank_simulator=BANK,
        bank_encode=encode_bank,
        n_mocks=50_000,
        **settings,
    )
    return replace(recipe, for_options=partial(_for_options, recipe, make_spec))


# Section 3.2: Adam from 0.01 to 0.0001, batches of 512, half of which are backgrounds.
_PAPER = _recipe(
    PAPER,
    PaperNetwork,
    paper_loss,
    make_paper,
    augment={'background': 0.5},
    optimizer='adam',
    schedule='exponential',
    learning_rate=1e-2,
    final_learning_rate=1e-2,
    weight_decay=0.0,
    batch_size=512,
    accumulate=4,
    epochs=5,
)
_DEFAULT = _recipe(
    DEFAULT,
    partial(CutoutNetwork, softening=_SOFTENING),
    default_loss,
    make_default,
    augment={'background': 0.25, 'missing': 0.15, 'calibration_scatter': 0.2},
    learning_rate=2e-3,
    weight_decay=0.02,
    batch_size=128,
    epochs=20,
    calibrate=True,
)

RECIPES = (_DEFAULT, _PAPER)
