# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.sky.clusters.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.tests.helper import assert_quantity_allclose

from starcnn.sky import StellarPopulation

CLUSTER = {'age': 800 * u.Myr, 'm_h': 0.0, 'distance': 1.2 * u.kpc, 'a_v': 0.7 * u.mag}
FILTERS = ('Gaia_G', 'Gaia_BP', 'Gaia_RP')


@pytest.fixture(scope='module')
def population(isochrones, photometry):
    """PARSEC in Gaia's filters."""
    return StellarPopulation(isochrones=isochrones, photometry=photometry)


@pytest.mark.parametrize('log_age', [7.03, 8.5, 9.62])
def test_single_stars_lie_on_the_isochrone(population, log_age):
    """Main sequences are within 0.01 mag of the isochrone."""
    cluster = CLUSTER | {'age': 10**log_age * u.yr}
    stars = population.sample(2000, faint_limit=18 * u.mag, rng=1, **cluster)
    line = population.apparent_isochrone(**cluster)
    main = line[line['phase'] <= 1]
    on_main = stars['m_ini'] < main['m_ini'][-1]
    assert on_main.sum() > 1000
    for name in FILTERS:
        expected = np.interp(stars['m_ini'][on_main], main['m_ini'], main[name])
        assert_quantity_allclose(stars[name][on_main], expected, atol=0.01 * u.mag, rtol=0)


def test_distance_and_extinction(population):
    """The distance shifts all filters by its modulus; dust dims BP more than RP."""
    near = {name: CLUSTER[name] for name in ('age', 'm_h')}
    bare = population.apparent_isochrone(distance=10 * u.pc, a_v=0 * u.mag, **near)
    far = population.apparent_isochrone(distance=1 * u.kpc, a_v=0 * u.mag, **near)
    dusty = population.apparent_isochrone(distance=10 * u.pc, a_v=1 * u.mag, **near)
    assert_quantity_allclose(far['Gaia_G'] - bare['Gaia_G'], 10 * u.mag, rtol=1e-12)
    extinction = {name: np.median((dusty[name] - bare[name]).value) for name in FILTERS}
    assert 0.5 < extinction['Gaia_RP'] < extinction['Gaia_G'] < extinction['Gaia_BP'] < 1.2


def test_faint_limit_and_number(population):
    """As many stars as asked for, none fainter than the limit."""
    stars = population.sample(500, binary_fraction=0.5, faint_limit=16 * u.mag, rng=2, **CLUSTER)
    assert len(stars) == 500
    assert stars['Gaia_G'].max() < 16 * u.mag


def test_binaries(population):
    """Half of the stars have companions, and none is brighter by more than a twin would be."""
    stars = population.sample(4000, binary_fraction=0.5, rng=3, **CLUSTER)
    ratio = stars['mass_ratio'].value
    assert (ratio > 0).mean() == pytest.approx(0.5, abs=0.03)
    assert ratio[ratio > 0].mean() == pytest.approx(0.5, abs=0.03)
    line = population.apparent_isochrone(**CLUSTER)
    main = line[line['phase'] <= 1]
    on_main = stars['m_ini'] < 0.9 * main['m_ini'][-1]
    single = np.interp(stars['m_ini'][on_main], main['m_ini'], main['Gaia_G'])
    brighter = (single - stars['Gaia_G'][on_main]).to_value(u.mag)
    assert brighter.min() > -0.01
    assert brighter.max() < 2.5 * np.log10(2) + 0.01
    assert np.abs(brighter[ratio[on_main] == 0]).max() < 0.01


def test_differential_reddening(population):
    """The extinction scatters from star to star, and is never negative."""
    stars = population.sample(
        5000, differential_reddening=0.1 * u.mag, rng=4, **CLUSTER | {'a_v': 1 * u.mag}
    )
    assert stars['a_v'].mean().to_value(u.mag) == pytest.approx(1, abs=0.01)
    assert stars['a_v'].std().to_value(u.mag) == pytest.approx(0.1, abs=0.01)
    thin = population.sample(
        500, differential_reddening=0.5 * u.mag, rng=4, **CLUSTER | {'a_v': 0 * u.mag}
    )
    assert thin['a_v'].min() >= 0 * u.mag


def test_visible_fraction(population):
    """The fraction above a limit is that of the initial masses drawn, and grows with the limit."""
    limits = [12, 15, 18, 21] * u.mag
    fractions = [population.visible_fraction(faint_limit=limit, **CLUSTER) for limit in limits]
    assert 0 < fractions[0] < fractions[1] < fractions[2] < fractions[3] < 1
    stars = population.sample(20_000, faint_limit=18 * u.mag, rng=5, **CLUSTER)
    bright = (stars['Gaia_G'] < 15 * u.mag).mean()
    assert bright == pytest.approx(fractions[1] / fractions[2], abs=0.015)
    assert population.visible_fraction(faint_limit=-5 * u.mag, **CLUSTER) == 0


def test_no_star_bright_enough(population):
    """A limit that no star reaches gives an empty table with all columns."""
    stars = population.sample(10, faint_limit=-5 * u.mag, rng=1, **CLUSTER)
    assert len(stars) == 0
    assert stars.colnames == ['m_ini', 'mass_ratio', 'a_v', *FILTERS]


def test_same_seed_same_stars(population):
    """The same rng gives the same stars; units do not matter."""
    stars = population.sample(50, rng=6, **CLUSTER)
    again = population.sample(
        50, rng=6, age=8e8 * u.yr, m_h=0.0, distance=1200 * u.pc, a_v=700 * u.mmag
    )
    for name in stars.colnames:
        assert_quantity_allclose(stars[name], again[name], rtol=1e-9)


def test_errors(population, isochrones, theory, photometry):
    """Parameters outside the tables and filters that differ are refused."""
    with pytest.raises(ValueError, match='age must be'):
        population.sample(5, rng=1, **CLUSTER | {'age': 20 * u.Gyr})
    with pytest.raises(ValueError, match='m_h must be'):
        population.apparent_isochrone(**CLUSTER | {'m_h': 2.0})
    with pytest.raises(ValueError, match=r'(imf|name) must be'):
        StellarPopulation(isochrones=isochrones, photometry=photometry, imf='flat').sample(
            5, rng=1, **CLUSTER
        )
    with pytest.raises(ValueError, match='photometry must have the filters'):
        StellarPopulation(isochrones=theory, photometry=photometry)
