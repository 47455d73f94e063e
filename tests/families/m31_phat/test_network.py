# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat.network.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData

pytest.importorskip('torch')

import torch

from starcnn import Estimator
from starcnn.families.m31_phat.estimator import BACKEND
from starcnn.families.m31_phat.network import RECIPES, PaperNetwork
from starcnn.families.m31_phat.simulator import Options
from starcnn.families.m31_phat.spec import DEFAULT, PAPER, make_paper
from starcnn.train import Bank, export, fit

pytestmark = pytest.mark.training

BY_RECIPE = pytest.mark.parametrize('recipe', RECIPES, ids=lambda recipe: recipe.variant)
BY_VARIANT = {recipe.variant: recipe for recipe in RECIPES}

# Fig. 4 of the paper: inner and outer channels, and blocks.
FIG_4 = ((64, 128, 3), (64, 256, 4), (128, 512, 6), (256, 1024, 3))

SMALL = make_paper(shape=(16, 16))


@pytest.fixture(autouse=True)
def fixed_seed():
    """The same weights in each test, and torch's generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def make_images(n, side, n_filters=3):
    """Return images of noise and of a star anywhere."""
    rng = np.random.default_rng(1)
    images = rng.normal(0.05, 0.02, (n, n_filters, side, side))
    for image in images:
        y, x = rng.integers(side, size=2)
        image[:, y, x] += rng.uniform(1, 30, n_filters)
    return torch.from_numpy(images.astype(np.float32))


def make_network(images):
    """Return the paper's network with random weights and batch norms that fit the images."""
    network = PaperNetwork(SMALL)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # the statistics of all that was seen
    with torch.no_grad():
        network(images)
    return network.eval()


def test_size_of_the_paper():
    """7.06 million weights, as Fig. 4 makes, counted by hand; a deviation for each parameter."""
    n = 3 * 64 * 49 + 2 * 64  # conv1 and its batch norm
    before = 64
    for inside, outside, n_blocks in FIG_4:
        for k in range(n_blocks):
            n += before * inside + 9 * inside**2 + inside * outside + 2 * (2 * inside + outside)
            if k == 0:  # the way around changes the number of channels
                n += before * outside + 2 * outside
            before = outside
    n += 1024 * 1024 + 1024 + 3 * 1024 + 3  # fc1024 and the output
    assert round(n / 1e6, 2) == 7.06
    assert sum(p.numel() for p in PaperNetwork(PAPER).parameters()) == n + 3


def test_shapes_of_figure_4():
    """80 pixels become 40 after the pool, 5 after conv5_x, 1024 features and 3 numbers."""
    network, seen = PaperNetwork(PAPER).eval(), []
    for layer in (network.stem, network.convolutions, network.dense, network.estimates):
        layer.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape)))
    with torch.no_grad():
        network(make_images(1, 80))
    assert seen == [(4, 64, 40, 40), (4, 1024, 5, 5), (4, 1024), (1, 3)]


def test_turned_images_are_the_same():
    """Turned by quarters, an image has the same results; mirrored, it has others."""
    images = make_images(3, 16)
    network = make_network(images)
    with torch.no_grad():
        wanted = torch.stack(network(images))
        for k in (1, 2, 3):
            found = torch.stack(network(torch.rot90(images, k, dims=(2, 3))))
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
        mirrored = torch.stack(network(images.flip(3)))
    assert wanted[..., 0].std(dim=1).min() > 0.01
    assert (mirrored - wanted).abs().max() > 0.01


def test_average_of_turned_images():
    """The features of all four are averaged before the last layer."""
    images = make_images(2, 16)
    network = make_network(images)
    with torch.no_grad():
        features = [
            network.dense(
                network.convolutions(
                    network.stem(torch.rot90(torch.log(images + 1), k, dims=(2, 3)))
                ).mean(dim=(2, 3))
            )
            for k in range(4)
        ]
        wanted = network.estimates(sum(features) / 4)
        found = torch.stack(network(images), dim=1)[..., 0]
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)
        # which is not the same as for one
        assert (network.estimates(features[0]) - wanted).abs().max() > 0.01


