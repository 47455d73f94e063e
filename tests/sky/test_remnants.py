# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the masses of remnants.
"""

import astropy.units as u
import numpy as np
import pytest

from starcnn.sky import remnant_mass


@pytest.mark.parametrize(('m_ini', 'expected'), [(1.0, 0.563), (3.0, 0.753), (5.0, 0.983)])
def test_white_dwarfs(m_ini, expected):
    """White dwarfs follow the relation of Cummings et al. (2018)."""
    assert remnant_mass(m_ini * u.solMass).to_value(u.solMass) == pytest.approx(expected, abs=2e-3)


def test_continuous():
    """The three pieces of white dwarfs meet within 0.01 solMass."""
    for edge in (2.8, 3.65):
        below, above = remnant_mass((edge + np.array([-1e-6, 1e-6])) * u.solMass)
        assert abs(above - below) < 0.01 * u.solMass


def test_heavy_stars():
    """Heavy stars leave neutron stars and black holes, lighter than they were."""
    masses = remnant_mass([10, 40] * u.solMass)
    assert masses[0] == 1.4 * u.solMass
    assert 5 * u.solMass < masses[1] < 40 * u.solMass


def test_needs_a_unit():
    """A bare number is refused."""
    with pytest.raises(TypeError, match='m_ini must be a Quantity'):
        remnant_mass(3.0)
