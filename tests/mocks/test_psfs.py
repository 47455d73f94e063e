# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks._psfs.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.exceptions import DataFileError
from starcnn.images import PSF, get_band
from starcnn.mocks import get_setup
from starcnn.mocks._psfs import read_psfs

pytest.importorskip('photutils')

UVIS = get_band('WFC3/UVIS', 'F336W')
DETECTOR = 0.0396  # arcsec
X, Y = (0, 2048, 4096), (0, 1024, 2047, 2048, 3072, 4096)
SIDE = 49  # samples, four to a pixel


def sample(width):
    """Return a Gaussian as STDPSF files have it: width in pixels of the detector."""
    axis = (np.arange(SIDE) - SIDE // 2) / 4
    profile = np.exp(-0.5 * (axis / width) ** 2)
    return 16 * np.outer(profile, profile) / profile.sum() ** 2


def write_stdpsf(path, x, y, widths):
    """Write an STDPSF file with Gaussians, row by row."""
    hdu = fits.PrimaryHDU(np.array([sample(width) for width in widths]))
    hdu.header.update(NXPSFS=len(x), NYPSFS=len(y))
    hdu.header.update({f'IPSFX{i + 1:02d}': value + 1 for i, value in enumerate(x)})
    hdu.header.update({f'JPSFY{i + 1:02d}': value + 1 for i, value in enumerate(y)})
    hdu.writeto(path)
    return str(path)


def find_width(psf):
    """Return the standard deviation of a point spread function along x, arcsec."""
    step = psf.pixel_scale.to_value(u.arcsec) / psf.oversampling
    axis = step * (np.arange(len(psf.data)) - len(psf.data) // 2)
    return np.sqrt(psf.data.sum(axis=0) @ axis**2 / psf.data.sum())


@pytest.fixture(scope='module')
def corners(tmp_path_factory):
    """A file with four positions; its widths grow with x and y."""
    path = tmp_path_factory.mktemp('psf') / 'STDPSF_WFC3UV_F336W.fits'
    return write_stdpsf(path, (0, 4095), (0, 4095), (0.8, 1.0, 1.2, 1.4))


@pytest.mark.parametrize(
    ('position', 'width'), [((0, 0), 0.8), ((4095, 0), 1.0), ((5000, 5000), 1.4)]
)
def test_place_on_the_detector(corners, position, width):
    """A file of several positions gives the one at a place, with the scale of the detector."""
    (psf,) = read_psfs([corners], [UVIS], 0.04 * u.arcsec, position)
    assert psf.includes_pixel
    assert psf.filter == 'F336W'
    assert psf.pixel_scale == UVIS.pixel_scale
    assert find_width(psf) == pytest.approx(width * DETECTOR, rel=0.01)


@pytest.mark.parametrize(
    ('position', 'width'),
    [((0, 1000), 0.8), ((0, 2047), 0.8), ((0, 2048), 1.2), ((4095, 4095), 1.2)],
)
def test_two_chips(tmp_path, position, width):
    """The files of the survey cameras have both chips, one above the other."""
    x, y = (
        np.linspace(0, 4095, 7),
        np.concatenate([np.linspace(0, 2047, 4), 2048 + np.linspace(0, 2047, 4)]),
    )
    path = tmp_path / 'STDPSF_WFC3UV_F336W.fits'
    widths = [0.8] * 28 + [1.2] * 28
    write_stdpsf(path, x.astype(int), y.astype(int), widths)
    (psf,) = read_psfs([path], [UVIS], 0.04 * u.arcsec, position)
    assert find_width(psf) == pytest.approx(width * DETECTOR, rel=0.01)


def test_one_position(tmp_path):
    """A file of one position needs no place."""
    path = write_stdpsf(tmp_path / 'one.fits', (0,), (0,), (1.0,))
    (psf,) = read_psfs([path], [UVIS], 0.04 * u.arcsec, ())
    assert find_width(psf) == pytest.approx(DETECTOR, rel=0.01)


def test_other_pixels(corners):
    """In other pixels the width on the sky and the light are the same."""
    (psf,) = read_psfs([corners], [UVIS], 0.05 * u.arcsec, (0, 0))
    (own,) = read_psfs([corners], [UVIS], 0.04 * u.arcsec, (0, 0))
    assert psf.pixel_scale == 0.05 * u.arcsec
    assert psf.data.sum() == pytest.approx(own.data.sum(), rel=1e-3)
    assert find_width(psf) == pytest.approx(0.8 * DETECTOR, rel=0.01)
    # what a pixel holds grows with its area
    peaks = [item.data.max() * item.oversampling**2 for item in (psf, own)]
    assert peaks[0] / peaks[1] == pytest.approx((0.05 / DETECTOR) ** 2, rel=0.01)


def test_where_it_is_needed(corners, tmp_path):
    """A place is asked for by files of several positions, and refused by all others."""
    with pytest.raises(ValueError, match=r'psf_position must be given for .*has 4 positions'):
        read_psfs([corners], [UVIS], 0.04 * u.arcsec, ())
    path = tmp_path / 'image.fits'
    PSF.model('WFC3/UVIS', 'F336W', pixel_scale=0.04 * u.arcsec).write(path)
    with pytest.raises(ValueError, match='psf_position must be empty without STDPSF files'):
        read_psfs([path], [UVIS], 0.04 * u.arcsec, (0, 0))
    with pytest.raises(DataFileError, match='path must be a file'):
        read_psfs(['nothing.fits'], [UVIS], 0.04 * u.arcsec, ())


def test_corner_of_the_detector(options, corners):
    """Clusters are rendered with the point spread function of the place that is asked for."""
    one = replace(
        options,
        **{name: getattr(options, name)[:1] for name in ('filters', 'instruments')},
        exposure_times=(1890.0,),
        magnitude_limits=(),
        psfs=(corners,),
    )
    middle, corner = (
        get_setup(replace(one, psf_position=place)) for place in ((0, 0), (4095, 4095))
    )
    assert corner.psf_radii[0] > 1.5 * middle.psf_radii[0]
    star = np.zeros(1), np.zeros(1), np.ones((1, 1))
    images = [setup.renderer._render(*star)[0] for setup in (middle, corner)]
    assert images[0].max() > 2 * images[1].max()
    assert_allclose(images[0].sum(), images[1].sum(), rtol=0.02)


def test_images(options, tmp_path):
    """Files with other point spread functions are read as they are."""
    paths = []
    for name in options.filters:
        paths.append(str(tmp_path / f'{name}.fits'))
        PSF.model('WFC3/UVIS', 'F814W', pixel_scale=0.04 * u.arcsec).write(paths[-1])
    setup = get_setup(replace(options, psfs=tuple(paths)))
    assert_array_equal(setup.psf_radii, setup.psf_radii[0])
