# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests that stars, clusters, populations and images agree with one another, and with the literature.
"""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose

import starcnn.sky
from starcnn.images import PSF, StarRenderer
from starcnn.sky import EFF, KROUPA2001, ClusterSynthesis, Photometry

TABLES = Path(starcnn.sky.__file__).parent / 'data'
FILTERS = ('F336W', 'F438W', 'F814W')
PIXEL_SCALE = 0.04 * u.arcsec
SHAPE = (64, 64)
RATE = u.electron / u.s

M_H_M83 = 0.336  # log10(Z / X) of Z = 0.03 beside the Sun's (Bressan et al. 2012)
M_H_SUN = 0.06  # Z = 0.017, likewise
LOG_AGES = np.round(np.arange(6.6, 10.101, 0.05), 2)


@pytest.fixture(scope='module')
def hubble(theory):
    """Clusters in the filters of WFC3/UVIS of the paper."""
    photometry = Photometry.read(TABLES / 'hst_wfc3_uvis.npz').select(FILTERS)
    return ClusterSynthesis(isochrones=theory.with_photometry(photometry), photometry=photometry)


@pytest.fixture(scope='module')
def johnson(theory):
    """Clusters in the filters of Johnson."""
    photometry = Photometry.read(TABLES / 'johnson.npz')
    return ClusterSynthesis(isochrones=theory.with_photometry(photometry), photometry=photometry)


@pytest.fixture(scope='module')
def psfs():
    """The PSFs of the filters."""
    return [PSF.model('WFC3/UVIS', name, pixel_scale=PIXEL_SCALE) for name in FILTERS]


@pytest.fixture(scope='module')
def track(hubble):
    """Colours and magnitude of 1e4.5 solMass of the metallicity of M83, by age."""
    m = np.array([population(hubble, log_age, 10**4.5, M_H_M83) for log_age in LOG_AGES])
    return {'blue': m[:, 0] - m[:, 1], 'red': m[:, 1] - m[:, 2], 'F814W': m[:, 2]}


def population(synthesis, log_age, mass, m_h, **changes):
    """Return the magnitudes of a population without chance."""
    age = 10.0**log_age * u.yr
    return synthesis.mean_magnitudes(mass * u.solMass, age=age, m_h=m_h, **changes).value


def at(track, name, log_age):
    """Return one value of a track."""
    return np.interp(log_age, LOG_AGES, track[name])


# --- clusters and populations


@pytest.mark.slow
@pytest.mark.parametrize('log_age', [7.0, 8.0, 9.0, 10.0])
def test_clusters_of_ten_thousand_stars(hubble, log_age):
    """Stars drawn one by one have together the magnitudes and colours of the population."""
    mass = 1e4 * KROUPA2001.mean_mass.to_value(u.solMass)
    rng, fluxes, numbers = np.random.default_rng(1), [], []
    for _ in range(100):
        stars = hubble.sample(
            mass * u.solMass, age=10**log_age * u.yr, m_h=M_H_M83, a_v=1 * u.mag, rng=rng
        )
        numbers.append(len(stars))
        fluxes.append([(10 ** (-0.4 * stars[name].value)).sum() for name in FILTERS])
    assert np.mean(numbers) == pytest.approx(1e4, rel=0.01)
    fluxes = np.array(fluxes)
    found = -2.5 * np.log10(fluxes.mean(axis=0))
    expected = population(hubble, log_age, mass, M_H_M83, a_v=1 * u.mag)
    error = 1.0857 * fluxes.std(axis=0) / fluxes.mean(axis=0) / np.sqrt(len(fluxes))
    assert (abs(found - expected) < 4 * error + 0.01).all()
    assert (error < 0.1).all()


@pytest.mark.parametrize('log_age', [6.7, 7.3, 8.0, 9.0, 10.0])
def test_massive_clusters(hubble, log_age):
    """Clusters of a million suns, drawn fast, have the colours of the population."""
    rng = np.random.default_rng(2)
    drawn = [hubble._draw(1e6, log_age, M_H_M83, 0.0, 3.1, rng, n_bright=3000) for _ in range(10)]
    found = -2.5 * np.log10(np.mean([one.bright.sum(axis=0) + one.faint for one in drawn], axis=0))
    expected = population(hubble, log_age, 1e6, M_H_M83)
    assert_allclose(-np.diff(found), -np.diff(expected), atol=0.03)
    assert_allclose(found, expected, atol=0.03)


def test_small_clusters_scatter_more(hubble):
    """Colours of small clusters scatter by chance, more so where few red giants make the light."""
    spread = {}
    rng = np.random.default_rng(3)
    for mass in (10**3.5, 10**5.0):
        drawn = [hubble._draw(mass, 7.5, M_H_M83, 0, 3.1, rng, n_bright=300) for _ in range(60)]
        flux = np.array([one.bright.sum(axis=0) + one.faint for one in drawn])
        m = -2.5 * np.log10(flux)
        spread[mass] = [(m[:, k] - m[:, k + 1]).std() for k in range(2)]
    small, large = spread.values()
    # chance goes with the root of the number of stars, here of 32 times as many
    assert 3 < small[1] / large[1] < 10
    assert small[1] > small[0]


def test_mass_shifts_magnitudes_alone(hubble):
    """Ten times the mass is 2.5 mag, and the same colours (Fig. 3h of the paper)."""
    one, ten = (population(hubble, 8.3, mass, M_H_M83) for mass in (1e4, 1e5))
    assert_allclose(one - ten, 2.5, atol=1e-9)


# --- the tracks of Fig. 3 of Bialopetravicius & Narbutis (2020)


def test_older_is_fainter(track):
    """
    From 10 Myr on clusters fade; the oldest are the faintest by far (Fig. 3e).

    Within 0.25 dex, that is: for a moment near 1.5 Gyr many stars are on the
    asymptotic giant branch at once (Girardi et al. 2013, ApJ 777, 142).
    """
    after = track['F814W'][LOG_AGES >= 7.0]
    assert (after[5:] > after[:-5]).all()
    assert (np.diff(after) > -0.2).all()
    assert track['F814W'][-1] - at(track, 'F814W', 7.0) > 4
    assert np.argmax(track['F814W']) == len(LOG_AGES) - 1


def test_oldest_are_reddest(track):
    """The oldest clusters are the reddest in both colours, the youngest the bluest (Fig. 3a)."""
    for colour in ('blue', 'red'):
        assert np.argmax(track[colour]) == len(LOG_AGES) - 1
        assert np.argmin(track[colour]) == 0
    assert track['blue'][0] < -1.3
    assert track['blue'][-1] > 0.4
    assert track['red'][-1] - track['red'][0] > 2.5


def test_red_supergiants(track):
    """Red supergiants redden clusters of 8 to 10 Myr, before they turn bluer until 100 Myr."""
    young = (LOG_AGES > 6.7) & (LOG_AGES < 7.4)
    bump = track['red'][young].max()
    trough = track['red'][(LOG_AGES > 7.5) & (LOG_AGES < 8.3)].min()
    assert bump > at(track, 'red', 6.6) + 0.8
    assert bump > trough + 0.1
    assert at(track, 'red', 8.7) > trough + 0.2
    # while the blue colour goes on reddening: the track is a hook
    middle = (LOG_AGES > 7.0) & (LOG_AGES < 8.6)
    assert (np.diff(track['blue'][middle]) > 0).all()


def test_s_shape(track):
    """
    The lower part of the track has the shape of an S.

    Balmer jumps are deepest in stars of spectral type A: at 0.5 to 1 Gyr
    F336W - F438W stands still, or turns back, while F438W - F814W goes on
    (section 4.2 of the paper places the S at F336W - F438W > 0).
    """
    turn = (LOG_AGES >= 8.6) & (LOG_AGES <= 9.05)
    assert (track['blue'][turn] > 0).all()
    assert np.ptp(track['blue'][turn]) < 0.1
    assert np.diff(track['blue'][turn]).min() < 0
    assert (np.diff(track['red'][turn]) > 0).all()
    assert np.ptp(track['red'][turn]) > 0.5
    steep = (LOG_AGES >= 7.5) & (LOG_AGES <= 8.5)
    assert np.ptp(track['blue'][steep]) > 4 * np.ptp(track['red'][steep])


def test_degeneracy(hubble, track):
    """Dust takes young clusters to the colours of old ones (Fig. 3b)."""
    dusty = population(hubble, 8.0, 10**4.5, M_H_M83, a_v=2 * u.mag)
    blue, red = -np.diff(dusty)
    distance = np.hypot(track['blue'] - blue, track['red'] - red)
    assert distance.min() < 0.25
    assert LOG_AGES[np.argmin(distance)] > 8.7


# --- numbers of the literature


@pytest.mark.parametrize(
    ('log_age', 'colour', 'ratio'),
    [(7, -0.05, 0.024), (8, 0.12, 0.157), (9, 0.48, 0.80), (10, 0.96, 6.5)],
)
def test_populations_in_johnson_filters(johnson, log_age, colour, ratio):
    """B - V and M / L_V are those of another code, with a Kroupa function above 0.08 solMass."""
    names = johnson.photometry.filters
    m = dict(zip(names, population(johnson, log_age, 1.0, M_H_SUN), strict=True))
    assert m['B'] - m['V'] == pytest.approx(colour, abs=0.05)
    edges = np.array([0.01, 0.08, 150.0])
    numbers, mean = KROUPA2001._count(edges)
    stars = numbers[1] * mean[1] / (numbers @ mean)  # the part of the mass that is in stars
    assert 0.9 < stars < 0.99
    assert stars * 10 ** (0.4 * (m['V'] - 4.81)) == pytest.approx(ratio, rel=0.1)


def test_sun(johnson):
    """A star like the Sun has its magnitude."""
    star = johnson.isochrones.stars([1.0] * u.solMass, 4.57 * u.Gyr, 0.08)
    assert star['V'][0].value == pytest.approx(4.80, abs=0.06)
    assert (star['B'] - star['V'])[0].value == pytest.approx(0.64, abs=0.05)


# --- images of clusters


@pytest.mark.parametrize(('a', 'gamma'), [(0.05, 2.6), (0.2, 3.0), (0.8, 8.0)])
def test_half_of_the_stars(a, gamma):
    """Half of the stars are within r_h."""
    profile = EFF(a=a * u.arcsec, gamma=gamma)
    x, y = profile.sample(40_000, rng=1)
    assert np.mean(np.hypot(x, y) < profile.r_h) == pytest.approx(0.5, abs=4 * 0.5 / 200)


@pytest.mark.parametrize(('a', 'gamma'), [(0.1, 6.0), (0.1, 4.0), (0.8, 8.0)])
def test_half_of_the_light(psfs, a, gamma):
    """Half of the light is within r_h convolved with the PSF, found by moving photons."""
    photutils = pytest.importorskip('photutils.aperture')
    profile = EFF(a=a * u.arcsec, gamma=gamma)
    rng = np.random.default_rng(1)
    x, y = (value.to_value(u.arcsec) for value in profile.sample(20_000, rng=rng))
    renderer = StarRenderer(psfs, shape=SHAPE, pixel_scale=PIXEL_SCALE)
    image = renderer.render(x * u.arcsec, y * u.arcsec, np.ones((len(x), 3)) * RATE).value
    for plane, psf in zip(image, psfs, strict=True):
        dx, dy = draw_photons(psf, len(x), rng)
        radius = np.hypot(x + dx, y + dy)
        inside_frame = (abs(x + dx) < 1.28) & (abs(y + dy) < 1.28)  # arcsec
        r_obs = np.median(radius[inside_frame])
        assert r_obs > profile.r_h.to_value(u.arcsec)
        aperture = photutils.CircularAperture((31.5, 31.5), r_obs / 0.04)
        half = aperture.do_photometry(plane)[0][0] / plane.sum()
        assert half == pytest.approx(0.5, abs=0.02)


def draw_photons(psf, n, rng):
    """Return the places of photons of one star, arcsec: cells of a PSF that includes its pixel."""
    kernel = np.clip(psf.epsf(PIXEL_SCALE.value, 5), 0, None)
    cell = rng.choice(kernel.size, n, p=(kernel / kernel.sum()).ravel())
    middle = (kernel.shape[0] - 1) / 2
    step = 0.04 / 5  # arcsec
    y, x = np.divmod(cell, kernel.shape[1])
    jitter = rng.uniform(-0.5, 0.5, (2, n))
    return (x - middle + jitter[0]) * step, (y - middle + jitter[1]) * step


def test_light_of_a_star(psfs):
    """The light of a star is its flux times the part that its PSF has in the frame."""
    renderer = StarRenderer(psfs, shape=SHAPE, pixel_scale=PIXEL_SCALE)
    flux = np.array([[5.0, 50.0, 500.0]])
    image = renderer.render([0.1] * u.arcsec, [-0.2] * u.arcsec, flux * RATE).value
    for plane, total, psf in zip(image, flux[0], psfs, strict=True):
        inner, outer = psf.encircled_energy([1.0, 2.1] * u.arcsec)
        assert inner - 1e-3 < plane.sum() / total < outer + 1e-3
        assert 0.85 < inner < outer <= 1


def test_light_of_a_cluster(hubble, psfs):
    """The light of an image is that of the stars, times what one star has in the frame."""
    drawn = hubble._draw(1e5, 8.0, M_H_M83, 0.0, 3.1, np.random.default_rng(1), n_bright=3000)
    profile = EFF(a=0.05 * u.arcsec, gamma=8.0)
    n = len(drawn.bright)
    n_places = n + min(drawn.n_faint, 10_000)
    x, y = (value.to_value(PIXEL_SCALE.unit) / 0.04 for value in profile.sample(n_places, rng=1))
    scale = 1e6
    renderer = StarRenderer(psfs, shape=SHAPE, pixel_scale=PIXEL_SCALE)
    image = renderer._render(
        x[:n], y[:n], drawn.bright * scale, (x[n:], y[n:], drawn.faint * scale)
    )
    one = renderer._render(np.zeros(1), np.zeros(1), np.ones((1, 3))).sum(axis=(1, 2))
    expected = (drawn.bright.sum(axis=0) + drawn.faint) * scale * one
    assert_allclose(image.sum(axis=(1, 2)), expected, rtol=5e-4)
