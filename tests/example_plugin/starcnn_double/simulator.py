# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Draw double clusters and the parallaxes of their stars.
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import QTable, vstack

from starcnn.plugins import SimulatorBackend

from .spec import NAME, REFERENCE, SPEC, SUMMARY


@dataclass(frozen=True, kw_only=True)
class Options:
    """
    The options of the simulator.

    Parameters
    ----------
    n_stars : int, optional
        The number of stars of each of the two clusters.

    error : `~astropy.units.Quantity`, optional
        The median error of a parallax.
    """

    n_stars: int = 50
    error: u.Quantity = 0.05 * u.mas


def sample(n, options, rng):
    """
    Draw distances, uniform in the logarithm.

    Parameters
    ----------
    n : int
        The number of double clusters.

    options : `Options`
        They have no say in this.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    parameters : `~astropy.table.QTable`
        The columns are ``cluster`` and ``distance``.
    """
    (parameter,) = SPEC.outputs
    names = np.array([f'double {k}' for k in range(1, n + 1)], dtype=str)
    distance = 10 ** rng.uniform(*parameter.bounds, n) * u.pc
    return QTable({'cluster': names, 'distance': distance})


def simulate(parameters, options, rng):
    """
    Draw the parallaxes of the stars of double clusters.

    Each double cluster has its own child of ``rng``, so its stars do not
    depend on the others.

    Parameters
    ----------
    parameters : `~astropy.table.QTable`
        As `sample` returns them.

    options : `Options`
        The number of stars and their errors.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    stars, truth : `~astropy.table.QTable`
        One row per star, and one per double cluster.
    """
    children = rng.spawn(len(parameters))
    tables = [
        _draw_stars(row, options, child) for row, child in zip(parameters, children, strict=True)
    ]
    return vstack(tables), parameters.copy()


def _draw_stars(row, options, rng):
    """Return the stars of one double cluster."""
    n_stars = 2 * options.n_stars
    error = options.error * rng.lognormal(0, 0.3, n_stars)
    true = row['distance'].to(u.mas, equivalencies=u.parallax())
    return QTable(
        {
            'cluster': np.full(n_stars, row['cluster']),
            'parallax': true + error * rng.standard_normal(n_stars),
            'parallax_error': error,
        }
    )


BACKEND = SimulatorBackend(
    name=NAME,
    summary=SUMMARY,
    reference=REFERENCE,
    options=Options,
    sample=sample,
    simulate=simulate,
)
