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


def bootstrap(statistic, *arrays, n_resamples=1000, rng=None):
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
        sources, or ``n_resamples`` is less than two.

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
    resampled = _resample(statistic, arrays, n_resamples, np.random.default_rng(rng))
    lower, upper = np.percentile(resampled, [16, 84])
    error = np.std(resampled, ddof=1)
    return Measurement(value=value, error=error, lower=lower, upper=upper, n_sources=lengths[0])


def _resample(statistic, arrays, n_resamples, rng):
    """Return the statistic of resampled sources, as an array or a quantity."""
    size = len(arrays[0])
    values = []
    for _ in range(n_resamples):
        rows = rng.integers(size, size=size)
        values.append(statistic(*(array[rows] for array in arrays)))
    return u.Quantity(values) if isinstance(values[0], u.Quantity) else np.array(values)
