# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The options of the simulator: what is of M31 and its survey in it.
"""

from dataclasses import dataclass, field

import astropy.units as u

from starcnn.mocks import ClusterOptions

from .spec import (
    A_RANGE,
    A_V_RANGE,
    DISTANCE,
    FILTERS,
    GAMMA_RANGE,
    INSTRUMENTS,
    LOG_AGE_RANGE,
    LOG_AGE_STEP,
    LOG_MASS_RANGE,
    PIXEL_SCALE,
    R_H_RANGE,
    SHAPE,
    Z,
)

__all__ = ['Options']

# One pointing of the survey of Dalcanton et al. 2012, ApJS 200, 18, exposures added up: 550 and
# 800 s; 10, 600 and three times 370 s; 15, 350, 700 and 455 s. These are as remembered: the table
# was not at hand. Detection limits of simulated fields follow from them, 28.0 mag in F475W and
# 27.1 mag in F814W, where the abstract has 27.9 and 27.1 (in F336W 26.3, and it has 24.9: losses in
# the transfer of charge are not simulated). Pointings overlap, those of ACS most, so that much of a
# stacked brick is deeper.
_EXPOSURE_TIMES = (1350.0, 1720.0, 1520.0)

# Stars of the field, above solar metallicity and most of them old. With them simulated fields that
# have as many stars brighter than 26 mag in F475W as the frame of brick 9, at 7 kpc from the centre
# of M31, have as many between 26 and 26.5 mag, and 0.6 times as many between 26.5 and 27 mag; with
# the metallicity of the clusters and a constant rate of star formation, 0.4 and 0.5 times.
_FIELD_Z = 0.025
_FIELD_DECLINE = 4.0  # Gyr

# Stars that are detectable in F336W, per arcsec2: from a sixth of the crowding of brick 9, where
# there are 1.15, to 2.6 times as much. The bricks of the paper, 19 to 22, are at 13 to 19 kpc,
# where a disc with a scale length of 5.3 kpc (Courteau et al. 2011, ApJ 739, 20) has a third to a
# tenth of the stars.
_DENSITY = (0.2, 3.0)

# 0.1 arcsec. The clusters of the paper are in the centre of the image (section 2). Positions of
# catalogues are not so good: a dozen bright stars of a cluster of r_h = 0.4 arcsec leave that much
# doubt about its centre.
_OFFSET = 2.0

# 1 arcsec, as for M83; the paper has no visibilities.
_BACKGROUND_RADIUS = 20.0


@dataclass(frozen=True, kw_only=True)
class Options(ClusterOptions):
    """
    What clusters are drawn from, and how they are observed.

    The defaults are those of Bialopetravicius, Narbutis & Vansevicius (2019),
    sections 2 and 4.3, for M31, but that centres of clusters are up to 2 pixels
    off. A ``log_age_step`` of zero makes ages continuous. The
    test clusters of section 5 have ``log_age=(6.75, 9.25)``, ``log_mass=(2.25,
    3.75)`` and ``r_h_values=(0.16, 0.25, 0.4, 0.63, 1.0)``. There are no limits
    of magnitude.

    Exposure times are those of one pointing of the survey (Dalcanton et al.
    2012, ApJS 200, 18). The density and the population of simulated fields are
    choices of ours, for the outer disc and for brick 9.

    All fields are described in `starcnn.mocks.ClusterOptions`.
    """

    filters: tuple[str, ...] = FILTERS
    instruments: tuple[str, ...] = INSTRUMENTS
    pixel_scale: u.Quantity = field(default_factory=lambda: PIXEL_SCALE * u.arcsec)
    shape: tuple[int, int] = SHAPE
    exposure_times: tuple[float, ...] = _EXPOSURE_TIMES
    distance: u.Quantity = field(default_factory=lambda: DISTANCE * u.Mpc)
    z: float = Z
    log_age: tuple[float, float] = LOG_AGE_RANGE
    log_age_step: float = LOG_AGE_STEP
    log_mass: tuple[float, float] = LOG_MASS_RANGE
    a_v: tuple[float, float] = A_V_RANGE
    a: tuple[float, float] = A_RANGE
    gamma: tuple[float, float] = GAMMA_RANGE
    r_h: tuple[float, float] = R_H_RANGE
    offset: float = _OFFSET
    background_radius: float = _BACKGROUND_RADIUS
    density: tuple[float, float] = _DENSITY
    field_z: float = _FIELD_Z
    field_decline: u.Quantity = field(default_factory=lambda: _FIELD_DECLINE * u.Gyr)
