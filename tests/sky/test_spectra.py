# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the spectra of stars and clusters.
"""

import os
from pathlib import Path

import astropy.constants as const
import astropy.units as u
import numpy as np
import pytest
from astropy.modeling.models import BlackBody
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.exceptions import DataFileError
from starcnn.sky import (
    KROUPA2001,
    Photometry,
    SpectralGrid,
    cluster_spectrum,
    redden,
    stellar_spectrum,
    synthetic_magnitude,
)

from .conftest import TABLES

Spectrum = pytest.importorskip('specutils').Spectrum

FLUX = u.erg / (u.s * u.cm**2 * u.AA)
WAVE = np.geomspace(100, 1e6, 1500) * u.AA
TEFF = np.array([3500.0, 4000, 5000, 6000, 8000, 10000])
CURVES = {'johnson': 'Bessell_', 'hst_wfc3_uvis': 'WFC3_UVIS_', 'hst_acs_wfc': 'ACS_WFC_'}


def planck(teff):
    """Return the surface flux density of a black body."""
    return (BlackBody(teff * u.K, scale=1 * FLUX / u.sr)(WAVE) * np.pi * u.sr).to(FLUX)


def box(low, high):
    """Return a filter that lets through everything between two wavelengths."""
    wave = np.array([low, low + 1e-3, high - 1e-3, high])
    throughput = np.array([0.0, 1, 1, 0])
    return Spectrum(flux=throughput * u.one, spectral_axis=wave * u.AA)


@pytest.fixture(scope='module')
def black_bodies():
    """
    A grid of black bodies, the same at every metallicity and gravity, some left out.
    """
    flux = np.stack([planck(teff).value for teff in TEFF])
    flux = np.tile(flux[np.newaxis, :, np.newaxis], (2, 1, 3, 1))
    flux[:, -1, 0] = 0
    return SpectralGrid(WAVE, [-1.0, 0.0], np.log10(TEFF), [0.0, 2.0, 5.0], flux * FLUX)


@pytest.fixture(scope='module')
def folder():
    """
    The folder of model atmospheres and filters, which is not packaged.
    """
    path = os.environ.get('STARCNN_DATA_DIR')
    if not path or not (Path(path) / 'spectra/ck04_flux.npz').is_file():
        pytest.skip('needs the spectra of STARCNN_DATA_DIR')
    return Path(path)


@pytest.fixture(scope='module')
def atlas(folder):
    """
    The atlas of Castelli & Kurucz 2004.
    """
    return SpectralGrid.read(folder / 'spectra/ck04_flux.npz')


def read_curve(folder, system, name):
    """Return the throughput of a filter."""
    path = folder / f'filters/{CURVES[system]}{name}.csv'
    wave, throughput = np.loadtxt(path, delimiter=',', skiprows=1).T
    return Spectrum(flux=throughput * u.one, spectral_axis=wave * u.AA)


def test_ab_magnitude_of_a_flat_spectrum():
    """A flux density of 3631 Jy has the AB magnitude 0, whatever its unit and filter."""
    wave = np.arange(3000, 10001, 5.0) * u.AA
    flat = Spectrum(flux=np.full(len(wave), 3631) * u.Jy, spectral_axis=wave)
    for band in (box(4000, 5000), box(5500, 9500)):
        assert abs(synthetic_magnitude(flat, band)) < 1e-4 * u.mag
    bright = Spectrum(flux=10 * flat.flux.to(FLUX, u.spectral_density(wave)), spectral_axis=wave)
    assert_allclose(synthetic_magnitude(bright, box(4000, 5000)).value, -2.5, atol=1e-4)


def test_photons_are_counted():
    """For constant flux per wavelength the AB magnitude is that at the pivot wavelength."""
    flux = Spectrum(flux=np.full(2, 1e-9) * FLUX, spectral_axis=[3000, 9000] * u.AA)
    pivot = np.sqrt((8000**2 - 4000**2) / 2 / np.log(8000 / 4000)) * u.AA
    density = (1e-9 * FLUX * pivot**2 / const.c).to(u.Jy)
    curve = Spectrum(
        flux=np.r_[0, np.ones(401), 0] * u.one,
        spectral_axis=np.r_[3999.99, np.linspace(4000, 8000, 401), 8000.01] * u.AA,
    )
    expected = -2.5 * np.log10((density / (3631 * u.Jy)).value)
    assert_allclose(synthetic_magnitude(flux, curve).value, expected, atol=2e-4)


def test_reference():
    """A spectrum has magnitude 0 in the system that it defines, and half of it 0.753."""
    vega = Spectrum(flux=planck(9500), spectral_axis=WAVE)
    half = Spectrum(flux=planck(9500) / 2, spectral_axis=WAVE)
    assert synthetic_magnitude(vega, box(4000, 6000), reference=vega) == 0 * u.mag
    magnitude = synthetic_magnitude(half, box(4000, 6000), reference=vega)
    assert_allclose(magnitude.to_value(u.mag), 0.7526, atol=1e-4)


def test_stellar_spectrum_of_a_black_body(black_bodies):
    """A star emits its luminosity, with the shape of its temperature."""
    star = stellar_spectrum(black_bodies, 6000 * u.K, 2 * u.solLum, log_g=4.0)
    power = np.trapezoid(star.flux, star.spectral_axis).to_value(u.solLum)
    assert_allclose(power, 2, rtol=1e-3)
    sun = stellar_spectrum(black_bodies, 6000 * u.K, 1 * u.solLum, log_g=1.0, distance=1 * u.AU)
    radius2 = (u.solLum / (4 * np.pi * const.sigma_sb * (6000 * u.K) ** 4)).to(u.AU**2)
    expected = (planck(6000) * radius2 / u.AU**2).to_value(FLUX)
    bright = expected > 1e-6 * expected.max()
    assert_allclose(sun.flux.to_value(FLUX)[bright], expected[bright], rtol=1e-4)


def test_between_and_beyond_the_models(black_bodies):
    """Between temperatures the spectrum is near the true one; beyond, the last shape is used."""
    star = stellar_spectrum(black_bodies, 4400 * u.K, 1 * u.solLum, log_g=0.5, m_h=-0.3)
    expected = planck(4400).value / (const.sigma_sb.cgs.value * 4400**4) * u.solLum.to('erg / s')
    visible = (WAVE > 4000 * u.AA) & (WAVE < 20000 * u.AA)
    assert_allclose(star.flux.value[visible], expected[visible], rtol=0.05)
    hot, hotter = (
        stellar_spectrum(black_bodies, teff * u.K, 1 * u.solLum, log_g=0.0).flux.value
        for teff in (10000, 20000)
    )
    assert_allclose(hot, hotter)
    assert hot.sum() > 0  # the model that is left out is that of the next gravity


def test_cluster_is_the_sum_of_its_stars(black_bodies):
    """The light of stars adds up, and remnants give none."""
    stars = QTable({'log_l': [0.0, 2.0, np.nan], 'log_teff': [3.76, 3.66, np.nan]})
    stars['log_g'] = [4.4, 2.0, np.nan]
    total = cluster_spectrum(black_bodies, stars, m_h=0.0, distance=1 * u.Mpc)
    each = [
        stellar_spectrum(
            black_bodies, 10**log_t * u.K, 10**log_l * u.solLum, log_g=log_g, distance=1 * u.Mpc
        ).flux
        for log_l, log_t, log_g in stars.iterrows()
        if np.isfinite(log_l)
    ]
    assert_allclose(total.flux.value, (each[0] + each[1]).value, rtol=1e-5)
    assert total.flux.unit == FLUX
    dark = cluster_spectrum(black_bodies, stars[2:], m_h=0.0)
    assert not dark.flux.value.any()


@pytest.mark.parametrize(
    ('law', 'r_v', 'wave', 'expected'),
    # O'Donnell 1994 at 1/V: by definition 1 at 1.82 per micron; Cardelli, Clayton & Mathis 1989,
    # equation 2, in the infrared: 0.574 x**1.61 - 0.527 x**1.61 / R_V at x = 1 per micron;
    # the anchor of Fitzpatrick 1999 at 5470 Angstrom (table 4).
    [
        ('CCM89', 3.1, 1e4 / 1.82, 1.0),
        ('CCM89', 3.1, 1e4, 0.574 - 0.527 / 3.1),
        ('CCM89', 5.0, 1e4, 0.574 - 0.527 / 5.0),
        ('F99', 3.1, 5470, (-0.0513540 + 1.00216 * 3.1 - 7.35778e-5 * 3.1**2) / 3.1),
        ('F19', 4.0, 5500, 1.0),
        ('G23', 2.5, 5500, 1.0),
    ],
)
def test_reddening(black_bodies, law, r_v, wave, expected):
    """Dust takes away what the law says, and depends on R_V."""
    kwargs = {'log_g': 4.0, 'law': law, 'r_v': r_v}
    clear, dusty = (
        stellar_spectrum(black_bodies, 6000 * u.K, 1 * u.solLum, a_v=a_v * u.mag, **kwargs)
        for a_v in (0, 2)
    )
    lost = -2.5 * np.log10(dusty.flux / clear.flux).value / 2
    assert_allclose(np.interp(wave, WAVE.value, lost), expected, atol=0.012)


def test_sun(atlas, folder):
    """The Sun has M_V = 4.81, B - V = 0.65 and V - I = 0.71 (Willmer 2018; Ramirez et al. 2012)."""
    from astropy.io import fits

    with fits.open(folder / 'filters/alpha_lyr_stis_011.fits') as hdus:
        data = hdus[1].data
        vega = Spectrum(flux=data['FLUX'] * FLUX, spectral_axis=data['WAVELENGTH'] * u.AA)
    sun = stellar_spectrum(atlas, 5772 * u.K, 1 * u.solLum, log_g=4.44, distance=10 * u.pc)
    b, v, i = (
        synthetic_magnitude(sun, read_curve(folder, 'johnson', name), reference=vega).value
        for name in 'BVI'
    )
    assert_allclose(v, 4.81, atol=0.02)
    assert_allclose((b - v, v - i), (0.65, 0.71), atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('system', 'filters'),
    [('johnson', 'UBVRI'), ('hst_wfc3_uvis', ('F336W', 'F438W', 'F814W'))],
)
def test_magnitudes_of_the_sum_are_the_sum_of_magnitudes(atlas, folder, theory, system, filters):
    """With the colours of the tables the cluster's spectrum has the magnitudes of its stars."""
    photometry = Photometry.read(TABLES / f'{system}.npz').select(filters)
    isochrones = theory.with_photometry(photometry)
    curves = {name: read_curve(folder, system, name) for name in filters}
    matched = atlas.match(photometry, curves)
    masses = KROUPA2001.sample_cluster(3e4 * u.solMass, rng=2)
    for log_age, m_h in ((6.7, 0.336), (7.0, 0.336), (8.0, 0.0), (9.0, 0.3), (10.0, -0.7)):
        stars = isochrones.stars(masses, 10**log_age * u.yr, m_h)
        for a_v, r_v in ((0, 3.1), (1.5, 3.1), (1.0, 4.5)):
            spectrum = cluster_spectrum(
                matched, stars, m_h=m_h, distance=10 * u.pc, a_v=a_v * u.mag, r_v=r_v
            )
            light = redden(stars[stars['phase'] >= 0], a_v * u.mag, photometry, r_v=r_v)
            for name in filters:
                summed = -2.5 * np.log10((10 ** (-0.4 * light[name].value)).sum())
                magnitude = synthetic_magnitude(spectrum, curves[name]).value
                assert abs(magnitude - photometry.ab_minus_vega[name] - summed) < 0.02


