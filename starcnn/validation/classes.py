# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Are the probabilities of classes right? Confusion in per cent, calibration, sets, and counts.

Probabilities have the shape (n_source, n_class), with the classes in the order
of ``labels``, and truths are labels with the shape (n_source,).
"""

import numpy as np

from starcnn.validation._arrays import to_array

__all__ = [
    'calibration_error',
    'confusion_percent',
    'count_ratio',
    'reliability',
    'roc_area',
    'set_coverage',
    'set_members',
]

N_BINS = 10

# How far probabilities may be from a sum of one.
_ROUNDING = 1e-4


def confusion_percent(counts):
    """
    Return the rows of confusion matrices in per cent, and their scatter over trainings.

    The form of Wei et al. (2020, MNRAS, 493, 3178), Tables 4 to 7: rows are true
    classes and sum to 100.

    Parameters
    ----------
    counts : array-like with shape (n_training, n_class, n_class) or (n_class, n_class)
        What `confusion_matrix` returned for each training.

    Returns
    -------
    mean, scatter : `~numpy.ndarray` with shape (n_class, n_class)
        The mean over the trainings and their standard deviation, per cent; the
        scatter is NaN for one training.

    Raises
    ------
    ValueError
        If the shape is another, or a class has no source.
    """
    counts = to_array('counts', counts, unit=None)
    if counts.ndim == 2:
        counts = counts[np.newaxis]
    if counts.ndim != 3 or counts.shape[1] != counts.shape[2]:
        msg = f'counts must have shape (n_training, n_class, n_class), got {counts.shape}'
        raise ValueError(msg)
    totals = counts.sum(axis=2, keepdims=True)
    if not totals.all():
        msg = f'counts must have a source of each class, got rows that sum to {totals.min():g}'
        raise ValueError(msg)
    rows = 100 * counts / totals
    several = len(rows) > 1
    scatter = rows.std(axis=0, ddof=1) if several else np.full(rows.shape[1:], np.nan)
    return rows.mean(axis=0), scatter


def _check(truth, probabilities, labels):
    """Return the numbers of the true classes, and the probabilities."""
    labels = [str(label) for label in labels]
    p, truth = to_array('probabilities', probabilities, unit=None), np.asarray(truth, dtype=str)
    if p.shape != (*truth.shape, len(labels)) or truth.ndim != 1:
        msg = (
            f'probabilities must have shape (n_source, {len(labels)}) for truth with shape '
            f'(n_source,), got {p.shape} and {truth.shape}'
        )
        raise ValueError(msg)
    if p.min() < 0 or np.abs(p.sum(axis=1) - 1).max() > _ROUNDING:
        msg = 'probabilities must not be negative and must sum to one for each source'
        raise ValueError(msg)
    return _numbers(truth, labels), p


def _numbers(truth, labels):
    """Return the places of labels among all."""
    unknown = sorted(set(truth.tolist()) - set(labels))
    if unknown:
        msg = f'truth must hold only the labels {labels}, got {unknown}'
        raise ValueError(msg)
    return np.array([labels.index(label) for label in truth.tolist()], dtype=int)


def roc_area(truth, probabilities, *, labels):
    """
    Return the area under the receiver operating curve.

    Parameters
    ----------
    truth : array-like of str with shape (n_source,)
        The true classes.

    probabilities : array-like with shape (n_source, n_class)
        The probabilities.

    labels : sequence of str
        The classes in order.

    Returns
    -------
    area : float
        How often a source of a class has a higher probability of it than one of
        the others; the mean over the classes.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a class has no source.
    """
    from sklearn.metrics import roc_auc_score

    numbers, p = _check(truth, probabilities, labels)
    if absent := sorted(set(range(len(labels))) - set(numbers.tolist())):
        msg = f'truth must have sources of each class, got none of {[labels[k] for k in absent]}'
        raise ValueError(msg)
    return float(np.mean([roc_auc_score(numbers == k, p[:, k]) for k in range(len(labels))]))


def reliability(truth, probabilities, *, labels, n_bins=N_BINS):
    """
    Return how often the most probable class is the true one, in bins of its probability.

    Parameters
    ----------
    truth : array-like of str with shape (n_source,)
        The true classes.

    probabilities : array-like with shape (n_source, n_class)
        The probabilities.

    labels : sequence of str
        The classes in order.

    n_bins : int, optional
        The number of bins of equal width between 0 and 1.

    Returns
    -------
    confidence, accuracy : `~numpy.ndarray` with shape (n_bins,)
        The mean of the largest probabilities, and the fraction of sources whose
        most probable class is true; NaN where there is no source.

    counts : `~numpy.ndarray` of int with shape (n_bins,)
        The number of sources.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    numbers, p = _check(truth, probabilities, labels)
    largest, is_right = p.max(axis=1), p.argmax(axis=1) == numbers
    places = np.minimum((largest * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(places, minlength=n_bins)
    sums = [np.bincount(places, values, minlength=n_bins) for values in (largest, is_right)]
    with np.errstate(invalid='ignore'):
        confidence, accuracy = (total / counts for total in sums)
    return confidence, accuracy, counts


def calibration_error(truth, probabilities, *, labels, n_bins=N_BINS):
    """
    Return the expected calibration error.

    The mean absolute difference between accuracy and confidence in the bins of
    `reliability`, each weighted by its sources (Guo et al. 2017, ICML, 1321,
    equation 3). Noise makes it larger than zero for perfect probabilities, too:
    by about 0.02 for 1000 sources in ten bins.

    Parameters
    ----------
    truth, probabilities, labels, n_bins
        As for `reliability`.

    Returns
    -------
    error : float
        From 0 to 1.
    """
    confidence, accuracy, counts = reliability(truth, probabilities, labels=labels, n_bins=n_bins)
    gaps = np.abs(np.nan_to_num(accuracy - confidence))
    return float((gaps * counts).sum() / counts.sum())


def set_members(sets, *, labels, separator='|'):
    """
    Return which classes are in sets that are written as text.

    Parameters
    ----------
    sets : array-like of str with shape (n_source,)
        The column of a result, such as ``classes_90``: labels with a separator
        between them, empty for the empty set.

    labels : sequence of str
        The classes in order.

    separator : str, optional
        What is between labels.

    Returns
    -------
    is_member : `~numpy.ndarray` of bool with shape (n_source, n_class)
        Whether a class is in the set.

    Raises
    ------
    ValueError
        If a set has another label.
    """
    labels = [str(label) for label in labels]
    is_member = np.zeros((len(sets), len(labels)), dtype=bool)
    for row, text in zip(is_member, np.asarray(sets).tolist(), strict=True):
        for label in filter(None, text.split(separator)):
            if label not in labels:
                msg = f'sets must hold only the labels {labels}, got {label!r}'
                raise ValueError(msg)
            row[labels.index(label)] = True
    return is_member


def set_coverage(truth, is_member, *, labels, label=None):
    """
    Return how often sets of classes hold the true one.

    Parameters
    ----------
    truth : array-like of str with shape (n_source,)
        The true classes.

    is_member : array-like of bool with shape (n_source, n_class)
        Whether a class is in the set, as from `set_members`.

    labels : sequence of str
        The classes in order.

    label : str, optional
        Only the sources of this class. The default is all.

    Returns
    -------
    coverage : float
        The fraction of the sources.

    Raises
    ------
    ValueError
        If the shapes differ, or there is no such source.
    """
    labels, is_member = [str(item) for item in labels], np.asarray(is_member, dtype=bool)
    truth = np.asarray(truth, dtype=str)
    if is_member.shape != (len(truth), len(labels)):
        msg = f'is_member must have shape ({len(truth)}, {len(labels)}), got {is_member.shape}'
        raise ValueError(msg)
    numbers = _numbers(truth, labels)
    rows = np.flatnonzero((truth == label) | (label is None))
    if not len(rows):
        msg = f'truth must have at least one source{"" if label is None else f" of {label!r}"}'
        raise ValueError(msg)
    return float(is_member[rows, numbers[rows]].mean())


def count_ratio(truth, probabilities, *, labels, counted, weights=None):
    """
    Return the number of sources that probabilities predict over the true one.

    Parameters
    ----------
    truth : array-like of str with shape (n_source,)
        The true classes.

    probabilities : array-like with shape (n_source, n_class)
        The probabilities.

    labels : sequence of str
        The classes in order.

    counted : sequence of str
        The classes that are counted together.

    weights : array-like with shape (n_source,), optional
        How many sources each stands for, such as in a survey with other
        fractions of the classes.

    Returns
    -------
    ratio : float
        The sum of the probabilities over the number of sources; 1 is right.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is nothing to count.
    """
    numbers, p = _check(truth, probabilities, labels)
    labels, counted = [str(label) for label in labels], [str(label) for label in counted]
    if unknown := sorted(set(counted) - set(labels)):
        msg = f'counted must hold only the labels {labels}, got {unknown}'
        raise ValueError(msg)
    places = [labels.index(label) for label in counted]
    weights = np.ones(len(p)) if weights is None else to_array('weights', weights, unit=None)
    if weights.shape != numbers.shape:
        msg = f'weights must have shape {numbers.shape}, got {weights.shape}'
        raise ValueError(msg)
    true = weights[np.isin(numbers, places)].sum()
    if not true > 0:
        msg = f'truth must have sources of the classes {counted}, got none'
        raise ValueError(msg)
    return float((weights * p[:, places].sum(axis=1)).sum() / true)
