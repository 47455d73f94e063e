# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.psf.
"""

import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.tests.helper import assert_quantity_allclose

from starcnn.exceptions import DataFileError, StarcnnWarning
from starcnn.files import packaged_path, read_files, verify
from starcnn.images import PSF, get_band, list_bands

SCALE = 0.04 * u.arcsec
RADII = [0.1, 0.2, 0.5] * u.arcsec

# Encircled energies at RADII and at 1 arcsec of the files of Tiny Tim 7.5 (centre of the first
# chip, G2V) with pixel and charge diffusion, as parts of the light of the file, 3.6 arcsec across.
TINY_TIM = {
    ('ACS/WFC', 'F435W'): (0.7268, 0.8722, 0.9437, 0.9771),
    ('ACS/WFC', 'F475W'): (0.7267, 0.8738, 0.9456, 0.9780),
    ('ACS/WFC', 'F555W'): (0.7296, 0.8751, 0.9476, 0.9797),
    ('ACS/WFC', 'F814W'): (0.6515, 0.8722, 0.9456, 0.9828),
    ('WFC3/UVIS', 'F275W'): (0.7549, 0.8477, 0.9257, 0.9783),
    ('WFC3/UVIS', 'F336W'): (0.7780, 0.8587, 0.9358, 0.9747),
    ('WFC3/UVIS', 'F438W'): (0.7925, 0.8719, 0.9428, 0.9757),
    ('WFC3/UVIS', 'F475W'): (0.7905, 0.8742, 0.9455, 0.9770),
    ('WFC3/UVIS', 'F555W'): (0.7821, 0.8762, 0.9475, 0.9787),
    ('WFC3/UVIS', 'F814W'): (0.6871, 0.8816, 0.9457, 0.9827),
}

# Encircled energies of stars, as parts of all light. UVIS at RADII: WFC3 page of zero points of
# 2009, at the pivot wavelengths; ACS at 0.5 arcsec: Bohlin 2011, ACS ISR 2011-02.
MEASURED = {
    ('WFC3/UVIS', 'F275W'): (0.719, 0.805, 0.886),
    ('WFC3/UVIS', 'F336W'): (0.744, 0.830, 0.900),
    ('WFC3/UVIS', 'F438W'): (0.751, 0.850, 0.916),
    ('WFC3/UVIS', 'F555W'): (0.731, 0.859, 0.924),
    ('WFC3/UVIS', 'F814W'): (0.650, 0.853, 0.918),
    ('ACS/WFC', 'F435W'): (np.nan, np.nan, 0.909),
    ('ACS/WFC', 'F475W'): (np.nan, np.nan, 0.910),
    ('ACS/WFC', 'F555W'): (np.nan, np.nan, 0.913),
    ('ACS/WFC', 'F606W'): (np.nan, np.nan, 0.916),
    ('ACS/WFC', 'F814W'): (np.nan, np.nan, 0.914),
}

KERNEL = np.array([[0.02, 0.11, 0.02], [0.11, 0.48, 0.11], [0.02, 0.11, 0.02]])


def model(key, pixel_scale=None):
    """Return the packaged model in the pixels of its camera, or in others."""
    return PSF.model(
        *key, pixel_scale=get_band(*key).pixel_scale if pixel_scale is None else pixel_scale
    )


def gaussian(sigma, step, half=60):
    """Return samples of a Gaussian of unit light; sigma and step in arcsec."""
    axis = step * np.arange(-half, half + 1)
    profile = np.exp(-0.5 * (axis / sigma) ** 2)
    data = np.outer(profile, profile)
    return data / data.sum()


@pytest.fixture
def psf():
    """A Gaussian of sigma 0.06 arcsec before the pixel."""
    data = gaussian(0.06, 0.01)
    return PSF(data, oversampling=4, pixel_scale=SCALE, filter='F438W', includes_pixel=False)


@pytest.fixture(scope='module')
def psf_dir():
    """The folder of files of Tiny Tim."""
    if 'STARCNN_DATA_DIR' not in os.environ:
        pytest.skip('STARCNN_DATA_DIR is not set')
    return Path(os.environ['STARCNN_DATA_DIR']) / 'psf'


@pytest.mark.parametrize('key', TINY_TIM)
def test_models_have_the_energies_of_tiny_tim(key):
    """Within 3 per cent of Tiny Tim at 0.1, 0.2 and 0.5 arcsec, each to 1 arcsec."""
    energy = model(key).encircled_energy([0.1, 0.2, 0.5, 1] * u.arcsec)
    expected = np.array(TINY_TIM[key])
    np.testing.assert_allclose(energy[:3] / energy[3], expected[:3] / expected[3], rtol=0.03)
    # The frames of Tiny Tim are normalised to the light in them, two per cent less than all.
    np.testing.assert_allclose(energy, 0.98 * expected, rtol=0.03)


@pytest.mark.parametrize('key', MEASURED)
def test_models_have_the_energies_of_stars(key):
    """Within 5 per cent of stars at 0.1 arcsec, and 3 per cent at 0.2 and 0.5 arcsec."""
    ratio = model(key).encircled_energy(RADII) / MEASURED[key]
    known = np.isfinite(ratio)
    assert (abs(ratio - 1) < np.array([0.05, 0.03, 0.03]))[known].all()


@pytest.mark.parametrize('key', TINY_TIM)
def test_files_of_tiny_tim_have_their_energies(psf_dir, key):
    """A subsampled file, read with charge diffusion, has the energies above; so has the model."""
    instrument, name = key
    camera = {'ACS/WFC': 'acswfc1', 'WFC3/UVIS': 'wfc3uvis1'}[instrument]
    file = PSF.read(psf_dir / f'{camera}_{name.lower()}_sub4.fits')
    assert file.filter == name
    assert file.oversampling == 4
    assert not file.includes_pixel
    radii = [0.1, 0.2, 0.5, 1] * u.arcsec
    energy = file.encircled_energy(radii)
    np.testing.assert_allclose(energy, TINY_TIM[key], atol=0.002)
    # Detector pixels that Tiny Tim itself drew, with diffusion.
    with fits.open(psf_dir / f'{camera}_{name.lower()}_sub1.fits') as hdus:
        image = hdus[0].data.astype(float)
    drawn = file.resample(file.pixel_scale, 1).data
    y, x = np.unravel_index(image.argmax(), image.shape)
    n = len(drawn) // 2
    # Tiny Tim draws single samples per pixel less sharp, by up to 6 per cent at the peak.
    found, expected = drawn[n - 3 : n + 4, n - 3 : n + 4], image[y - 3 : y + 4, x - 3 : x + 4]
    np.testing.assert_allclose(found, expected, atol=0.065 * expected.max())


def test_model_is_near_a_star_of_m31(psf_dir):
    """The core of F475W is that measured on a drizzled frame, to a tenth of the peak."""
    star = np.load(psf_dir / 'm31_f475w_empirical_epsf_31x31.npy')
    drawn = model(('ACS/WFC', 'F475W'), 0.05 * u.arcsec).epsf(0.05, 1)
    n, m = len(star) // 2, len(drawn) // 2
    core = drawn[m - 5 : m + 6, m - 5 : m + 6] / drawn.max()
    found = star[n - 5 : n + 6, n - 5 : n + 6] / star.max()
    # The frame is drizzled: the mean over all turns is compared.
    turns = [np.rot90(found, k) for k in range(4)], [np.rot90(core, k) for k in range(4)]
    np.testing.assert_allclose(np.mean(turns[1], 0), np.mean(turns[0], 0), atol=0.1)


@pytest.mark.parametrize(
    ('key', 'fwhm'),
    [
        # FWHM before the pixel (WFC3 Instrument Handbook, Table 6.7), with a pixel of 0.04 arcsec.
        (('WFC3/UVIS', 'F336W'), np.hypot(0.073, 0.0385)),
        (('WFC3/UVIS', 'F438W'), np.hypot(0.069, 0.0385)),
        (('WFC3/UVIS', 'F814W'), np.hypot(0.074, 0.0385)),
    ],
)
def test_models_have_the_width_of_the_handbook(key, fwhm):
    """The FWHM is within 7 per cent of the handbook; a pixel adds its width in quadrature."""
    samples = model(key, SCALE).epsf(0.04, 20)
    n = len(samples) // 2
    profile = samples[n, n:] / samples[n, n]
    found = 2 * 0.002 * np.interp(-0.5, -profile[:100], np.arange(100))
    assert abs(found / fwhm - 1) < 0.07


@pytest.mark.parametrize('key', list_bands())
def test_every_band_has_a_model(key):
    """Models are centred, hold 96 to 98 per cent of the light, and fall to nothing smoothly."""
    psf = model(key)
    assert psf.filter == key[1]
    assert 0.96 < psf.data.sum() < 0.98
    assert psf.data.min() > -1e-5 * psf.data.max()
    edge = np.concatenate([psf.data[0], psf.data[:, 0]])
    assert abs(edge).max() < 1e-5 * psf.data.max()
    axis = np.arange(len(psf.data)) - len(psf.data) // 2
    centre = [(psf.data.sum(i) * axis).sum() / psf.data.sum() / psf.oversampling for i in (0, 1)]
    np.testing.assert_allclose(centre, 0, atol=0.15)  # pixels: coma


@pytest.mark.parametrize('oversampling', [1, 3, 4])
@pytest.mark.parametrize('pixel', [0.04, 0.05, 0.1])
def test_a_pixel_widens_by_its_variance(psf, pixel, oversampling):
    """The variance grows by a twelfth of the pixel squared, and no light is lost."""
    samples = psf.epsf(pixel, oversampling)
    assert len(samples) % 2 == 1
    np.testing.assert_allclose(samples.sum(), 1, atol=1e-3)
    axis = pixel / oversampling * (np.arange(len(samples)) - len(samples) // 2)
    variance = (samples.sum(0) * axis**2).sum() / samples.sum()
    np.testing.assert_allclose(variance, 0.06**2 + pixel**2 / 12, rtol=4e-3)


def test_energies_of_a_gaussian():
    """Those of a wide Gaussian with a small pixel are 1 - exp(-r^2 / 2 sigma^2)."""
    psf = PSF(gaussian(0.1, 0.01), oversampling=1, pixel_scale=0.01 * u.arcsec, includes_pixel=True)
    radii = np.array([0.0, 0.05, 0.1, 0.2, 0.4]) * u.arcsec
    expected = 1 - np.exp(-0.5 * (radii.value / 0.1) ** 2)
    np.testing.assert_allclose(psf.encircled_energy(radii), expected, atol=1e-3)
    np.testing.assert_allclose(psf.encircled_energy(radii.to(u.mas)), expected, atol=1e-3)
    assert np.shape(psf.encircled_energy(0.1 * u.arcsec)) == ()


def test_resample_includes_the_pixel(psf):
    """The new one says so, keeps the filter, and gives its samples back."""
    new = psf.resample(50 * u.mas, 3)
    assert new.includes_pixel
    assert new.filter == 'F438W'
    assert new.oversampling == 3
    assert_quantity_allclose(new.pixel_scale, 0.05 * u.arcsec)
    np.testing.assert_allclose(new.epsf(0.05, 3), new.data, atol=1e-12)


def test_pixels_are_not_put_in_twice(psf):
    """One that includes pixels of 0.0396 arcsec serves 0.04 arcsec, but not 0.05 arcsec."""
    new = psf.resample(0.0396 * u.arcsec, 4)
    assert new.epsf(0.04, 4).sum() == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match=r'pixel_scale must be 0.0396 arcsec.*got 0.05 arcsec'):
        new.epsf(0.05, 4)


def test_galsim_draws_the_same():
    """GalSim, which puts the pixel in itself, draws the samples of `epsf` and of `resample`."""
    galsim = pytest.importorskip('galsim')
    psf = model(('WFC3/UVIS', 'F814W'), SCALE)
    samples = psf.epsf(0.04, 1)
    n = len(samples)
    image = psf.to_galsim().drawImage(nx=n, ny=n, scale=0.04, dtype=float).array
    np.testing.assert_allclose(image, samples, atol=1e-3 * samples.max())
    with_pixel = psf.resample(SCALE, 4).to_galsim()
    image = with_pixel.drawImage(nx=n, ny=n, scale=0.04, dtype=float, method='no_pixel').array
    np.testing.assert_allclose(image, samples, atol=1e-3 * samples.max())
    assert isinstance(with_pixel, galsim.GSObject)


def test_psfs_do_not_change(psf):
    """Neither the fields nor the samples can be changed; the array given is copied."""
    with pytest.raises(AttributeError):
        psf.oversampling = 2
    with pytest.raises(ValueError, match='read-only'):
        psf.data[0, 0] = 1
    data = gaussian(0.06, 0.01)
    new = PSF(data, oversampling=4, pixel_scale=SCALE, includes_pixel=False)
    data[:] = 0
    assert new.data.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ('changes', 'error', 'match'),
    [
        ({'data': np.ones((3, 5)) / 15}, ValueError, r'data must have shape \(n, n\)'),
        ({'data': np.ones((4, 4)) / 16}, ValueError, 'data must have an odd side .* got 4'),
        ({'data': np.full((3, 3), np.nan)}, ValueError, 'data must be finite, got 9'),
        ({'data': np.ones((3, 3))}, ValueError, 'data must sum to .* at most 1, got 9'),
        ({'data': np.zeros((3, 3))}, ValueError, 'data must sum to .* got 0'),
        ({'oversampling': 1.5}, ValueError, 'oversampling must be a whole number'),
        ({'oversampling': 0}, ValueError, 'oversampling must be a whole number'),
        ({'pixel_scale': 0.04}, TypeError, 'pixel_scale must be a Quantity'),
        ({'pixel_scale': 1 * u.m}, u.UnitsError, 'pixel_scale must have a unit'),
        ({'pixel_scale': 0 * u.arcsec}, ValueError, 'pixel_scale must be one positive angle'),
        ({'includes_pixel': 'no'}, TypeError, "includes_pixel must be True or False, got 'no'"),
    ],
)
def test_wrong_arguments(changes, error, match):
    """What a point spread function cannot be is refused by name."""
    right = {
        'data': np.ones((3, 3)) / 9,
        'oversampling': 1,
        'pixel_scale': SCALE,
        'includes_pixel': True,
    }
    with pytest.raises(error, match=match):
        PSF(**(right | changes))


def test_models_are_listed():
    """The file of the models is listed with its hash."""
    (file,) = (
        file for file in read_files('starcnn.images', 'data') if file.tag.startswith('psf-hst')
    )
    assert file.file == 'psf_hst.npz'
    verify(packaged_path(file), file)


def test_unknown_model():
    """Bands without a model are refused with those there are."""
    with pytest.raises(ValueError, match=r"must be one of ACS/WFC F435W, .*got 'ACS/WFC F336W'"):
        PSF.model('ACS/WFC', 'F336W', pixel_scale=SCALE)


def test_write_and_read(psf, tmp_path):
    """What is written is read back without a word about its sampling."""
    psf.write(tmp_path / 'psf.fits')
    new = PSF.read(tmp_path / 'psf.fits')
    np.testing.assert_array_equal(new.data, psf.data)
    assert new.oversampling == 4
    assert new.pixel_scale == SCALE
    assert new.filter == 'F438W'
    assert new.includes_pixel is False


@pytest.mark.parametrize('suffix', ['npy', 'fits'])
def test_images_need_to_be_told(psf, tmp_path, suffix):
    """An image without keywords is read with all three of them given, and not without."""
    path = tmp_path / f'psf.{suffix}'
    if suffix == 'npy':
        np.save(path, psf.data)
    else:
        fits.PrimaryHDU(psf.data).writeto(path)
    sampling = {'oversampling': 4, 'pixel_scale': 40 * u.mas, 'includes_pixel': False}
    new = PSF.read(path, **sampling, filter='F336W')
    np.testing.assert_array_equal(new.data, psf.data)
    assert_quantity_allclose(new.pixel_scale, SCALE)
    assert new.filter == 'F336W'
    for name in sampling:
        rest = {key: value for key, value in sampling.items() if key != name}
        with pytest.raises(DataFileError, match=f'{name} must be given for'):
            PSF.read(path, **rest)


def write_tiny_tim(path, *, scale=0.01, kernel=KERNEL, comment='This PSF is subsampled'):
    """Write a Gaussian of sigma 0.05 arcsec in the manner of Tiny Tim, on an even square."""
    axis = scale * (np.arange(200) - 100)
    profile = np.exp(-0.5 * (axis / 0.05) ** 2)
    hdu = fits.PrimaryHDU(np.float32(np.outer(profile, profile) / profile.sum() ** 2))
    hdu.header.update(INSTRUME='WFC3_UVIS1', FILTER='f438w', PIXSCALE=scale, SPHERICL=0.0)
    hdu.header['COMMENT'] = comment
    for row in kernel:
        hdu.header['COMMENT'] = '     ' + ' '.join(f'{v:.6f}' for v in row)
    hdu.writeto(path)


def test_tiny_tim_gets_charge_diffusion(tmp_path):
    """The kernel adds its variance along each axis, and the sub-pixel of Tiny Tim is taken out."""
    write_tiny_tim(tmp_path / 'tiny.fits')
    psf = PSF.read(tmp_path / 'tiny.fits')
    assert psf.oversampling == 4
    assert_quantity_allclose(psf.pixel_scale, 0.0396 * u.arcsec)
    step = 0.0396 / 4
    axis = step * (np.arange(len(psf.data)) - len(psf.data) // 2)
    variance = (psf.data.sum(0) * axis**2).sum()
    diffusion = KERNEL[[0, 2]].sum() / KERNEL.sum() * 0.0396**2
    expected = (0.05 * step / 0.01) ** 2 - step**2 / 12 + diffusion
    np.testing.assert_allclose(variance, expected, rtol=1e-3)


@pytest.mark.parametrize(
    ('changes', 'match'),
    [
        ({'kernel': KERNEL[:2]}, 'path must hold the 3x3 kernel'),
        ({'comment': 'nothing'}, 'path must be subsampled if and only if'),
        ({'scale': 0.04}, 'path must be subsampled if and only if'),
        ({'scale': 0.0157}, r'oversampling of .* must be that of PIXSCALE, 2.52'),
    ],
)
def test_doubtful_files_of_tiny_tim(tmp_path, changes, match):
    """Files whose sampling or diffusion is in doubt are refused."""
    write_tiny_tim(tmp_path / 'tiny.fits', **changes)
    with pytest.raises(DataFileError, match=match):
        PSF.read(tmp_path / 'tiny.fits')


def test_one_sample_per_pixel_is_few(tmp_path):
    """Detector pixels of Tiny Tim, which include diffusion, are read with a warning."""
    write_tiny_tim(tmp_path / 'tiny.fits', scale=0.04, comment='nothing', kernel=())
    with pytest.warns(StarcnnWarning, match=r'tiny.fits has one sample per pixel'):
        psf = PSF.read(tmp_path / 'tiny.fits')
    assert psf.includes_pixel


def test_stdpsf_of_one_position(tmp_path):
    """Its samples are the light of a pixel; the scale must be given."""
    data = gaussian(0.06, 0.01) * 16
    hdu = fits.PrimaryHDU(data[np.newaxis])
    hdu.header.update(NXPSFS=1, NYPSFS=1)
    hdu.writeto(tmp_path / 'std.fits')
    with pytest.raises(DataFileError, match='pixel_scale must be given for the STDPSF file'):
        PSF.read(tmp_path / 'std.fits')
    psf = PSF.read(tmp_path / 'std.fits', pixel_scale=SCALE)
    assert psf.includes_pixel
    np.testing.assert_allclose(psf.data, data / 16)


@pytest.mark.parametrize(
    ('content', 'options', 'error', 'match'),
    [
        (None, {}, DataFileError, 'path must be a file'),
        (b'text', {}, DataFileError, 'path must be a FITS or NPY file'),
        (np.zeros((4, 9, 9)), {'format': 'stdpsf'}, DataFileError, 'got 4 .* PSFGrid.read'),
        (np.eye(9)[::-1] * np.arange(9), {}, DataFileError, 'in the middle'),
        (b'', {'format': 'webbpsf'}, ValueError, 'format must be one of'),
        (b'', {'pixel_scale': 1.0}, TypeError, 'pixel_scale must be a Quantity'),
    ],
)
def test_unreadable_files(tmp_path, content, options, error, match):
    """Files that hold no point spread function are refused with a reason."""
    path = tmp_path / 'psf.fits'
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        fits.PrimaryHDU(content).writeto(path)
        options = {'oversampling': 1, 'includes_pixel': True, 'pixel_scale': SCALE} | options
    with pytest.raises(error, match=match):
        PSF.read(path, **options)
