# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The options of the simulator, and their checks.
"""

from dataclasses import dataclass, field
from numbers import Integral, Real

import astropy.units as u
import numpy as np

from starcnn.sky import get_imf

from .spec import (
    A_RANGE,
    A_V_RANGE,
    DISTANCE,
    FILTERS,
    GAMMA_RANGE,
    INSTRUMENT,
    LOG_AGE_RANGE,
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

_RANGES = ('log_age', 'log_mass', 'a_v', 'a', 'gamma', 'r_h', 'density')
_POSITIVE = ('a', 'r_h', 'density')
_FRACTIONS = ('background_fraction', 'calibration_scatter')
_PER_FILTER = ('instruments', 'exposure_times', 'magnitude_limits')
_SAMPLING = ('nearest', 'poisson')
_Z_MAX = 0.1  # above all isochrones
_GAMMA_MIN = 2.0  # of an EFF profile with finitely many stars


@dataclass(frozen=True, kw_only=True)
class Options:
    """
    What `sample` draws from, and how `simulate` observes.

    The defaults are those of Bialopetravicius & Narbutis (2020), section 2, for
    M83. Another galaxy is another set of options.

    Parameters
    ----------
    filters, instruments : tuple of str
        The filters in order, and the instrument of each ('WFC3/UVIS' or
        'ACS/WFC').

    pixel_scale : `~astropy.units.Quantity`
        The angle on the sky of one pixel.

    shape : tuple of int
        The shape (ny, nx) of the images.

    exposure_times : tuple of float
        The exposure time in each filter, s (Chandar et al. 2010, ApJ 719, 966).

    psfs : tuple of str
        The file of the point spread function in each filter, see
        `starcnn.images.PSF.read`; empty for the packaged models.

    distance : `~astropy.units.Quantity`
        The distance.

    z : float
        The mass fraction of metals.

    log_age, log_mass, a_v : tuple of float
        The ranges of log age in yr, log mass in solMass, and A_V in mag, which
        are drawn evenly.

    log_age_step, a_v_step : float
        The steps of log age and A_V; 0 for continuous values. The paper has
        steps of 0.05 and 0.1.

    r_v : float
        The ratio of total to selective extinction.

    law, imf, sampling : str
        The extinction law, the initial mass function, and how stars add up to a
        mass; see `starcnn.sky.ClusterSynthesis`.

    a, gamma, r_h : tuple of float
        The ranges of the scale radius and exponent of the EFF profile, drawn
        evenly in their logarithms, and of the radius of half of the stars that
        follows; radii in arcsec.

    magnitude_limits : tuple of float
        Clusters fainter than this in any filter are not drawn, Vega mag.

    offset : float
        The centre of the cluster is up to so many pixels from that of the
        image, along each axis.

    background_fraction : float
        The fraction of images without a cluster.

    calibration_scatter : float
        The relative scatter of the flux scale of the background, drawn for each
        image and filter (section 4.1: 0.2).

    mosaics : tuple of str
        FITS images, one for each filter and on one grid of pixels, from which
        backgrounds are cut; empty for simulated fields. The keyword BUNIT must
        name a unit that converts to electron/s.

    density : tuple of float
        The range of the crowding of simulated fields: detectable stars per
        square arcsec, see `starcnn.images.GalaxyField`.
    """

    filters: tuple[str, ...] = FILTERS
    instruments: tuple[str, ...] = (INSTRUMENT,) * len(FILTERS)
    pixel_scale: u.Quantity = field(default_factory=lambda: PIXEL_SCALE * u.arcsec)
    shape: tuple[int, int] = SHAPE
    exposure_times: tuple[float, ...] = _EXPOSURE_TIMES
    psfs: tuple[str, ...] = ()
    distance: u.Quantity = field(default_factory=lambda: DISTANCE * u.Mpc)
    z: float = Z
    log_age: tuple[float, float] = LOG_AGE_RANGE
    log_age_step: float = 0.0
    log_mass: tuple[float, float] = LOG_MASS_RANGE
    a_v: tuple[float, float] = A_V_RANGE
    a_v_step: float = 0.0
    r_v: float = R_V
    law: str = 'CCM89'
    imf: str = 'kroupa2001'
    sampling: str = 'nearest'
    a: tuple[float, float] = A_RANGE
    gamma: tuple[float, float] = GAMMA_RANGE
    r_h: tuple[float, float] = R_H_RANGE
    magnitude_limits: tuple[float, ...] = MAGNITUDE_LIMITS
    offset: float = 1.0
    background_fraction: float = 0.0
    calibration_scatter: float = 0.0
    mosaics: tuple[str, ...] = ()
    density: tuple[float, float] = (1.0, 40.0)

    def __post_init__(self):
        for name in _RANGES:
            _check_range(name, getattr(self, name), positive=name in _POSITIVE)
        for name in _FRACTIONS:
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 <= value <= 1:
                msg = f'{name} must be a number from 0 to 1, got {value!r}'
                raise ValueError(msg)
        for name in ('log_age_step', 'a_v_step', 'offset'):
            value = getattr(self, name)
            if not isinstance(value, Real) or not value >= 0:
                msg = f'{name} must be zero or a positive number, got {value!r}'
                raise ValueError(msg)
        self._check_filters()
        if np.shape(self.shape) != (2,) or not all(
            isinstance(size, Integral) and size > 0 for size in self.shape
        ):
            msg = f'shape must be two positive integers, got {self.shape!r}'
            raise ValueError(msg)
        if not isinstance(self.z, Real) or not 0 < self.z < _Z_MAX:
            msg = f'z must be a number between 0 and {_Z_MAX}, got {self.z!r}'
            raise ValueError(msg)
        if self.gamma[0] <= _GAMMA_MIN:
            msg = f'gamma must be above {_GAMMA_MIN:g}, got {self.gamma!r}'
            raise ValueError(msg)
        if self.sampling not in _SAMPLING:
            msg = f'sampling must be one of {list(_SAMPLING)}, got {self.sampling!r}'
            raise ValueError(msg)
        get_imf(self.imf)
        for name, unit in (('pixel_scale', u.arcsec), ('distance', u.Mpc)):
            _check_quantity(name, getattr(self, name), unit)

    def _check_filters(self):
        """Raise unless everything has one entry per filter."""
        n = len(self.filters)
        if not n or len(set(self.filters)) != n:
            msg = f'filters must be different, and one at least, got {self.filters!r}'
            raise ValueError(msg)
        for name in ('exposure_times', 'magnitude_limits'):
            values = getattr(self, name)
            if not all(isinstance(value, Real) for value in values):
                msg = f'{name} must be numbers, got {values!r}'
                raise ValueError(msg)
        if not min(self.exposure_times) > 0:
            msg = f'exposure_times must be positive, got {self.exposure_times!r}'
            raise ValueError(msg)
        sizes = {name: len(getattr(self, name)) for name in _PER_FILTER}
        sizes |= {name: len(getattr(self, name)) or n for name in ('psfs', 'mosaics')}
        for name, size in sizes.items():
            if size != n:
                msg = f'{name} must have one entry per filter ({n}), got {size}'
                raise ValueError(msg)


def _check_range(name, value, *, positive):
    """Raise unless an option is a range."""
    is_pair = isinstance(value, tuple) and np.shape(value) == (2,)
    if not is_pair or not all(isinstance(limit, Real) for limit in value):
        msg = f'{name} must be two numbers, got {value!r}'
        raise ValueError(msg)
    if not value[0] <= value[1] or not np.isfinite(value).all() or (positive and value[0] <= 0):
        kind = 'positive, increasing' if positive else 'increasing'
        msg = f'{name} must be {kind} numbers, got {value!r}'
        raise ValueError(msg)


def _check_quantity(name, value, unit):
    """Raise unless an option is a positive quantity of a kind."""
    if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(unit):
        msg = f'{name} must be a Quantity that converts to {unit}, got {value!r}'
        raise u.UnitsError(msg)
    if not value.isscalar or not value > 0:
        msg = f'{name} must be positive, got {value}'
        raise ValueError(msg)
