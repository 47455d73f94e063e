# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.simulator.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table

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
    with pytest.raises(u.UnitsError, match=r"parameters\['age'\] must have a unit like yr, got pc"):
        simulate(cluster(age=5 * u.pc), Options(), rng)
    with pytest.raises(u.UnitsError, match=r"parameters\['feh'\] must have no unit, got mag"):
        simulate(cluster(feh=0.1 * u.mag), Options(), rng)
    with pytest.raises(ValueError, match=r'parameters must have both ra and dec or neither'):
        simulate(cluster(ra=10 * u.deg), Options(), rng)
    with pytest.raises(ValueError, match=r"parameters\['dec'\] must be numbers from -90 to 90 deg"):
        simulate(cluster(ra=10 * u.deg, dec=200 * u.deg), Options(), rng)


@pytest.mark.parametrize('value', ['many', True, [5, 5]])
def test_parameters_that_are_no_numbers(value):
    """A column of text, of truth values or of arrays is refused by name."""
    with pytest.raises(
        TypeError, match=r"parameters\['n_stars'\] must hold one number per cluster"
    ):
        simulate(cluster(n_stars=value), Options(), np.random.default_rng(1))


def test_masked_parameters():
    """A parameter that is masked is refused by name."""
    table = Table(cluster())
    table['a_v'] = MaskedColumn([0.5], mask=[True], unit=u.mag)
    for masked in (table, QTable(table)):
        with pytest.raises(ValueError, match=r"parameters\['a_v'\] must be known"):
            simulate(masked, Options(), np.random.default_rng(1))


def test_metallicity_in_dex():
    """[Fe/H] may have the unit dex, which files keep."""
    expected, _ = simulate(cluster(feh=-0.2), Options(), np.random.default_rng(1))
    found, _ = simulate(cluster(feh=-0.2 * u.dex), Options(), np.random.default_rng(1))
    np.testing.assert_array_equal(found['parallax'], expected['parallax'])


def test_no_clusters():
    """No parameters give no stars, in a table with all columns."""
    simulator = Simulator('gaia_cmd')
    stars, truth = simulator.simulate(simulator.sample(0, rng=1), rng=1)
    assert len(stars) == len(truth) == 0
    expected, expected_truth = simulate(cluster(), Options(), np.random.default_rng(1))
    for table, other in ((stars, expected), (truth, expected_truth)):
        assert table.colnames == other.colnames
        assert [table[n].dtype for n in table.colnames] == [other[n].dtype for n in other.colnames]
        assert [table[n].unit for n in table.colnames] == [other[n].unit for n in other.colnames]


def test_truth_can_be_simulated_again():
    """The truth is a table of parameters."""
    _, truth = simulate(cluster(n_stars=30), Options(), np.random.default_rng(1))
    _, again = simulate(truth, Options(), np.random.default_rng(1))
    assert again.colnames == truth.colnames


def test_number_of_stars_within_the_option():
    """The least number of stars is kept to, whatever the rounding of its logarithm."""
    for n in (3, 29, 113):
        parameters = sample(5, Options(n_stars=(n, n)), np.random.default_rng(1))
        assert set(parameters['n_stars']) == {n}


def test_options_that_leave_no_cluster():
    """Drawing ends with an error where hardly any cluster has enough stars."""
    options = Options(n_stars=(50_000, 50_000))
    with pytest.raises(ValueError, match='got 0 such clusters in 200 draws'):
        sample(1, options, np.random.default_rng(1))


@pytest.mark.parametrize(
    ('name', 'value', 'match'),
    [
        ('realistic', 1.5, 'realistic must be a number from 0 to 1, got 1.5'),
        ('realistic', 'very', 'realistic must be a number from 0 to 1'),
        ('fixed_limit', -1, 'fixed_limit must be a number from 0 to 1'),
        ('parallax_cut', np.nan, 'parallax_cut must be a number from 0 to 1'),
        ('binary_fraction', 0.3, 'binary_fraction must be a range of numbers within 0 to 1'),
        ('binary_fraction', (0.5, 0.2), 'binary_fraction must be a range of numbers within 0'),
        ('contamination', (0.0, 2.0), 'contamination must be a range of numbers within 0 to 1'),
        ('contamination', (0.0, np.nan), 'contamination must be a range of numbers within 0'),
        ('n_stars', (0, 10), 'n_stars must be a range of whole numbers within 1 to 50000'),
        ('n_stars', 5, 'n_stars must be a range of whole numbers within 1 to 50000, got 5'),
        ('n_stars', (1.5, 2.5), 'n_stars must be a range of whole numbers'),
        ('n_stars', (True, 5), 'n_stars must be a range of whole numbers'),
        ('n_stars', (60_000, 70_000), 'n_stars must be a range of whole numbers'),
        ('a_v_offset', np.nan, 'a_v_offset must be a number from 0 to 4, got nan'),
        ('a_v_offset', 0.3 * u.mag, 'a_v_offset must be a number from 0 to 4, got <Quantity'),
        ('feh_scatter', -1, 'feh_scatter must be a number from 0 to 1'),
        ('colour_scatter', 'much', 'colour_scatter must be a number from 0 to 1'),
        ('law', 3, 'law must be the name of an extinction law, got 3'),
        ('imf', 'flat', "imf must be one of .*'kroupa2001'.*, got 'flat'"),
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
        ('age', 30 * u.Gyr),
        ('feh', 3.0),
        ('a_v', 9.9 * u.mag),
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
