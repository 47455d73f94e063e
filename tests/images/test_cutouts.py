# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.cutouts.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import CCDData, Cutout2D
from astropy.table import MaskedColumn, QTable, Table
from astropy.utils.masked import Masked
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.images import extract_cutouts

RATE = u.electron / u.s


def make_wcs(*, scale=0.04, shift=0, angle=30):
    """Return tangential coordinates, with a scale in arcsec and an angle in degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = 'RA---TAN', 'DEC--TAN'
    wcs.wcs.crval = 204.25, -29.87
    wcs.wcs.crpix = 50 + shift, 40
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.cd = np.array([[-cos, sin], [sin, cos]]) * scale / 3600
    return wcs


def make_mosaic(seed=0, **options):
    """Return a mosaic of noise."""
    data = np.random.default_rng(seed).normal(size=(80, 100)).astype(np.float32)
    return CCDData(data, unit=RATE, wcs=make_wcs(**options))


@pytest.mark.parametrize('shape', [(16, 16), (15, 15), (16, 9)])
def test_like_cutout2d(shape):
    """Cutouts hold the pixels that Cutout2D cuts, with NaN beyond the edges."""
    mosaic = make_mosaic()
    x, y = np.array([40.3, 3.2, 97.9, 50.7]), np.array([33.8, 70.1, 2.2, 79.4])
    cutouts = extract_cutouts({'F438W': mosaic}, QTable({'x': x, 'y': y}), shape=shape)
    for i, position in enumerate(zip(x, y, strict=True)):
        expected = Cutout2D(mosaic.data, position, shape, mode='partial', fill_value=np.nan).data
        assert_array_equal(cutouts.data[i, 0], expected)
    assert_array_equal(cutouts.mask, np.isnan(cutouts.data))
    assert cutouts.mask[1].any()
    assert not cutouts.mask[0].any()
    assert_allclose(cutouts.meta['pixel_scale'].to_value(u.arcsec), 0.04, rtol=1e-6)


def test_centre():
    """A source in the middle of a pixel's corner is in the middle of an even cutout."""
    data = np.zeros((40, 40))
    data[19:21, 24:26] = 1  # centred on x = 24.5, y = 19.5
    positions = QTable({'x': [24.5], 'y': [19.5]})
    cutout = extract_cutouts({'V': CCDData(data, unit=RATE)}, positions, shape=(8, 8)).data[0, 0]
    assert_array_equal(cutout, cutout[::-1, ::-1])


def test_sky_positions():
    """Positions on the sky go through the WCS, and come back in the table of sources."""
    mosaic = make_mosaic()
    sky = mosaic.wcs.pixel_to_world([30, 60], [20, 50])
    by_sky = extract_cutouts({'V': mosaic}, sky, shape=(9, 9))
    table = QTable({'id': [7, 8], 'ra': sky.ra.to(u.hourangle), 'dec': sky.dec.to(u.arcmin)})
    by_table = extract_cutouts({'V': mosaic}, table, shape=(9, 9))
    assert_array_equal(by_sky.data, by_table.data)
    assert_array_equal(by_sky.data[0, 0], mosaic.data[16:25, 26:35])
    sources = by_table.meta['sources']
    assert_array_equal(sources['id'], [7, 8])
    assert_allclose(sources['x'].value, [30, 60], atol=1e-6)
    assert_allclose(sources['ra'].to_value(u.deg), sky.ra.deg, rtol=1e-12)
    assert 'x' not in table.colnames


def test_shifted_mosaics():
    """Mosaics of one scale may begin at different places."""
    first, second = make_mosaic(), make_mosaic(shift=7)
    second.data[:, 7:] = first.data[:, :-7]
    cutouts = extract_cutouts(
        {'U': first, 'V': second}, QTable({'x': [40.2], 'y': [30.0]}), shape=(8, 8)
    )
    assert_array_equal(cutouts.data[0, 0], cutouts.data[0, 1])


