# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Parallaxes in, distances out.
"""

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table

from starcnn.files import read_files
from starcnn.flags import FILLED
from starcnn.plugins import NetworkBackend
from starcnn.tables import parameter_table

from .spec import NAME, REFERENCE, SUMMARY


def encode(stars, spec):
    """
    Put the stars of each cluster into the rows of an array.

    Parameters
    ----------
    stars : `~astropy.table.Table`
        One row per star: ``cluster``, ``parallax`` and ``parallax_error``.

    spec : `~starcnn.networks.Spec`
        What the network eats.

    Returns
    -------
    inputs : dict
        The array ``stars`` with shape (n_cluster, n_star, 2), padded with NaN.
    """
    (part,) = spec.inputs
    names, which = _find_clusters(stars, part)
    columns = [
        _to_array(stars, name, unit) for name, unit in zip(part.columns, part.units, strict=True)
    ]
    values = np.stack(columns, axis=1)
    values[~np.isfinite(values).all(axis=1)] = np.nan  # a star without an error has no weight
    counts = np.bincount(which, minlength=len(names))
    if counts.max(initial=0) > part.n_max:
        msg = f'stars must be at most {part.n_max} per cluster, got {counts.max()}'
        raise ValueError(msg)
    array = np.full((len(names), max(1, counts.max(initial=0)), len(columns)), np.nan, np.float32)
    for k in range(len(names)):
        array[k, : counts[k]] = values[which == k]
    return {part.name: array}


def decode(outputs, spec, stars):
    """
    Build the table of distances.

    Parameters
    ----------
    outputs : dict
        What the network returned.

    spec : `~starcnn.networks.Spec`
        What it means.

    stars : `~astropy.table.Table`
        What was observed.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per cluster.
    """
    (part,) = spec.inputs
    names, which = _find_clusters(stars, part)
    columns = [_to_array(stars, *item) for item in zip(part.columns, part.units, strict=True)]
    is_missing = ~np.isfinite(columns).all(axis=0)
    is_filled = np.bincount(which, weights=is_missing, minlength=len(names)) > 0
    return parameter_table(
        outputs,
        spec,
        sources=QTable({'cluster': names}),
        flags=np.where(is_filled, FILLED, 0),
    )


def _find_clusters(stars, part):
    """Return the names of the clusters, sorted, and which of them each star is of."""
    if not isinstance(stars, Table):
        msg = f'stars must be a table, got {type(stars).__name__}'
        raise TypeError(msg)
    missing = [name for name in ('cluster', *part.columns) if name not in stars.colnames]
    if missing:
        msg = f'stars must have the columns {missing}, got {stars.colnames}'
        raise ValueError(msg)
    return np.unique(np.asarray(stars['cluster']), return_inverse=True)


def _to_array(stars, name, unit):
    """Return a column in a unit; masked values become NaN."""
    column = stars[name]
    if column.unit is None or not column.unit.is_equivalent(unit):
        msg = f'{name} must have a unit like {unit!r}, got {str(column.unit)!r}'
        raise u.UnitsError(msg)
    column = np.ma.filled(column.astype(float), np.nan) if np.ma.isMA(column) else column
    return np.array(u.Quantity(column).to_value(unit), dtype=float)


BACKEND = NetworkBackend(
    name=NAME,
    summary=SUMMARY,
    reference=REFERENCE,
    weights=read_files('starcnn_double', 'estimator'),
    encode=encode,
    decode=decode,
)
