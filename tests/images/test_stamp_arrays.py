# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of stamps in files of arrays.
"""

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from starcnn.exceptions import DataFileError
from starcnn.images import read_stamp_arrays


@pytest.fixture
def arrays():
    """Three pictures of 8 bits with labels and positions, and something else."""
    rng = np.random.default_rng(1)
    return {
        'image': rng.integers(0, 256, (3, 8, 9), dtype=np.uint8),
        'label': np.array(['cluster', 'galaxy', 'cluster']),
        'ra': np.arange(3.0),
        'other': np.ones((3, 2)),
    }


def test_pictures(tmp_path, arrays):
    """Pictures in one filter become a stack of pure numbers, the other arrays a table."""
    np.savez(tmp_path / 'x.npz', **arrays)
    stamps, table = read_stamp_arrays(tmp_path / 'x.npz', filters=('g',))
    assert_array_equal(stamps.data[:, 0], arrays['image'])
    assert stamps.data.dtype == np.float32
    assert stamps.unit == u.dimensionless_unscaled
    assert stamps.meta['filters'] == ('g',)
    assert 'pixel_scale' not in stamps.meta
    assert table.colnames == ['label', 'ra']
    assert stamps.meta['sources'] is table


def test_all_is_in_the_file(tmp_path):
    """Filters, pixel scale and unit may be in the file."""
    np.savez(
        tmp_path / 'x.npz',
        stamps=np.ones((2, 2, 5, 5)),
        filters=np.array(['F555W', 'F814W']),
        pixel_scale=0.04,
        unit='electron / s',
    )
    stamps, table = read_stamp_arrays(tmp_path / 'x.npz')
    assert stamps.meta['filters'] == ('F555W', 'F814W')
    assert stamps.meta['pixel_scale'] == 0.04 * u.arcsec
    assert stamps.unit == u.electron / u.s
    assert len(table.colnames) == 0


def test_arguments_come_first(tmp_path, arrays):
    """What is said is taken."""
    np.savez(tmp_path / 'x.npz', filters='r', unit='adu', **arrays)
    stamps, _ = read_stamp_arrays(
        tmp_path / 'x.npz', filters=['g'], pixel_scale=3 * u.milliarcsecond, unit='Jy'
    )
    assert stamps.meta['filters'] == ('g',)
    assert stamps.meta['pixel_scale'].to_value('arcsec') == pytest.approx(0.003)
    assert stamps.unit == u.Jy


def test_hdf5(tmp_path, arrays):
    """The same arrays in an HDF5 file."""
    h5py = pytest.importorskip('h5py')
    with h5py.File(tmp_path / 'x.h5', 'w') as file:
        file['image'] = arrays['image']
        file['label'] = arrays['label'].astype('S')
    stamps, table = read_stamp_arrays(tmp_path / 'x.h5', filters=('g',))
    assert_array_equal(stamps.data[:, 0], arrays['image'])
    assert table['label'].tolist() == arrays['label'].tolist()


def test_wrong_filters(tmp_path, arrays):
    """There is one filter for each image."""
    np.savez(tmp_path / 'x.npz', **arrays)
    with pytest.raises(ValueError, match=r'filters must name the 1 images of each stamp, got \[\]'):
        read_stamp_arrays(tmp_path / 'x.npz')


def test_no_images(tmp_path, arrays):
    """Without images the message says what is there."""
    del arrays['image']
    np.savez(tmp_path / 'x.npz', **arrays)
    with pytest.raises(DataFileError, match=r'array of stamps .*label'):
        read_stamp_arrays(tmp_path / 'x.npz')


@pytest.mark.parametrize('content', [b'', b'nothing'])
def test_no_archive(tmp_path, content):
    """What is no file of arrays is refused, and so is one that is not there."""
    (tmp_path / 'x.npz').write_bytes(content)
    with pytest.raises(DataFileError, match='that numpy reads'):
        read_stamp_arrays(tmp_path / 'x.npz')
    with pytest.raises(DataFileError, match='that numpy reads'):
        read_stamp_arrays(tmp_path / 'y.npz')


def test_pickles_are_refused(tmp_path):
    """Arrays of objects, which are pickles, are not read."""
    np.savez(tmp_path / 'x.npz', image=np.array([None, {}], dtype=object))
    with pytest.raises(DataFileError, match='that numpy reads'):
        read_stamp_arrays(tmp_path / 'x.npz')
