# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of stamps that are turned, mirrored and cut.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytestmark = pytest.mark.training


def make(shape=(20, 20), n=16):
    """Return stamps of a round source off the centre by 5 pixels, and of one at it."""
    import torch

    y, x = np.mgrid[: shape[0], : shape[1]] - np.array(shape)[:, None, None] / 2 + 0.5
    off = np.exp(-((x - 5) ** 2 + y**2) / 8)
    centred = np.exp(-(x**2 + y**2) / 8)
    stack = np.stack([off, centred])[np.newaxis].repeat(n, axis=0)
    return {'stamps': torch.from_numpy(stack.astype(np.float32))}


def turn(inputs, seed=0, **settings):
    """Return images."""
    import torch

    from starcnn.train import TurnStamps

    generator = torch.Generator().manual_seed(seed)
    images, truth = TurnStamps(**settings)(inputs, {'class': torch.arange(16)}, generator)
    assert truth['class'].tolist() == list(range(16))
    return images['images']


def peaks(images):
    """Return where the light of images is, from their centre, pixels."""
    images = images.numpy()
    y, x = np.mgrid[: images.shape[2], : images.shape[3]]
    total = images.sum(axis=(2, 3))
    place = np.stack([(images * z).sum(axis=(2, 3)) / total for z in (y, x)], axis=2)
    return place - (np.array(images.shape[2:]) - 1) / 2


@pytest.mark.parametrize('stored', [(30, 30), (31, 31)])
@pytest.mark.parametrize('side', [20, 21])
def test_any_angle(stored, side):
    """A source off the centre goes around it; one at the centre stays, whatever the sides."""
    images = turn(make(stored), shape=(side, side), any_angle=1.0)
    assert images.shape == (16, 2, side, side)
    place = peaks(images)
    shift = np.sqrt(0.5) * ((stored[0] - side) % 2)  # the centre of 31 pixels is not that of 20
    assert_allclose(np.hypot(*place[:, 1].T), shift, atol=0.05)
    around = place[:, 0] - place[:, 1]
    assert_allclose(np.hypot(*around.T), 5, atol=0.15)
    angles = np.arctan2(*around.T)
    assert len(np.unique(np.round(angles, 2))) == 16


def test_quarters_keep_pixels():
    """Turned by quarters and mirrored, the pixels are those of before."""
    inputs = make()
    images = turn(inputs, shape=(20, 20), any_angle=0.0)
    wanted = np.sort(inputs['stamps'].numpy().reshape(16, -1))
    assert_array_equal(np.sort(images.numpy().reshape(16, -1)), wanted)
    places = np.round(peaks(images)[:, 0], 3)
    assert len(np.unique(places, axis=0)) == 4


def test_missing():
    """Some images lack one filter, and none lacks two."""
    images = turn(make(n=16), shape=(20, 20), any_angle=0.5, missing=0.5)
    gone = np.isnan(images.numpy()).all(axis=(2, 3))
    assert 2 < gone.any(axis=1).sum() < 14
    assert gone.sum(axis=1).max() == 1


def test_missing_filters_stay_missing():
    """A filter that is NaN is NaN after a rotation, all of it, and nothing else is."""
    inputs = make()
    inputs['stamps'][:, 0] = np.nan
    images = turn(inputs, shape=(20, 20), any_angle=1.0, missing=0.9)
    assert_array_equal(np.isnan(images.numpy()).all(axis=(2, 3)), [[True, False]] * 16)
    assert np.isfinite(images[:, 1].numpy()).all()


def test_zoom():
    """Sizes change by the factor that is asked for."""
    images = turn(make((40, 40)), shape=(20, 20), zoom=0.3)
    place = peaks(images)
    radius = np.hypot(*(place[:, 0] - place[:, 1]).T)
    assert radius.min() < 4.3
    assert radius.max() > 5.8


def test_still():
    """What is classified is the middle."""
    from starcnn.train import TurnStamps

    inputs = make((31, 30))
    images, _ = TurnStamps(shape=(20, 20)).still(inputs, {})
    assert_array_equal(images['images'], inputs['stamps'][:, :, 5:25, 5:25])


@pytest.mark.parametrize('stored', [30, 31])
@pytest.mark.parametrize('side', [20, 21])
def test_centres_agree(stored, side):
    """What is turned goes around the centre of what is not turned."""
    from starcnn.train import TurnStamps

    inputs = make((stored, stored))
    images, _ = TurnStamps(shape=(side, side)).still(inputs, {})
    still = np.hypot(*peaks(images['images'])[0, 1])
    turned = np.hypot(*peaks(turn(inputs, shape=(side, side)))[:, 1].T)
    assert_allclose(turned, still, atol=0.05)


def test_too_small():
    """Stamps are not smaller than what is cut out."""
    with pytest.raises(ValueError, match='stamps must be at least'):
        turn(make((20, 20)), shape=(21, 20), any_angle=0.0)
