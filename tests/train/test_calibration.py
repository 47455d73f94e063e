# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the calibration of distributions on grids.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.networks import Grid, Posterior, Spec
from starcnn.networks.parts import Classes, Images, Parameter
from starcnn.plugins import Recipe
from starcnn.train import Bank, calibrate, fit

pytestmark = pytest.mark.training

N = 2000
SIGMA = 0.6
X = Parameter(name='x', unit='', bounds=(0, 10), grid=tuple(np.arange(0.1, 10, 0.2)))
Y = Parameter(name='y', unit='', bounds=(0, 10), grid=tuple(np.arange(0.25, 10, 0.5)))
SPEC = Spec(
    family='toy',
    variant='default',
    inputs=(Images(name='images', filters=('U', 'I'), shape=(1, 2), pixel_scale=1.0, unit=''),),
    outputs=(
        Classes(name='class', labels=('a', 'b')),
        Grid(name='xy', parameters=(X, Y)),
    ),
)

# What the logits are multiplied by, wrongly, where the filters U, I, or both are there.
FACTORS = {'U': 0.4, 'I': 1.0, 'U+I': 1.8}


class Wrong(torch.nn.Module):
    """
    Normal distributions around the mean over filters of two pixels; the logits are wrong.
    """

    def __init__(self, factors, shape=(2, 4)):
        super().__init__()
        self.factors = torch.tensor([1.0, *factors])
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.register_buffer('temperatures', torch.ones(shape))

    def forward(self, images):
        """
        Return the probabilities of the classes and of the cells.
        """
        known = ~images[:, :, 0, 0].isnan()
        means = images[:, :, 0].nanmean(dim=1)
        sets = known[:, 0] + 2 * known[:, 1]
        # as the error of the mean of two is smaller
        factor = (self.factors[sets] * known.sum(dim=1) / SIGMA**2)[:, None, None]
        column = sets if self.temperatures.shape[1] > 1 else torch.zeros_like(sets)
        x, y = ((torch.tensor(p.grid) - means[:, k : k + 1]) ** 2 for k, p in enumerate((X, Y)))
        logits = -factor / 2 * (x[:, :, None] + y[:, None, :]) * self.weight
        logits = (logits / self.temperatures[1, column][:, None, None]).float()
        probabilities = logits.flatten(1).softmax(dim=1).reshape(logits.shape)
        return torch.full((len(images), 2), 0.5), probabilities


@pytest.fixture
def batch():
    """Truths, each measured in two filters with normal errors; some lack one of them."""
    rng = np.random.default_rng(2)
    truth = rng.uniform(3, 7, (N, 2))
    images = rng.normal(truth[:, np.newaxis], SIGMA, (N, 2, 2))
    images[rng.permutation(N)[:200], rng.integers(2, size=200)] = np.nan
    truth[:5, 0] = np.nan
    images = torch.tensor(images[:, :, np.newaxis], dtype=torch.float32)
    return {'images': images}, {'x': torch.tensor(truth[:, 0]), 'y': torch.tensor(truth[:, 1])}


