# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the scores of trained networks.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('torch')

import torch
from toy.network import RECIPE
from toy.spec import LABELS, SHAPE, SPECS

from starcnn.networks import Classes, Features, Map, Parameter, Spec
from starcnn.train import SCORE_SEED, Bank, score

pytestmark = pytest.mark.training

N = 4000
SIGMA = 0.2
AGE = SPECS['estimator'][0].outputs[0]
SIZE = Parameter(name='size', unit='pc', bounds=(0.0, 100.0))
GRID = replace(AGE, grid=tuple(np.round(np.arange(6.0, 9.01, 0.1), 6)))
# of the normal distribution: the deviations that half and 95 % stay below
HALF, MOST = 0.6745, 1.96


def make_recipe(*outputs, network, augment=None):
    """Return a recipe whose network gets one number for each output."""
    columns = tuple(f'c{k}' for k in range(len(outputs)))
    units, bounds = ('',) * len(columns), ((-1e3, 1e3),) * len(columns)
    inputs = (Features(name='x', columns=columns, units=units, bounds=bounds),)
    spec = Spec(family='toy', variant='told', inputs=inputs, outputs=outputs)
    return replace(RECIPE, spec=spec, network=network, augment=augment)


def tell_normal(width):
    """Return a network that returns what it gets, with a width."""
    return lambda x: tuple(
        torch.stack([x[:, k], torch.full_like(x[:, k], width)], dim=1) for k in range(x.shape[1])
    )


def tell_grid(x):
    """Return the probabilities of a normal distribution around what is told, on the grid."""
    return (torch.softmax(-0.5 * ((x - torch.tensor(GRID.grid)) / SIGMA) ** 2, dim=1).float(),)


def draw(*parameters, offset=0.0):
    """Return a bank of truths, each told with normal errors around it."""
    rng = np.random.default_rng(3)
    truth = {p.name: rng.uniform(*np.add(p.bounds, (1, -1)), N) for p in parameters}
    told = [values + offset + rng.normal(0, SIGMA, N) for values in truth.values()]
    truth = {name: values.astype(np.float32) for name, values in truth.items()}
    return Bank.from_arrays({'x': np.stack(told, axis=1)}, truth)


@pytest.mark.parametrize('network', [tell_normal(SIGMA), tell_grid], ids=['normal', 'grid'])
def test_known_scatter(network):
    """A network with known errors that it knows has those scores, on the logarithmic axis."""
    part = GRID if network is tell_grid else AGE
    scores = score(network, make_recipe(part, network=network), draw(part))
    assert scores == {
        'age': {
            'unit': 'dex',
            'n': N,
            'median_error': pytest.approx(HALF * SIGMA, rel=0.06),
            'error_95': pytest.approx(MOST * SIGMA, rel=0.06),
            'bias': pytest.approx(0, abs=0.012),
            'coverage_68': pytest.approx(0.68, abs=0.025),
            'coverage_95': pytest.approx(0.95, abs=0.012),
        }
    }
    assert json.loads(json.dumps(scores)) == scores


def test_bias():
    """A network that is off by a constant has that bias, in the unit of each axis."""
    network = tell_normal(SIGMA)
    scores = score(network, make_recipe(AGE, SIZE, network=network), draw(AGE, SIZE, offset=-0.3))
    for name, unit in (('age', 'dex'), ('size', 'pc')):
        assert scores[name]['unit'] == unit
        assert scores[name]['bias'] == pytest.approx(-0.3, abs=0.012)
        assert scores[name]['median_error'] == pytest.approx(0.301, abs=0.012)
        assert scores[name]['coverage_68'] < 0.4


@pytest.mark.parametrize(('factor', 'coverage'), [(0.5, (0.383, 0.673)), (2.0, (0.954, 0.9999))])
def test_wrong_widths(factor, coverage):
    """Distributions that are too narrow hold the truth too rarely, wide ones too often."""
    network = tell_normal(factor * SIGMA)
    found = score(network, make_recipe(AGE, network=network), draw(AGE))['age']
    assert (found['coverage_68'], found['coverage_95']) == pytest.approx(coverage, abs=0.025)


def test_unknown_truths_do_not_count():
    """Sources without a finite truth are left out, for the parameter that lacks it."""
    network, bank = tell_normal(SIGMA), draw(AGE, SIZE)
    recipe = make_recipe(AGE, SIZE, network=network)
    before = score(network, recipe, bank)
    bank.truth['age'][::2] = np.nan
    bank.truth['age'][1] = -np.inf
    after = score(network, recipe, bank)
    assert after['age']['n'] == N // 2 - 1
    assert after['age']['coverage_68'] == pytest.approx(0.68, abs=0.035)
    assert after['size'] == before['size']


