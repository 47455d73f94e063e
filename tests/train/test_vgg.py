# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the two VGG19.
"""

import pytest
from numpy.testing import assert_allclose

from starcnn.networks import Classes, Images, Spec

pytestmark = pytest.mark.training

IMAGES = Images(
    name='images',
    filters=('F275W', 'F336W', 'F438W', 'F555W', 'F814W'),
    shape=(50, 50),
    pixel_scale=0.04,
    unit='electron / s',
)
SPEC = Spec(
    family='phangs_hst',
    variant='vgg19_bn',
    inputs=(IMAGES,),
    outputs=(Classes(name='class', labels=('1', '2', '3', '4')),),
)

# The layers of torchvision's vgg19_bn: 'M' is a pool, each convolution has a norm and a ReLU.
LAYERS = [64, 64, 'M', 128, 128, 'M', *[256] * 4, 'M', *[512] * 4, 'M', *[512] * 4, 'M']


def make_weights(*, device='cpu'):
    """Return a state dict with the names and shapes that torchvision gives, by its rules."""
    import torch

    weights, at, n_in = {}, 0, 3
    for n in LAYERS:
        if n == 'M':
            at += 1
            continue
        weights[f'features.{at}.weight'] = torch.zeros(n, n_in, 3, 3, device=device)
        weights[f'features.{at}.bias'] = torch.zeros(n, device=device)
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            weights[f'features.{at + 1}.{part}'] = torch.ones(n, device=device)
        at, n_in = at + 3, n
    for at, n_out, n_in in ((0, 4096, 25088), (3, 4096, 4096), (6, 1000, 4096)):
        weights[f'classifier.{at}.weight'] = torch.empty(n_out, n_in, device='meta')
        weights[f'classifier.{at}.bias'] = torch.empty(n_out, device='meta')
    return weights


def test_without_dense_layers():
    """The convolutions of both copies are those of the file; classes come out."""
    import torch

    from starcnn.train import TwinVGG19BN

    network = TwinVGG19BN(SPEC, size=32, dense=False)
    weights = make_weights()
    weights['features.0.bias'] += 0.25
    network.load_start(weights, torch.zeros(1))
    for copy in network.copies:
        assert_allclose(copy.features[0].bias.detach(), 0.25)
    with torch.no_grad():
        (p,) = network.eval()(torch.rand(2, 5, 50, 50))
    assert_allclose(p.sum(dim=1), 1, rtol=1e-6)


def test_whole_network():
    """The whole network has the names and shapes of torchvision's, but for the last layer."""
    import torch

    from starcnn.train import TwinVGG19BN

    with torch.device('meta'):
        network = TwinVGG19BN(SPEC)
    state = network.copies[1].state_dict()
    own = {x: tuple(y.shape) for x, y in state.items() if not x.endswith('tracked')}
    given = {x: tuple(y.shape) for x, y in make_weights(device='meta').items()}
    assert own == {x: y for x, y in given.items() if not x.startswith('classifier.6')}
    assert network.head.in_features == 2 * 4096


def test_wrong_weights():
    """Names are checked."""
    import torch

    from starcnn.train import TwinVGG19BN

    weights = make_weights()
    weights.pop('features.1.running_mean')
    with pytest.raises(ValueError, match=r'weights of vgg19_bn, got 1 missing: features\.1'):
        TwinVGG19BN(SPEC, size=32, dense=False).load_start(weights, torch.zeros(1))


@pytest.mark.parametrize('side', [9, 7, 3, 1])
def test_bins(side):
    """The pool before the dense layers is the adaptive one of torch."""
    import torch

    from starcnn.train.vgg import _make_bins

    x = torch.rand(2, 3, side, side)
    bins = _make_bins(side, 7)
    wanted = torch.nn.functional.adaptive_avg_pool2d(x, 7)
    assert_allclose(bins.T @ x @ bins, wanted, atol=1e-6)
