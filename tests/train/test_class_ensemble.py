# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of averaged classifiers.
"""

import pytest
from numpy.testing import assert_allclose

pytestmark = pytest.mark.training


def test_mean():
    """Probabilities are averaged, not logits; temperature one and no bias change nothing."""
    import torch

    from starcnn.train import ClassEnsemble

    class Constant(torch.nn.Module):
        def __init__(self, p):
            super().__init__()
            self.p = p

        def forward(self, x):
            return (torch.tensor([self.p]).expand(len(x), -1),)

    network = ClassEnsemble([Constant([0.9, 0.1]), Constant([0.1, 0.9]), Constant([0.8, 0.2])], 2)
    assert_allclose(network(torch.zeros(2, 1))[0], [[0.6, 0.4]] * 2, rtol=1e-6)
    network.temperature.fill_(0.5)
    assert_allclose(network(torch.zeros(1, 1))[0], [[0.36 / 0.52, 0.16 / 0.52]], rtol=1e-6)
    network.bias[1] = 100.0
    assert float(network(torch.zeros(1, 1))[0][0, 1]) == pytest.approx(1)
