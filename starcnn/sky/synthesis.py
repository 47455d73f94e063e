# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Light of whole clusters: all stars of a given mass, one by one or on average.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.table import QTable

from ._units import strip_unit
from .imf import KROUPA2001, get_imf
from .isochrones import Isochrones, _log_age
from .photometry import Photometry
from .remnants import remnant_mass

__all__ = ['ClusterSynthesis']

# Columns of the arrays of `Isochrones` before magnitudes: masses, log L, log T_eff, log g.
_LOG_TEFF = 3
_N_THEORY = 5

# The stars that are drawn at once are so many standard deviations of their mass fewer than the
# cluster has; the others follow one by one, until the mass is reached.
_MARGIN = 4.0

_N_TRACKS = 256  # isochrones that are kept: every age of a bank
_METHODS = ('nearest', 'poisson')


class _Drawn(NamedTuple):
    """The light of the stars of a cluster; fluxes are 10**(-0.4 M) summed or one by one."""

    bright: np.ndarray  # (n_bright, n_filter): of the brightest stars
    faint: np.ndarray  # (n_filter,): of all others together
    n_faint: int
    mass: float  # of all stars at birth, solMass


class _Track(NamedTuple):
    """An isochrone, and how many stars of the initial mass function lie between its points."""

    masses: np.ndarray  # (n_node,)
    log_teff: np.ndarray  # (n_node,)
    magnitudes: np.ndarray  # (n_node, n_filter), absolute
    probability: np.ndarray  # (n_node + 1,): below, between the points, above
    mean_mass: np.ndarray  # (n_node + 1,): of the stars there, solMass


