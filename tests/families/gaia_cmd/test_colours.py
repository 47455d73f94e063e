# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.colours.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, vstack

from starcnn.families.gaia_cmd.colours import (
    RealColours,
    colour_residual,
    colour_residuals,
    reference_colours,
)
from starcnn.families.gaia_cmd.simulator import Options, population, simulate

CLUSTER = {'age': 3e8 * u.yr, 'a_v': 0.5 * u.mag, 'distance': 900 * u.pc}


@pytest.fixture(scope='module')
def reference():
    """The colours of the population of a cluster."""
    return reference_colours(population(), rng=0, **CLUSTER)


@pytest.fixture(scope='module')
def stars():
    """A mock cluster with the same parameters."""
    parameters = QTable({name: u.Quantity([value]) for name, value in CLUSTER.items()})
    parameters['n_stars'] = [1500]
    table, _ = simulate(parameters, Options(a_v_offset=0.0), np.random.default_rng(1))
    return table


def test_a_mock_has_no_residual(stars, reference):
    """A simulated cluster has the colours of its population, in many bins."""
    g, residuals = colour_residuals(stars, reference)
    assert len(g) == len(residuals) >= 8
    assert np.all(np.diff(g) > 0)
    assert abs(colour_residual(stars, reference)) < 0.01


def test_redder_stars(stars, reference):
    """Stars that are 0.1 mag redder have a residual 0.1 mag larger."""
    redder = stars.copy()
    redder['phot_bp_mean_mag'] += 0.1 * u.mag
    change = colour_residual(redder, reference) - colour_residual(stars, reference)
    assert change == pytest.approx(0.1, abs=1e-6)


def test_more_dust(stars):
    """Behind less dust the population is bluer, so that the stars are redder than it."""
    bare = reference_colours(population(), rng=0, **CLUSTER | {'a_v': 0.3 * u.mag})
    assert 0.03 < colour_residual(stars, bare) < 0.1


def test_unlikely_members_are_left_out(stars, reference):
    """Stars of low probability do not count."""
    field = stars.copy()
    field['phot_rp_mean_mag'] -= 1 * u.mag
    field['prob_member'] = 0.1
    likely = stars.copy()
    likely['prob_member'] = 0.9
    both = vstack([likely, field])
    assert colour_residual(both, reference) == colour_residual(likely, reference)


def test_too_few_stars(stars, reference):
    """Without enough stars in any bin there is no residual; two clusters are refused."""
    assert np.isnan(colour_residual(stars[:5], reference))
    other = stars[:5].copy()
    other['cluster'] = 1
    with pytest.raises(ValueError, match='stars must be those of one cluster, got 2'):
        colour_residuals(vstack([stars, other]), reference)


def test_real_colours():
    """The parameters of a cluster have the A_V of one origin."""
    labels = QTable({'cluster': ['a', 'b'], 'age': [1, 2] * u.Gyr, 'distance': [1, 2] * u.kpc})
    a_v = {'x': [0.1, 0.2] * u.mag, 'y': [np.nan, 0.3] * u.mag}
    colours = RealColours(labels=labels, stars={}, a_v=a_v)
    assert colours.known('x') == ['a', 'b']
    assert colours.known('y') == ['b']
    expected = {'age': 2 * u.Gyr, 'distance': 2 * u.kpc, 'a_v': 0.3 * u.mag}
    assert colours.parameters('b', 'y') == expected
