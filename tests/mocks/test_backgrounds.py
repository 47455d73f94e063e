# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks._backgrounds.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable
from astropy.wcs import WCS
from numpy.testing import assert_array_equal

from starcnn.mocks import get_setup, simulate_bank, simulate_clusters

from .conftest import FILTERS

N = 200  # pixels
OBJECT = (40.0, 60.0)  # x and y of what is to be avoided


@pytest.fixture(scope='module')
def numbered(tmp_path_factory):
    """Paths of mosaics whose pixels tell their places, and their coordinates."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ['RA---TAN', 'DEC--TAN']
    wcs.wcs.crval, wcs.wcs.crpix = (11.1, 41.6), (100, 100)
    wcs.wcs.cdelt = (-0.04 / 3600, 0.04 / 3600)
    folder, paths = tmp_path_factory.mktemp('numbered'), []
    for name in FILTERS:
        paths.append(str(folder / f'{name}.fits'))
        data = np.arange(N * N, dtype=np.float32).reshape(N, N)
        CCDData(data, unit='electron / s', wcs=wcs).write(paths[-1])
    return tuple(paths), wcs


def draw(options, n=600):
    """Return the numbers of the pixels of backgrounds."""
    fields, density = get_setup(options).draw_backgrounds(n, np.random.default_rng(1))
    assert np.isnan(density).all()
    return set(fields[:, 0].astype(int).ravel())


@pytest.fixture(scope='module')
def small(options, numbered):
    """Options with small cutouts of the mosaics."""
    return replace(options, mosaics=numbered[0], shape=(16, 16), magnitude_limits=())


def test_parts_share_no_pixel(small):
    """Backgrounds of training, validation and test are of different pixels."""
    training, validation, test = (
        draw(replace(small, part=part)) for part in ('training', 'validation', 'test')
    )
    assert training
    assert validation
    assert test
    assert not (training & validation)
    assert not (training & test)
    assert not (validation & test)


@pytest.mark.parametrize('names', [('ra', 'dec'), ('RAdeg', 'DEdeg')])
def test_objects_are_avoided(small, numbered, tmp_path, names):
    """No background is within the radius of an object of the table."""
    sky = numbered[1].pixel_to_world(*OBJECT)
    path = str(tmp_path / 'objects.ecsv')
    QTable(dict(zip(names, ([sky.ra.deg] * u.deg, [sky.dec.deg] * u.deg), strict=True))).write(path)
    y, x = np.divmod(np.arange(N * N), N)
    distance = np.hypot(x - OBJECT[0], y - OBJECT[1]) * 0.04  # arcsec
    parts = ('training', 'validation', 'test')
    free = set().union(*(draw(replace(small, part=part)) for part in parts))
    assert distance[list(free)].min() < 0.05
    avoiding = replace(small, avoid=path, avoid_radius=0.5 * u.arcsec)
    seen = set().union(*(draw(replace(avoiding, part=part)) for part in parts))
    assert distance[list(seen)].min() > 0.5


@pytest.mark.parametrize(
    ('table', 'error', 'match'),
    [
        ({'x': [1.0]}, ValueError, r"avoid must have the columns of one of .*got \['x'\]"),
        ({'ra': [1.0], 'dec': [1.0]}, u.UnitsError, r"avoid must have units for \['ra', 'dec'\]"),
    ],
)
def test_tables_without_positions(small, tmp_path, table, error, match):
    """Tables that do not say where objects are, are refused."""
    path = str(tmp_path / 'objects.ecsv')
    QTable(table).write(path)
    with pytest.raises(error, match=match):
        draw(replace(small, avoid=path))


def test_kinds(options, small, tmp_path):
    """Every result says what its backgrounds are: simulated, or what the mosaics say."""
    kinds = {'simulated': replace(options, shape=(16, 16)), 'real': small}
    paths = []
    for name in FILTERS:
        paths.append(str(tmp_path / f'{name}.fits'))
        header = fits.Header({'BUNIT': 'electron / s', 'BACKGRND': 'semi-real'})
        fits.writeto(paths[-1], np.zeros((N, N)), header)
    kinds['semi-real'] = replace(small, mosaics=tuple(paths))
    rows = QTable(
        {'age': [1e8] * u.yr, 'a_v': [0] * u.mag, 'mass': [500] * u.Msun, 'r_h': [0.1] * u.arcsec}
    )
    for kind, chosen in kinds.items():
        images, truth = simulate_clusters(rows, chosen, np.random.default_rng(1))
        assert images.meta['BACKGRND'] == truth.meta['BACKGRND'] == kind
        assert simulate_bank(rows, chosen, np.random.default_rng(1))[1].meta['BACKGRND'] == kind


@pytest.mark.parametrize('share', [0.0, 0.3])
def test_share(small, share):
    """Some backgrounds are of the mosaics, the others simulated, in one order for both arrays."""
    mixed = replace(small, mosaic_share=share)
    fields, density = get_setup(mixed).draw_backgrounds(400, np.random.default_rng(1))
    # pixels of the mosaics are whole numbers that grow by one along a row
    is_cut = (np.diff(fields, axis=3) == 1).all(axis=(1, 2, 3))
    assert_array_equal(is_cut, np.isnan(density))
    assert is_cut.mean() == pytest.approx(share, abs=0.06)
    assert (density[~is_cut] > 0).all()
    if share:
        assert np.abs(np.diff(is_cut.astype(int))).sum() > 5  # not one kind after the other
    assert get_setup(mixed).backgrounds.kind == 'semi-real'


def test_masked_pixels(small, tmp_path):
    """What the masks of the files leave out is in no background."""
    paths = []
    mask = np.zeros((N, N), bool)
    mask[:, 20:30] = True
    for path in small.mosaics:
        paths.append(str(tmp_path / path.rpartition('/')[2]))
        mosaic = CCDData.read(path)
        mosaic.mask = mask
        mosaic.write(paths[-1])
    seen = draw(replace(small, mosaics=tuple(paths)))
    assert not mask.ravel()[list(seen)].any()


def test_simulated_fields_have_the_crowding_asked_for(options):
    """The density that is measured is about the one that the options ask for."""
    setup = get_setup(replace(options, density=(7.0, 7.5), shape=(32, 32)))
    _, density = setup.draw_backgrounds(12, np.random.default_rng(1))
    assert density == pytest.approx(7.25, rel=0.3)


@pytest.mark.parametrize('n', [0, 1, 5, 70])
def test_numbers_of_simulated_fields(options, n):
    """As many fields as asked for, all different, each with its crowding."""
    setup = get_setup(replace(options, shape=(24, 16)))
    fields, density = setup.draw_backgrounds(n, np.random.default_rng(1))
    assert fields.shape == (n, 3, 24, 16)
    assert density.shape == (n,)
    assert np.isfinite(fields).all()
    assert len(np.unique(fields[:, 0, 0, 0])) == n


def test_one_frame_for_many(options):
    """Fields that are drawn together are tiles of one frame, in order."""
    setup = get_setup(replace(options, shape=(24, 16)))
    fields, _ = setup.draw_backgrounds(4, np.random.default_rng(1))
    frame, _ = setup.field._draw((48, 32), np.random.default_rng(1), None)
    assert_array_equal(fields[1], frame[:, :24, 16:])
    assert_array_equal(fields[2], frame[:, 24:, :16])
