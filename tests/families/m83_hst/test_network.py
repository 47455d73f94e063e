# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.network.
"""

import astropy.units as u
import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn import Classifier, Estimator
from starcnn.families.m83_hst.network import RECIPES, PaperNetwork
from starcnn.families.m83_hst.simulator import Options
from starcnn.families.m83_hst.spec import DEFAULT, PAPER
from starcnn.train import export

pytestmark = pytest.mark.training

BY_RECIPE = pytest.mark.parametrize('recipe', RECIPES, ids=lambda recipe: recipe.variant)

# Fig. 6 of the paper: inner and outer channels, and blocks.
FIG_6 = ((64, 128, 3), (64, 256, 4), (128, 512, 6), (256, 1024, 3))


@pytest.fixture(scope='module')
def network():
    """The network of the paper, with random weights."""
    torch.manual_seed(1)
    return PaperNetwork(PAPER).eval()


@pytest.fixture(scope='module')
def images(mocks):
    """Images of mock clusters."""
    return torch.from_numpy(mocks[0].data[:3])


def test_number_of_parameters(network):
    """There are as many weights as Fig. 6 makes, counted by hand."""
    n = 3 * 64 * 49 + 2 * 64  # the first convolution and its batch norm
    before = 64
    for inside, outside, n_blocks in FIG_6:
        for k in range(n_blocks):
            n += before * inside + 9 * inside**2 + inside * outside + 2 * (2 * inside + outside)
            if k == 0:  # the way around changes the number of channels
                n += before * outside + 2 * outside
            before = outside
    n += 1024 * 1024 + 1024  # fc1024
    n += sum(1024 * cells + cells for cells in (20 * 10 * 14, 14, 2, 20))
    assert sum(p.numel() for p in network.parameters()) == n
    n_layers = sum(isinstance(m, torch.nn.Conv2d) for m in network.modules())
    assert n_layers - 4 + 1 == 50  # without the four ways around, with fc1024


def test_outputs_of_figure_6(network, images):
    """Four groups of probabilities."""
    with torch.no_grad():
        outputs = network(images)
    assert [tuple(output.shape[1:]) for output in outputs] == [(20, 10, 14), (14,), (2,), (20,)]
    for output in outputs:
        torch.testing.assert_close(output.flatten(1).sum(dim=1), torch.ones(3))


def test_paper_is_blind_to_fluxes(network, images):
    """Each filter is normalised by itself: neither scale nor level of any matters."""
    factor = torch.tensor([10.0, 0.3, 2.0])[:, None, None]
    with torch.no_grad():
        for one, two in zip(network(images), network(factor * images + 0.7), strict=True):
            torch.testing.assert_close(one, two, rtol=2e-3, atol=1e-6)


def test_normalisation(images):
    """The first layer sees zero mean and unit variance, then arcsinh, as in section 2.4."""
    seen = []
    network = PaperNetwork(PAPER).eval()
    network.stem.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    with torch.no_grad():
        network(images)
    values = torch.sinh(seen[0]).double()
    torch.testing.assert_close(
        values.mean(dim=(2, 3)), torch.zeros(3, 3).double(), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        values.var(dim=(2, 3), correction=0), torch.ones(3, 3).double(), atol=1e-3, rtol=0
    )


def test_even_images(network):
    """An image without any light gives numbers."""
    with torch.no_grad():
        assert all(output.isfinite().all() for output in network(torch.zeros(1, 3, 64, 64)))


@BY_RECIPE
def test_recipes(recipe):
    """Both are of the estimator, have the options of the paper, and specs that belong together."""
    assert (recipe.name, recipe.task) == ('m83_hst', 'estimator')
    assert recipe.augment.exposure_times == Options().exposure_times
    assert recipe.spec == {'paper': PAPER, 'default': DEFAULT}[recipe.variant]
    assert {part.name for part in recipe.bank_spec.inputs} == {
        'clusters', 'fields', 'level', 'scatter', 'flux',
    }  # fmt: skip


def test_training_of_the_paper():
    """Adam, batches and rates of section 3.2; half of each batch are backgrounds."""
    recipe = {recipe.variant: recipe for recipe in RECIPES}['paper']
    assert (recipe.optimizer, recipe.weight_decay) == ('adam', 0)
    assert (recipe.batch_size, recipe.augment.background) == (512, 0.5)
    rates = recipe.learning_rate, recipe.learning_rate * recipe.final_learning_rate
    assert rates == pytest.approx((1e-2, 1e-4))


@BY_RECIPE
def test_other_options(recipe):
    """A recipe follows the options of another galaxy."""
    options = Options(
        filters=('F475W',),
        instruments=('ACS/WFC',),
        exposure_times=(3800.0,),
        magnitude_limits=(24.0,),
        pixel_scale=0.05 * u.arcsec,
        log_mass=(2.5, 4.0),
        r_h=(0.1, 1.5),
        shape=(32, 32),
    )
    other = recipe.for_options(options)
    images = other.spec.inputs[0]
    assert (images.filters, images.shape, images.pixel_scale) == (('F475W',), (32, 32), 0.05)
    bounds = {p.name: p.bounds for p in other.spec.parameters}
    assert bounds['mass'] == (2.5, 4.0)
    assert bounds['r_h'] == pytest.approx(np.log10([0.1, 1.5]), abs=1e-5)
    assert other.augment.exposure_times == (3800.0,)
    with torch.no_grad():
        outputs = other.network(other.spec).eval()(torch.rand(2, 1, 32, 32))
    assert [tuple(o.shape[1:]) for o in outputs] == [p.dimensions[1:] for p in other.spec.outputs]


@pytest.mark.slow
@BY_RECIPE
def test_export(recipe, mocks, tmp_path):
    """An exported network with random weights says what torch says, and makes both tables."""
    torch.manual_seed(1)
    network = recipe.network(recipe.spec).eval()
    path = tmp_path / f'{recipe.variant}.onnx'
    export(network, recipe.spec, path, training={'recipe': 'none'}, half=True)
    data = mocks[0]
    table = Estimator('m83_hst', weights=path).predict(data)
    classes = Classifier('m83_hst', weights=path).predict(data)
    assert len(table) == len(classes) == 12
    assert np.isfinite(np.log(table['age'].value)).all()
    with torch.no_grad():
        expected = network(torch.from_numpy(data.data))[2][:, 1].numpy()
    assert np.asarray(classes['prob_cluster']) == pytest.approx(expected, abs=1e-5)
