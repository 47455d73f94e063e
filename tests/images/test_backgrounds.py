# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.backgrounds.
"""

import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from numpy.testing import assert_array_equal

from starcnn.images import MosaicBackgrounds

RATE = u.electron / u.s
PARTS = ('training', 'validation', 'test')


def make_mosaics(*, shape=(200, 240), unit=RATE, n_filter=2):
    """Return mosaics whose pixels are numbered, so that a patch tells its place."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = 'RA---TAN', 'DEC--TAN'
    wcs.wcs.cdelt = -0.04 / 3600, 0.04 / 3600
    wcs.wcs.crval = 204.25, -29.87
    number = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    return {f'F{i}': CCDData(number + i * 1e6, unit=unit, wcs=wcs) for i in range(n_filter)}


def seen(backgrounds, part, shape=(10, 12), n=300):
    """Return the numbers of the pixels in many patches of a part."""
    return np.unique(backgrounds.draw(n, shape, rng=1, part=part)[:, 0].value)


def test_patches():
    """Patches are what the mosaics have at one place in all filters."""
    mosaics = make_mosaics()
    backgrounds = MosaicBackgrounds(mosaics)
    patches = backgrounds.draw(20, (10, 12), rng=0)
    assert backgrounds.filters == ('F0', 'F1')
    assert patches.shape == (20, 2, 10, 12)
    assert patches.unit == RATE
    data = mosaics['F0'].data
    for patch in patches.value:
        y, x = np.argwhere(data == patch[0, 0, 0])[0]
        assert_array_equal(patch[0], data[y : y + 10, x : x + 12])
        assert_array_equal(patch[1], mosaics['F1'].data[y : y + 10, x : x + 12])
    assert_array_equal(patches, backgrounds.draw(20, (10, 12), rng=0))


def test_parts_share_nothing():
    """No pixel is in patches of two parts."""
    backgrounds = MosaicBackgrounds(make_mosaics(), block=30)
    pixels = [seen(backgrounds, part) for part in PARTS]
    for i, first in enumerate(pixels):
        assert len(first)
        for second in pixels[i + 1 :]:
            assert not np.intersect1d(first, second).size


def test_fractions():
    """Parts are as large as asked for."""
    backgrounds = MosaicBackgrounds(
        make_mosaics(), block=20, fractions={'training': 0.5, 'validation': 0.1, 'test': 0.4}
    )
    n = [len(backgrounds._blocks[part]) for part in PARTS]
    assert n == [60, 12, 48]


def test_avoids_bad_pixels():
    """Patches have no masked and no missing pixel, and none near the objects."""
    mosaics = make_mosaics()
    mosaics['F0'].data[100, 100] = np.nan
    mosaics['F1'].mask = np.zeros((200, 240), bool)
    mosaics['F1'].mask[50, 60] = True
    sky = mosaics['F0'].wcs.pixel_to_world([20.0, 500.0], [30.0, 30.0])
    backgrounds = MosaicBackgrounds(mosaics, avoid=sky, radius=0.22 * u.arcsec)
    number = np.arange(200 * 240).reshape(200, 240)
    y, x = np.indices(number.shape)
    forbidden = number[np.hypot(x - 20, y - 30) <= 5.4]
    forbidden = np.concatenate([forbidden, [number[100, 100], number[50, 60]]])
    for part in PARTS:
        assert not np.intersect1d(seen(backgrounds, part), forbidden).size
    free = np.concatenate([seen(MosaicBackgrounds(make_mosaics()), part) for part in PARTS])
    assert np.intersect1d(free, forbidden).size


def test_pixel_positions():
    """Objects may be given in pixels, and the radius as well."""
    mosaics = make_mosaics()
    sky = mosaics['F0'].wcs.pixel_to_world([20.0], [30.0])
    one = MosaicBackgrounds(mosaics, avoid=sky, radius=0.22 * u.arcsec)
    two = MosaicBackgrounds(mosaics, avoid=(np.array([20.0]), np.array([30.0])), radius=5.5 * u.pix)
    assert_array_equal(one._bad, two._bad)


def test_radius_of_each_object():
    """Each object may have a radius of its own."""
    places = np.array([20.0, 120.0]), np.array([30.0, 100.0])
    one = MosaicBackgrounds(make_mosaics(), avoid=places, radius=[2, 9] * u.pix)
    y, x = np.indices((200, 240))
    near = [np.hypot(x - i, y - j) <= r for i, j, r in zip(*places, (2, 9), strict=True)]
    bad = np.diff(np.diff(one._bad, axis=0), axis=1)
    assert_array_equal(bad, near[0] | near[1])
    with pytest.raises(ValueError, match='radius must be one or 2 lengths that are not negative'):
        MosaicBackgrounds(make_mosaics(), avoid=places, radius=[1, 2, 3] * u.pix)
    with pytest.raises(ValueError, match='radius must be one or 2 lengths that are not negative'):
        MosaicBackgrounds(make_mosaics(), avoid=places, radius=-1 * u.arcsec)


