# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The same cluster with other stars, or on other backgrounds: Fig. 9 of the paper.
"""

from dataclasses import dataclass
from itertools import product

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from starcnn.images import combine
from starcnn.mocks import (
    background_statistics,
    complete_parameters,
    get_setup,
    make_clusters,
    visibilities,
)

__all__ = ['SECOND', 'VARIED', 'Cases', 'draw_cases']

# Section 3.3 of the paper: log age in yr and log size in arcsec; what is on the second axis of a
# panel, with its values on the axis of the parameter, and the other parameter.
_LOG_AGES = (7.5, 8.5, 9.5)
_LOG_R_H = -0.6
SECOND = {'a_v': ((0.5, 1.5, 2.5), 5.0), 'mass': ((4.0, 4.5, 5.0), 0.5)}

# What differs between the images of one cluster.
VARIED = ('stars', 'backgrounds')

_SEED = 20_200_110


@dataclass(frozen=True, kw_only=True)
class Cases:
    """
    Nine clusters, each many times.

    Parameters
    ----------
    images : `~astropy.nddata.NDData` with shape (9 n, n_filter, ny, nx)
        The images: all of the first cluster, then all of the second.

    truth : `~astropy.table.QTable` with 9 n rows
        What they show, with their ``visibility``.
    """

    images: NDData
    truth: QTable


def draw_cases(second, vary, n, *, options):
    """
    Draw nine clusters, each with many sets of stars or on many backgrounds.

    Parameters
    ----------
    second : {'a_v', 'mass'}
        What the clusters differ in, beside age.

    vary : {'stars', 'backgrounds'}
        What differs between the images of one cluster.

    n : int
        The number of images of each cluster.

    options : `~starcnn.families.m83_hst.simulator.Options`
        How to observe.

    Returns
    -------
    cases : `Cases`
        The images and their truth.
    """
    setup = get_setup(options)
    rng = np.random.default_rng([_SEED, list(SECOND).index(second)])
    parameters = _parameters(second)
    if vary == 'stars':
        rows = complete_parameters(parameters[np.repeat(np.arange(len(parameters)), n)], setup, rng)
        fields, _ = setup.draw_backgrounds(1, rng)
        fields = np.repeat(fields, len(rows), axis=0)
        clusters, flux, _ = make_clusters(rows, setup)
    else:
        rows = complete_parameters(parameters, setup, rng)
        fields, _ = setup.draw_backgrounds(n, rng)
        fields = np.tile(fields, (len(rows), 1, 1, 1))
        clusters, flux = (np.repeat(part, n, axis=0) for part in make_clusters(rows, setup)[:2])
        rows = rows[np.repeat(np.arange(len(rows)), n)]
    rows['visibility'] = visibilities(flux, background_statistics(fields, setup)[1])
    rate = u.electron / u.s
    images = combine(
        clusters * rate, fields * rate, exposure_time=setup.exposure_times * u.s, rng=rng
    )
    meta = {'filters': options.filters, 'pixel_scale': options.pixel_scale}
    return Cases(images=NDData(images, meta=meta), truth=rows)


def _parameters(second):
    """Return the nine clusters of a panel."""
    values, other = SECOND[second]
    log_age, x = np.array(list(product(_LOG_AGES, values))).T
    a_v, log_mass = (x, np.full(x.size, other)) if second == 'a_v' else (np.full(x.size, other), x)
    return QTable(
        {
            'age': 10**log_age * u.yr,
            'a_v': a_v * u.mag,
            'mass': 10**log_mass * u.solMass,
            'r_h': np.full(x.size, 10**_LOG_R_H) * u.arcsec,
        }
    )
