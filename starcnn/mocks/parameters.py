# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Parameters of clusters: drawn from options, or given, checked and completed.
"""

from numbers import Integral

import astropy.units as u
import numpy as np
from astropy.table import QTable

from starcnn.mocks._checks import GAMMA_MIN
from starcnn.mocks._stars import draw_stars, half_radius, integrate
from starcnn.sky import draw_eff
from starcnn.sky._units import strip_unit

__all__ = ['complete_parameters', 'draw_gamma', 'draw_parameters']

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

# What some parameters must be above.
_LOWER = {'age': 0.0, 'mass': 0.0, 'r_h': 0.0, 'gamma': GAMMA_MIN}

# Columns of the truth that are not parameters, so that a truth can be simulated again.
_IGNORED = {'visibility', 'class', 'density'}

_MAX_SEED = 2**62

# The mean number of draws per cluster at which drawing is given up.
_PATIENCE = 400

_ROUNDING = 1e-9  # of radii at the ends of their range


def draw_parameters(n, setup, rng):
    """
    Draw parameters of clusters that are bright enough.

    Parameters
    ----------
    n : int
        The number of clusters.

    setup : `Setup`
        The options to draw from, with their stars.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    parameters : `~astropy.table.QTable` with ``n`` rows
        The columns ``age``, ``a_v``, ``mass``, ``r_h``, ``gamma`` and ``seed``.

    Raises
    ------
    ValueError
        If hardly any cluster is brighter than the limits, or the ranges of the
        EFF profile have no such radii.
    """
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
        found.append(drawn[_are_bright(drawn, setup)][:missing])
        missing -= len(found[-1])
    parts = [np.concatenate([part[name] for part in found]) for name in _COLUMNS]
    return QTable(dict(zip(_COLUMNS, parts, strict=True)))


def _draw(n, options, rng):
    """Return parameters of clusters whether bright enough or not."""
    log_age = _uniform(options.log_age, options.log_age_step, n, rng)
    a_v = _uniform(options.a_v, options.a_v_step, n, rng)
    gamma, r_h = _draw_profiles(n, options, rng)
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


def _draw_profiles(n, options, rng):
    """Return the exponents and the radii of half of the stars of EFF profiles."""
    if options.r_h_values:
        r_h = rng.choice(options.r_h_values, n) * u.arcsec
        return draw_gamma(r_h, options, rng), r_h
    _, gamma, r_h = draw_eff(
        n,
        a=options.a * u.arcsec,
        gamma=options.gamma,
        r_h=options.r_h * u.arcsec,
        rng=rng,
    )
    return gamma, r_h


def draw_gamma(r_h, options, rng):
    """
    Draw exponents of EFF profiles of given radii of half of the stars.

    Parameters
    ----------
    r_h : `~astropy.units.Quantity` with shape (n,), angle
        The radii.

    options : `ClusterOptions`
        The ranges of the scale radius and the exponent.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    gamma : `~numpy.ndarray` with shape (n,)
        The exponents.

    Raises
    ------
    ValueError
        If no profile in the ranges has such a radius.

    Notes
    -----
    The logarithm of gamma is even along the line of constant radius, as far as
    the scale radius is in its range. That is the distribution which
    `starcnn.sky.draw_eff` has at this radius.
    """
    radii = np.atleast_1d(strip_unit(r_h, u.arcsec, 'r_h'))
    edges = [
        a * half_radius(gamma) for a, gamma in zip(options.a, reversed(options.gamma), strict=True)
    ]
    is_off = (radii < edges[0] * (1 - _ROUNDING)) | (radii > edges[1] * (1 + _ROUNDING))
    if is_off.any():
        msg = (
            f'r_h must be radii that a and gamma reach, from {edges[0]:.4g} to {edges[1]:.4g} '
            f'arcsec, got {radii[is_off][0]:g}'
        )
        raise ValueError(msg)
    # On the line, a larger scale radius has a larger exponent.
    low, high = (np.clip(_exponent(radii / a), *options.gamma) for a in options.a)
    return np.exp(rng.uniform(np.log(low), np.log(high)))


def _exponent(r_h):
    """Return the exponent of profiles with a radius of half of the stars, in scale radii."""
    return 2 + 2 / np.log2(1 + r_h**2)


def _uniform(limits, step, n, rng):
    """Return even draws: multiples of the step from the lower limit, or any number."""
    if not step:
        return rng.uniform(*limits, n)
    n_steps = int(np.floor((limits[1] - limits[0]) / step + 1e-9))
    return np.round(limits[0] + step * rng.integers(n_steps + 1, size=n), 9)


def _are_bright(rows, setup):
    """Return which clusters are brighter than the limit in all filters."""
    if np.isposinf(setup.magnitude_limits).all():
        return np.ones(len(rows), bool)
    magnitudes = [integrate(draw_stars(row, setup), setup) for row in rows]
    return (np.array(magnitudes) <= setup.magnitude_limits).all(axis=1)


def complete_parameters(parameters, setup, rng):
    """
    Return parameters in the units of the simulators, checked, with what is missing drawn.

    Parameters
    ----------
    parameters : `~astropy.table.QTable`
        One row per cluster, with ``age``, ``a_v``, ``mass`` and ``r_h``;
        ``gamma`` and ``seed`` are drawn where there are none. Other columns of
        a truth table are left out.

    setup : `Setup`
        The options, which say what ``gamma`` is drawn from.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    rows : `~astropy.table.QTable`
        The columns of `draw_parameters`.

    Raises
    ------
    TypeError, ValueError
        If a column is missing, not known or masked, or a parameter is out of
        range.

    `~astropy.units.UnitsError`
        If a parameter has another unit.
    """
    names = set(parameters.colnames)
    missing = sorted(set(_COLUMNS) - set(_DRAWN) - names)
    if missing:
        msg = f'parameters must have the columns age, a_v, mass and r_h; missing {missing}'
        raise ValueError(msg)
    unknown = sorted(names - set(_COLUMNS) - _IGNORED - set(setup.options.filters))
    if unknown:
        msg = f'parameters must have columns among {list(_COLUMNS)}, got {unknown}'
        raise ValueError(msg)
    rows = QTable()
    for name, unit in _COLUMNS.items():
        if name in names:
            rows[name] = _check_column(parameters[name], name, unit)
    if 'gamma' not in names:
        rows['gamma'] = np.exp(rng.uniform(*np.log(setup.options.gamma), len(parameters)))
    if 'seed' not in names:
        rows['seed'] = rng.integers(_MAX_SEED, size=len(parameters))
    elif not all(isinstance(seed, Integral) for seed in rows['seed'].tolist()):
        msg = f"parameters['seed'] must be integers, got {rows['seed'].dtype}"
        raise TypeError(msg)
    return rows


def _check_column(column, name, unit):
    """Return a column of parameters in its unit, if its values can be."""
    label = f'parameters[{name!r}]'
    if np.any(getattr(column, 'mask', False)):
        msg = f'{label} must not be masked, got {np.sum(column.mask)} such rows'
        raise ValueError(msg)
    values = np.asarray(column) if unit is u.one else strip_unit(column, unit, label)
    if name in _LOWER:
        is_right, text = values > _LOWER[name], f'above {_LOWER[name]:g}'
    else:
        is_right, text = values >= 0, 'not negative'
    is_right &= np.isfinite(values)
    if not is_right.all():
        msg = f'{label} must be finite and {text}, got {values[~is_right][0]}'
        raise ValueError(msg)
    return values if unit is u.one else values * unit
