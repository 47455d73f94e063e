# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The measurements behind the claims: errors, classes, shapes and intervals.
"""

from functools import partial

import numpy as np

from starcnn.validation import (
    EXTENDED,
    bootstrap,
    central_coverage,
    coverage_in_bins,
    error_bound,
)

from . import _bars as bars
from ._findings import NAMES
from .spec import DEFAULT

__all__ = [
    'measure_bimodal',
    'measure_bound',
    'measure_called',
    'measure_coverage',
    'measure_crowded',
    'measure_empty',
    'measure_extended',
    'measure_growth',
    'measure_widening',
    'measure_worst_bin',
    'measure_worst_subset',
]

_N_RESAMPLES = 100


def measure_bound(name, context, *, column=None, subset=None):
    """Return what 95 % of the errors of a parameter stay below; by default of its first point."""
    truth, found, frames = context.select(subset)
    pair = (np.asarray(table[key]) for table, key in ((truth, name), (found, column or name)))
    return _measure(error_bound, *pair, frames=frames)


def measure_growth(names, context):
    """Return the mean ratio of the bounds with and without calibration scatter."""
    arrays = (_columns(table, names) for table in (context.truth, context.found, context.scattered))
    return _measure(_growth, *arrays, frames=context.frames)


def measure_called(context):
    """Return the share of the visible clusters that are called clusters."""
    is_visible = 10 ** np.asarray(context.truth['visibility']) > bars.VISIBLE
    is_called = np.asarray(context.found['prob_cluster'])[is_visible] > bars.CALLED
    return _share(is_called, context.frames[is_visible])


def measure_empty(context):
    """Return the share of the empty fields that are called empty."""
    return _share(np.asarray(context.empty['prob_cluster']) <= bars.CALLED, context.density)


def measure_crowded(least, context):
    """Return the share of the empty fields with so many detectable stars per arcsec2 or more."""
    return _share(context.density.to_value('arcsec-2') >= least, context.density)


def measure_bimodal(context):
    """Return the share of the distributions of age and A_V with several modes."""
    return _share(np.asarray(context.found['n_modes']) > 1, context.frames)


def measure_extended(context):
    """Return the share of the distributions of age and A_V with one extended mode."""
    is_single = np.asarray(context.found['n_modes']) == 1
    is_extended = is_single & (np.asarray(context.found['extent']) > EXTENDED)
    return _share(is_extended, context.frames)


def measure_coverage(names, level, context, *, subset=None):
    """Return the fraction of the truths inside their central intervals, mean over parameters."""
    _, found, frames = context.select(subset)
    pit = _columns(found, names, 'pit_')
    return _measure(lambda x: float(central_coverage(x.ravel(), level)), pit, frames=frames)


def measure_worst_bin(name, level, column, context):
    """Return the largest deviation of the coverage from its level, over the bins of an age."""
    pit = np.asarray(context.found[f'pit_{name}'])
    log_age = np.asarray(getattr(context, column)['age'])
    return _measure(partial(_worst_bin, level), pit, log_age, frames=context.frames)


def measure_worst_subset(groups, level, context):
    """
    Return the largest deviation of the coverage from its level, over the sets of bands.

    The coverage is the mean over the parameters of a group; of several groups, the worst counts.
    """
    tables = [context.select(subset) for subset in context.subsets]
    pits = [_columns(found, names, 'pit_') for _, found, _ in tables for names in groups]
    return _measure(partial(_worst_coverage, level), *pits, frames=tables[0][2])


def measure_widening(subset, context):
    """Return how much wider the median 68 % intervals are than in all bands, mean ratio."""
    _, found, frames = context.select(subset)
    whole = context.found[:: context.step]
    arrays = (_columns(table, NAMES, 'width_') for table in (found, whole))
    return _measure(_widening, *arrays, frames=frames)


def _columns(table, names=NAMES, prefix=''):
    """Return columns as one plain array with shape (n_source, n_column)."""
    return np.column_stack([np.asarray(table[prefix + name], dtype=float) for name in names])


def _measure(statistic, *arrays, frames):
    """Return a statistic with its error; the sources on one frame go together."""
    return bootstrap(statistic, *arrays, groups=frames, n_resamples=_N_RESAMPLES, rng=0)


def _share(values, frames):
    """Return the share of the entries that are true, with its error."""
    return _measure(lambda x: float(np.mean(x)), np.asarray(values), frames=np.asarray(frames))


def _growth(truth, found, scattered):
    """Return the mean over parameters of the ratio of the bounds."""
    ratios = [
        error_bound(x, z) / error_bound(x, y)
        for x, y, z in zip(truth.T, found.T, scattered.T, strict=True)
    ]
    return float(np.mean(ratios))


def _worst_bin(level, pit, log_age):
    """Return the largest deviation of the coverage over bins of log age with enough clusters."""
    low, high = DEFAULT.parameters[0].bounds
    edges = low + bars.BIN * np.arange(round((high - low) / bars.BIN) + 1)
    edges[-1] = np.nextafter(high, np.inf)
    coverage, counts = coverage_in_bins(pit, log_age, edges=edges, level=level)
    is_full = counts >= bars.LEAST_IN_BIN
    return float(np.abs(coverage[is_full] - level).max()) if is_full.any() else np.nan


def _worst_coverage(level, *pits):
    """Return the largest deviation of the coverage over arrays."""
    return max(abs(float(central_coverage(pit.ravel(), level)) - level) for pit in pits)


def _widening(part, whole):
    """Return the mean over parameters of the ratio of the median widths."""
    return float(np.mean(np.median(part, axis=0) / np.median(whole, axis=0)))
