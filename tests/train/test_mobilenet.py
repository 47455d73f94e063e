# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of MobileNetV2 for stamps.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.networks import Classes, Images, Network, Spec

pytestmark = pytest.mark.training

IMAGES = Images(
    name='images',
    filters=('F438W', 'F555W', 'F814W'),
    shape=(50, 50),
    pixel_scale=0.04,
    unit='electron / s',
    sizes=(25, 100),
)
SPEC = Spec(
    family='phangs_hst',
    variant='default',
    inputs=(IMAGES,),
    outputs=(Classes(name='class', labels=('1', '2', '3', '4')),),
)


@pytest.fixture(scope='module')
def start():
    """The packaged weights of ImageNet."""
    from starcnn.files import packaged_path, read_files
    from starcnn.train import read_start

    (file,) = (f for f in read_files('starcnn.families.phangs_hst', 'data') if 'mobilenet' in f.tag)
    return read_start(packaged_path(file))


@pytest.fixture(scope='module')
def network(start):
    """A network that begins with them."""
    import torch

    from starcnn.train import MobileNetV2

    torch.manual_seed(1)
    network = MobileNetV2(SPEC, size=64)
    network.load_start(start, torch.rand(8, 3, 50, 50))
    return network.eval()


def run_folded(weights, x):
    """Return what convolutions with folded norms make of images, layer by layer, by the paper."""
    import torch
    from torch.nn import functional

    def convolve(x, k, *, stride=1, bounded=True):
        kernel, bias = weights[f'{k}.weight'], weights[f'{k}.bias']
        size, groups = kernel.shape[2], x.shape[1] // kernel.shape[1]
        pad = max(size - stride, 0)
        x = functional.pad(x, (pad // 2, pad - pad // 2) * 2)
        x = functional.conv2d(x, kernel, bias, stride, groups=groups)
        return torch.clamp(x, 0, 6) if bounded else x

    x, k = convolve(x, 0, stride=2), 1
    stages = ((1, 1, 1), (6, 2, 2), (6, 3, 2), (6, 4, 2), (6, 3, 1), (6, 3, 2), (6, 1, 1))
    for expansion, n, stride in stages:
        for i in range(n):
            y = x
            if expansion > 1:
                y, k = convolve(y, k), k + 1
            y = convolve(y, k, stride=stride if i == 0 else 1)
            y = convolve(y, k + 1, bounded=False)
            k += 2
            x = y if i == 0 else x + y
    return convolve(x, k)


def test_start_is_imagenets(network, start):
    """A grey image gives the features of the network of colours, in spite of the batch norms."""
    import torch

    grey = 2 * torch.rand(2, 1, 64, 64) - 1
    with torch.no_grad():
        found = network.convolutions(grey.expand(-1, 6, -1, -1))
        wanted = run_folded(start, grey.expand(-1, 3, -1, -1))
    assert found.shape == (2, 1280, 2, 2)
    assert_allclose(found, wanted, atol=1e-4)
    assert float(wanted.std()) > 0.1


def test_norms_are_settled(network):
    """In training, where norms take the statistics of the batch, the features are alike."""
    import torch

    from starcnn.train import MobileNetV2

    torch.manual_seed(3)
    images = torch.rand(32, 3, 50, 50)
    other = MobileNetV2(SPEC, size=64)
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        x = 2 * network.scale(images) - 1
        wanted, found = network.convolutions(x), other.train().convolutions(x)
    assert float(torch.corrcoef(torch.stack([wanted.flatten(), found.flatten()]))[0, 1]) > 0.9


def test_brightness_does_not_matter(network):
    """A source that is ten times brighter has the same class."""
    import torch

    images = torch.rand(4, 3, 50, 50)
    with torch.no_grad():
        (p,) = network(images)
        (brighter,) = network(10 * images)
    assert_allclose(brighter, p, atol=1e-5)
    assert_allclose(p.sum(dim=1), 1, rtol=1e-6)


def test_other_filters(start):
    """The first layer takes any number of filters, and begins from another network of stamps."""
    import torch

    from starcnn.train import MobileNetV2
    from starcnn.train.mobilenet import _give_filters

    spec = replace(SPEC, inputs=(replace(IMAGES, filters=('g',)),))
    one = MobileNetV2(spec, size=32)
    one.load_start(start, torch.rand(2, 1, 25, 25))
    kernel = one.convolutions[0].convolution.weight
    assert_allclose(kernel.sum(dim=1).detach(), start['0.weight'].sum(dim=1), atol=1e-6)
    own = torch.rand(32, 6, 3, 3)
    assert _give_filters(own, (32, 6, 3, 3)) is own
    given = _give_filters(own, (32, 2, 3, 3))
    assert_allclose(given[:, 0], own[:, :3].sum(dim=1), rtol=1e-5)
    assert_allclose(given[:, 1], own[:, 3:].sum(dim=1), rtol=1e-5)


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        ({'7.bias': None}, 'got 1 missing: 7.bias'),
        ({'60.bias': 3}, 'got 1 unknown: 60.bias'),
        ({'7.bias': 3}, 'got 1 of another shape: 7.bias'),
    ],
)
def test_wrong_start(start, change, match):
    """Names and shapes are checked."""
    import torch

    from starcnn.train import MobileNetV2

    weights = dict(start)
    for name, n in change.items():
        weights.pop(name, None)
        if n is not None:
            weights[name] = torch.zeros(n)
    with pytest.raises(ValueError, match=match):
        MobileNetV2(SPEC, size=32).load_start(weights, torch.rand(2, 3, 50, 50))


@pytest.mark.slow
def test_file(network, start, tmp_path):
    """The file takes images of any of its sizes, is small, and can begin another network."""
    import torch

    from starcnn.train import ClassEnsemble, MobileNetV2, export, read_start

    ensemble = ClassEnsemble([network], 4).eval()
    file = export(ensemble, SPEC, tmp_path / 'default-1.0.0.onnx', training={}, half=True)
    assert file.size < 6e6
    opened = Network(tmp_path / file.file, n_threads=1)
    for shape in ((50, 50), (25, 25), (100, 64)):
        images = np.random.default_rng(0).random((2, 3, *shape)).astype(np.float32)
        with torch.no_grad():
            wanted = ensemble(torch.from_numpy(images))[0]
        assert_allclose(opened.run({'images': images})['class'], wanted, atol=0.01)
    with pytest.raises(ValueError, match='images of 25 to 100 pixels'):
        opened.run({'images': np.zeros((1, 3, 24, 50), np.float32)})
    other = MobileNetV2(SPEC, size=64)
    other.load_start(read_start(tmp_path / file.file), torch.rand(4, 3, 50, 50))
    x = torch.rand(1, 6, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, wanted = other.eval().convolutions(x), network.convolutions(x)
    # half precision, layer after layer; other weights would give differences of 1.4 times the rms
    assert (found - wanted).std() < 0.05 * wanted.std()
