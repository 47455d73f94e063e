# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the calibration of distributions on grids.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.networks import Grid, Posterior, Spec
from starcnn.networks.parts import Classes, Features, Parameter
from starcnn.plugins import Recipe
from starcnn.train import Bank, calibrate, fit

pytestmark = pytest.mark.training

N = 2000
X = Parameter(name='x', unit='', bounds=(0, 10), grid=tuple(np.arange(0.1, 10, 0.2)))
Y = Parameter(name='y', unit='', bounds=(0, 10), grid=tuple(np.arange(0.25, 10, 0.5)))
SPEC = Spec(
    family='toy',
    variant='default',
    inputs=(Features(name='means', columns=('x', 'y'), units=('', ''), bounds=((0, 10),) * 2),),
    outputs=(
        Classes(name='class', labels=('a', 'b')),
        Grid(name='xy', parameters=(X, Y)),
    ),
)


class Overcautious(torch.nn.Module):
    """
    Normal distributions around the inputs; the logits are too small by a factor.
    """

    def __init__(self, sigma, factor):
        super().__init__()
        self.heads = torch.nn.ModuleList([torch.nn.Module(), torch.nn.Module()])
        linear = torch.nn.Linear(len(X.grid) + len(Y.grid), len(X.grid) * len(Y.grid))
        x, y = (torch.eye(len(p.grid)) for p in (X, Y))
        weight = torch.cat(
            [x.repeat_interleave(len(Y.grid), dim=0), y.repeat(len(X.grid), 1)], dim=1
        )
        linear.weight.data, linear.bias.data = factor * weight, torch.zeros(len(weight))
        self.heads[1].linear = linear
        self.sigma = sigma

    def forward(self, means):
        """
        Return the probabilities of the classes and of the cells.
        """
        nodes = torch.tensor(X.grid), torch.tensor(Y.grid)
        chi2 = [((g - means[:, k : k + 1]) / self.sigma) ** 2 for k, g in enumerate(nodes)]
        logits = self.heads[1].linear(-torch.cat(chi2, dim=1).float() / 2)
        probabilities = logits.softmax(dim=1).reshape(-1, len(X.grid), len(Y.grid))
        return torch.full((len(means), 2), 0.5), probabilities


@pytest.fixture
def batch():
    """Truths with normal errors of 0.6."""
    rng = np.random.default_rng(2)
    truth = rng.uniform(3, 7, (N, 2))
    means = rng.normal(truth, 0.6)
    truth[:5, 0] = np.nan
    return {'means': torch.tensor(means)}, {
        'x': torch.tensor(truth[:, 0]),
        'y': torch.tensor(truth[:, 1]),
    }


@pytest.mark.parametrize('factor', [0.4, 1.0, 1.8])
def test_coverage(batch, factor):
    """The temperature is the factor by which the logits are wrong; then the intervals are right."""
    network = Overcautious(0.6, factor).eval()
    inputs, truth = batch
    halves = [
        ({k: v[rows] for k, v in inputs.items()}, {k: v[rows] for k, v in truth.items()})
        for rows in (slice(0, N // 2), slice(N // 2, N))
    ]
    temperatures = calibrate(network, SPEC, halves)
    assert temperatures == {'xy': pytest.approx(factor, rel=0.1)}
    with torch.no_grad():
        outputs = network(inputs['means'])
    posterior = Posterior.from_outputs(
        {'class': outputs[0].numpy(), 'xy': outputs[1].numpy()}, SPEC
    )
    pit = posterior.cdf('y', truth['y'].numpy())
    assert np.mean(np.abs(2 * pit - 1) < 0.68) == pytest.approx(0.68, abs=0.03)


def test_no_sources(batch):
    """Without a truth there is nothing to calibrate with."""
    batch[1]['x'][:] = torch.nan
    with pytest.raises(ValueError, match="batches must have sources with 'xy', got none"):
        calibrate(Overcautious(0.6, 1.0), SPEC, [batch])


@pytest.fixture
def recipe():
    """A training that changes hardly anything."""
    return Recipe(
        name='toy',
        variant='default',
        task='estimator',
        spec=SPEC,
        network=lambda _spec: Overcautious(0.6, 0.5),
        loss=lambda outputs, _truth: outputs['xy'].square().mean(),
        epochs=1,
        learning_rate=1e-9,
        weight_decay=0.0,
        calibrate=True,
    )


def test_after_training(batch, recipe, tmp_path):
    """The network is calibrated at the end, the checkpoints are not; a resumed end is the same."""
    inputs, truth = ({k: v.numpy() for k, v in part.items()} for part in batch)
    inputs = {'means': inputs['means'].astype(np.float32)}
    bank = Bank.from_arrays(inputs, truth)
    first, again = (fit(recipe, bank, output=tmp_path, validation=0.5) for _ in range(2))
    assert first.training['temperatures'] == {'xy': pytest.approx(0.5, rel=0.15)}
    assert again.training['temperatures'] == first.training['temperatures']
    weights = [result.network.heads[1].linear.weight for result in (first, again)]
    assert torch.equal(*weights)
    expected = 0.5 / first.training['temperatures']['xy']
    assert float(weights[0].max()) == pytest.approx(expected, rel=1e-5)


def test_nothing_held_out(batch, recipe, tmp_path):
    """That there is nothing to calibrate with is said before the training."""
    inputs, truth = ({k: v.numpy() for k, v in part.items()} for part in batch)
    bank = Bank.from_arrays({'means': inputs['means'].astype(np.float32)}, truth)
    with pytest.raises(ValueError, match=r'validation must hold sources out .*, got None'):
        fit(recipe, bank, output=tmp_path, validation=None)
    assert not list(tmp_path.iterdir())
