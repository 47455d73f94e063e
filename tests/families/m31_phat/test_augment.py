# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat.augment.
"""

import pytest

pytest.importorskip('torch')

import torch

from starcnn.families.m31_phat.augment import AugmentWithAlone
from starcnn.mocks.augment import Augment

pytestmark = pytest.mark.training

SETTINGS = {'exposure_times': (1350.0, 1720.0, 1520.0), 'background': 0.0}


def generator(seed=0):
    """Return a generator of torch."""
    return torch.Generator().manual_seed(seed)


def make(n):
    """Return a batch of a bank: even clusters on even fields."""
    inputs = {name: torch.ones(n, 3, 4, 4) for name in ('clusters', 'fields')}
    inputs |= {name: torch.ones(n, 3) for name in ('level', 'scatter', 'flux')}
    return inputs, {'age': torch.arange(float(n))}


def shares(images):
    """Return the fraction of images with each set of filters."""
    known = (~images.isnan()).all(dim=(2, 3))
    assert (known == (~images.isnan()).any(dim=(2, 3))).all()
    kinds = (known * torch.tensor([1, 2, 4])).sum(dim=1)
    return kinds.bincount(minlength=8) / len(images)


def test_filters_alone():
    """As many images as asked for have one filter alone, the others all."""
    augment = AugmentWithAlone(**SETTINGS, alone=(0.1, 0.3, 0.0))
    inputs, truth = augment(*make(4000), generator())
    found = shares(inputs['images'])
    assert found.tolist() == pytest.approx([0, 0.1, 0.3, 0, 0, 0, 0, 0.6], abs=0.03)
    torch.testing.assert_close(truth['age'], torch.arange(4000.0))
    assert set(truth) == {'age', 'visibility', 'class'}


def test_never_without_any_filter():
    """An image that lacks the filter keeps the others."""
    augment = AugmentWithAlone(**SETTINGS, missing=0.9, alone=(0.0, 0.5, 0.0))
    found = shares(augment(*make(4000), generator())[0]['images'])
    assert found[0] == 0
    assert found[2] == max(found)
    # only those with F475W and another one become those with F475W alone
    plain = shares(Augment(**SETTINGS, missing=0.9)(*make(4000), generator())[0]['images'])
    for kind in (1, 4, 5):
        assert found[kind] == plain[kind]


def test_same_images_otherwise():
    """Images that keep all filters are those of the shared augmentation."""
    plain = Augment(**SETTINGS)(*make(64), generator(3))[0]['images']
    images = AugmentWithAlone(**SETTINGS, alone=(0.0, 0.5, 0.0))(*make(64), generator(3))[0]
    known = ~images['images'].isnan()
    assert 0.3 < known.float().mean() < 0.95
    torch.testing.assert_close(images['images'][known], plain[known])
