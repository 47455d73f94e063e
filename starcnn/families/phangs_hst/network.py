# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The recipes of the family; imported only by training.
"""

from functools import partial

from starcnn.plugins import Recipe
from starcnn.train.mobilenet import MobileNetV2
from starcnn.train.resnet import TwinResNet18
from starcnn.train.turning import TurnStamps
from starcnn.train.vgg import TwinVGG19BN

from .classifier import encode_bank
from .losses import cross_entropy
from .spec import CROP, NAME, make_bank_spec, make_spec

__all__ = ['RECIPES']

# The side to which stamps are resized: every pixel of 50 has two.
_SIZE = 96

_SHAPE = (CROP, CROP)


def _make_recipe(variant, network, augment, **settings):
    """Return a recipe of the family."""
    spec = make_spec(variant)
    return Recipe(
        name=NAME,
        variant=variant,
        task='classifier',
        spec=spec,
        network=network,
        loss=cross_entropy,
        augment=augment,
        bank_spec=make_bank_spec(spec),
        bank_encode=encode_bank,
        **settings,
    )


# Wei et al. 2020, sections 3.3 and 3.4: Adam with a learning rate of 1e-4, batches of 32 and of
# 16, about 10,000 of them (epochs times mocks by batch size), flips and rotations by any angle.
_PAPER = {
    'augment': TurnStamps(shape=_SHAPE),
    'optimizer': 'adam',
    'learning_rate': 1e-4,
    'schedule': 'exponential',
    'final_learning_rate': 1.0,  # a constant one
    'weight_decay': 0.0,
    'warm_up': 0.0,
    'mean_decay': 0.0,
    'clip': None,
    'n_mocks': 16_000,
}
_RESNET18 = _make_recipe('resnet18', TwinResNet18, batch_size=32, epochs=20, **_PAPER)
_VGG19BN = _make_recipe('vgg19_bn', TwinVGG19BN, batch_size=16, epochs=10, **_PAPER)

_DEFAULT = _make_recipe(
    'default',
    partial(MobileNetV2, size=_SIZE),
    TurnStamps(shape=_SHAPE, any_angle=0.5, shift=1.0, zoom=0.05, missing=0.1),
    learning_rate=1e-3,
    weight_decay=0.02,
    batch_size=64,
    mean_decay=0.995,
    n_mocks=30_000,
    epochs=12,
)

RECIPES = (_DEFAULT, _RESNET18, _VGG19BN)
