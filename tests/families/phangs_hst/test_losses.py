# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the loss.
"""

import numpy as np
import pytest

pytestmark = pytest.mark.training


def test_cross_entropy():
    """It is the mean of minus the logarithm of the probability of the true class, and finite."""
    torch = pytest.importorskip('torch')
    from starcnn.families.phangs_hst.losses import cross_entropy

    outputs = {'class': torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]])}
    truth = {'class': torch.tensor([0, 2])}
    wanted = -np.log([0.7, 0.25]).mean()
    assert float(cross_entropy(outputs, truth)) == pytest.approx(wanted, rel=1e-6)
    outputs = {'class': torch.tensor([[0.0, 1.0]])}
    assert np.isfinite(float(cross_entropy(outputs, {'class': torch.tensor([0])})))
