# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.losses.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.families.m83_hst.losses import default_loss, paper_loss
from starcnn.families.m83_hst.spec import DEFAULT, PAPER

pytestmark = pytest.mark.training

BY_LOSS = pytest.mark.parametrize(
    ('loss', 'spec'), [(paper_loss, PAPER), (default_loss, DEFAULT)], ids=['paper', 'default']
)
CLUSTER_OUTPUTS = ('age_a_v_mass', 'r_h')


def make(spec, n=4, *, n_empty=2):
    """Return even probabilities, with gradients, and a truth of which some rows are empty."""
    outputs = {
        part.name: torch.full((n, *part.dimensions[1:]), 1 / np.prod(part.dimensions[1:]))
        for part in spec.outputs
    }
    for output in outputs.values():
        output.requires_grad_()
    values = {'age': 8.03, 'a_v': 1.22, 'mass': 4.62, 'r_h': -0.9, 'visibility': 1.1}
    truth = {name: torch.full((n,), value) for name, value in values.items()}
    truth['class'] = (torch.arange(n) >= n_empty).long()
    truth['visibility'][:n_empty] = -torch.inf
    return outputs, truth


@BY_LOSS
def test_backgrounds_do_not_count_for_clusters(loss, spec):
    """Images without a cluster change neither the joint grid nor the size."""
    outputs, truth = make(spec)
    loss(outputs, truth, spec=spec).backward()
    for name, output in outputs.items():
        moved = output.grad.flatten(1).abs().amax(dim=1) > 0
        assert (
            moved.tolist() == ([False] * 2 if name in CLUSTER_OUTPUTS else [True] * 2) + [True] * 2
        )


@BY_LOSS
def test_unknown_parameters_of_backgrounds(loss, spec):
    """What is NaN for an image without a cluster does no harm."""
    outputs, truth = make(spec)
    expected = loss(outputs, truth, spec=spec)
    for name in ('age', 'a_v', 'mass', 'r_h'):
        truth[name][:2] = torch.nan
    found = loss(outputs, truth, spec=spec)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(output.grad.isfinite().all() for output in outputs.values())


@BY_LOSS
@pytest.mark.parametrize('n_empty', [0, 4])
def test_batches_of_one_class(loss, spec, n_empty):
    """Batches with clusters alone, or without any, have a loss."""
    outputs, truth = make(spec, n_empty=n_empty)
    assert loss(outputs, truth, spec=spec).isfinite()


@BY_LOSS
def test_loss_of_certain_mistakes_is_finite(loss, spec):
    """Probabilities of zero do not give an infinite loss."""
    outputs, truth = make(spec)
    nothing = {name: torch.zeros_like(output) for name, output in outputs.items()}
    assert loss(nothing, truth, spec=spec).isfinite()


def gaussian(grid, value, bins):
    """Return a normal distribution on a grid whose width is given in bins."""
    grid = np.array(grid)
    weights = np.exp(-0.5 * ((grid - value) / (bins * (grid[1] - grid[0]))) ** 2)
    return weights / weights.sum()


def test_paper_loss_is_equation_4():
    """Cross-entropy with Gaussians of 0.25 bins in the joint grid and 0.5 bins elsewhere."""
    # half of the images are backgrounds, as in the paper, so that both classes weigh one
    outputs, truth = make(PAPER, n=2, n_empty=1)
    torch.manual_seed(1)
    outputs = {
        name: torch.rand_like(output).flatten(1).softmax(dim=1).reshape(output.shape)
        for name, output in outputs.items()
    }
    grids = {p.name: p.grid for p in PAPER.parameters}
    x = {name: float(value[1]) for name, value in truth.items()}
    axes = [gaussian(grids[name], x[name], 0.25) for name in ('age', 'a_v', 'mass')]
    target = axes[0][:, None, None] * axes[1][:, None] * axes[2]
    empty, cluster = (
        {name: np.log(out[i].numpy()) for name, out in outputs.items()} for i in (0, 1)
    )
    expected = -(target * cluster['age_a_v_mass']).sum()
    for name in ('r_h', 'visibility'):
        expected -= (gaussian(grids[name], x[name], 0.5) * cluster[name]).sum()
    # what is not there is at the lower end of the visibilities
    lowest = gaussian(grids['visibility'], grids['visibility'][0], 0.5)
    expected -= (lowest * empty['visibility']).sum()
    expected -= cluster['class'][1] + empty['class'][0]
    assert float(paper_loss(outputs, truth, spec=PAPER)) == pytest.approx(expected / 2, rel=1e-5)


def test_best_outputs_of_the_paper():
    """No outputs are better than the Gaussians themselves."""
    outputs, truth = make(PAPER, n=1, n_empty=0)
    grids = {p.name: p.grid for p in PAPER.parameters}
    x = {name: float(value[0]) for name, value in truth.items()}
    axes = [gaussian(grids[name], x[name], 0.25) for name in ('age', 'a_v', 'mass')]
    best = {
        'age_a_v_mass': axes[0][:, None, None] * axes[1][:, None] * axes[2],
        'r_h': gaussian(grids['r_h'], x['r_h'], 0.5),
        'visibility': gaussian(grids['visibility'], x['visibility'], 0.5),
        'class': np.array([0.0, 1.0]),
    }
    best = {name: torch.from_numpy(value)[None].float() for name, value in best.items()}
    least = paper_loss(best, truth, spec=PAPER)
    for name in best:
        worse = best | {name: 0.9 * best[name] + 0.1 * outputs[name].detach()}
        assert paper_loss(worse, truth, spec=PAPER) > least


def test_default_loss_looks_at_the_true_cells():
    """Probability in the cells of the true values is all that counts."""
    outputs, truth = make(DEFAULT, n=1, n_empty=0)
    loss = default_loss(outputs, truth, spec=DEFAULT)
    loss.backward()
    for part in DEFAULT.outputs:
        if part.name == 'class':
            continue
        parameters = getattr(part, 'parameters', None) or [part]
        cell = tuple(
            int(np.argmin(abs(np.array(p.grid) - float(truth[p.name][0])))) for p in parameters
        )
        gradient = outputs[part.name].grad[0]
        assert gradient[cell] < 0
        assert (gradient != 0).sum() == 1


def test_values_beyond_the_grid():
    """Values outside the grid belong to the outermost cells."""
    outputs, truth = make(DEFAULT, n=1, n_empty=0)
    truth['visibility'][:] = 9.0
    default_loss(outputs, truth, spec=DEFAULT).backward()
    assert outputs['visibility'].grad[0, -1] < 0


@BY_LOSS
def test_classes_weigh_the_same(loss, spec):
    """However few images have no cluster, both networks learn both classes alike."""
    for n_empty in (1, 3):
        outputs, truth = make(spec, n=8, n_empty=n_empty)
        loss(outputs, truth, spec=spec).backward()
        gradient = outputs['class'].grad
        sums = gradient[:n_empty, 0].sum(), gradient[n_empty:, 1].sum()
        assert float(sums[0]) == pytest.approx(float(sums[1]), rel=1e-4)
