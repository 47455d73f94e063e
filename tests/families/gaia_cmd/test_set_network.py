# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.set_network.
"""

import pytest

pytest.importorskip('torch')

import numpy as np
import torch

from starcnn.families.gaia_cmd.estimator import encode
from starcnn.families.gaia_cmd.set_network import SetNetwork
from starcnn.families.gaia_cmd.spec import SET
from starcnn.networks import Network
from starcnn.train import export

pytestmark = pytest.mark.training


@pytest.fixture(scope='module')
def network():
    """A small network with random weights."""
    torch.manual_seed(1)
    return SetNetwork(SET, width=32, n_layers=2).eval()


@pytest.fixture
def stars(members):
    """The stars of five mock clusters, as a tensor."""
    return torch.from_numpy(encode(members, SET)['stars'])


def test_mixture(network, stars):
    """Weights sum to one, diagonals of the factors are positive."""
    (mixture,) = network(stars)
    assert mixture.shape == (5, 8, 10)
    torch.testing.assert_close(mixture[..., 0].sum(dim=1), torch.ones(5))
    assert (mixture[..., [4, 6, 9]] > 0).all()


def test_order_of_stars(network, stars):
    """Any order of the stars gives the same mixture."""
    order = torch.randperm(stars.shape[1], generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(network(stars[:, order]), network(stars), rtol=1e-4, atol=1e-4)


def test_padding(network, stars):
    """Rows of NaN change nothing."""
    padded = torch.cat([stars, torch.full((5, 300, stars.shape[2]), torch.nan)], dim=1)
    torch.testing.assert_close(network(padded), network(stars), rtol=1e-4, atol=1e-4)


def test_stars_without_magnitudes_do_not_count(network, stars):
    """A star that lacks a magnitude is as if it were not there."""
    ghosts = stars[:, :20].clone()
    ghosts[..., 1] = torch.nan
    together = network(torch.cat([stars, ghosts], dim=1))
    torch.testing.assert_close(together, network(stars), rtol=1e-4, atol=1e-4)


def test_unknown_values(network, stars):
    """Unknown parallaxes, errors and probabilities give a finite result."""
    for columns in ([3], [4, 5, 6, 7], [8], list(range(3, stars.shape[2]))):
        unknown = stars.clone()
        unknown[..., columns] = torch.nan
        assert torch.isfinite(network(unknown)[0]).all()


def test_no_stars(network, stars):
    """A cluster without stars has finite numbers, which `Estimator` replaces by NaN."""
    (mixture,) = network(torch.full_like(stars, torch.nan))
    assert torch.isfinite(mixture).all()


def test_widths(network, stars):
    """Twice the widths, twice the distances from the mean, and the same mean."""
    (before,) = network(stars)
    network.widths[:] = 2
    (after,) = network(stars)
    network.widths[:] = 1
    means = [(x[..., :1] * x[..., 1:4]).sum(dim=1, keepdim=True) for x in (before, after)]
    torch.testing.assert_close(means[0], means[1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        after[..., 1:4] - means[0], 2 * (before[..., 1:4] - means[0]), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(after[..., 4:], 2 * before[..., 4:])
    torch.testing.assert_close(after[..., 0], before[..., 0])


@pytest.mark.parametrize('columns', [slice(3, 4), slice(9, 11), slice(9, 13), slice(3, 13)])
def test_exported_network_without_columns(columns, network, stars, tmp_path):
    """The file gives the numbers of torch where columns are unknown, and none is NaN."""
    unknown = stars.clone()
    unknown[..., columns] = torch.nan
    path = tmp_path / 'set.onnx'
    export(network, SET, path, training={}, examples={'stars': unknown.numpy()})
    found = Network(path).run({'stars': unknown.numpy()})['posterior']
    assert np.isfinite(found).all()
