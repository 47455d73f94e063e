# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tables of member stars: read them from files, check them, and group them by cluster.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io.registry import IORegistryError
from astropy.table import QTable, Table

from starcnn.exceptions import StarcnnWarning

__all__ = ['GAIA_UNITS', 'Members', 'read_members']

#: The columns of the Gaia archive that are used, with the units of its data model.
GAIA_UNITS = {
    'phot_g_mean_mag': u.mag,
    'phot_bp_mean_mag': u.mag,
    'phot_rp_mean_mag': u.mag,
    'parallax': u.mas,
    'phot_g_mean_flux_over_error': u.one,
    'phot_bp_mean_flux_over_error': u.one,
    'phot_rp_mean_flux_over_error': u.one,
    'parallax_error': u.mas,
    'prob_member': u.one,
    'ra': u.deg,
    'dec': u.deg,
    'pmra': u.mas / u.yr,
    'pmdec': u.mas / u.yr,
}

REQUIRED = tuple(GAIA_UNITS)[:4]

# Columns that help a little, and that tables often have without a unit: they are left out then,
# with a warning.
PLACES = ('ra', 'dec', 'pmra', 'pmdec')

# What each column can be; a value outside is not known. Magnitudes are brighter and fainter than
# those of any star outside the Solar System that Gaia lists, parallaxes and motions are beyond
# those of the nearest stars (Barnard's star: 547 mas, 10.4 arcsec/yr).
_POSSIBLE = {
    'phot_g_mean_mag': (-5.0, 30.0),
    'phot_bp_mean_mag': (-5.0, 30.0),
    'phot_rp_mean_mag': (-5.0, 30.0),
    'parallax': (-1e3, 1e3),
    'phot_g_mean_flux_over_error': (1e-3, 1e9),
    'phot_bp_mean_flux_over_error': (1e-3, 1e9),
    'phot_rp_mean_flux_over_error': (1e-3, 1e9),
    'parallax_error': (1e-6, 1e3),
    'ra': (-360.0, 360.0),
    'dec': (-90.0, 90.0),
    'pmra': (-2e4, 2e4),
    'pmdec': (-2e4, 2e4),
}

# What BP - RP can be, mag: wider than the -2.8 to 7.2 of the members of Cantat-Gaudin et al. (2020,
# A&A 640, A1), most of it errors of faint stars.
_COLOURS = (-5.0, 12.0)

# Columns of other types than float that are not missing values.
_NUMBERS = 'fiu'


def read_members(path):
    """
    Read a table of member stars that was saved from the Gaia archive.

    Columns whose names are the archive's and that have no unit in the file, as
    in every CSV file, are given the unit of the archive's data model. Units in
    the file are kept.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        A file in any format that `astropy.table.Table.read` recognises: FITS,
        VOTable, ECSV, CSV.

    Returns
    -------
    members : `~astropy.table.QTable`
        The table. If it has no ``cluster`` column, all stars belong to one
        cluster, which is named after the file.

    Raises
    ------
    OSError
        If the file cannot be read.

    ValueError
        If it is in none of these formats.
    """
    try:
        table = Table.read(path)
    except IORegistryError:
        msg = f'path must be a table in a format that astropy recognises, got {str(path)!r}'
        raise ValueError(msg) from None
    for name, unit in GAIA_UNITS.items():
        if name in table.colnames and table[name].unit is None and unit != u.one:
            table[name].unit = unit
    if 'cluster' not in table.colnames:
        table['cluster'] = np.full(len(table), Path(path).stem)
    return QTable(table)


@dataclass(frozen=True, kw_only=True)
class Members:
    """
    The usable stars of a table, grouped by cluster.

    A star is usable if it has magnitudes in all three passbands, and a colour
    that a star can have.

    Parameters
    ----------
    clusters : `~numpy.ndarray` with shape (n_cluster,)
        The names, in the order in which they first appear in the table.

    starts : `~numpy.ndarray` with shape (n_cluster + 1,)
        The stars of cluster ``i`` are ``starts[i]`` to ``starts[i + 1]``.

    n_left_out : `~numpy.ndarray` with shape (n_cluster,)
        The number of stars that are not usable.

    columns : dict of `~numpy.ndarray` with shape (n_star,)
        The columns of `GAIA_UNITS` in its units, NaN where unknown. Within a
        cluster the brightest star in G comes first. What a column cannot be,
        such as a negative error or a declination beyond a pole, is unknown.
    """

    clusters: np.ndarray
    starts: np.ndarray
    n_left_out: np.ndarray
    columns: dict

    @classmethod
    def from_table(cls, table, *, ordered=True):
        """
        Check and group a table.

        Parameters
        ----------
        table : `~astropy.table.Table`
            One row per star, with the columns of `GAIA_UNITS`, of which the
            magnitudes and ``parallax`` are required, and ``cluster``.

        ordered : bool, optional
            Whether to sort the stars of each cluster; without it they stay in
            the order of the table.

        Returns
        -------
        members : `Members`
            The usable stars.

        Raises
        ------
        TypeError
            If ``table`` is not a table, or a column does not hold numbers.

        ValueError
            If a column is missing, ``cluster`` has masked entries, or a
            membership probability is not from 0 to 1.

        `~astropy.units.UnitsError`
            If a column has no unit, or one that cannot be converted.

        Warns
        -----
        StarcnnWarning
            If positions or proper motions have no unit: they are not used then.
        """
        if not isinstance(table, Table):
            msg = f'data must be an astropy Table of stars, got {type(table).__name__}'
            raise TypeError(msg)
        missing = [name for name in (*REQUIRED, 'cluster') if name not in table.colnames]
        if missing:
            msg = (
                f'data must have the columns {[*REQUIRED, "cluster"]}; '
                f'missing are {missing}, got {table.colnames}'
            )
            raise ValueError(msg)
        columns = {name: _column(table, name, unit) for name, unit in GAIA_UNITS.items()}
        _check_probabilities(columns['prob_member'])
        clusters, index = _groups(table['cluster'])
        usable = _is_usable(*(columns[name] for name in REQUIRED[:3]))
        n_all = np.bincount(index, minlength=len(clusters))
        index = index[usable]
        columns = {name: values[usable] for name, values in columns.items()}
        order = (
            _order(index, list(columns.values())) if ordered else np.argsort(index, kind='stable')
        )
        n_stars = np.bincount(index, minlength=len(clusters))
        return cls(
            clusters=clusters,
            starts=np.concatenate([[0], np.cumsum(n_stars)]),
            n_left_out=n_all - n_stars,
            columns={name: values[order] for name, values in columns.items()},
        )

    def __len__(self):
        return len(self.clusters)

    @property
    def n_stars(self):
        """
        The number of usable stars of each cluster.
        """
        return np.diff(self.starts)

    def stars(self, i):
        """
        Return G, BP - RP and the parallax of the stars of one cluster.

        Parameters
        ----------
        i : int
            The index of the cluster.

        Returns
        -------
        g, colour, parallax : `~numpy.ndarray` with shape (n_star,)
            In mag, mag and mas.
        """
        rows = slice(self.starts[i], self.starts[i + 1])
        g, bp, rp, parallax = (self.columns[name][rows] for name in REQUIRED)
        return g, bp - rp, parallax


