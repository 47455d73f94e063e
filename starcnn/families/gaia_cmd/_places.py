# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Where mock clusters are in the Galaxy, and positions and proper motions of their stars.
"""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

# Errors of proper motions over those of parallaxes: 0.07 mas/yr to 0.04 mas for bright stars of
# DR2 and 1.2 mas/yr to 0.7 mas at G = 20 (Lindegren et al. 2018, Table 3).
_MOTION_ERROR = 1.75

# The part of a Plummer model within five half-light radii, beyond which no stars are put.
_OUTERMOST = 25 / 26

# mas/yr of 1 km/s at 1 kpc.
_KM_S = 1 / 4.74

# Median and dex of half-light radii, pc, and of velocity dispersions along one axis, km/s, of open
# clusters; scale heights, pc, of young clusters and of those of 1 Gyr and older (Cantat-Gaudin
# et al. 2020, Section 5).
_RADIUS = (2.5, 0.2)
_DISPERSION = (0.6, 0.2)
_HEIGHTS = (70.0, 200.0)

# The log age at which clusters count as old.
_OLD = 9.0

# The field fills discs of this many times the cluster's radius and width in proper motion.
_FIELD = (2.0, 6.0)

# The width of the distribution of the clusters' own motions, mas/yr.
_MOTION = 3.0


def draw_centres(log_age, distance, rng):
    """Return positions of clusters at distances in pc, in a disc that is thicker for old ones."""
    n = len(log_age)
    height = rng.laplace(0, np.where(log_age < _OLD, *_HEIGHTS), n)
    latitude = np.arcsin(np.clip(height / distance, -1, 1))
    longitude = rng.uniform(0, 2 * np.pi, n)
    return SkyCoord(l=longitude * u.rad, b=latitude * u.rad, frame='galactic').icrs


def place(stars, row, member, sigma, rng):
    """Add positions and proper motions to the stars of a cluster with parallax errors in mas."""
    n = len(member)
    kpc = row['distance'].value / 1e3
    radius, dispersion = (
        10 ** rng.normal(np.log10(median), width) for median, width in (_RADIUS, _DISPERSION)
    )
    # Positions of a Plummer model (1911, MNRAS 71, 460): half of the light is within its radius.
    fraction = _OUTERMOST * rng.random(n)
    r = np.where(
        member,
        radius * np.sqrt(fraction / (1 - fraction)),
        radius * rng.uniform(*_FIELD) * np.sqrt(rng.random(n)),
    )
    angle = rng.uniform(0, 2 * np.pi, n)
    offset = np.degrees(r / (1e3 * kpc))
    dec = np.clip(row['dec'].value + offset * np.sin(angle), -89.9, 89.9)
    ra = row['ra'].value + offset * np.cos(angle) / np.cos(np.radians(dec))
    stars['ra'], stars['dec'] = ra % 360 * u.deg, dec * u.deg
    inner = dispersion * _KM_S / kpc
    outer = np.hypot(inner, np.median(_MOTION_ERROR * sigma) if n else 0.0) * rng.uniform(*_FIELD)
    speed, angle = outer * np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)
    for name, axis in (('pmra', np.cos), ('pmdec', np.sin)):
        own = np.where(member, inner * rng.normal(size=n), speed * axis(angle))
        observed = rng.normal(0, _MOTION) + own + _MOTION_ERROR * sigma * rng.normal(size=n)
        stars[name] = observed * u.mas / u.yr
