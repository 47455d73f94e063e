# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of sky.profiles.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.tests.helper import assert_quantity_allclose
from scipy import integrate, stats

from starcnn.sky import EFF, King, Plummer, draw_eff

PROFILES = (
    EFF(a=0.2 * u.arcsec, gamma=3.0),
    EFF(a=0.04 * u.arcsec, gamma=2.4),
    EFF(a=1.2 * u.pc, gamma=8.0),
    Plummer(a=3 * u.pc),
    King(r_c=0.5 * u.arcsec, r_t=20 * u.arcsec),
    King(r_c=1 * u.pc, r_t=1.5 * u.pc),
    King(r_c=1 * u.pc, r_t=0.5 * u.kpc),
)
REGION = {'a': [0.04, 1.2] * u.arcsec, 'gamma': (2.05, 8.0), 'r_h': [0.04, 0.4] * u.arcsec}

all_profiles = pytest.mark.parametrize('profile', PROFILES, ids=repr)


@pytest.mark.parametrize(
    ('profile', 'r_h'),
    [
        # gamma = 3: 1 - (1 + r^2/a^2)^(-1/2) = 1/2 at r^2 = 3 a^2.
        (EFF(a=2 * u.pc, gamma=3), np.sqrt(12) * u.pc),
        # gamma = 4: a Plummer sphere, half of whose stars are within a.
        (EFF(a=2 * u.pc, gamma=4), 2 * u.pc),
        (Plummer(a=50 * u.mas), 50 * u.mas),
    ],
)
def test_half_number_radius(profile, r_h):
    """The radius with half of the stars is the one known in closed form."""
    assert_quantity_allclose(profile.r_h, r_h, rtol=1e-12)
    assert profile.r_h.unit == r_h.unit


@all_profiles
def test_shape_of_density(profile):
    """The density falls as the formula of the paper says."""
    r = np.array([0, 0.3, 1, 1.4]) * profile._scale
    x = np.array([0, 0.3, 1, 1.4])
    if isinstance(profile, EFF):
        expected = (1 + x**2) ** (-profile.gamma / 2)
    elif isinstance(profile, Plummer):
        expected = 1 / (1 + x**2) ** 2
    else:
        edge = 1 / np.sqrt(1 + (profile.r_t / profile.r_c).to_value('') ** 2)
        expected = (1 / np.sqrt(1 + x**2) - edge) ** 2 / (1 - edge) ** 2
    density = profile.density(r)
    assert_quantity_allclose(density / density[0], expected, rtol=1e-10)


@all_profiles
@pytest.mark.parametrize('x', [0.01, 0.5, 1.4, 30])
def test_enclosed(profile, x):
    """The enclosed fraction is the integral of the density."""
    unit = profile._scale.unit
    r = x * profile._scale.value
    edge = min(r, profile.r_t.to_value(unit)) if isinstance(profile, King) else r
    integral, _ = integrate.quad(
        lambda s: 2 * np.pi * s * profile.density(s * unit).value, 0, edge, epsrel=1e-10, limit=200
    )
    np.testing.assert_allclose(profile.enclosed(r * unit), integral, rtol=1e-8)


@all_profiles
def test_limits(profile):
    """No star is at the centre, half are inside the half-number radius, all are somewhere."""
    assert profile.enclosed(0 * profile.r_h) == 0
    np.testing.assert_allclose(profile.enclosed(profile.r_h), 0.5, atol=1e-6)
    np.testing.assert_allclose(profile.enclosed(1e30 * profile.r_h), 1, rtol=1e-9)


@all_profiles
def test_sample(profile):
    """Half of the drawn stars are inside the half-number radius, and others as they should."""
    n = 20_000
    x, y = profile.sample(n, rng=2)
    assert x.unit == y.unit == profile._scale.unit
    r = np.hypot(x, y)
    assert abs(np.count_nonzero(r < profile.r_h) - n / 2) < 4 * np.sqrt(n) / 2
    assert stats.kstest(profile.enclosed(r), 'uniform').pvalue > 1e-3


@all_profiles
def test_isotropy(profile):
    """Stars are in all directions alike."""
    x, y = profile.sample(20_000, rng=3)
    angle = np.arctan2(y, x).to_value(u.rad)
    assert stats.kstest(angle, 'uniform', (-np.pi, 2 * np.pi)).pvalue > 1e-3


@all_profiles
def test_seed(profile):
    """A seed gives the same stars, as a generator of it does inside."""
    x, y = profile.sample(5, rng=4)
    again = profile._sample_xy(5, np.random.default_rng(4))
    np.testing.assert_array_equal((x.value, y.value), again)


def test_king_ends():
    """No star of a King profile is beyond the tidal radius, and there the density is zero."""
    profile = King(r_c=0.5 * u.arcsec, r_t=200 * u.mas * 10)
    assert np.hypot(*profile.sample(100_000, rng=5)).max() <= 2 * u.arcsec
    assert (profile.density([2, 3] * u.arcsec) == 0 / u.arcsec**2).all()
    assert profile.enclosed(2000 * u.mas) == 1


@pytest.mark.parametrize('n', [0, 1])
@all_profiles
def test_few_stars(profile, n):
    """None or one star can be drawn."""
    assert profile.sample(n, rng=0)[0].shape == (n,)


def test_shallow_slope():
    """The outermost stars of the shallowest profiles are at finite places."""
    profile = EFF(a=1 * u.arcsec, gamma=2.001)
    assert np.isfinite(profile._radius(np.array([0.5, 1 - 2.0**-53]))).all()


