# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Colours of real clusters, beside those of simulated ones.
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import QTable

from .members import Members

__all__ = [
    'WELL_KNOWN',
    'RealColours',
    'colour_residual',
    'colour_residuals',
    'reference_colours',
]

#: Well-known clusters of all ages with more than 500 members.
WELL_KNOWN = (
    'NGC_869',
    'NGC_2168',
    'NGC_2516',
    'NGC_6705',
    'NGC_3532',
    'NGC_2477',
    'NGC_7789',
    'IC_4651',
    'NGC_6819',
    'NGC_188',
)

# Colours are compared in these bins of G, mag, if they have this many stars.
_EDGES = np.arange(5, 18.01, 0.5)
_N_LEAST = 10

# Bins in which the simulated colours are wider than this, half the range from the 16th to the
# 84th percentile in mag, hold turn-offs beside giants: their median says nothing.
_WIDEST = 0.15

# Binaries, errors and the field make real ones wider.
_WIDEST_REAL = 0.3

# The simulated population.
_N_SIMULATED = 20_000
_BINARY_FRACTION = 0.3

# Less likely members are left out.
_LEAST_PROBABILITY = 0.5


@dataclass(frozen=True, kw_only=True)
class RealColours:
    """
    Real clusters whose colours are compared.

    Parameters
    ----------
    labels : `~astropy.table.QTable`
        One row per cluster: ``cluster``, ``age`` and ``distance``.

    stars : dict of `~astropy.table.Table`
        The members of each cluster.

    a_v : dict of `~astropy.units.Quantity` with shape (n_cluster,)
        The A_V of the clusters by its origin, NaN where unknown.
    """

    labels: QTable
    stars: dict
    a_v: dict

    def parameters(self, name, origin):
        """
        Return the parameters that `reference_colours` takes.

        Parameters
        ----------
        name : str
            The cluster.

        origin : str
            Where its A_V is from.

        Returns
        -------
        parameters : dict of `~astropy.units.Quantity`
            ``age``, ``distance`` and ``a_v``.
        """
        index = np.flatnonzero(self.labels['cluster'] == name)[0]
        row = self.labels[index]
        return {'age': row['age'], 'distance': row['distance'], 'a_v': self.a_v[origin][index]}

    def known(self, origin):
        """
        Return the names of the clusters that have an A_V from one origin.
        """
        return [str(name) for name in self.labels['cluster'][np.isfinite(self.a_v[origin])]]


def reference_colours(population, *, age, a_v, distance, rng=None):
    """
    Return the colours of a population, magnitude by magnitude.

    Parameters
    ----------
    population : `~starcnn.sky.StellarPopulation`
        The population; see `starcnn.families.gaia_cmd.simulator.population`.

    age, a_v, distance : `~astropy.units.Quantity`
        The parameters of the cluster, of solar metallicity.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The random numbers.

    Returns
    -------
    colours : `~numpy.ndarray` with shape (n_bin,)
        The median BP - RP in bins of G, mag; NaN where there are few stars, or
        stars of too many colours.
    """
    mock = population.sample(
        _N_SIMULATED,
        age=age,
        m_h=0.0,
        distance=distance,
        a_v=a_v,
        binary_fraction=_BINARY_FRACTION,
        faint_limit=_EDGES[-1] * u.mag,
        rng=rng,
    )
    g, bp, rp = (mock[name].to_value(u.mag) for name in population.isochrones.filters)
    colours, width = _medians(g, bp - rp)
    return np.where(width < _WIDEST, colours, np.nan)


def colour_residuals(stars, reference):
    """
    Compare the colours of real stars with those of a population.

    Parameters
    ----------
    stars : `~astropy.table.Table`
        The members of one cluster, as `~starcnn.Estimator.predict` takes them.

    reference : `~numpy.ndarray` with shape (n_bin,)
        What `reference_colours` returned.

    Returns
    -------
    g : `~numpy.ndarray` with shape (n,)
        The centres of the bins of G in which there are enough stars, mag.

    residuals : `~numpy.ndarray` with shape (n,)
        The median BP - RP of the stars minus that of the population, mag.

    Raises
    ------
    ValueError
        If the stars are not those of one cluster.
    """
    colours, width = _medians(*_likely(stars))
    residuals = colours - reference
    known = np.isfinite(residuals) & (width < _WIDEST_REAL)
    return ((_EDGES[1:] + _EDGES[:-1]) / 2)[known], residuals[known]


def colour_residual(stars, reference):
    """
    Return the median over the bins of `colour_residuals`.

    Parameters
    ----------
    stars, reference
        As for `colour_residuals`.

    Returns
    -------
    residual : float
        Real minus simulated BP - RP, mag; NaN if no bin has enough stars.
    """
    _, residuals = colour_residuals(stars, reference)
    return float(np.median(residuals)) if len(residuals) else np.nan


def _likely(stars):
    """Return G and BP - RP of the stars that are not unlikely members."""
    members = Members.from_table(stars)
    if len(members) != 1:
        msg = f'stars must be those of one cluster, got {len(members)}'
        raise ValueError(msg)
    g, colour, _ = members.stars(0)
    likely = ~(members.columns['prob_member'] < _LEAST_PROBABILITY)
    return g[likely], colour[likely]


def _medians(g, colour):
    """Return the median colours in the bins and their scatter, NaN where there are few stars."""
    bins = np.digitize(g, _EDGES) - 1
    out = np.full((3, len(_EDGES) - 1), np.nan)
    for k in range(out.shape[1]):
        inside = colour[bins == k]
        if len(inside) >= _N_LEAST:
            out[:, k] = np.percentile(inside, [16, 50, 84])
    return out[1], (out[2] - out[0]) / 2