def test_kind():
    """Mosaics are real unless they say what they are; a mixture is semi-real."""
    mosaics = make_mosaics()
    assert MosaicBackgrounds(mosaics).kind == 'real'
    mosaics['F1'].meta['BACKGRND'] = 'semi-real'
    assert MosaicBackgrounds(mosaics).kind == 'semi-real'
    for ccd in mosaics.values():
        ccd.meta['BACKGRND'] = 'simulated'
    assert MosaicBackgrounds(mosaics).kind == 'simulated'
    mosaics['F0'].meta['BACKGRND'] = 'painted'
    with pytest.raises(ValueError, match=r"mosaics must have one of .* got 'painted' in F0"):
        MosaicBackgrounds(mosaics)


def test_kind_is_kept_in_files(tmp_path):
    """A mosaic that was written to a file and read again is of the same kind."""
    mosaics = make_mosaics()
    for name, ccd in mosaics.items():
        ccd.meta['BACKGRND'] = 'semi-real'
        ccd.write(tmp_path / f'{name}.fits')
        mosaics[name] = CCDData.read(tmp_path / f'{name}.fits')
    assert MosaicBackgrounds(mosaics).kind == 'semi-real'


def test_parts_do_not_depend_on_pixels():
    """Other mosaics of the same shape have the same blocks, so that parts do not mix."""
    one = MosaicBackgrounds(make_mosaics(), seed=4)
    mosaics = {'F0': CCDData(np.ones((200, 240)), unit=RATE)}
    two = MosaicBackgrounds(mosaics, seed=4)
    for part in PARTS:
        assert_array_equal(one._blocks[part], two._blocks[part])
    assert any(
        not np.array_equal(one._blocks[part], MosaicBackgrounds(mosaics)._blocks[part])
        for part in PARTS
    )


def test_unit():
    """Mosaics in another unit become electron/s."""
    one = MosaicBackgrounds(make_mosaics()).draw(3, (9, 9), rng=0)
    two = MosaicBackgrounds(make_mosaics(unit=u.electron / u.min)).draw(3, (9, 9), rng=0)
    np.testing.assert_allclose(one.value, two.value * 60, rtol=1e-6)


def test_bad_mosaics():
    """Mosaics on different grids, or without a unit of brightness, are refused."""
    mosaics = make_mosaics()
    mosaics['F1'] = make_mosaics(shape=(200, 241))['F1']
    with pytest.raises(ValueError, match='mosaics must have one shape'):
        MosaicBackgrounds(mosaics)
    mosaics = make_mosaics()
    mosaics['F1'].wcs = mosaics['F1'].wcs.deepcopy()
    mosaics['F1'].wcs.wcs.crpix += 0.5
    with pytest.raises(ValueError, match='mosaics must have one pixel grid'):
        MosaicBackgrounds(mosaics)
    with pytest.raises(u.UnitsError, match='mosaics must have a unit that converts to electron/s'):
        MosaicBackgrounds(make_mosaics(unit=u.K))
    with pytest.raises(ValueError, match='at least one filter'):
        MosaicBackgrounds({})


def test_bad_options():
    """Options that cannot be are refused."""
    mosaics = make_mosaics()
    with pytest.raises(ValueError, match='block must fit'):
        MosaicBackgrounds(mosaics, block=500)
    with pytest.raises(ValueError, match='fractions must be'):
        MosaicBackgrounds(mosaics, fractions={'training': 1.0})
    fractions = {'training': 0.6, 'validation': 0.2, 'test': 0.21}
    with pytest.raises(ValueError, match='fractions must be'):
        MosaicBackgrounds(mosaics, fractions=fractions)
    one = MosaicBackgrounds(mosaics, block=min(mosaics[next(iter(mosaics))].shape))
    with pytest.raises(ValueError, match='part must have some of the 1 blocks'):
        one.draw(1, (9, 9), part='test')
    with pytest.raises(TypeError, match='radius must be a Quantity'):
        MosaicBackgrounds(mosaics, avoid=(np.zeros(1), np.zeros(1)), radius=3)
    backgrounds = MosaicBackgrounds(mosaics)
    with pytest.raises(ValueError, match='part must be one of'):
        backgrounds.draw(1, (9, 9), part='all')
    with pytest.raises(ValueError, match='shape must fit'):
        backgrounds.draw(1, (90, 90))


@pytest.mark.skipif('STARCNN_DATA_DIR' not in os.environ, reason='needs STARCNN_DATA_DIR')
def test_real_frame():
    """Patches of a real frame avoid its catalogued cluster."""
    path = Path(os.environ['STARCNN_DATA_DIR']) / 'images/m31_phat_b09_f475w.fits'
    with fits.open(path) as hdus:
        mosaic = CCDData(hdus[0].data / 7.2e4, unit=RATE, wcs=WCS(hdus[0].header))
    cluster = mosaic.wcs.pixel_to_world([89], [698])
    backgrounds = MosaicBackgrounds({'F475W': mosaic}, avoid=cluster, radius=2 * u.arcsec)
    covered = {}
    for part in PARTS:
        _, places = backgrounds._draw(500, (64, 64), np.random.default_rng(0), part)
        covered[part] = np.zeros(mosaic.shape, bool)
        for y, x in places:
            covered[part][y : y + 64, x : x + 64] = True
    number = np.sum(list(covered.values()), axis=0)
    assert number.max() == 1  # no pixel is of two parts
    assert number.mean() > 0.8
    y, x = np.indices(mosaic.shape)
    assert number[np.hypot(x - 89, y - 698) < 40].max() == 0
