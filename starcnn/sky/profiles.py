# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Density profiles of star clusters on the sky, and positions drawn from them.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import astropy.units as u
import numpy as np

from starcnn.sky._units import strip_unit

__all__ = ['EFF', 'King', 'Plummer', 'draw_eff']

# The projected density of a Plummer sphere is an EFF profile with this gamma (Plummer 1911).
_GAMMA_PLUMMER = 4.0

# An EFF profile whose gamma is not above this holds infinitely many stars.
_GAMMA_MIN = 2.0

# The largest logarithm of (1 + r^2 / a^2); the square root of its exponential is finite.
_MAX_LOG = 600.0

# Radii at which the enclosed fraction of a King profile is tabulated.
_N_TABLE = 4096

# Pairs drawn at a time for each that is still missing, and how often before giving up.
_N_TRY = 4
_MAX_ROUNDS = 1000


class _Profile:
    """
    What the profiles share: half-number radius, enclosed fraction, density and draws.

    A profile defines ``_scale`` and, for plain numbers in the unit of its scale,
    ``_enclosed``, ``_density`` and ``_radius``, the inverse of ``_enclosed``.
    """

    @property
    def r_h(self):
        """The radius of the circle on the sky that holds half of the stars."""
        return float(self._radius(0.5)) * self._scale.unit

    def enclosed(self, r):
        """
        Return the fraction of the stars inside a circle on the sky.

        Parameters
        ----------
        r : `~astropy.units.Quantity`
            Radii, in units that convert to that of the profile.

        Returns
        -------
        fraction : `~numpy.ndarray` with the shape of r
            The fraction, from 0 to 1.

        Raises
        ------
        ValueError
            If a radius is negative or NaN.
        """
        return self._enclosed(self._strip_radius(r))

    def density(self, r):
        """
        Return the density of the stars on the sky, as a fraction of all stars.

        Parameters
        ----------
        r : `~astropy.units.Quantity`
            Radii, in units that convert to that of the profile.

        Returns
        -------
        density : `~astropy.units.Quantity` with the shape of r
            The fraction of the stars per area, whose integral over the sky is 1.

        Raises
        ------
        ValueError
            If a radius is negative or NaN.
        """
        return self._density(self._strip_radius(r)) / self._scale.unit**2

    def sample(self, n, *, rng=None):
        """
        Draw positions of stars.

        Parameters
        ----------
        n : int
            The number of stars.

        rng : `~numpy.random.Generator`, int or None, optional
            The source of randomness.

        Returns
        -------
        x, y : `~astropy.units.Quantity` with shape (n,)
            The positions from the centre, in the unit of the profile.
        """
        x, y = self._sample_xy(n, np.random.default_rng(rng))
        return x * self._scale.unit, y * self._scale.unit

    def _sample_xy(self, n, rng):
        """Return drawn positions as arrays, in the unit of the scale of the profile."""
        r = self._radius(rng.random(n))
        angle = rng.uniform(0, 2 * np.pi, n)
        return r * np.cos(angle), r * np.sin(angle)

    def _strip_radius(self, r):
        radius = np.asarray(strip_unit(r, self._scale.unit, 'r'))
        if not (radius >= 0).all():
            msg = f'r must not be negative or NaN, got {r}'
            raise ValueError(msg)
        return radius


@dataclass(frozen=True, kw_only=True)
class EFF(_Profile):
    r"""
    The profile of Elson, Fall & Freeman.

    The density is proportional to :math:`(1 + r^2 / a^2)^{-\gamma / 2}`.

    Parameters
    ----------
    a : `~astropy.units.Quantity`, angle or length
        The scale radius.

    gamma : float
        The slope of the density at large radii, above 2.

    Raises
    ------
    ValueError
        If ``a`` is not positive, or ``gamma`` not above 2.

    References
    ----------
    Elson, Fall & Freeman (1987), ApJ 323, 54, Equation 1.

    Examples
    --------
    >>> import astropy.units as u
    >>> EFF(a=0.2 * u.arcsec, gamma=3.0).r_h
    <Quantity 0.34641016 arcsec>
    """

    a: u.Quantity
    gamma: float

    def __post_init__(self):
        _check_scale(self.a, 'a')
        if not _GAMMA_MIN < self.gamma < math.inf:
            msg = f'gamma must be above {_GAMMA_MIN} and finite, got {self.gamma}'
            raise ValueError(msg)

    @property
    def _scale(self):
        return self.a

    def _enclosed(self, r):
        return -np.expm1((1 - self.gamma / 2) * np.log1p((r / self.a.value) ** 2))

    def _density(self, r):
        a = self.a.value
        central = (self.gamma - 2) / (2 * np.pi * a**2)
        return central * (1 + (r / a) ** 2) ** (-self.gamma / 2)

    def _radius(self, fraction):
        return _eff_radius(fraction, self.a.value, self.gamma)


