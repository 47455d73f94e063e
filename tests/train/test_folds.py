# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of parts that share no object.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

pytestmark = pytest.mark.training


def test_groups_of_positions():
    """Chains of neighbours are one group, across the zero of right ascension as well."""
    from starcnn.train import group_positions

    ra = [10, 10 + 5 / 3600, 10 + 10 / 3600, 11, 0.0005, 359.9995]
    groups = group_positions(SkyCoord(ra * u.deg, [0] * 6 * u.deg), 6 * u.arcsec)
    assert groups[0] == groups[1] == groups[2]
    assert groups[4] == groups[5]
    assert len(set(groups.tolist())) == 3


def test_crowded():
    """A field that is one chain cannot be divided."""
    from starcnn.train import group_positions

    positions = SkyCoord(np.arange(10) * u.arcsec, np.zeros(10) * u.deg)
    with pytest.raises(ValueError, match='connects 10 of 10'):
        group_positions(positions, 2 * u.arcsec)


def test_divide():
    """No group is divided, and parts have like numbers of each class."""
    from starcnn.train import divide_groups

    rng = np.random.default_rng(4)
    groups = rng.integers(0, 120, 600)
    labels = np.where(rng.random(600) < 0.2, 'rare', 'common')
    parts = divide_groups(groups, labels, 5, seed=1)
    for group in range(120):
        assert len(set(parts[groups == group])) <= 1
    for label in ('rare', 'common'):
        counts = np.bincount(parts[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 0.15 * counts.mean()
    assert not np.array_equal(parts, divide_groups(groups, labels, 5, seed=2))
    np.testing.assert_array_equal(parts, divide_groups(groups, labels, 5, seed=1))


def test_wrong_parts():
    """There are not more parts than groups."""
    from starcnn.train import divide_groups

    with pytest.raises(ValueError, match='from 2 to the number of groups, 2'):
        divide_groups([1, 1, 2], ['a', 'b', 'a'], 3)
    with pytest.raises(ValueError, match='one for each label'):
        divide_groups([1, 1], ['a', 'b', 'a'], 2)
