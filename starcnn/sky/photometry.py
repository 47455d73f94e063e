# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Bolometric corrections and extinctions of stars in the filters of one photometric system.
"""

import copy

import astropy.units as u
import numpy as np

from starcnn.sky._table import read_table
from starcnn.sky._units import strip_unit

__all__ = ['Photometry']

_R_V = 3.1  # the mean of the diffuse interstellar medium, and the default


class Photometry:
    """
    Tables of bolometric corrections and extinctions of one photometric system.

    Make one with `read`.

    Parameters
    ----------
    table : dict of `~numpy.ndarray`
        The arrays of a file that ``tools/build_photometry.py`` wrote.

    Attributes
    ----------
    filters : tuple of str
        The filters.

    laws : tuple of str
        The names of the extinction laws. 'CCM89' is the law of Cardelli,
        Clayton & Mathis 1989 with the optical coefficients of O'Donnell 1994,
        as the PARSEC web interface uses it; 'F99' is Fitzpatrick 1999, 'F19'
        Fitzpatrick et al. 2019, 'G23' Gordon et al. 2023.

    pivots : `~astropy.units.Quantity` with shape (n_filter,)
        The pivot wavelengths (Tokunaga & Vacca 2005, PASP 117, 421, equation
        A11); NaN in tables without them.

    ab_minus_vega : dict of float
        What turns Vega magnitudes into AB magnitudes, by filter; NaN in tables
        without it.
    """

    def __init__(self, table):
        self.filters = tuple(str(name) for name in table['filters'])
        self.laws = tuple(str(name) for name in table['laws'])
        self._axes = tuple(np.array(table[name], float) for name in ('m_h', 'log_teff', 'log_g'))
        self._bc = np.array(table['bolometric_correction'], float)
        self._a_v = np.array(table['a_v'], float)
        self._a_v_teff = np.array(table['extinction_log_teff'], float)
        # Tables for one R_V only have no axis of it.
        self._r_v = np.atleast_1d(np.array(table.get('r_v', _R_V), float))
        ratio = np.array(table['extinction_ratio'], float)
        self._ratio = ratio if 'r_v' in table else ratio[:, np.newaxis]
        unknown = np.full(len(self.filters), np.nan)
        self.pivots = np.array(table.get('pivot', unknown), float) * u.AA
        offsets = np.array(table.get('ab_minus_vega', unknown), float)
        self.ab_minus_vega = dict(zip(self.filters, offsets.tolist(), strict=True))

    @classmethod
    def read(cls, path):
        """
        Read the table of one photometric system.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The table, as ``tools/build_photometry.py`` writes it.

        Returns
        -------
        photometry : `Photometry`
            The bolometric corrections and extinctions.

        Raises
        ------
        DataFileError
            If the file is not such a table.
        """
        table, _ = read_table(path, 'photometry')
        return cls(table)

    def select(self, filters):
        """
        Return the same tables for some of the filters.

        Parameters
        ----------
        filters : sequence of str
            The filters in order.

        Returns
        -------
        photometry : `Photometry`
            New tables.

        Raises
        ------
        ValueError
            If a filter is not known.
        """
        filters = tuple(filters)
        unknown = sorted(set(filters) - set(self.filters))
        if unknown or not filters:
            msg = f'filters must be among {list(self.filters)}, got {unknown or list(filters)}'
            raise ValueError(msg)
        where = [self.filters.index(name) for name in filters]
        return self._with_filters(
            filters, self._bc[..., where], self._ratio[..., where], self.pivots[where]
        )

    @classmethod
    def combine(cls, tables):
        """
        Return one set of tables for the filters of several.

        Parameters
        ----------
        tables : sequence of `Photometry`
            The tables, such as those of two cameras; they must have the same
            grids.

        Returns
        -------
        photometry : `Photometry`
            New tables, with the filters of all in order.

        Raises
        ------
        ValueError
            If the grids differ, or a filter occurs twice.
        """
        tables = list(tables)
        filters = tuple(name for table in tables for name in table.filters)
        if len(set(filters)) != len(filters) or not filters:
            msg = f'tables must have different filters, got {list(filters)}'
            raise ValueError(msg)
        first = tables[0]
        if not all(first._has_grids_of(table) for table in tables):
            msg = 'tables must have the same grids, got different ones'
            raise ValueError(msg)
        out = first._with_filters(
            filters,
            np.concatenate([table._bc for table in tables], axis=-1),
            np.concatenate([table._ratio for table in tables], axis=-1),
            np.concatenate([table.pivots for table in tables]),
        )
        for table in tables:
            out.ab_minus_vega |= table.ab_minus_vega
        return out

    def _has_grids_of(self, other):
        """Whether two tables have the same grids and laws."""
        pairs = zip(
            (*self._axes, self._a_v, self._a_v_teff, self._r_v),
            (*other._axes, other._a_v, other._a_v_teff, other._r_v),
            strict=True,
        )
        return self.laws == other.laws and all(np.array_equal(a, b) for a, b in pairs)

    def _with_filters(self, filters, corrections, ratios, pivots):
        """Return a copy with other filters."""
        out = copy.copy(self)
        out.filters, out._bc, out._ratio, out.pivots = filters, corrections, ratios, pivots
        out.ab_minus_vega = {
            name: self.ab_minus_vega[name] for name in filters if name in self.ab_minus_vega
        }
        return out

    @property
    def r_v_range(self):
        """
        The least and the largest ratio of total to selective extinction that is tabulated.
        """
        return float(self._r_v.min()), float(self._r_v.max())

    @property
    def a_v_max(self):
        """
        The largest extinction in V that is tabulated.
        """
        return self._a_v[-1] * u.mag

    def bolometric_correction(self, log_teff, log_g, m_h):
        """
        Return bolometric corrections, bolometric minus absolute magnitude.

        They are interpolated linearly in [M/H], log effective temperature and
        log g. Outside the tables the nearest value is used.

        Parameters
        ----------
        log_teff, log_g : `~numpy.ndarray` with shape (n_star,)
            The decimal logarithms of the effective temperature in K and of the
            surface gravity in cm/s2.

        m_h : float or `~numpy.ndarray` with shape (n_star,)
            The metallicity [M/H].

        Returns
        -------
        corrections : `~astropy.units.Quantity` with shape (n_star, n_filter)
            The corrections, for a Sun of bolometric magnitude 4.74.
        """
        return self._corrections(np.atleast_1d(log_teff), np.atleast_1d(log_g), m_h) * u.mag

    def extinction(self, log_teff, a_v, *, law='CCM89', r_v=_R_V):
        """
        Return the extinctions of stars, which depend on their colours.

        Parameters
        ----------
        log_teff : `~numpy.ndarray` with shape (n_star,)
            The decimal logarithms of the effective temperatures in K.

        a_v : `~astropy.units.Quantity`
            The extinction at 0.55 micron: one value, or one per star.

        law : str, optional
            The name of the extinction law, one of `laws`.

        r_v : float, optional
            The ratio of total to selective extinction, in `r_v_range`;
            between the tabulated values interpolated in 1 / R_V.

        Returns
        -------
        extinctions : `~astropy.units.Quantity` with shape (n_star, n_filter)
            The extinctions.

        Raises
        ------
        ValueError
            If ``law`` is unknown, ``r_v`` is out of range, or ``a_v`` is negative
            or above `a_v_max`.
        """
        a_v = strip_unit(a_v, u.mag, 'a_v')
        return self._extinctions(np.atleast_1d(log_teff), a_v, law, r_v) * u.mag

    def _corrections(self, log_teff, log_g, m_h):
        """Return bolometric corrections as an array in mag."""
        i, v = _weights(self._axes[0], m_h)
        j, w = _weights(self._axes[1], log_teff)
        k, t = _weights(self._axes[2], log_g)
        out = 0
        for a, p in ((i, 1 - v), (i + 1, v)):
            for b, q in ((j, 1 - w), (j + 1, w)):
                for c, r in ((k, 1 - t), (k + 1, t)):
                    out = out + self._bc[a, b, c] * np.asarray(p * q * r)[:, np.newaxis]
        return out

    def _ratios(self, law, r_v):
        """Return A / A_V (T_eff, a_v, filter) of a law."""
        low, high = self.r_v_range
        if not low <= r_v <= high:
            msg = f'r_v must be between {low:g} and {high:g}, as the tables have it, got {r_v}'
            raise ValueError(msg)
        ratio = self._ratio[self.laws.index(law)]
        if len(ratio) == 1:
            return ratio[0]
        i, w = _weights(-1 / self._r_v, -1 / r_v)
        return ratio[i] * (1 - w) + ratio[i + 1] * w

    def _extinctions(self, log_teff, a_v, law, r_v=_R_V):
        """Return extinctions as an array in mag."""
        if law not in self.laws:
            msg = f'law must be one of {list(self.laws)}, got {law!r}'
            raise ValueError(msg)
        a_v = np.broadcast_to(np.asarray(a_v, float), np.shape(log_teff))
        outside = (a_v < 0) | (a_v > self._a_v[-1])
        if outside.any():
            msg = f'a_v must be between 0 and {self._a_v[-1]:g} mag, got {a_v[outside][0]:g}'
            raise ValueError(msg)
        ratio = self._ratios(law, r_v)
        i, v = _weights(self._a_v_teff, log_teff)
        j, w = _weights(self._a_v, a_v)
        v, w = v[:, np.newaxis], w[:, np.newaxis]
        low = ratio[i, j] * (1 - v) + ratio[i + 1, j] * v
        high = ratio[i, j + 1] * (1 - v) + ratio[i + 1, j + 1] * v
        return (low * (1 - w) + high * w) * a_v[:, np.newaxis]


def _weights(axis, values):
    """Return the nodes below values, and the weights of those above; clipped at the ends."""
    values = np.asarray(values, float)
    i = np.clip(np.searchsorted(axis, values, side='right') - 1, 0, len(axis) - 2)
    return i, np.clip((values - axis[i]) / (axis[i + 1] - axis[i]), 0, 1)
