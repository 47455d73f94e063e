# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Bins of sources, and how complete they are and how good their parameters.
"""

import numpy as np
from astropy.table import QTable

from starcnn.validation._arrays import to_array

# The part of a normal distribution within one standard deviation.
_ONE_SIGMA = 0.6827

# The standard error of the median of normal residuals, in standard errors of the mean.
_MEDIAN_ERROR = np.sqrt(np.pi / 2)


def read_values(column, name, unit, *, is_log):
    """Return a column as numbers in a unit, or as their logarithms."""
    values = to_array(name, column, unit=unit)
    if not is_log:
        return values
    if (values <= 0).any():
        msg = f'{name} must be positive for its logarithm, got {values.min()}'
        raise ValueError(msg)
    return np.log10(values)


def make_edges(bins, values, unit, *, is_log):
    """Return the edges of the bins, as logarithms if the values are."""
    if not isinstance(bins, int | np.integer):
        edges = read_values(bins, 'bins', unit, is_log=is_log)
        if edges.ndim != 1 or len(edges) == 1 or (np.diff(edges) <= 0).any():
            msg = f'bins must be a number, or at least two increasing edges, got {bins}'
            raise ValueError(msg)
        return edges
    if bins < 1 or np.ptp(values) == 0:
        msg = f'bins must be edges, or positive and the values to bin different, got {bins}'
        raise ValueError(msg)
    edges = np.linspace(values.min(), values.max(), bins + 1)
    edges[-1] = np.nextafter(edges[-1], np.inf)  # the highest value is in the last bin
    return edges


def count_found(number, is_found, edges, interval):
    """Return the table of completeness, for the number of the bin of each source."""
    from astropy.stats import binom_conf_interval

    n_bin = len(edges) - 1
    inside = (number >= 0) & (number < n_bin)
    n = np.bincount(number[inside], minlength=n_bin)
    k = np.bincount(number[inside & is_found], minlength=n_bin)
    table = QTable({'n_injected': n, 'n_found': k})
    table['completeness'] = np.divide(k, n, out=np.full(n_bin, np.nan), where=n > 0)
    limits = np.full((2, n_bin), np.nan)
    if n.any():
        limits[:, n > 0] = binom_conf_interval(
            k[n > 0], n[n > 0], confidence_level=_ONE_SIGMA, interval=interval
        )
    # rounding aside, the interval holds the fraction
    table['completeness_low'] = np.fmin(limits[0], table['completeness'])
    table['completeness_high'] = np.fmax(limits[1], table['completeness'])
    return table


def get_residuals(truth, found, rows, name, *, is_log):
    """Return found minus true with its unit, NaN where there is no value."""
    unit = getattr(truth[name], 'unit', None)
    residuals = np.full(len(truth), np.nan)
    measured = found[name]
    is_known = np.isfinite(np.asarray(getattr(measured, 'value', measured), float))
    is_known &= ~np.broadcast_to(getattr(measured, 'mask', False), is_known.shape)
    has_value = rows >= 0
    has_value[has_value] = is_known[rows[has_value]]
    if has_value.any():
        here = read_values(measured[rows[has_value]], f'found[{name!r}]', unit, is_log=is_log)
        there = read_values(truth[name][has_value], f'truth[{name!r}]', unit, is_log=is_log)
        residuals[has_value] = here - there
    return residuals if unit is None or is_log else residuals * unit


def add_scores(table, name, number, residuals):
    """Add the bias and scatter of a parameter in each bin."""
    from astropy.stats import mad_std

    values = np.asarray(getattr(residuals, 'value', residuals))
    scores = np.full((3, len(table)), np.nan)
    counts = np.zeros(len(table), int)
    for i in range(len(table)):
        here = values[(number == i) & np.isfinite(values)]
        counts[i] = len(here)
        if len(here):
            scatter = mad_std(here) if len(here) > 1 else np.nan
            scores[:, i] = np.median(here), _MEDIAN_ERROR * scatter / np.sqrt(len(here)), scatter
    table[f'n_{name}'] = counts
    unit = getattr(residuals, 'unit', None)
    for end, score in zip(('bias', 'bias_error', 'scatter'), scores, strict=True):
        table[f'{name}_{end}'] = score if unit is None else score * unit