@dataclass(frozen=True, kw_only=True)
class Plummer(_Profile):
    """
    The profile of a Plummer sphere on the sky.

    Parameters
    ----------
    a : `~astropy.units.Quantity`, angle or length
        The scale radius, which on the sky holds half of the stars.

    Raises
    ------
    ValueError
        If ``a`` is not positive.

    References
    ----------
    Plummer (1911), MNRAS 71, 460.
    """

    a: u.Quantity

    def __post_init__(self):
        _check_scale(self.a, 'a')

    @property
    def _scale(self):
        return self.a

    def _enclosed(self, r):
        return r**2 / (self.a.value**2 + r**2)

    def _density(self, r):
        a = self.a.value
        return 1 / (np.pi * a**2 * (1 + (r / a) ** 2) ** 2)

    def _radius(self, fraction):
        return _eff_radius(fraction, self.a.value, _GAMMA_PLUMMER)


@dataclass(frozen=True, kw_only=True)
class King(_Profile):
    r"""
    The empirical profile of King, which ends at the tidal radius.

    The density is proportional to
    :math:`[(1 + r^2 / r_c^2)^{-1/2} - (1 + r_t^2 / r_c^2)^{-1/2}]^2`.

    Parameters
    ----------
    r_c, r_t : `~astropy.units.Quantity`, angle or length
        The core radius and the tidal radius.

    Raises
    ------
    ValueError
        If ``r_c`` is not positive, or ``r_t`` not above it.

    References
    ----------
    King (1962), AJ 67, 471, Equations 14 and 18.
    """

    r_c: u.Quantity
    r_t: u.Quantity

    def __post_init__(self):
        _check_scale(self.r_c, 'r_c')
        _check_scale(self.r_t, 'r_t')
        if not strip_unit(self.r_t, self.r_c.unit, 'r_t') > self.r_c.value:
            msg = f'r_t must be above r_c, {self.r_c}, got {self.r_t}'
            raise ValueError(msg)

    @property
    def _scale(self):
        return self.r_c

    @cached_property
    def _edge(self):
        """The tidal radius in the unit of the core radius."""
        return self.r_t.to_value(self.r_c.unit)

    @cached_property
    def _total(self):
        """The integral of the density in units of its factor, King's Equation 18 at r_t."""
        return float(self._count(np.asarray(self._edge)))

    @cached_property
    def _table(self):
        """The square root of the enclosed fraction, and the radii where it is reached."""
        r_c = self.r_c.value
        r = r_c * np.sinh(np.linspace(0, np.arcsinh(self._edge / r_c), _N_TABLE))
        r[-1] = self._edge
        return np.sqrt(self._enclosed(r)), r

    def _count(self, r):
        """King's Equation 18 without the factor k."""
        r_c = self.r_c.value
        square, edge = (r / r_c) ** 2, 1 + (self._edge / r_c) ** 2
        root = square / (np.sqrt(1 + square) + 1)  # sqrt(1 + square) - 1 without cancellation
        return np.pi * r_c**2 * (np.log1p(square) - 4 * root / np.sqrt(edge) + square / edge)

    def _enclosed(self, r):
        return np.clip(self._count(np.minimum(r, self._edge)) / self._total, 0, 1)

    def _density(self, r):
        r_c = self.r_c.value
        rise = 1 / np.hypot(1, r / r_c) - 1 / np.hypot(1, self._edge / r_c)
        return np.maximum(rise, 0) ** 2 / self._total

    def _radius(self, fraction):
        return np.interp(np.sqrt(fraction), *self._table)


