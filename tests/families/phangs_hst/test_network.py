# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the recipes.
"""

import numpy as np
import pytest

from starcnn.families.phangs_hst.spec import CLASSES, CROP, FILTERS

pytestmark = pytest.mark.training


def find(variant):
    """Return a recipe."""
    pytest.importorskip('torch')
    from starcnn.families.phangs_hst.network import RECIPES

    (recipe,) = (recipe for recipe in RECIPES if recipe.variant == variant)
    return recipe


@pytest.mark.parametrize(('variant', 'batch_size'), [('resnet18', 32), ('vgg19_bn', 16)])
def test_paper(variant, batch_size):
    """Section 3.3 and 3.4: Adam at 1e-4, batches of 32 or 16, 10,000 of them, any angle."""
    recipe = find(variant)
    assert recipe.optimizer == 'adam'
    assert recipe.learning_rate == 1e-4
    assert recipe.final_learning_rate == 1
    assert recipe.batch_size == batch_size
    assert recipe.epochs * recipe.n_mocks / batch_size == 10_000
    assert recipe.augment.any_angle == 1
    assert recipe.augment.zoom == recipe.augment.missing == 0


@pytest.mark.parametrize('variant', ['default', 'resnet18', 'vgg19_bn'])
def test_specs(variant):
    """All take the same and return the same; what is stored has room for rotations."""
    recipe = find(variant)
    images, (classes,) = recipe.spec.inputs[0], recipe.spec.outputs
    assert images.filters == FILTERS
    assert images.shape == (CROP, CROP) == recipe.augment.shape
    assert images.sizes == (25, 100)
    assert classes.labels == CLASSES
    assert recipe.bank_spec.inputs[0].shape[0] >= np.sqrt(2) * CROP
    assert recipe.bank_spec.inputs[0].name == 'stamps'


def test_default_is_small():
    """The default network has 2.2 million weights, 4.5 MB in half precision."""
    recipe = find('default')
    network = recipe.network(recipe.spec)
    n = sum(parameter.numel() for parameter in network.parameters())
    assert 2 * n < 5e6


def test_shipped_weights_are_free():
    """No file that is shipped began with weights that may not be."""
    from starcnn.families.phangs_hst.classifier import BACKEND
    from starcnn.files import packaged_path, read_files
    from starcnn.networks import Network

    package = 'starcnn.families.phangs_hst'
    free = {file.sha256 for file in read_files(package, 'data')}
    for file in BACKEND.weights:
        training = Network(packaged_path(file)).training
        assert training['start'] in ('imagenet', 'random')
        assert training.get('sha256') in (None, *free)
