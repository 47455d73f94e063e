# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of two networks side by side; tests/train/test_resnet.py has those of the channels.
"""

import pytest
from numpy.testing import assert_allclose

from starcnn.networks import Classes, Images, Spec

pytestmark = pytest.mark.training


def test_features_are_joined():
    """The last layer sees the features of both copies, which have weights of their own."""
    import torch

    from starcnn.train import TwinNetwork

    class Copy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.level = torch.nn.Parameter(torch.rand(()))

        def forward(self, x):
            return (x * self.level).mean(dim=(2, 3))

    images = Images(
        name='images', filters=tuple('abcd'), shape=(8, 8), pixel_scale=None, unit='adu'
    )
    classes = Classes(name='class', labels=('1', '2'))
    spec = Spec(family='toy', variant='x', inputs=(images,), outputs=(classes,))
    network = TwinNetwork(spec, Copy, n_features=3, size=8)
    x = torch.rand(2, 4, 8, 8)
    mean = network.scale(x).mean(dim=(2, 3))
    first, second = (copy.level for copy in network.copies)
    features = torch.cat([mean[:, :3] * first, mean[:, 3:] * second, torch.zeros(2, 2)], dim=1)
    wanted = network.head(features).softmax(dim=1)
    assert_allclose(network(x)[0].detach(), wanted.detach(), rtol=1e-5)
