# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The measurements behind the claims: errors, shifts, intervals, and what chance does.
"""

from functools import partial

import astropy.units as u
import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.validation import Measurement, bootstrap, central_coverage, ellipse_size, scatter

from . import _bars as bars
from ._findings import NAMES

__all__ = [
    'measure_bias',
    'measure_cluster',
    'measure_coverage',
    'measure_growth',
    'measure_ratio',
    'measure_scatter',
    'measure_shift',
]

_N_RESAMPLES = 100

# A bin with fewer clusters says nothing about a shift.
_LEAST_IN_BIN = 20

# A resample of few clusters may have fewer at a node; then it is left out.
_LEAST_AT_NODE = 3

_DIGITS = 6  # to which the parameters of one node are equal


def _columns(table, names=NAMES):
    """Return columns as one plain array with shape (n_source, n_column)."""
    return np.column_stack([np.asarray(table[name], dtype=float) for name in names])


def _measure(statistic, *arrays, groups):
    """Return a statistic with its error; the sources on one frame go together."""
    return bootstrap(statistic, *arrays, groups=groups, n_resamples=_N_RESAMPLES, rng=0)


def _deviation(truth, found):
    """Return the standard deviation of the errors, as the paper does."""
    return float(np.std(found - truth))


def measure_scatter(name, context, *, seen='all', masses=None, is_robust=False):
    """Return the scatter of the errors of a parameter, of all clusters or in a bin of log mass."""
    mass = np.asarray(context.truth['mass'])
    low, high = (-np.inf, np.inf) if masses is None else masses
    rows = (mass >= low) & (mass < high)
    pair = (np.asarray(table[name])[rows] for table in (context.truth, context.found[seen]))
    statistic = scatter if is_robust else _deviation
    return _measure(statistic, *pair, groups=context.groups[rows])


def measure_bias(name, context, *, edges=False):
    """Return the largest shift of a parameter in bins of Fig. 8, the outer ones too if asked."""
    truth = _columns(context.truth)
    errors = np.asarray(context.found['all'][name]) - np.asarray(context.truth[name])
    return _measure(partial(_worst_bias, 0 if edges else 1), truth, errors, groups=context.groups)


def _worst_bias(n_left_out, truth, errors):
    """Return the largest absolute median of errors in bins of any parameter but the outer ones."""
    worst = []
    for x, name in zip(truth.T, NAMES, strict=True):
        numbers = np.digitize(x, bars.BINS[name]) - 1
        n_bins = len(bars.BINS[name]) - 1
        for k in range(n_left_out, n_bins - n_left_out):
            here = errors[numbers == k]
            if len(here) >= _LEAST_IN_BIN:
                worst.append(abs(np.median(here)))
    return float(max(worst, default=np.nan))


def measure_coverage(name, level, context, *, seen='all'):
    """Return the fraction of the truths inside their central intervals."""
    pit = np.asarray(context.found[seen][f'pit_{name}'])
    return _measure(lambda x: float(central_coverage(x, level)), pit, groups=context.groups)


def _seen_twice(seen, context):
    """Return truth, what was found, and what was found of other images, of the same clusters."""
    if seen not in context.found:
        msg = (
            'data must be a folder with STDPSF files of F336W (WFC3/UVIS), F475W and F814W '
            "(ACS/WFC) in 'psf', got none"
        )
        raise DataFileError(msg)
    n = len(context.found[seen])
    tables = (context.truth[:n], context.found['all'][:n], context.found[seen])
    return [_columns(table) for table in tables], context.groups[:n]


def measure_growth(seen, context):
    """Return the scatter on other images over that on all, for the worst parameter."""
    arrays, groups = _seen_twice(seen, context)
    return _measure(_growth, *arrays, groups=groups)


def _growth(truth, found, other):
    """Return the largest ratio of standard deviations of errors."""
    return float(((other - truth).std(axis=0) / (found - truth).std(axis=0)).max())


def measure_shift(seen, context):
    """Return the median change of estimates in parts of their scatter, for the worst parameter."""
    arrays, groups = _seen_twice(seen, context)
    return _measure(_shift, *arrays, groups=groups)


def _shift(truth, found, other):
    """Return the largest absolute median of the changes, over the standard deviation of errors."""
    return float((abs(np.median(other - found, axis=0)) / (found - truth).std(axis=0)).max())


def measure_ratio(plane, context):
    """Return the size of the ellipses at low masses over that at high ones, in a plane."""
    truth, found = _columns(context.truth), _columns(context.found['all'], plane)
    return _measure(_ratio, truth, found, groups=context.groups)


def _ratio(truth, found):
    """Return the ratio of the mean sizes of the ellipses of nodes of low and of high mass."""
    nodes, numbers = np.unique(np.round(truth, _DIGITS), axis=0, return_inverse=True)
    size = np.array([_size(found[numbers == k]) for k in range(len(nodes))])
    mass = nodes[:, NAMES.index('mass')]
    low, high = (size[np.isclose(mass, value)] for value in (bars.LOW_MASS, bars.HIGH_MASS))
    return float(np.nanmean(low) / np.nanmean(high))


def _size(points):
    """Return the size of the ellipse of the clusters of a node, NaN if they are too few."""
    return ellipse_size(*points.T) if len(points) >= _LEAST_AT_NODE else np.nan


def measure_cluster(name, context):
    """Return the estimate of a parameter of the real cluster, on its axis."""
    row = context.cluster[0]
    low, middle, high = (
        np.log10(u.Quantity(row[f'{name}{end}']).value) for end in ('_16', '', '_84')
    )
    return Measurement(value=middle, error=(high - low) / 2, lower=low, upper=high, n_sources=1)
