# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the two ResNet18.
"""

import os
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from starcnn.networks import Classes, Images, Spec

pytestmark = pytest.mark.training

FILTERS = ('F275W', 'F336W', 'F438W', 'F555W', 'F814W')


def make_spec(filters=FILTERS):
    """Return a spec."""
    images = Images(name='images', filters=filters, shape=(50, 50), pixel_scale=0.04, unit='adu')
    classes = Classes(name='class', labels=('1', '2', '3', '4'))
    return Spec(family='phangs_hst', variant='x', inputs=(images,), outputs=(classes,))


def make_weights(seed=2):
    """Return a state dict with the names and shapes that torchvision gives, by its rules."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    shapes = {'conv1.weight': (64, 3, 7, 7), 'fc.weight': (1000, 512), 'fc.bias': (1000,)}
    norms = {'bn1': 64}
    n_in = 64
    for k, n in enumerate((64, 128, 256, 512), start=1):
        for i in range(2):
            name = f'layer{k}.{i}'
            shapes[f'{name}.conv1.weight'] = (n, n_in, 3, 3)
            shapes[f'{name}.conv2.weight'] = (n, n, 3, 3)
            norms |= {f'{name}.bn1': n, f'{name}.bn2': n}
            if n_in != n:
                shapes[f'{name}.downsample.0.weight'] = (n, n_in, 1, 1)
                norms[f'{name}.downsample.1'] = n
            n_in = n
    weights = {x: torch.randn(shape, generator=generator) / 30 for x, shape in shapes.items()}
    for name, n in norms.items():
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            weights[f'{name}.{part}'] = torch.rand(n, generator=generator) + 0.5
        weights[f'{name}.num_batches_tracked'] = torch.tensor(5)
    return weights


def test_torchvision(tmp_path):
    """A file with torchvision's names goes into both copies; the last layer stays random."""
    import torch

    from starcnn.train import TwinResNet18, read_start

    weights = make_weights()
    torch.save(weights, tmp_path / 'resnet18.pth')
    network = TwinResNet18(make_spec(), size=32)
    last = network.head.weight.clone()
    network.load_start(read_start(tmp_path / 'resnet18.pth'), torch.zeros(1))
    for copy in network.copies:
        state = copy.state_dict()
        for name in ('conv1.weight', 'layer4.1.bn2.running_var', 'layer2.0.downsample.0.weight'):
            assert_allclose(state[name], weights[name])
        own = {name for name in state if not name.endswith('batches_tracked')}
        given = {x for x in weights if not x.startswith('fc.') and not x.endswith('tracked')}
        assert own == given
    assert_allclose(network.head.weight.detach(), last.detach())


@pytest.mark.parametrize(
    ('name', 'shape', 'match'),
    [
        ('conv1.weight', None, 'weights of resnet18, got 1 missing: conv1.weight'),
        ('layer5.weight', (3,), '1 unknown: layer5.weight'),
        ('bn1.weight', (3,), '1 of another shape: bn1.weight'),
    ],
)
def test_wrong_weights(name, shape, match):
    """Names and shapes are checked."""
    import torch

    from starcnn.train import TwinResNet18

    weights = {x: y for x, y in make_weights().items() if not x.endswith('tracked')}
    weights.pop(name, None)
    if shape is not None:
        weights[name] = torch.zeros(shape)
    with pytest.raises(ValueError, match=match):
        TwinResNet18(make_spec(), size=32).load_start(weights, torch.zeros(1))


def test_six_channels():
    """Three filters go into each copy; the sixth channel is zero; there are not seven."""
    import torch

    from starcnn.train import TwinResNet18

    network, seen = TwinResNet18(make_spec(), size=32).eval(), []
    for copy in network.copies:
        copy.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.rand(2, 5, 50, 50)
    with torch.no_grad():
        (p,) = network(images)
    assert p.shape == (2, 4)
    assert_allclose(torch.cat(seen, dim=1)[:, :5], network.scale(images))
    assert float(seen[1][:, 2].abs().max()) == 0
    with pytest.raises(ValueError, match='filters must be at most 6'):
        TwinResNet18(make_spec(tuple('abcdefg')), size=32)


def test_compressed():
    """The compressed ResNet18 gives features of both kinds of norms alike."""
    import torch

    from starcnn.train import TwinResNet18, read_start

    folder = os.environ.get('STARCNN_DATA_DIR')
    path = Path(folder or '') / 'weights' / 'resnet18_imagenet_pqf.pth'
    if not folder or not path.is_file():
        pytest.skip('needs weights/resnet18_imagenet_pqf.pth in $STARCNN_DATA_DIR')
    weights = read_start(path)
    torch.manual_seed(1)
    images = torch.rand(16, 5, 50, 50)
    network = TwinResNet18(make_spec(), size=64)
    network.load_start(weights, images)
    copy = network.copies[0]
    x = network.scale(images)[:, :3]
    with torch.no_grad():
        still, trained = copy.eval()(x), copy.train()(x)
        # the first layer by hand: the norm is folded into weight and bias
        first = torch.nn.functional.conv2d(x, weights['conv1.weight'].view(64, 3, 7, 7), None, 2, 3)
        first = first * weights['bn1.weight'][:, None, None] + weights['bn1.bias'][:, None, None]
        assert_allclose(copy.eval().bn1(copy.conv1(x)), first, atol=1e-3)
    assert_allclose(trained, still, atol=0.02 * float(still.abs().max()))
