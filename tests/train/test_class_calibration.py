# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of calibrated classes.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.networks import Classes, Features, Spec, conformal_sets

pytestmark = pytest.mark.training

SPEC = Spec(
    family='toy',
    variant='logits',
    inputs=(Features(name='x', columns=('a', 'b'), units=('', ''), bounds=((0, 1), (0, 1))),),
    outputs=(Classes(name='class', labels=('a', 'b')),),
)


def draw(n, share, sharpness, seed):
    """Return logits of a network that is too sure, and the classes."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < share).astype(int)
    x = rng.normal(2 * truth - 1, 1)  # the log odds of equal shares are 2 x
    logits = sharpness * np.stack([-x, x], axis=1)
    return logits.astype(np.float32), truth


def make_network():
    """Return a network that takes logits, and an ensemble of two of it."""
    import torch

    from starcnn.train import ClassEnsemble

    class Softmax(torch.nn.Module):
        def forward(self, x):
            return (x.softmax(dim=1),)

    return ClassEnsemble([Softmax(), Softmax()], 2)


def calibrate(n, share, sharpness, **settings):
    """Return the network and its spec, calibrated."""
    import torch

    from starcnn.train import calibrate_classes

    logits, truth = draw(n, share, sharpness, seed=1)
    network = make_network()
    batches = [({'x': torch.from_numpy(logits)}, {'class': torch.from_numpy(truth)})]
    return network, calibrate_classes(network, SPEC, batches, **settings)


def test_temperature():
    """Logits that are three times too large are divided by three."""
    network, spec = calibrate(20000, 0.5, 3.0)
    assert float(network.temperature) == pytest.approx(3, rel=0.05)
    assert_allclose(network.bias, [0, 0], atol=0.05)
    assert spec.outputs[0].prevalence == pytest.approx((0.5, 0.5), abs=0.02)


def test_bias():
    """Where a class is rarer than the network was told, the bias says so: ln 9 in all."""
    network, spec = calibrate(20000, 0.1, 2.0)
    assert float(network.bias[0] - network.bias[1]) == pytest.approx(np.log(9), rel=0.05)
    assert float(network.temperature) == pytest.approx(2, rel=0.06)
    assert spec.outputs[0].prevalence == pytest.approx((0.9, 0.1), abs=0.01)


def test_mean_probability_is_prevalence():
    """The mean probabilities are the fractions of the classes."""
    import torch

    network, spec = calibrate(4000, 0.3, 1.5)
    logits, _ = draw(4000, 0.3, 1.5, seed=1)
    p = network(torch.from_numpy(logits))[0].numpy()
    assert_allclose(p.mean(axis=0), spec.outputs[0].prevalence, atol=2e-3)


def test_without_bias():
    """The temperature alone is asked for."""
    network, _ = calibrate(2000, 0.1, 2.0, with_bias=False)
    assert_allclose(network.bias, [0, 0])


@pytest.mark.parametrize('n', [300, 20000])
def test_sets(n):
    """Sets of new sources hold the truth, also where few of the probabilities are kept."""
    import torch

    network, spec = calibrate(n, 0.4, 2.0)
    assert max(len(x) for x in spec.outputs[0].conformal) <= 500
    logits, truth = draw(20000, 0.4, 2.0, seed=2)
    p = network(torch.from_numpy(logits))[0].numpy()
    is_held = conformal_sets(p, spec.outputs[0], 0.9)[np.arange(len(p)), truth]
    tolerance = 0.01 if n > 1000 else 0.05
    assert is_held.mean() == pytest.approx(0.9, abs=tolerance)


def test_class_without_sources():
    """All classes are needed."""
    with pytest.raises(ValueError, match="none of \\['b'\\]"):
        calibrate(100, 0.0, 1.0)


def test_no_sources():
    """Sources are needed."""
    from starcnn.train import calibrate_classes

    with pytest.raises(ValueError, match='must have sources'):
        calibrate_classes(make_network(), SPEC, [])
