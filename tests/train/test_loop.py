# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.loop.
"""

import json
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.networks import Features, Images, Parameter, Spec
from starcnn.plugins import Recipe
from starcnn.train import Bank, NormalHead, fit, normal_nll
from starcnn.train._optimize import learning_rate

pytestmark = pytest.mark.training


def weights_equal(first, second):
    """Whether two networks have the same bits."""
    first, second = first.state_dict(), second.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first | second)


def losses(result):
    """The losses of all epochs."""
    return [(line['training_loss'], line['validation_loss']) for line in result.history]


def test_fit_learns(stars_recipe, stars_bank, tmp_path):
    """The loss falls, and the best weights are returned."""
    result = fit(stars_recipe, stars_bank, output=tmp_path, epochs=10)
    assert result.finished
    assert len(result.history) == 10
    assert result.history[-1]['validation_loss'] < result.history[0]['validation_loss'] - 0.3
    best = min(line['validation_loss'] for line in result.history)
    assert result.training['validation_loss'] == best
    assert result.training['n_train'] == 270
    assert result.training['data_sha256'] == stars_bank.sha256
    assert result.training['data'] == {'simulator': 'toy'}
    assert result.examples['stars'].shape[0] == 30
    assert not result.network.training
    lines = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert lines == list(result.history)
    json.dumps(result.training)


def test_same_seed_same_bits(stars_recipe, stars_bank, tmp_path):
    """The seed decides everything, and torch's own generator stays as it was."""
    before = torch.random.get_rng_state()
    results = [
        fit(stars_recipe, stars_bank, output=tmp_path / f'{i}', seed=seed, epochs=2)
        for i, seed in enumerate((1, 1, 2))
    ]
    assert torch.equal(before, torch.random.get_rng_state())
    assert weights_equal(results[0].network, results[1].network)
    assert losses(results[0]) == losses(results[1])
    assert not weights_equal(results[0].network, results[2].network)


