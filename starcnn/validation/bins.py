# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Scores in bins of a quantity, such as the age of the sources.
"""

import numpy as np

from starcnn.validation._arrays import to_array, to_arrays

__all__ = ['coverage_in_bins', 'fraction_in_bins']


def fraction_in_bins(condition, values, *, edges):
    """
    Return the fraction of sources that fulfil a condition, in bins of a quantity.

    Parameters
    ----------
    condition : array-like of bool with shape (n_source,)
        Whether each source fulfils it, such as to be called a cluster.

    values : array-like or `~astropy.units.Quantity` with shape (n_source,)
        What is binned, such as the visibility or the age of the sources.

    edges : array-like or `~astropy.units.Quantity` with shape (n_bin + 1,)
        The edges of the bins, increasing. A bin holds its lower edge.

    Returns
    -------
    fractions : `~numpy.ndarray` with shape (n_bin,)
        The fraction in each bin; NaN where a bin is empty.

    counts : `~numpy.ndarray` of int with shape (n_bin,)
        The number of sources in each bin.
    """
    (values,), unit = to_arrays({'values': values})
    edges = to_array('edges', edges, unit=unit)
    condition = np.asarray(condition, dtype=bool)
    if condition.shape != values.shape:
        msg = f'condition must have the shape of values {values.shape}, got {condition.shape}'
        raise ValueError(msg)
    if edges.ndim != 1 or edges.size < 2 or (np.diff(edges) <= 0).any():
        msg = f'edges must be at least two and increasing, got {edges}'
        raise ValueError(msg)
    is_inside = (values >= edges[0]) & (values < edges[-1])
    bins = np.digitize(values[is_inside], edges) - 1
    counts = np.bincount(bins, minlength=edges.size - 1)
    sums = np.bincount(bins, weights=condition[is_inside], minlength=edges.size - 1)
    fractions = np.full(counts.shape, np.nan)
    np.divide(sums, counts, out=fractions, where=counts > 0)
    return fractions, counts


def coverage_in_bins(pit, values, *, edges, level=0.68):
    """
    Return the coverage of central intervals in bins of a quantity.

    Posteriors can be right over all sources and still be too narrow for some
    and too wide for others.

    Parameters
    ----------
    pit : array-like with shape (n_source,)
        The probability that each posterior gives to values below the truth:
        what `pit_values` or `starcnn.networks.Posterior.cdf` returned.

    values : array-like or `~astropy.units.Quantity` with shape (n_source,)
        What is binned, such as the true ages.

    edges : array-like or `~astropy.units.Quantity` with shape (n_bin + 1,)
        The edges of the bins, increasing. A bin holds its lower edge.

    level : float, optional
        The probability of the intervals. The default is 0.68.

    Returns
    -------
    coverage : `~numpy.ndarray` with shape (n_bin,)
        The fraction of truths inside; NaN where a bin is empty.

    counts : `~numpy.ndarray` of int with shape (n_bin,)
        The number of sources in each bin.
    """
    if not 0 < level < 1:
        msg = f'level must be between 0 and 1, got {level}'
        raise ValueError(msg)
    pit = to_array('pit', pit, unit=None)
    # a value on the edge of an interval is inside, also after rounding
    return fraction_in_bins(np.abs(2 * pit - 1) <= level + 1e-12, values, edges=edges)
