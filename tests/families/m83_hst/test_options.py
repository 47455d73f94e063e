# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst._options.
"""

import astropy.units as u
import pytest

from starcnn.families.m83_hst._options import Options


def test_defaults_are_the_papers(options):
    """The defaults are the values of section 2 of Bialopetravicius & Narbutis (2020)."""
    assert options.filters == ('F336W', 'F438W', 'F814W')
    assert options.pixel_scale == 0.04 * u.arcsec
    assert options.shape == (64, 64)
    assert options.distance == 4.5 * u.Mpc
    assert options.z == 0.03
    assert (options.log_age, options.log_age_step) == ((6.6, 10.1), 0.05)
    assert options.log_mass == (3.5, 5.5)
    assert (options.a_v, options.a_v_step, options.r_v) == ((0.0, 3.0), 0.1, 3.1)
    assert (options.a, options.gamma, options.r_h) == ((0.04, 1.2), (2.05, 8.0), (0.04, 0.4))
    assert options.magnitude_limits == (24.0, 23.5, 23.0)
    assert (options.imf, options.sampling) == ('kroupa2001', 'nearest')
    assert (options.background_fraction, options.calibration_scatter) == (0.0, 0.0)
    assert options.background_radius == 25


def test_checks():
    """Options are checked as those of all families are."""
    with pytest.raises(ValueError, match='log_age must be increasing numbers'):
        Options(log_age=(9.0, 7.0))
