# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The real clusters of Cantat-Gaudin et al. (2020), where a copy is on this machine.
"""

import hashlib
import os
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table

from starcnn.exceptions import DataFileError

from .members import GAIA_UNITS

__all__ = ['N_FOLDS', 'find_data', 'fold_of', 'read_catalogue']

#: The number of folds of the cross-validation.
N_FOLDS = 5

_LABELS = 'gaia/open_clusters_cg2020_labels.csv'
_MEMBERS = 'gaia/open_clusters_cg2020_members.fits.xz'


def find_data(folder=None):
    """
    Return the folder of real data.

    Parameters
    ----------
    folder : str, `~pathlib.Path` or `None`, optional
        The folder. By default the one that ``STARCNN_DATA_DIR`` names.

    Returns
    -------
    folder : `~pathlib.Path`
        The folder.

    Raises
    ------
    DataFileError
        If it is not given, or does not hold the catalogue.
    """
    folder = os.environ.get('STARCNN_DATA_DIR') if folder is None else folder
    if not folder:
        msg = 'STARCNN_DATA_DIR must name the folder of real data, got nothing'
        raise DataFileError(msg)
    for name in (_LABELS, _MEMBERS):
        if not (Path(folder) / name).is_file():
            msg = f'folder of real data must hold {name}, got {str(folder)!r}'
            raise DataFileError(msg)
    return Path(folder)


def read_catalogue(folder=None):
    """
    Read the clusters with known parameters, and their members.

    Parameters
    ----------
    folder : str, `~pathlib.Path` or `None`, optional
        As for `find_data`.

    Returns
    -------
    members : `~astropy.table.QTable`
        One row per star, with the columns of ``GAIA_UNITS`` and ``cluster``.

    labels : `~astropy.table.QTable`
        One row per cluster, sorted by name: ``cluster``, ``age``, ``a_v`` and
        ``distance``.

    Raises
    ------
    DataFileError
        If there is no such catalogue.
    """
    folder = find_data(folder)
    table = Table.read(folder / _LABELS)
    table.sort('cluster')
    labels = QTable(
        {
            'cluster': np.asarray(table['cluster'], dtype=str),
            'age': 10 ** np.asarray(table['log_age'], float) * u.yr,
            'a_v': np.asarray(table['a_v'], float) * u.mag,
            'distance': 10 ** (np.asarray(table['dm'], float) / 5 + 1) * u.pc,
        }
    )
    stars = Table.read(folder / _MEMBERS)
    members = QTable({'cluster': np.asarray(stars['cluster'], dtype=str)})
    for name, unit in GAIA_UNITS.items():
        if name in stars.colnames:
            column = stars[name].astype(float)
            values = column.filled(np.nan) if hasattr(column, 'filled') else np.asarray(column)
            members[name] = values * unit
    members = members[np.isin(members['cluster'], labels['cluster'])]
    members = members[np.argsort(members['cluster'], kind='stable')]
    return members, labels


def fold_of(clusters):
    """
    Return the fold in which each cluster is held out.

    It is drawn from the name alone, so it does not depend on the other clusters.

    Parameters
    ----------
    clusters : sequence of str
        The names.

    Returns
    -------
    folds : `~numpy.ndarray` of int with shape (n_cluster,)
        Numbers from 0 to 4.
    """
    digests = (hashlib.sha256(str(name).encode()).digest() for name in clusters)
    return np.array([int.from_bytes(digest[:8], 'big') % N_FOLDS for digest in digests])
