# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stamps of sources in a simulated galaxy: sizes that give their light profiles, pixels, noise.
"""

from typing import NamedTuple

import astropy.units as u
import numpy as np

from starcnn.images import bleed, charge_track, psf_wings

from ._apertures import RADII, concentration
from ._galaxies import CELL, blurred
from ._objects import make_shape
from .spec import FILTERS

__all__ = ['corrections', 'draw_stamps']

_V = FILTERS.index('F555W')

# Points farther than this from the centre of their cell are left out, pixels.
_EDGE = 30.0

# Where a candidate is in its stamp: anywhere in a pixel, and where the detection finds it.
_JITTER, _ERROR = 0.5, 0.2

# The concentration index of the clusters by which LEGUS corrects its apertures, about the median.
_REFERENCE_CI = 1.55
_REFERENCE_SCALES = np.linspace(0.05, 4, 80)

# The electrons that a pixel of WFC3/UVIS holds in one exposure (Dressel 2012, WFC3 Instrument
# Handbook for Cycle 21, Section 5.4.5: 63,000 to 72,000), and exposures of each filter.
_FULL_WELL = 68_000.0

# Sources are centred on their light in a window that ends at so many pixels, as often as this.
_WINDOW, _N_CENTRE = 4.0, 2

# What is added to the concentration index asked for, mag: sources on which charge falls are wider,
# since charge is narrow; the others are by what noise, pixels and the light of the disc change.
_CI_ABOVE = {
    'hot_pixel': 0.3,
    'cosmic_ray': 0.3,
    'symmetric': 0.02,
    'elongated': 0.05,
    'asymmetric': 0.06,
    'association': 0.02,
    'pair': 0.03,
    'group': 0.03,
}

# Kinds of stars, and the magnitude in F555W above which their wings are lost in the noise.
_STARS = ('star', 'pair', 'group', 'saturated')
_BRIGHT = 19.0

# How much fainter in F555W sources are on which charge falls, mag, for charge is light, too.
_BELOW = {'hot_pixel': 0.05, 'cosmic_ray': 0.35}

# Means above this have normal photon noise, of the same variance.
_MANY = 16.0

# Dust beside associations: the largest A_V, its extent (pixels), and how far it is.
_DUST = (0.2, 1.5)
_DUST_SIZE = (4.0, 12.0)
_DUST_APART = (3.0, 14.0)

# The lengths of tracks of particles, pixels, and how far charge is from the source in the filter
# of the detection and in others, each of which has some with a chance.
_TRACK = (1.0, 8.0)
_NEAR, _FAR, _OTHERS = 0.4, 8.0, 0.25

# The least part of its light that a source is taken to have in the aperture.
_LEAST_INSIDE = 0.1

# The largest charge in units of the light of the source.
_MOST_CHARGE = 1.5


class _Drawn(NamedTuple):
    """A source whose size is known."""

    points: np.ndarray  # (2, n), pixels from its centre
    flux: np.ndarray  # (n, n_filter), electron/s
    scale: float  # pixels


def draw_stamps(rows, galaxy, rng):
    """
    Return stamps of sources in one galaxy.

    Parameters
    ----------
    rows : `~astropy.table.QTable`
        The parameters of the sources.

    galaxy : `Galaxy`
        Where they are.

    rng : `~numpy.random.Generator`
        The random numbers of the disc and the noise; those of a source are of
        its ``seed``.

    Returns
    -------
    stamps : `~numpy.ndarray` with shape (n, n_filter, ny, nx)
        The stamps, electron/s.

    scales : `~numpy.ndarray` with shape (n,)
        The sizes of the sources: half-light radii of clusters and galaxies,
        arcsec; NaN of others.
    """
    observatory, n = galaxy.observatory, len(rows)
    ny, nx = observatory.options.shape
    side = observatory.side(n)
    frame = galaxy.draw_frame(side, rng)
    stamps = np.empty((n, len(FILTERS), ny, nx), np.float32)
    scales = np.full(n, np.nan)
    n_cell = observatory.cells(n)
    for start in range(0, n, n_cell**2):
        part = rows[start : start + n_cell**2]
        streams = [np.random.default_rng([int(row['seed']), 1]) for row in part]
        sources = [_make(row, galaxy, stream) for row, stream in zip(part, streams, strict=True)]
        cells = _draw_cells(sources, streams, galaxy, n_cell)
        for i, (row, source, stream) in enumerate(zip(part, sources, streams, strict=True)):
            stamp = _cut(frame, ny, nx, rng)
            if row['kind'] == 'association':
                stamp = stamp * _dust(ny, nx, observatory, stream)
            _paste(stamp, cells[i])
            stamp = _add_artifacts(stamp, row, source, observatory, stream)
            stamps[start + i] = _expose(stamp, observatory, rng)
            scales[start + i] = source.scale * observatory.pixel_scale
    return stamps, scales


def _make(row, galaxy, rng):
    """Return a source with the size that gives its concentration index, and its magnitudes."""
    observatory = galaxy.observatory
    shape = make_shape(str(row['kind']), galaxy, row, rng)
    apertures = observatory.apertures(galaxy.place.blur)
    for _ in range(_N_CENTRE):
        scale = _solve(shape, apertures, row['ci'] + _CI_ABOVE.get(str(row['kind']), 0))
        points = shape.fixed + scale * shape.moving
        centre = _find_centre(points, shape.flux[:, _V])
        shape = shape._replace(fixed=shape.fixed - centre)
        points -= centre
    distance = np.hypot(*points)
    flux = shape.flux.copy()
    factors = corrections(observatory, galaxy.place.blur)
    for i, name in enumerate(observatory.options.filters):
        rate = 10 ** (0.4 * (observatory.zero_points[i] - row[name].to_value(u.mag)))
        rate *= 10 ** (-0.4 * _BELOW.get(str(row['kind']), 0)) if i == _V else 1
        inside = apertures.part(i, 2, distance) @ flux[:, i]
        inside = max(inside, _LEAST_INSIDE * flux[:, i].sum())
        flux[:, i] *= rate / (inside * factors[i])
    return _Drawn(points, flux, scale)


def _find_centre(points, light):
    """Return where a detection centres points of light that are about the origin, (2, 1)."""
    weights = light * np.maximum(1 - np.hypot(*points) / _WINDOW, 0)
    total = weights.sum()
    return (points @ weights / total if total > 0 else np.zeros(2))[:, np.newaxis]


def _solve(shape, apertures, target):
    """Return the scale at which a shape has a concentration index, or the nearest to it."""
    scales = shape.scales
    if len(scales) == 1:
        return float(scales[0])
    points = shape.fixed + scales[:, np.newaxis, np.newaxis] * shape.moving
    distance = np.hypot(points[:, 0], points[:, 1])
    light = shape.flux[:, _V]
    small, large = (apertures.part(_V, i, distance) @ light for i in (0, 1))
    ci = concentration(small, large)
    above = np.flatnonzero(ci >= target)
    if not len(above):
        return float(scales[np.nanargmax(ci)])
    i = above[0]
    if i == 0:
        return float(scales[0])
    w = (target - ci[i - 1]) / (ci[i] - ci[i - 1])
    return float(scales[i - 1] ** (1 - w) * scales[i] ** w)


def corrections(observatory, blur):
    """Return all light of a typical cluster, in units of that in the aperture, by filter."""
    key = 'corrections', blur
    if key not in observatory.kept:
        apertures = observatory.apertures(blur)
        radii = np.sqrt(1 / (1 - (np.arange(200) + 0.5) / 200) - 1)  # a Plummer sphere
        distance = _REFERENCE_SCALES[:, np.newaxis] * radii
        small, large = (apertures.part(_V, i, distance).mean(axis=1) for i in (0, 1))
        best = np.abs(concentration(small, large) - _REFERENCE_CI).argmin()
        parts = [apertures.part(i, 2, distance[best]).mean() for i in range(len(FILTERS))]
        observatory.kept[key] = 1 / np.array(parts)
    return observatory.kept[key]


def _draw_cells(sources, streams, galaxy, n_cell):
    """Return images of sources (n, n_filter, CELL, CELL) without noise, electron/s."""
    observatory = galaxy.observatory
    side = observatory.side(n_cell**2)
    middle = (np.arange(n_cell) - (n_cell - 1) / 2) * CELL
    odd = np.array([[n % 2] for n in observatory.options.shape[::-1]]) / 2  # cells are even
    points, fluxes = [], []
    for i, (source, rng) in enumerate(zip(sources, streams, strict=True)):
        place = rng.uniform(-_JITTER, _JITTER, (2, 1)) + _ERROR * rng.standard_normal((2, 1))
        at = source.points + place + odd
        near = np.abs(at).max(axis=0) < _EDGE
        offset = np.array([[middle[i % n_cell]], [middle[i // n_cell]]])
        points.append(at[:, near] + offset)
        fluxes.append(source.flux[near])
    x, y = np.concatenate(points, axis=1)
    frame = observatory.renderer(side)._render(x, y, np.concatenate(fluxes))
    frame = blurred(np.maximum(frame, 0), galaxy.place.blur)
    start = (side - n_cell * CELL) // 2
    frame = frame[:, start : start + n_cell * CELL, start : start + n_cell * CELL]
    cells = frame.reshape(len(frame), n_cell, CELL, n_cell, CELL).transpose(1, 3, 0, 2, 4)
    return cells.reshape(-1, len(frame), CELL, CELL)


def _cut(frame, ny, nx, rng):
    """Return a patch of a frame, turned and mirrored at random."""
    k, mirror = rng.integers(4), rng.integers(2)
    y, x = (rng.integers(n - max(ny, nx) + 1) for n in frame.shape[1:])
    size = (nx, ny) if k % 2 else (ny, nx)
    patch = np.rot90(frame[:, y : y + size[0], x : x + size[1]], k, axes=(1, 2))
    return patch[:, :, ::-1].copy() if mirror else patch.copy()


def _paste(stamp, cell):
    """Add the image of a source to a stamp, in place, centre on centre."""
    index, inside = [], []
    for n in stamp.shape[1:]:
        start = (n - CELL) // 2
        index.append(slice(max(start, 0), min(start + CELL, n)))
        inside.append(slice(max(-start, 0), min(CELL, n - start)))
    stamp[:, index[0], index[1]] += cell[:, inside[0], inside[1]]


def _dust(ny, nx, observatory, rng):
    """Return the part of the light (n_filter, ny, nx) that a cloud beside the centre lets pass."""
    a_v, size, apart = (rng.uniform(*limits) for limits in (_DUST, _DUST_SIZE, _DUST_APART))
    angle, ratio = rng.uniform(0, 2 * np.pi), rng.uniform(1, 3)
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in (ny, nx))
    dx, dy = columns - apart * np.cos(angle), rows[:, np.newaxis] - apart * np.sin(angle)
    along = dx * np.sin(angle) - dy * np.cos(angle)
    across = dx * np.cos(angle) + dy * np.sin(angle)
    cloud = np.exp(-0.5 * ((along / ratio) ** 2 + across**2) / size**2)
    return 10 ** (-0.4 * a_v * observatory.ratios[:, np.newaxis, np.newaxis] * cloud)


def _add_artifacts(stamp, row, source, observatory, rng):
    """Return a stamp with the charge and the wings that its kind has; full pixels bleed."""
    kind = row['kind']
    if kind in ('hot_pixel', 'cosmic_ray'):
        for i in np.flatnonzero((rng.random(len(stamp)) < _OTHERS) | (np.arange(len(stamp)) == _V)):
            length = rng.uniform(*_TRACK) if kind == 'cosmic_ray' else 0.0
            x, y = rng.normal(0, _NEAR if i == _V else _FAR, 2)
            angle = rng.uniform(0, np.pi) * u.rad
            track = charge_track(stamp.shape[1:], x=x, y=y, length=length, angle=angle)
            stamp[i] += _charge(track, source, row, observatory) * track
    elif kind in _STARS and row[observatory.options.filters[_V]].to_value(u.mag) < _BRIGHT:
        scale = observatory.pixel_scale * u.arcsec
        for plane, psf, light in zip(stamp, observatory.psfs, source.flux.sum(axis=0), strict=True):
            plane += light * psf_wings(psf, shape=plane.shape, pixel_scale=scale)
    for i, band in enumerate(observatory.bands):
        limit = _FULL_WELL * band.n_exposures / band.exposure_time.to_value(u.s)
        if stamp[i].max() > limit:
            stamp[i] = bleed(stamp[i], limit)
    return stamp


def _charge(track, source, row, observatory):
    """Return the charge that brings a source to its concentration index, electron/s."""
    apertures = observatory.apertures(observatory.options.blur[0])
    distance, light = np.hypot(*source.points), source.flux[:, _V]
    flux = [apertures.part(_V, i, distance) @ light for i in (0, 1)]
    ny, nx = track.shape
    radius = np.hypot(np.arange(nx) - (nx - 1) / 2, np.arange(ny)[:, np.newaxis] - (ny - 1) / 2)
    parts = [(track * np.clip(limit + 0.5 - radius, 0, 1)).sum() for limit in RADII[:2]]
    ratio = 10 ** (0.4 * row['ci'])
    needed = (flux[1] - ratio * flux[0]) / max(ratio * parts[0] - parts[1], 1e-9)
    return float(np.clip(needed, 0, _MOST_CHARGE * flux[1]))


def _expose(stamp, observatory, rng):
    """Return a stamp with the noise of photons and of the read-out; the sky is subtracted."""
    mean = ((stamp + observatory.sky) * observatory.times).astype(np.float32)
    noise = rng.standard_normal(mean.shape, np.float32)
    counts = mean + np.sqrt(np.maximum(mean, 0)) * noise
    few = mean < _MANY
    counts[few] = rng.poisson(np.maximum(mean[few], 0))
    counts += rng.standard_normal(mean.shape, np.float32) * observatory.read_noise
    return counts / observatory.times - observatory.sky
