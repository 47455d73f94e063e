# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the initial mass functions.
"""

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.sky import CHABRIER2003, IMF, KROUPA2001, SALPETER1955, get_imf

ALL = (KROUPA2001, SALPETER1955, CHABRIER2003)


def density(imf, mass):
    """
    Return dN/dm from the published formula, up to a constant.
    """
    if imf is SALPETER1955:
        return mass**-2.35
    if imf is KROUPA2001:
        low, middle = (mass / 0.08) ** -0.3, (mass / 0.08) ** -1.3
        high = (0.5 / 0.08) ** -1.3 * (mass / 0.5) ** -2.3
        return np.where(mass < 0.08, low, np.where(mass < 0.5, middle, high))
    low = np.exp(-(np.log10(mass / 0.079) ** 2) / (2 * 0.69**2)) / mass
    return np.where(mass < 1, low, np.exp(-(np.log10(0.079) ** 2) / (2 * 0.69**2)) * mass**-2.3)


@pytest.mark.parametrize('imf', ALL, ids=lambda imf: imf.name)
def test_sample_follows_the_formula(imf):
    """The cumulative distribution of a sample is the integral of the formula."""
    masses = np.sort(imf.sample(200_000, rng=0).value)
    grid = np.geomspace(imf.edges[0], imf.edges[-1], 20_001)
    number = density(imf, grid)
    steps = (number[1:] + number[:-1]) / 2 * np.diff(grid)
    expected = np.append(0, np.cumsum(steps)) / steps.sum()
    found = np.searchsorted(masses, grid) / len(masses)
    assert_allclose(found, expected, atol=0.005)


@pytest.mark.parametrize('imf', ALL, ids=lambda imf: imf.name)
def test_mean_mass(imf):
    """The mean mass is the integral of the formula."""
    grid = np.geomspace(imf.edges[0], imf.edges[-1], 200_001)
    number = density(imf, grid)
    parts = [(y[1:] + y[:-1]) / 2 * np.diff(grid) for y in (number * grid, number)]
    assert_allclose(imf.mean_mass.to_value(u.solMass), parts[0].sum() / parts[1].sum(), rtol=1e-4)


@pytest.mark.parametrize('imf', ALL, ids=lambda imf: imf.name)
def test_sample_between_limits(imf):
    """A sample stays between its limits, which may have any unit of mass."""
    solar = imf.sample(1000, rng=1, low=0.3 * u.solMass, high=2 * u.solMass)
    kilograms = imf.sample(1000, rng=1, low=(0.3 * u.solMass).to(u.kg), high=2 * u.solMass)
    assert solar.min() > 0.3 * u.solMass
    assert solar.max() < 2 * u.solMass
    assert_allclose(kilograms.to_value(u.solMass), solar.value, rtol=1e-9)


def test_slope_of_one():
    """A slope of one gives masses that are even in their logarithm."""
    masses = IMF('flat', (0.1, 10.0), (1.0,)).sample(100_000, rng=2).value
    assert_allclose(np.quantile(masses, [0.25, 0.5, 0.75]), [10**-0.5, 1, 10**0.5], rtol=0.03)


def test_same_seed_same_masses():
    """A seed and a generator of that seed draw the same masses, in steps as at once."""
    rng = np.random.default_rng(3)
    assert_array_equal(KROUPA2001.sample(10, rng=3), KROUPA2001.sample(10, rng=rng))
    assert len(KROUPA2001.sample(0, rng=3)) == 0


def test_cluster_nearest():
    """A cluster's mass is met to within half its last star."""
    for seed in range(20):
        masses = KROUPA2001.sample_cluster(500 * u.solMass, rng=seed)
        assert abs(masses.sum() - 500 * u.solMass) <= masses[-1] / 2 + 75 * u.solMass
        longer = masses.sum() - masses[-1]
        assert abs(masses.sum() - 500 * u.solMass) <= abs(longer - 500 * u.solMass)


def test_cluster_poisson():
    """With Poisson numbers the mass holds on average."""
    rng = np.random.default_rng(4)
    total = [
        KROUPA2001.sample_cluster(300 * u.solMass, rng=rng, method='poisson').sum().value
        for _ in range(1500)
    ]
    assert_allclose(np.mean(total), 300, rtol=0.02)


def test_get_imf():
    """Mass functions are found by name, and others named in the error."""
    assert get_imf('kroupa2001') is KROUPA2001
    with pytest.raises(ValueError, match=r"name must be one of \['chabrier2003'.*got 'kroupa'"):
        get_imf('kroupa')


def test_errors():
    """Wrong limits, units, methods and definitions are refused."""
    with pytest.raises(ValueError, match=r'low and high must be increasing and between 0\.01'):
        KROUPA2001.sample(1, low=2 * u.solMass, high=1 * u.solMass)
    with pytest.raises(TypeError, match='low must be a Quantity'):
        KROUPA2001.sample(1, low=0.1)
    with pytest.raises(u.UnitsError, match='mass must have a unit that converts to solMass'):
        KROUPA2001.sample_cluster(100 * u.pc)
    with pytest.raises(ValueError, match='mass must be positive'):
        KROUPA2001.sample_cluster(0 * u.solMass)
    with pytest.raises(ValueError, match="method must be 'nearest' or 'poisson', got 'exact'"):
        KROUPA2001.sample_cluster(100 * u.solMass, method='exact')
    with pytest.raises(ValueError, match='edges must be one more than slopes'):
        IMF('bad', (1.0, 2.0), (2.0, 2.0))
    with pytest.raises(ValueError, match='edges must be increasing'):
        IMF('bad', (2.0, 1.0), (2.0,))
