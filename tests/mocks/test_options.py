# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.options.
"""

from dataclasses import FrozenInstanceError

import astropy.units as u
import numpy as np
import pytest

from starcnn.mocks import ClusterOptions


def test_defaults(options):
    """What is not asked for is continuous, is everywhere a cluster, and has no files."""
    assert (options.log_age_step, options.a_v_step) == (0, 0)
    assert (options.imf, options.sampling) == ('kroupa2001', 'nearest')
    assert (options.background_fraction, options.calibration_scatter) == (0.0, 0.0)
    assert options.r_h_values == options.psfs == options.mosaics == options.psf_position == ()
    assert (options.part, options.avoid) == ('training', '')


def test_frozen(options):
    """Options do not change."""
    with pytest.raises(FrozenInstanceError):
        options.z = 0.02


@pytest.mark.parametrize(
    ('change', 'error', 'match'),
    [
        ({'log_age': (9.0, 7.0)}, ValueError, 'log_age must be increasing numbers'),
        ({'log_age': 9.0}, ValueError, 'log_age must be a tuple of two numbers, got 9.0'),
        (
            {'log_age': [6.6, 10.1]},
            ValueError,
            r'log_age must be a tuple of two numbers, got \[6.6',
        ),
        ({'log_mass': ('a', 'b')}, ValueError, 'log_mass must be a tuple of two numbers'),
        (
            {'log_mass': (3 * u.solMass, 5 * u.solMass)},
            ValueError,
            'log_mass must be a tuple of two',
        ),
        ({'log_mass': [3, 5] * u.one}, ValueError, 'log_mass must be a tuple of two numbers'),
        ({'a_v': (0.0, float('nan'))}, ValueError, 'a_v must be increasing numbers'),
        ({'a': (0.0, 1.0)}, ValueError, 'a must be positive, increasing numbers'),
        ({'density': (-1.0, 1.0)}, ValueError, 'density must be positive, increasing numbers'),
        ({'gamma': (2.0001, 8.0)}, ValueError, r'gamma must be above 2.005, got \(2.0001'),
        ({'a_v': (-0.1, 3.0)}, ValueError, r'a_v must be at least 0, got \(-0.1'),
        (
            {'density': (1e5, 1e6)},
            ValueError,
            'density must be between 0 and 1000 per arcsec2, got',
        ),
        ({'r_v': '3.1'}, ValueError, "r_v must be a positive number, got '3.1'"),
        ({'r_v': 0.0}, ValueError, 'r_v must be a positive number, got 0.0'),
        ({'background_fraction': 1.1}, ValueError, 'background_fraction must be a number from 0'),
        ({'calibration_scatter': -0.1}, ValueError, 'calibration_scatter must be a number from 0'),
        ({'a_v_step': -0.1}, ValueError, 'a_v_step must be zero or a positive number, got -0.1'),
        ({'offset': float('nan')}, ValueError, 'offset must be zero or a positive number, got nan'),
        ({'offset': np.inf}, ValueError, 'offset must be zero or a positive number, got inf'),
        (
            {'offset': 32.1},
            ValueError,
            r'offset must be inside of images of shape \(64, 64\), got 32.1',
        ),
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
        ({'field_z': -0.01}, ValueError, 'field_z must be 0 or a number up to 0.1, got -0.01'),
        ({'field_decline': 5.0}, u.UnitsError, 'field_decline must be a Quantity .* yr, got 5.0'),
        ({'field_decline': -1 * u.Gyr}, ValueError, 'field_decline must be positive, got'),
        ({'sampling': 'all'}, ValueError, r"sampling must be one of \['nearest', 'poisson'\]"),
        ({'imf': 'flat'}, ValueError, "imf must be one of .*'kroupa2001'.*, got 'flat'"),
        ({'shape': [64, 64] * u.pix}, ValueError, 'shape must be two positive integers'),
        ({'pixel_scale': 0.04}, u.UnitsError, 'pixel_scale must be a Quantity .* arcsec, got 0.04'),
        ({'distance': 4.5 * u.s}, u.UnitsError, 'distance must be a Quantity .* Mpc'),
        ({'distance': -4.5 * u.Mpc}, ValueError, 'distance must be positive'),
        ({'pixel_scale': [1, 2] * u.arcsec}, ValueError, 'pixel_scale must be positive'),
        ({'magnitude_limits': (np.nan,) * 3}, ValueError, 'magnitude_limits must be numbers, got'),
        ({'magnitude_limits': (24.0,)}, ValueError, 'magnitude_limits must have one entry per'),
        ({'background_radius': 0}, ValueError, 'background_radius must be at least 1, got 0'),
        (
            {'pixel_scale': 1 * u.deg},
            ValueError,
            'pixel_scale must be between 0.005 and 1 arcsec, got',
        ),
        ({'pixel_scale': 4e-8 * u.arcsec}, ValueError, 'pixel_scale must be between 0.005 and 1'),
        ({'r_h_values': (0.1, 0.0)}, ValueError, 'r_h_values must be positive, got'),
        ({'r_h_values': 0.1}, ValueError, 'r_h_values must be numbers, got 0.1'),
        ({'part': 'all'}, ValueError, r"part must be one of \['training', 'validation', 'test'\]"),
        ({'avoid': 'a.fits'}, ValueError, "avoid must be empty where mosaics are, got 'a.fits'"),
        ({'avoid_radius': 1.0}, u.UnitsError, 'avoid_radius must be a Quantity'),
        ({'psf_position': (1.0, 2.0)}, ValueError, 'psf_position must be empty where psfs are'),
        (
            {'psf_position': (1.0,), 'psfs': ('a.fits',) * 3},
            ValueError,
            r'psf_position must be x and y, or empty, got \(1.0,\)',
        ),
    ],
)
def test_errors(required, change, error, match):
    """Options that cannot be are refused by name."""
    with pytest.raises(error, match=match):
        ClusterOptions(**required | change)


def test_required(required):
    """There are no defaults for what families differ in."""
    without = {name: value for name, value in required.items() if name != 'distance'}
    with pytest.raises(TypeError, match='distance'):
        ClusterOptions(**without)
