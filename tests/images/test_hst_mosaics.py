# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.hst_mosaics.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.exceptions import DataFileError, StarcnnWarning
from starcnn.images import get_band, read_mosaics

UVIS = {'INSTRUME': 'WFC3', 'DETECTOR': 'UVIS', 'EXPTIME': 1500.0}
WFC = {'INSTRUME': 'ACS', 'DETECTOR': 'WFC', 'EXPTIME': 1000.0}

# Of WFC3/UVIS in F555W: the flux of 1 electron/s, erg/s/cm2/A, and the pivot wavelength, A.
PHOTFLAM, PHOTPLAM = 1.827e-19, 5308.2


def write(path, *, single=False, weight=None, **header):
    """Write a mosaic of 12 x 10 pixels, with a blank and a bad one, as the archive has them."""
    image = np.arange(1, 121, dtype=np.float32).reshape(12, 10)
    image[0, 0], image[11, 9] = 0, np.nan
    wcs = {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 10.0, 'CRVAL2': 20.0}
    wcs |= {'CD1_1': -1.1e-5, 'CD2_2': 1.1e-5, 'CRPIX1': 5.0, 'CRPIX2': 5.0}
    photometry = {'BUNIT': 'ELECTRONS/S', 'PHOTFLAM': PHOTFLAM, 'PHOTPLAM': PHOTPLAM}
    own = photometry | {key: header.pop(key) for key in [*header] if key in photometry}
    primary = UVIS | {'DATE-OBS': '2014-01-01'} | header
    own = {key: value for key, value in own.items() if value is not None}
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header.update({key: value for key, value in primary.items() if value is not None})
    if single:
        hdus[0].data = image
        hdus[0].header.update(own | wcs)
    else:
        hdus.append(fits.ImageHDU(image, name='SCI'))
        hdus[1].header.update(own | wcs)
    if weight is not None:
        hdus.append(fits.ImageHDU(weight, name='WHT'))
    hdus.writeto(path)
    return path


@pytest.mark.parametrize('single', [False, True])
def test_read(tmp_path, single):
    """Pixels, coordinates, camera and zero points are those of the file."""
    path = write(tmp_path / 'v.fits', FILTER='F555W', single=single)
    mosaics, bands = read_mosaics([path])
    mosaic, band = mosaics['F555W'], bands['F555W']
    assert mosaic.unit == u.electron / u.s
    assert mosaic.data.dtype == np.float32
    assert_allclose(mosaic.data[5], np.arange(51, 61))
    assert_array_equal(np.argwhere(mosaic.mask), [[0, 0], [11, 9]])
    assert_allclose(mosaic.wcs.pixel_to_world(4, 4).ra.deg, 10)
    assert band.instrument == 'WFC3/UVIS'
    assert band.exposure_time == 1500 * u.s
    # -2.5 log10(PHOTFLAM) - 5 log10(PHOTPLAM) - 2.408, as the ACS Data Handbook has it
    expected = -2.5 * np.log10(PHOTFLAM) - 5 * np.log10(PHOTPLAM) - 2.408
    assert_allclose(band.zero_point_ab.to_value(u.mag), expected, atol=1e-3)
    usual = get_band('WFC3/UVIS', 'F555W')
    assert_allclose(band.zero_point_ab.value, usual.zero_point_ab.value, atol=0.05)
    colour = usual.zero_point_vega - usual.zero_point_ab
    assert_allclose((band.zero_point_vega - band.zero_point_ab).value, colour.value)


def test_counts(tmp_path):
    """Electrons and data numbers are made electrons per second, and the flux stays the same."""
    rate = read_mosaics([write(tmp_path / 'a.fits', FILTER='F555W')])
    total = read_mosaics([write(tmp_path / 'b.fits', FILTER='F555W', BUNIT='ELECTRONS')])
    assert_allclose(total[0]['F555W'].data * 1500, rate[0]['F555W'].data)
    numbers, bands = read_mosaics([write(tmp_path / 'c.fits', FILTER='F555W', BUNIT='COUNTS/S')])
    assert_allclose(numbers['F555W'].data, rate[0]['F555W'].data * 1.55, rtol=1e-6)
    magnitudes = [
        band['F555W'].magnitude(mosaic['F555W'].data[5, 5] * u.electron / u.s)
        for mosaic, band in (rate, (numbers, bands))
    ]
    assert_allclose(magnitudes[0].value, magnitudes[1].value)  # PHOTFLAM is of 1 DN/s


