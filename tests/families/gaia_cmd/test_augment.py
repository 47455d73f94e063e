# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.augment.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.families.gaia_cmd import augment
from starcnn.families.gaia_cmd.augment import augment_diagrams, augment_stars
from starcnn.families.gaia_cmd.estimator import encode
from starcnn.families.gaia_cmd.spec import ANN, MIXED, SET

pytestmark = pytest.mark.training

MAGNITUDES, PARALLAX = slice(0, 3), 3
PROBABILITY = SET.inputs[0].columns.index('prob_member')


@pytest.fixture
def stars(members):
    """The stars of five mock clusters, as a tensor."""
    return torch.from_numpy(encode(members, SET)['stars'])


@pytest.fixture
def truth():
    """Values on the axes of the parameters."""
    values = {'age': (7.3, 8, 8.7, 9.3, 9.8), 'a_v': (1.5, 0.1, 0.8, 2.5, 0.4),
              'distance': (3.34, 2.7, 3.08, 3.48, 3.26)}  # fmt: skip
    return {name: torch.tensor(value) for name, value in values.items()}


def seed(number):
    """A generator."""
    return torch.Generator().manual_seed(number)


def test_diagrams_are_those_of_encode(members, stars):
    """What is drawn from tensors equals what is drawn from tables."""
    g, colour, parallax = stars[..., 0], stars[..., 1] - stars[..., 2], stars[..., 3]
    expected = encode(members, ANN) | encode(members, MIXED)
    histogram = augment._histogram(g, colour, parallax).numpy()
    # in single precision a star on the edge of a cell may fall into the next
    assert np.abs(histogram - expected['histogram']).sum(axis=1).max() < 0.02
    picture = augment._picture(g, colour, parallax).numpy()
    np.testing.assert_allclose(picture, expected['picture'], atol=2e-4)
    features = augment._features(g, colour, parallax).numpy()
    np.testing.assert_allclose(features, expected['guesses'], rtol=1e-3, atol=1e-4)


def test_diagrams_of_few_stars():
    """Clusters without stars, without parallaxes or with one star do as the tables' functions."""
    stars = torch.full((3, 2, len(SET.inputs[0].columns)), torch.nan)
    stars[1, 0, :3] = torch.tensor([9.0, 9.2, 8.7])
    stars[2, 0, :4] = torch.tensor([8.9, 9.1, 8.6, 10.0])
    g, colour, parallax = stars[..., 0], stars[..., 1] - stars[..., 2], stars[..., 3]
    features = augment._features(g, colour, parallax).numpy()
    np.testing.assert_array_equal(features, [[np.nan] * 3, [np.nan] * 3, [np.nan, np.nan, 10]])
    assert augment._picture(g, colour, parallax)[0].sum() == 0
    assert augment._histogram(g, colour, parallax)[0].sum() == 0


def test_changes_are_small_and_known(stars, truth):
    """Distance, dust and parallax change together with their labels, ages not at all."""
    inputs, changed = augment_stars({'stars': stars}, truth, seed(1))
    torch.testing.assert_close(changed['age'], truth['age'])
    modulus = 5 * (changed['distance'] - truth['distance'])
    dust = changed['a_v'] - truth['a_v']
    assert 0 < modulus.abs().max() <= augment._MODULUS_STEP + 1e-5
    assert 0 < dust.abs().max() <= augment._A_V_STEP + 1e-5
    assert (changed['a_v'] >= 0).all()
    there = ~torch.isnan(inputs['stars'][..., 0])
    assert (there.sum(dim=1) >= 10).all()
    ratio = torch.tensor(augment._RATIOS[0])
    for i in range(len(stars)):
        kept = inputs['stars'][i, there[i], 0]
        moved = stars[i, :, 0] + modulus[i] + ratio * dust[i]
        distance = (kept[:, None] - moved).abs().nan_to_num(nan=9).amin(dim=1)
        assert distance.max() < 5 * augment._ZERO_POINT + 0.01


def test_faint_stars_are_lost(stars, truth):
    """What has become fainter than the faintest star of the cluster is not there any more."""
    inputs, _ = augment_stars({'stars': stars}, truth, seed(2))
    faintest = torch.nan_to_num(stars[..., 0], nan=-9).amax(dim=1)
    found = torch.nan_to_num(inputs['stars'][..., 0], nan=-9).amax(dim=1)
    assert (found <= faintest).all()


def test_inputs_are_not_changed(stars, truth):
    """Copies come back; the same generator gives the same."""
    before, labels = stars.clone(), {name: value.clone() for name, value in truth.items()}
    first, _ = augment_stars({'stars': stars}, truth, seed(3))
    again, _ = augment_stars({'stars': stars}, truth, seed(3))
    torch.testing.assert_close(stars, before, equal_nan=True)
    torch.testing.assert_close(truth, labels)
    torch.testing.assert_close(first['stars'], again['stars'], equal_nan=True)


def test_some_clusters_lose_what_may_be_unknown(stars, truth):
    """Over many draws, errors and memberships are unknown for some clusters, known for others."""
    errors, members = [], []
    for number in range(40):
        inputs, _ = augment_stars({'stars': stars}, truth, seed(number))
        there = ~torch.isnan(inputs['stars'][..., 0])
        for row, own in zip(inputs['stars'], there, strict=True):
            errors.append(bool(torch.isnan(row[own][:, 5]).all()))
            members.append(bool(torch.isnan(row[own][:, PROBABILITY]).all()))
    assert np.mean(errors) == pytest.approx(augment._NO_ERRORS, abs=0.12)
    assert augment._NO_PROBABILITIES - 0.12 < np.mean(members) < augment._NO_PROBABILITIES + 0.15


def test_augment_diagrams(stars, truth):
    """Only what is asked for is drawn, with the dimensions of the spec."""
    inputs, changed = augment_diagrams(
        {'stars': stars}, truth, seed(4), names=('picture', 'guesses')
    )
    assert list(inputs) == ['picture', 'guesses']
    assert inputs['picture'].shape == (5, 1, 180, 180)
    assert inputs['guesses'].shape == (5, 3)
    assert set(changed) == set(truth)
