# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stars of a given mass, age and metallicity: temperatures, luminosities and magnitudes.
"""

import copy
import math
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable

from starcnn.sky._mist import read_mist
from starcnn.sky._parsec import read_parsec
from starcnn.sky._table import read_table, unpack
from starcnn.sky._tracks import NODE_PHASES, gravity, resample
from starcnn.sky._units import strip_unit

__all__ = ['Isochrones']

# The Sun's bolometric magnitude (IAU 2015 resolution B2).
_SOLAR_M_BOL = 4.74
_TOLERANCE = 1e-6
_COLUMNS = ('m_ini', 'm_act', 'log_l', 'log_teff', 'log_g')


class Isochrones:
    """
    A grid of isochrones in age and metallicity.

    Make one with `read`, `read_parsec` or `read_mist`. Between the ages and
    metallicities of the grid, isochrones are interpolated linearly in log age
    and [M/H] at equal fractions of each evolutionary phase, so that the
    turn-off and the giants stay sharp.

    Parameters
    ----------
    log_ages : `~numpy.ndarray` with shape (n_age,)
        The decimal logarithms of the ages in years, increasing.

    m_h : `~numpy.ndarray` with shape (n_m_h,)
        The metallicities [M/H], increasing.

    nodes : `~numpy.ndarray` with shape (n_m_h, n_age, n_node, 4 + n_filter)
        At each evolutionary point: log initial mass, mass now (both in
        solMass), log luminosity (in solLum), log effective temperature (in K)
        and absolute magnitudes.

    filters : tuple of str, optional
        The filters of the magnitudes.

    Notes
    -----
    The ``phase`` column of the results is 0 on the (pre-) main sequence, 1 on
    the subgiant branch, 2 on the red giant branch, 3 in core helium burning,
    and 4 and 5 on the early and the thermally pulsing asymptotic giant branch,
    whose pulses are averaged.

    Luminosities keep the solar luminosity of their source, which for PARSEC is
    3.846e33 erg/s, so that magnitudes computed here are too faint by 0.005 mag.

    Examples
    --------
    >>> from pathlib import Path
    >>> import astropy.units as u
    >>> import starcnn.sky
    >>> from starcnn.sky import Isochrones, Photometry
    >>> data = Path(starcnn.sky.__file__).parent / 'data'
    >>> isochrones = Isochrones.read(data / 'parsec_v12s.npz')
    >>> isochrones = isochrones.with_photometry(Photometry.read(data / 'gaia_dr2.npz'))
    >>> isochrones.filters
    ('Gaia_G', 'Gaia_BP', 'Gaia_RP')
    >>> sun = isochrones.magnitudes([1.0] * u.solMass, 4.57 * u.Gyr, 0.0)
    >>> sun.shape
    (1, 3)
    """

    def __init__(self, log_ages, m_h, nodes, *, filters=()):
        self.log_ages = np.array(log_ages, float)
        self.m_h = np.array(m_h, float)
        self.filters = tuple(filters)
        self._nodes = np.array(nodes, float)
        self._photometry = None
        for name in ('log_ages', 'm_h', '_nodes'):
            getattr(self, name).flags.writeable = False
        expected = (len(self.m_h), len(self.log_ages), len(NODE_PHASES), 4 + len(self.filters))
        if self._nodes.shape != expected:
            msg = f'nodes must have shape {expected}, got {self._nodes.shape}'
            raise ValueError(msg)
        for name in ('log_ages', 'm_h'):
            if (np.diff(getattr(self, name)) <= 0).any():
                msg = f'{name} must be increasing, got {getattr(self, name)}'
                raise ValueError(msg)

    @classmethod
    def read(cls, path):
        """
        Read a table of theoretical isochrones that ships with the package.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The table, as ``tools/build_isochrones.py`` writes it.

        Returns
        -------
        isochrones : `Isochrones`
            The isochrones, without magnitudes: see `with_photometry`.

        Raises
        ------
        DataFileError
            If the file is not such a table.
        """
        table, _ = read_table(path, 'isochrones')
        return cls(table['log_ages'], table['m_h'], unpack(table))

    @classmethod
    def read_parsec(cls, paths):
        """
        Read isochrones downloaded from the PARSEC web interface (CMD 2.7 to 3.7).

        Parameters
        ----------
        paths : str, `~pathlib.Path`, or sequence of them
            The files, plain or compressed (``.gz``, ``.bz2``, ``.xz``), of one
            photometric system, with the same ages at every metallicity.

        Returns
        -------
        isochrones : `Isochrones`
            The isochrones with the magnitudes of the files; a filter is named
            as in the file, without the ending 'mag'.

        Raises
        ------
        DataFileError
            If a file is not such a table.

        ValueError
            If the files do not belong together.
        """
        return cls._from_files(paths, read_parsec)

    @classmethod
    def read_mist(cls, paths):
        """
        Read isochrones downloaded from MIST, with magnitudes (``.iso.cmd``).

        Parameters
        ----------
        paths : str, `~pathlib.Path`, or sequence of them
            The files, plain or compressed (``.gz``, ``.bz2``, ``.xz``), of one
            photometric system, with the same ages at every metallicity.

        Returns
        -------
        isochrones : `Isochrones`
            The isochrones with the magnitudes of the files. MIST's [Fe/H]
            stands for [M/H], which is right for its solar-scaled models.

        Raises
        ------
        DataFileError
            If a file is not such a table.

        ValueError
            If the files do not belong together.
        """
        return cls._from_files(paths, read_mist)

    @classmethod
    def _from_files(cls, paths, reader):
        """Read files with one of the readers and sample them at the nodes."""
        paths = [paths] if isinstance(paths, str | Path) else paths
        found = {}
        all_filters = set()
        for path in paths:
            filters, isochrones = reader(path)
            all_filters.add(filters)
            found |= {(round(raw.m_h, 5), raw.log_age): raw for raw in isochrones}
        if len(all_filters) != 1:
            msg = f'paths must hold the same filters, got {sorted(all_filters)}'
            raise ValueError(msg)
        m_h = sorted({key[0] for key in found})
        log_ages = sorted({key[1] for key in found})
        if len(found) != len(m_h) * len(log_ages):
            msg = (
                f'paths must hold the same ages at every metallicity, got {len(found)} isochrones '
                f'of {len(m_h)} metallicities and {len(log_ages)} ages'
            )
            raise ValueError(msg)
        nodes = [[resample(*found[metals, age][2:]) for age in log_ages] for metals in m_h]
        return cls(log_ages, m_h, nodes, filters=all_filters.pop())

    def with_photometry(self, photometry):
        """
        Return the same isochrones with magnitudes from bolometric corrections.

        Parameters
        ----------
        photometry : `Photometry`
            The bolometric corrections; its filters replace any there are.

        Returns
        -------
        isochrones : `Isochrones`
            New isochrones.
        """
        out = copy.copy(self)
        out.filters = photometry.filters
        out._nodes = self._nodes[..., :4]
        out._photometry = photometry
        return out

    def isochrone(self, age, m_h):
        """
        Return one isochrone.

        Parameters
        ----------
        age : `~astropy.units.Quantity`
            The age.

        m_h : float
            The metallicity [M/H].

        Returns
        -------
        isochrone : `~astropy.table.QTable`
            One row per evolutionary point, with columns ``m_ini`` and
            ``m_act`` (solMass), ``log_l`` (of the luminosity in solLum),
            ``log_teff`` (in K), ``log_g`` (in cm/s2), ``phase``, and the
            absolute magnitude in each filter.

        Raises
        ------
        ValueError
            If ``age`` or ``m_h`` is outside the grid.
        """
        track = self._track_arrays(_log_age(age), m_h)
        new = np.append(True, (np.diff(track, axis=0) != 0).any(axis=1))
        return self._to_table(track[new], phase=NODE_PHASES[new])

    def stars(self, m_ini, age, m_h):
        """
        Return the stars of given initial masses.

        Parameters
        ----------
        m_ini : `~astropy.units.Quantity` with shape (n_star,)
            The initial masses.

        age : `~astropy.units.Quantity`
            The age.

        m_h : float
            The metallicity [M/H].

        Returns
        -------
        stars : `~astropy.table.QTable`
            One row per star, with the columns of `isochrone`. Stars that have
            ended their lives, and stars below the lowest mass, are NaN and of
            phase -1.

        Raises
        ------
        ValueError
            If ``age`` or ``m_h`` is outside the grid.
        """
        values, phase = self._star_arrays(_masses(m_ini), _log_age(age), m_h)
        return self._to_table(values, phase=phase)

    def magnitudes(self, m_ini, age, m_h, *, filters=None):
        """
        Return the absolute magnitudes of stars of given initial masses.

        Parameters
        ----------
        m_ini : `~astropy.units.Quantity` with shape (n_star,)
            The initial masses.

        age : `~astropy.units.Quantity`
            The age.

        m_h : float
            The metallicity [M/H].

        filters : sequence of str, optional
            The filters wanted. By default all.

        Returns
        -------
        magnitudes : `~astropy.units.Quantity` with shape (n_star, n_filter)
            The magnitudes, NaN for stars that have ended their lives and for
            stars below the lowest mass.

        Raises
        ------
        ValueError
            If ``age`` or ``m_h`` is outside the grid, or a filter is unknown.
        """
        filters = self.filters if filters is None else tuple(filters)
        unknown = set(filters) - set(self.filters)
        if unknown:
            msg = f'filters must be among {list(self.filters)}, got {sorted(unknown)}'
            raise ValueError(msg)
        values, _ = self._star_arrays(_masses(m_ini), _log_age(age), m_h)
        where = [len(_COLUMNS) + self.filters.index(name) for name in filters]
        return values[:, where] * u.mag

    def _to_table(self, values, *, phase):
        """Return a table of the columns of `_track_arrays`, and the phase."""
        units = dict.fromkeys(_COLUMNS[:2], u.solMass) | dict.fromkeys(self.filters, u.mag)
        columns = zip((*_COLUMNS, *self.filters), values.T, strict=True)
        table = QTable({name: column * units.get(name, 1) for name, column in columns})
        table.add_column(phase, index=len(_COLUMNS), name='phase')
        return table

    def _track_arrays(self, log_age, m_h):
        """Return an array (n_node, 5 + n_filter): the isochrone, ``_COLUMNS``, magnitudes."""
        i, v = _bracket(self.m_h, m_h, 'm_h')
        j, w = _bracket(self.log_ages, log_age, 'log age')
        corners = self._nodes[i : i + 2, j : j + 2]
        weights = np.outer([1 - v, v], [1 - w, w])[: corners.shape[0], : corners.shape[1]]
        nodes = np.tensordot(weights, corners, axes=2)
        log_m, m_act, log_l, log_teff = nodes[:, :4].T
        m_ini = 10**log_m
        m_act = np.minimum(m_act, m_ini)
        log_g = gravity(m_act, log_l, log_teff)
        magnitudes = nodes[:, 4:]
        if self._photometry is not None:
            corrections = self._photometry._corrections(log_teff, log_g, m_h)
            magnitudes = (_SOLAR_M_BOL - 2.5 * log_l)[:, np.newaxis] - corrections
        return np.column_stack([m_ini, m_act, log_l, log_teff, log_g, magnitudes])

    def _star_arrays(self, m_ini, log_age, m_h):
        """Return an array (n_star, 5 + n_filter) as `_track_arrays` has it, and the phases."""
        track = self._track_arrays(log_age, m_h)
        masses = np.maximum.accumulate(track[:, 0])
        k = np.clip(np.searchsorted(masses, m_ini, side='right') - 1, 0, len(masses) - 2)
        width = masses[k + 1] - masses[k]
        w = np.where(width > 0, (m_ini - masses[k]) / np.where(width > 0, width, 1), 0)
        w = w[:, np.newaxis]
        values = track[k] * (1 - w) + track[k + 1] * w
        values[:, 0] = m_ini
        alive = (m_ini >= masses[0]) & (m_ini <= masses[-1])
        values[~alive, 1:] = np.nan
        return values, np.where(alive, NODE_PHASES[k], -1)


def _bracket(grid, value, name):
    """Return the index of the node below a value, and the weight of the one above."""
    if not grid[0] - _TOLERANCE <= value <= grid[-1] + _TOLERANCE:
        msg = f'{name} must be between {grid[0]:.4g} and {grid[-1]:.4g}, got {value:.6g}'
        raise ValueError(msg)
    if len(grid) == 1:
        return 0, 0.0
    i = min(max(int(np.searchsorted(grid, value, side='right')) - 1, 0), len(grid) - 2)
    return i, min(max((value - grid[i]) / (grid[i + 1] - grid[i]), 0.0), 1.0)


def _log_age(age):
    """Return the decimal logarithm of an age in years."""
    years = float(strip_unit(age, u.yr, 'age'))
    if not years > 0:
        msg = f'age must be positive, got {age}'
        raise ValueError(msg)
    return math.log10(years)


def _masses(m_ini):
    """Return initial masses in solMass."""
    return np.atleast_1d(strip_unit(m_ini, u.solMass, 'm_ini')).astype(float)
