# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Are the uncertainties right? Coverage, ranks, and joint coverage of posteriors.
"""

import numpy as np

from starcnn.validation._arrays import to_array, to_arrays

__all__ = [
    'central_coverage',
    'coverage',
    'joint_coverage',
    'pit_values',
    'sbc_ranks',
    'uniformity',
]


def coverage(truth, lower, upper):
    """
    Return the fraction of truths that lie within their intervals.

    Parameters
    ----------
    truth, lower, upper : array-like or `~astropy.units.Quantity`
        The true values and the ends of the intervals, such as the columns
        ``age_16`` and ``age_84`` of a result, with equal shapes.

    Returns
    -------
    coverage : float
        The fraction, with both ends counted as inside.

    Raises
    ------
    ValueError
        If a lower end is above its upper end, a shape differs or a value is
        not finite.
    """
    (truth, lower, upper), _ = to_arrays({'truth': truth, 'lower': lower, 'upper': upper})
    if np.any(lower > upper):
        msg = f'lower must not be above upper, got {np.sum(lower > upper)} such rows'
        raise ValueError(msg)
    return float(np.mean((lower <= truth) & (truth <= upper)))


def sbc_ranks(truth, draws):
    """
    Return the rank of each truth among the draws from its posterior.

    If the posteriors are right, the ranks are uniform on 0..n_draw:
    simulation-based calibration, Talts et al. (2018, arXiv:1804.06788).

    Parameters
    ----------
    truth : array-like or `~astropy.units.Quantity` with shape (n_source,)
        The true values of one parameter.

    draws : array-like or `~astropy.units.Quantity` with shape (n_source, n_draw)
        Independent draws from the posterior of each source.

    Returns
    -------
    ranks : `~numpy.ndarray` of int with shape (n_source,)
        The number of draws that are below the truth.
    """
    draws, truth = _draws_and_truth(draws, truth)
    return np.sum(draws < truth, axis=1)


def _draws_and_truth(draws, truth):
    """Return checked plain arrays with shapes (n_source, n_draw) and (n_source, 1)."""
    shape = np.shape(draws)
    if len(shape) != 2 or np.shape(truth) != shape[:1]:
        msg = (
            'draws must have shape (n_source, n_draw) and truth (n_source,), '
            f'got {shape} and {np.shape(truth)}'
        )
        raise ValueError(msg)
    unit = getattr(truth, 'unit', None)
    return to_array('draws', draws, unit=unit), to_array('truth', truth, unit=unit)[:, np.newaxis]


def pit_values(truth, draws):
    """
    Return the probability that each posterior gives to values below the truth.

    The probability integral transform, from draws: ``(rank + 1/2) / (n_draw +
    1)`` with the ranks of `sbc_ranks`. Uniform on 0..1 if the posteriors are
    right; piled up at both ends if they are too narrow, in the middle if they
    are too wide, and at one end if they are biased.

    Parameters
    ----------
    truth : array-like or `~astropy.units.Quantity` with shape (n_source,)
        The true values of one parameter.

    draws : array-like or `~astropy.units.Quantity` with shape (n_source, n_draw)
        Independent draws from the posterior of each source.

    Returns
    -------
    pit : `~numpy.ndarray` with shape (n_source,)
        The probabilities, between 0 and 1.
    """
    return (sbc_ranks(truth, draws) + 0.5) / (np.shape(draws)[1] + 1)


def central_coverage(pit, levels):
    """
    Return the fraction of truths inside the central interval of each level.

    Parameters
    ----------
    pit : array-like with shape (n_source,)
        What `pit_values` returned.

    levels : float or array-like
        The probabilities of the intervals, between 0 and 1, such as 0.68: from
        the 16th to the 84th percentile.

    Returns
    -------
    coverage : `~numpy.ndarray` with the shape of ``levels``
        The fraction of the sources, to be compared with the level.
    """
    pit, levels = _unit_interval('pit', pit), _unit_interval('levels', levels)
    distance = np.sort(np.abs(2 * pit.ravel() - 1))
    # a value on the edge of an interval is inside, also after rounding
    return np.searchsorted(distance, levels + 1e-12, side='right') / distance.size


def uniformity(pit):
    """
    Test whether values are uniform on 0..1.

    Parameters
    ----------
    pit : array-like with shape (n_source,)
        What `pit_values` returned, from many more draws than there are sources, or at
        least a few hundred.

    Returns
    -------
    distance : float
        The Kolmogorov-Smirnov distance: the largest difference between the
        cumulative fraction of the sources and that of a uniform distribution.

    p_value : float
        The probability of a larger distance if the values were uniform.
    """
    from scipy.stats import kstest

    result = kstest(_unit_interval('pit', pit).ravel(), 'uniform')
    return float(result.statistic), float(result.pvalue)


def _unit_interval(name, values):
    """Return values as an array; raise if one is not between 0 and 1."""
    values = to_array(name, values, unit=None)
    if values.min() < 0 or values.max() > 1:
        msg = f'{name} must be between 0 and 1, got {values.min()} to {values.max()}'
        raise ValueError(msg)
    return values


def joint_coverage(truth, draws, levels, *, rng=None):
    """
    Return the coverage of joint posteriors by the TARP test.

    Each source gets a random point; the credible region is the ball around it
    that reaches to the truth, and its probability is the fraction of the draws
    inside. If the posteriors are right, correlations included, a fraction L of
    the sources has a probability below L. The parameters are scaled to the
    range of the truths, and the points are uniform in it.

    Parameters
    ----------
    truth : mapping of str to array-like or `~astropy.units.Quantity`
        For each parameter the true values, with shape (n_source,); a
        `~astropy.table.Table` will do.

    draws : mapping of str to array-like or `~astropy.units.Quantity`
        For each parameter of ``truth`` the draws, with shape (n_source,
        n_draw); entry by entry the draws belong together.

    levels : array-like
        The probabilities, between 0 and 1.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness, for the points.

    Returns
    -------
    coverage : `~numpy.ndarray` with the shape of ``levels``
        The fraction of the sources, to be compared with the level.

    References
    ----------
    .. [1] Lemos, Coogan, Hezaveh & Perreault-Levasseur 2023, ICML, 202, 19256
       (arXiv:2302.03026)
    """
    rng = np.random.default_rng(rng)
    levels = _unit_interval('levels', levels)
    inner, outer = 0.0, 0.0
    for name in truth.keys():  # noqa: SIM118 - a table iterates over its rows
        values, true = _draws_and_truth(draws[name], truth[name])
        span = np.ptp(true)
        if span == 0:
            msg = f'truth must have at least two different values of {name!r}'
            raise ValueError(msg)
        point = rng.uniform(true.min(), true.max(), size=true.shape)
        inner = inner + ((values - point) / span) ** 2
        outer = outer + ((true - point) / span) ** 2
    credibility = (np.sum(inner < outer, axis=1) + 0.5) / (inner.shape[1] + 1)
    return np.searchsorted(np.sort(credibility), levels, side='right') / credibility.size
