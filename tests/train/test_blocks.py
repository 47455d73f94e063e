# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.blocks.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.networks import Mixture, Parameter, Posterior, Spec
from starcnn.train import (
    AsinhStretch,
    GridHead,
    MixtureHead,
    NormalHead,
    PreciseLinear,
    ResidualBlock,
    Standardize,
    grid_nll,
    grid_square_errors,
    mixture_nll,
    normal_nll,
)
from starcnn.train.blocks import thin_out

pytestmark = pytest.mark.training


@pytest.fixture(autouse=True)
def fixed_seed():
    """The same weights in each test, and torch's generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def test_standardize():
    """Bounds go to -1 and 1, NaN stays NaN."""
    layer = Standardize.from_bounds(((0, 20), (-1, 4)))
    x = torch.tensor([[0.0, -1.0], [20.0, 4.0], [10.0, torch.nan]])
    wanted = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, torch.nan]])
    torch.testing.assert_close(layer(x), wanted, equal_nan=True)
    with pytest.raises(ValueError, match='scale must be above zero'):
        Standardize([0, 0], [1, 0])


def test_asinh_stretch():
    """Each filter has its own softening."""
    layer = AsinhStretch([0.1, 2.0])
    x = torch.randn(3, 2, 4, 4)
    wanted = np.arcsinh(x.numpy() / np.array([0.1, 2.0])[:, None, None])
    np.testing.assert_allclose(layer(x).numpy(), wanted, rtol=1e-5)
    with pytest.raises(ValueError, match='softening must be one number above zero'):
        AsinhStretch([0.0])


@pytest.mark.parametrize('norm', ['group', 'batch'])
@pytest.mark.parametrize(('n_out', 'stride'), [(6, 1), (12, 1), (12, 2)])
def test_residual_block(norm, n_out, stride):
    """The shape is as asked for, and all weights get a gradient."""
    block = ResidualBlock(6, n_out, stride=stride, norm=norm)
    y = block(torch.randn(2, 6, 8, 8))
    assert y.shape == (2, n_out, 8 // stride, 8 // stride)
    y.sum().backward()
    assert all(parameter.grad is not None for parameter in block.parameters())


@pytest.mark.parametrize('stride', [1, 2])
def test_residual_block_keeps_the_memory_format(stride):
    """Gradients have the memory format of convolutions: with others, norms take several times."""
    block = ResidualBlock(8, 16, stride=stride, norm='batch').to(memory_format=torch.channels_last)
    images = torch.randn(16, 8, 12, 12).contiguous(memory_format=torch.channels_last)
    images.requires_grad_()
    made = block(images)
    made.backward(torch.randn_like(made))
    assert images.grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('size', [12, 13])
def test_thin_out(size):
    """Every second row and column is left, the first among them."""
    images = torch.randn(2, 3, size, size + 2)
    assert torch.equal(thin_out(images, 1), images)
    assert torch.equal(thin_out(images, 2), images[..., ::2, ::2])


def test_residual_block_norm():
    """Other norms are refused."""
    with pytest.raises(ValueError, match="norm must be 'group' or 'batch', got 'layer'"):
        ResidualBlock(4, 4, norm='layer')


def test_grid_head():
    """The probabilities of a source sum to one over the whole grid."""
    y = GridHead(5, (4, 3, 2))(torch.randn(6, 5))
    assert y.shape == (6, 4, 3, 2)
    torch.testing.assert_close(y.sum((1, 2, 3)), torch.ones(6))


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


def test_normal_head():
    """Means are about the offset, deviations above zero and of order of the scale."""
    y = NormalHead(5, offset=8.0, scale=2.0)(torch.randn(1000, 5)).detach()
    assert y.shape == (1000, 2)
    assert abs(float(y[:, 0].mean()) - 8) < 2
    assert (y[:, 1] > 0).all()
    assert float(y[:, 1].mean()) < 4


def test_precise_linear():
    """Autocast leaves the layer alone."""
    layer = PreciseLinear(3, 4)
    x = torch.randn(2, 3)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        y = layer(x)
        assert torch.nn.functional.linear(x, layer.weight).dtype == torch.bfloat16
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, layer(x), rtol=0, atol=0)


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


def test_mixture_head_is_what_a_posterior_reads():
    """The order of the numbers is that of the spec."""
    part = Mixture(
        name='posterior',
        parameters=(
            Parameter(name='age', unit='yr', bounds=(6, 10), log=True),
            Parameter(name='a_v', unit='mag', bounds=(0, 5)),
        ),
        n_components=3,
    )
    spec = Spec(family='toy', variant='set', inputs=(), outputs=(part,))
    output = MixtureHead(4, 3, offset=(8, 2.5), scale=(2, 2.5))(torch.randn(5, 4)).detach()
    assert output.shape == (5, *part.dimensions[1:])
    posterior = Posterior.from_outputs({'posterior': output.numpy()}, spec)
    draws = posterior.draw(4000, rng=1)
    mean = (output[..., :1] * output[..., 1:3]).sum(1)
    found = np.stack([np.log10(draws['age'].value), draws['a_v'].value], axis=-1)
    source_axis = found.shape.index(5)
    np.testing.assert_allclose(found.mean(axis=1 - source_axis), mean, atol=0.25)


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
