# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the first layer of networks of stamps.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytestmark = pytest.mark.training


def scale(images, size=20, **settings):
    """Return what the layer makes of images."""
    import torch

    from starcnn.train import ScaleStamps

    return ScaleStamps(size, **settings)(torch.from_numpy(images.astype(np.float32))).numpy()


@pytest.fixture
def images():
    """Three stamps in two filters: a source on noise."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:20, :20] - 9.5
    return 30 * np.exp(-(x**2 + y**2) / 8) + rng.normal(2, 0.5, (3, 2, 20, 20))


@pytest.mark.parametrize('stretched', [False, True])
def test_brightness_does_not_matter(images, stretched):
    """Ten times the light, and more sky, give the same; a fainter filter does, too."""
    wanted = scale(images, stretched=stretched)
    assert_allclose(scale(10 * images, stretched=stretched), wanted, atol=1e-5)
    assert_allclose(scale(1e-4 * images + 3e-3, stretched=stretched), wanted, atol=1e-4)
    images[:, 1] *= 7
    assert_allclose(scale(images, stretched=stretched), wanted, atol=1e-5)


def test_range(images):
    """Values are from 0 to 1 in each filter; the stretched ones show the faint."""
    found = scale(images, stretched=True)
    assert found.shape == (3, 4, 20, 20)
    assert_allclose(found.min(axis=(2, 3)), 0, atol=1e-6)
    assert_allclose(found.max(axis=(2, 3)), 1, atol=1e-6)
    plain, stretched = found[:, :2], found[:, 2:]
    assert stretched.std(axis=(2, 3)).min() > plain.std(axis=(2, 3)).max()
    order = np.argsort(plain.reshape(6, -1), axis=1)
    assert (np.diff(np.take_along_axis(stretched.reshape(6, -1), order, axis=1)) >= -1e-6).all()


def test_missing_filter(images):
    """A filter that is NaN, or has one value, is zero; the others stay."""
    wanted = scale(images)
    images[0, 1] = np.nan
    images[1, 0] = 5.0
    found = scale(images)
    assert_allclose(found[0, 1], 0)
    assert_allclose(found[1, 0], 0)
    assert_allclose(found[0, 0], wanted[0, 0])


@pytest.mark.parametrize('size', [20, 40, 60, 50])
def test_centre_stays(size):
    """A source at the centre is there at every size."""
    y, x = np.mgrid[:20, :20] - 9.5
    found = scale(np.exp(-(x**2 + y**2) / 8)[np.newaxis, np.newaxis], size=size)[0, 0]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    assert_allclose([(found * x).sum(), (found * y).sum()], 0, atol=1e-2)
