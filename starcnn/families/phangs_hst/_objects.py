# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Sources of the four classes as lists of points of light, whose size is left open.
"""

from typing import NamedTuple

import astropy.units as u
import numpy as np

from starcnn.sky import EFF

__all__ = ['SHAPES', 'Shape', 'make_shape']

# Stars of a cluster that stand alone; the others are one smooth distribution of so many points.
_N_BRIGHT = 150
_N_SMOOTH = 240
_N_GALAXY = 1500

# The golden angle, by which points on a spiral are as even as they can be (Vogel 1979).
_GOLDEN = np.pi * (3 - np.sqrt(5))

# Exponents of EFF profiles: of young clusters (Elson, Fall & Freeman 1987; Ryon et al. 2017, ApJ
# 841, 92, Section 4). Points are drawn to this part of the light, since the rest is very far out.
_GAMMA = (2.3, 5.0)
_MOST = 0.97

# Class 1 is round within this, class 2 flatter; axis ratios.
_ROUND = (0.85, 1.0)
_FLAT = (0.3, 0.65)
_ANY = (0.6, 1.0)

# Asymmetric clusters of class 2: the part of the light that is beside, how far and how much wider
# than the rest it is, in half-light radii; too wide for a second peak.
_BESIDE = (0.25, 0.4)
_SHIFT = (0.8, 1.6)
_WIDER = (1.2, 1.8)

# A cluster of class 1 is the most symmetric of so many places of its stars.
_N_PLACES = 6

# Class 3: the number of peaks, how bright they are relative to the first, the standard deviation
# of their places (pc), and the least distance of neighbours (pixels): peaks that touch are one.
# Sizes of young associations: Gouliermis 2018, PASP 130, 072001.
_N_PEAKS = (3, 7)
_PEAKS = (0.3, 0.95)
_SPREAD = (3.0, 14.0)
_SPREAD_PIXELS = (2.0, 7.0)
_APART = 2.2

# Peaks are farther apart by so many pixels per mag, where the concentration index is less than
# this, and by no more than so many: those of compact ones do not fall in the aperture.
_COMPACT = (5.0, 1.8, 2.5)

# The part of the light of associations that is diffuse, and its extent in units of the spread.
_DIFFUSE = (0.1, 0.4)
_HALO = (1.5, 4.0)

# The least part of the light that a peak has before it gets its share.
_LEAST_LIGHT = 1e-4

# The size that solves for the concentration index, pixels, by kind.
_SCALES = np.geomspace(0.05, 7, 17)
_GALAXY_SCALES = np.geomspace(0.3, 12, 14)
_WIDE = np.geomspace(0.4, 4, 16)

# Class 4: faint neighbours of single stars, the second star of a pair, in units of the first; the
# number of stars in a group, and how bright the faintest are: the more, the wider the group.
_N_FAINT = 3
_FAINT = (0.02, 0.15)
_SECOND = (0.25, 1.0)
_N_GROUP = (4, 9)
_LEAST, _LEAST_LIMITS, _CI_COMPACT = (0.15, 1.0), (0.12, 0.8), 1.5

# Bulges of galaxies are smaller, the wider the galaxies are.
_BULGE_CI = (2.1, 0.5)

# Sersic indices and axis ratios of background galaxies; the half-light radius of the bulge in
# units of that of the disc.
_SERSIC = (0.7, 2.0)
_BULGE_SERSIC = (2.0, 4.0)
_BULGE_SIZE = (0.15, 0.5)
_RATIO = (0.25, 1.0)

# Colours of old stars minus those of galaxies as a whole, mag in each filter: bulges are redder.
_REDDER = np.array([1.2, 0.8, 0.3, 0.0, -0.2])


class Shape(NamedTuple):
    """
    Points of light: each is at ``fixed + scale * moving``, pixels from the centre of the source.
    """

    fixed: np.ndarray  # (2, n): x and y
    moving: np.ndarray  # (2, n)
    flux: np.ndarray  # (n, n_filter), in units that are the same within a filter
    scales: np.ndarray  # what the scale may be, pixels


def make_shape(kind, stars, row, rng):
    """
    Return a source of a kind.

    Parameters
    ----------
    kind : str
        One of `SHAPES`.

    stars : object
        Where stars come from: ``cluster(row, rng, n_bright)`` returns the
        fluxes of the brightest stars (n, n_filter) and of the others together
        (n_filter,), ``field_stars(n, rng)`` those of n stars of the disc.

    row : `~astropy.table.Row`
        The parameters of the source.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    shape : `Shape`
        The points.
    """
    return SHAPES[kind](stars, row, rng)


def _spiral(radii):
    """Return points (2, n) at radii on a spiral that fills the plane evenly."""
    angle = _GOLDEN * np.arange(len(radii))
    return radii * np.array([np.cos(angle), np.sin(angle)])


def _profile(rng):
    """Return an EFF profile whose half-light radius is one."""
    gamma = np.exp(rng.uniform(*np.log(_GAMMA)))
    return EFF(a=1 / np.sqrt(2 ** (2 / (gamma - 2)) - 1) * u.arcsec, gamma=gamma)


def _draw(profile, n, rng):
    """Return points (2, n) drawn from a profile."""
    radii = profile._radius(rng.random(n) * _MOST)
    angle = rng.uniform(0, 2 * np.pi, n)
    return radii * np.array([np.cos(angle), np.sin(angle)])


def _spread(profile, n):
    """Return even points (2, n) of a profile and their parts of the light; few are in the core."""
    u_ = (np.arange(n) + 0.5) / n
    fraction = _MOST * (1 - (1 - u_) ** 2)
    weights = 2 * (1 - u_)
    return _spiral(profile._radius(fraction)), weights / weights.sum()


def _flatten(points, ratio, angle):
    """Return points on ellipses of an axis ratio, as large as the circles."""
    x, y = points[0] / np.sqrt(ratio), points[1] * np.sqrt(ratio)
    return np.array([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)])


def _asymmetry(points, light):
    """Return how far the light in points is from symmetric: its dipole and its quadrupole."""
    radius = np.hypot(*points)
    weights = light / (1 + radius**2)
    x, y = points
    terms = [x, y, (x**2 - y**2) / (radius + 1e-9), 2 * x * y / (radius + 1e-9)]
    return sum(abs((weights * term).sum()) for term in terms) / weights.sum()


def _centre(points, light, within=3.0):
    """Return points relative to the centre of their light; the farthest do not count."""
    near = np.hypot(*points) < within
    weights = light * near
    return points - (points @ weights / max(weights.sum(), 1e-300))[:, np.newaxis]


def _cluster(stars, row, rng, *, ratio, n_places):
    """Return the points and the fluxes of a cluster with one peak."""
    bright, faint = stars.cluster(row, rng, _N_BRIGHT)
    profile, light = _profile(rng), bright[:, -2]
    trials = [_draw(profile, len(bright), rng) for _ in range(n_places)]
    places = min(trials, key=lambda points: _asymmetry(points, light))
    smooth, weights = _spread(profile, _N_SMOOTH)
    points = np.concatenate([places, smooth], axis=1)
    flux = np.concatenate([bright, weights[:, np.newaxis] * faint])
    return _flatten(points, rng.uniform(*ratio), rng.uniform(0, np.pi)), flux


def _symmetric(stars, row, rng):
    """Class 1: round and symmetric."""
    points, flux = _cluster(stars, row, rng, ratio=_ROUND, n_places=_N_PLACES)
    return Shape(np.zeros_like(points), _centre(points, flux[:, -2]), flux, _SCALES)


def _elongated(stars, row, rng):
    """Class 2: flat."""
    points, flux = _cluster(stars, row, rng, ratio=_FLAT, n_places=2)
    return Shape(np.zeros_like(points), _centre(points, flux[:, -2]), flux, _SCALES)


def _asymmetric(stars, row, rng):
    """Class 2: a cluster with a wider part of its stars to one side."""
    points, flux = _cluster(stars, row, rng, ratio=_ANY, n_places=1)
    beside = rng.random(points.shape[1]) < rng.uniform(*_BESIDE)
    shift, angle = rng.uniform(*_SHIFT), rng.uniform(0, 2 * np.pi)
    points[:, beside] *= rng.uniform(*_WIDER)
    points[:, beside] += shift * np.array([[np.cos(angle)], [np.sin(angle)]])
    return Shape(np.zeros_like(points), _centre(points, flux[:, -2]), flux, _SCALES)


def _draw_peaks(n, spread, apart, rng):
    """Return the places (2, n) of peaks that are apart from one another, the first at zero."""
    places = np.zeros((2, 1))
    for _ in range(200):
        if places.shape[1] == n:
            break
        new = spread * rng.standard_normal((2, 1))
        if np.hypot(*(places - new)).min() > apart:
            places = np.concatenate([places, new], axis=1)
    return places


def _association(stars, row, rng):
    """Class 3: several peaks of one age on diffuse light, with single stars of that age around."""
    bright, faint = stars.cluster(row, rng, _N_BRIGHT)
    to_pixels = stars.pixels_per_pc
    spread = np.clip(np.exp(rng.uniform(*np.log(_SPREAD))) * to_pixels, *_SPREAD_PIXELS)
    apart = _APART + np.clip(_COMPACT[0] * (_COMPACT[1] - row['ci']), 0, _COMPACT[2])
    spread = max(spread, apart)
    peaks = _draw_peaks(int(rng.integers(_N_PEAKS[0], _N_PEAKS[1] + 1)), spread, apart, rng)
    n = peaks.shape[1]
    shares = np.append(1.0, rng.uniform(*_PEAKS, n - 1))
    diffuse = rng.uniform(*_DIFFUSE)
    of_peak = rng.choice(n, len(bright), p=shares / shares.sum())
    of_peak[rng.random(len(bright)) < diffuse] = -1
    member = of_peak >= 0
    halo = spread * rng.uniform(*_HALO)
    profile = _profile(rng)
    fixed = np.where(member, peaks[:, of_peak], halo / 2 * rng.standard_normal((2, len(bright))))
    moving = np.where(member, _draw(profile, len(bright), rng), 0)
    parts = [(fixed, moving, bright)]
    for i in range(n):
        points, weights = _spread(profile, _N_SMOOTH // 4)
        light = weights[:, np.newaxis] * faint * (1 - diffuse) * shares[i] / shares.sum()
        parts.append((np.repeat(peaks[:, [i]], len(weights), axis=1), points, light))
    radii = halo * np.sqrt(-2 * np.log1p(-(np.arange(_N_SMOOTH) + 0.5) / _N_SMOOTH))
    parts.append(
        (
            _flatten(_spiral(radii), rng.uniform(0.5, 1), rng.uniform(0, np.pi)),
            np.zeros((2, _N_SMOOTH)),
            np.broadcast_to(faint * diffuse / _N_SMOOTH, (_N_SMOOTH, len(faint))),
        )
    )
    fixed, moving = (np.concatenate([part[i] for part in parts], axis=1) for i in (0, 1))
    flux = np.concatenate([part[2] for part in parts]).copy()
    smooth = np.repeat(np.append(np.arange(n), -1), [*[_N_SMOOTH // 4] * n, _N_SMOOTH])
    _balance(flux, np.append(of_peak, smooth), shares / shares.sum(), diffuse)
    return Shape(fixed, moving, flux, _SCALES[spread > _SCALES])


def _balance(flux, of_peak, shares, diffuse):
    """Scale the light of each peak (diffuse light is -1), in place, to its share of all light."""
    total = flux[:, -2].sum()
    for i, share in enumerate([*((1 - diffuse) * shares), diffuse]):
        which = of_peak == (i if i < len(shares) else -1)
        flux[which] *= share * total / max(flux[which, -2].sum(), _LEAST_LIGHT * total)


def _star(stars, _row, rng):
    """Class 4: one star, with faint neighbours that make it wide enough for a candidate."""
    flux = stars.field_stars(1 + _N_FAINT, rng)
    light = np.append(1.0, rng.uniform(*_FAINT, _N_FAINT))
    return _scatter(flux, light, rng, 1.0)


def _saturated(stars, _row, rng):
    """Class 4: a star so bright that pixels cannot hold its light."""
    zero = np.zeros((2, 1))
    return Shape(zero, zero, stars.field_stars(1, rng), np.zeros(1))


def _pair(stars, _row, rng):
    """Class 4: two stars."""
    return _scatter(stars.field_stars(2, rng), np.append(1.0, rng.uniform(*_SECOND)), rng, 1.0)


def _group(stars, row, rng):
    """Class 4: stars of the field that happen to be close; the wider, the more equal."""
    n = int(rng.integers(*_N_GROUP))
    least = np.clip(_LEAST[0] + _LEAST[1] * (row['ci'] - _CI_COMPACT), *_LEAST_LIMITS)
    light = np.append(1.0, np.exp(rng.uniform(np.log(least), 0, n - 1)))
    return _scatter(stars.field_stars(n, rng), light, rng, 0.4)


def _scatter(flux, light, rng, inner):
    """Return stars of given light in the detection filter around the first, unit distance away."""
    n = len(flux)
    flux = flux * (light / flux[:, -2])[:, np.newaxis]
    radius, angle = rng.uniform(inner, 1, n), rng.uniform(0, 2 * np.pi, n)
    moving = radius * np.array([np.cos(angle), np.sin(angle)])
    moving[:, 0] = 0
    return Shape(np.zeros((2, n)), moving, flux, _WIDE)


class _Sersic(NamedTuple):
    """A Sersic profile of half-light radius one."""

    n: float

    def _radius(self, fraction):
        """
        Return the radii of circles with parts of the light.

        Ciotti (1991, A&A 249, 99): the light within r is an incomplete gamma function.
        """
        from scipy.special import gammaincinv

        return (gammaincinv(2 * self.n, fraction) / gammaincinv(2 * self.n, 0.5)) ** self.n


def _galaxy(_stars, row, rng):
    """Class 4: a galaxy far behind, with a disc and a bulge."""
    bulge = rng.beta(1, 2) * np.clip((_BULGE_CI[0] - row['ci']) / _BULGE_CI[1], 0.05, 1)
    angle, ratio = rng.uniform(0, np.pi), rng.uniform(*_RATIO)
    disc = _spread(_Sersic(rng.uniform(*_SERSIC)), _N_GALAXY)
    core = _spread(_Sersic(rng.uniform(*_BULGE_SERSIC)), _N_GALAXY // 2)
    red = 10 ** (-0.4 * rng.uniform(0.3, 1.0) * _REDDER)
    moving = np.concatenate(
        [
            _flatten(disc[0], ratio, angle),
            rng.uniform(*_BULGE_SIZE) * _flatten(core[0], np.sqrt(ratio), angle),
        ],
        axis=1,
    )
    flux = np.concatenate(
        [
            (1 - bulge) * disc[1][:, np.newaxis] * np.ones(len(red)),
            bulge * core[1][:, np.newaxis] * red,
        ]
    )
    return Shape(np.zeros_like(moving), moving, flux, _GALAXY_SCALES)


SHAPES = {
    'symmetric': _symmetric,
    'elongated': _elongated,
    'asymmetric': _asymmetric,
    'association': _association,
    'star': _star,
    'saturated': _saturated,
    'pair': _pair,
    'group': _group,
    'galaxy': _galaxy,
    'hot_pixel': _group,
    'cosmic_ray': _group,
}
