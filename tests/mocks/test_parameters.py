# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.parameters.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.mocks import (
    ClusterOptions,
    complete_parameters,
    draw_gamma,
    draw_parameters,
    get_setup,
)
from starcnn.sky import EFF, draw_eff


@pytest.fixture(scope='module')
def setup(options):
    """What does not change from mock to mock."""
    return get_setup(options)


def test_steps(options):
    """The ends of the ranges are drawn too."""
    narrow = replace(
        options,
        log_age=(7.0, 7.1),
        log_age_step=0.05,
        a_v=(0.0, 0.2),
        a_v_step=0.1,
        magnitude_limits=(),
    )
    drawn = draw_parameters(80, get_setup(narrow), np.random.default_rng(1))
    assert_allclose(np.unique(np.round(np.log10(drawn['age'].value), 6)), [7.0, 7.05, 7.1])
    assert_allclose(np.unique(drawn['a_v'].value), [0, 0.1, 0.2])


def test_point_ranges(options):
    """A range may be one value."""
    point = replace(options, log_age=(8.0, 8.0), a_v=(1.0, 1.0), log_mass=(5.0, 5.0))
    drawn = draw_parameters(3, get_setup(point), np.random.default_rng(1))
    assert_allclose(drawn['age'].value, 1e8)
    assert_allclose(drawn['mass'].value, 1e5)


def test_complete_keeps_what_is_given(parameters, setup):
    """Given columns stay; the generator is used for missing ones only."""
    rows = complete_parameters(parameters, setup, np.random.default_rng(0))
    assert rows.colnames == parameters.colnames
    for name in rows.colnames:
        assert_array_equal(rows[name], parameters[name])


@pytest.mark.parametrize('gamma', [(2.05, 8.0), (2.5, 3.0), (3.0, 3.0)])
@pytest.mark.parametrize('r_h', [0.16, 0.63, 1.0])
def test_lines_of_equal_radii(required, gamma, r_h):
    """On a line of Fig. 6 of the paper all ends are reached, and no further."""
    wide = ClusterOptions(**required | {'a': (0.05, 6.4), 'gamma': gamma})
    drawn = draw_gamma(np.full(2000, r_h) * u.arcsec, wide, np.random.default_rng(1))
    a = scale_radius(r_h, drawn)
    assert ((drawn >= gamma[0] * (1 - 1e-9)) & (drawn <= gamma[1] * (1 + 1e-9))).all()
    assert ((a >= 0.05 * (1 - 1e-9)) & (a <= 6.4)).all()
    # the small end is where either range begins
    lowest = max(0.05, scale_radius(r_h, gamma[0]))
    assert a.min() == pytest.approx(lowest, rel=0.05)
    assert drawn.max() == pytest.approx(gamma[1], rel=0.01)


def scale_radius(r_h, gamma):
    """Return the scale radius of an EFF profile (Elson, Fall & Freeman 1987, integrated)."""
    return r_h / np.sqrt(2 ** (2 / (gamma - 2)) - 1)


def test_half_of_the_profile(required):
    """A profile that was drawn for a radius holds half of the stars within it."""
    wide = ClusterOptions(**required | {'a': (0.05, 6.4)})
    for gamma in draw_gamma(np.full(5, 0.25) * u.arcsec, wide, np.random.default_rng(1)):
        profile = EFF(a=scale_radius(0.25, gamma) * u.arcsec, gamma=gamma)
        assert profile.enclosed(0.25 * u.arcsec) == pytest.approx(0.5)


def test_lines_are_those_of_the_region(required):
    """On a line the exponents are distributed as those of the whole region are near it."""
    wide = ClusterOptions(**required | {'a': (0.05, 6.4), 'r_h': (0.1, 1.6)})
    _, gamma, r_h = draw_eff(
        200_000, a=wide.a * u.arcsec, gamma=wide.gamma, r_h=wide.r_h * u.arcsec, rng=1
    )
    for value in (0.11, 0.4, 1.0):
        near = gamma[abs(np.log(r_h / (value * u.arcsec))) < 0.05]
        drawn = draw_gamma(np.full(20_000, value) * u.arcsec, wide, np.random.default_rng(2))
        levels = (0.02, 0.25, 0.5, 0.75, 0.98)
        assert_allclose(np.quantile(drawn, levels), np.quantile(near, levels), rtol=0.03)


def test_values_of_radii(required):
    """Radii are drawn from the values, each as often, with exponents of its line."""
    fixed = ClusterOptions(**required, r_h_values=(0.05, 0.1, 0.3))
    drawn = draw_parameters(600, get_setup(fixed), np.random.default_rng(1))
    values, counts = np.unique(drawn['r_h'].to_value(u.arcsec), return_counts=True)
    assert_allclose(values, (0.05, 0.1, 0.3))
    assert (counts > 150).all()
    a = scale_radius(drawn['r_h'].to_value(u.arcsec), drawn['gamma'])
    assert ((a > 0.0399) & (a < 1.201)).all()


def test_values_of_radii_out_of_reach(required):
    """Radii that no profile of the ranges has are refused."""
    fixed = ClusterOptions(**required | {'gamma': (3.0, 8.0)}, r_h_values=(0.1, 3.0))
    with pytest.raises(ValueError, match=r'r_h must be radii that a and gamma reach, .* got 3'):
        draw_parameters(20, get_setup(fixed), np.random.default_rng(1))
    with pytest.raises(u.UnitsError, match='r_h must have a unit that converts to arcsec'):
        draw_gamma([0.1] * u.s, fixed, np.random.default_rng(1))


def test_metallicity_between_those_of_the_grid(options):
    """Z = 0.009 lies between 0.008 and 0.010 of PARSEC, and populations with it."""
    setups = [get_setup(replace(options, z=z)) for z in (0.008, 0.009, 0.010)]
    grid = setups[0].isochrones.m_h
    assert [abs(grid - setup.m_h).min() < 1e-4 for setup in setups] == [True, False, True]
    low, middle, high = (
        setup.synthesis.mean_magnitudes(1 * u.solMass, age=1 * u.Gyr, m_h=setup.m_h).value
        for setup in setups
    )
    assert (low < middle).all()  # more metals are fainter and redder
    assert (middle < high).all()
    weight = (setups[1].m_h - setups[0].m_h) / (setups[2].m_h - setups[0].m_h)
    assert_allclose(middle, low + weight * (high - low), atol=0.01)
