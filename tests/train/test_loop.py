# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.loop.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.networks import Features, Images, Parameter, Spec
from starcnn.plugins import Recipe
from starcnn.train import Bank, NormalHead, fit, normal_nll

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


def test_batch_norm_and_images(tmp_path):
    """Images in the order of channels last, running means of batch norm, and bfloat16."""
    spec = Spec(
        family='toy',
        variant='cnn',
        inputs=(Images(name='x', filters=('v',), shape=(6, 6), pixel_scale=None, unit=''),),
        outputs=(Parameter(name='age', unit='yr', bounds=(6, 10), log=True),),
    )

    class Cnn(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(
                torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU()
            )
            self.head = NormalHead(8, offset=8, scale=2)

        def forward(self, x):
            assert x.is_contiguous(memory_format=torch.channels_last)
            return (self.head(self.body(x).mean((2, 3))),)

    rng = np.random.default_rng(1)
    age = rng.uniform(6, 10, 200).astype(np.float32)
    images = (age[:, None, None, None] - 8 + rng.normal(0, 0.1, (200, 1, 6, 6))).astype(np.float16)
    recipe = Recipe(
        name='toy',
        variant='cnn',
        task='estimator',
        spec=spec,
        network=lambda spec: Cnn(),
        loss=lambda outputs, truth: normal_nll(outputs['age'], truth['age']).mean(),
        epochs=2,
        batch_size=32,
    )
    bank = Bank.from_arrays({'x': images}, {'age': age})
    result = fit(recipe, bank, output=tmp_path / 'a', amp=True)
    assert result.network.body[1].num_batches_tracked == 2 * (180 // 32)
    assert result.network.body[0].weight.dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='torch finds no GPU')
def test_fit_on_a_gpu(stars_recipe, stars_bank, tmp_path):
    """The GPU learns the same, from a bank that it holds whole."""
    found = fit(stars_recipe, stars_bank, output=tmp_path / 'a', device='cuda')
    wanted = fit(stars_recipe, stars_bank, output=tmp_path / 'b')
    assert found.training['device'] == torch.cuda.get_device_name()
    np.testing.assert_allclose(losses(found)[-1], losses(wanted)[-1], rtol=0.1)
