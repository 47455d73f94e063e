# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of what a training begins with.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

pytestmark = pytest.mark.training


@pytest.fixture(scope='module')
def recipe():
    """The default recipe of phangs_hst, with small images."""
    from starcnn.families.phangs_hst.network import RECIPES
    from starcnn.train import MobileNetV2

    return replace(RECIPES[0], network=partial(MobileNetV2, size=32))


@pytest.fixture(scope='module')
def bank():
    """Four stamps."""
    from starcnn.train import Bank

    rng = np.random.default_rng(1)
    stamps = rng.random((4, 5, 60, 60)).astype(np.float16)
    return Bank.from_arrays({'stamps': stamps}, {'class': np.arange(4)})


def test_imagenet(recipe, bank):
    """The weights that come with the family, and a last layer by the seed."""
    from starcnn.train import make_start

    initial, told = make_start(recipe, bank, 'imagenet', seed=1)
    assert told['start'] == 'imagenet'
    assert told['file'] == 'mobilenet_v2-1.0.0.npz'
    assert len(told['sha256']) == 64
    again, _ = make_start(recipe, bank, 'imagenet', seed=1)
    other, _ = make_start(recipe, bank, 'imagenet', seed=2)
    assert all((initial[name] == again[name]).all() for name in initial)
    differ = {name for name in initial if not (initial[name] == other[name]).all()}
    assert differ == {'head.weight', 'head.bias'}
    recipe.network(recipe.spec).load_state_dict(initial)


def test_random(recipe, bank):
    """Nothing is read, and torch's random numbers are left alone."""
    import torch

    from starcnn.train import make_start

    state = torch.random.get_rng_state()
    assert make_start(recipe, bank, 'random') == (None, {'start': 'random'})
    make_start(recipe, bank, 'imagenet')
    assert (torch.random.get_rng_state() == state).all()


def test_no_such_weights(recipe, bank, label_recipe):
    """What does not come with the package is told."""
    from starcnn.families.phangs_hst.network import RECIPES
    from starcnn.train import TwinResNet18, make_start

    other = replace(RECIPES[1], network=partial(TwinResNet18, size=32))
    with pytest.raises(ValueError, match='path of a state dict of resnet18'):
        make_start(other, bank, 'imagenet')
    with pytest.raises(ValueError, match="start must be 'random' for 'linear'"):
        make_start(label_recipe, bank, 'imagenet')
    with pytest.raises(ValueError, match='start must be a file'):
        make_start(recipe, bank, 'nothing.npz')
