# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.simulator.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from starcnn import Simulator
from starcnn.families.gaia_cmd.members import Members
from starcnn.families.gaia_cmd.simulator import Options, population, sample, simulate
from starcnn.families.gaia_cmd.spec import A_V_OFFSET


def cluster(**columns):
    """Return the parameters of one cluster."""
    table = QTable({'age': [5e8] * u.yr, 'a_v': [0.6] * u.mag, 'distance': [1.1] * u.kpc})
    for name, value in columns.items():
        table[name] = [value] if not isinstance(value, u.Quantity) else u.Quantity([value])
    return table


def test_same_rng_same_mocks():
    """The same rng gives the same parameters and the same stars."""
    first, again = (Simulator('gaia_cmd').sample(3, rng=4) for _ in range(2))
    for name in first.colnames:
        np.testing.assert_array_equal(first[name], again[name])
    (stars, _), (others, _) = (
        simulate(first, Options(), np.random.default_rng(1)) for _ in range(2)
    )
    for name in stars.colnames:
        np.testing.assert_array_equal(stars[name], others[name])


def test_sample_within_the_options():
    """Parameters are in their ranges, and all clusters have stars above their limit."""
    options = Options(binary_fraction=(0.2, 0.3), contamination=(0.1, 0.2), n_stars=(20, 60))
    parameters = sample(40, options, np.random.default_rng(2))
    assert len(parameters) == 40
    for name, (low, high) in {
        'binary_fraction': (0.2, 0.3),
        'contamination': (0.1, 0.2),
        'n_stars': (20, 60),
        'a_v': (0, 6),
        'feh': (-0.8, 0.5),
    }.items():
        values = np.asarray(parameters[name])
        assert values.min() >= low
        assert values.max() <= high
    stars, truth = simulate(parameters[:5], options, np.random.default_rng(3))
    assert truth['n_stars'].tolist() == parameters['n_stars'][:5].tolist()
    assert len(stars) == truth['n_stars'].sum()


def test_defaults():
    """Age, A_V and distance are enough."""
    stars, truth = simulate(cluster(), Options(), np.random.default_rng(1))
    assert truth['n_stars'].tolist() == [200]
    assert truth['faint_limit'][0] == 18 * u.mag
    assert truth['binary_fraction'][0] == 0.3
    assert truth['contamination'][0] == 0
    assert truth['cluster'].tolist() == [0]
    assert Members.from_table(stars).n_stars.tolist() == [200]


def test_faint_limit():
    """No star is fainter than the limit by more than its error."""
    stars, _ = simulate(cluster(faint_limit=15 * u.mag), Options(), np.random.default_rng(1))
    assert stars['phot_g_mean_mag'].max() < 15.01 * u.mag


def test_stars_scatter_around_the_isochrone():
    """Without binaries and field, colours are those of the isochrone within their errors."""
    parameters = cluster(binary_fraction=0.0, n_stars=500, faint_limit=16 * u.mag)
    stars, _ = simulate(parameters, Options(), np.random.default_rng(5))
    line = population().apparent_isochrone(
        age=5e8 * u.yr, m_h=0.0, distance=1.1 * u.kpc, a_v=(0.6 + A_V_OFFSET) * u.mag
    )
    main = line[line['phase'] <= 1]
    main = main[: np.argmin(main['Gaia_G'])]
    colour = (main['Gaia_BP'] - main['Gaia_RP']).value[::-1]
    g = stars['phot_g_mean_mag'].value
    fainter = g > main['Gaia_G'].value.min() + 1
    expected = np.interp(g[fainter], main['Gaia_G'].value[::-1], colour)
    found = (stars['phot_bp_mean_mag'] - stars['phot_rp_mean_mag']).value[fainter]
    assert np.abs(np.median(found - expected)) < 0.003
    assert np.std(found - expected) == pytest.approx(0.0146, abs=0.003)


def test_parallaxes():
    """Parallaxes scatter around the distance's, with the zero point of DR2."""
    many = QTable({'age': [1e9] * 40 * u.yr, 'a_v': [0] * 40 * u.mag, 'distance': [1] * 40 * u.kpc})
    stars, _ = simulate(many, Options(), np.random.default_rng(6))
    assert np.median(stars['parallax'].value) == pytest.approx(1 - 0.029, abs=0.02)
    assert (stars['parallax_error'] > 0 * u.mas).all()


def test_contamination():
    """Field stars have lower membership probabilities."""
    clean, _ = simulate(cluster(n_stars=800), Options(), np.random.default_rng(7))
    dirty, truth = simulate(
        cluster(n_stars=800, contamination=0.5), Options(), np.random.default_rng(7)
    )
    assert truth['n_stars'].tolist() == [800]
    assert clean['prob_member'].mean() == pytest.approx(0.8, abs=0.02)
    assert dirty['prob_member'].mean() < 0.72
    assert np.ptp(np.percentile(dirty['parallax'], [5, 95])) > 1.5 * np.ptp(
        np.percentile(clean['parallax'], [5, 95])
    )


