# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock Gaia DR2 members of open clusters.
"""

from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real

import astropy.units as u
import numpy as np
from astropy.table import QTable, vstack

from starcnn.files import read_files
from starcnn.images.noise import _magnitude_error, _parallax_error
from starcnn.plugins import SimulatorBackend
from starcnn.plugins._manager import open_file
from starcnn.sky import (
    CHABRIER2003,
    KROUPA2001,
    SALPETER1955,
    Isochrones,
    Photometry,
    StellarPopulation,
)

from ._parameters import FAINT_LIMIT, check_number, check_range, complete
from ._places import draw_centres, place
from .spec import (
    A_V_OFFSET,
    A_V_RANGE,
    BIBCODE,
    ISOCHRONES,
    LOG_AGE_RANGE,
    N_STARS_MAX,
    NAME,
    PHOTOMETRY,
)

__all__ = ['BACKEND', 'Options', 'population', 'sample', 'simulate']

# Parallaxes of DR2 are too small by 0.029 mas on average and vary by 0.043 mas on scales of
# degrees (Lindegren et al. 2018, A&A 616, A2, Sections 4.2 and 5.4).
_PARALLAX_OFFSET = -0.029
_PARALLAX_SYSTEMATIC = 0.043

# The most stars that an open cluster is born with: those of the richest, some 10^4 solMass.
_N_BORN = 50_000

# The smallest parallax in the catalogue of Liu & Pang (2019), mas.
_LEAST_PARALLAX = 0.2

# The largest scatter of [Fe/H], dex, and of colours, mag, and the largest offset of A_V, mag: the
# extinctions of stars are tabulated up to A_V = 10, of which the clusters take 6.
_LARGEST = {'feh_scatter': 1.0, 'colour_scatter': 1.0, 'a_v_offset': 4.0}

# The mean number of draws per cluster at which drawing is given up.
_PATIENCE = 200

_IMFS = tuple(imf.name for imf in (CHABRIER2003, KROUPA2001, SALPETER1955))

# sigma(m) = 1.0857 / (flux over error): 2.5 / ln 10.
_POGSON = 2.5 / np.log(10)


@dataclass(frozen=True, kw_only=True)
class Options:
    """
    What `sample` draws from, and how `simulate` observes.

    Parameters
    ----------
    realistic : float
        The fraction of clusters whose parameters follow the distribution of the
        known clusters; the others are uniform in log age, A_V and distance
        modulus.

    feh_scatter : float
        The standard deviation of [Fe/H] around the Sun's (Netopil et al. 2016,
        A&A 585, A150).

    binary_fraction, contamination : tuple of float
        The ranges of the fraction of unresolved binaries and of field stars.

    n_stars : tuple of int
        The range of the number of stars.

    law : str
        The extinction law; see `starcnn.sky.Photometry`.

    imf : str
        The initial mass function; see `starcnn.sky.get_imf`.

    fixed_limit : float
        The fraction of clusters that end at G = 18, as the catalogue does; the
        others end between 15.5 and 19.

    a_v_offset : float
        What is added to A_V before the stars are reddened, mag. The A_V of
        Cantat-Gaudin et al. (2020), the scale of the family, are lower by this
        much than the mean of three other catalogues, and than what brings
        PARSEC isochrones onto the real stars: see the page of the family.

    parallax_cut : float
        The fraction of clusters of which only the stars with parallaxes above
        0.2 mas are listed, as in the catalogue of Liu & Pang (2019, ApJS 245,
        32), from which half of the real members come.

    colour_scatter : float
        The scatter of BP and RP beyond the formal errors, mag: crowding and
        background (Evans et al. 2018, A&A 616, A4, Section 6).
    """

    realistic: float = 0.7
    feh_scatter: float = 0.12
    binary_fraction: tuple[float, float] = (0.1, 0.6)
    contamination: tuple[float, float] = (0.0, 0.7)
    n_stars: tuple[int, int] = (10, N_STARS_MAX)
    law: str = 'CCM89'
    imf: str = 'kroupa2001'
    fixed_limit: float = 0.7
    a_v_offset: float = A_V_OFFSET
    parallax_cut: float = 0.0
    colour_scatter: float = 0.01

    def __post_init__(self):
        for name in ('realistic', 'fixed_limit', 'parallax_cut'):
            check_number(name, getattr(self, name), 1)
        for name, largest in _LARGEST.items():
            check_number(name, getattr(self, name), largest)
        for name in ('binary_fraction', 'contamination'):
            check_range(name, getattr(self, name), Real, 0, 1)
        check_range('n_stars', self.n_stars, Integral, 1, _N_BORN)
        if not isinstance(self.law, str):
            msg = f'law must be the name of an extinction law, got {self.law!r}'
            raise ValueError(msg)
        if self.imf not in _IMFS:
            msg = f'imf must be one of {list(_IMFS)}, got {self.imf!r}'
            raise ValueError(msg)


@cache
def population(law='CCM89', imf='kroupa2001'):
    """
    Return the stellar population behind the mocks, from the packaged tables.

    Parameters
    ----------
    law, imf : str, optional
        See `starcnn.sky.StellarPopulation`.

    Returns
    -------
    population : `~starcnn.sky.StellarPopulation`
        The population in Gaia's DR2 passbands.
    """
    tables = {file.tag: open_file(file) for file in read_files('starcnn.sky', 'data')}
    photometry = Photometry.read(tables[PHOTOMETRY])
    isochrones = Isochrones.read(tables[ISOCHRONES]).with_photometry(photometry)
    return StellarPopulation(isochrones=isochrones, photometry=photometry, law=law, imf=imf)


def sample(n, options, rng):
    """
    Draw the parameters of clusters that have stars above their faint limit.

    Parameters
    ----------
    n : int
        The number of clusters.

    options : `Options`
        What to draw from.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    parameters : `~astropy.table.QTable` with ``n`` rows
        The columns ``age``, ``a_v``, ``distance``, ``feh``, ``n_stars``,
        ``binary_fraction``, ``differential_reddening``, ``contamination``,
        ``faint_limit``, and the centre's ``ra`` and ``dec``.

    Raises
    ------
    ValueError
        If the options leave hardly any cluster with enough stars above its limit.
    """
    stars = population(options.law, options.imf)
    found, missing, n_drawn = [], n, 0
    while not found or missing > 0:
        if n_drawn >= _PATIENCE * (n - missing + 1):
            msg = (
                'options must let clusters have stars above their limits, '
                f'got {n - missing} such clusters in {n_drawn} draws'
            )
            raise ValueError(msg)
        drawn = _draw(max(missing, 1), options, rng)
        n_drawn += len(drawn)
        fractions = [
            stars.visible_fraction(
                age=row['age'],
                m_h=row['feh'],
                distance=row['distance'],
                a_v=row['a_v'] + options.a_v_offset * u.mag,
                faint_limit=row['faint_limit'],
            )
            for row in drawn
        ]
        n_visible = (_N_BORN * np.array(fractions)).astype(int)
        drawn['n_stars'] = np.minimum(drawn['n_stars'], n_visible)
        found.append(drawn[n_visible >= options.n_stars[0]][:missing])
        missing -= len(found[-1])
    return vstack(found)


def _draw(n, options, rng):
    """Return parameters, of clusters with and without stars above the limit."""
    real = rng.random(n) < options.realistic
    # The known clusters: medians and widths of Cantat-Gaudin et al. (2020), Figs. 6 to 8.
    log_age = np.where(real, rng.normal(8.3, 0.75, n), rng.uniform(6.4, LOG_AGE_RANGE[1], n))
    modulus = np.where(real, rng.normal(11.5, 1.4, n), rng.uniform(5, 15, n))
    mean_a_v = np.clip(0.25 * (modulus - 6), 0.1, None)
    a_v = np.where(real, rng.gamma(2, mean_a_v / 2), rng.uniform(0, 5.5, n))
    low, high = np.log(options.n_stars)
    n_stars = np.exp(np.clip(rng.normal(np.log(140), 1.0, n), low, high))
    fixed = rng.random(n) < options.fixed_limit
    centre = draw_centres(log_age, 10 ** (modulus / 5 + 1), rng)
    return QTable(
        {
            'age': 10 ** np.clip(log_age, 6.4, LOG_AGE_RANGE[1]) * u.yr,
            'a_v': np.clip(a_v, 0, A_V_RANGE[1]) * u.mag,
            'distance': 10 ** (np.clip(modulus, 4.5, 15.5) / 5 + 1) * u.pc,
            'feh': np.clip(rng.normal(0, options.feh_scatter, n), -0.8, 0.5),
            'n_stars': np.clip(n_stars.astype(int), *options.n_stars),  # exp(log n) may be below n
            'binary_fraction': rng.uniform(*options.binary_fraction, n),
            'differential_reddening': rng.exponential(0.05, n) * (0.5 + np.minimum(a_v, 3)) * u.mag,
            'contamination': options.contamination[0]
            + np.ptp(options.contamination) * rng.random(n) ** 2,
            'faint_limit': np.where(fixed, FAINT_LIMIT, rng.uniform(15.5, 19, n)) * u.mag,
            'ra': centre.ra.to(u.deg),
            'dec': centre.dec.to(u.deg),
        }
    )


def simulate(parameters, options, rng):
    """
    Make mock member tables.

    Parameters
    ----------
    parameters : `~astropy.table.QTable`
        One row per cluster. ``age``, ``a_v`` and ``distance`` are required;
        the other columns of `sample` have these defaults: solar ``feh``, 200
        ``n_stars``, a ``binary_fraction`` of 0.3, no ``differential_reddening``,
        no ``contamination``, a ``faint_limit`` of G = 18, and unknown ``ra`` and
        ``dec``, without which the stars have no positions.

    options : `Options`
        How to observe.

    rng : `~numpy.random.Generator`
        The random numbers: each cluster gets a child of its own.

    Returns
    -------
    members : `~astropy.table.QTable`
        One row per star, with the Gaia archive's column names, ``prob_member``
        and a ``cluster`` column, which holds the index of the cluster.

    truth : `~astropy.table.QTable`
        One row per cluster: ``cluster``, the parameters, and the number of
        stars, which is less than was asked for where the population has no
        stars brighter than the limit.

    Raises
    ------
    TypeError
        If a column does not hold numbers.

    ValueError
        If a column is missing or not known, has masked entries, or a parameter
        is out of its range or that of the isochrones.

    `~astropy.units.UnitsError`
        If a parameter has no unit, or one that cannot be converted.
    """
    stars = population(options.law, options.imf)
    rows = complete(parameters, _limits(stars, options))
    children = rng.spawn(len(rows))
    tables = []
    for index, (row, child) in enumerate(zip(rows, children, strict=True)):
        tables.append(_observe(_members(row, stars, options, child), row, index, options, child))
    truth = rows.copy()
    truth['n_stars'] = np.array([len(table) for table in tables], dtype=int)
    truth.add_column(np.arange(len(rows)), name='cluster', index=0)
    return vstack(tables or [_no_stars(options)], metadata_conflicts='silent'), truth


def _limits(stars, options):
    """Return the least and the largest age, A_V and [Fe/H] for which there are stars."""
    return {
        # A little more, for ages that were rounded as logarithms.
        'age': 10.0 ** (stars.isochrones.log_ages[[0, -1]] + np.array([-1e-9, 1e-9])),
        'a_v': (0.0, stars.photometry.a_v_max.value - options.a_v_offset),
        'feh': stars.isochrones.m_h[[0, -1]],
    }


def _no_stars(options):
    """Return a table without stars."""
    centre = {'ra': np.nan * u.deg, 'dec': np.nan * u.deg, 'distance': 1 * u.kpc}
    nothing = np.empty((0, 3)), np.empty(0), np.empty(0, dtype=bool)
    return _observe(nothing, centre, 0, options, np.random.default_rng(0))


def _members(row, stars, options, rng):
    """Return true magnitudes (n, 3), distances in pc and whether each star is in the cluster."""
    n_field = int(rng.binomial(row['n_stars'], row['contamination']))
    distance = row['distance'].value
    a_v, limit = row['a_v'].value + options.a_v_offset, row['faint_limit'].value
    cluster = stars._sample(
        row['n_stars'] - n_field,
        np.log10(row['age'].value),
        row['feh'],
        distance,
        a_v,
        row['binary_fraction'],
        row['differential_reddening'].value,
        limit,
        rng,
    )[:, 3:]
    groups, distances = [cluster], [np.full(len(cluster), distance)]
    most = stars.photometry.a_v_max.value
    # The field that passes a selection in parallax and proper motion: a disc of all ages near
    # the cluster's distance, its dust growing with distance.
    for n in rng.multinomial(n_field, [0.25] * 4):
        ratio = np.exp(rng.normal(0, 0.25))
        dust = min(a_v * ratio * np.exp(rng.normal(0, 0.3)), most)
        field = stars._sample(
            n,
            rng.uniform(8.5, 10.0),
            float(np.clip(rng.normal(-0.1, 0.2), -1, 0.4)),
            distance * ratio,
            dust,
            0.4,
            0.2 * dust,
            limit,
            rng,
        )[:, 3:]
        groups.append(field)
        distances.append(np.full(len(field), distance * ratio))
    member = np.arange(sum(map(len, groups))) < len(cluster)
    return np.concatenate(groups), np.concatenate(distances), member


def _observe(members, row, index, options, rng):
    """Return the stars of one cluster with errors, as a catalogue has them."""
    magnitudes, distance, member = members
    n = len(member)
    g, colour = magnitudes[:, 0], magnitudes[:, 1] - magnitudes[:, 2]
    systematic = rng.normal(_PARALLAX_OFFSET, _PARALLAX_SYSTEMATIC)
    # Members are chosen by parallax, which makes their scatter smaller than the errors.
    truncation = rng.uniform(0.25, 1.3)
    sigma = _parallax_error(g)
    parallax = 1e3 / distance + systematic + truncation * sigma * rng.normal(size=n)
    table = QTable({'cluster': np.full(n, index)})
    for name, true in zip(('g', 'bp', 'rp'), magnitudes.T, strict=True):
        error = _magnitude_error(f'Gaia_{name.upper()}', g, colour)
        extra = 0 if name == 'g' else options.colour_scatter
        observed = true + np.hypot(error, extra) * rng.normal(size=n)
        table[f'phot_{name}_mean_mag'] = observed * u.mag
        table[f'phot_{name}_mean_flux_over_error'] = _POGSON / error
    table['parallax'] = parallax * u.mas
    table['parallax_error'] = sigma * u.mas
    place(table, row, member, sigma, rng)
    certain = rng.beta(4, 1, n)
    table['prob_member'] = np.where(member, certain, certain * rng.random(n) ** 0.5)
    if options.parallax_cut > 0 and rng.random() < options.parallax_cut:
        listed = parallax > _LEAST_PARALLAX
        return table[listed] if listed.sum() >= options.n_stars[0] else table
    return table


BACKEND = SimulatorBackend(
    name=NAME,
    summary='Gaia DR2 members of open clusters from PARSEC isochrones',
    reference=BIBCODE,
    options=Options,
    sample=sample,
    simulate=simulate,
)
