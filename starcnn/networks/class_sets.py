# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Probabilities of classes: sets of classes with a confidence, other prevalences, entropy.
"""

import math
from collections.abc import Mapping

import numpy as np

__all__ = ['change_prevalence', 'conformal_sets', 'conformal_thresholds', 'entropy']

# How far fractions may be from a sum of one.
_ROUNDING = 1e-6


def entropy(probabilities):
    """
    Return the Shannon entropy of the probabilities of classes.

    Parameters
    ----------
    probabilities : `~numpy.ndarray` with shape (n, n_class)
        The probabilities, which sum to one.

    Returns
    -------
    entropy : `~numpy.ndarray` with shape (n,)
        From 0, where one class is certain, to the natural logarithm of
        ``n_class``; NaN where a probability is.

    References
    ----------
    Shannon 1948, Bell System Technical Journal, 27, 379; used by Wei et al. (2020, MNRAS, 493,
    3178), section 4.2.1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide='ignore', invalid='ignore'):
        terms = np.where(p == 0, 0.0, p * np.log(p))
    return -terms.sum(axis=1) + 0.0


def change_prevalence(probabilities, part, prevalence):
    """
    Return the probabilities for a survey in which the classes have other fractions.

    By Bayes' theorem, where only the fractions of the classes differ and not
    what each class looks like, the odds change by the ratio of new and old
    fraction (Elkan 2001, IJCAI, 973, theorem 2; Saerens et al. 2002, Neural
    Computation, 14, 21, equation 2.4).

    Parameters
    ----------
    probabilities : `~numpy.ndarray` with shape (n, n_class)
        The probabilities that a network gives.

    part : `~starcnn.networks.Classes`
        The classes, with the ``prevalence`` that the network was calibrated
        for.

    prevalence : dict of str to float
        The new fraction of each class. They sum to one, and none is below zero.

    Returns
    -------
    probabilities : `~numpy.ndarray` with shape (n, n_class)
        The new probabilities.

    Raises
    ------
    TypeError
        If ``prevalence`` is no mapping from labels to numbers.

    ValueError
        If it does not name all classes, the fractions do not sum to one, or the
        file of the network does not say for what prevalence it was calibrated.
    """
    if part.prevalence is None:
        msg = (
            'prevalence must be None for weights whose file does not tell the prevalence they '
            f'were calibrated for, got {prevalence!r}'
        )
        raise ValueError(msg)
    ratios = _read_prevalence(prevalence, part) / np.array(part.prevalence)
    weighted = np.asarray(probabilities, dtype=np.float64) * ratios
    total = weighted.sum(axis=1, keepdims=True)
    with np.errstate(invalid='ignore'):
        # where all that is left of the classes has a probability of zero, the prevalence remains
        return np.where(total == 0, ratios * part.prevalence, weighted / total)


def _read_prevalence(prevalence, part):
    """Return the fractions in the order of the labels."""
    if not isinstance(prevalence, Mapping):
        msg = f'prevalence must be a dictionary from labels to fractions, got {prevalence!r}'
        raise TypeError(msg)
    if set(prevalence) != set(part.labels):
        msg = f'prevalence must name the classes {list(part.labels)}, got {list(prevalence)}'
        raise ValueError(msg)
    try:
        shares = np.array([float(prevalence[label]) for label in part.labels])
    except (TypeError, ValueError):
        msg = f'prevalence must be a dictionary from labels to fractions, got {prevalence!r}'
        raise TypeError(msg) from None
    if not (shares >= 0).all() or not abs(shares.sum() - 1) <= _ROUNDING:
        msg = f'prevalence must be fractions that sum to one, got {dict(prevalence)}'
        raise ValueError(msg)
    return shares


def conformal_thresholds(part, confidence):
    """
    Return how probable a class must be to be in the set of classes.

    Parameters
    ----------
    part : `~starcnn.networks.Classes`
        The classes, with ``conformal``.

    confidence : float
        How often the set holds the true class, between 0 and 1.

    Returns
    -------
    thresholds : `~numpy.ndarray` with shape (n_class,)
        One for each class. With ``n`` held out sources of a class, it is the
        probability of rank ``ceil((n + 1) * confidence)``, the largest first:
        a new source of this class is at least as probable with a probability
        of ``confidence``, whatever the network (Vovk et al. 2005, Algorithmic
        Learning in a Random World, section 4.5, who call it Mondrian). It is 0,
        which takes all, where there are too few.

    Raises
    ------
    ValueError
        If the confidence cannot be, or the file of the network has nothing to
        make sets of.
    """
    is_number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    if not is_number or not 0 < confidence < 1:
        msg = f'confidence must be a number between 0 and 1, got {confidence!r}'
        raise ValueError(msg)
    if part.conformal is None:
        msg = (
            'confidence must be None for weights whose file has no probabilities of held out '
            f'sources, got {confidence!r}'
        )
        raise ValueError(msg)
    # against the noise of (n + 1) * confidence, such as 90.00000000000001
    ranks = [math.ceil(round((len(x) + 1) * confidence, 9)) for x in part.conformal]
    pairs = zip(part.conformal, ranks, strict=True)
    return np.array([x[rank - 1] if rank <= len(x) else 0.0 for x, rank in pairs])


def conformal_sets(probabilities, part, confidence):
    """
    Return which classes are in the set that holds the true one with a confidence.

    Parameters
    ----------
    probabilities : `~numpy.ndarray` with shape (n, n_class)
        The probabilities that the network gives, not those for another
        prevalence: what holds class by class holds whatever their fractions.

    part, confidence
        As for `conformal_thresholds`.

    Returns
    -------
    is_member : `~numpy.ndarray` of bool with shape (n, n_class)
        Whether a class is in the set. None is where a source is unlike the held
        out sources of every class, and where probabilities are NaN.

    Raises
    ------
    ValueError
        As for `conformal_thresholds`.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(invalid='ignore'):
        return p >= conformal_thresholds(part, confidence)
