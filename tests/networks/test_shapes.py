# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the shapes of distributions on grids.
"""

import numpy as np
import pytest

from starcnn.networks._shapes import count_modes, region_share


def count(density, *, dip=0.5, share=0.05):
    """Return the number of peaks of one map with equal cells."""
    cells = np.array(density, dtype=float)
    cells = cells[np.newaxis] / cells.sum()
    return count_modes(cells, cells, dip=dip, share=share)[0]


def blobs(*centres, width=2.0, shape=(30, 40)):
    """Return a map with a round peak at each centre (y, x, height)."""
    y, x = np.indices(shape)
    return sum(
        height * np.exp(-((y - j) ** 2 + (x - i) ** 2) / (2 * width**2)) for j, i, height in centres
    )


@pytest.mark.parametrize(
    ('density', 'n_modes'),
    [
        ([1, 2, 3, 2, 1], 1),
        ([3, 1, 3], 2),
        ([3, 2, 3], 1),  # the dip is too shallow
        ([10, 4.9, 10], 2),
        ([10, 5.1, 10], 1),
        ([9, 0.5, 1.2, 0.5], 2),
        ([90, 0.5, 1.2, 0.5], 1),  # the second holds too little
        ([3, 0, 3, 0, 3], 3),
        ([3, 3, 0, 3], 2),  # one flat peak
        ([1, 1, 1, 1], 1),
        ([0, 0, 5, 0, 0], 1),
    ],
)
def test_count_modes_on_a_line(density, n_modes):
    """Peaks with a deep dip between them and enough probability count."""
    assert count(density) == n_modes


@pytest.mark.parametrize(
    ('centres', 'n_modes'),
    [
        ([(15, 20, 1)], 1),
        ([(10, 10, 1), (20, 30, 0.8)], 2),
        ([(10, 10, 1), (13, 13, 0.8)], 1),  # blended
        ([(10, 10, 1), (20, 30, 0.04)], 1),  # 4 % of the probability
        ([(5, 5, 1), (25, 35, 1), (5, 35, 1)], 3),
    ],
)
def test_count_modes_of_maps(centres, n_modes):
    """Peaks are told apart in two dimensions."""
    assert count(blobs(*centres)) == n_modes


def test_a_ridge_is_one_mode():
    """An elongated, tilted peak is one, as its cells touch at corners."""
    assert count(np.eye(12)) == 1
    assert count(np.eye(12) + 0.4 * np.eye(12, k=1)) == 1
    assert count(np.eye(12) + 0.4 * np.eye(12, k=5)) == 2


def test_ways_around():
    """Peaks that a high bridge joins by a detour are one."""
    walls = np.ones((7, 9))
    walls[1:, 4] = 0
    walls[3, 1] = walls[3, 7] = 1.8
    assert count(walls) == 1
    walls[0, 4] = 0
    assert count(walls) == 2


def test_three_dimensions():
    """Peaks one above the other are told apart in the third dimension alone."""
    cube = np.zeros((5, 5, 9))
    cube[2, 2, 1] = cube[2, 2, 7] = 1
    assert count(cube) == 2
    assert count(cube.sum(axis=2)) == 1


def test_no_result():
    """Sources without a result have no modes, and others keep theirs."""
    cells = np.array([[0.5, 0, 0.5], [np.nan] * 3, [0, 1, 0]])
    np.testing.assert_array_equal(count_modes(cells, cells, dip=0.5, share=0.05), [2, 0, 1])
    assert count_modes(cells[:0], cells[:0], dip=0.5, share=0.05).shape == (0,)


def test_region_share():
    """The region takes the densest cells first, and part of the last."""
    sizes = np.array([1.0, 2.0, 1.0])
    cells = np.array([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0], [0.25, 0.5, 0.25], [np.nan] * 3])
    share = region_share(cells / sizes, cells, sizes, level=0.6)
    # 0.5 in the first of four parts, then half of the third, which is denser than the second
    np.testing.assert_allclose(share, [(1 + 0.5) / 4, 0.6 * 2 / 4, 0.6, np.nan])


def test_region_of_a_normal_distribution():
    """The region of a round normal distribution is a circle of the known area."""
    y, x = np.mgrid[-8:8:0.05, -8:8:0.05]
    cells = np.exp(-(x**2 + y**2) / 2)[np.newaxis]
    cells /= cells.sum()
    share = region_share(cells, cells, np.ones(x.shape), level=0.68)
    np.testing.assert_allclose(share, -2 * np.pi * np.log(1 - 0.68) / 16**2, rtol=0.01)