@pytest.mark.parametrize('unit', [u.mas, u.deg])
def test_units(unit):
    """Radii in other units give the same fractions and densities."""
    profile, r = PROFILES[0], [0.1, 0.5] * u.arcsec
    np.testing.assert_allclose(profile.enclosed(r.to(unit)), profile.enclosed(r))
    assert_quantity_allclose(profile.density(r.to(unit)), profile.density(r))
    other = EFF(a=(0.2 * u.arcsec).to(unit), gamma=3.0)
    assert_quantity_allclose(other.density(r), profile.density(r))
    king = King(r_c=(0.5 * u.arcsec).to(unit), r_t=20 * u.arcsec)
    assert_quantity_allclose(king.r_h, PROFILES[4].r_h)


@pytest.mark.parametrize(
    ('function', 'error', 'match'),
    [
        (lambda: EFF(a=0.2, gamma=3), TypeError, 'a must be a Quantity'),
        (lambda: EFF(a=0.2 * u.s, gamma=3), u.UnitsError, 'a must have a unit'),
        (lambda: EFF(a=-1 * u.pc, gamma=3), ValueError, 'a must be one positive angle or length'),
        (lambda: EFF(a=[1, 2] * u.pc, gamma=3), ValueError, 'a must be one positive'),
        (lambda: EFF(a=1 * u.pc, gamma=2), ValueError, r'gamma must be above 2.0 .*got 2'),
        (lambda: EFF(a=1 * u.pc, gamma=np.nan), ValueError, 'gamma must be above 2.0'),
        (lambda: Plummer(a=0 * u.pc), ValueError, 'a must be one positive'),
        (lambda: King(r_c=1 * u.pc, r_t=1 * u.pc), ValueError, 'r_t must be above r_c, 1.0 pc'),
        (lambda: King(r_c=1 * u.pc, r_t=9 * u.deg), u.UnitsError, 'r_t must have a unit'),
        (lambda: PROFILES[0].enclosed(1), TypeError, 'r must be a Quantity'),
        (lambda: PROFILES[0].density(1 * u.pc), u.UnitsError, 'r must have a unit'),
        (lambda: PROFILES[0].density(-1 * u.mas), ValueError, 'r must not be negative or NaN'),
    ],
)
def test_errors(function, error, match):
    """Wrong arguments are named."""
    with pytest.raises(error, match=match):
        function()


def test_draw_eff():
    """Draws are inside the region, in number, and their half-number radii are those of EFF."""
    a, gamma, r_h = draw_eff(3000, **REGION, rng=6)
    assert a.shape == gamma.shape == r_h.shape == (3000,)
    for values, key in ((a, 'a'), (gamma, 'gamma'), (r_h, 'r_h')):
        low, high = REGION[key]
        assert ((values >= low) & (values <= high)).all()
    for i in range(5):
        assert_quantity_allclose(EFF(a=a[i], gamma=gamma[i]).r_h, r_h[i])


def test_draw_eff_is_uniform():
    """Logarithms of a and gamma are uniform where the half-number radius leaves them free."""
    free = {**REGION, 'gamma': (3.0, 8.0), 'r_h': [1e-3, 1e3] * u.arcsec}
    a, gamma, _ = draw_eff(5000, **free, rng=7)
    for values, (low, high) in ((a.value, (0.04, 1.2)), (gamma, (3, 8))):
        part = np.log(values / low) / np.log(high / low)
        assert stats.kstest(part, 'uniform').pvalue > 1e-3


def test_draw_eff_keeps_those_inside():
    """The kept draws are those of the uniform ones whose half-number radius is in range."""
    rng = np.random.default_rng(8)
    a = np.exp(rng.uniform(np.log(0.04), np.log(1.2), 40_000))
    gamma = np.exp(rng.uniform(np.log(2.05), np.log(8), 40_000))
    r_h = a * np.sqrt(2 ** (2 / (gamma - 2)) - 1)
    inside = (r_h > 0.04) & (r_h < 0.4)
    drawn = draw_eff(5000, **REGION, rng=9)
    for values, expected in zip(drawn, (a, gamma, r_h), strict=True):
        assert stats.ks_2samp(u.Quantity(values).value, expected[inside]).pvalue > 1e-3


def test_draw_eff_units():
    """Ranges may have different units, and the results have that of a."""
    mixed = {**REGION, 'r_h': [40, 400] * u.mas}
    for drawn, expected in zip(
        draw_eff(9, **mixed, rng=1), draw_eff(9, **REGION, rng=1), strict=True
    ):
        assert_quantity_allclose(drawn, expected)


@pytest.mark.parametrize(
    ('changes', 'error', 'match'),
    [
        ({'a': (0.04, 1.2)}, TypeError, 'a must be a Quantity'),
        ({'a': [1, 2] * u.s}, u.UnitsError, 'a must have a unit'),
        ({'a': [1.2, 0.04] * u.arcsec}, ValueError, 'a must be two increasing values above 0'),
        ({'gamma': (2, 8)}, ValueError, 'gamma must be two increasing values above 2.0'),
        ({'r_h': [1, 2] * u.pc}, u.UnitsError, 'r_h must have a unit'),
        ({'r_h': [0, 1] * u.arcsec}, ValueError, 'r_h must be two increasing values above 0'),
        ({'r_h': [1, 2] * u.mas}, ValueError, 'r_h must be a range that a and gamma reach'),
    ],
)
def test_draw_eff_errors(changes, error, match):
    """Wrong ranges are named."""
    with pytest.raises(error, match=match):
        draw_eff(3, **{**REGION, **changes})
