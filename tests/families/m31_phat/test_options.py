# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat._options.
"""

import astropy.units as u
import pytest

from starcnn.families.m31_phat._options import Options
from starcnn.families.m31_phat.spec import LOG_AGE_STEP, LOG_AGE_TEST, LOG_MASS_TEST, R_H_TEST


def test_defaults_are_the_papers():
    """The defaults are those of sections 2 and 4.3 of Bialopetravicius et al. (2019)."""
    options = Options()
    assert options.filters == ('F336W', 'F475W', 'F814W')
    assert options.instruments == ('WFC3/UVIS', 'ACS/WFC', 'ACS/WFC')
    assert options.pixel_scale == 0.05 * u.arcsec
    assert options.shape == (80, 80)
    assert options.distance == 785 * u.kpc
    assert options.z == 0.009
    assert (options.log_age, options.log_mass) == ((6.6, 9.5), (2.0, 4.0))
    assert options.log_age_step == 0.05
    assert (options.a_v, options.a_v_step) == ((0.0, 0.0), 0.0)
    assert (options.a, options.gamma, options.r_h) == ((0.05, 6.4), (2.05, 8.0), (0.1, 1.6))
    assert (options.imf, options.magnitude_limits, options.mosaics) == ('kroupa2001', (), ())


def test_what_the_docstring_says_of_the_paper():
    """The values of the paper that the docstring gives are those of the spec."""
    assert LOG_AGE_STEP == 0.05
    text = ' '.join(Options.__doc__.split())
    for name, value in (
        ('log_age', LOG_AGE_TEST),
        ('log_mass', LOG_MASS_TEST),
        ('r_h_values', R_H_TEST),
    ):
        assert f'{name}={value}' in text


def test_checks():
    """Options are checked as those of all families are."""
    with pytest.raises(ValueError, match='log_age must be increasing numbers'):
        Options(log_age=(9.0, 7.0))
