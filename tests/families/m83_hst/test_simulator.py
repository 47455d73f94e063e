# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.simulator.
"""

import astropy.units as u
import numpy as np
from numpy.testing import assert_allclose

from starcnn import Simulator
from starcnn.families.m83_hst.simulator import BACKEND
from starcnn.families.m83_hst.spec import LABELS
from starcnn.mocks import LABELS as MOCK_LABELS


def test_ranges(options):
    """Parameters lie in the ranges of section 2.2 of the paper."""
    parameters = BACKEND.sample(150, options, np.random.default_rng(5))
    log_age = np.log10(parameters['age'].to_value(u.yr))
    assert ((log_age > 6.59) & (log_age < 10.11)).all()
    a_v = parameters['a_v'].to_value(u.mag)
    assert 0 <= a_v.min() < 0.2
    assert 2.5 < a_v.max() <= 3
    mass = np.log10(parameters['mass'].to_value(u.solMass))
    assert mass.min() >= 3.5
    assert mass.max() <= 5.5
    r_h, gamma = parameters['r_h'].to_value(u.arcsec), parameters['gamma']
    assert ((r_h >= 0.04) & (r_h <= 0.4) & (gamma >= 2.05) & (gamma <= 8)).all()
    # the scale radius that belongs to them (Elson, Fall & Freeman 1987, integrated)
    a = r_h / np.sqrt(2 ** (2 / (gamma - 2)) - 1)
    assert ((a > 0.0399) & (a < 1.201)).all()
    assert_allclose((log_age - 6.6) / 0.05, np.rint((log_age - 6.6) / 0.05), atol=1e-6)
    assert_allclose(a_v / 0.1, np.rint(a_v / 0.1), atol=1e-6)
    assert len(np.unique(parameters['seed'])) == 150


def test_no_steps():
    """With steps of zero, ages and extinctions are any numbers."""
    simulator = Simulator('m83_hst', log_age_step=0.0, a_v_step=0.0)
    parameters = simulator.sample(20, rng=5)
    for name in ('age', 'a_v'):
        assert len(np.unique(parameters[name])) == 20


def test_mocks(mocks, options):
    """The images are those of the paper's filters, and the clusters brighter than its limits."""
    images, truth = mocks
    assert images.data.shape == (12, 3, 64, 64)
    assert images.meta['filters'] == ('F336W', 'F438W', 'F814W')
    assert images.meta['pixel_scale'] == 0.04 * u.arcsec
    for name, limit in zip(options.filters, (24.0, 23.5, 23.0), strict=True):
        assert (truth[name] <= limit * u.mag).all()


def test_classes():
    """The classes of the mocks are those of the networks."""
    assert LABELS == MOCK_LABELS


def test_public_class():
    """The simulator is found by its name and takes its options."""
    simulator = Simulator('m83_hst', shape=(32, 32), filters=('F438W',), instruments=('WFC3/UVIS',),
                          exposure_times=(1880.0,), magnitude_limits=(23.5,))  # fmt: skip
    images, truth = simulator.simulate(simulator.sample(2, rng=0), rng=0)
    assert images.data.shape == (2, 1, 32, 32)
    assert len(truth) == 2
