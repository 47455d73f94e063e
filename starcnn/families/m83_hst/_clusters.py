# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Clusters without background and noise: their parameters, their stars, their images.
"""

from numbers import Integral
from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.table import QTable

from starcnn.sky import EFF, draw_eff
from starcnn.sky._units import strip_unit

from ._setup import N_BRIGHT, N_FAINT

# Unit of each column of parameters; the last two have defaults: drawn.
_COLUMNS = {
    'age': u.yr,
    'a_v': u.mag,
    'mass': u.solMass,
    'r_h': u.arcsec,
    'gamma': u.one,
    'seed': u.one,
}
_DRAWN = ('gamma', 'seed')

# What some parameters must be above; an EFF profile with a smaller gamma has infinitely many stars.
_LOWER = {'age': 0.0, 'mass': 0.0, 'r_h': 0.0, 'gamma': 2.0}

# Columns of the truth that are not parameters, so that a truth can be simulated again.
_IGNORED = {'visibility', 'class', 'density'}

_MAX_SEED = 2**62
_STARS, _PLACES = range(2)  # the two uses of a seed

_LEAST_SCATTER = 1e-12  # electron/s: below all noise

# The mean number of draws per cluster at which drawing is given up.
_PATIENCE = 400


class Clusters(NamedTuple):
    """Images of clusters without background, electron/s, and their mean fluxes."""

    images: np.ndarray  # (n, n_filter, ny, nx)
    flux: np.ndarray  # (n, n_filter): mean of the pixels within r_h,obs
    magnitudes: np.ndarray  # (n, n_filter): integrated, apparent


def draw_parameters(n, setup, rng):
    """Return parameters of ``n`` clusters that are bright enough."""
    found, missing, n_drawn = [], n, 0
    while missing > 0 or not found:
        if n_drawn > _PATIENCE * (n - missing + 1):
            msg = (
                'magnitude_limits must let clusters be drawn, '
                f'got {n - missing} bright enough in {n_drawn} draws'
            )
            raise ValueError(msg)
        drawn = _draw(max(2 * missing, 1), setup.options, rng)
        n_drawn += len(drawn)
        is_bright = np.array([_is_bright(row, setup) for row in drawn], bool)
        found.append(drawn[is_bright][:missing])
        missing -= len(found[-1])
    parts = [np.concatenate([part[name] for part in found]) for name in _COLUMNS]
    return QTable(dict(zip(_COLUMNS, parts, strict=True)))


def _draw(n, options, rng):
    """Return parameters of clusters whether bright enough or not."""
    log_age = _uniform(options.log_age, options.log_age_step, n, rng)
    a_v = _uniform(options.a_v, options.a_v_step, n, rng)
    _, gamma, r_h = draw_eff(
        n,
        a=options.a * u.arcsec,
        gamma=options.gamma,
        r_h=options.r_h * u.arcsec,
        rng=rng,
    )
    return QTable(
        {
            'age': 10**log_age * u.yr,
            'a_v': a_v * u.mag,
            'mass': 10 ** rng.uniform(*options.log_mass, n) * u.solMass,
            'r_h': r_h,
            'gamma': gamma,
            'seed': rng.integers(_MAX_SEED, size=n),
        }
    )


def _half_radius(a, gamma):
    """Return the radii that hold half of the stars (Elson, Fall & Freeman 1987, integrated)."""
    return a * np.sqrt(2 ** (2 / (gamma - 2)) - 1)


def _uniform(limits, step, n, rng):
    """Return even draws: multiples of the step from the lower limit, or any number."""
    if not step:
        return rng.uniform(*limits, n)
    n_steps = int(np.floor((limits[1] - limits[0]) / step + 1e-9))
    return np.round(limits[0] + step * rng.integers(n_steps + 1, size=n), 9)


def _is_bright(row, setup):
    """Whether a cluster is brighter than the limit in all filters."""
    stars = _draw_stars(row, setup)
    return bool((_magnitudes(stars, setup) <= np.array(setup.options.magnitude_limits)).all())


def _draw_stars(row, setup):
    """Return the stars of a cluster, which its seed decides."""
    return setup.synthesis._draw(
        row['mass'].to_value(u.solMass),
        float(np.log10(row['age'].to_value(u.yr))),
        setup.m_h,
        float(row['a_v'].to_value(u.mag)),
        setup.options.r_v,
        np.random.default_rng([int(row['seed']), _STARS]),
        n_bright=N_BRIGHT,
    )


def _magnitudes(stars, setup):
    """Return the integrated apparent magnitudes."""
    with np.errstate(divide='ignore'):
        return -2.5 * np.log10(stars.bright.sum(axis=0) + stars.faint) + setup.modulus


def complete(parameters, setup, rng):
    """Return the parameters in units, checked, with those that are missing drawn."""
    names = set(parameters.colnames)
    missing = sorted(set(_COLUMNS) - set(_DRAWN) - names)
    if missing:
        msg = f'parameters must have the columns age, a_v, mass and r_h; missing {missing}'
        raise ValueError(msg)
    unknown = sorted(names - set(_COLUMNS) - _IGNORED - _magnitude_names(setup))
    if unknown:
        msg = f'parameters must have columns among {list(_COLUMNS)}, got {unknown}'
        raise ValueError(msg)
    n = len(parameters)
    rows = QTable()
    for name, unit in _COLUMNS.items():
        if name not in names:
            continue
        column = parameters[name]
        if np.any(getattr(column, 'mask', False)):
            msg = f'parameters[{name!r}] must not be masked, got {np.sum(column.mask)} such rows'
            raise ValueError(msg)
        label = f'parameters[{name!r}]'
        values = np.asarray(column) if unit is u.one else strip_unit(column, unit, label)
        _check_values(values, name, label)
        rows[name] = values if unit is u.one else values * unit
    if 'gamma' not in names:
        low, high = np.log(setup.options.gamma)
        rows['gamma'] = np.exp(rng.uniform(low, high, n))
    if 'seed' not in names:
        rows['seed'] = rng.integers(_MAX_SEED, size=n)
    elif not all(isinstance(seed, Integral) for seed in rows['seed'].tolist()):
        msg = f"parameters['seed'] must be integers, got {rows['seed'].dtype}"
        raise TypeError(msg)
    return rows


def _check_values(values, name, label):
    """Raise unless the values of a parameter can be."""
    if name in _LOWER:
        is_right, text = values > _LOWER[name], f'above {_LOWER[name]:g}'
    else:
        is_right, text = values >= 0, 'not negative'
    is_right &= np.isfinite(values)
    if not is_right.all():
        msg = f'{label} must be finite and {text}, got {values[~is_right][0]}'
        raise ValueError(msg)


def _magnitude_names(setup):
    """Return the columns of magnitudes in the truth."""
    return set(setup.options.filters)


def make_clusters(rows, setup):
    """Return the images of clusters without background and noise."""
    n, n_filters = len(rows), len(setup.bands)
    images = np.zeros((n, n_filters, *setup.options.shape), np.float32)
    flux, magnitudes = np.zeros((n, n_filters)), np.zeros((n, n_filters))
    for i, row in enumerate(rows):
        stars = _draw_stars(row, setup)
        magnitudes[i] = _magnitudes(stars, setup)
        rates = 10 ** (-0.4 * (setup.modulus - setup.zero_points))
        rng = np.random.default_rng([int(row['seed']), _PLACES])
        x0, y0 = rng.uniform(-1, 1, 2) * setup.options.offset
        r_h = row['r_h'].to_value(u.arcsec)
        gamma = float(row['gamma'])
        profile = EFF(a=r_h / _half_radius(1.0, gamma) * u.arcsec, gamma=gamma)
        n_bright = len(stars.bright)
        n_places = n_bright + min(stars.n_faint, N_FAINT)
        x, y = profile._sample_xy(n_places, rng)
        x, y = x / setup.pixel_scale + x0, y / setup.pixel_scale + y0
        images[i] = setup.renderer._render(
            x[:n_bright],
            y[:n_bright],
            stars.bright * rates,
            (x[n_bright:], y[n_bright:], stars.faint * rates),
        )
        flux[i] = _mean_flux(images[i], r_h, setup.distances(x0, y0), setup)
    return Clusters(images, flux, magnitudes)


def _mean_flux(image, r_h, distances, setup):
    """Return the mean of the pixels within r_h,obs: r_h and the PSF, added in quadrature."""
    radii = np.hypot(r_h, setup.psf_radii) / setup.pixel_scale
    radii = np.maximum(radii, distances.min())  # one pixel at least
    return np.array(
        [plane[distances <= radius].mean() for plane, radius in zip(image, radii, strict=True)]
    )


def background_statistics(fields, setup):
    """Return the medians of backgrounds and their deviations near the centre, (n, n_filter)."""
    near = fields[:, :, setup.aperture]
    n_pixels = fields.shape[2] * fields.shape[3]
    return np.median(fields.reshape(*fields.shape[:2], n_pixels), axis=2), near.std(axis=2)


def visibilities(flux, scatter):
    """Return the visibility of clusters, the mean over the filters of equation 2 of the paper."""
    return (flux / np.maximum(scatter, _LEAST_SCATTER)).mean(axis=1)
