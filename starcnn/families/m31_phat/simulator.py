# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock HST images of the star clusters of M31, and the grid of them that shows chance at work.
"""

from itertools import product

import astropy.units as u
import numpy as np
from astropy.table import QTable

from starcnn.mocks import (
    complete_parameters,
    draw_gamma,
    get_setup,
    sample_clusters,
    simulate_clusters,
)
from starcnn.plugins import SimulatorBackend

from ._options import Options
from .spec import BIBCODE, NAME

__all__ = ['BACKEND', 'Options', 'node_grid']

# Section 5.2: clusters per node, and what the panels of Figs. 9, 10 and 11 are for.
_N_PER_NODE = 200
_LOG_AGES = (7.0, 8.0, 9.0)  # yr
_LOG_MASSES = (2.4, 3.0, 3.6)  # solMass
_LOG_R_H = (-0.8, -0.4, 0.0)  # arcsec


def node_grid(
    n=_N_PER_NODE,
    *,
    log_age=_LOG_AGES,
    log_mass=_LOG_MASSES,
    log_r_h=_LOG_R_H,
    a_v=0 * u.mag,
    options=None,
    rng=None,
):
    """
    Return parameters of clusters that differ only by chance, at the nodes of a grid.

    Parameters
    ----------
    n : int, optional
        The number of clusters per node.

    log_age, log_mass, log_r_h : sequence of float, optional
        The nodes: log age in yr, log mass in solMass, log radius of half of the
        stars in arcsec. The defaults are what the panels of Figs. 9, 10 and 11
        of the paper are for.

    a_v : `~astropy.units.Quantity`, optional
        The extinction of all clusters.

    options : `Options`, optional
        The ranges of the EFF profile.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness of the exponents and of the seeds, which decide
        the stars.

    Returns
    -------
    parameters : `~astropy.table.QTable`
        What `starcnn.Simulator.simulate` takes, with ``n`` rows of each node one
        after the other; the radius changes fastest and the age slowest, so that
        a column has the shape (n_age, n_mass, n_r_h, n) when it is reshaped.

    Raises
    ------
    ValueError
        If a node is out of range.

    References
    ----------
    Bialopetravicius, Narbutis & Vansevicius (2019), A&A 621, A103, Section 5.2.

    Examples
    --------
    >>> from starcnn.families.m31_phat.simulator import node_grid
    >>> len(node_grid(rng=1)) == 3 * 3 * 3 * 200
    True
    """
    options, rng = options or Options(), np.random.default_rng(rng)
    nodes = np.array(list(product(log_age, log_mass, log_r_h))).reshape(-1, 3)
    ages, masses, radii = 10 ** np.repeat(nodes, n, axis=0).T
    parameters = QTable(
        {
            'age': ages * u.yr,
            'a_v': np.full(len(ages), a_v.to_value(u.mag)) * u.mag,
            'mass': masses * u.solMass,
            'r_h': radii * u.arcsec,
            'gamma': draw_gamma(radii * u.arcsec, options, rng),
        }
    )
    return complete_parameters(parameters, get_setup(options), rng)


BACKEND = SimulatorBackend(
    name=NAME,
    summary='HST images of faint, semi-resolved star clusters of M31',
    reference=BIBCODE,
    options=Options,
    sample=sample_clusters,
    simulate=simulate_clusters,
)
