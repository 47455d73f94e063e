# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What trained networks said of stamps that they were tested on: tables of counts.

Networks that are too large, or too many, to be released are known by these
tables alone, which ``tools/train_phangs.py`` makes.
"""

import math
from functools import cache

import numpy as np
from astropy.table import QTable

from starcnn.exceptions import DataFileError
from starcnn.files import read_files
from starcnn.plugins._manager import open_file

__all__ = ['COMMAND', 'M31', 'NOTHING', 'N_ENTROPY', 'STAMPS', 'read_scores', 'select', 'summarise']

# The tables: networks trained on stamps of near galaxies, and on the real cutouts of M31.
STAMPS, M31 = 'stamp_scores', 'm31_scores'

COMMAND = 'tools/train_phangs.py'

# In the column ``without`` where no filter is missing.
NOTHING = 'nothing'

# Bins of the entropy, from 0 to its largest value.
N_ENTROPY = 28

# What tells trainings from each other; the others tell tests of the same.
_TOLD = ('network', 'start', 'crop')

_PACKAGE = 'starcnn.families.phangs_hst'


def summarise(truth, probabilities):
    """
    Return what is kept of the predictions of one network.

    Parameters
    ----------
    truth : `~numpy.ndarray` of int with shape (n,)
        The numbers of the true classes.

    probabilities : `~numpy.ndarray` with shape (n, n_class)
        The probabilities.

    Returns
    -------
    row : dict
        ``counts`` (n_class, n_class), rows are true classes; ``entropy``, the
        numbers of sources in bins of it.
    """
    p, truth = np.asarray(probabilities, dtype=float), np.asarray(truth)
    n_class = p.shape[1]
    counts = np.zeros((n_class, n_class), dtype=int)
    np.add.at(counts, (truth, p.argmax(axis=1)), 1)
    values = -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=1)
    most = math.log(n_class)
    entropy, _ = np.histogram(np.clip(values, 0, most), bins=N_ENTROPY, range=(0, most))
    return {'counts': counts, 'entropy': entropy}


@cache
def read_scores(name):
    """
    Read a table of scores.

    Parameters
    ----------
    name : str
        `STAMPS` or `M31`.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row for each network and test: ``network``, ``start`` (what it began
        with), ``crop`` (pixels), ``training`` (number of the training, or of the
        fold), ``tested``, ``without`` (a filter that was missing, or `NOTHING`), what
        `summarise` returns, ``roc_area`` and ``calibration_error``. Tests of M31 have
        ``roc`` as well: the fractions of clusters that are found, where fractions of
        galaxies from 0 to 1 in steps of 0.01 are called so.

    Raises
    ------
    DataFileError
        If the package has no such table.
    """
    found = [file for file in read_files(_PACKAGE, 'data') if file.tag.startswith(f'{name}-')]
    if not found:
        msg = f'the package must have the table {name!r}, which `{COMMAND}` makes, got none'
        raise DataFileError(msg)
    return QTable.read(open_file(found[0]), format='ascii.ecsv')


def select(table, **values):
    """
    Return the rows of a table with some values.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        As from `read_scores`.

    **values
        The value of each column.

    Returns
    -------
    rows : `~astropy.table.QTable`
        One for each training.

    Raises
    ------
    DataFileError
        If there are none.
    """
    chosen = np.ones(len(table), dtype=bool)
    for name, value in values.items():
        chosen &= np.asarray(table[name]) == value
    if not chosen.any():
        text = ', '.join(f'{name} {values[name]!r}' for name in _TOLD if name in values)
        msg = f'the table of scores must have networks with {text}, which `{COMMAND}` trains'
        raise DataFileError(msg)
    return table[chosen]
