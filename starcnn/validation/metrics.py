# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Scores of predictions against truths: one number each, in the truths' unit.

All functions take arrays, quantities or table columns with equal shapes and
units that agree. Values that are not finite are refused, not left out: a score
over fewer rows would look better than it is. Parameters that are compared on a
logarithmic axis are given as their logarithms.
"""

import astropy.units as u
import numpy as np

from starcnn.validation._arrays import to_array, to_arrays

__all__ = [
    'bias',
    'confusion_matrix',
    'entropy',
    'error_bound',
    'mse_scaled',
    'pixel_errors',
    'r_squared',
    'rms',
    'scatter',
]


def _residuals(truth, predicted):
    """Return predicted minus true as a plain array, and its unit."""
    (truth, predicted), unit = to_arrays({'truth': truth, 'predicted': predicted})
    return predicted - truth, unit


def _with_unit(value, unit):
    """Return a plain number as a float, or as a quantity if there is a unit."""
    return float(value) if unit is None else u.Quantity(value, unit)


def bias(truth, predicted):
    """
    Return the median of predicted minus true.

    Parameters
    ----------
    truth, predicted : array-like or `~astropy.units.Quantity`
        The true and the predicted values, with equal shapes.

    Returns
    -------
    bias : float or `~astropy.units.Quantity`
        The median residual, in the unit of ``truth``.
    """
    residuals, unit = _residuals(truth, predicted)
    return _with_unit(np.median(residuals), unit)


def scatter(truth, predicted):
    """
    Return half the range between the 16th and 84th percentiles of the residuals.

    For a normal distribution it is the standard deviation, but outliers do not
    weigh on it.

    Parameters
    ----------
    truth, predicted : array-like or `~astropy.units.Quantity`
        The true and the predicted values, with equal shapes.

    Returns
    -------
    scatter : float or `~astropy.units.Quantity`
        The scatter, in the unit of ``truth``.
    """
    residuals, unit = _residuals(truth, predicted)
    lower, upper = np.percentile(residuals, [16, 84])
    return _with_unit((upper - lower) / 2, unit)


def rms(truth, predicted):
    """
    Return the root of the mean of the squared residuals.

    Parameters
    ----------
    truth, predicted : array-like or `~astropy.units.Quantity`
        The true and the predicted values, with equal shapes.

    Returns
    -------
    rms : float or `~astropy.units.Quantity`
        The root mean square, in the unit of ``truth``.
    """
    residuals, unit = _residuals(truth, predicted)
    return _with_unit(np.sqrt(np.mean(residuals**2)), unit)


def error_bound(truth, predicted, *, level=0.95):
    """
    Return the absolute residual that a fraction of the sources stays below.

    The 95 % bounds of Bialopetravicius & Narbutis (2020, A&A, 633, A148), their
    Fig. 10; of parameters on logarithmic axes give the logarithms.

    Parameters
    ----------
    truth, predicted : array-like or `~astropy.units.Quantity`
        The true and the predicted values, with equal shapes.

    level : float, optional
        The fraction. The default is 0.95.

    Returns
    -------
    bound : float or `~astropy.units.Quantity`
        The bound, in the unit of ``truth``.
    """
    if not 0 < level <= 1:
        msg = f'level must be above 0 and at most 1, got {level}'
        raise ValueError(msg)
    residuals, unit = _residuals(truth, predicted)
    return _with_unit(np.quantile(np.abs(residuals), level), unit)


def r_squared(truth, predicted):
    """
    Return the coefficient of determination of the predictions.

    One minus the ratio of the squared residuals to the variance of the truths:
    1 is perfect, 0 no better than the mean truth for every source, and it has
    no lower end. It is not the square of the correlation.

    Parameters
    ----------
    truth, predicted : array-like or `~astropy.units.Quantity`
        The true and the predicted values, with equal shapes.

    Returns
    -------
    r_squared : float
        The coefficient.

    Raises
    ------
    ValueError
        If the truths are all equal.

    Examples
    --------
    >>> from starcnn.validation import r_squared
    >>> r_squared([7.0, 8.0, 9.0], [7.0, 8.0, 9.5])
    0.875
    """
    (truth, predicted), _ = to_arrays({'truth': truth, 'predicted': predicted})
    _check_range(truth)
    return float(1 - np.sum((predicted - truth) ** 2) / np.sum((truth - truth.mean()) ** 2))


def mse_scaled(truth, predicted, *, scale='range'):
    """
    Return the mean squared residual after the targets were scaled.

    Parameters
    ----------
    truth, predicted : array-like or `~astropy.units.Quantity`
        The true and the predicted values of one parameter, with equal shapes.

    scale : {'range', 'deviation'}, optional
        What the residuals are divided by: the range of the truths, which is
        the scaling of targets to 0..1 that Branco & Ferraz (2023) describe, or
        the standard deviation of the truths, in which case the result is one
        minus `r_squared`.

    Returns
    -------
    mse : float
        The mean squared error, without unit.

    Notes
    -----
    The mean squared errors that the paper quotes (0.176, 0.840 and 0.167, with
    R² of 0.747, 0.242 and 0.761; Table 1) imply a variance of the scaled
    targets of about 0.7 to 1.1. Scaled to 0..1 it cannot be above 0.25.
    """
    (truth, predicted), _ = to_arrays({'truth': truth, 'predicted': predicted})
    _check_range(truth)
    scales = {'range': np.ptp, 'deviation': np.std}
    if scale not in scales:
        msg = f'scale must be one of {list(scales)}, got {scale!r}'
        raise ValueError(msg)
    return float(np.mean(((predicted - truth) / scales[scale](truth)) ** 2))


def _check_range(truth):
    """Raise if the truths are all equal."""
    if np.ptp(truth) == 0:
        msg = f'truth must have at least two different values, got {truth.flat[0]} only'
        raise ValueError(msg)


def pixel_errors(truth, predicted, *, edges):
    """
    Return the mean relative error of pixels, in bins of the predicted value.

    The mean of ``|predicted - true| / predicted`` in each bin: equation 2 of
    Chardin & Bianchini (2021, MNRAS, 504, 5656), as a fraction.

    Parameters
    ----------
    truth, predicted : array-like or `~astropy.units.Quantity`
        The true and the predicted maps, with equal shapes.

    edges : array-like or `~astropy.units.Quantity` with shape (n_bin + 1,)
        The edges of the bins, increasing and positive, in the unit of
        ``truth`` or one like it. A bin holds its lower edge.

    Returns
    -------
    errors : `~numpy.ndarray` with shape (n_bin,)
        The mean relative error; NaN where a bin is empty.

    counts : `~numpy.ndarray` with shape (n_bin,)
        The number of pixels in each bin.
    """
    (truth, predicted), unit = to_arrays({'truth': truth, 'predicted': predicted})
    edges = to_array('edges', edges, unit=unit)
    if edges.ndim != 1 or edges.size < 2 or edges[0] <= 0 or np.any(np.diff(edges) <= 0):
        msg = f'edges must be at least two, positive and increasing, got {edges}'
        raise ValueError(msg)
    inside = (predicted >= edges[0]) & (predicted < edges[-1])
    bins = np.digitize(predicted[inside], edges) - 1
    relative = np.abs(predicted - truth)[inside] / predicted[inside]
    counts = np.bincount(bins, minlength=edges.size - 1)
    sums = np.bincount(bins, weights=relative, minlength=edges.size - 1)
    errors = np.full(counts.shape, np.nan)
    np.divide(sums, counts, out=errors, where=counts > 0)
    return errors, counts


def confusion_matrix(truth, predicted, *, labels):
    """
    Count the sources of each true class that were given each class.

    Parameters
    ----------
    truth, predicted : array-like of str or int
        The true and the predicted class of each source.

    labels : sequence
        The classes in the order of the rows and columns.

    Returns
    -------
    counts : `~numpy.ndarray` with shape (n_class, n_class)
        The counts; rows are true classes and columns predicted ones.

    Raises
    ------
    ValueError
        If the shapes differ or a class is not among the labels.

    Examples
    --------
    >>> from starcnn.validation import confusion_matrix
    >>> confusion_matrix(['a', 'a', 'b'], ['a', 'b', 'b'], labels=('a', 'b'))
    array([[1, 1],
           [0, 1]])
    """
    labels = list(labels)
    position = {label: index for index, label in enumerate(labels)}
    indices = []
    for name, values in (('truth', truth), ('predicted', predicted)):
        values = np.asarray(values).tolist()
        unknown = sorted(set(values) - set(labels))
        if unknown:
            msg = f'{name} must hold only the labels {labels}, got {unknown}'
            raise ValueError(msg)
        indices.append(np.array([position[value] for value in values], dtype=int))
    if indices[0].shape != indices[1].shape:
        msg = f'predicted must have the shape of truth {indices[0].shape}, got {indices[1].shape}'
        raise ValueError(msg)
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, tuple(indices), 1)
    return counts


def entropy(probabilities):
    """
    Return the Shannon entropy of class probabilities, in nats.

    It is 0 for a certain class and ln(n_class) when all are equally likely
    (Wei et al. 2020, MNRAS, 493, 3178, section 4.2.1).

    Parameters
    ----------
    probabilities : array-like with shape (..., n_class)
        The probabilities, which sum to one along the last axis.

    Returns
    -------
    entropy : `~numpy.ndarray` with shape (...)
        The entropy of each source.

    Raises
    ------
    ValueError
        If a probability is negative or not finite, or a sum is not one.
    """
    p = to_array('probabilities', probabilities, unit=None)
    if np.any(p < 0) or not np.allclose(p.sum(axis=-1), 1, rtol=0, atol=1e-4):
        msg = 'probabilities must not be negative and must sum to one along the last axis'
        raise ValueError(msg)
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)
