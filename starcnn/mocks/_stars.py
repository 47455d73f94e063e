# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The stars of a cluster and their light, which the seed of the cluster decides.
"""

import astropy.units as u
import numpy as np

from starcnn.sky import EFF

# The stars of a cluster that are rendered one by one, at least; the rest share one flux, at no
# more than so many places.
N_BRIGHT = 3000
N_FAINT = 10_000

_STARS, _PLACES = range(2)  # the two uses of a seed


def draw_stars(row, setup):
    """Return the stars of a cluster, whose parameters are a row of a table."""
    return setup.synthesis._draw(
        row['mass'].to_value(u.solMass),
        float(np.log10(row['age'].to_value(u.yr))),
        setup.m_h,
        float(row['a_v'].to_value(u.mag)),
        setup.options.r_v,
        np.random.default_rng([int(row['seed']), _STARS]),
        n_bright=N_BRIGHT,
    )


def integrate(stars, setup):
    """Return the integrated apparent magnitudes of stars, (n_filter,)."""
    with np.errstate(divide='ignore'):
        return -2.5 * np.log10(stars.bright.sum(axis=0) + stars.faint) + setup.modulus


def half_radius(gamma):
    """Return the radius of half of the stars, in scale radii (Elson, Fall & Freeman 1987)."""
    return np.sqrt(2 ** (2 / (gamma - 2)) - 1)


def draw_places(row, n, setup):
    """Return the places of stars and the centre of the cluster, pixels from the middle."""
    rng = np.random.default_rng([int(row['seed']), _PLACES])
    centre = rng.uniform(-1, 1, 2) * setup.options.offset
    r_h, gamma = row['r_h'].to_value(u.arcsec), float(row['gamma'])
    x, y = EFF(a=r_h / half_radius(gamma) * u.arcsec, gamma=gamma)._sample_xy(n, rng)
    return x / setup.pixel_scale + centre[0], y / setup.pixel_scale + centre[1], centre
