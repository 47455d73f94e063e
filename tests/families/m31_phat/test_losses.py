# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat.losses.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.families.m31_phat.losses import default_loss, paper_loss
from starcnn.families.m31_phat.spec import DEFAULT, PAPER, make_default

pytestmark = pytest.mark.training

TRUTH = {'age': 8.03, 'a_v': 0.71, 'mass': 3.02, 'r_h': -0.41, 'visibility': 1.15}


def make_truth(n):
    """Return the truth of equal clusters."""
    return {name: torch.full((n,), value) for name, value in TRUTH.items()}


def make_estimates(errors, deviation, certain=None):
    """Return estimates with the same errors of all parameters, in training if ``certain``."""
    columns = [errors, np.full(len(errors), deviation)] + ([] if certain is None else [certain])
    output = torch.tensor(np.stack(columns, axis=1), dtype=torch.float32)
    outputs = {}
    for parameter in PAPER.outputs:
        offset = torch.zeros(output.shape[1])
        offset[[0, *([2] if certain is not None else [])]] = TRUTH[parameter.name]
        outputs[parameter.name] = (output + offset).requires_grad_()
    return outputs


def test_paper_loss_is_equations_1_and_2():
    """Half the square of errors below one, linear beyond, summed over the three parameters."""
    outputs = make_estimates([0.1, -0.6, 1.0, -3.0], 0.3)
    expected = 3 * np.mean([0.005, 0.18, 0.5, 2.5])
    loss = paper_loss(outputs, make_truth(4), spec=PAPER).detach()
    assert float(loss) == pytest.approx(expected)


def test_deviations_do_not_matter_to_estimates():
    """Neither the loss nor the gradient of the estimates knows of the deviations."""
    gradients, losses = [], []
    for deviation, certain in ((0.01, [5.0, 0.2]), (2.0, [-5.0, 0.0])):
        outputs = make_estimates([0.5, -2.0], deviation, certain)
        losses.append(paper_loss(outputs, make_truth(2), spec=PAPER))
        losses[-1].backward()
        gradients.append(outputs['age'].grad)
    assert float(losses[0].detach()) == pytest.approx(float(losses[1].detach()), rel=1e-5)
    for gradient in gradients:
        torch.testing.assert_close(gradient[:, 0], torch.tensor([0.25, -0.5]))
        assert (gradient[:, 2] == 0).all()


@pytest.mark.parametrize('is_training', [False, True])
def test_deviations_become_the_rms_errors(is_training):
    """Their gradient is zero at the rms of the errors: in training, of those without dropout."""
    errors = np.array([0.1, -0.3, 0.2, 0.6])
    dropped = np.full(4, 2.0)
    rms = np.sqrt(np.mean(errors**2))
    slopes = []
    for factor in (0.9, 1.0, 1.1):
        given = (dropped, rms * factor, errors) if is_training else (errors, rms * factor)
        outputs = make_estimates(*given)
        paper_loss(outputs, make_truth(4), spec=PAPER).backward()
        slopes.append(float(outputs['mass'].grad[:, 1].sum()))
    assert slopes[0] < -0.01
    assert slopes[1] == pytest.approx(0, abs=1e-4)
    assert slopes[2] > 0.01


def make_even(spec, n):
    """Return even probabilities, with gradients."""
    return {
        part.name: torch.full(
            (n, *part.dimensions[1:]), 1 / np.prod(part.dimensions[1:]), requires_grad=True
        )
        for part in spec.outputs
    }


@pytest.mark.parametrize('spec', [DEFAULT, make_default(a_v=(0.0, 2.0))])
def test_default_loss_looks_at_the_true_cells(spec):
    """Probability is wanted in the cells of the true values more than in all others."""
    outputs = make_even(spec, 1)
    default_loss(outputs, make_truth(1), spec=spec).backward()
    for part in spec.outputs:
        cell = tuple(int(np.argmin(abs(np.array(p.grid) - TRUTH[p.name]))) for p in part.parameters)
        gradient = outputs[part.name].grad[0]
        assert gradient[cell] < 0
        assert gradient[cell] == gradient.min()


def test_default_loss_of_even_probabilities():
    """Logarithms of the numbers of cells, ten times the squared errors; visibility weighs less."""
    middles = {'age': 8.05, 'mass': 3.0, 'r_h': (np.log10(0.1) + np.log10(1.6)) / 2}
    squares = [(middle - TRUTH[name]) ** 2 for name, middle in middles.items()]
    expected = np.log(37 * 34 * 21) + 10 * sum(squares)
    expected += 0.3 * (np.log(30) + 10 * (1.0 - TRUTH['visibility']) ** 2)
    loss = default_loss(make_even(DEFAULT, 3), make_truth(3), spec=DEFAULT)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_clusters_without_light():
    """A visibility of zero is in the lowest cell, one above all in the highest."""
    for value, cell in ((-torch.inf, 0), (9.0, -1)):
        outputs, truth = make_even(DEFAULT, 1), make_truth(1)
        truth['visibility'][:] = value
        default_loss(outputs, truth, spec=DEFAULT).backward()
        assert outputs['visibility'].grad[0, cell] < 0


def test_certain_mistakes():
    """Probabilities of zero do not give an infinite loss."""
    nothing = {name: torch.zeros_like(output) for name, output in make_even(DEFAULT, 2).items()}
    assert default_loss(nothing, make_truth(2), spec=DEFAULT).isfinite()
