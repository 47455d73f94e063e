# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The shapes of distributions on grids: how many peaks they have, how wide they are.
"""

import numpy as np


def count_modes(densities, cells, *, dip, share):
    """
    Return the number of separate peaks of each source's map.

    A peak is the highest cell of a connected region (cells touch at faces,
    edges or corners) whose cells are all above ``dip`` times the peak: to a
    higher cell it always goes down below that. It counts if its region holds
    at least ``share`` of the probability.

    Parameters
    ----------
    densities : `~numpy.ndarray` with shape (n_source, k1, ...)
        The densities.

    cells : `~numpy.ndarray` with shape (n_source, k1, ...)
        The probabilities of the cells, which sum to one.

    dip : float
        Between 0 and 1.

    share : float
        Between 0 and 1.

    Returns
    -------
    n_modes : `~numpy.ndarray` of int with shape (n_source,)
        At least one for each source with a result; zero for the others.
    """
    n_modes = np.zeros(len(densities), dtype=np.int64)
    others = tuple(range(1, cells.ndim))
    has_result = ~np.isnan(cells).any(axis=others)
    n_modes[has_result] = 1
    is_peak = _is_peak(densities)
    n_peaks = is_peak.sum(axis=others)
    for row in np.flatnonzero(has_result & (n_peaks > 1)):
        n_modes[row] = _count(densities[row], cells[row], is_peak[row], dip, share)
    return n_modes


def _is_peak(densities):
    """Whether a cell is not empty, and no neighbour of it is higher."""
    highest = densities
    for axis in range(1, densities.ndim):
        highest = _spread(highest, axis, -np.inf)
    return (densities >= highest) & (densities > 0)


def _spread(values, axis, empty):
    """Return the highest of each value and its two neighbours along an axis."""
    pad = [(1, 1) if k == axis else (0, 0) for k in range(values.ndim)]
    padded = np.moveaxis(np.pad(values, pad, constant_values=empty), axis, 0)
    highest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.moveaxis(highest, 0, axis)


def _count(density, cells, is_peak, dip, share):
    """Return the number of separate peaks of one source, at least one."""
    peaks = np.argwhere(is_peak)
    peaks = peaks[np.argsort(-density[is_peak], kind='stable')]
    is_counted = np.zeros(density.shape, dtype=bool)
    n_modes = 0
    for peak in map(tuple, peaks):
        is_above = density > dip * density[peak]
        if cells[is_above].sum() < share:
            continue
        region = _region(density, peak, is_above)
        if region is not None and not is_counted[peak] and cells[region].sum() >= share:
            n_modes += 1
            is_counted |= region
    return max(n_modes, 1)


def _region(density, peak, is_above):
    """Return the cells above a level that connect to a peak; `None` if one is higher."""
    region = np.zeros(density.shape, dtype=bool)
    region[peak] = True
    size = 0
    while size < (size := region.sum()):
        for axis in range(density.ndim):
            region = _spread(region, axis, False)  # noqa: FBT003 - the value of empty cells
        region &= is_above
        if density[region].max() > density[peak]:
            return None
    return region


def region_share(densities, cells, sizes, *, level):
    """
    Return how much of the grid the smallest region with a probability covers.

    Parameters
    ----------
    densities, cells : `~numpy.ndarray` with shape (n_source, k1, ...)
        The densities, and the probabilities of the cells, which sum to one.

    sizes : `~numpy.ndarray` with shape (k1, ...)
        The sizes of the cells.

    level : float
        The probability of the region.

    Returns
    -------
    share : `~numpy.ndarray` with shape (n_source,)
        From 0 to 1; NaN where there is no result. The last cell counts in
        proportion to what is needed of it.
    """
    n_source = len(cells)
    order = np.argsort(-densities.reshape(n_source, -1), axis=1, kind='stable')
    held = np.take_along_axis(cells.reshape(n_source, -1), order, axis=1).cumsum(axis=1)
    covered = (sizes.ravel() / sizes.sum())[order].cumsum(axis=1)
    last = (held < level).sum(axis=1).clip(max=held.shape[1] - 1)
    rows = np.arange(n_source)
    before = np.where(last > 0, [held[rows, last - 1], covered[rows, last - 1]], 0)
    after = np.array([held[rows, last], covered[rows, last]])
    part = ((level - before[0]) / (after[0] - before[0])).clip(max=1)
    return before[1] + part * (after[1] - before[1])
