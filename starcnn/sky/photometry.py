# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Bolometric corrections and extinctions of stars in the filters of one photometric system.
"""

import astropy.units as u
import numpy as np

from starcnn.sky._table import read_table
from starcnn.sky._units import strip_unit

__all__ = ['Photometry']


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
        The names of the extinction laws, all for R_V = 3.1. 'CCM89' is the
        law of Cardelli, Clayton & Mathis 1989 with the optical coefficients of
        O'Donnell 1994, as the PARSEC web interface uses it; 'F99' is
        Fitzpatrick 1999, 'F19' Fitzpatrick et al. 2019, 'G23' Gordon et al.
        2023.
    """

    def __init__(self, table):
        self.filters = tuple(str(name) for name in table['filters'])
        self.laws = tuple(str(name) for name in table['laws'])
        self._axes = tuple(np.array(table[name], float) for name in ('m_h', 'log_teff', 'log_g'))
        self._bc = np.array(table['bolometric_correction'], float)
        self._a_v = np.array(table['a_v'], float)
        self._a_v_teff = np.array(table['extinction_log_teff'], float)
        self._ratio = np.array(table['extinction_ratio'], float)

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

    def extinction(self, log_teff, a_v, *, law='CCM89'):
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

        Returns
        -------
        extinctions : `~astropy.units.Quantity` with shape (n_star, n_filter)
            The extinctions.

        Raises
        ------
        ValueError
            If ``law`` is unknown, or ``a_v`` is negative or above `a_v_max`.
        """
        a_v = strip_unit(a_v, u.mag, 'a_v')
        return self._extinctions(np.atleast_1d(log_teff), a_v, law) * u.mag

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

    def _extinctions(self, log_teff, a_v, law):
        """Return extinctions as an array in mag."""
        if law not in self.laws:
            msg = f'law must be one of {list(self.laws)}, got {law!r}'
            raise ValueError(msg)
        a_v = np.broadcast_to(np.asarray(a_v, float), np.shape(log_teff))
        outside = (a_v < 0) | (a_v > self._a_v[-1])
        if outside.any():
            msg = f'a_v must be between 0 and {self._a_v[-1]:g} mag, got {a_v[outside][0]:g}'
            raise ValueError(msg)
        ratio = self._ratio[self.laws.index(law)]
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
