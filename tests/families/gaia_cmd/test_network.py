# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.network.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.families.gaia_cmd.estimator import encode
from starcnn.families.gaia_cmd.network import RECIPES

pytestmark = pytest.mark.training

BY_RECIPE = pytest.mark.parametrize('recipe', RECIPES, ids=lambda recipe: recipe.variant)
TRUTH = {'age': (7.3, 8, 8.7, 9.3, 9.8), 'a_v': (1.5, 0.2, 0.8, 2.5, 0.4),
         'distance': (3.34, 2.7, 3.08, 3.48, 3.26)}  # fmt: skip


def tensors(members, spec):
    """Return what the network takes for a table of stars."""
    return [torch.from_numpy(array) for array in encode(members, spec).values()]


def named(outputs, spec):
    """Return outputs by name."""
    return {part.name: output for part, output in zip(spec.outputs, outputs, strict=True)}


@BY_RECIPE
def test_outputs_have_the_dimensions_of_the_spec(members, recipe):
    """A network returns what its spec says, finite, in order."""
    torch.manual_seed(1)
    network = recipe.network(recipe.spec).eval()
    outputs = network(*tensors(members, recipe.spec))
    assert isinstance(outputs, tuple)
    for part, output in zip(recipe.spec.outputs, outputs, strict=True):
        assert output.shape == (5, *part.dimensions[1:])
        assert torch.isfinite(output).all()


@BY_RECIPE
def test_gradients_are_finite(members, recipe):
    """Unknown values do not spoil the gradients."""
    members['parallax'][::3] = np.nan
    members['parallax'][members['cluster'] == 3] = np.nan
    members['prob_member'][::2] = np.nan
    members['phot_bp_mean_flux_over_error'][::5] = np.nan
    torch.manual_seed(2)
    network = recipe.network(recipe.spec).train()
    outputs = named(network(*tensors(members, recipe.spec)), recipe.spec)
    loss = recipe.loss(outputs, {name: torch.tensor(values) for name, values in TRUTH.items()})
    loss.backward()
    assert torch.isfinite(loss)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@BY_RECIPE
def test_rows_are_independent(members, recipe):
    """The result of a cluster does not depend on the others."""
    torch.manual_seed(3)
    network = recipe.network(recipe.spec).eval()
    together = network(*tensors(members, recipe.spec))
    alone = network(*tensors(members[members['cluster'] == 1], recipe.spec))
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[1:2], b, rtol=1e-4, atol=1e-4)


@BY_RECIPE
def test_loss_is_least_at_the_truth(members, recipe):
    """Outputs that are further from the truth cost more."""
    torch.manual_seed(4)
    network = recipe.network(recipe.spec).eval()
    with torch.no_grad():
        outputs = named(network(*tensors(members, recipe.spec)), recipe.spec)
    truth = {name: torch.tensor(values) for name, values in TRUTH.items()}
    far = {name: values + 30 for name, values in truth.items()}
    assert recipe.loss(outputs, truth) < recipe.loss(outputs, far)


def test_recipes():
    """Four variants, the default first; each of another network."""
    assert [recipe.variant for recipe in RECIPES] == ['set', 'ann', 'cnn', 'mixed']
    assert {recipe.name for recipe in RECIPES} == {'gaia_cmd'}
    assert len({recipe.network for recipe in RECIPES}) == 4
