# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.likelihoods.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.networks import Parameter
from starcnn.train import (
    MixtureHead,
    grid_nll,
    grid_square_errors,
    mixture_nll,
    normal_nll,
)

pytestmark = pytest.mark.training


@pytest.fixture(autouse=True)
def fixed_seed():
    """The same numbers in each test, and torch's generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def test_grid_nll():
    """The value is that of the true cell; beyond a grid of the outermost, of NaN of the first."""
    axes = (
        Parameter(name='age', unit='yr', bounds=(6, 9), log=True, grid=(6.5, 7.5, 8.5)),
        Parameter(name='a_v', unit='mag', bounds=(0, 1), grid=(0.25, 0.75)),
    )
    output = torch.rand(6, 6).softmax(dim=1).reshape(6, 3, 2).requires_grad_()
    nan, inf = torch.nan, torch.inf
    truth = {
        'age': torch.tensor([6.9, 7.1, 8.9, 5.0, -inf, nan]),
        'a_v': torch.tensor([0.4, 0.6, 0.49, 9.0, inf, 0.1]),
    }
    cells = [(0, 0), (1, 1), (2, 0), (0, 1), (0, 1), (0, 0)]
    wanted = -torch.stack([output[i][cell] for i, cell in enumerate(cells)]).log()
    found = grid_nll(output, truth, axes)
    torch.testing.assert_close(found, wanted)
    found.sum().backward()
    assert ((output.grad != 0).sum(dim=(1, 2)) == 1).all()
    assert grid_nll(torch.zeros(6, 3, 2), truth, axes).isfinite().all()


@pytest.mark.parametrize('p', [1, 2, 3])
def test_mixture_nll_is_that_of_torch(p):
    """The value is that of torch.distributions for the same components."""
    offset, scale = [8.0, 2.0, 3.0][:p], [2.0, 1.5, 0.5][:p]
    output = MixtureHead(5, 4, offset=offset, scale=scale)(torch.randn(50, 5)).double()
    truth = torch.tensor(offset) + torch.tensor(scale) * torch.randn(50, p)
    factors = torch.zeros(50, 4, p, p, dtype=torch.float64)
    rows, columns = np.tril_indices(p)
    factors[..., rows, columns] = output[..., 1 + p :]
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(probs=output[..., 0]),
        torch.distributions.MultivariateNormal(output[..., 1 : 1 + p], scale_tril=factors),
    )
    wanted = -mixture.log_prob(truth.double())
    torch.testing.assert_close(mixture_nll(output, truth.double()), wanted)
    torch.testing.assert_close(
        mixture_nll(output.float(), truth), wanted.float(), rtol=1e-4, atol=1e-4
    )


def test_mixture_nll_far_away():
    """Far from all components the value and its gradient are finite."""
    head = MixtureHead(2, 3, offset=(8.0,), scale=(2.0,))
    output = head(torch.randn(4, 2))
    output = torch.cat([torch.tensor([1.0, 0.0, 0.0]).expand(4, 3)[..., None], output[..., 1:]], 2)
    nll = mixture_nll(output, torch.full((4, 1), 1e4))
    nll.sum().backward()
    assert nll.isfinite().all()
    assert head.linear.weight.grad.isfinite().all()


def test_normal_nll():
    """The value is that of a normal distribution."""
    output = torch.tensor([[1.0, 0.5], [3.0, 2.0]])
    truth = torch.tensor([0.3, 3.0])
    wanted = -torch.distributions.Normal(output[:, 0], output[:, 1]).log_prob(truth)
    torch.testing.assert_close(normal_nll(output, truth), wanted)


def test_grid_square_errors():
    """The errors are those of the means, of values inside the grid; unknown ones have none."""
    first = Parameter(name='a', unit='', bounds=(0, 2), grid=(0.5, 1.5))
    second = Parameter(name='b', unit='', bounds=(0, 6), grid=(1.0, 3.0, 5.0))
    output = torch.tensor([[[0.1, 0.2, 0.0], [0.0, 0.3, 0.4]]] * 3, requires_grad=True)
    truth = {'a': torch.tensor([1.0, 9.0, np.nan]), 'b': torch.tensor([3.0, -np.inf, np.nan])}
    errors = grid_square_errors(output, truth, (first, second))
    # the means are 0.15 + 1.05 = 1.2 and 0.1 + 1.5 + 2.0 = 3.6
    expected = [0.2**2 + 0.6**2, 0.3**2 + 2.6**2, 0.0]
    np.testing.assert_allclose(errors.detach(), expected, rtol=1e-5, atol=1e-6)
    errors.sum().backward()
    assert output.grad.isfinite().all()
    one = grid_square_errors(output[0, :1].detach(), {'b': torch.tensor([3.0])}, (second,))
    assert one.item() == pytest.approx((0.2 * 3 - 3 + 0.1) ** 2)