def test_interrupted_training_ends_with_the_same_bits(stars_recipe, stars_bank, tmp_path):
    """Stopping after each single step and going on changes nothing."""
    whole = fit(stars_recipe, stars_bank, output=tmp_path / 'whole')
    n_calls, result = 0, None
    while result is None or not result.finished:
        result = fit(stars_recipe, stars_bank, output=tmp_path / 'parts', max_seconds=0.0)
        n_calls += 1
    assert n_calls == 3 * (270 // 32)
    assert weights_equal(whole.network, result.network)
    assert losses(whole) == losses(result)


def test_killed_training_goes_on(stars_recipe, stars_bank, tmp_path):
    """What a sudden end leaves behind is enough to reach the same bits."""
    n_calls = []

    def fail_later(outputs, truth):
        n_calls.append(1)
        if len(n_calls) > 15:
            raise KeyboardInterrupt
        return stars_recipe.loss(outputs, truth)

    with pytest.raises(KeyboardInterrupt):
        fit(replace(stars_recipe, loss=fail_later), stars_bank, output=tmp_path / 'killed')
    result = fit(stars_recipe, stars_bank, output=tmp_path / 'killed')
    assert weights_equal(
        result.network, fit(stars_recipe, stars_bank, output=tmp_path / 'whole').network
    )


def test_finished_training_is_returned_at_once(stars_recipe, stars_bank, tmp_path):
    """The same call again trains nothing; without ``resume`` it begins anew."""
    first = fit(stars_recipe, stars_bank, output=tmp_path)

    def never(outputs, truth):
        raise AssertionError

    again = fit(replace(stars_recipe, loss=never), stars_bank, output=tmp_path)
    assert weights_equal(first.network, again.network)
    assert again.history == first.history
    with pytest.raises(AssertionError):
        fit(replace(stars_recipe, loss=never), stars_bank, output=tmp_path, resume=False)


def test_other_training_in_the_folder(stars_recipe, stars_bank, tmp_path):
    """A folder with another training is refused, and the message says what differs."""
    fit(stars_recipe, stars_bank, output=tmp_path, epochs=1)
    with pytest.raises(ValueError, match=r"output must be empty .*'epochs': \(1, 2\)"):
        fit(stars_recipe, stars_bank, output=tmp_path, epochs=2)
    with pytest.raises(ValueError, match='data_sha256'):
        fit(stars_recipe, stars_bank.take(np.arange(299)), output=tmp_path, epochs=1)


@dataclass(frozen=True)
class Unchanged:
    """
    An augmentation with a setting that is a number, and one that JSON has no word for.
    """

    strength: float
    how: type = int

    def __call__(self, inputs, truth, generator):
        """Return what there is."""
        return inputs, truth


def test_other_augmentation_in_the_folder(stars_recipe, stars_bank, tmp_path):
    """A training with another augmentation is another training; provenance has its settings."""
    recipe = replace(stars_recipe, augment=Unchanged(0.1))
    result = fit(recipe, stars_bank, output=tmp_path, epochs=1)
    assert result.training['augment'] == {'strength': 0.1}
    assert fit(recipe, stars_bank, output=tmp_path, epochs=1).finished
    with pytest.raises(ValueError, match=r"other values .*'augment'"):
        fit(replace(recipe, augment=Unchanged(0.2)), stars_bank, output=tmp_path, epochs=1)


def test_initial_weights(stars_recipe, stars_bank, tmp_path):
    """A second training starts where the first, or a dictionary of weights, is."""
    first = fit(stars_recipe, stars_bank, output=tmp_path / 'first')
    still = replace(stars_recipe, learning_rate=0.0)
    for i, initial in enumerate((tmp_path / 'first', first.network.state_dict())):
        second = fit(still, stars_bank, output=tmp_path / f'{i}', epochs=1, initial=initial)
        assert weights_equal(first.network, second.network)
        assert second.training['initial_sha256'] is not None
    with pytest.raises(ValueError, match='initial must be weights or the folder of a training'):
        fit(stars_recipe, stars_bank, output=tmp_path / 'x', initial=tmp_path / 'nothing')


def test_validation(stars_recipe, stars_bank, tmp_path):
    """Another bank can be validated on, or none; then the last weights are taken."""
    rows, held_out = stars_bank.split(0.2, seed=7)
    result = fit(
        stars_recipe,
        stars_bank.take(rows),
        output=tmp_path / 'a',
        validation=stars_bank.take(held_out),
        epochs=1,
    )
    assert result.training['n_validation'] == 60
    none = fit(stars_recipe, stars_bank, output=tmp_path / 'b', validation=None, epochs=2)
    assert none.training['n_train'] == 300
    assert none.training['validation_loss'] is none.history[0]['validation_loss'] is None
    with pytest.raises(ValueError, match='bank must have sources to train on'):
        fit(stars_recipe, stars_bank.take(np.arange(1)), output=tmp_path / 'c', validation=0.9)


def test_inputs_that_augment_makes(tmp_path):
    """A bank may hold what the inputs are drawn from; validation draws the same each time."""
    spec = Spec(
        family='toy',
        variant='dense',
        inputs=(Features(name='colour', columns=('b_v',), units=('mag',), bounds=((0, 1),)),),
        outputs=(Parameter(name='age', unit='yr', bounds=(6, 10), log=True),),
    )

    class Dense(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = NormalHead(1, offset=8, scale=2)

        def forward(self, colour):
            return (self.head(colour),)

    def draw(inputs, truth, generator):
        noise = torch.randn(len(inputs['star']), 1, generator=generator)
        return {'colour': inputs['star'][:, :1] - inputs['star'][:, 1:] + noise}, truth

    recipe = Recipe(
        name='toy',
        variant='dense',
        task='estimator',
        spec=spec,
        network=lambda spec: Dense(),
        loss=lambda outputs, truth: normal_nll(outputs['age'], truth['age']).mean(),
        epochs=2,
        batch_size=16,
        learning_rate=0.0,
        augment=draw,
    )
    rng = np.random.default_rng(1)
    bank = Bank.from_arrays({'star': rng.random((60, 2))}, {'age': rng.uniform(6, 10, 60)})
    result = fit(recipe, bank, output=tmp_path)
    assert result.history[0]['validation_loss'] == result.history[1]['validation_loss']
    assert result.history[0]['training_loss'] != result.history[1]['training_loss']
    assert result.examples['colour'].shape == (6, 1)
    with pytest.raises(ValueError, match=r"bank must hold the inputs .* got no \['colour'\]"):
        fit(replace(recipe, augment=None), bank, output=tmp_path)


def test_loss_that_is_not_finite(stars_recipe, stars_bank, tmp_path):
    """The message says where; nothing spoiled is saved."""
    n_calls = []

    def spoil(outputs, truth):
        n_calls.append(1)
        loss = stars_recipe.loss(outputs, truth)
        return loss * torch.nan if len(n_calls) == 12 else loss

    # 8 steps of training and one of validation make an epoch
    match = 'loss of toy/set must be finite, got nan in epoch 2, step 3 of 8'
    with pytest.raises(FloatingPointError, match=match):
        fit(replace(stars_recipe, loss=spoil), stars_bank, output=tmp_path / 'a')
    result = fit(stars_recipe, stars_bank, output=tmp_path / 'a')
    assert weights_equal(
        result.network, fit(stars_recipe, stars_bank, output=tmp_path / 'b').network
    )


def test_device(stars_recipe, stars_bank, tmp_path):
    """A device that torch does not have is an error."""
    device = 'cuda' if not torch.cuda.is_available() else 'cuda:99'
    with pytest.raises(ValueError, match='device must be one that torch can use here'):
        fit(stars_recipe, stars_bank, output=tmp_path, device=device)


def test_network_must_return_a_tuple(stars_recipe, stars_bank, tmp_path):
    """A network with another number of outputs than its spec is refused."""

    class Bare(torch.nn.Linear):
        def forward(self, stars):
            return super().forward(stars.nan_to_num().mean(1))

    recipe = replace(stars_recipe, network=lambda spec: Bare(2, 4))
    with pytest.raises(TypeError, match='network must return a tuple of 1, got'):
        fit(recipe, stars_bank, output=tmp_path)


class Cnn(torch.nn.Module):
    """A convolution with batch norm."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU()
        )
        self.head = NormalHead(8, offset=8, scale=2)

    def forward(self, x):
        """Return mean and deviation of the age."""
        assert torch.compiler.is_compiling() or x.dtype == torch.float32
        return (self.head(self.body(x).mean((2, 3))),)


@pytest.fixture
def images_recipe():
    """Two epochs of the convolution."""
    spec = Spec(
        family='toy',
        variant='cnn',
        inputs=(Images(name='x', filters=('v',), shape=(6, 6), pixel_scale=None, unit=''),),
        outputs=(Parameter(name='age', unit='yr', bounds=(6, 10), log=True),),
    )
    return Recipe(
        name='toy',
        variant='cnn',
        task='estimator',
        spec=spec,
        network=lambda spec: Cnn(),
        loss=lambda outputs, truth: normal_nll(outputs['age'], truth['age']).mean(),
        epochs=2,
        batch_size=32,
    )


@pytest.fixture
def images_bank():
    """Images of 200 sources, as float16."""
    rng = np.random.default_rng(1)
    age = rng.uniform(6, 10, 200).astype(np.float32)
    images = (age[:, None, None, None] - 8 + rng.normal(0, 0.1, (200, 1, 6, 6))).astype(np.float16)
    return Bank.from_arrays({'x': images}, {'age': age})


def test_batch_norm_and_images(images_recipe, images_bank, tmp_path):
    """Images in the order of channels last, running means of batch norm, and bfloat16."""
    seen = []

    def look(inputs, truth, generator):
        seen.append(inputs['x'])
        return inputs, truth

    recipe = replace(images_recipe, augment=look)
    result = fit(recipe, images_bank, output=tmp_path / 'a', amp=True)
    assert seen[0].dtype == torch.float32
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    assert result.network.body[1].num_batches_tracked == 2 * (180 // 32)
    assert result.network.body[0].weight.dtype == torch.float32
    assert result.training['amp'] is True
    assert result.training['samples_drawn'] == 2 * (180 // 32) * 32


@pytest.mark.parametrize('optimizer', ['adamw', 'adam'])
def test_interrupted_training_of_images(optimizer, images_recipe, images_bank, tmp_path):
    """Convolutions, batch norms and parts of batches end with the same bits as well."""
    images_bank.save(tmp_path / 'bank')
    recipe = replace(images_recipe, optimizer=optimizer, accumulate=2)
    whole = fit(recipe, images_bank, output=tmp_path / 'whole')
    result = None
    while result is None or not result.finished:
        bank = Bank.open(tmp_path / 'bank')
        result = fit(recipe, bank, output=tmp_path / 'parts', max_seconds=0.0)
    assert weights_equal(whole.network, result.network)


def test_running_mean_of_batch_norm(images_recipe, images_bank, tmp_path):
    """The statistics are averaged as the weights are, so that they fit; or are the last ones."""
    changes = {'learning_rate': 0.0, 'batch_size': 180, 'epochs': 4}
    recipe = replace(images_recipe, **changes, mean_decay=0.0)
    last = fit(recipe, images_bank, output=tmp_path / 'last', validation=None).network
    recipe = replace(images_recipe, **changes, mean_decay=0.999)
    mean = fit(recipe, images_bank, output=tmp_path / 'mean', validation=None).network
    # all steps see all images, so that the statistics are known: from 0 by a tenth each time
    x = torch.from_numpy(images_bank.inputs['x'][:]).float()
    steps, expected = 0.0, 0.0
    for n_done in range(4):
        steps = 0.9 * steps + 0.1
        decay = (1 + n_done) / (10 + n_done)
        expected = steps if n_done == 0 else decay * expected + (1 - decay) * steps
    with torch.no_grad():
        wanted = last.body[0](x).mean((0, 2, 3))
    torch.testing.assert_close(last.body[1].running_mean, steps * wanted, rtol=0.2, atol=0.02)
    ratio = mean.body[1].running_mean / last.body[1].running_mean
    torch.testing.assert_close(ratio.median(), torch.tensor(expected / steps), rtol=0.1, atol=0)
    assert expected < 0.95 * steps


@pytest.mark.parametrize(
    ('changes', 'wanted'),
    [
        ({'warm_up': 0.0, 'schedule': 'exponential'}, [1e-2, 1e-3, 1e-4]),
        ({'warm_up': 0.0, 'schedule': 'cosine'}, [1e-2, 5.05e-3, 1e-4]),
        ({'warm_up': 0.1, 'schedule': 'exponential'}, [1e-3, 1.29e-3, 1e-4]),
    ],
)
def test_learning_rate(stars_recipe, changes, wanted):
    """It falls from the first to the last value, in equal ratios or as a cosine."""
    recipe = replace(stars_recipe, learning_rate=1e-2, final_learning_rate=1e-2, **changes)
    found = [learning_rate(recipe, n_done, 100) for n_done in (0, 50, 100)]
    np.testing.assert_allclose(found, wanted, rtol=5e-3)


@pytest.mark.parametrize(
    ('warm_up', 'wanted'),
    [(0.0, [1e-2, 1e-2, 5e-3, 2.5e-3, 1.25e-3]), (0.1, [1e-3, 1e-2, 5e-3, 2.5e-3, 1.25e-3])],
)
def test_halving(stars_recipe, warm_up, wanted):
    """It is halved after each epoch, and the same within one."""
    recipe = replace(
        stars_recipe, learning_rate=1e-2, schedule='halving', warm_up=warm_up, epochs=4
    )
    found = [learning_rate(recipe, n_done, 100) for n_done in (0, 24, 25, 50, 99)]
    np.testing.assert_allclose(found, wanted)


def test_clip(stars_recipe, stars_bank, tmp_path):
    """Gradients are clipped, unless they should not be."""
    recipe = replace(stars_recipe, epochs=1, optimizer='adam', learning_rate=1e-3)
    results = [
        fit(replace(recipe, clip=clip), stars_bank, output=tmp_path / str(clip)).network
        for clip in (None, 1e6, 1e-12)
    ]
    assert weights_equal(results[0], results[1])
    assert not weights_equal(results[0], results[2])


def test_log_dir(stars_recipe, stars_bank, tmp_path, monkeypatch):
    """Logs are what TensorBoard reads; without it the error names the extra."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'torch.utils.tensorboard', None)
        with pytest.raises(ImportError, match='comes with the extra "log"'):
            fit(stars_recipe, stars_bank, output=tmp_path / 'a', log_dir=tmp_path / 'no')
    accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    result = fit(stars_recipe, stars_bank, output=tmp_path / 'b', log_dir=tmp_path / 'log')
    events = accumulator.EventAccumulator(str(tmp_path / 'log'))
    events.Reload()
    found = [(event.step, event.value) for event in events.Scalars('validation_loss')]
    wanted = [(8 * line['epoch'], line['validation_loss']) for line in result.history]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='torch finds no GPU')
def test_fit_on_a_gpu(stars_recipe, stars_bank, tmp_path):
    """The GPU learns the same, from a bank that it holds whole."""
    found = fit(stars_recipe, stars_bank, output=tmp_path / 'a', device='cuda')
    wanted = fit(stars_recipe, stars_bank, output=tmp_path / 'b')
    assert found.training['device'] == torch.cuda.get_device_name()
    np.testing.assert_allclose(losses(found)[-1], losses(wanted)[-1], rtol=0.1)
