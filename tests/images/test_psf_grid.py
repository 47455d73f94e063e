# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.psf_grid.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.tests.helper import assert_quantity_allclose

from starcnn.images import PSF, PSFGrid

SCALE = 0.04 * u.arcsec


def make(width, *, oversampling=4):
    """Return a Gaussian point spread function, width in samples."""
    axis = np.arange(-20, 21)
    profile = np.exp(-0.5 * (axis / width) ** 2)
    data = np.outer(profile, profile) / profile.sum() ** 2
    return PSF(data, oversampling=oversampling, pixel_scale=SCALE, filter='F1', includes_pixel=True)


CORNERS = {(0, 0): make(3), (100, 0): make(4), (0, 50): make(5), (100, 50): make(6)}


@pytest.fixture
def grid():
    """Four corners of a detector, in no order."""
    return PSFGrid([(x, y, psf) for (x, y), psf in reversed(CORNERS.items())])


@pytest.mark.parametrize(('place', 'psf'), CORNERS.items())
def test_nodes(grid, place, psf):
    """At a node the point spread function is that of the node, and beyond it the nearest."""
    np.testing.assert_allclose(grid.at(*place).data, psf.data, rtol=1e-12)
    outside = 2 * place[0] - 50, 3 * place[1] - 50
    np.testing.assert_allclose(grid.at(*outside).data, psf.data, rtol=1e-12)


def test_between_nodes(grid):
    """Between the nodes samples are linear in x and in y."""
    low, right, up, both = (psf.data for psf in CORNERS.values())
    expected = 0.75 * (0.8 * low + 0.2 * up) + 0.25 * (0.8 * right + 0.2 * both)
    found = grid.at(25, 10)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12)
    assert (found.oversampling, found.filter, found.includes_pixel) == (4, 'F1', True)
    assert_quantity_allclose(found.pixel_scale, SCALE)


def test_one_position():
    """A grid of one position is the same everywhere; one line varies along itself."""
    np.testing.assert_allclose(PSFGrid([(5, 5, make(3))]).at(99, -3).data, make(3).data)
    line = PSFGrid([(0, 5, make(3)), (10, 5, make(4))])
    middle = (make(3).data + make(4).data) / 2
    np.testing.assert_allclose(line.at(5, 77).data, middle, rtol=1e-12)


@pytest.mark.parametrize(
    ('psfs', 'match'),
    [
        ([], 'psfs must hold at least one position'),
        ([(0, 0, make(3)), (1, 1, make(3))], 'psfs must be on a rectangular grid, got 2'),
        ([(0, 0, make(3)), (0, 0, make(3))], 'psfs must be on a rectangular grid'),
        ([(0, 0, make(3)), (1, 0, make(3, oversampling=2))], r'psfs must be sampled alike'),
    ],
)
def test_wrong_grids(psfs, match):
    """Grids with holes or mixed samplings are refused."""
    with pytest.raises(ValueError, match=match):
        PSFGrid(psfs)


def test_read_stdpsf(tmp_path):
    """An STDPSF file is read by photutils; positions and the light of samples are kept."""
    pytest.importorskip('photutils')
    hdu = fits.PrimaryHDU(np.array([psf.data * 16 for psf in CORNERS.values()]))
    hdu.header.update(NXPSFS=2, NYPSFS=2, IPSFX01=1, IPSFX02=101, JPSFY01=1, JPSFY02=51)
    path = tmp_path / 'STDPSF_WFC3UV_F438W.fits'
    hdu.writeto(path)
    grid = PSFGrid.read(path, pixel_scale=SCALE, filter='F438W', detector_id=1)
    for (x, y), psf in CORNERS.items():
        found = grid.at(x, y)
        np.testing.assert_allclose(found.data, psf.data, rtol=1e-6)
        assert found.includes_pixel
        assert (found.oversampling, found.filter) == (4, 'F438W')
