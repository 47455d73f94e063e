# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stars of a cluster: masses, unresolved binaries, distance and extinction, as a catalogue sees them.
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import QTable

from ._units import strip_unit
from .imf import KROUPA2001, get_imf
from .isochrones import Isochrones
from .photometry import Photometry

__all__ = ['StellarPopulation']

# Binaries of equal stars are 0.75 mag brighter than one of them, and differential reddening
# brings some stars forward: masses are drawn this far below the faint limit.
_MARGIN = 1.0

# Columns of the arrays of `Isochrones`: mass now, log L, log T_eff, log g before magnitudes.
_LOG_TEFF = 3
_N_THEORY = 5

# Stars are counted from the limit of hydrogen burning, solMass.
_LEAST = 0.08


@dataclass(frozen=True, kw_only=True)
class StellarPopulation:
    """
    Draw the stars of clusters from isochrones.

    Parameters
    ----------
    isochrones : `~starcnn.sky.Isochrones`
        The isochrones, with magnitudes.

    photometry : `~starcnn.sky.Photometry`
        The extinctions of the same filters.

    law : str, optional
        The extinction law, one of ``photometry.laws``.

    imf : str, optional
        The initial mass function; see `~starcnn.sky.get_imf`.
    """

    isochrones: Isochrones
    photometry: Photometry
    law: str = 'CCM89'
    imf: str = KROUPA2001.name

    def __post_init__(self):
        if self.isochrones.filters != self.photometry.filters:
            msg = (
                f'photometry must have the filters of the isochrones {self.isochrones.filters}, '
                f'got {self.photometry.filters}'
            )
            raise ValueError(msg)

    def apparent_isochrone(self, *, age, m_h, distance, a_v):
        """
        Return an isochrone as it lies in the observed colour-magnitude diagram.

        Parameters
        ----------
        age, distance, a_v : `~astropy.units.Quantity`
            The age, the distance, and the extinction at 0.55 micron.

        m_h : float
            The metallicity [M/H].

        Returns
        -------
        isochrone : `~astropy.table.QTable`
            The columns of `Isochrones.isochrone` with apparent, reddened
            magnitudes.

        Raises
        ------
        ValueError
            If a parameter is outside the tables.
        """
        table = self.isochrones.isochrone(age, m_h)
        extinction = self.photometry.extinction(table['log_teff'], a_v, law=self.law)
        modulus = 5 * np.log10(strip_unit(distance, u.pc, 'distance') / 10) * u.mag
        for name, column in zip(self.isochrones.filters, extinction.T, strict=True):
            table[name] = table[name] + modulus + column
        return table

    def sample(
        self,
        n_stars,
        *,
        age,
        m_h,
        distance,
        a_v,
        binary_fraction=0.0,
        differential_reddening=0.0 * u.mag,
        faint_limit=np.inf * u.mag,
        rng=None,
    ):
        """
        Draw stars that are brighter than a limit.

        Parameters
        ----------
        n_stars : int
            The number of stars, binaries counted once.

        age, distance, a_v : `~astropy.units.Quantity`
            The age, the distance, and the mean extinction at 0.55 micron.

        m_h : float
            The metallicity [M/H].

        binary_fraction : float, optional
            The fraction of stars that are unresolved binaries; mass ratios are
            uniform from 0 to 1 (Raghavan et al. 2010, ApJS 190, 1, Fig. 16).

        differential_reddening : `~astropy.units.Quantity`, optional
            The standard deviation of the extinction from star to star.

        faint_limit : `~astropy.units.Quantity`, optional
            The apparent magnitude in the first filter at which the catalogue ends.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The random numbers.

        Returns
        -------
        stars : `~astropy.table.QTable`
            One row per star: ``m_ini`` of the primary (solMass), ``mass_ratio``
            (0 for single stars), ``a_v``, and apparent magnitudes. It is empty
            if no star of the population is bright enough.

        Raises
        ------
        ValueError
            If a parameter is outside the tables.
        """
        values = self._sample(
            n_stars,
            np.log10(strip_unit(age, u.yr, 'age')),
            m_h,
            strip_unit(distance, u.pc, 'distance'),
            strip_unit(a_v, u.mag, 'a_v'),
            binary_fraction,
            strip_unit(differential_reddening, u.mag, 'differential_reddening'),
            strip_unit(faint_limit, u.mag, 'faint_limit'),
            np.random.default_rng(rng),
        )
        names = ('m_ini', 'mass_ratio', 'a_v', *self.isochrones.filters)
        units = (u.solMass, u.one, u.mag, *(u.mag for _ in self.isochrones.filters))
        return QTable(
            {name: column * unit for name, column, unit in zip(names, values.T, units, strict=True)}
        )

    def visible_fraction(self, *, age, m_h, distance, a_v, faint_limit):
        """
        Return the fraction of the stars born above 0.08 solMass that are bright enough.

        Parameters
        ----------
        age, distance, a_v, faint_limit : `~astropy.units.Quantity`
            As for `sample`.

        m_h : float
            The metallicity [M/H].

        Returns
        -------
        fraction : float
            The fraction, single stars only.

        Raises
        ------
        ValueError
            If a parameter is outside the tables.
        """
        modulus = 5 * np.log10(strip_unit(distance, u.pc, 'distance') / 10)
        track, masses = self._track(np.log10(strip_unit(age, u.yr, 'age')), m_h)
        magnitudes = self._track_magnitudes(track, strip_unit(a_v, u.mag, 'a_v')) + modulus
        visible = np.flatnonzero(magnitudes < strip_unit(faint_limit, u.mag, 'faint_limit'))
        if not len(visible):
            return 0.0
        imf = get_imf(self.imf)
        high = min(masses[-1], imf.edges[-1])
        low = max(masses[visible[0]], imf.edges[0])
        if low >= high:
            return 0.0
        return imf.number_fraction(low, high) / imf.number_fraction(_LEAST, imf.edges[-1])

    def _track(self, log_age, m_h):
        """Return an isochrone as `Isochrones` has it, and its increasing masses."""
        track = self.isochrones._track_arrays(log_age, m_h)
        return track, np.maximum.accumulate(track[:, 0])

    def _track_magnitudes(self, track, a_v):
        """Return the reddened magnitudes of an isochrone in the first filter, at 10 pc."""
        extinctions = self._extinctions(track[:, _LOG_TEFF], np.full(len(track), a_v))
        return track[:, _N_THEORY] + extinctions[:, 0]

    def _sample(self, n, log_age, m_h, distance, a_v, binaries, spread, limit, rng):
        """Return an array (n, 3 + n_filter) with the columns of `sample`, in its units."""
        modulus = 5 * np.log10(distance / 10)
        track, masses = self._track(log_age, m_h)
        bright = self._track_magnitudes(track, a_v) + modulus
        visible = np.flatnonzero(bright < limit + _MARGIN)
        found = [np.empty((0, 3 + len(self.isochrones.filters)))]
        if not (bright < limit).any():
            return found[0]
        low = masses[max(visible[0] - 1, 0)]
        missing = n
        while missing > 0:
            n_drawn = int(1.5 * missing) + 8
            stars = self._draw(n_drawn, track, masses, low, binaries, a_v, spread, rng)
            stars[:, 3:] += modulus
            stars = stars[stars[:, 3] < limit][:missing]
            found.append(stars)
            missing -= len(stars)
        return np.concatenate(found)

    def _draw(self, n, track, masses, low, binaries, a_v, spread, rng):
        """Return ``n`` stars at 10 pc, reddened, whether bright enough or not."""
        imf = get_imf(self.imf)
        m_ini = imf._sample(n, rng, max(low, imf.edges[0]), min(masses[-1], imf.edges[-1]))
        ratio = np.where(rng.random(n) < binaries, rng.random(n), 0.0)
        extinction = np.clip(a_v + spread * rng.normal(size=n), 0, self.photometry._a_v[-1])
        primary = self._magnitudes(m_ini, track, masses, extinction)
        secondary = self._magnitudes(ratio * m_ini, track, masses, extinction)
        flux = 10 ** (-0.4 * primary) + np.where(
            (ratio * m_ini >= masses[0])[:, np.newaxis], 10 ** (-0.4 * secondary), 0.0
        )
        return np.column_stack([m_ini, ratio, extinction, -2.5 * np.log10(flux)])

    def _magnitudes(self, m_ini, track, masses, extinction):
        """Return reddened absolute magnitudes, linear in mass between the track's points."""
        columns = [np.interp(m_ini, masses, column) for column in track[:, _LOG_TEFF:].T]
        return np.column_stack(columns[_N_THEORY - _LOG_TEFF :]) + self._extinctions(
            columns[0], extinction
        )

    def _extinctions(self, log_teff, a_v):
        """Return extinctions as an array in mag."""
        return self.photometry._extinctions(log_teff, a_v, self.law)
