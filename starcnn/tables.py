# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tables of results: the order of the columns, percentiles, flags and meta.
"""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import astropy.units as u
import numpy as np
from astropy.table import Column, QTable, Table

from starcnn.flags import EDGE, FAINT, FILLED, NO_DATA
from starcnn.networks import Classes, Posterior

__all__ = [
    'class_table',
    'faint_flags',
    'missing_flags',
    'parameter_table',
    'result_meta',
    'scatter_table',
]

# A median this close to a bound, in parts of the width between the bounds, is
# at the edge: one per cent.
EDGE_WIDTH = 0.01

# With more than this part of the pixels missing in its best filter, a cutout
# has no result.
MOST_MISSING = 0.5

# A cluster with a visibility of one stands out from its background by one
# standard deviation of it (Bialopetravicius & Narbutis 2020, A&A 633, A148,
# equation 2).
FAINT_LIMIT = 1.0

_PERCENTILES = {'': 50, '_16': 16, '_84': 84}
_DESCRIPTIONS = {'': 'median', '_16': '16th percentile', '_84': '84th percentile'}

# FITS keywords have at most eight characters.
_MAX_KEY = 8


def parameter_table(outputs, spec, *, sources=None, flags=None, meta=None):
    """
    Build the table of physical parameters from a network's outputs.

    Parameters
    ----------
    outputs : dict
        The output arrays by name, with one row per source.

    spec : `~starcnn.networks.Spec`
        What the arrays mean.

    sources : `~astropy.table.Table` or `None`, optional
        What to say about each source, one row per source.

    flags : array_like of int or `None`, optional
        Bits of `starcnn.flags` that are known already. A source with the bit
        ``NO_DATA`` gets NaN.

    meta : dict or `None`, optional
        The meta of the table; see `result_meta`.

    Returns
    -------
    table : `~astropy.table.QTable`
        The columns are ``id`` (from ``sources``, or counted from one), the
        columns of ``sources``, for each parameter its median (``age``) and its
        16th and 84th percentiles (``age_16``, ``age_84``) in linear units, and
        ``flags``, to which the bits ``EDGE`` and ``NO_DATA`` are added.
        Percentiles end at the bounds of the parameter. Pure
        numbers, and those in dex, which FITS does not know, are plain columns.

    Raises
    ------
    ValueError
        If ``sources`` or ``flags`` have another length than the outputs, if a
        column of ``sources`` has the name of a result, or if ``meta`` does not
        fit into FITS.
    """
    posterior = Posterior.from_outputs(outputs, spec)
    flags = _flags(flags, len(posterior))
    is_empty = (flags & NO_DATA) > 0
    columns = {}
    for parameter in spec.parameters:
        values = posterior.percentile(parameter.name, list(_PERCENTILES.values()))
        values[is_empty] = np.nan
        median = values[:, 0].value
        flags[np.isnan(median)] |= NO_DATA
        flags[_is_edge(median, parameter)] |= EDGE
        columns |= _parameter_columns(values, parameter, _DESCRIPTIONS)
    return _table(columns, sources, flags, meta)


def scatter_table(table, estimates, spec):
    """
    Put the scatter of repeated estimates into a table of parameters.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The result of `parameter_table`; it is not changed.

    estimates : dict of str to `~astropy.units.Quantity` with shape (n_source, n)
        For each parameter the estimates, for instance with other backgrounds.

    spec : `~starcnn.networks.Spec`
        What the parameters are.

    Returns
    -------
    table : `~astropy.table.QTable`
        The same columns, but ``age``, ``age_16`` and ``age_84`` are the median
        and the percentiles of the estimates, within the bounds of the parameter.
        A source with the bit ``NO_DATA`` keeps NaN.
    """
    table = table.copy()
    is_empty = (np.asarray(table['flags']) & NO_DATA) > 0
    for parameter in spec.parameters:
        values = u.Quantity(estimates[parameter.name]).to(parameter.unit)
        percentiles = np.percentile(values, list(_PERCENTILES.values()), axis=1).T
        percentiles[is_empty] = np.nan
        descriptions = {suffix: f'{text} of estimates' for suffix, text in _DESCRIPTIONS.items()}
        columns = _parameter_columns(percentiles, parameter, descriptions)
        for name, column in columns.items():
            table[name] = column
    return table


def class_table(outputs, spec, *, sources=None, flags=None, meta=None):
    """
    Build the table of classes from a network's outputs.

    Parameters
    ----------
    outputs, sources, flags, meta
        As for `parameter_table`.

    spec : `~starcnn.networks.Spec`
        What the arrays mean; one of its outputs is a
        `~starcnn.networks.Classes`.

    Returns
    -------
    table : `~astropy.table.QTable`
        The columns are ``id``, the columns of ``sources``, ``class`` (the most
        probable label; empty where there is no result), ``prob_<label>`` for
        each label, and ``flags``, to which the bit ``NO_DATA`` is added.

    Raises
    ------
    ValueError
        As for `parameter_table`, or if the spec has not one output with
        classes.
    """
    parts = [part for part in spec.outputs if isinstance(part, Classes)]
    if len(parts) != 1:
        msg = f'spec must have one output with classes, got {len(parts)}'
        raise ValueError(msg)
    labels = parts[0].labels
    probabilities = np.array(outputs[parts[0].name], dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(labels):
        msg = (
            f'outputs[{parts[0].name!r}] must have shape (n, {len(labels)}), '
            f'got {probabilities.shape}'
        )
        raise ValueError(msg)
    flags = _flags(flags, len(probabilities))
    flags[~np.isfinite(probabilities).all(axis=1)] |= NO_DATA
    is_empty = (flags & NO_DATA) > 0
    probabilities[is_empty] = np.nan
    best = np.array(labels)[np.where(is_empty[:, np.newaxis], 0, probabilities).argmax(axis=1)]
    columns = {'class': _column(np.where(is_empty, '', best), 'the most probable class')}
    for k, label in enumerate(labels):
        columns[f'prob_{label}'] = _column(probabilities[:, k], f'probability of class {label}')
    return _table(columns, sources, flags, meta)


def missing_flags(missing):
    """
    Return the quality bits of cutouts that lack pixels.

    Parameters
    ----------
    missing : `~numpy.ndarray` with shape (n_source, n_filter)
        The fraction of the pixels that are missing, see
        `starcnn.images.missing_pixels`.

    Returns
    -------
    flags : `~numpy.ndarray` of int with shape (n_source,)
        ``FILLED`` where some pixels, or some filters, are missing, ``NO_DATA``
        where more than half of the pixels are in every filter.
    """
    flags = np.where((missing > 0).any(axis=1), FILLED, 0)
    return flags | np.where(missing.min(axis=1) > MOST_MISSING, NO_DATA, 0)


def faint_flags(outputs, spec):
    """
    Return the quality bits of clusters that hardly stand out from their background.

    Parameters
    ----------
    outputs : dict
        The output arrays by name, with one row per source.

    spec : `~starcnn.networks.Spec`
        What the arrays mean.

    Returns
    -------
    flags : `~numpy.ndarray` of int with shape (n_source,)
        ``FAINT`` where the median of the parameter ``visibility`` is below one;
        nowhere if it is not an output of its own.
    """
    parts = tuple(part for part in spec.outputs if part.name == 'visibility')
    if not parts:
        return np.zeros(len(next(iter(outputs.values()))), dtype=int)
    posterior = Posterior.from_outputs(outputs, replace(spec, outputs=parts))
    visibility = np.asarray(posterior.percentile('visibility', 50))
    return np.where(visibility < FAINT_LIMIT, FAINT, 0)


def result_meta(*, backend, weights, sha256, bibcode):
    """
    Return the meta of a result, which says where its numbers come from.

    Parameters
    ----------
    backend : str
        The name of the backend.

    weights : str
        The tag of the weights, or the name of the file.

    sha256 : str
        The SHA-256 of the weights.

    bibcode : str
        The ADS bibcode of the paper to cite.

    Returns
    -------
    meta : dict
        The keys are STARCNN (the version of the package), BACKEND, WEIGHTS,
        SHA256 and BIBCODE.
    """
    try:
        package = version('starcnn')
    except PackageNotFoundError:  # run from a folder of sources
        package = 'not installed'
    return {
        'STARCNN': package,
        'BACKEND': backend,
        'WEIGHTS': weights,
        'SHA256': sha256,
        'BIBCODE': bibcode,
    }


def _flags(flags, n_source):
    """Return a new array of flags, zero where none are given."""
    if flags is None:
        return np.zeros(n_source, dtype=np.int64)
    flags = np.array(flags)
    if flags.shape != (n_source,) or flags.dtype.kind not in 'iu':
        msg = f'flags must be {n_source} integers, got {flags.dtype} with shape {flags.shape}'
        raise ValueError(msg)
    return flags.astype(np.int64)


def _is_edge(median, parameter):
    """Whether medians are at the bounds of a parameter, or beyond the last nodes of its grid."""
    low, high = parameter.bounds
    margin = EDGE_WIDTH * (high - low)
    first, last = (low, high) if parameter.grid is None else (parameter.grid[0], parameter.grid[-1])
    x = np.log10(median) if parameter.log else median
    return (x <= max(low + margin, first)) | (x >= min(high - margin, last))


def _parameter_columns(values, parameter, descriptions):
    """Return the columns of a parameter from its percentiles, (n_source, 3)."""
    low, high = 10.0 ** np.array(parameter.bounds) if parameter.log else parameter.bounds
    values = np.clip(values.value, low, high) << values.unit
    return {
        parameter.name + suffix: _column(values[:, k], f'{parameter.name}: {text}')
        for k, (suffix, text) in enumerate(descriptions.items())
    }


def _column(values, description):
    """Return a quantity with a description, or a column if there is no unit for FITS."""
    unit = getattr(values, 'unit', u.dimensionless_unscaled)
    if unit == u.dex:  # not a unit of the FITS standard
        description = f'{description}, in dex'
    if unit in (u.dimensionless_unscaled, u.dex):
        return Column(np.asarray(values), description=description)
    values.info.description = description
    return values


def _table(columns, sources, flags, meta):
    """Put the columns of a result in order."""
    meta = {} if meta is None else dict(meta)
    for key, value in meta.items():
        if len(key) > _MAX_KEY or not isinstance(value, str | int | float):
            msg = (
                f'meta must have keys of at most {_MAX_KEY} letters and plain values, '
                f'got {key!r}: {value!r}'
            )
            raise ValueError(msg)
    if sources is not None and not isinstance(sources, Table):
        msg = f'sources must be a table, got {type(sources).__name__}'
        raise TypeError(msg)
    given = {} if sources is None else {name: sources[name] for name in sources.colnames}
    if given and len(sources) != len(flags):
        msg = f'sources must have {len(flags)} rows, one per source, got {len(sources)}'
        raise ValueError(msg)
    taken = sorted(set(given) & {*columns, 'flags'})
    if taken:
        msg = f'sources must not have columns with the names of results, got {taken}'
        raise ValueError(msg)
    counted = Column(np.arange(1, len(flags) + 1), description='number of the source')
    last = Column(flags, description='sum of quality bits, see starcnn.flags')
    ordered = {'id': given.pop('id', counted)} | given | columns | {'flags': last}
    return QTable(ordered, meta=meta)
