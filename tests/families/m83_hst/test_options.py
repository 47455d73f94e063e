# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst._options.
"""

from dataclasses import FrozenInstanceError

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
    assert (options.log_age, options.log_age_step) == ((6.6, 10.1), 0)
    assert options.log_mass == (3.5, 5.5)
    assert (options.a_v, options.a_v_step, options.r_v) == ((0.0, 3.0), 0, 3.1)
    assert (options.a, options.gamma, options.r_h) == ((0.04, 1.2), (2.05, 8.0), (0.04, 0.4))
    assert options.magnitude_limits == (24.0, 23.5, 23.0)
    assert (options.imf, options.sampling) == ('kroupa2001', 'nearest')
    assert (options.background_fraction, options.calibration_scatter) == (0.0, 0.0)


def test_frozen(options):
    """Options do not change."""
    with pytest.raises(FrozenInstanceError):
        options.z = 0.02


@pytest.mark.parametrize(
    ('change', 'error', 'match'),
    [
        ({'log_age': (9.0, 7.0)}, ValueError, 'log_age must be increasing numbers'),
        ({'log_age': 9.0}, ValueError, 'log_age must be two numbers'),
        ({'log_mass': ('a', 'b')}, ValueError, 'log_mass must be two numbers'),
        ({'a_v': (0.0, float('nan'))}, ValueError, 'a_v must be increasing numbers'),
        ({'a': (0.0, 1.0)}, ValueError, 'a must be positive, increasing numbers'),
        ({'density': (-1.0, 1.0)}, ValueError, 'density must be positive, increasing numbers'),
        ({'gamma': (2.0, 8.0)}, ValueError, 'gamma must be above 2, got'),
        ({'background_fraction': 1.1}, ValueError, 'background_fraction must be a number from 0'),
        ({'calibration_scatter': -0.1}, ValueError, 'calibration_scatter must be a number from 0'),
        ({'a_v_step': -0.1}, ValueError, 'a_v_step must be zero or a positive number, got -0.1'),
        ({'offset': float('nan')}, ValueError, 'offset must be zero or a positive number, got nan'),
        ({'filters': ()}, ValueError, 'filters must be different, and one at least'),
        ({'filters': ('F336W',) * 3}, ValueError, 'filters must be different'),
        ({'filters': ('F336W',)}, ValueError, r'instruments must have one entry per filter \(1\)'),
        ({'exposure_times': (1.0,)}, ValueError, 'exposure_times must have one entry per filter'),
        ({'exposure_times': (1.0, 0.0, 1.0)}, ValueError, 'exposure_times must be positive'),
        ({'exposure_times': (1.0, 'a', 1.0)}, ValueError, 'exposure_times must be numbers'),
        ({'magnitude_limits': (None,) * 3}, ValueError, 'magnitude_limits must be numbers'),
        ({'mosaics': ('a.fits',)}, ValueError, r'mosaics must have one entry per filter \(3\)'),
        (
            {'psfs': ('a.fits',) * 2},
            ValueError,
            r'psfs must have one entry per filter \(3\), got 2',
        ),
        ({'shape': 64}, ValueError, 'shape must be two positive integers, got 64'),
        ({'shape': (64, 0)}, ValueError, 'shape must be two positive integers'),
        ({'z': 0.9}, ValueError, 'z must be a number between 0 and 0.1, got 0.9'),
        ({'sampling': 'all'}, ValueError, r"sampling must be one of \['nearest', 'poisson'\]"),
        ({'imf': 'flat'}, ValueError, 'must be one of .*kroupa2001'),
        ({'pixel_scale': 0.04}, u.UnitsError, 'pixel_scale must be a Quantity .* arcsec, got 0.04'),
        ({'distance': 4.5 * u.s}, u.UnitsError, 'distance must be a Quantity .* Mpc'),
        ({'distance': -4.5 * u.Mpc}, ValueError, 'distance must be positive'),
        ({'pixel_scale': [1, 2] * u.arcsec}, ValueError, 'pixel_scale must be positive'),
    ],
)
def test_errors(change, error, match):
    """Options that cannot be are refused by name."""
    with pytest.raises(error, match=match):
        Options(**change)
