# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the light of whole clusters.
"""

import pickle

import astropy.units as u
import numpy as np
import pytest

from starcnn.sky import ClusterSynthesis, get_imf

M_H = 0.0


@pytest.fixture(scope='module')
def synthesis(isochrones, photometry):
    """Clusters in Gaia's filters."""
    return ClusterSynthesis(isochrones=isochrones, photometry=photometry)


def draw(synthesis, mass, log_age, n, *, n_bright=3000, a_v=0.5):
    """Draw clusters; return the drawn records."""
    rng = np.random.default_rng(1)
    return [synthesis._draw(mass, log_age, M_H, a_v, 3.1, rng, n_bright=n_bright) for _ in range(n)]


def magnitude(flux):
    """Return the magnitude of a sum of fluxes."""
    return -2.5 * np.log10(flux)


@pytest.mark.parametrize('log_age', [6.6, 7.5, 9.0, 10.0])
def test_drawn_light_is_that_of_the_population(synthesis, log_age):
    """The mean light of clusters is that of the population, and of stars drawn one by one."""
    drawn = draw(synthesis, 1e5, log_age, 60)
    fluxes = np.array([one.bright.sum(axis=0) + one.faint for one in drawn])
    mean = synthesis.mean_magnitudes(
        1e5 * u.solMass, age=10**log_age * u.yr, m_h=M_H, a_v=0.5 * u.mag
    )
    error = 1.0857 * fluxes.std(axis=0) / fluxes.mean(axis=0) / np.sqrt(len(fluxes))
    assert (abs(magnitude(fluxes.mean(axis=0)) - mean.value) < 4 * error + 0.01).all()


def test_fast_and_plain_draws_agree(synthesis):
    """Stars counted between points of the isochrone scatter as stars drawn one by one."""
    fast = np.array([one.bright.sum(axis=0) for one in draw(synthesis, 1e3, 8.0, 300)])[:, 0]
    rng = np.random.default_rng(2)
    plain = []
    for _ in range(300):
        stars = synthesis.sample(1e3 * u.solMass, age=1e8 * u.yr, m_h=M_H, a_v=0.5 * u.mag, rng=rng)
        plain.append((10 ** (-0.4 * stars['Gaia_G'].value)).sum())
    fast, plain = magnitude(fast), magnitude(np.array(plain))
    spread = np.hypot(fast.std(), plain.std()) / np.sqrt(300)
    assert abs(fast.mean() - plain.mean()) < 4 * spread
    assert fast.std() == pytest.approx(plain.std(), rel=0.2)


@pytest.mark.parametrize('mass', [300.0, 3e4])
def test_nearest_mass(synthesis, mass):
    """Stars add up to the mass, to within the last of them."""
    masses = np.array([one.mass for one in draw(synthesis, mass, 8.0, 50)])
    assert np.median(abs(masses - mass)) < 1
    assert abs(masses - mass).max() < 75  # half of the heaviest star


def test_poisson_mass(isochrones, photometry):
    """With the other method the mass holds on average only."""
    synthesis = ClusterSynthesis(isochrones=isochrones, photometry=photometry, method='poisson')
    masses = np.array([one.mass for one in draw(synthesis, 3e4, 8.0, 200)])
    assert masses.mean() == pytest.approx(3e4, rel=0.01)
    assert 100 < masses.std() < 500


def test_faint_stars_are_faint(synthesis):
    """Stars that share a flux have no bright one among them."""
    few, all_stars = (draw(synthesis, 1e5, 9.0, 1, n_bright=n)[0] for n in (2000, 10**6))
    assert few.n_faint > 10 * len(few.bright)
    assert all_stars.n_faint == 0
    share = (few.faint / few.n_faint) / (few.faint + few.bright.sum(axis=0))
    assert (share < 1e-5).all()
    assert magnitude(few.faint + few.bright.sum(axis=0)) == pytest.approx(
        magnitude(all_stars.bright.sum(axis=0)), abs=0.15
    )


def test_remnants_give_no_light(synthesis):
    """Stars heavier than the last of the isochrone are remnants without light."""
    stars = synthesis.sample(2e4 * u.solMass, age=3e9 * u.yr, m_h=M_H, rng=1)
    dead = (stars['phase'] < 0) & (stars['m_ini'] > 2 * u.solMass)
    assert dead.sum() > 50
    assert np.isposinf(stars['Gaia_G'][dead].value).all()
    assert (stars['m_act'][dead] < stars['m_ini'][dead]).all()
    assert np.isfinite(stars['Gaia_G'][stars['phase'] >= 0].value).all()


def test_extinction_reddens(synthesis):
    """Extinction makes a cluster fainter, more so in the blue."""
    clear, dusty = (
        synthesis.mean_magnitudes(1e4 * u.solMass, age=1e8 * u.yr, m_h=M_H, a_v=a_v * u.mag).value
        for a_v in (0, 2)
    )
    faded = dict(zip(synthesis.photometry.filters, dusty - clear, strict=True))
    assert faded['Gaia_BP'] > faded['Gaia_G'] > faded['Gaia_RP'] > 0.8


@pytest.mark.parametrize('name', ['kroupa2001', 'salpeter1955', 'chabrier2003'])
def test_counts_follow_the_imf(name):
    """Numbers and mean masses between edges are those of stars that are drawn."""
    imf = get_imf(name)
    edges = np.array([imf.edges[0], 0.1, 0.4, 0.9, 1.5, 8.0, imf.edges[-1]])
    numbers, mean_mass = imf._count(edges)
    masses = imf.sample(200_000, rng=3).value
    found = np.histogram(masses, edges)[0]
    assert found / found.sum() == pytest.approx(numbers / numbers.sum(), abs=4e-3)
    sums = np.histogram(masses, edges, weights=masses)[0]
    assert sums[:-1] / found[:-1] == pytest.approx(mean_mass[:-1], rel=0.02)


def test_pickles(synthesis):
    """It travels to worker processes and draws the same stars there."""
    other = pickle.loads(pickle.dumps(synthesis))  # noqa: S301 (its own)
    one, two = (draw(each, 1e4, 8.0, 1)[0] for each in (synthesis, other))
    assert np.array_equal(one.bright, two.bright)


def test_arguments(isochrones, photometry):
    """What cannot be is refused by name."""
    with pytest.raises(ValueError, match=r"method must be one of \['nearest', 'poisson'\]"):
        ClusterSynthesis(isochrones=isochrones, photometry=photometry, method='all')
    with pytest.raises(ValueError, match='name must be one of'):
        ClusterSynthesis(isochrones=isochrones, photometry=photometry, imf='flat')