def test_blank_pixels():
    """Pixels of the value that stands for no data are NaN, if one is named; others stay."""
    data = np.random.default_rng(1).normal(3, 1, (40, 40))
    data[:, 22:] = 0
    mosaics = {'F438W': CCDData(data, unit='electron / s')}
    positions = QTable({'x': [20.0], 'y': [20.0]})
    plain = extract_cutouts(mosaics, positions, shape=(8, 8))
    assert np.isfinite(plain.data).all()
    cutouts = extract_cutouts(mosaics, positions, shape=(8, 8), blank=0)
    assert_array_equal(np.isnan(cutouts.data), plain.data == 0)
    assert_array_equal(cutouts.mask, plain.data == 0)
    assert (plain.data == 0).mean() == 1 / 4
    with pytest.raises(TypeError, match="blank must be a number or None, got '0'"):
        extract_cutouts(mosaics, positions, shape=(8, 8), blank='0')


def test_masked_and_missing():
    """Masked pixels and filters without a mosaic are NaN; a source far outside is all NaN."""
    mosaic = make_mosaic()
    mosaic.mask = np.zeros(mosaic.shape, bool)
    mosaic.mask[30, 40] = True
    positions = QTable({'x': [40.0, 5000.0, np.nan], 'y': [30.0, 3.0, 3.0]})
    cutouts = extract_cutouts({'U': None, 'V': mosaic}, positions, shape=(8, 8))
    assert cutouts.meta['filters'] == ('U', 'V')
    assert np.isnan(cutouts.data[:, 0]).all()
    assert np.isnan(cutouts.data[0, 1]).sum() == 1
    assert np.isnan(cutouts.data[1:]).all()


@pytest.mark.parametrize(
    ('mosaics', 'positions', 'message'),
    [
        ({'V': None}, {'x': [1.0], 'y': [1.0]}, 'mosaics must have an image'),
        ({'V': make_mosaic()}, {'x': [1.0]}, 'positions must have columns'),
        (
            {'U': make_mosaic(), 'V': make_mosaic(scale=0.05)},
            {'x': [1.0], 'y': [1.0]},
            'one pixel scale and orientation',
        ),
        (
            {'U': make_mosaic(), 'V': make_mosaic(angle=40)},
            {'x': [1.0], 'y': [1.0]},
            'one pixel scale and orientation',
        ),
        (
            {'U': make_mosaic(), 'V': CCDData(np.zeros((80, 100)), unit=RATE)},
            {'x': [1.0], 'y': [1.0]},
            'must all have a WCS',
        ),
    ],
)
def test_bad_mosaics(mosaics, positions, message):
    """Mosaics that do not belong together are refused."""
    with pytest.raises(ValueError, match=message):
        extract_cutouts(mosaics, QTable(positions), shape=(8, 8))


# One position, its x or right ascension masked, in each of the ways that there are.
MASKED = {
    'column': Table({'x': MaskedColumn([40.0], mask=[True]), 'y': [30.0]}),
    'integers': Table({'x': MaskedColumn([40], mask=[True]), 'y': [30]}),
    'quantity': QTable({'x': Masked([40.0] * u.pix, mask=[True]), 'y': [30.0] * u.pix}),
    'sky': QTable({'ra': Masked([204.25] * u.deg, mask=[True]), 'dec': [-29.87] * u.deg}),
    'coordinates': SkyCoord(Masked([204.25] * u.deg, mask=[True]), [-29.87] * u.deg),
}


@pytest.mark.parametrize('positions', MASKED.values(), ids=MASKED)
def test_masked_positions(positions):
    """Where a position is masked nothing is known: the cutout is NaN, as for a position of NaN."""
    cutouts = extract_cutouts({'V': make_mosaic()}, positions, shape=(8, 8))
    assert np.isnan(cutouts.data).all()
    assert np.isnan(cutouts.meta['sources']['x'].value).all()
    clear = positions.unmasked if isinstance(positions, SkyCoord) else positions.copy()
    if not isinstance(positions, SkyCoord):
        for name in clear.colnames:
            if hasattr(clear[name], 'unmasked'):
                clear[name] = clear[name].unmasked
            elif hasattr(clear[name], 'mask'):
                clear[name].mask = False
    assert np.isfinite(extract_cutouts({'V': make_mosaic()}, clear, shape=(8, 8)).data).all()