def test_models_alone_are_enough_for_warm_stars(atlas, folder, theory):
    """Without the corrections of cool stars young, metal-poor clusters agree, old ones do not."""
    photometry = Photometry.read(TABLES / 'hst_acs_wfc.npz').select(['F814W'])
    curve = read_curve(folder, 'hst_acs_wfc', 'F814W')
    masses = KROUPA2001.sample_cluster(3e4 * u.solMass, rng=2)
    differences = []
    for log_age in (7.3, 9.0):
        stars = theory.with_photometry(photometry).stars(masses, 10**log_age * u.yr, -0.5)
        spectrum = cluster_spectrum(atlas, stars, m_h=-0.5, distance=10 * u.pc)
        summed = -2.5 * np.log10(np.nansum(10 ** (-0.4 * stars['F814W'].value)))
        magnitude = synthetic_magnitude(spectrum, curve).value
        differences.append(magnitude - photometry.ab_minus_vega['F814W'] - summed)
    assert abs(differences[0]) < 0.005
    assert abs(differences[1]) > 0.03


def test_errors_of_spectra(black_bodies):
    """Arguments that cannot be are refused, each by name."""
    star = {'teff': 5000 * u.K, 'luminosity': 1 * u.solLum, 'log_g': 4.0}
    for change, error, match in (
        ({'teff': 5000.0}, TypeError, 'teff must be a Quantity'),
        ({'teff': -1 * u.K}, ValueError, 'teff must be positive, got -1'),
        ({'luminosity': 1 * u.solMass}, u.UnitsError, 'luminosity must have a unit'),
        ({'distance': 0 * u.pc}, ValueError, 'distance must be positive, got 0'),
        ({'a_v': -1 * u.mag}, ValueError, 'a_v must be at least 0 mag, got -1'),
        ({'law': 'SMC'}, ValueError, r"law must be one of \['CCM89'.*got 'SMC'"),
        ({'a_v': 1 * u.mag, 'r_v': 9}, ValueError, 'r_v must be between 2 and 6 for CCM89, got 9'),
    ):
        with pytest.raises(error, match=match):
            stellar_spectrum(black_bodies, **(star | change))
    with pytest.raises(ValueError, match=r"stars must have the columns \['log_g'\]"):
        cluster_spectrum(black_bodies, QTable({'log_l': [0.0], 'log_teff': [3.7]}), m_h=0.0)


