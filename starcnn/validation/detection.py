# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How well one class is found: completeness and purity.
"""

import numpy as np

__all__ = ['completeness', 'purity']


def completeness(truth, predicted, label):
    """
    Return the fraction of the sources of a class that are found.

    Parameters
    ----------
    truth, predicted : array-like with shape (n_source,)
        The true and the predicted class of each source.

    label : str or int
        The class.

    Returns
    -------
    completeness : float
        From 0 to 1.

    Raises
    ------
    ValueError
        If the shapes differ, or no source is of the class.
    """
    truth, predicted = _is_label(truth, predicted, label)
    if not truth.any():
        msg = f'truth must have at least one source of class {label!r}, got none'
        raise ValueError(msg)
    return float(predicted[truth].mean())


def purity(truth, predicted, label):
    """
    Return the fraction of the sources that are called a class and are of it.

    Parameters
    ----------
    truth, predicted : array-like with shape (n_source,)
        The true and the predicted class of each source. The purity depends on
        how many sources of each class there are.

    label : str or int
        The class.

    Returns
    -------
    purity : float
        From 0 to 1.

    Raises
    ------
    ValueError
        If the shapes differ, or no source is called by the class.
    """
    truth, predicted = _is_label(truth, predicted, label)
    if not predicted.any():
        msg = f'predicted must have at least one source of class {label!r}, got none'
        raise ValueError(msg)
    return float(truth[predicted].mean())


def _is_label(truth, predicted, label):
    """Return whether sources are, and are called, of a class."""
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        msg = f'predicted must have the shape of truth {truth.shape}, got {predicted.shape}'
        raise ValueError(msg)
    return truth == label, predicted == label