ONE = QTable({'x': [40.0], 'y': [30.0]})


@pytest.mark.parametrize(
    'positions',
    [ONE[0], dict(ONE), ONE.as_array(), QTable({'x': [40] * u.pix, 'y': [30] * u.pix})],
)
def test_tables_of_positions(positions):
    """A row, columns in a dict, a structured array and columns with units are positions, too."""
    mosaic = make_mosaic()
    cutouts = extract_cutouts({'V': mosaic}, positions, shape=(3, 3))
    assert_array_equal(cutouts.data[0, 0], mosaic.data[29:32, 39:42])


@pytest.mark.parametrize('shape', [16, (16.0, 16.0), (-3, 16), (16, 16, 3), (0, 16), '16', None])
def test_bad_shapes(shape):
    """A shape that an image cannot have is refused by name."""
    with pytest.raises(ValueError, match=r'shape must be two positive integers .*, got'):
        extract_cutouts({'V': make_mosaic()}, ONE, shape=shape)


@pytest.mark.parametrize(
    ('mosaics', 'positions', 'error', 'match'),
    [
        (make_mosaic(), ONE, TypeError, 'mosaics must be a dict .*, got CCDData'),
        ({'V': np.ones((9, 9))}, ONE, TypeError, r"mosaics\['V'\] must be CCDData .*, got ndarray"),
        (
            {'V': CCDData(np.ones((2, 9, 9)), unit=RATE)},
            ONE,
            ValueError,
            r"mosaics\['V'\] must have shape \(ny, nx\), got \(2, 9, 9\)",
        ),
        ({'V': make_mosaic()}, [(40, 30)], TypeError, 'positions must be SkyCoord .*, got list'),
        ({'V': make_mosaic()}, np.ones((4, 2)), TypeError, 'positions must be .*, got ndarray'),
        (
            {'V': make_mosaic()},
            QTable({'x': [1.0] * u.deg, 'y': [1.0]}),
            u.UnitsError,
            "positions must have pixels in the column 'x', got 'deg'",
        ),
        (
            {'V': make_mosaic()},
            QTable({'ra': [1.0] * u.pix, 'dec': [1.0] * u.deg}),
            u.UnitsError,
            "positions must have angles in the column 'ra', got 'pix'",
        ),
        (
            {'V': make_mosaic()},
            Table({'x': ['a'], 'y': [1.0]}),
            TypeError,
            "positions must have numbers in the column 'x', got <U1",
        ),
    ],
)
def test_bad_arguments(mosaics, positions, error, match):
    """What is no mosaic or no position is refused by name."""
    with pytest.raises(error, match=match):
        extract_cutouts(mosaics, positions, shape=(8, 8))


def test_bad_units():
    """Mosaics of different units, and positions without a unit, are refused."""
    other = make_mosaic()
    other.unit = u.adu
    with pytest.raises(u.UnitsError, match='mosaics must have one unit'):
        extract_cutouts(
            {'U': make_mosaic(), 'V': other}, QTable({'x': [1], 'y': [1]}), shape=(8, 8)
        )
    with pytest.raises(u.UnitsError, match="positions must have a unit in the column 'ra'"):
        extract_cutouts({'U': other}, QTable({'ra': [1.0], 'dec': [1.0]}), shape=(8, 8))
    plain = CCDData(np.zeros((9, 9)), unit=RATE)
    with pytest.raises(ValueError, match='positions must be x and y'):
        extract_cutouts({'U': plain}, SkyCoord([1] * u.deg, [1] * u.deg), shape=(8, 8))
