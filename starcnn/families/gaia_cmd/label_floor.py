# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The same open clusters in four catalogues: how noisy the labels are.

The catalogues are Cantat-Gaudin et al. (2020, A&A, 640, A1; neural network),
the labels of this family; Dias et al. (2021, MNRAS, 504, 356; isochrone fits);
Hunt & Reffert (2024, A&A, 686, A42; neural network); and Cavallo et al. (2024,
AJ, 167, 12; neural network).
"""

import csv
import itertools
import lzma
import re
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from starcnn.exceptions import DataFileError

__all__ = ['LABELS', 'align', 'is_labelled', 'match', 'own_variances', 'read_parameters']

#: The catalogue whose parameters are the labels.
LABELS = 'cantat2020'

# The columns of name, other names, position, parallax, log age, A_V and distance modulus.
_COLUMNS = {
    LABELS: ('Cluster', '', 'RA_ICRS', 'DE_ICRS', 'plx', 'AgeNN', 'AVNN', 'DMNN'),
    'dias2021': ('Cluster', '', 'RA_ICRS', 'DE_ICRS', 'Plx', 'logage', 'Av', 'Dist'),
    'hunt2024': ('Name', 'AllNames', 'RA_ICRS', 'DE_ICRS', 'Plx', 'logAge50', 'AV50', 'MOD50'),
    'cavallo2024': ('Cluster', '', 'RA_ICRS', 'DE_ICRS', 'plx', 'logAge50', 'AV50', 'dMod50'),
}

# The parameters on the axes they are compared on.
_PARAMETERS = ('log_age', 'a_v', 'distance_modulus')

# Clusters of one name are different if they are further apart than this.
_NAME_RADIUS = 1 * u.deg

# Parallaxes agree if they differ by less than this, mas, or than this part of their value.
_PARALLAX_TOLERANCE = 0.1
_RELATIVE_TOLERANCE = 0.1


def _normalise(name):
    """Return a name without what catalogues write differently: 'VDB_085' is 'vdb 85'."""
    parts = re.findall(r'[a-z]+|[0-9]+', name.lower())
    return ' '.join(part.lstrip('0') or '0' for part in parts)


def _to_number(text):
    """Return a number, NaN for an empty entry."""
    return float(text) if text.strip() else np.nan


def read_parameters(folder, key):
    """
    Read the clusters of one catalogue that have an age.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        The folder of real data, in which the catalogues are ``gaia/*.csv.xz``.

    key : {'cantat2020', 'dias2021', 'hunt2024', 'cavallo2024'}
        The catalogue.

    Returns
    -------
    clusters : `~astropy.table.Table`
        The columns ``names`` (a set of normalised names), ``ra`` and ``dec``
        (deg), ``parallax`` (mas), ``log_age`` (dex, of years), ``a_v`` (mag)
        and ``distance_modulus`` (mag), NaN where unknown.

    Raises
    ------
    DataFileError
        If the file is not there.
    """
    path = Path(folder) / 'gaia' / f'{key}.csv.xz'
    if not path.is_file():
        msg = f'folder of real data must hold gaia/{path.name}, got {str(folder)!r}'
        raise DataFileError(msg)
    name, others, *columns = _COLUMNS[key]
    with lzma.open(path, 'rt', encoding='utf-8') as stream:
        rows = list(csv.DictReader(stream))
    names = [
        {_normalise(item) for item in (row[name], *row.get(others, '').split(',')) if item}
        for row in rows
    ]
    table = Table({'names': np.array(names, dtype=object)})
    for new, column in zip(('ra', 'dec', 'parallax', *_PARAMETERS), columns, strict=True):
        table[new] = [_to_number(row[column]) for row in rows]
    table['ra'] %= 360
    if columns[-1] == 'Dist':  # in pc
        table['distance_modulus'] = 5 * np.log10(table['distance_modulus']) - 5
    return table[np.isfinite(table['log_age'])]


def match(base, other, radius):
    """
    Find the clusters of one catalogue in another.

    Clusters are the same if one of their names agrees and they lie within a
    degree of each other; or else if each is the nearest of the other, within
    ``radius``, and their parallaxes agree.

    Parameters
    ----------
    base, other : `~astropy.table.Table`
        What `read_parameters` returned.

    radius : `~astropy.units.Quantity`
        The largest separation of clusters of different names.

    Returns
    -------
    rows : `~numpy.ndarray` of int with shape (n_base,)
        The row in ``other`` of each cluster of ``base``, or -1.

    named : `~numpy.ndarray` of bool with shape (n_base,)
        Whether it was found by its name.
    """
    here = SkyCoord(base['ra'], base['dec'], unit=u.deg)
    there = SkyCoord(other['ra'], other['dec'], unit=u.deg)
    rows = np.full(len(base), -1)
    by_name = {}
    for index, names in enumerate(other['names']):
        for name in names:
            by_name.setdefault(name, []).append(index)
    for index, names in enumerate(base['names']):
        found = sorted({row for name in names for row in by_name.get(name, ())})
        if found:
            separation = here[index].separation(there[found])
            if separation.min() < _NAME_RADIUS:
                rows[index] = found[np.argmin(separation)]
    named = rows >= 0
    nearest, separation, _ = here.match_to_catalog_sky(there)
    back, _, _ = there.match_to_catalog_sky(here)
    difference = np.abs(base['parallax'] - other['parallax'][nearest])
    tolerance = np.maximum(_PARALLAX_TOLERANCE, _RELATIVE_TOLERANCE * np.abs(base['parallax']))
    near = (separation < radius) & (difference < tolerance)
    near &= (back[nearest] == np.arange(len(base))) & ~named & ~np.isin(nearest, rows[named])
    rows[near] = nearest[near]
    return rows, named


def align(folder, *, radius=5 * u.arcmin):
    """
    Return the parameters of the same clusters in the four catalogues.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        The folder of real data.

    radius : `~astropy.units.Quantity`, optional
        As for `match`.

    Returns
    -------
    aligned : dict of `~astropy.table.Table`
        By the name of the catalogue, `LABELS` first: one row per cluster of
        the labels' catalogue, NaN where another does not have it. All have the
        column ``named``: whether the cluster was found by its name.

    Raises
    ------
    DataFileError
        If a catalogue is not there.
    """
    base = read_parameters(folder, LABELS)
    base['named'] = True
    aligned = {LABELS: base}
    for key in _COLUMNS:
        if key != LABELS:
            other = read_parameters(folder, key)
            rows, named = match(base, other, radius)
            columns = {name: np.where(rows >= 0, other[name][rows], np.nan) for name in _PARAMETERS}
            aligned[key] = Table(columns | {'named': named})
    return aligned


def is_labelled(base, clusters):
    """
    Return which rows of the labels' catalogue are clusters of that name.

    Parameters
    ----------
    base : `~astropy.table.Table`
        What `read_parameters` returned.

    clusters : sequence of str
        The names.

    Returns
    -------
    labelled : `~numpy.ndarray` of bool
        One value per row of ``base``.
    """
    names = {_normalise(str(name)) for name in clusters}
    return np.array([bool(names & own) for own in base['names']])


def own_variances(values, width):
    """
    Return how much of the scatter between catalogues is each one's own.

    If the errors of the catalogues are independent, the variance of a
    difference is the sum of two catalogues' own variances, and non-negative
    least squares over all pairs give those: the three-cornered hat of Gray &
    Allan (1974, Proc. 28th Symp. Frequency Control, 243), generalised. Errors
    that catalogues share do not show in differences, so that an own variance
    is rather too low than too high.

    Parameters
    ----------
    values : `~numpy.ndarray` with shape (n_cluster, n_catalogue)
        One parameter of the same clusters in at least three catalogues.

    width : callable
        ``width(x, y)`` is the standard deviation of the difference of two
        catalogues, such as `starcnn.validation.scatter`.

    Returns
    -------
    variances : `~numpy.ndarray` with shape (n_catalogue,)
        The variances, in the squared unit of ``values``.
    """
    from scipy.optimize import nnls

    n = values.shape[1]
    pairs = list(itertools.combinations(range(n), 2))
    sums = np.array([[float(k in pair) for k in range(n)] for pair in pairs])
    return nnls(sums, [width(values[:, i], values[:, j]) ** 2 for i, j in pairs])[0]
