# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Initial mass functions: draw the masses of the stars of a cluster.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import astropy.units as u
import numpy as np

from starcnn.sky._units import strip_unit

__all__ = ['CHABRIER2003', 'IMF', 'KROUPA2001', 'SALPETER1955', 'get_imf']


@dataclass(frozen=True)
class IMF:
    """
    An initial mass function of power laws and log-normal parts, continuous in mass.

    Parameters
    ----------
    name : str
        The name.

    edges : tuple of float
        The limits of the parts in solMass, increasing.

    slopes : tuple of float or (float, float)
        For each part the slope ``a`` of dN/dm ~ m**-a, or for a log-normal
        part the median mass in solMass and the width in dex.

    Examples
    --------
    >>> import astropy.units as u
    >>> from starcnn.sky import KROUPA2001
    >>> KROUPA2001.sample(3, rng=0, low=1 * u.solMass).unit
    Unit("solMass")
    """

    name: str
    edges: tuple[float, ...]
    slopes: tuple[float | tuple[float, float], ...]

    def __post_init__(self):
        if len(self.edges) != len(self.slopes) + 1:
            msg = f'edges must be one more than slopes, got {len(self.edges)}'
            raise ValueError(msg)
        if any(b <= a for a, b in pairwise(self.edges)):
            msg = f'edges must be increasing, got {self.edges}'
            raise ValueError(msg)

    @property
    def mean_mass(self):
        """
        The mean mass of a star.
        """
        parts = self._parts(self.edges[0], self.edges[-1])
        number = sum(norm * _moment(slope, low, high, 0) for slope, low, high, norm in parts)
        mass = sum(norm * _moment(slope, low, high, 1) for slope, low, high, norm in parts)
        return mass / number * u.solMass

    def sample(self, n, *, rng=None, low=None, high=None):
        """
        Draw the masses of a number of stars.

        Parameters
        ----------
        n : int
            The number of stars.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The source of randomness.

        low, high : `~astropy.units.Quantity`, optional
            Draw only between these masses. The default is the whole function.

        Returns
        -------
        masses : `~astropy.units.Quantity` with shape (n,)
            The masses in solMass, by exact inversion of the cumulative
            function.

        Raises
        ------
        ValueError
            If ``low`` is not below ``high``, or either is beyond the edges.
        """
        low = self.edges[0] if low is None else strip_unit(low, u.solMass, 'low')
        high = self.edges[-1] if high is None else strip_unit(high, u.solMass, 'high')
        return self._sample(n, np.random.default_rng(rng), low, high) * u.solMass

    def sample_cluster(self, mass, *, rng=None, method='nearest'):
        """
        Draw the masses of the stars of a cluster.

        Parameters
        ----------
        mass : `~astropy.units.Quantity`
            The mass of the cluster.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The source of randomness.

        method : {'nearest', 'poisson'}, optional
            With 'nearest', stars are drawn until their mass passes ``mass``,
            and the last is kept if that comes nearer to it. With 'poisson',
            their number is drawn from a Poisson distribution, so that ``mass``
            holds on average only.

        Returns
        -------
        masses : `~astropy.units.Quantity` with shape (n_star,)
            The masses.

        Raises
        ------
        ValueError
            If ``method`` is unknown or ``mass`` is not positive.
        """
        rng = np.random.default_rng(rng)
        goal = strip_unit(mass, u.solMass, 'mass')
        if not goal > 0:
            msg = f'mass must be positive, got {mass}'
            raise ValueError(msg)
        limits = self.edges[0], self.edges[-1]
        mean = self.mean_mass.to_value(u.solMass)
        if method == 'poisson':
            return self._sample(rng.poisson(goal / mean), rng, *limits) * u.solMass
        if method != 'nearest':
            msg = f"method must be 'nearest' or 'poisson', got {method!r}"
            raise ValueError(msg)
        masses = self._sample(int(goal / mean) + 1, rng, *limits)
        while masses.sum() < goal:
            masses = np.append(masses, self._sample(len(masses) // 4 + 8, rng, *limits))
        total = np.cumsum(masses)
        last = int(np.searchsorted(total, goal))
        below = total[last - 1] if last else 0.0
        return masses[: last + (total[last] - goal < goal - below)] * u.solMass

    def number_fraction(self, low, high):
        """
        Return the fraction of all stars that are born between two masses.

        Parameters
        ----------
        low, high : float
            The masses in solMass.

        Returns
        -------
        fraction : float
            The fraction.

        Raises
        ------
        ValueError
            If the masses do not increase or are outside the function.
        """
        return self._number(low, high) / self._number(self.edges[0], self.edges[-1])

    def _number(self, low, high):
        """Return the integral of dN/dm, without its norm."""
        return sum(norm * _moment(slope, a, b, 0) for slope, a, b, norm in self._parts(low, high))

    def _count(self, edges):
        """Return the numbers of stars between masses, without their norm, and their mean masses."""
        moments = np.zeros((2, len(edges) - 1))
        for slope, a, b, norm in self._parts(self.edges[0], self.edges[-1]):
            inside = np.clip(edges, a, b)
            for power in range(2):
                moments[power] += norm * np.diff(_cumulative(slope, a, inside, power))
        middle = (edges[1:] + edges[:-1]) / 2
        number = np.maximum(moments[0], 0)
        return number, np.where(number > 0, moments[1] / np.where(number > 0, number, 1), middle)

    def _parts(self, low, high):
        """Return (slope, low, high, norm) of the parts between two masses."""
        if not self.edges[0] <= low < high <= self.edges[-1]:
            msg = (
                f'low and high must be increasing and between {self.edges[0]} and '
                f'{self.edges[-1]} solMass, got {low} and {high}'
            )
            raise ValueError(msg)
        norm, below, parts = 1.0, self.slopes[0], []
        for slope, (a, b) in zip(self.slopes, pairwise(self.edges), strict=True):
            norm *= _density(below, a) / _density(slope, a)  # continuous at the edge
            parts.append((slope, max(a, low), min(b, high), norm))
            below = slope
        return [part for part in parts if part[1] < part[2]]

    def _sample(self, n, rng, low, high):
        """Return the masses of n stars in solMass."""
        parts = self._parts(low, high)
        weights = np.array([norm * _moment(slope, a, b, 0) for slope, a, b, norm in parts])
        edges = np.append(0, np.cumsum(weights / weights.sum()))
        p = rng.random(n)
        which = np.clip(np.searchsorted(edges, p, side='right') - 1, 0, len(parts) - 1)
        masses = np.empty(n)
        for i, (slope, a, b, _) in enumerate(parts):
            chosen = which == i
            fraction = (p[chosen] - edges[i]) / (edges[i + 1] - edges[i])
            masses[chosen] = np.clip(_quantile(slope, a, b, fraction), a, b)
        return masses


def _density(slope, mass):
    """Return dN/dm of one part, without its norm."""
    if isinstance(slope, tuple):
        median, width = slope
        return math.exp(-(math.log10(mass / median) ** 2) / (2 * width**2)) / mass
    return mass**-slope


def _moment(slope, low, high, power):
    """Return the integral of dN/dm times a power of the mass."""
    if isinstance(slope, tuple):
        median, width = math.log(slope[0]), slope[1] * math.log(10)
        normal = NormalDist(median + power * width**2, width)
        inside = normal.cdf(math.log(high)) - normal.cdf(math.log(low))
        scale = math.exp(power * median + (power * width) ** 2 / 2)
        return inside * scale * width * math.sqrt(2 * math.pi)
    exponent = power + 1 - slope
    if exponent == 0:
        return math.log(high / low)
    return (high**exponent - low**exponent) / exponent


def _cumulative(slope, low, masses, power):
    """Return the integrals of dN/dm times a power of the mass, from ``low`` to masses."""
    if isinstance(slope, tuple):
        return np.array([_moment(slope, low, mass, power) if mass > low else 0 for mass in masses])
    exponent = power + 1 - slope
    if exponent == 0:
        return np.log(masses / low)
    return (masses**exponent - low**exponent) / exponent


def _quantile(slope, low, high, fraction):
    """Return the masses below which fractions of the stars of one part are."""
    if isinstance(slope, tuple):
        normal = NormalDist(math.log(slope[0]), slope[1] * math.log(10))
        start, stop = normal.cdf(math.log(low)), normal.cdf(math.log(high))
        p = start + fraction * (stop - start)
        return np.exp([normal.inv_cdf(value) if 0 < value < 1 else math.log(low) for value in p])
    exponent = 1 - slope
    if exponent == 0:
        return low * (high / low) ** fraction
    return (low**exponent + fraction * (high**exponent - low**exponent)) ** (1 / exponent)


# Kroupa 2001, MNRAS, 322, 231, equation 2. The upper limit is that of Figer 2005, Nature, 434, 192.
KROUPA2001 = IMF('kroupa2001', (0.01, 0.08, 0.5, 150.0), (0.3, 1.3, 2.3))

# Salpeter 1955, ApJ, 121, 161, equation 5, here from the limit of hydrogen burning.
SALPETER1955 = IMF('salpeter1955', (0.08, 150.0), (2.35,))

# Chabrier 2003, PASP, 115, 763, table 1: single stars of the disc.
CHABRIER2003 = IMF('chabrier2003', (0.01, 1.0, 150.0), ((0.079, 0.69), 2.3))


def get_imf(name):
    """
    Return an initial mass function by its name.

    Parameters
    ----------
    name : {'kroupa2001', 'salpeter1955', 'chabrier2003'}
        The name.

    Returns
    -------
    imf : `IMF`
        The initial mass function.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    known = {imf.name: imf for imf in (KROUPA2001, SALPETER1955, CHABRIER2003)}
    if name not in known:
        msg = f'name must be one of {sorted(known)}, got {name!r}'
        raise ValueError(msg)
    return known[name]
