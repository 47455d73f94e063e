# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.bank.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import zarr

from starcnn.exceptions import DataFileError
from starcnn.train import Bank, _store

pytestmark = pytest.mark.training


def test_batch_gives_back_the_arrays(stars_bank, stars_arrays):
    """Packing loses nothing, and a batch is padded to its largest set."""
    inputs, truth = stars_arrays
    rows = np.array([7, 5, 0, 7])
    n_stars = (~np.isnan(inputs['stars']).all(axis=2)).sum(axis=1)
    np.testing.assert_array_equal(stars_bank.n_stars(), n_stars)
    batch, wanted = stars_bank.batch(rows)
    assert batch['stars'].dtype == np.float32
    assert batch['stars'].shape == (4, n_stars[rows].max(), 2)
    np.testing.assert_array_equal(batch['stars'], inputs['stars'][rows][:, : n_stars[rows].max()])
    np.testing.assert_array_equal(wanted['age'], truth['age'][rows])


def test_batch_of_sources_without_stars(stars_bank):
    """A source without stars has one row of NaN."""
    inputs, _ = stars_bank.batch(np.array([5]))
    assert inputs['stars'].shape == (1, 1, 2)
    assert np.isnan(inputs['stars']).all()


def test_take(stars_bank):
    """A part of a bank has the same sources."""
    rows = np.array([10, 3, 299])
    part = stars_bank.take(rows)
    assert len(part) == 3
    found, _ = part.batch(np.arange(3))
    wanted, _ = stars_bank.batch(rows)
    np.testing.assert_array_equal(found['stars'], wanted['stars'])


def test_split(stars_bank):
    """The parts are disjoint, complete, and the same for the same seed."""
    rows, held_out = stars_bank.split(0.1, seed=3)
    assert len(held_out) == 30
    np.testing.assert_array_equal(np.sort([*rows, *held_out]), np.arange(300))
    np.testing.assert_array_equal(held_out, stars_bank.split(0.1, seed=3)[1])
    assert not np.array_equal(held_out, stars_bank.split(0.1, seed=4)[1])
    with pytest.raises(ValueError, match='fraction must be from 0 to below 1'):
        stars_bank.split(1.0)


@pytest.fixture
def images_bank():
    """Images of 20 sources, as float16, with the first eight zero."""
    rng = np.random.default_rng(3)
    images = rng.normal(size=(20, 2, 20, 20)).astype(np.float16)
    images[:8] = 0
    return Bank.from_arrays({'x': images}, {'age': np.arange(20.0)}, meta={'simulator': 'toy'})


def test_save_and_open(stars_bank, tmp_path):
    """A bank comes back from its folder, with its hash."""
    stars_bank.save(tmp_path)
    found = Bank.open(tmp_path)
    assert found.sha256 == stars_bank.sha256
    found.check()
    assert found.meta == {'simulator': 'toy'}
    assert len(found) == 300
    assert repr(found) == "<Bank of 300 sources: ['stars'] -> ['a_v', 'age']>"


def test_store_is_read_by_zarr(images_bank, tmp_path, monkeypatch):
    """Images and truth are arrays of a Zarr store, whose attributes tell what they are."""
    monkeypatch.setattr(_store, '_CHUNK_BYTES', 6400)  # four images
    images_bank.save(tmp_path)
    group = zarr.open_group(tmp_path, mode='r')
    np.testing.assert_array_equal(group['inputs/x'][:], images_bank.inputs['x'])
    np.testing.assert_array_equal(group['truth/age'][:], np.arange(20))
    assert group['inputs/x'].chunks == (4, 2, 20, 20)
    assert dict(group.attrs) == {'meta': {'simulator': 'toy'}, 'sha256': images_bank.sha256}


def test_images_stay_on_the_disk(images_bank, tmp_path, monkeypatch):
    """Rows of chunks come in any order, and more than once."""
    monkeypatch.setattr(_store, '_CHUNK_BYTES', 6400)
    monkeypatch.setattr(_store, '_N_MAPS', 2)
    images_bank.save(tmp_path)
    rows, wanted = Bank.open(tmp_path).inputs['x'], images_bank.inputs['x']
    assert not isinstance(rows, np.ndarray)
    for some in ([17, 3, 3, 0, 19, 8], [], np.arange(20)):
        np.testing.assert_array_equal(rows[np.array(some, int)], wanted[np.array(some, int)])
    np.testing.assert_array_equal(rows[2:17:3], wanted[2:17:3])
    assert (rows.shape, rows.nbytes, len(rows)) == (wanted.shape, wanted.nbytes, 20)


@pytest.mark.parametrize('name', ['inputs/x/c.0.0.0.0', 'truth/age/c.0'])
def test_changed_and_lost_chunks(images_bank, name, tmp_path):
    """Another bit in a file is noticed when it is read, and a lost file at once."""
    images_bank.save(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[5] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataFileError, match='folder must hold a bank'):
        Bank.open(tmp_path).batch(np.array([1]))
    (tmp_path / name).unlink()
    with pytest.raises(DataFileError, match='folder must hold a whole bank, got 0 of 1 chunks'):
        Bank.open(tmp_path)


def test_check(images_bank, tmp_path):
    """What was changed with its checksum is found by reading all."""
    images_bank.save(tmp_path)
    zarr.open_group(tmp_path)['inputs/x'][3] = 1
    bank = Bank.open(tmp_path)
    with pytest.raises(DataFileError, match='folder must hold a bank with SHA-256'):
        bank.check()


def test_open_refuses_other_folders(images_bank, tmp_path):
    """A folder without a whole store is no bank."""
    with pytest.raises(DataFileError, match='folder must hold a bank'):
        Bank.open(tmp_path)
    images_bank.save(tmp_path)
    zarr.open_group(tmp_path).attrs.clear()
    with pytest.raises(DataFileError, match='no finished Zarr store'):
        Bank.open(tmp_path)
    (tmp_path / 'zarr.json').write_text('{')
    with pytest.raises(DataFileError, match='folder must hold a bank'):
        Bank.open(tmp_path)


def test_hash_depends_on_names_types_and_values():
    """Banks that differ in anything have different hashes."""
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    truth = {'age': np.zeros(4)}
    banks = [
        Bank.from_arrays({'x': values}, truth),
        Bank.from_arrays({'y': values}, truth),
        Bank.from_arrays({'x': values.astype(np.float16)}, truth),
        Bank.from_arrays({'x': values + 1}, truth),
        Bank.from_arrays({'x': values}, {'age': np.ones(4)}),
    ]
    assert len({bank.sha256 for bank in banks}) == len(banks)
    assert Bank.from_arrays({'x': values.astype(float)}, truth).sha256 == banks[0].sha256


def test_batches_of_stored_types_are_float32():
    """Small types are for storage alone."""
    bank = Bank.from_arrays(
        {'x': np.ones((3, 2), dtype=np.float16), 'y': np.ones((3, 2, 4, 4), dtype=np.uint8)},
        {'age': np.zeros(3)},
    )
    inputs, _ = bank.batch(np.arange(2))
    assert {array.dtype.name for array in inputs.values()} == {'float32'}


def test_errors():
    """Unequal lengths and unknown types are refused."""
    with pytest.raises(ValueError, match='equally many sources'):
        Bank.from_arrays({'x': np.ones((3, 2))}, {'age': np.zeros(4)})
    with pytest.raises(TypeError, match=r"inputs\['x'\] must be one of"):
        Bank({'x': np.ones((3, 2))}, {}, starts={}, meta={})
