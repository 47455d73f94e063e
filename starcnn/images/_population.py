# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The stars of a galaxy's disc as a table of pieces of isochrones, to be drawn many at a time.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

# Ages of the disc, log years: the first piece holds all that is younger.
LOG_AGES = np.arange(6.6, 10.11, 0.1)

# Masses at which the initial mass function is evaluated.
N_MASS = 400


class Stars(NamedTuple):
    """
    Stars that were drawn.
    """

    magnitudes: np.ndarray  # (n_star, n_filter), absolute, mag
    log_teff: np.ndarray  # (n_star,), of K
    age: np.ndarray  # (n_star,), index of LOG_AGES


class Population:
    """
    Pieces of isochrones between neighbouring nodes, for all ages of a disc.

    The magnitudes run linearly along a piece; ``number`` is how many stars
    there are on it, per solar mass per year of the disc's star formation, up
    to a factor that is the same for all.
    """

    def __init__(self, isochrones, imf, m_h, log_ages=LOG_AGES):
        pieces = [_pieces(isochrones._track_arrays(t, m_h), imf, i) for i, t in enumerate(log_ages)]
        start, stop, teff, number, age = (
            np.concatenate(column) for column in zip(*pieces, strict=True)
        )
        middle = (log_ages[1:] + log_ages[:-1]) / 2
        last = 2 * log_ages[-1] - middle[-1]
        years = np.diff(10 ** np.concatenate([middle, [last]]), prepend=0)
        self.start, self.stop, self.log_teff, self.age = start, stop, teff, age
        self.number = number * years[age]
        self.flux = 10 ** (-0.2 * (start + stop))  # of one star, from magnitude zero
        self.n_age = len(log_ages)

    def select(self, which):
        """Return the population of some of the pieces."""
        out = object.__new__(Population)
        out.n_age = self.n_age
        for name in ('start', 'stop', 'log_teff', 'age', 'number', 'flux'):
            setattr(out, name, getattr(self, name)[which])
        return out

    def count(self, rates):
        """Return the number of stars, for star formation rates at each age."""
        return self.number @ rates[self.age]

    def light_by_age(self):
        """Return the flux of all stars of each age in each filter, for unit rates."""
        light = np.zeros((self.n_age, self.flux.shape[1]))
        np.add.at(light, self.age, self.number[:, np.newaxis] * self.flux)
        return light

    def draw(self, n, rates, rng):
        """Return n stars of all ages."""
        edges = np.cumsum(self.number * rates[self.age])
        return self._at(np.searchsorted(edges, rng.random(n) * edges[-1], side='right'), rng)

    def draw_of_ages(self, ages, rng):
        """Return one star of each of the given ages, which must have stars."""
        edges = np.append(0, np.cumsum(self.number))
        low = edges[np.searchsorted(self.age, ages)]
        high = edges[np.searchsorted(self.age, ages, side='right')]
        chosen = np.searchsorted(edges, low + rng.random(len(ages)) * (high - low), side='right')
        return self._at(chosen - 1, rng)

    def _at(self, piece, rng):
        """Return stars at random places of pieces."""
        piece = np.minimum(piece, len(self.number) - 1)
        w = rng.random(len(piece))[:, np.newaxis]
        magnitudes = self.start[piece] + w * (self.stop[piece] - self.start[piece])
        return Stars(magnitudes, self.log_teff[piece], self.age[piece])


def _pieces(track, imf, age):
    """Return magnitudes at both ends, temperatures, numbers and age of the pieces of a track."""
    masses, teff, magnitudes = track[:, 0], track[:, 3], track[:, 5:]
    number = np.diff(masses) * _density(imf, (masses[1:] + masses[:-1]) / 2)
    keep = number > 0
    ages = np.full(keep.sum(), age)
    teff = (teff[1:] + teff[:-1]) / 2
    return magnitudes[:-1][keep], magnitudes[1:][keep], teff[keep], number[keep], ages


def _density(imf, masses):
    """Return the number of stars per unit of mass, for all stars of unit number."""
    return np.exp(np.interp(np.log(masses), *_density_table(imf)))


@lru_cache(maxsize=8)
def _density_table(imf):
    """Return logarithms of masses, and of the number of stars per unit of mass there."""
    edges = np.geomspace(imf.edges[0], imf.edges[-1], N_MASS)
    edges[0], edges[-1] = imf.edges[0], imf.edges[-1]
    density = [imf.number_fraction(a, b) / (b - a) for a, b in pairwise(edges.tolist())]
    return np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(density)