def test_one_direction_in_training():
    """With one turn in training the image goes in as it is; in use all four are averaged."""
    images, seen = make_images(2, 16), []
    network = PaperNetwork(SMALL, training_turns=1)
    network.stem.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    with torch.no_grad():
        network(images)
        network.eval()(images)
    torch.testing.assert_close(seen[0], torch.log1p(images.clamp(min=-0.9)))
    assert [len(x) for x in seen] == [2, 8]
    assert BY_VARIANT['paper'].network(SMALL).training_turns == 1


def test_dark_pixels():
    """Pixels far below zero, and images without any light, give numbers."""
    images = torch.zeros(2, 3, 16, 16)
    images[1, :, 3, 3] = -50
    with torch.no_grad():
        assert torch.stack(PaperNetwork(SMALL).eval()(images)).isfinite().all()


def test_first_estimates():
    """Before any training, estimates are near the middle, deviations a quarter of the range."""
    network = PaperNetwork(SMALL).eval()
    with torch.no_grad():
        outputs = network(make_images(4, 16))
    for parameter, output in zip(SMALL.outputs, outputs, strict=True):
        low, high = parameter.bounds
        assert (abs(output[:, 0] - (low + high) / 2) < (high - low) / 2).all()
        np.testing.assert_allclose(output[:, 1], (high - low) / 4, rtol=1e-5)


def test_dropout():
    """In training half of the last features are left out, but for the third column."""
    network, images = PaperNetwork(SMALL).train(), make_images(4, 16)
    with torch.no_grad():
        one, two = (torch.stack(network(images)) for _ in range(2))
    assert one.shape == (3, 4, 3)
    assert (one[..., 0] - two[..., 0]).abs().max() > 1e-3
    torch.testing.assert_close(one[..., 2], two[..., 2])
    assert network.dropout.p == 0.5


def test_images_must_be_square():
    """What cannot be turned is refused."""
    with pytest.raises(ValueError, match=r'shape must be square .*, got \(16, 20\)'):
        PaperNetwork(make_paper(shape=(16, 20)))


@BY_RECIPE
def test_first_layers_keep_their_digits(recipe):
    """With ``amp`` the stretch and the rings are not rounded: a faint star on a bright level."""
    recipe = recipe.for_options(Options(shape=(16, 16)))
    network, seen = recipe.network(recipe.spec).eval(), []
    if recipe.variant == 'paper':
        network.stem.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    else:
        network.ring_layers.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
        outputs = network(make_images(2, 16))
    assert seen[0].dtype == torch.float32
    assert all(output.dtype == torch.float32 for output in outputs)


@BY_RECIPE
def test_recipes(recipe):
    """Both are of the estimator, have the options of the paper, and clusters in all images."""
    assert (recipe.name, recipe.task) == ('m31_phat', 'estimator')
    assert recipe.augment.exposure_times == Options().exposure_times
    assert recipe.augment.background == 0
    assert recipe.spec == {'paper': PAPER, 'default': DEFAULT}[recipe.variant]
    assert recipe.n_mocks == 200_000


def test_training_of_the_paper():
    """Adam from 0.01, halved after each of five passes, in batches of 64 (sections 4.2, 4.3)."""
    recipe = BY_VARIANT['paper']
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule) == ('adam', 1e-2, 'halving')
    assert (recipe.batch_size, recipe.epochs, recipe.warm_up) == (64, 5, 0)


def test_filters_left_out():
    """The default network learns without any of the filters, most often with F475W alone."""
    augment = BY_VARIANT['default'].augment
    assert augment.missing > 0
    assert augment.alone[1] > augment.missing / 2
    assert augment.alone[0] == augment.alone[2] == 0