def test_filters_of_two_wheels(tmp_path):
    """ACS has two wheels, one of which is open; a list comes in the order of the filters."""
    i = write(tmp_path / 'a.fits', FILTER1='CLEAR1L', FILTER2='F814W', **WFC)
    v = write(tmp_path / 'b.fits', FILTER1='F606W', FILTER2='CLEAR2L', **WFC)
    mosaics, bands = read_mosaics([i, v])
    assert list(mosaics) == list(bands) == ['F606W', 'F814W']
    assert bands['F606W'].instrument == 'ACS/WFC'


def test_weights_and_blank(tmp_path):
    """Pixels of no weight are masked, and those of a blank value if there is one."""
    weight = np.ones((12, 10))
    weight[3, 4] = 0
    path = write(tmp_path / 'a.fits', FILTER='F555W', weight=weight)
    mask = read_mosaics([path], blank=None)[0]['F555W'].mask
    assert_array_equal(np.argwhere(mask), [[3, 4], [11, 9]])
    assert read_mosaics([path], blank=55)[0]['F555W'].mask[5, 4]


def test_what_headers_lack(tmp_path):
    """Filter, unit and band can be given where a header has none."""
    path = write(tmp_path / 'a.fits', BUNIT=None, INSTRUME=None, EXPTIME=None)
    with pytest.raises(ValueError, match=r"dict by filter, as 'a.fits' does not"):
        read_mosaics([path])
    with pytest.raises(ValueError, match='unit must be given'):
        read_mosaics({'F555W': path})
    with pytest.raises(ValueError, match=r"bands must have F555W.*got '/UVIS' and EXPTIME = None"):
        read_mosaics({'F555W': path}, unit='electron / s')
    band = get_band('WFC3/UVIS', 'F555W', exposure_time=10 * u.s)
    mosaics, bands = read_mosaics({'F555W': path}, unit='electron', bands={'F555W': band})
    assert_allclose(mosaics['F555W'].data[5, 4], 5.5)
    assert bands['F555W'] is band


def test_usual_zero_point(tmp_path):
    """Without the keywords of the zero point, that of the camera is used, with a warning."""
    path = write(tmp_path / 'a.fits', FILTER='F555W', PHOTFLAM=None)
    with pytest.warns(StarcnnWarning, match=r'a\.fits has no PHOTFLAM'):
        _, bands = read_mosaics([path])
    assert bands['F555W'].zero_point_ab == get_band('WFC3/UVIS', 'F555W').zero_point_ab


def test_errors(tmp_path):
    """What are not mosaics of one field in different filters is refused."""
    a = write(tmp_path / 'a.fits', FILTER='F555W')
    with pytest.raises(ValueError, match='different filters, got F555W twice'):
        read_mosaics([a, a])
    with pytest.raises(TypeError, match='list of files'):
        read_mosaics(a)
    with pytest.raises(TypeError, match='bands must be a dict of Band'):
        read_mosaics([a], bands=[1])
    with pytest.raises(FileNotFoundError, match=r'no\.fits'):
        read_mosaics([tmp_path / 'no.fits'])
    (tmp_path / 'text.fits').write_text('no FITS', encoding='utf-8')
    with pytest.raises(DataFileError, match=r'text\.fits'):
        read_mosaics([tmp_path / 'text.fits'])
    fits.PrimaryHDU().writeto(tmp_path / 'empty.fits')
    with pytest.raises(DataFileError, match=r'empty\.fits.* has none'):
        read_mosaics([tmp_path / 'empty.fits'])
    plain = fits.PrimaryHDU(np.ones((3, 3)))
    plain.header.update(UVIS | {'FILTER': 'F555W', 'BUNIT': 'ELECTRONS/S'})
    plain.header.update({'PHOTFLAM': PHOTFLAM, 'PHOTPLAM': PHOTPLAM})
    plain.writeto(tmp_path / 'plain.fits')
    with pytest.raises(DataFileError, match='coordinates on the sky'):
        read_mosaics([tmp_path / 'plain.fits'])
    odd = write(tmp_path / 'odd.fits', FILTER='F555W', weight=np.ones((3, 3)))
    with pytest.raises(DataFileError, match='WHT must have shape'):
        read_mosaics([odd])
    magnitudes = write(tmp_path / 'mag.fits', FILTER='F555W', BUNIT='K')
    with pytest.raises(u.UnitsError, match='converts to electron'):
        read_mosaics([magnitudes])
    nonsense = write(tmp_path / 'nonsense.fits', FILTER='F555W', BUNIT='light')
    with pytest.raises(DataFileError, match=r"got 'light' in 'nonsense\.fits'"):
        read_mosaics([nonsense])
