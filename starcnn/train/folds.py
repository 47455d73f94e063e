# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Divide labelled sources into parts that share no object.
"""

import astropy.units as u
import numpy as np

__all__ = ['divide_groups', 'group_positions']

# A group with more than this part of all sources cannot be divided well.
_MOST = 0.5


def group_positions(positions, radius):
    """
    Return groups of sources whose images overlap, or are of one object.

    Parameters
    ----------
    positions : `~astropy.coordinates.SkyCoord` with shape (n,)
        Where the sources are.

    radius : `~astropy.units.Quantity`, angle
        Sources that are closer than this are in one group, and so are those
        that a chain of others connects. The side of the images keeps pixels
        from being in two groups.

    Returns
    -------
    groups : `~numpy.ndarray` of int with shape (n,)
        The number of the group of each source.

    Raises
    ------
    ValueError
        If half of the sources are in one group: the field is too crowded to be
        divided in this way.
    """
    from astropy.coordinates import search_around_sky

    n = len(positions)
    groups = np.arange(n)
    first, second, _, _ = search_around_sky(positions, positions, u.Quantity(radius))
    while True:
        # the smallest number of all neighbours, until nothing changes
        lowest = groups.copy()
        np.minimum.at(lowest, first, groups[second])
        if np.array_equal(lowest, groups):
            break
        groups = lowest
    _, groups, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if n > 1 and counts.max() > max(1, _MOST * n):
        msg = f'radius must leave sources in groups that can be divided, got {radius}, which '
        msg += f'connects {counts.max()} of {n}'
        raise ValueError(msg)
    return groups


def divide_groups(groups, labels, n_parts, *, seed=0):
    """
    Divide sources into parts of like size and like classes, each group as a whole.

    Parameters
    ----------
    groups : array_like with shape (n,)
        What belongs together, such as the galaxy or the object.

    labels : array_like with shape (n,)
        The classes.

    n_parts : int
        The number of parts.

    seed : int, optional
        The same seed gives the same parts.

    Returns
    -------
    parts : `~numpy.ndarray` of int with shape (n,)
        The part of each source, from 0.

    Raises
    ------
    ValueError
        If there are fewer groups than parts, or the lengths differ.
    """
    groups, labels = np.asarray(groups), np.asarray(labels)
    if groups.shape != labels.shape or groups.ndim != 1:
        msg = f'groups must be one for each label ({labels.shape}), got shape {groups.shape}'
        raise ValueError(msg)
    names, members = np.unique(groups, return_inverse=True)
    if n_parts < 2 or len(names) < n_parts:
        msg = f'n_parts must be from 2 to the number of groups, {len(names)}, got {n_parts!r}'
        raise ValueError(msg)
    _, classes = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), classes.max() + 1))
    np.add.at(counts, (members, classes), 1)
    counts /= counts.sum(axis=0)  # each class counts the same
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind='stable')]
    totals, chosen = np.zeros((n_parts, counts.shape[1])), np.empty(len(names), dtype=int)
    for group in order:
        # where the part becomes the least uneven; the emptiest of those
        cost = ((totals + counts[group]) ** 2 - totals**2).sum(axis=1)
        chosen[group] = int(np.argmin(cost))
        totals[chosen[group]] += counts[group]
    return chosen[members]