def _column(table, name, unit):
    """Return a column as float64 in a unit, NaN where it is masked or there is none."""
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    column = table[name]
    kind = getattr(column, 'dtype', None)
    if len(column.shape) != 1 or kind is None or kind.kind not in _NUMBERS:
        found = f'{type(column).__name__ if kind is None else kind} of shape {column.shape}'
        msg = f'data[{name!r}] must hold one number per star, got {found}'
        raise TypeError(msg)
    given = getattr(column, 'unit', None)
    if given is None and name in PLACES:
        msg = f'data[{name!r}] has no unit like {unit} and is not used'
        warnings.warn(msg, StarcnnWarning, stacklevel=2)
        return np.full(len(table), np.nan)
    if given is None and unit != u.one:
        msg = f'data[{name!r}] must have a unit like {unit}, got none'
        raise u.UnitsError(msg)
    mask = getattr(column, 'mask', None)
    values = np.asarray(getattr(column, 'unmasked', column), dtype=np.float64).copy()
    if mask is not None:
        values[np.broadcast_to(mask, values.shape)] = np.nan
    given = u.one if given is None else given
    # Logarithms of units, such as dex(mas), are equivalent to them but do not convert by a factor.
    linear = isinstance(given, u.UnitBase) or given == unit
    if not linear or not given.is_equivalent(unit):
        wanted = f'a unit like {unit}' if unit != u.one else 'no unit'
        msg = f'data[{name!r}] must have {wanted}, got {given}'
        raise u.UnitsError(msg)
    with np.errstate(over='ignore'):
        values *= given.to(unit)
    low, high = _POSSIBLE.get(name, (-np.inf, np.inf))
    values[~(np.isfinite(values) & (values >= low) & (values <= high))] = np.nan
    return values


def _is_usable(g, bp, rp):
    """Return whether stars have a magnitude and a possible colour."""
    return np.isfinite(g) & (bp - rp >= _COLOURS[0]) & (bp - rp <= _COLOURS[1])


def _check_probabilities(values):
    """Raise if a membership probability is not from 0 to 1."""
    wrong = values[(values < 0) | (values > 1)]
    if len(wrong):
        msg = f"data['prob_member'] must be from 0 to 1, got {wrong[0]:g}"
        raise ValueError(msg)


def _order(index, columns):
    """Return the order of stars by cluster and columns, whatever the order of the table's rows."""
    order = np.lexsort((columns[0], index))
    # Few stars of a cluster have the same magnitude: only those are sorted by all columns.
    same = (np.diff(index[order]) == 0) & (np.diff(columns[0][order]) == 0)
    tied = np.zeros(len(order), dtype=bool)
    tied[1:] |= same
    tied[:-1] |= same
    rows = order[tied]
    order[tied] = rows[np.lexsort((*(column[rows] for column in reversed(columns)), index[rows]))]
    return order


def _groups(column):
    """Return the names of the clusters as they first appear, and the index of each star's."""
    if np.any(getattr(column, 'mask', False)):
        msg = "data['cluster'] must name a cluster for every star, got masked entries"
        raise ValueError(msg)
    names = np.asarray(column)
    named = names.dtype.kind in 'SUiu' or all(isinstance(name, str) for name in names.ravel())
    if names.ndim != 1 or not named or hasattr(column, 'to_value'):
        msg = (
            "data['cluster'] must hold one name or number per star, "
            f'got {names.dtype} of shape {names.shape}'
        )
        raise TypeError(msg)
    if not len(names):
        return names, np.zeros(0, dtype=int)
    begins = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
    clusters, first, index = np.unique(names[begins], return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    lengths = np.diff(np.append(begins, len(names)))
    return clusters[order], np.repeat(rank[index], lengths)
