# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Catalogues of clusters as the survey LEGUS distributes them.
"""

import re
import warnings
from pathlib import Path

import numpy as np
from astropy.table import QTable, Table

from starcnn.exceptions import DataFileError, StarcnnWarning
from starcnn.images._legus_columns import (
    N_COMMON,
    N_FILTERS,
    is_integer,
    read_readme,
    standard_names,
    unit_of,
)

__all__ = ['read_legus']

# Magnitudes, and errors, of what was not detected, of what was not observed, and of what has no
# aperture correction (of the catalogues whose corrections follow from the concentration index).
_NO_VALUE = (99.999, 66.666, 44.444)
_CLOSE = 1e-3

# Of several columns of classes, the first that there is: what the survey asks to be used, then
# the mode of three people, then one person's (the order of Brown & Gnedin 2021, MNRAS 508, 5935).
_CLASSES = ('class_hybrid', 'class_mode', 'class_visual')
_LABELS = {1: '1', 2: '2', 3: '3', 4: '4'}
_NOT_LOOKED_AT = (0, 5)

# Columns of the fit to the magnitudes, which are 0 where nothing was fitted.
_FITTED = ('age', 'mass', 'ebv', 'residual_', 'chi2', 'q')

_NEEDED = {'id', 'x', 'y', 'ra', 'dec'}
_PIXELS = ('x', 'y', 'x_mosaic', 'y_mosaic')

_FILE_NAME = re.compile(r'hlsp_legus_hst_[^_]+_(?P<field>[^_]+)_')


def read_legus(path, *, readme=None, filters=None, classes=None, origin=1):
    """
    Read a catalogue of clusters of the survey LEGUS.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The catalogue, such as
        ``hlsp_legus_hst_acs-wfc3_ngc628-c_multiband_v1_padagb-mwext-avgapcor.tab``.

    readme : str or `~pathlib.Path`, optional
        The file that describes the columns. The default is the one of the same
        name with the ending .readme, as it is distributed.

    filters : sequence of str, optional
        Instead of a ``readme``: the five filters in the order of the columns.
        Enough for catalogues of 35 columns, the last of which are the mode and
        the mean of the classes. Of others, what comes after column 33 is named
        ``column_34`` and so on.

    classes : str, optional
        The column to take the classes from. By default it is the first there
        is of ``class_hybrid``, ``class_mode`` and ``class_visual``.

    origin : {1, 0}, optional
        The number of the first pixel in the catalogue. It is 1 for SExtractor
        and IRAF, which LEGUS uses (Adamo et al. 2017, ApJ 841, 131).

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per source: ``id``, ``x`` and ``y`` (pixels that count from 0),
        ``ra`` and ``dec``, ``mag_<filter>`` and ``mag_<filter>_err``, ``ci``,
        ``age`` (yr), ``mass`` (solMass), ``ebv`` and their ``_min`` and ``_max``
        of 68 %, ``residual_<filter>``, ``chi2``, ``q``, ``n_filters``; the
        classes of people and machines as they are (``class_mode``,
        ``class_mean``, ``class_hybrid``, ``class_method``, ``class_ml``,
        ``class_verified``, ``class_revised``, ``class_visual``), as far as the
        catalogue has them; ``class``, '1' to '4', or '' for what was not
        classified; ``field``, from the name of the file. What was not detected
        or not observed is NaN, and so is what could not be fitted. ``meta`` has
        ``filters`` and ``classes``.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no README and ``filters`` is not given.

    DataFileError
        If the catalogue is no table of numbers, or has not the columns of the README.

    ValueError
        If an argument is wrong, or the column ``classes`` is not there.

    Notes
    -----
    Magnitudes are in the Vega system, total, and corrected for extinction by the
    Milky Way. The sky positions are rounded to 0.00001 deg, which is most of a
    pixel: with the mosaics of the same release use ``x`` and ``y``. Get a
    `~astropy.coordinates.SkyCoord` with ``SkyCoord(table['ra'], table['dec'])``.

    References
    ----------
    .. [1] Calzetti et al. 2015, AJ, 149, 51
    .. [2] Adamo et al. 2017, ApJ, 841, 131
    """
    path = Path(path)
    if origin not in (0, 1):
        msg = f'origin must be 0 or 1, got {origin!r}'
        raise ValueError(msg)
    if not path.is_file():
        msg = f'path must be a catalogue, got {str(path)!r}'
        raise FileNotFoundError(msg)
    columns = _read_numbers(path)
    if filters is None:
        names, zero_is_four = _described(path, readme, len(columns))
    else:
        names, zero_is_four = _standard(path, readme, filters, len(columns)), set()
    table = _make_table(dict(zip(names, columns, strict=True)), origin)
    _add_classes(table, classes, zero_is_four)
    if found := _FILE_NAME.match(path.name):
        table['field'] = [found['field']] * len(table)
    table.meta['filters'] = [x[4:] for x in names if re.fullmatch(r'mag_F\d+W', x)]
    return table


def _read_numbers(path):
    """Return the columns of a catalogue."""
    from astropy.io import ascii as text

    try:
        table = Table.read(path, format='ascii.no_header')
        return [np.asarray(column, float) for column in table.itercols()]
    except (ValueError, text.InconsistentTableError) as error:
        msg = f'path must be a table of numbers, but {str(path)!r} is not: {error}'
        raise DataFileError(msg) from error


def _described(path, readme, n_column):
    """Return the names of columns by a README, and those where class 0 is class 4."""
    readme = path.with_suffix('.readme') if readme is None else Path(readme)
    if not readme.is_file():
        msg = (
            f'readme must be the file that describes the columns, got no {str(readme)!r}; '
            'filters may be given instead'
        )
        raise FileNotFoundError(msg)
    found, zero_is_four = read_readme(readme.read_text(encoding='utf-8', errors='replace'))
    names = list(found.values())
    lacking = sorted(_NEEDED - set(names))
    if lacking or list(found) != list(range(1, n_column + 1)) or len(set(names)) != n_column:
        msg = (
            f'readme must describe each of the {n_column} columns of {path.name!r} once, '
            f'got {len(found)} in {str(readme)!r}'
        )
        raise DataFileError(f'{msg} without {lacking}' if lacking else msg)
    return names, zero_is_four


def _standard(path, readme, filters, n_column):
    """Return the names of columns as most catalogues have them."""
    if readme is not None:
        msg = 'readme must not be given together with filters'
        raise ValueError(msg)
    if isinstance(filters, str) or len(filters) != N_FILTERS:
        msg = f'filters must be {N_FILTERS} names, got {filters!r}'
        raise ValueError(msg)
    names = standard_names(filters)
    if n_column < N_COMMON:
        msg = f'path must have at least {N_COMMON} columns, got {n_column} in {str(path)!r}'
        raise DataFileError(msg)
    if n_column == len(names):
        return names
    return names[:N_COMMON] + [f'column_{i}' for i in range(N_COMMON + 1, n_column + 1)]


def _make_table(columns, origin):
    """Return columns with their units, NaN where nothing is known."""
    table = QTable()
    fitted = columns.get('n_filters', np.ones(len(columns['id']))) > 0
    for name, values in columns.items():
        unit = unit_of(name)
        if name.startswith('mag_'):
            unknown = np.isclose(values[:, np.newaxis], _NO_VALUE, rtol=0, atol=_CLOSE)
            values = np.where(unknown.any(axis=1), np.nan, values)
        elif name.startswith(_FITTED) and name != 'quality':
            values = np.where(fitted, values, np.nan)
        elif name in _PIXELS:
            values = values - origin
        if is_integer(name) and (values == np.rint(values)).all():
            values = values.astype(int)
        table[name] = values if unit is None else values * unit
    return table


def _add_classes(table, classes, zero_is_four):
    """Add the column of classes to a table."""
    present = [name for name in table.colnames if name.startswith(('class_', 'column_'))]
    if classes is not None and classes not in present:
        msg = f'classes must be one of {present}, got {classes!r}'
        raise ValueError(msg)
    if classes is None:
        classes = next((name for name in _CLASSES if name in present), None)
    if classes is None:
        return
    codes = np.asarray(table[classes])
    labels = _LABELS | ({0: '4'} if classes in zero_is_four else {})
    table['class'] = [labels.get(code, '') for code in codes]
    table.meta['classes'] = classes
    if unknown := set(codes.tolist()) - set(labels) - set(_NOT_LOOKED_AT):
        message = f'{classes} has {sorted(unknown)}, which are no classes: their rows have none'
        warnings.warn(message, StarcnnWarning, stacklevel=3)
