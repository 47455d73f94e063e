# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train._checkpoint.
"""

import pytest

pytest.importorskip('torch')

import torch

from starcnn.exceptions import DataFileError
from starcnn.train import _checkpoint
from starcnn.train._checkpoint import load_checkpoint, remove_checkpoints, save_checkpoint

pytestmark = pytest.mark.training


def test_checkpoint_in_pieces(tmp_path, monkeypatch):
    """A large checkpoint is cut in pieces, and put together again."""
    monkeypatch.setattr(_checkpoint, '_PIECE', 1 << 12)
    state = {'x': torch.arange(5000.0), 'step': 3, 'history': [{'loss': 0.5}]}
    assert load_checkpoint(tmp_path, 'last') is None
    save_checkpoint(tmp_path, 'last', {'x': torch.zeros(9000)})
    save_checkpoint(tmp_path, 'last', state)
    sizes = [path.stat().st_size for path in tmp_path.glob('last-*.pt')]
    assert len(sizes) == 6
    assert max(sizes) == 1 << 12
    found = load_checkpoint(tmp_path, 'last')
    assert torch.equal(found.pop('x'), state.pop('x'))
    assert found == state
    remove_checkpoints(tmp_path)
    assert not list(tmp_path.iterdir())


def test_checkpoint_that_was_cut_short(tmp_path):
    """A lost or changed piece is an error."""
    save_checkpoint(tmp_path, 'best', {'x': torch.zeros(10)})
    (piece,) = tmp_path.glob('best-*.pt')
    data = piece.read_bytes()
    piece.write_bytes(data[:-1])
    with pytest.raises(DataFileError, match="folder must hold a checkpoint 'best' with SHA-256"):
        load_checkpoint(tmp_path, 'best')
    piece.unlink()
    with pytest.raises(DataFileError, match='folder must hold a whole checkpoint'):
        load_checkpoint(tmp_path, 'best')
