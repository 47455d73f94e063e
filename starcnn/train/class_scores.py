# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How good the probabilities of classes are, as numbers for tables.
"""

import numpy as np

__all__ = ['score_classes']

_N_BINS = 10  # of the calibration error, as Guo et al. (2017)
_LEAST = 1e-20  # a probability whose logarithm is still finite


def score_classes(probabilities, truth, labels):
    """
    Score the probabilities of classes.

    Parameters
    ----------
    probabilities : `~numpy.ndarray` with shape (n, n_class)
        The probabilities.

    truth : `~numpy.ndarray` of str with shape (n,)
        The true labels.

    labels : sequence of str
        The labels in the order of the probabilities.

    Returns
    -------
    scores : dict of float
        ``accuracy``; ``accuracy_<label>`` of each class; ``balanced_accuracy``,
        their mean; ``log_loss``, the mean of minus the natural logarithm of the
        probability of the true class; ``roc_auc``, the area under the receiver
        operating curve, of more than two classes the mean over each against
        the rest; and ``calibration_error``, the expected calibration error
        (Guo et al. 2017, ICML, 1321, equation 3, with ten bins). What needs a
        class that ``truth`` has not is NaN.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a label is unknown.
    """
    p, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=str)
    labels = [str(label) for label in labels]
    if p.shape != (len(truth), len(labels)) or not len(truth):
        msg = f'probabilities must have shape ({len(truth)}, {len(labels)}), got {p.shape}'
        raise ValueError(msg)
    if unknown := sorted(set(truth.tolist()) - set(labels)):
        msg = f'truth must have labels of {labels}, got {unknown}'
        raise ValueError(msg)
    numbers = np.array([labels.index(label) for label in truth])
    is_right = p.argmax(axis=1) == numbers
    each = [
        is_right[numbers == k].mean() if (numbers == k).any() else np.nan
        for k in range(len(labels))
    ]
    chosen = p[np.arange(len(p)), numbers]
    areas = [_area(p[:, k], numbers == k) for k in range(len(labels))]
    return {
        'accuracy': float(is_right.mean()),
        **{f'accuracy_{label}': float(x) for label, x in zip(labels, each, strict=True)},
        'balanced_accuracy': float(np.mean(each)),
        'log_loss': float(-np.log(np.maximum(chosen, _LEAST)).mean()),
        'roc_auc': float(np.mean(areas)),
        'calibration_error': _calibration_error(p.max(axis=1), is_right),
    }


def _area(values, is_positive):
    """Return how often a positive has a larger value than a negative; ties count half."""
    n_positive = int(is_positive.sum())
    n_negative = len(values) - n_positive
    if not n_positive or not n_negative:
        return np.nan
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[is_positive].sum() - n_positive * (n_positive + 1) / 2
    return above / (n_positive * n_negative)


def _calibration_error(confidence, is_right):
    """Return the mean difference between confidence and accuracy, in bins of the confidence."""
    places = np.minimum((confidence * _N_BINS).astype(int), _N_BINS - 1)
    n = np.bincount(places, minlength=_N_BINS)
    gap = np.bincount(places, confidence - is_right, minlength=_N_BINS)
    return float(np.abs(gap).sum() / n.sum())
