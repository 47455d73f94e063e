# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.default_network.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.families.m83_hst.default_network import DefaultNetwork
from starcnn.families.m83_hst.spec import DEFAULT

pytestmark = pytest.mark.training


@pytest.fixture(scope='module')
def network():
    """The default network, with random weights."""
    torch.manual_seed(1)
    return DefaultNetwork(DEFAULT).eval()


@pytest.fixture(scope='module')
def images(mocks):
    """Images of mock clusters."""
    return torch.from_numpy(mocks[0].data[:4])


def run(network, images):
    """Return the outputs."""
    with torch.no_grad():
        return network(images)


def test_outputs(network, images):
    """All outputs are probabilities, of the shapes of the spec."""
    for part, output in zip(DEFAULT.outputs, run(network, images), strict=True):
        assert tuple(output.shape[1:]) == part.dimensions[1:]
        assert (output >= 0).all()
        torch.testing.assert_close(output.flatten(1).sum(dim=1), torch.ones(4))


def test_fluxes_matter(network, images):
    """A cluster of ten times the light is another cluster."""
    one, ten = run(network, images)[0], run(network, 10 * images)[0]
    assert (one - ten).abs().max() > 1e-3 * one.max()


def test_level_does_not_matter(network, images):
    """The sky is found and taken away."""
    for one, two in zip(run(network, images), run(network, images + 0.02), strict=True):
        torch.testing.assert_close(one, two, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize('gone', [(0,), (2,), (0, 1), (1, 2)])
def test_missing_filters(network, images, gone):
    """A filter that is NaN gives numbers, and others than one that is dark."""
    missing = images.clone()
    missing[:, gone] = torch.nan
    outputs = run(network, missing)
    assert all(output.isfinite().all() for output in outputs)
    dark = images.clone()
    dark[:, gone] = 0
    assert (outputs[0] - run(network, dark)[0]).abs().max() > 0
    # what is in a filter of which one pixel is unknown does not matter
    part = 5 * images
    part[:, gone, 0, 0] = torch.nan
    known = [k for k in range(3) if k not in gone]
    part[:, known] = images[:, known]
    torch.testing.assert_close(run(network, part)[0], outputs[0])


def test_rows_do_not_mix(network, images):
    """What is beside an image in a batch does not matter."""
    beside = images.clone()
    beside[1:] = torch.nan
    torch.testing.assert_close(run(network, beside)[0][0], run(network, images)[0][0])


def test_extremes(network):
    """Darkness, very bright pixels and negative ones give numbers."""
    y, x = np.indices((64, 64)) - 31.5
    star = np.exp(-(x**2 + y**2) / 4).astype(np.float32)
    images = torch.zeros(4, 3, 64, 64)
    images[1] = torch.from_numpy(1e5 * star)
    images[2] = -10
    images[3] = 1e5
    assert all(output.isfinite().all() for output in run(network, images))


def test_rings():
    """Rings share the pixels: each is in one ring, with a weight that makes a mean."""
    rings = DefaultNetwork(DEFAULT).rings
    assert rings.shape[0] == 64 * 64
    assert ((rings > 0).sum(dim=1) == 1).all()
    torch.testing.assert_close(rings.sum(dim=0), torch.ones(rings.shape[1]))


def test_size(network):
    """Its weights are within 25 MB of float16."""
    assert 2 * sum(p.numel() for p in network.parameters()) < 25e6