def split(batch):
    """Return the halves of a batch, as a generator, which can be read once."""
    for rows in (slice(0, N // 2), slice(N // 2, N)):
        yield tuple({name: values[rows] for name, values in part.items()} for part in batch)


def measure_coverage(network, images, truth):
    """Return how often the central 68 % of y hold the truth."""
    with torch.no_grad():
        outputs = network(images)
    outputs = {part.name: out.numpy() for part, out in zip(SPEC.outputs, outputs, strict=True)}
    pit = Posterior.from_outputs(outputs, SPEC).cdf('y', truth['y'].numpy())
    return np.mean(np.abs(2 * pit - 1) < 0.68)


def test_sets_of_filters(batch):
    """Each set has the factor by which its logits are wrong; then all intervals are right."""
    network = Wrong(FACTORS.values()).eval()
    inputs, truth = batch
    before = inputs['images'].clone()
    temperatures = calibrate(network, SPEC, split(batch))
    assert temperatures == {'xy': pytest.approx(FACTORS, rel=0.1)}
    torch.testing.assert_close(inputs['images'], before, rtol=0, atol=0, equal_nan=True)
    # neither the classes nor images without any filter
    assert (network.temperatures[0] == 1).all()
    assert network.temperatures[1, 0] == 1
    for filters in ([0], [1], [0, 1]):
        images = torch.full_like(before, torch.nan)
        images[:, filters] = before[:, filters]
        rows = images[:, filters, 0, 0].isfinite().all(dim=1)
        known = {name: values[rows] for name, values in truth.items()}
        coverage = measure_coverage(network, images[rows], known)
        assert coverage == pytest.approx(0.68, abs=0.03)


def test_again(batch):
    """What is calibrated already changes little, and the numbers say all that was done."""
    network = Wrong(FACTORS.values()).eval()
    first, again = (calibrate(network, SPEC, [batch])['xy'] for _ in range(2))
    assert again == pytest.approx(first, rel=0.02)
    assert network.temperatures[1, 1:].tolist() == pytest.approx(list(again.values()), rel=1e-5)


@pytest.mark.parametrize('factor', [0.4, 1.0, 1.8])
def test_network_without_sets(batch, factor):
    """A network with one temperature for each output has all sources as they come."""
    network = Wrong([factor] * 3, shape=(2, 1)).eval()
    temperatures = calibrate(network, SPEC, split(batch))
    assert temperatures == {'xy': {'all': pytest.approx(factor, rel=0.1)}}
    assert measure_coverage(network, batch[0]['images'], batch[1]) == pytest.approx(0.68, abs=0.03)


@pytest.mark.parametrize(('shape', 'text'), [((2, 3), '(2, 3)'), ((4,), '(4,)'), (None, 'None')])
def test_other_networks_are_refused(batch, shape, text):
    """Temperatures must be there, with a column for each set of filters or but one."""
    network = Wrong(FACTORS.values(), shape=shape or ()).eval()
    if shape is None:
        del network.temperatures
    wanted = 'network must have temperatures with shape (2, 1) or (2, 4) to be calibrated, got '
    with pytest.raises(ValueError, match=re.escape(wanted + text)):
        calibrate(network, SPEC, [batch])


def test_no_grids(batch):
    """Classes alone are nothing to calibrate."""
    spec = replace(SPEC, outputs=SPEC.outputs[:1])
    with pytest.raises(ValueError, match=r"spec must have outputs with grids, got \['class'\]"):
        calibrate(Wrong(FACTORS.values()), spec, [batch])


@pytest.mark.parametrize('empty', ['truth', 'filter'])
def test_no_sources(batch, empty):
    """Without a truth, or with a filter that is nowhere, there is nothing to calibrate with."""
    network = Wrong(FACTORS.values())
    if empty == 'truth':
        batch[1]['x'][:] = torch.nan
    else:
        batch[0]['images'][:, 1] = torch.nan
    name = 'U' if empty == 'truth' else 'I'
    match = f"batches must have sources with 'xy' in filters {name}, got none"
    with pytest.raises(ValueError, match=match):
        calibrate(network, SPEC, [batch])
    assert (network.temperatures == 1).all()


@pytest.fixture
def recipe():
    """A training that changes hardly anything."""
    return Recipe(
        name='toy',
        variant='default',
        task='estimator',
        spec=SPEC,
        network=lambda _spec: Wrong(FACTORS.values()),
        loss=lambda outputs, _truth: outputs['xy'].square().mean(),
        epochs=1,
        learning_rate=1e-9,
        weight_decay=0.0,
        calibrate=True,
    )


@pytest.fixture
def bank(batch):
    """The batch, as a bank."""
    inputs, truth = ({k: v.numpy() for k, v in part.items()} for part in batch)
    return Bank.from_arrays(inputs, truth)


def test_after_training(bank, recipe, tmp_path):
    """The network is calibrated at the end, the checkpoints are not; a resumed end is the same."""
    first, again = (fit(recipe, bank, output=tmp_path, validation=0.5) for _ in range(2))
    assert first.training['temperatures'] == {'xy': pytest.approx(FACTORS, rel=0.15)}
    assert again.training['temperatures'] == first.training['temperatures']
    assert torch.equal(first.network.temperatures, again.network.temperatures)
    expected = list(first.training['temperatures']['xy'].values())
    assert first.network.temperatures[1, 1:].tolist() == pytest.approx(expected, rel=1e-5)


def test_noise_differs_between_batches(batch, recipe, tmp_path):
    """What ``augment`` draws is not the same for each batch of the calibration."""
    inputs, truth = batch
    seen = []

    def augment(inputs, truth, generator):
        seen.append(torch.rand(1, generator=generator).item())
        return {'images': inputs['made']}, truth

    arrays = {'made': inputs['images'].numpy()}, {k: v.numpy() for k, v in truth.items()}
    recipe = replace(recipe, augment=augment, batch_size=250)
    fit(recipe, Bank.from_arrays(*arrays), output=tmp_path, validation=0.5)
    # the last is that of the examples, which are the first batch of those that are held out
    calibration = seen[-5:-1]
    assert len(set(calibration)) == 4
    assert seen[-1] == calibration[0]


def test_network_is_refused_before_training(bank, recipe, tmp_path):
    """That the network has no temperatures is said before the training."""
    recipe = replace(recipe, network=lambda _spec: Wrong(FACTORS.values(), shape=(2, 3)))
    with pytest.raises(ValueError, match='network must have temperatures'):
        fit(recipe, bank, output=tmp_path, validation=0.5)
    assert not list(tmp_path.iterdir())


def test_nothing_held_out(bank, recipe, tmp_path):
    """That there is nothing to calibrate with is said before the training."""
    with pytest.raises(ValueError, match=r'validation must hold sources out .*, got None'):
        fit(recipe, bank, output=tmp_path, validation=None)
    assert not list(tmp_path.iterdir())
