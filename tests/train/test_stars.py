# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.stars.
"""

import pytest

pytest.importorskip('torch')

import torch

from starcnn.train import draw_stars

pytestmark = pytest.mark.training


def test_draw_stars_keeps_stars_that_are_there():
    """Each source keeps as many of its own stars as asked for, once each."""
    stars = torch.arange(3 * 6, dtype=torch.float32).reshape(3, 6, 1).repeat(1, 1, 2)
    stars[1, 2:] = torch.nan
    stars[2] = torch.nan
    stars[0, :, 1] = torch.nan  # a value that is not known does not make a star absent
    kept = draw_stars(stars, torch.tensor([4, 5, 5]), generator=torch.Generator().manual_seed(1))
    assert kept.shape == (3, 4, 2)
    found = [sorted(row[~row.isnan()].tolist()) for row in kept[..., 0]]
    assert [len(values) for values in found] == [4, 2, 0]
    assert set(found[0]) < set(range(6))
    assert found[1] == [6, 7]
    assert kept[0, :, 1].isnan().all()


def test_draw_stars_is_fair():
    """All stars are kept equally often."""
    stars = torch.arange(10, dtype=torch.float32).reshape(1, 10, 1).repeat(4000, 1, 1)
    generator = torch.Generator().manual_seed(2)
    kept = draw_stars(stars, torch.full((4000,), 3), generator=generator)
    counts = kept.int().flatten().bincount(minlength=10)
    # 1200 are expected, with a standard deviation of 29
    assert (counts - 1200).abs().max() < 150


def test_draw_stars_of_empty_sets():
    """Where nothing is there, one row of NaN is left."""
    stars = torch.full((2, 5, 3), torch.nan)
    kept = draw_stars(stars, torch.tensor([2, 2]), generator=torch.Generator())
    assert kept.shape == (2, 1, 3)
    assert kept.isnan().all()
