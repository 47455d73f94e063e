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
    # not the gradient of a leaf, which is brought to the format of the leaf
    inside, seen = images.requires_grad_() * 1, []
    inside.register_hook(seen.append)
    made = block(inside)
    made.backward(torch.randn_like(made))
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


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
