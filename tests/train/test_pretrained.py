# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of weights to begin with.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytestmark = pytest.mark.training


def test_codes(tmp_path):
    """Rows of a codebook make the weights, also beyond the numbers of 15 bits."""
    import torch

    from starcnn.train import read_start

    codebook = torch.arange(80000, dtype=torch.float32).reshape(40000, 2)
    stored = {
        'conv1.codes_matrix': torch.tensor([[0, 3], [39999 - 65536, 1]], dtype=torch.int16),
        'conv1.codebook': codebook,
        'bn1.bias': torch.ones(2, dtype=torch.float16),
        'bn1.num_batches_tracked': torch.tensor(1),
    }
    torch.save(stored, tmp_path / 'x.pth')
    weights = read_start(tmp_path / 'x.pth')
    assert set(weights) == {'conv1.weight', 'bn1.bias'}
    assert weights['conv1.weight'].tolist() == [0, 1, 6, 7, 79998, 79999, 2, 3]
    assert weights['bn1.bias'].dtype == torch.float32


def test_safetensors(tmp_path):
    """Files of safetensors are read as well."""
    import torch
    from safetensors.torch import save_file

    from starcnn.train import read_start

    save_file({'a': torch.ones(2)}, tmp_path / 'x.safetensors')
    assert_allclose(read_start(tmp_path / 'x.safetensors')['a'], [1, 1])


def test_int8(tmp_path):
    """Eight bits become numbers by their scale and zero; the layer of ImageNet is left out."""
    from starcnn.train import read_start

    arrays = {
        'q0': np.array([[[[10]]], [[[30]]]], np.uint8),
        'b0': np.zeros(2),
        'q1': np.zeros((1001, 2, 1, 1), np.uint8),
        'b1': np.zeros(1001),
        'scale': np.array([0.5, 1], np.float32),
        'zero': np.array([20, 0]),
    }
    np.savez(tmp_path / 'x.npz', **arrays)
    weights = read_start(tmp_path / 'x.npz')
    assert set(weights) == {'0.weight', '0.bias'}
    assert weights['0.weight'].flatten().tolist() == [-5, 5]


@pytest.mark.parametrize(
    ('name', 'content', 'match'),
    [
        ('x.txt', b'', 'must end in'),
        ('x.pth', b'nothing', 'state dict that torch reads'),
    ],
)
def test_wrong_files(tmp_path, name, content, match):
    """What is no file of weights is refused."""
    from starcnn.train import read_start

    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=match):
        read_start(tmp_path / name)


def test_no_file(tmp_path):
    """The file must be there; arrays of something else are refused."""
    import torch

    from starcnn.train import read_start

    with pytest.raises(ValueError, match='start must be a file'):
        read_start(tmp_path / 'x.pth')
    np.savez(tmp_path / 'x.npz', a=1)
    with pytest.raises(ValueError, match='arrays of MobileNetV2'):
        read_start(tmp_path / 'x.npz')
    torch.save({'a': {'b': torch.ones(1)}}, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='dictionary of tensors'):
        read_start(tmp_path / 'x.pth')


def test_code_is_not_run(tmp_path):
    """A file of torch with anything but tensors is refused, and nothing in it is run."""
    import torch

    from starcnn.train import read_start

    torch.save({'a': np.polynomial.Polynomial([1])}, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='state dict that torch reads'):
        read_start(tmp_path / 'x.pth')


def test_settle():
    """Norms get the statistics of the images, and the network computes what it did."""
    import torch

    from starcnn.train import settle

    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 2, 1),
        torch.nn.BatchNorm2d(2),
    )
    images = 5 * torch.rand(16, 1, 12, 12) + 2
    with torch.no_grad():
        wanted = network.eval()(images)
        network.train()
        settle(network, images)
        assert network.training
        assert_allclose(network(images), wanted, atol=1e-3)
        assert_allclose(network.eval()(images), wanted, atol=1e-3)
    assert float((network[1].running_mean.abs() > 0.1).float().mean()) > 0.5
