# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Labelled stamps of the four classes, in simulated galaxies of 3 to 20 Mpc.
"""

from numbers import Integral

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from starcnn.plugins import SimulatorBackend
from starcnn.sky._units import strip_unit

from ._drawing import draw_stamps
from ._galaxies import Galaxy, Place, find_places, get_observatory
from ._objects import SHAPES
from ._options import KINDS, Options
from ._populations import draw_hosts, draw_sources, quantile_table
from .spec import BIBCODE, CLASSES, FILTERS, NAME

__all__ = ['BACKEND', 'Options', 'sample', 'sample_like_legus', 'simulate']

_RATE = u.electron / u.s
_MAX_SEED = 2**62

# How closely kinds of class 4 follow the concentration index.
_CORRELATION = 0.85

# Apparent magnitudes of saturated stars in F555W.
_SATURATED = (15.0, 18.3)

# The limits of A_V and of masses, which the tails of the distributions go beyond.
_A_V_MAX = 4.5
_MASS = (100.0, 3e6)

_UNITS = {'distance': u.Mpc, 'age': u.yr, 'mass': u.solMass, 'a_v': u.mag}
_OF_CLUSTERS = ('age', 'mass', 'a_v')
_LOWER = {'distance': 1e-3, 'age': 1.0, 'mass': 1.0, 'a_v': 0.0}

# The kinds of each class.
_KINDS = {
    '1': ('symmetric',),
    '2': ('elongated', 'asymmetric'),
    '3': ('association',),
    '4': KINDS,
}


def sample(n, options, rng):
    """
    Draw labelled sources of several galaxies.

    Parameters
    ----------
    n : int
        The number of sources.

    options : `Options`
        What to draw from.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    parameters : `~astropy.table.QTable` with ``n`` rows
        ``class``, ``kind``, ``galaxy`` (a number), ``distance``, ``age``,
        ``mass`` and ``a_v`` (NaN in class 4), an apparent Vega magnitude for
        each filter, the concentration index ``ci``, and ``seed``.
    """
    shares = np.array(options.shares) / np.sum(options.shares)
    labels = np.array(options.classes)[rng.choice(len(shares), n, p=shares)]
    first, n_all = options.galaxies
    n_galaxies = min(-(-n // options.stamps_per_galaxy), n_all)
    chosen = first + rng.choice(n_all, max(n_galaxies, 1), replace=False)
    galaxy = chosen[rng.integers(len(chosen), size=n)]
    places = {number: place.distance for number, place in _places(chosen, options).items()}
    distance = np.array([places[number] for number in galaxy])
    return _make_parameters(labels, galaxy, distance, options, rng)


def sample_like_legus(labels, options, rng):
    """
    Draw sources of some classes at the distances that those of LEGUS have.

    Parameters
    ----------
    labels : sequence of str
        The classes.

    options : `Options`
        What to draw from, but for classes, galaxies and their distances.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    parameters : `~astropy.table.QTable`
        As `sample`; the galaxies are the fields of LEGUS.
    """
    labels = np.asarray(labels)
    field, distance = draw_hosts(labels, rng)
    return _make_parameters(labels, options.galaxies[0] + field, distance, options, rng)


def _places(numbers, options):
    """Return the places of galaxies by number."""
    return dict(zip(numbers.tolist(), find_places(numbers, options), strict=True))


def _make_parameters(labels, galaxy, distance, options, rng):
    """Return the table of parameters of sources of classes, in galaxies at distances (Mpc)."""
    drawn = draw_sources(labels, distance, rng)
    kinds = _draw_kinds(labels, drawn, options, rng)
    magnitudes = _magnitudes(drawn, distance)
    saturated = kinds == 'saturated'
    shift = rng.uniform(*_SATURATED, len(labels)) - magnitudes[FILTERS.index('F555W')]
    magnitudes[:, saturated] += shift[saturated]
    is_cluster = labels != '4'
    columns = {
        'age': 10 ** drawn['log_age'] * u.yr,
        'mass': np.clip(10 ** drawn['log_mass'], *_MASS) * u.solMass,
        'a_v': np.minimum(options.r_v * drawn['e_bv'], _A_V_MAX) * u.mag,
    }
    table = QTable({'class': labels, 'kind': kinds, 'galaxy': galaxy})
    table['distance'] = distance * u.Mpc
    for name, values in columns.items():
        table[name] = np.where(is_cluster, values.value, np.nan) * values.unit
    for name, values in zip(options.filters, magnitudes, strict=True):
        table[name] = values * u.mag
    table['ci'] = drawn['ci']
    table['seed'] = rng.integers(_MAX_SEED, size=len(labels))
    return table


def _magnitudes(drawn, distance):
    """Return apparent magnitudes (n_filter, n)."""
    v = drawn['m_v'] + 5 * np.log10(distance * 1e5)
    b = v + drawn['b_v']
    ultraviolet = b + drawn['u_b']
    return np.array([ultraviolet + drawn['nuv_u'], ultraviolet, b, v, v - drawn['v_i']])


def _draw_kinds(labels, drawn, options, rng):
    """Return the kinds of sources; the wider a source of class 4, the more is it a galaxy."""
    kinds = np.empty(len(labels), f'U{max(map(len, SHAPES))}')
    for label in CLASSES[:-1]:
        which = labels == label
        kinds[which] = rng.choice(_KINDS[label], which.sum())
    others = labels == CLASSES[-1]
    kinds[others] = _draw_kinds_of_others(drawn['ci'][others], options, rng)
    return kinds


def _draw_kinds_of_others(ci, options, rng):
    """Return kinds of class 4 in their shares, in the order of `KINDS` on average."""
    from scipy.special import ndtr, ndtri

    levels, quantiles = quantile_table(CLASSES[-1])
    score = ndtri(np.interp(ci, quantiles['ci'], levels))
    score = _CORRELATION * score + np.sqrt(1 - _CORRELATION**2) * rng.standard_normal(len(ci))
    shares = np.cumsum(options.kind_shares) / np.sum(options.kind_shares)
    return np.array(KINDS)[np.searchsorted(shares[:-1], ndtr(score), side='right')]


def simulate(parameters, options, rng):
    """
    Make stamps of sources in simulated galaxies.

    Parameters
    ----------
    parameters : `~astropy.table.QTable`
        The columns of `sample`.

    options : `Options`
        How to observe.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    stamps : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps, electron/s, without the sky. ``meta`` has ``filters``,
        ``pixel_scale``, ``BACKGRND`` and ``sources``.

    truth : `~astropy.table.QTable`
        The parameters, and ``r_h``: the half-light radius of the clusters of
        classes 1 and 2 and of galaxies, arcsec (NaN of others); and of the
        galaxy ``surface_brightness`` (F555W), ``field_a_v`` and ``blur``.

    Raises
    ------
    TypeError, ValueError
        If a column is missing, or a value is out of range.

    `~astropy.units.UnitsError`
        If a column has another unit.
    """
    rows = _check(parameters, options)
    observatory = get_observatory(options)
    shape = (len(rows), len(FILTERS), *options.shape)
    stamps, r_h = np.empty(shape, np.float32), np.full(len(rows), np.nan)
    numbers, distances = np.asarray(rows['galaxy']), rows['distance'].to_value(u.Mpc)
    places = _places(np.unique(numbers), options)
    groups = sorted(set(zip(numbers.tolist(), distances.tolist(), strict=True)))
    streams = rng.spawn(len(groups))
    for (number, distance), stream in zip(groups, streams, strict=True):
        which = np.flatnonzero((numbers == number) & (distances == distance))
        galaxy = Galaxy(Place(distance, *places[number][1:]), observatory)
        for part in np.array_split(which, -(-len(which) // options.stamps_per_galaxy)):
            stamps[part], r_h[part] = draw_stamps(rows[part], galaxy, stream)
    sources = QTable({'id': np.arange(1, len(rows) + 1)})
    meta = {'filters': options.filters, 'pixel_scale': options.pixel_scale}
    meta |= {'BACKGRND': 'simulated', 'sources': sources}
    return NDData(stamps, unit=_RATE, meta=meta), _make_truth(rows, r_h, places)


def _make_truth(rows, r_h, places):
    """Return the truth: the parameters, sizes, and what is of the galaxies."""
    truth = rows.copy()
    sized = np.isin(rows['kind'], ('symmetric', 'elongated', 'asymmetric', 'galaxy'))
    truth['r_h'] = np.where(sized, r_h, np.nan) * u.arcsec
    values = np.array([places[number][1:] for number in rows['galaxy']]).reshape(-1, 3)
    truth['surface_brightness'] = values[:, 0] * u.mag / u.arcsec**2
    truth['field_a_v'] = values[:, 1] * u.mag
    truth['blur'] = values[:, 2] * u.pix
    truth.meta['BACKGRND'] = 'simulated'
    return truth


def _check(parameters, options):
    """Return the columns that are parameters, in their units, if they can be."""
    names = ('class', 'kind', 'galaxy', *_UNITS, *options.filters, 'ci', 'seed')
    missing = sorted(set(names) - set(parameters.colnames))
    if missing:
        msg = f'parameters must have the columns {list(names)}; missing {missing}'
        raise ValueError(msg)
    rows = QTable({name: np.asarray(parameters[name], str) for name in ('class', 'kind')})
    for label, kind in sorted(set(zip(rows['class'].tolist(), rows['kind'].tolist(), strict=True))):
        if kind not in _KINDS.get(label, ()):
            msg = (
                f'parameters must have classes among {list(CLASSES)} and kinds of them, {_KINDS}, '
                f'got {kind!r} of class {label!r}'
            )
            raise ValueError(msg)
    for name in ('galaxy', 'seed'):
        values = np.asarray(parameters[name]).tolist()
        if not all(isinstance(value, Integral) and value >= 0 for value in values):
            msg = f'parameters[{name!r}] must be integers from 0, got {parameters[name].dtype}'
            raise TypeError(msg)
        rows[name] = np.asarray(parameters[name])
    is_cluster = rows['class'] != '4'
    for name in (*_UNITS, *options.filters):
        unit = _UNITS.get(name, u.mag)
        low = _LOWER.get(name, -np.inf)
        needed = is_cluster if name in _OF_CLUSTERS else np.ones(len(rows), bool)
        rows[name] = _check_values(parameters, name, unit, low, needed)
    everyone = np.ones(len(rows), bool)
    rows['ci'] = _check_values(parameters, 'ci', u.one, -np.inf, everyone).value
    return rows[list(names)]


def _check_values(parameters, name, unit, low, needed):
    """Return a column as a quantity, finite and not too low where it is needed."""
    label = f'parameters[{name!r}]'
    column = parameters[name]
    values = np.asarray(column if unit is u.one else strip_unit(column, unit, label), float)
    wrong = needed & ~(np.isfinite(values) & (values >= low))
    if wrong.any():
        msg = f'{label} must be finite and at least {low:g}, got {values[wrong][0]}'
        raise ValueError(msg)
    return values * unit


BACKEND = SimulatorBackend(
    name=NAME,
    summary='HST stamps of the four classes of LEGUS in simulated galaxies',
    reference=BIBCODE,
    options=Options,
    sample=sample,
    simulate=simulate,
)