def test_a_v_offset():
    """The offset of the catalogue's A_V is an option; stars behind more dust are redder."""
    colours = [
        np.median(np.subtract(*(table[f'phot_{band}_mean_mag'].value for band in ('bp', 'rp'))))
        for table, _ in (
            simulate(cluster(), Options(a_v_offset=offset), np.random.default_rng(8))
            for offset in (0.0, 0.5)
        )
    ]
    assert colours[1] - colours[0] == pytest.approx(0.21, abs=0.05)


def test_no_star_bright_enough():
    """A cluster without stars above the limit has none, and the truth says so."""
    parameters = cluster(faint_limit=5 * u.mag)
    stars, truth = simulate(parameters, Options(), np.random.default_rng(1))
    assert len(stars) == 0
    assert truth['n_stars'].tolist() == [0]


def test_parameters_missing_or_outside():
    """What is missing, without unit or outside the isochrones is refused."""
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match=r"parameters must have the columns .*missing \['a_v'\]"):
        simulate(cluster()['age', 'distance'], Options(), rng)
    with pytest.raises(u.UnitsError, match=r"parameters\['age'\] must have a unit like yr"):
        simulate(cluster(age=5e8), Options(), rng)
    with pytest.raises(ValueError, match='parameters must have at least one row'):
        simulate(cluster()[:0], Options(), rng)
    with pytest.raises(ValueError, match='age must be'):
        simulate(cluster(age=30 * u.Gyr), Options(), rng)
    with pytest.raises(ValueError, match='m_h must be'):
        simulate(cluster(feh=3.0), Options(), rng)


@pytest.mark.parametrize(
    ('name', 'value', 'match'),
    [
        ('realistic', 1.5, 'realistic must be between 0 and 1, got 1.5'),
        ('fixed_limit', -1, 'fixed_limit must be between 0 and 1'),
        ('binary_fraction', (0.5, 0.2), 'binary_fraction must be a range within 0 to 1'),
        ('contamination', (0.0, 2.0), 'contamination must be a range within 0 to 1'),
        ('n_stars', (0, 10), 'n_stars must be two whole numbers from 1 to 50000'),
        ('n_stars', 5, 'n_stars must be two whole numbers from 1 to 50000, got 5'),
        ('n_stars', (1.5, 2.5), 'n_stars must be two whole numbers'),
        ('n_stars', (60_000, 70_000), 'n_stars must be two whole numbers'),
        ('a_v_offset', np.nan, 'a_v_offset must be a number from 0 to below 5, got nan'),
        ('feh_scatter', -1, 'feh_scatter must be a number from 0'),
        ('colour_scatter', 'much', 'colour_scatter must be a number from 0'),
    ],
)
def test_wrong_options(name, value, match):
    """Options out of range are refused by name."""
    with pytest.raises(ValueError, match=match):
        Simulator('gaia_cmd', **{name: value})


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('age', np.nan * u.yr),
        ('distance', -1 * u.kpc),
        ('distance', 0 * u.kpc),
        ('a_v', -0.2 * u.mag),
        ('a_v', np.nan * u.mag),
        ('binary_fraction', 2.0),
        ('contamination', -0.1),
        ('differential_reddening', -1 * u.mag),
        ('n_stars', -5),
        ('n_stars', 50.5),
        ('faint_limit', np.nan * u.mag),
        ('dec', 200 * u.deg),
    ],
)
def test_wrong_parameters(name, value):
    """A parameter that cannot be is refused by name."""
    with pytest.raises(ValueError, match=rf"parameters\['{name}'\] must be"):
        simulate(cluster(**{name: value}), Options(), np.random.default_rng(1))


def test_unknown_parameter():
    """A misspelled column is refused, so that no default takes its place."""
    with pytest.raises(ValueError, match=r"got \['binary_fractoin'\]"):
        simulate(cluster(binary_fractoin=0.2), Options(), np.random.default_rng(1))


def test_least_parallax():
    """With the cut of the catalogue, no star has a smaller parallax."""
    table = cluster(distance=3.5 * u.kpc)
    options = {'parallax_cut': 1.0}
    stars, truth = simulate(table, Options(**options), np.random.default_rng(1))
    assert (stars['parallax'] > 0.2 * u.mas).all()
    every, _ = simulate(table, Options(), np.random.default_rng(1))
    assert (every['parallax'] <= 0.2 * u.mas).any()
    assert truth['n_stars'][0] == len(stars)
