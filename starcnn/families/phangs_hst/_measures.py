# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The measurements behind the claims: accuracies, calibration, sets of classes, and counts.
"""

from functools import partial

import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.networks import change_prevalence
from starcnn.validation import (
    Measurement,
    bootstrap,
    calibration_error,
    confusion_percent,
    count_ratio,
    roc_area,
    set_coverage,
    set_members,
)

from ._scores import NOTHING, select
from .spec import CLASSES, FILTERS

__all__ = [
    'measure_accuracy',
    'measure_area',
    'measure_calibration',
    'measure_change',
    'measure_counts',
    'measure_coverage',
    'measure_crops',
    'measure_distance',
    'measure_key_filter',
    'measure_mean_accuracy',
    'measure_set_size',
    'measure_table',
    'measure_table_change',
    'measure_table_score',
]

_N_RESAMPLES = 100

# The side that others are compared with in section 4.3 of the paper.
_CROP = 50

_CLUSTERS = CLASSES[:3]


def _measure(statistic, *arrays, groups):
    """Return a statistic with its error; the sources of one galaxy go together."""
    return bootstrap(statistic, *arrays, groups=groups, n_resamples=_N_RESAMPLES, rng=0)


def _exact(value, n_sources):
    """Return a number without an error."""
    value = float(value)
    return Measurement(value=value, error=0.0, lower=value, upper=value, n_sources=n_sources)


def _over_trainings(values, n_sources):
    """Return the mean of trainings, and their standard deviation as the paper gives it."""
    values = np.asarray(values, dtype=float)
    error = float(values.std(ddof=1)) if len(values) > 1 else np.nan
    lower, upper = np.percentile(values, [16, 84])
    mean = float(values.mean())
    return Measurement(value=mean, error=error, lower=lower, upper=upper, n_sources=n_sources)


def _is_right(truth, probabilities):
    """Return whether the most probable class is the true one, in per cent."""
    return 100.0 * (np.array(CLASSES)[probabilities.argmax(axis=1)] == truth)


# Of single sources.


def measure_accuracy(label, context):
    """Return the part of a class, or of all sources, that is called by its name, per cent."""
    rows = np.ones(len(context.truth), dtype=bool) if label is None else context.truth == label
    right = _is_right(context.truth, context.probabilities)[rows]
    return _measure(np.mean, right, groups=context.groups[rows])


def measure_mean_accuracy(context):
    """Return the mean of the accuracies of the classes, per cent."""
    return _measure(_mean_accuracy, context.truth, context.probabilities, groups=context.groups)


def _mean_accuracy(truth, probabilities):
    """Return the mean over the classes that there are."""
    right = _is_right(truth, probabilities)
    return float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))


def measure_area(context):
    """Return the area below the receiver operating curve, the mean over the classes."""
    try:
        statistic = partial(roc_area, labels=CLASSES)
        return _measure(statistic, context.truth, context.probabilities, groups=context.groups)
    except ImportError:
        msg = 'scikit-learn must be installed for areas below curves; see the extra `validate`'
        raise DataFileError(msg) from None


def measure_calibration(context):
    """Return the expected calibration error."""
    statistic = partial(calibration_error, labels=CLASSES)
    return _measure(statistic, context.truth, context.probabilities, groups=context.groups)


def _read_sets(context):
    """Return which classes are in the sets."""
    if context.sets is None:
        msg = 'weights must have probabilities of held out sources for sets of classes, got none'
        raise DataFileError(msg)
    return set_members(context.sets, labels=CLASSES)


def measure_coverage(label, context):
    """Return how often the sets of classes hold the true one, of a class or of all sources."""
    statistic = partial(set_coverage, labels=CLASSES, label=label)
    members = _read_sets(context)
    rows = np.ones(len(members), dtype=bool) if label is None else context.truth == label
    pair = context.truth[rows], members[rows]
    return _measure(statistic, *pair, groups=context.groups[rows])


def measure_set_size(context):
    """Return the mean number of classes in a set."""
    sizes = _read_sets(context).sum(axis=1)
    return _measure(np.mean, sizes, groups=context.groups)


def measure_counts(prevalence, context):
    """
    Return the number of clusters that probabilities predict over the true one.

    In a survey in which clusters are a fraction of the sources: sources are weighted so.
    """
    if context.part is None or context.part.prevalence is None:
        msg = 'weights must tell the prevalence they were calibrated for, got none'
        raise DataFileError(msg)
    is_cluster = np.isin(CLASSES, _CLUSTERS)
    shares = np.array(context.part.prevalence)
    shares = np.where(
        is_cluster,
        prevalence * shares / shares[is_cluster].sum(),
        (1 - prevalence) * shares / shares[~is_cluster].sum(),
    )
    shares = dict(zip(CLASSES, (shares / shares.sum()).tolist(), strict=True))
    probabilities = change_prevalence(context.probabilities, context.part, shares)
    statistic = partial(_weighted_ratio, shares)
    return _measure(statistic, context.truth, probabilities, groups=context.groups)


def _weighted_ratio(shares, truth, probabilities):
    """Return the ratio of counts, where classes have other shares than among the sources."""
    weights = np.zeros(len(truth))
    for label, share in shares.items():
        here = truth == label
        weights[here] = share / max(here.sum(), 1)
    return count_ratio(truth, probabilities, labels=CLASSES, counted=_CLUSTERS, weights=weights)


def measure_change(name, context):
    """Return the accuracy that is lost by a change of the stamps, per cent."""
    other = context.others[name]
    truth, before = context.truth[: len(other)], context.probabilities[: len(other)]
    lost = _is_right(truth, before) - _is_right(truth, other)
    return _measure(np.mean, lost, groups=context.groups[: len(other)])


def measure_distance(label, names, comparison):
    """Return the largest distance of real and simulated distributions among some variables."""
    items = [comparison[label][name] for name in names]
    return _exact(max(item['ks'] for item in items), len(items[0]['simulated']))


# Of tables of scores, which have a row for each training.


def measure_table(label, values, table, *, is_folds=False):
    """Return the accuracy of a class, or of all sources, over trainings or folds, per cent."""
    counts = np.asarray(select(table, **values)['counts'])
    return _over_trainings(_accuracies(counts, label), _count(counts, label, is_folds=is_folds))


def _count(counts, label, *, is_folds):
    """Return the number of sources of a class, or of all: those of a test, or of all folds."""
    tests = counts if is_folds else counts[:1]
    rows = tests if label is None else tests[:, CLASSES.index(label)]
    return int(rows.sum())


def _accuracies(counts, label):
    """Return the accuracy for each training, per cent."""
    right = np.diagonal(counts, axis1=1, axis2=2)
    if label is None:
        return 100 * right.sum(axis=1) / counts.sum(axis=(1, 2))
    k = CLASSES.index(label)
    return 100 * right[:, k] / counts[:, k].sum(axis=1)


def measure_table_score(name, values, table, *, is_folds=False):
    """Return a score over trainings or folds."""
    rows = select(table, **values)
    return _over_trainings(rows[name], _count(np.asarray(rows['counts']), None, is_folds=is_folds))


def _lost(name, values, table):
    """Return the accuracy that each training loses without a filter, per cent."""
    pair = [select(table, **values, without=item) for item in (NOTHING, name)]
    numbers = [np.asarray(rows['training']).tolist() for rows in pair]
    if numbers[0] != numbers[1]:
        msg = f'the table of scores must have the same trainings with and without {name}'
        raise DataFileError(msg)
    whole, part = (_accuracies(np.asarray(rows['counts']), None) for rows in pair)
    return whole - part


def measure_table_change(name, values, table):
    """Return the accuracy that is lost without a filter over trainings, per cent."""
    counts = np.asarray(select(table, **values, without=name)['counts'])
    return _over_trainings(_lost(name, values, table), int(counts[0].sum()))


def measure_key_filter(key, values, table):
    """Return how much more is lost without one filter than without any other, per cent."""
    lost = {name: _lost(name, values, table) for name in FILTERS}
    others = np.max([lost[name] for name in FILTERS if name != key], axis=0)
    counts = np.asarray(select(table, **values, without=key)['counts'])
    return _over_trainings(lost[key] - others, int(counts[0].sum()))


def measure_crops(crops, values, table):
    """Return the largest change of the accuracy of a class with the size of stamps, per cent."""
    means, n = {}, 0
    for crop in crops:
        counts = np.asarray(select(table, **values, crop=crop)['counts'])
        means[crop], n = np.diagonal(confusion_percent(counts)[0]), int(counts[0].sum())
    changes = [np.abs(mean - means[_CROP]).max() for mean in means.values()]
    return _exact(max(changes), n)