@BY_RECIPE
def test_other_options(recipe):
    """A recipe follows the options of other clusters."""
    options = Options(
        filters=('F475W',),
        instruments=('ACS/WFC',),
        exposure_times=(3800.0,),
        pixel_scale=0.04 * u.arcsec,
        log_mass=(2.5, 4.5),
        a_v=(0.0, 2.0),
        shape=(32, 32),
    )
    other = recipe.for_options(options)
    images = other.spec.inputs[0]
    assert (images.filters, images.shape, images.pixel_scale) == (('F475W',), (32, 32), 0.04)
    bounds = {p.name: p.bounds for p in other.spec.parameters}
    assert (bounds['mass'], bounds['a_v']) == ((2.5, 4.5), (0, 2))
    assert other.augment.exposure_times == (3800.0,)
    assert getattr(other.augment, 'alone', (0.0,)) == (0.0,)  # there are no others
    assert {p.name for p in other.bank_spec.parameters} == {'age', 'a_v', 'mass', 'r_h'}
    with torch.no_grad():
        outputs = other.network(other.spec).eval()(make_images(2, 32, 1))
    assert [tuple(o.shape[1:]) for o in outputs] == [p.dimensions[1:] for p in other.spec.outputs]


def test_size_of_the_default():
    """Its weights are within 25 MB of float16."""
    recipe = BY_VARIANT['default']
    network = recipe.network(recipe.spec)
    assert 2 * sum(p.numel() for p in network.parameters()) < 25e6


def make_bank_of_noise(n, side):
    """Return a bank of stars whose light tells the mass, and truth."""
    rng = np.random.default_rng(2)
    truth = {
        'age': rng.uniform(6.6, 9.5, n),
        'mass': rng.uniform(2, 4, n),
        'r_h': rng.uniform(-1, 0.2, n),
    }
    clusters = np.zeros((n, 3, side, side))
    clusters[:, :, side // 2, side // 2] = 10 ** (truth['mass'][:, np.newaxis] - 2)
    inputs = {
        'clusters': clusters,
        'fields': rng.normal(0.05, 0.01, clusters.shape),
        'level': np.full((n, 3), 0.05),
        'scatter': np.full((n, 3), 0.01),
        'flux': clusters.mean(axis=(2, 3)),
    }
    truth = {name: values.astype(np.float32) for name, values in truth.items()}
    return Bank.from_arrays({k: v.astype(np.float32) for k, v in inputs.items()}, truth)


@pytest.mark.slow
@BY_RECIPE
def test_from_training_to_table(recipe, tmp_path):
    """Four epochs of 64 images make a file that predicts, for the default of any filter."""
    recipe = recipe.for_options(Options(shape=(16, 16)))
    # the last weights, not their mean over a thousand steps that are not there
    recipe = replace(recipe, batch_size=4, epochs=4, mean_decay=0.0)
    result = fit(recipe, make_bank_of_noise(64, 16), output=tmp_path / 'fit', validation=0.25)
    assert result.finished
    assert all(np.isfinite(line['validation_loss']) for line in result.history)
    path = tmp_path / f'{recipe.variant}.onnx'
    # raises if onnxruntime gives other numbers than torch; what a network that has learnt so little
    # says differs only for images that differ much
    brightness = np.geomspace(0.1, 1000, 16, dtype=np.float32)[:, None, None, None]
    examples = {'images': make_images(16, 16).numpy() * brightness}
    settings = {'training': result.training, 'examples': examples, 'half': True}
    export(result.network, recipe.spec, path, **settings)
    estimator = Estimator(BACKEND, weights=path)
    filters = recipe.spec.inputs[0].filters
    images = make_images(3, 16).numpy()
    meta = {'filters': filters, 'pixel_scale': 0.05 * u.arcsec}
    table = estimator.predict(NDData(images, unit='electron / s', meta=meta))
    for name, unit in (('age', u.yr), ('mass', u.solMass), ('r_h', u.arcsec)):
        assert table[name].unit == unit
        assert ((table[f'{name}_16'] < table[name]) & (table[name] < table[f'{name}_84'])).all()
    assert ('temperatures' in result.training) == (recipe.variant == 'default')
    if recipe.variant == 'paper':
        turned = NDData(np.rot90(images, axes=(2, 3)), unit='electron / s', meta=meta)
        for name in ('age', 'mass', 'r_h'):
            other = estimator.predict(turned)[name]
            np.testing.assert_allclose(other.value, table[name].value, rtol=1e-3)
        return
    alone = NDData(images[:, 1:2], unit='electron / s', meta={**meta, 'filters': ('F475W',)})
    other = estimator.predict(alone)
    assert np.isfinite(np.log(other['age'].value)).all()
    assert (other['age'] != table['age']).any()