def test_classes():
    """Accuracy and logarithmic loss are those of the probabilities."""
    part = Classes(name='class', labels=LABELS)
    p = np.array([[0.9], [0.6], [0.2], [0.7]])
    bank = Bank.from_arrays({'x': p}, {'class': np.array([0, 1, 1, 0])})

    def network(x):
        return (torch.cat([x, 1 - x], dim=1),)

    scores = score(network, make_recipe(part, network=network), bank)
    loss = round(-np.log([0.9, 0.4, 0.8, 0.7]).mean(), 4)
    assert scores == {'class': {'n': 4, 'accuracy': 0.75, 'log_loss': pytest.approx(loss)}}
    # even where it is certain and wrong
    bank = Bank.from_arrays({'x': np.ones((1, 1))}, {'class': np.array([1])})
    found = score(network, make_recipe(part, network=network), bank)['class']
    assert found == {'n': 1, 'accuracy': 0.0, 'log_loss': pytest.approx(46.05)}


def test_maps():
    """The errors of maps are those of pixels."""
    part = Map(name='mass', unit='solMass', shape=SHAPE)
    truth = np.zeros((2, *SHAPE), np.float32)
    truth[0, 0, 0] = np.nan
    bank = Bank.from_arrays({'x': np.full((2, 1), 2.5)}, {'mass': truth})

    def network(x):
        return (x[:, :, None].expand(-1, *SHAPE),)

    scores = score(network, make_recipe(part, network=network), bank)
    errors = {'median_error': 2.5, 'error_95': 2.5, 'bias': 2.5}
    assert scores == {'mass': {'unit': 'solMass', 'n': 71} | errors}


def test_four_digits():
    """Numbers have four digits, whatever their size."""
    network, bank = tell_normal(SIGMA), draw(SIZE)
    bank.inputs['x'][:] = bank.truth['size'][:, np.newaxis] + 12345.678
    found = score(network, make_recipe(SIZE, network=network), bank)['size']
    assert found['bias'] == 12350.0


def test_augment():
    """What the bank lacks is made by the recipe, the same way each time, and not elsewhere."""
    seen = []

    def augment(inputs, truth, generator):
        noise = torch.randn(inputs['told'].shape, generator=generator)
        seen.append(noise)
        return {'x': inputs['told'] + SIGMA * noise}, truth

    network, exact = tell_normal(SIGMA), draw(AGE)
    exact.inputs['x'][:] = exact.truth['age'][:, np.newaxis]
    recipe = make_recipe(AGE, network=network, augment=augment)
    assert score(network, recipe, exact)['age']['median_error'] < 1e-5
    assert not seen
    bank = Bank.from_arrays({'told': exact.inputs['x']}, exact.truth)
    first, again = (score(network, recipe, bank) for _ in range(2))
    assert first == again
    assert first['age']['median_error'] == pytest.approx(HALF * SIGMA, rel=0.06)
    half = len(seen) // 2
    assert all(torch.equal(a, b) for a, b in zip(seen[:half], seen[half:], strict=True))
    assert not torch.equal(seen[0], seen[1])
    # another size of the recipe's batches makes no other images
    assert score(network, replace(recipe, batch_size=7), bank) == first


def test_refused():
    """What cannot be scored is said."""
    network, bank = tell_normal(SIGMA), draw(AGE)
    recipe = make_recipe(AGE, network=network)
    told = Bank.from_arrays({'told': bank.inputs['x']}, bank.truth)
    with pytest.raises(ValueError, match=r"bank must hold the inputs .* got no \['x'\]"):
        score(network, recipe, told)
    other = Bank.from_arrays(bank.inputs, {'mass': bank.truth['age']})
    with pytest.raises(ValueError, match=r"bank must hold the truth .* got no \['age'\]"):
        score(network, recipe, other)
    bank.inputs['x'][:3] = np.nan
    text = f"network must give 'age' of all sources, got none for 3 of {N}"
    with pytest.raises(ValueError, match=text):
        score(network, recipe, bank)
    bank.truth['age'][:] = np.nan
    with pytest.raises(ValueError, match="bank must have sources with a finite 'age' to score it"):
        score(network, recipe, bank)


def test_seed():
    """Nobody types the seed, and torch and numpy take it."""
    assert SCORE_SEED > 2**32
    assert torch.Generator().manual_seed(SCORE_SEED).initial_seed() == SCORE_SEED
