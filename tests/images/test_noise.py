# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.noise.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.tests.helper import assert_quantity_allclose
from numpy.testing import assert_allclose

from starcnn.images import combine, gaia_magnitude_error, gaia_parallax_error

# BP - RP of a star with V - I = 1: Evans et al. (2018), Table A.2.
BP_RP = (-0.04212 + 1.286 - 0.09494) * u.mag


@pytest.mark.parametrize(
    ('name', 'coefficients', 'floor'),
    [
        ('Gaia_G', (0.04895, 1.8633, 0.0001985), 0.3),
        ('Gaia_BP', (10**1.442221, 10**1.679838, 10**-2.011744), 2),
        ('Gaia_RP', (10**1.085828, 10**1.518716, 10**-3.108408), 2),
    ],
)
def test_magnitude_error_at_g_15(name, coefficients, floor):
    """At G = 15 the variance of one transit is the sum of the coefficients; 26 transits."""
    expected = np.sqrt(sum(coefficients) / 26 + floor**2) * u.mmag
    assert_quantity_allclose(gaia_magnitude_error(name, 15 * u.mag, BP_RP), expected, rtol=1e-5)


def test_parallax_error_at_known_magnitudes():
    """The formula by hand at G = 15 and 18; constant brighter than 13."""
    expected = 1.24e-3 * np.sqrt([870.0, 40 + 800 * 10**1.2 + 30 * 10**2.4]) * u.mas
    assert_quantity_allclose(gaia_parallax_error([15, 18] * u.mag), expected, rtol=1e-12)
    bright = gaia_parallax_error([6, 10, 13] * u.mag)
    assert_quantity_allclose(bright, bright[2], rtol=0)


def test_errors_of_dr2():
    """Within a factor of 1.7 of the medians of DR2 (Gaia Collaboration 2018, A&A 616, A1)."""
    parallax = gaia_parallax_error([15, 17] * u.mag).to_value(u.mas)
    np.testing.assert_allclose(np.log(parallax / [0.04, 0.1]), 0, atol=np.log(1.7))
    blue = gaia_magnitude_error('Gaia_BP', [13, 17] * u.mag, [1, 1] * u.mag).to_value(u.mag)
    np.testing.assert_allclose(np.log(blue / [0.002, 0.01]), 0, atol=np.log(1.7))


@pytest.mark.parametrize('name', ['Gaia_G', 'Gaia_BP', 'Gaia_RP'])
def test_fainter_stars_have_larger_errors(name):
    """Errors rise with magnitude, and colours beyond the relation are finite."""
    g = np.arange(12, 20.5, 0.5) * u.mag
    for colour in (-1.0, 1.0, 8.0):
        error = gaia_magnitude_error(name, g, np.full(len(g), colour) * u.mag)
        assert np.all(np.diff(error) > 0)
        assert np.all(np.isfinite(error))


def test_units():
    """Magnitudes in other units give the same errors; bare numbers are refused."""
    expected = gaia_parallax_error(17 * u.mag)
    assert_quantity_allclose(gaia_parallax_error(17000 * u.mmag), expected, rtol=1e-12)
    with pytest.raises(TypeError, match='g must be a Quantity that converts to mag, got float'):
        gaia_parallax_error(17.0)


def test_unknown_filter():
    """A passband that is not Gaia's is refused."""
    with pytest.raises(ValueError, match=r'filter_name must be one of .*Gaia_BP.*F814W'):
        gaia_magnitude_error('F814W', 15 * u.mag, 1 * u.mag)


def test_combine_statistics():
    """The noise of a cluster is that of its own photons and of the background's median."""
    rng = np.random.default_rng(0)
    background = rng.normal(0.5, 0.1, (50, 2, 32, 32))
    cluster = np.full(background.shape, 2.0)
    time = np.array([100.0, 400.0])
    image = combine(
        cluster * u.electron / u.s, background * u.electron / u.s, exposure_time=time * u.s, rng=1
    )
    added = image.value - background
    assert_allclose(added.mean(axis=(0, 2, 3)), 2.0, rtol=2e-3)
    # Poisson: the variance of a rate is the rate over the time.
    assert_allclose(added.var(axis=(0, 2, 3)), 2.5 / time, rtol=0.03)
    counts = (added + np.median(background, axis=(-2, -1), keepdims=True)) * time[:, None, None]
    assert_allclose(counts, np.rint(counts), atol=1e-6)


def test_combine_units():
    """Units convert, and the same seed gives the same image."""
    cluster = np.full((1, 3, 4, 4), 3.0) * u.electron / u.s
    background = np.full((1, 3, 4, 4), 1.0) * u.electron / u.s
    one = combine(cluster, background, exposure_time=10 * u.min, rng=0)
    two = combine(cluster.to(u.electron / u.hour), background, exposure_time=600 * u.s, rng=0)
    assert_allclose(one.value, two.value)


def test_combine_negative():
    """A background whose sky was taken away too far gives no negative photons."""
    zero = np.zeros((1, 4, 4)) * u.electron / u.s
    image = combine(zero, zero - 1 * u.electron / u.s, exposure_time=10 * u.s, rng=0)
    assert_allclose(image.value, 0)


@pytest.mark.parametrize(
    ('shape', 'time', 'error', 'message'),
    [
        ((3, 4, 5), 10 * u.s, ValueError, 'background must have the shape of cluster'),
        ((3, 4, 4), 0 * u.s, ValueError, 'exposure_time must be positive'),
        ((3, 4, 4), [1, 2] * u.s, ValueError, 'exposure_time must be positive, one'),
        ((3, 4, 4), 10, TypeError, 'exposure_time must be a Quantity'),
        ((3, 4, 4), 10 * u.m, u.UnitsError, 'exposure_time must have a unit'),
    ],
)
def test_combine_errors(shape, time, error, message):
    """Arguments that cannot be are refused by name."""
    cluster, background = (np.ones(s) * u.electron / u.s for s in ((3, 4, 4), shape))
    with pytest.raises(error, match=message):
        combine(cluster, background, exposure_time=time)


@pytest.mark.parametrize('name', ['cluster', 'background'])
def test_combine_gaps(name):
    """Pixels that are not known are refused, and not drawn photons of."""
    images = {key: np.ones((3, 4, 4)) * u.electron / u.s for key in ('cluster', 'background')}
    images[name][0, 1, 2] = np.nan
    with pytest.raises(ValueError, match=f'{name} must be finite, got 1 pixels that are not'):
        combine(**images, exposure_time=10 * u.s)
