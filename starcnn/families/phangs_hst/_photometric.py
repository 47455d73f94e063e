# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What magnitudes alone say about the classes: real labels of LEGUS, no pixels.
"""

import csv
import lzma
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from starcnn.exceptions import DataFileError

from .spec import CLASSES

__all__ = ['COLUMNS', 'Candidates', 'read_candidates', 'sort_by_photometry']

# The labelled candidates of LEGUS, in the folder with the data.
_FILE = Path('catalogs', 'legus_labelled.csv.xz')

# Five Vega magnitudes, and the concentration index.
COLUMNS = ('m275', 'm336', 'm435_438', 'm555_606', 'm814', 'ci')

# Magnitudes above it stand for filters without a detection or an observation.
_FAINTEST = 50.0

# Two fields of a galaxy overlap, so that it is the galaxies that are kept apart.
_POINTING = re.compile('-[a-z]$')

_N_FOLDS = 5
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """
    Candidates with their labels, or what was said of them.

    Parameters
    ----------
    truth : `~numpy.ndarray` of str with shape (n,)
        The classes that people gave.

    features : `~numpy.ndarray` with shape (n, 6)
        The magnitude in V, the colours of neighbouring filters from the
        ultraviolet to the red, and the concentration index: five magnitudes as
        trees see them best. NaN where there is no magnitude.

    groups : `~numpy.ndarray` of str with shape (n,)
        The galaxies.
    """

    truth: np.ndarray
    features: np.ndarray
    groups: np.ndarray


def read_candidates(data):
    """
    Read the labelled candidates.

    Parameters
    ----------
    data : `~pathlib.Path` or `None`
        The folder with the user's data files.

    Returns
    -------
    candidates : `Candidates`
        All of them.

    Raises
    ------
    DataFileError
        If there is no such file, or it lacks a column.
    """
    path = None if data is None else Path(data) / _FILE
    if path is None or not path.is_file():
        msg = f'data must be a folder with the file {_FILE.as_posix()!r}, got {str(data)!r}'
        raise DataFileError(msg)
    with lzma.open(path, 'rt', encoding='utf-8', newline='') as file:
        reader = csv.DictReader(file)
        missing = sorted({*COLUMNS, 'galaxy', 'class'} - set(reader.fieldnames or ()))
        if missing:
            msg = f'data must have {_FILE.as_posix()!r} with the columns {missing}'
            raise DataFileError(msg)
        rows = list(reader)
    values = np.array([[float(row[name]) for name in COLUMNS] for row in rows])
    values[values > _FAINTEST] = np.nan
    magnitudes, ci = values[:, :-1], values[:, -1]
    colours = -np.diff(magnitudes, axis=1)
    features = np.column_stack([magnitudes[:, COLUMNS.index('m555_606')], colours, ci])
    truth = np.array([row['class'] for row in rows])
    unknown = sorted(set(truth.tolist()) - set(CLASSES))
    if unknown:
        msg = f'data must have classes of {list(CLASSES)} in {_FILE.as_posix()!r}, got {unknown}'
        raise DataFileError(msg)
    groups = np.array([_POINTING.sub('', row['galaxy']) for row in rows])
    return Candidates(truth=truth, features=features, groups=groups)


def sort_by_photometry(candidates, *, balanced, n_folds=_N_FOLDS):
    """
    Classify candidates by magnitudes, each by trees that were grown on other galaxies.

    Gradient boosting with the settings of scikit-learn's
    ``HistGradientBoostingClassifier``, which takes missing magnitudes.

    Parameters
    ----------
    candidates : `Candidates`
        What to classify.

    balanced : bool
        Whether each class weighs the same.

    n_folds : int, optional
        The parts that galaxies are divided into.

    Returns
    -------
    probabilities : `~numpy.ndarray` with shape (n, n_class)
        Of the classes, in the order of the family.

    Raises
    ------
    DataFileError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError:
        msg = 'scikit-learn must be installed for classes from magnitudes; see the extra `validate`'
        raise DataFileError(msg) from None
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=_SEED)
    x, y = candidates.features, candidates.truth
    probabilities = np.zeros((len(y), len(CLASSES)))
    for rows, held_out in folds.split(x, y, candidates.groups):
        trees = HistGradientBoostingClassifier(
            class_weight='balanced' if balanced else None, random_state=_SEED
        )
        trees.fit(x[rows], y[rows])
        columns = [CLASSES.index(label) for label in trees.classes_]
        probabilities[np.ix_(held_out, columns)] = trees.predict_proba(x[held_out])
    return probabilities
