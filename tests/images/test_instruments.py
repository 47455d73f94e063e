# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.instruments.
"""

import os
from pathlib import Path

import astropy.constants as const
import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.tests.helper import assert_quantity_allclose

from starcnn.images import Band, get_band, list_bands

RATE = u.electron / u.s

# The collecting area of Hubble that stsynphot uses.
AREA = 45_238.93 * u.cm**2

# Vega zero points in an infinite aperture that STScI published: UVIS in 2012 (WFC3 web page of
# photometric zero points), ACS at 2002 (Sirianni et al. 2005, as updated on the web page of ACS).
PUBLISHED = {
    ('WFC3/UVIS', 'F275W'): 22.6322,
    ('WFC3/UVIS', 'F336W'): 23.4836,
    ('WFC3/UVIS', 'F438W'): 24.9738,
    ('WFC3/UVIS', 'F475W'): 25.7783,
    ('WFC3/UVIS', 'F555W'): 25.8160,
    ('WFC3/UVIS', 'F606W'): 25.9866,
    ('WFC3/UVIS', 'F814W'): 24.6803,
    ('ACS/WFC', 'F475W'): 26.168,
    ('ACS/WFC', 'F606W'): 26.398,
}


@pytest.fixture(scope='module')
def filters_dir():
    """The folder of throughputs and spectra."""
    if 'STARCNN_DATA_DIR' not in os.environ:
        pytest.skip('STARCNN_DATA_DIR is not set')
    return Path(os.environ['STARCNN_DATA_DIR']) / 'filters'


def read_throughput(filters_dir, instrument, name):
    """Return wavelengths and the throughput of a filter."""
    path = filters_dir / f'{instrument.replace("/", "_")}_{name}.csv'
    wave, throughput = np.loadtxt(path, delimiter=',', skiprows=1, unpack=True)
    return wave * u.AA, throughput


def read_spectrum(path):
    """Return wavelengths and flux densities of a spectrum of STScI."""
    with fits.open(path, memmap=False) as hdus:
        wave, flux = hdus[1].data.field('WAVELENGTH'), hdus[1].data.field('FLUX')
    return wave * u.AA, flux * u.erg / u.s / u.cm**2 / u.AA


def count_rate(wave, throughput, flux):
    """Return the electrons per second of a flux density per wavelength."""
    photons = flux * wave / (const.h * const.c) * throughput
    return (np.trapezoid(photons, wave) * AREA).to(1 / u.s)


@pytest.mark.parametrize(('instrument', 'name'), list_bands())
@pytest.mark.filterwarnings('ignore:.*TNULL')
def test_zero_points_are_those_of_the_throughputs(filters_dir, instrument, name):
    """A Vega and a flat 3631 Jy give the zero points, from the curves alone."""
    wave, throughput = read_throughput(filters_dir, instrument, name)
    vega_wave, vega_flux = read_spectrum(filters_dir / 'alpha_lyr_stis_011.fits')
    vega = count_rate(wave, throughput, np.interp(wave, vega_wave, vega_flux))
    flat = (3631 * u.Jy * const.c / wave**2).to(vega_flux.unit)
    ab = count_rate(wave, throughput, flat)
    band = get_band(instrument, name)
    expected = 2.5 * np.log10(vega.value), 2.5 * np.log10(ab.value)
    found = band.zero_point_vega.value, band.zero_point_ab.value
    np.testing.assert_allclose(found, expected, atol=0.002)


@pytest.mark.parametrize(('key', 'published'), PUBLISHED.items())
def test_zero_points_are_near_those_published(key, published):
    """The zero points are within 0.035 mag of those of STScI."""
    assert abs(get_band(*key).zero_point_vega.value - published) < 0.035


@pytest.mark.parametrize(('instrument', 'name'), list_bands())
def test_sky_is_zodiacal_light(filters_dir, instrument, name):
    """The sky is sunlight of V = 22.7 mag/arcsec2; the V magnitude of the Sun is -26.76."""
    wave, throughput = read_throughput(filters_dir, instrument, name)
    with pytest.warns(fits.verify.VerifyWarning):
        sun_wave, sun_flux = read_spectrum(filters_dir / 'sun_reference_stis_001.fits')
    sun = count_rate(wave, throughput, np.interp(wave, sun_wave, sun_flux)).value
    band = get_band(instrument, name)
    area = band.pixel_scale.to_value(u.arcsec) ** 2
    # The magnitude of this very spectrum is between -26.74 and -26.77 by scale of Vega.
    expected = sun * 10 ** (-0.4 * (22.7 + 26.755)) * area
    assert_quantity_allclose(band.sky, expected * RATE, rtol=0.03, atol=1e-4 * RATE)


def test_sky_of_acs_is_near_that_predicted_before_launch():
    """Within 0.3 mag of the average zodiacal light on the page of the ACS team (2001)."""
    team = {'F435W': 0.0180, 'F475W': 0.0333, 'F555W': 0.0340, 'F606W': 0.0851, 'F814W': 0.0755}
    for name, value in team.items():
        ratio = get_band('ACS/WFC', name).sky.to_value(RATE) / value
        assert abs(2.5 * np.log10(ratio)) < 0.3


@pytest.mark.parametrize('system', ['Vega', 'AB'])
def test_magnitudes_and_count_rates(system):
    """The zero point is 1 electron/s, five magnitudes are a factor of 100, and back."""
    band = get_band('WFC3/UVIS', 'F438W')
    zero_point = {'Vega': band.zero_point_vega, 'AB': band.zero_point_ab}[system]
    magnitudes = zero_point - [0, 5] * u.mag
    rates = band.count_rate(magnitudes, system=system)
    assert_quantity_allclose(rates, [1, 100] * RATE, rtol=1e-12)
    assert_quantity_allclose(band.magnitude(rates, system=system), magnitudes, rtol=1e-12)


def test_units():
    """Values in other units give the same; bare numbers and wrong units are refused."""
    band = get_band('ACS/WFC', 'F814W')
    assert_quantity_allclose(band.count_rate(25e3 * u.mmag), band.count_rate(25 * u.mag))
    assert_quantity_allclose(band.magnitude(60 * u.electron / u.min), band.magnitude(1 * RATE))
    with pytest.raises(TypeError, match='magnitude must be a Quantity'):
        band.count_rate(25.0)
    with pytest.raises(u.UnitsError, match='count_rate must have a unit'):
        band.magnitude(1 * u.Jy)


def test_no_light_has_no_magnitude():
    """Rates that are not positive have a magnitude of NaN, without a warning."""
    assert np.isnan(get_band('ACS/WFC', 'F814W').magnitude([0, -1] * RATE)).all()


def test_changes():
    """Fields can be changed, one band does not touch the next."""
    band = get_band('ACS/WFC', 'F475W', exposure_time=0.5 * u.hour, n_exposures=4)
    assert band.exposure_time == 1800 * u.s
    assert band.n_exposures == 4
    assert get_band('ACS/WFC', 'F475W').exposure_time == 1000 * u.s


@pytest.mark.parametrize(
    ('changes', 'error', 'match'),
    [
        ({'exposure_time': 100}, TypeError, 'exposure_time must be a Quantity'),
        ({'exposure_time': 0 * u.s}, ValueError, r'exposure_time must be positive, got 0.0 s'),
        ({'sky': -1 * RATE}, ValueError, 'sky must be zero or positive'),
        ({'gain': 2 * u.s}, u.UnitsError, 'gain must have a unit'),
        ({'n_exposures': 0}, ValueError, 'n_exposures must be positive, got 0'),
        ({'n_exposures': 1.5}, TypeError, 'n_exposures must be a whole number, got 1.5'),
        ({'n_exposures': True}, TypeError, 'n_exposures must be a whole number, got True'),
        ({'colour': 1}, TypeError, r"changes must be fields of Band, got \['colour'\]"),
    ],
)
def test_wrong_changes(changes, error, match):
    """What a band cannot be is refused by the name of the field."""
    with pytest.raises(error, match=match):
        get_band('ACS/WFC', 'F475W', **changes)


@pytest.mark.parametrize(
    ('instrument', 'name', 'match'),
    [
        ('WFPC2', 'F814W', r"instrument must be one of \['ACS/WFC', 'WFC3/UVIS'\], got 'WFPC2'"),
        ('ACS/WFC', 'F336W', "filter must be one of .* for ACS/WFC, got 'F336W'"),
    ],
)
def test_unknown_bands(instrument, name, match):
    """Unknown cameras and filters are refused with what there is."""
    with pytest.raises(ValueError, match=match):
        get_band(instrument, name)


def test_unknown_system():
    """There are two systems of magnitudes."""
    with pytest.raises(ValueError, match=r"system must be one of \['Vega', 'AB'\], got 'ST'"):
        get_band('ACS/WFC', 'F814W').magnitude(1 * RATE, system='ST')


def test_bands_do_not_change():
    """A band is frozen, and can be made by hand."""
    band = get_band('ACS/WFC', 'F814W')
    with pytest.raises(AttributeError):
        band.sky = 0 * RATE
    fields = {name: getattr(band, name) for name in Band.__dataclass_fields__}
    assert Band(**fields) == band
