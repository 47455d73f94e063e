# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.bottleneck.
"""

import pytest

pytest.importorskip('torch')

import torch

from starcnn.train import Bottleneck, make_bottlenecks, make_stem

pytestmark = pytest.mark.training

# Fig. 4 of Bialopetravicius et al. (2019): inner and outer channels, how many there are, and the
# side of the images after each for images of 80 pixels; Fig. 6 of Bialopetravicius & Narbutis
# (2020) has the same, for 64 pixels.
FIG_4 = ((64, 128, 3, 40), (64, 256, 4, 20), (128, 512, 6, 10), (256, 1024, 3, 5))


def find_convolutions(module):
    """Return the convolutions of a module."""
    return [part for part in module.modules() if isinstance(part, torch.nn.Conv2d)]


@pytest.fixture(scope='module')
def layers():
    """The stem and the bottlenecks, with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return make_stem(3).eval(), make_bottlenecks().eval()


def test_stem(layers):
    """A 7 x 7 convolution without a stride, and a 3 x 3 pool that halves the images."""
    conv, pool = layers[0][0], layers[0][-1]
    assert (conv.kernel_size, conv.stride, conv.out_channels) == ((7, 7), (1, 1), 64)
    assert (pool.kernel_size, pool.stride) == (3, 2)
    assert layers[0](torch.zeros(1, 3, 80, 80)).shape == (1, 64, 40, 40)


def test_bottlenecks(layers):
    """Blocks have the sizes and channels of the figures; 49 layers are not ways around."""
    x, found = torch.zeros(1, 64, 40, 40), []
    for block in layers[1]:
        x = block(x)
        convolutions = find_convolutions(block.inside)
        assert [part.kernel_size for part in convolutions] == [(1, 1), (3, 3), (1, 1)]
        found.append((*(part.out_channels for part in convolutions), x.shape[2]))
    assert found == [
        (inside, inside, outside, side)
        for inside, outside, n_blocks, side in FIG_4
        for _ in range(n_blocks)
    ]
    n_around = sum(len(find_convolutions(block.around)) for block in layers[1])
    n_layers = sum(len(find_convolutions(part)) for part in layers)
    assert (n_layers - n_around, n_around) == (49, 4)


def test_strides(layers):
    """After the pool only the first blocks of the last three stages halve the images."""
    strides = [find_convolutions(block.inside)[1].stride[0] for block in layers[1]]
    assert strides == [1] * 3 + [2, 1, 1, 1] + [2, 1, 1, 1, 1, 1] + [2, 1, 1]


@pytest.mark.parametrize(('n_out', 'stride'), [(6, 1), (12, 1), (12, 2)])
def test_way_around(n_out, stride):
    """Where nothing goes through the block, the images themselves do, or what is made of them."""
    block = Bottleneck(6, 4, n_out, stride=stride).eval()
    torch.nn.init.zeros_(block.inside[-1].weight)
    x = torch.rand(2, 6, 9, 8)
    wanted = x
    if n_out != 6:
        weight = block.around[0].weight / (1 + block.around[1].eps) ** 0.5
        wanted = torch.nn.functional.conv2d(x, weight, stride=stride).relu()
    torch.testing.assert_close(block(x), wanted)


def test_gradients():
    """All weights get a gradient, also in small batches."""
    block = Bottleneck(6, 4, 12, stride=2)
    block(torch.randn(2, 6, 8, 8)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in block.parameters())
