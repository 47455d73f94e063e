# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Catalogues of clusters as the survey PHANGS-HST distributes them.
"""

import re
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table

from starcnn.exceptions import DataFileError

__all__ = ['read_phangs']

# What is not known or not covered is -9999 (magnitudes, fluxes) or -999 (fits).
_LEAST = -990.0

# The columns of the public catalogues of Maschmann et al. 2024, ApJS 273, 14, and of their
# forerunners within the survey; the first that there is. Units where a file has none.
_COLUMNS = {
    'id': (('ID_PHANGS_CLUSTER', 'ID_PHANGS_CANDIDATE', 'ID_PHANGS_CLUSTERS_v1p2', 'INDEX'), None),
    'x': (('PHANGS_X',), u.pix),
    'y': (('PHANGS_Y',), u.pix),
    'ra': (('PHANGS_RA',), u.deg),
    'dec': (('PHANGS_DEC',), u.deg),
    'class_human': (('PHANGS_CLUSTER_CLASS_HUMAN',), None),
    'class_ml': (('PHANGS_CLUSTER_CLASS_ML_VGG',), None),
    'class_ml_quality': (('PHANGS_CLUSTER_CLASS_ML_VGG_QUAL',), None),
    'ci': (('PHANGS_CI',), u.mag),
    'n_not_detected': (('PHANGS_NON_DETECTION_FLAG',), None),
    'n_not_covered': (('PHANGS_NO_COVERAGE_FLAG',), None),
    'age': (('PHANGS_AGE_MINCHISQ',), u.Myr),
    'age_err': (('PHANGS_AGE_MINCHISQ_ERR',), u.Myr),
    'mass': (('PHANGS_MASS_MINCHISQ',), u.solMass),
    'mass_err': (('PHANGS_MASS_MINCHISQ_ERR',), u.solMass),
    'ebv': (('PHANGS_EBV_MINCHISQ',), u.mag),
    'ebv_err': (('PHANGS_EBV_MINCHISQ_ERR',), u.mag),
    'chi2': (('PHANGS_REDUCEDCHISQ_MINCHISQ', 'PHANGS_REDUCED_MINCHISQ'), None),
}
_MAGNITUDE = re.compile(r'PHANGS_(F\d+W)_VEGA(?:_TOT)?(_ERR)?', re.IGNORECASE)
_NEEDED = ('id', 'ra', 'dec')
_INTEGERS = ('class_human', 'class_ml', 'n_not_detected', 'n_not_covered')
_UNITS = {'age': u.yr, 'age_err': u.yr}  # where they are not those of the file

_CLASSES = ('class_human', 'class_ml')
_LAST = 4  # this class and what has higher numbers, kinds of artefacts, is no cluster


def read_phangs(path, *, columns=None, classes='class_human'):
    """
    Read a catalogue of clusters of the survey PHANGS-HST.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The catalogue, a FITS table.

    columns : dict of str, optional
        For catalogues with other names: the columns of the file by the names
        below, such as ``{'age': 'PHANGS_DR5_THILKER25_AGE'}``. Their units are
        those of the file, or as below.

    classes : {'class_human', 'class_ml'}, optional
        Who has classified: a person or a network.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per source: ``id``, ``x`` and ``y`` (pixels that count from 0),
        ``ra`` and ``dec``, ``class_human``, ``class_ml`` (whole numbers; 4 and
        more are kinds of artefacts) and ``class_ml_quality``, ``ci``,
        ``n_not_detected``, ``n_not_covered``, ``age`` (yr), ``mass``
        (solMass), ``ebv``, their ``_err``, ``chi2``, as far as the catalogue has
        them; ``mag_<filter>`` and ``mag_<filter>_err``; ``class``, '1' to '4', or
        '' for what was not classified. What is not known or not covered is NaN,
        or 0 in whole numbers of classes. ``meta`` has ``filters`` and ``classes``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    DataFileError
        If it is no FITS table.

    ValueError
        If an argument is wrong, or the catalogue lacks columns that are needed.

    Notes
    -----
    Magnitudes are in the Vega system, total, and corrected for extinction by the
    Milky Way. All positions are precise.

    References
    ----------
    .. [1] Maschmann et al. 2024, ApJS, 273, 14
    .. [2] Thilker et al. 2022, MNRAS, 509, 4094
    """
    path = Path(path)
    if classes not in _CLASSES:
        msg = f'classes must be one of {list(_CLASSES)}, got {classes!r}'
        raise ValueError(msg)
    if not path.is_file():
        msg = f'path must be a catalogue, got {str(path)!r}'
        raise FileNotFoundError(msg)
    try:
        read = Table.read(path, format='fits')
    except (OSError, ValueError, TypeError) as error:
        msg = f'path must be a FITS table, but {str(path)!r} cannot be read: {error}'
        raise DataFileError(msg) from error
    names = _find(read.colnames, columns or {})
    table = QTable()
    for name, column in names.items():
        table[name] = _convert(read[column], name)
    if classes in table.colnames:
        codes = table[classes]
        table['class'] = [str(min(code, _LAST)) if code > 0 else '' for code in codes]
        table.meta['classes'] = classes
    table.meta['filters'] = [x[4:] for x in names if re.fullmatch(r'mag_F\d+W', x)]
    return table


def _find(present, columns):
    """Return the columns of a file by the names that they get."""
    if unknown := sorted(set(columns) - set(_COLUMNS) - {x for x in columns if _is_magnitude(x)}):
        msg = f'columns must have keys of {list(_COLUMNS)} or mag_<filter>, got {unknown}'
        raise ValueError(msg)
    if lacking := [name for name in columns.values() if name not in present]:
        msg = f'columns must be columns of the file, got {lacking}; it has {present}'
        raise ValueError(msg)
    found = {}
    for name, (candidates, _) in _COLUMNS.items():
        column = columns.get(name) or next((x for x in candidates if x in present), None)
        if column is not None:
            found[name] = column
    for column in present:
        if match := _MAGNITUDE.fullmatch(column):
            found[f'mag_{match[1].upper()}{"_err" if match[2] else ""}'] = column
    found |= {name: column for name, column in columns.items() if _is_magnitude(name)}
    if lacking := [name for name in _NEEDED if name not in found]:
        wanted = {name: _COLUMNS[name][0][0] for name in lacking}
        msg = f'columns must name what stands for {wanted} in the file, which has {present}'
        raise ValueError(msg)
    return found


def _is_magnitude(name):
    """Whether this is the name of a column of magnitudes or their errors."""
    return re.fullmatch(r'mag_F\d+W(_err)?', name) is not None


def _convert(column, name):
    """Return a column with its unit, NaN where nothing is known."""
    if name == 'id':
        return column.filled('') if column.dtype.kind in 'SU' and column.masked else column.value
    values = np.ma.filled(np.ma.asarray(column.data).astype(float), np.nan)
    values = np.where(values > _LEAST, values, np.nan)
    if name in _INTEGERS:
        return np.where(np.isnan(values), 0, values).astype(int)
    usual = u.mag if _is_magnitude(name) else _COLUMNS[name][1]
    if usual is None:
        return values
    unit = column.unit or usual
    if not unit.is_equivalent(usual):
        msg = f'columns must have a unit that converts to {usual} for {name}, got {unit}'
        raise u.UnitsError(msg)
    return (values * unit).to(_UNITS.get(name, usual))