def draw_eff(n, *, a, gamma, r_h, rng=None):
    """
    Draw parameters of EFF profiles inside a region.

    Scale radii and slopes are drawn with uniform logarithms, independently, and
    kept where the radius that holds half of the stars is inside its range.

    Parameters
    ----------
    n : int
        The number of profiles.

    a : `~astropy.units.Quantity` with shape (2,), angle or length
        The range of the scale radius.

    gamma : tuple of float
        The range of the slope, above 2.

    r_h : `~astropy.units.Quantity` with shape (2,), angle or length
        The range of the half-number radius.

    rng : `~numpy.random.Generator`, int or None, optional
        The source of randomness.

    Returns
    -------
    a : `~astropy.units.Quantity` with shape (n,)
        The scale radii, in the unit of ``a``.

    gamma : `~numpy.ndarray` with shape (n,)
        The slopes.

    r_h : `~astropy.units.Quantity` with shape (n,)
        The half-number radii, in the unit of ``a``.

    Raises
    ------
    ValueError
        If a range is not increasing and positive, or no profile of the region
        has such a half-number radius.

    References
    ----------
    Bialopetravicius & Narbutis (2020), A&A 633, A148, Section 2.1.

    Examples
    --------
    >>> import astropy.units as u
    >>> a, gamma, r_h = draw_eff(
    ...     5, a=[0.04, 1.2] * u.arcsec, gamma=(2.05, 8.0), r_h=[0.04, 0.4] * u.arcsec, rng=1
    ... )
    >>> bool((r_h < 0.4 * u.arcsec).all())
    True
    """
    unit = getattr(a, 'unit', u.arcsec)
    a = _check_range(strip_unit(a, unit, 'a'), 'a', 0)
    _check_scale(a[0] * unit, 'a')
    gamma = _check_range(gamma, 'gamma', _GAMMA_MIN)
    r_h = _check_range(strip_unit(r_h, unit, 'r_h'), 'r_h', 0)
    if _eff_radius(0.5, a[1], gamma[0]) < r_h[0] or _eff_radius(0.5, a[0], gamma[1]) > r_h[1]:
        msg = f'r_h must be a range that a and gamma reach, got {r_h} {unit}'
        raise ValueError(msg)
    drawn = _draw_eff(n, a, gamma, r_h, np.random.default_rng(rng))
    return drawn[0] * unit, drawn[1], drawn[2] * unit


def _draw_eff(n, a, gamma, r_h, rng):
    """Return a, gamma and r_h as an array (3, n); radii and their ranges in one unit."""
    kept = np.empty((3, 0))
    for _ in range(_MAX_ROUNDS):
        n_try = _N_TRY * (n - kept.shape[1])
        try_a = np.exp(rng.uniform(*np.log(a), n_try))
        try_gamma = np.exp(rng.uniform(*np.log(gamma), n_try))
        try_r_h = _eff_radius(0.5, try_a, try_gamma)
        inside = (try_r_h >= r_h[0]) & (try_r_h <= r_h[1])
        kept = np.hstack([kept, np.stack([try_a, try_gamma, try_r_h])[:, inside]])
        if kept.shape[1] >= n:
            return kept[:, :n]
    msg = f'r_h must be a range that a and gamma reach more often, got {r_h}'
    raise ValueError(msg)


def _eff_radius(fraction, a, gamma):
    """Return the radius that holds a fraction of the stars, in the unit of a."""
    log = -2 / (gamma - 2) * np.log1p(-fraction)
    return a * np.sqrt(np.expm1(np.minimum(log, _MAX_LOG)))


def _check_scale(value, name):
    """Raise unless a value is one positive angle or length."""
    unit = u.pc if getattr(value, 'unit', None) and value.unit.is_equivalent(u.pc) else u.arcsec
    scale = strip_unit(value, unit, name)
    if np.ndim(scale) or not 0 < scale < math.inf:
        msg = f'{name} must be one positive angle or length, got {value}'
        raise ValueError(msg)


def _check_range(values, name, least):
    """Return a range as two numbers that increase from above the least value."""
    values = np.asarray(values, float)
    if values.shape != (2,) or not least < values[0] < values[1] < math.inf:
        msg = f'{name} must be two increasing values above {least}, got {values}'
        raise ValueError(msg)
    return values
