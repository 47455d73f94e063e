# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The options of the simulator: what is of M83 in it.
"""

from dataclasses import dataclass, field

import astropy.units as u

from starcnn.mocks import ClusterOptions

from .spec import (
    A_RANGE,
    A_V_RANGE,
    A_V_STEP,
    BACKGROUND_RADIUS,
    DISTANCE,
    FILTERS,
    GAMMA_RANGE,
    INSTRUMENT,
    LOG_AGE_RANGE,
    LOG_AGE_STEP,
    LOG_MASS_RANGE,
    MAGNITUDE_LIMITS,
    PIXEL_SCALE,
    R_H_RANGE,
    R_V,
    SHAPE,
    Z,
)

__all__ = ['Options']

# Chandar et al. 2010, ApJ 719, 966, section 2: exposure times of the WFC3 images of M83.
_EXPOSURE_TIMES = (1890.0, 1880.0, 1203.0)


@dataclass(frozen=True, kw_only=True)
class Options(ClusterOptions):
    """
    What `sample` draws from, and how `simulate` observes.

    The defaults are those of Bialopetravicius & Narbutis (2020), section 2, for
    M83, with exposure times of Chandar et al. (2010, ApJ 719, 966), section 2.
    Steps of zero make ages and extinctions continuous, as the released networks
    have seen them. There is no ``calibration_scatter``, which is 0.2 in section
    4.1. Another galaxy is another set of options.

    All fields are described in `starcnn.mocks.ClusterOptions`.
    """

    filters: tuple[str, ...] = FILTERS
    instruments: tuple[str, ...] = (INSTRUMENT,) * len(FILTERS)
    pixel_scale: u.Quantity = field(default_factory=lambda: PIXEL_SCALE * u.arcsec)
    shape: tuple[int, int] = SHAPE
    exposure_times: tuple[float, ...] = _EXPOSURE_TIMES
    distance: u.Quantity = field(default_factory=lambda: DISTANCE * u.Mpc)
    z: float = Z
    log_age: tuple[float, float] = LOG_AGE_RANGE
    log_age_step: float = LOG_AGE_STEP
    log_mass: tuple[float, float] = LOG_MASS_RANGE
    a_v: tuple[float, float] = A_V_RANGE
    a_v_step: float = A_V_STEP
    r_v: float = R_V
    a: tuple[float, float] = A_RANGE
    gamma: tuple[float, float] = GAMMA_RANGE
    r_h: tuple[float, float] = R_H_RANGE
    magnitude_limits: tuple[float, ...] = MAGNITUDE_LIMITS
    background_radius: float = BACKGROUND_RADIUS
    density: tuple[float, float] = (1.0, 40.0)