def test_errors_of_magnitudes_and_grids(black_bodies, photometry, tmp_path):
    """Spectra that miss the filter, other files, and tables without AB magnitudes are refused."""
    short = Spectrum(flux=np.ones(3) * FLUX, spectral_axis=[4000, 4500, 5000] * u.AA)
    with pytest.raises(ValueError, match=r'spectrum must cover .* Angstrom, got 4000 to 5000'):
        synthetic_magnitude(short, box(4500, 6000))
    with pytest.raises(ValueError, match='flux must have shape'):
        SpectralGrid(WAVE, [0.0], [3.7], [4.0], np.ones((1, 1, 2, len(WAVE))) * FLUX)
    np.savez(tmp_path / 'other.npz', a=np.arange(3))
    with pytest.raises(DataFileError, match='path must be an archive with the arrays'):
        SpectralGrid.read(tmp_path / 'other.npz')
    with pytest.raises(ValueError, match=r"throughputs must have the filters.*'Gaia_G'"):
        black_bodies.match(photometry, {})
    unknown = photometry.select(photometry.filters)
    unknown.ab_minus_vega = dict.fromkeys(unknown.filters, np.nan)
    with pytest.raises(ValueError, match='photometry must have AB magnitudes'):
        black_bodies.match(unknown, dict.fromkeys(unknown.filters, box(4000, 5000)))
