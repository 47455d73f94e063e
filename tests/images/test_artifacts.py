# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.artifacts.
"""

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.images import PSF, bleed, charge_track, psf_wings

SCALE = 0.04 * u.arcsec


@pytest.fixture(scope='module')
def psf():
    """The point spread function of F555W."""
    return PSF.model('WFC3/UVIS', 'F555W', pixel_scale=SCALE)


def test_wings_go_on(psf):
    """Wings begin where the array ends, about as bright as it is there, and fall outwards."""
    wings = psf_wings(psf, shape=(151, 151), pixel_scale=SCALE)
    samples = psf.epsf(0.04, 1)
    half = len(samples) // 2
    inside = wings[75 - half : 76 + half, 75 - half : 76 + half]
    assert_array_equal(inside, 0)
    y, x = np.mgrid[-75:76, -75:76]
    r = np.hypot(x, y)
    edge = r[75 - half : 76 + half, 75 - half : 76 + half]
    outer = samples[(edge > 0.75 * half) & (edge < 0.85 * half)].mean()
    just_beyond = wings[(r > 1.5 * half) & (r < 1.6 * half)].mean()
    assert_allclose(just_beyond / outer, (0.8 / 1.55) ** 3, rtol=0.25)
    # with the array, no more than all of the light
    assert 0 < wings.sum() < 1 - psf.data.sum()


def test_wings_have_spikes(psf):
    """The diffraction spikes of the array go on in the same directions."""
    wings = psf_wings(psf, shape=(151, 151), pixel_scale=SCALE)
    samples = psf.epsf(0.04, 1)
    half = len(samples) // 2
    y, x = np.mgrid[-75:76, -75:76]
    angle, r = np.rad2deg(np.arctan2(y, x)), np.hypot(x, y)
    ring = (r > 60) & (r < 70)
    bins = np.rint(angle[ring] / 10).astype(int) % 36
    beyond = np.bincount(bins, wings[ring]) / np.bincount(bins)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    ring = (np.hypot(x, y) > 0.6 * half) & (np.hypot(x, y) < half)
    bins = np.rint(np.rad2deg(np.arctan2(y, x))[ring] / 10).astype(int) % 36
    within = np.bincount(bins, samples[ring]) / np.bincount(bins)
    assert np.corrcoef(beyond, within)[0, 1] > 0.9
    assert beyond.max() > 2 * np.median(beyond)


def test_wings_follow_the_star(psf):
    """Wings are around the star, in any unit of angle."""
    there = psf_wings(psf, shape=(120, 120), pixel_scale=SCALE, x=0.4 * u.arcsec)
    same = psf_wings(psf, shape=(120, 120), pixel_scale=40 * u.mas, x=400 * u.mas)
    assert_allclose(there, same)
    centre = psf_wings(psf, shape=(120, 120), pixel_scale=SCALE)
    assert_allclose(there[:, 10:], centre[:, :-10], atol=1e-12)


def test_bleed():
    """No pixel holds more than it can, all charge is in its column, as far up as down."""
    image = np.full((41, 5), 1.0)
    image[20, 2] = 60.0
    out = bleed(image, 6.0)
    assert out.max() <= 6
    assert_allclose(out.sum(axis=0), image.sum(axis=0))
    assert_allclose(out, out[::-1])
    assert_array_equal(out[:, [0, 1, 3, 4]], 1)
    assert (out[15:26, 2] == 6).all()
    assert image[20, 2] == 60  # the argument is as it was
    assert_array_equal(bleed(image, 100.0), image)


def test_bleed_of_neighbours():
    """Charge of several full pixels flows past all of them."""
    image = np.zeros((60, 1))
    image[28:32, 0] = 25.0
    out = bleed(image, 5.0)
    assert_allclose(out.sum(), 100)
    assert np.count_nonzero(out == 5) in {19, 20}


def test_charge_track():
    """A track has all of its charge, its length and direction, and is as narrow as a pixel."""
    track = charge_track((61, 61), x=2.0, y=-3.0, length=20.0, angle=30 * u.deg)
    assert_allclose(track.sum(), 1)
    y, x = np.mgrid[-30:31, -30:31]
    assert_allclose([(track * x).sum(), (track * y).sum()], [2, -3], atol=1e-9)
    dx, dy = x - 2, y + 3
    along = dx * np.cos(np.pi / 6) + dy * np.sin(np.pi / 6)
    across = dy * np.cos(np.pi / 6) - dx * np.sin(np.pi / 6)
    assert_allclose((track * along**2).sum(), 20**2 / 12 + 1 / 6, rtol=0.05)
    assert (track * across**2).sum() < 0.3


def test_hot_pixel():
    """A track of no length covers the pixels that the pixel of the detector covers."""
    whole = charge_track((9, 9), x=1.0, y=2.0)
    assert whole[6, 5] == 1
    shared = charge_track((9, 9), x=0.25, y=0.0)
    assert_allclose(shared[4, 4:6], [0.75, 0.25])


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: bleed(np.zeros(3), 1.0), 'image must have shape'),
        (lambda: bleed(np.zeros((3, 3)), 0.0), 'limit must be positive'),
        (lambda: charge_track((3,), x=0, y=0), 'shape must be two positive'),
        (lambda: charge_track((3, 3), x=0, y=0, length=-1.0), 'length must be zero'),
    ],
)
def test_wrong(call, message):
    """What cannot be is refused."""
    with pytest.raises(ValueError, match=message):
        call()


def test_units(psf):
    """Angles must have units."""
    with pytest.raises((TypeError, u.UnitsError), match='pixel_scale'):
        psf_wings(psf, shape=(9, 9), pixel_scale=0.04)
