# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Bootstrap errors of any score.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np

if TYPE_CHECKING:
    from astropy.units import Quantity

__all__ = ['Measurement', 'bootstrap']


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """
    A number that was measured, and how well it is known.

    Parameters
    ----------
    value : float or `~astropy.units.Quantity`
        The number.

    error : float or `~astropy.units.Quantity`
        Its standard error; 0 for a number without one.

    lower, upper : float or `~astropy.units.Quantity`
        The 16th and 84th percentiles of its distribution.

    n_sources : int
        The number of sources it was measured on.
    """

    value: 'float | Quantity'
    error: 'float | Quantity'
    lower: 'float | Quantity'
    upper: 'float | Quantity'
    n_sources: int


def bootstrap(statistic, *arrays, groups=None, n_resamples=1000, rng=None):
    """
    Measure a statistic and its error by resampling the sources.

    Sources are drawn with replacement, the same ones from every array (Efron
    1979, Ann. Stat., 7, 1).

    Parameters
    ----------
    statistic : callable
        ``statistic(*arrays)`` returns a number or a scalar quantity, such as
        `r_squared`.

    *arrays : array-like, `~astropy.units.Quantity` or `~astropy.table.Table`
        What the statistic takes, all with one entry or row per source.

    groups : array-like or `None`, optional
        For each source what it shares with others, such as the frame it is on.
        Groups are drawn then instead of sources, each whole.

    n_resamples : int, optional
        The number of resamples. The default is 1000.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness.

    Returns
    -------
    measurement : `Measurement`
        The statistic of the arrays as they are, with its standard error and
        percentiles over the resamples.

    Raises
    ------
    ValueError
        If there are no arrays, their lengths differ, they hold fewer than two
        sources or groups, or ``n_resamples`` is less than two.

    Examples
    --------
    >>> import numpy as np
    >>> from starcnn.validation import bootstrap, bias
    >>> rng = np.random.default_rng(1)
    >>> truth = rng.uniform(7, 10, 400)
    >>> measured = bootstrap(bias, truth, rng.normal(truth, 0.2), rng=rng)
    >>> bool(abs(measured.value) < 3 * measured.error)
    True
    """
    if n_resamples < 2:
        msg = f'n_resamples must be at least 2, got {n_resamples}'
        raise ValueError(msg)
    arrays = [np.asarray(array) if isinstance(array, list | tuple) else array for array in arrays]
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1 or lengths[0] < 2:
        msg = f'arrays must have equal lengths of at least 2, got {lengths}'
        raise ValueError(msg)
    value = statistic(*arrays)
    draw = _draw_sources(lengths[0]) if groups is None else _draw_groups(groups, lengths[0])
    resampled = _resample(statistic, arrays, draw, n_resamples, np.random.default_rng(rng))
    lower, upper = np.percentile(resampled, [16, 84])
    error = np.std(resampled, ddof=1)
    return Measurement(value=value, error=error, lower=lower, upper=upper, n_sources=lengths[0])


def _draw_sources(size):
    """Return a function from a generator to the rows of as many sources."""
    return lambda rng: rng.integers(size, size=size)


def _draw_groups(groups, size):
    """Return a function from a generator to the rows of as many groups."""
    groups = np.asarray(groups)
    if groups.shape != (size,):
        msg = f'groups must have shape ({size},), as the arrays, got {groups.shape}'
        raise ValueError(msg)
    _, which, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        msg = f'groups must be at least 2, got {len(counts)}'
        raise ValueError(msg)
    members = np.split(which.argsort(kind='stable'), counts.cumsum()[:-1])

    def draw(rng):
        return np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])

    return draw


def _resample(statistic, arrays, draw, n_resamples, rng):
    """Return the statistic of resampled sources, as an array or a quantity."""
    values = []
    for _ in range(n_resamples):
        rows = draw(rng)
        values.append(statistic(*(array[rows] for array in arrays)))
    return u.Quantity(values) if isinstance(values[0], u.Quantity) else np.array(values)