@dataclass(frozen=True, kw_only=True)
class ClusterSynthesis:
    """
    Draw all stars of clusters of given mass, or their mean light.

    Stars that have ended their lives are remnants and give no light; stars
    below the lowest mass of the isochrones give none either.

    Parameters
    ----------
    isochrones : `~starcnn.sky.Isochrones`
        The isochrones, with magnitudes in the filters wanted.

    photometry : `~starcnn.sky.Photometry`
        The extinctions of the same filters.

    law : str, optional
        The extinction law, one of ``photometry.laws``.

    imf : str, optional
        The initial mass function; see `~starcnn.sky.get_imf`.

    method : {'nearest', 'poisson'}, optional
        How the stars add up to the mass; see `IMF.sample_cluster`.
    """

    isochrones: Isochrones
    photometry: Photometry
    law: str = 'CCM89'
    imf: str = KROUPA2001.name
    method: str = 'nearest'

    def __post_init__(self):
        if self.isochrones.filters != self.photometry.filters:
            msg = (
                f'photometry must have the filters of the isochrones {self.isochrones.filters}, '
                f'got {self.photometry.filters}'
            )
            raise ValueError(msg)
        if self.method not in _METHODS:
            msg = f'method must be one of {list(_METHODS)}, got {self.method!r}'
            raise ValueError(msg)
        get_imf(self.imf)
        # One cache for each object: the tracks of the ages of a bank are used again and again.
        object.__setattr__(self, '_track', lru_cache(_N_TRACKS)(self._make_track))

    def __getstate__(self):
        """Leave out the cache, which worker processes make anew."""
        return {key: value for key, value in vars(self).items() if key != '_track'}

    def __setstate__(self, state):
        """Take the fields, and make the cache anew."""
        for key, value in state.items():
            object.__setattr__(self, key, value)
        object.__setattr__(self, '_track', lru_cache(_N_TRACKS)(self._make_track))

    def sample(self, mass, *, age, m_h, a_v=0 * u.mag, r_v=3.1, rng=None):
        """
        Draw every star of a cluster.

        Parameters
        ----------
        mass, age, a_v : `~astropy.units.Quantity`
            The mass at birth, the age, and the extinction at 0.55 micron.

        m_h : float
            The metallicity [M/H].

        r_v : float, optional
            The ratio of total to selective extinction.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The random numbers.

        Returns
        -------
        stars : `~astropy.table.QTable`
            One row per star: ``m_ini``, ``m_act`` (of remnants their mass, see
            `remnant_mass`), ``phase`` (-1 for remnants and for stars below the
            isochrones), and the absolute, reddened magnitude in each filter,
            infinite where there is no light.

        Raises
        ------
        ValueError
            If a parameter is outside the tables.
        """
        m_ini = get_imf(self.imf).sample_cluster(mass, rng=rng, method=self.method)
        stars = self.isochrones.stars(m_ini, age, m_h)
        dark = stars['phase'] < 0
        light = ~dark
        extinction = np.zeros((len(stars), len(self.photometry.filters)))
        extinction[light] = self.photometry.extinction(
            stars['log_teff'][light], a_v, law=self.law, r_v=r_v
        ).to_value(u.mag)
        dead = dark & (m_ini > self._track(_log_age(age), m_h).masses[0] * u.solMass)
        table = QTable({'m_ini': m_ini, 'm_act': stars['m_act'], 'phase': stars['phase']})
        table['m_act'][dark] = m_ini[dark]
        table['m_act'][dead] = remnant_mass(m_ini[dead])
        for name, column in zip(self.photometry.filters, extinction.T, strict=True):
            table[name] = stars[name] + column * u.mag
            table[name][dark] = np.inf * u.mag
        return table

    def mean_magnitudes(self, mass, *, age, m_h, a_v=0 * u.mag, r_v=3.1):
        """
        Return the integrated magnitudes of a cluster with very many stars, scaled to a mass.

        Parameters
        ----------
        mass, age, m_h, a_v, r_v
            As for `sample`.

        Returns
        -------
        magnitudes : `~astropy.units.Quantity` with shape (n_filter,)
            The absolute magnitudes of a simple stellar population.

        Raises
        ------
        ValueError
            If a parameter is outside the tables.
        """
        track = self._track(_log_age(age), m_h)
        fluxes = self._node_fluxes(track, strip_unit(a_v, u.mag, 'a_v'), r_v)
        middle = (fluxes[:-1] + fluxes[1:]) / 2
        n_stars = strip_unit(mass, u.solMass, 'mass') / (track.probability @ track.mean_mass)
        return -2.5 * np.log10(n_stars * track.probability[1:-1] @ middle) * u.mag

    def _make_track(self, log_age, m_h):
        """Return the isochrone of an age, and its numbers of stars."""
        values = self.isochrones._track_arrays(log_age, m_h)
        imf = get_imf(self.imf)
        low, high = imf.edges[0], imf.edges[-1]
        masses = np.clip(np.maximum.accumulate(values[:, 0]), low, high)
        edges = np.concatenate([[low], masses, [high]])
        numbers, mean_mass = imf._count(edges)
        return _Track(
            masses,
            values[:, _LOG_TEFF],
            values[:, _N_THEORY:],
            numbers / numbers.sum(),
            mean_mass,
        )

    def _node_fluxes(self, track, a_v, r_v):
        """Return the reddened fluxes at the points of a track, (n_node, n_filter)."""
        extinction = self.photometry._extinctions(track.log_teff, a_v, self.law, r_v)
        return 10 ** (-0.4 * (track.magnitudes + extinction))

    def _draw(self, mass, log_age, m_h, a_v, r_v, rng, *, n_bright):
        """
        Return the light of a cluster, of which at least ``n_bright`` stars stand alone.

        Stars are counted between neighbouring points of the isochrone, and only
        those of the brightest intervals are told apart.
        """
        track = self._track(log_age, m_h)
        fluxes = self._node_fluxes(track, a_v, r_v)
        counts, total = self._counts(track, mass, rng)
        counts = counts[1:-1]
        # By the brightest filter, so that none has a bright star among the faint.
        share = ((fluxes[:-1] + fluxes[1:]) / (counts @ (fluxes[:-1] + fluxes[1:]) + 1e-300)).max(1)
        order = np.argsort(-share, kind='stable')
        n_kept = int(np.searchsorted(np.cumsum(counts[order]), n_bright)) + 1
        kept, rest = order[:n_kept], order[n_kept:]
        where = np.repeat(kept, counts[kept])
        w = rng.random(len(where))[:, np.newaxis]
        bright = fluxes[where] * (1 - w) + fluxes[where + 1] * w
        faint = counts[rest] @ (fluxes[rest] + fluxes[rest + 1]) / 2
        return _Drawn(bright, faint, int(counts[rest].sum()), total)

    def _counts(self, track, goal, rng):
        """Return the numbers of stars between the points of a track, and their mass."""
        mean = track.probability @ track.mean_mass
        n_parts = len(track.probability)
        if self.method == 'poisson':
            counts = rng.multinomial(rng.poisson(goal / mean), track.probability)
            return counts, float(counts @ track.mean_mass)
        variance = track.probability @ track.mean_mass**2 - mean**2
        n_first = int(max(goal - _MARGIN * np.sqrt(goal / mean * variance), 0) / mean)
        counts = rng.multinomial(n_first, track.probability)
        total = float(counts @ track.mean_mass)
        if total > goal:  # the order of the stars is free: put them in one, and stop earlier
            parts = rng.permutation(np.repeat(np.arange(n_parts), counts))
            counts, total = np.zeros(n_parts, np.int64), 0.0
        else:
            parts = rng.choice(n_parts, int(2 * (goal - total) / mean) + 64, p=track.probability)
        while True:
            sums = total + np.cumsum(track.mean_mass[parts])
            if sums[-1] >= goal:
                break
            more = rng.choice(n_parts, len(parts) + 64, p=track.probability)
            parts = np.append(parts, more)
        last = int(np.searchsorted(sums, goal))
        below = sums[last - 1] if last else total
        n_kept = last + int(sums[last] - goal < goal - below)
        counts = counts + np.bincount(parts[:n_kept], minlength=n_parts)
        return counts, float(sums[n_kept - 1]) if n_kept else total
