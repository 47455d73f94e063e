# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train._checkpoint.
"""

import pytest

pytest.importorskip('torch')

import safetensors.torch
import torch

from starcnn.exceptions import DataFileError
from starcnn.train import _checkpoint
from starcnn.train._checkpoint import load_checkpoint, remove_checkpoints, save_checkpoint

pytestmark = pytest.mark.training


def test_checkpoint_in_pieces(tmp_path, monkeypatch):
    """A large checkpoint is cut in pieces, and put together again."""
    monkeypatch.setattr(_checkpoint, '_PIECE', 1 << 12)
    state = {'x': torch.arange(5000.0), 'step': 3, 'history': [{'loss': 0.1 + 0.2}, None, 2]}
    assert load_checkpoint(tmp_path, 'last') is None
    save_checkpoint(tmp_path, 'last', {'x': torch.zeros(9000)})
    save_checkpoint(tmp_path, 'last', state)
    sizes = [path.stat().st_size for path in tmp_path.glob('last-*.safetensors')]
    assert len(sizes) == 5
    assert max(sizes) == 1 << 12
    found = load_checkpoint(tmp_path, 'last')
    assert torch.equal(found.pop('x'), state.pop('x'))
    assert found == state
    remove_checkpoints(tmp_path)
    assert not list(tmp_path.iterdir())


def test_checkpoint_that_was_cut_short(tmp_path):
    """A lost or changed piece is an error."""
    save_checkpoint(tmp_path, 'best', {'x': torch.zeros(10)})
    (piece,) = tmp_path.glob('best-*.safetensors')
    data = piece.read_bytes()
    piece.write_bytes(data[:-1])
    with pytest.raises(DataFileError, match="folder must hold a checkpoint 'best' with SHA-256"):
        load_checkpoint(tmp_path, 'best')
    piece.unlink()
    with pytest.raises(DataFileError, match='folder must hold a whole checkpoint'):
        load_checkpoint(tmp_path, 'best')
    (tmp_path / 'best.json').write_text('{}')
    with pytest.raises(DataFileError, match='folder must hold a whole checkpoint'):
        load_checkpoint(tmp_path, 'best')


def test_checkpoint_of_an_optimizer(tmp_path):
    """The state of an optimiser comes back with its integer keys, and tensors of any layout."""
    weight = torch.nn.Parameter(torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last))
    first, second = (torch.optim.AdamW([weight], lr=0.1) for _ in range(2))
    weight.grad = torch.randn_like(weight)
    first.step()
    save_checkpoint(tmp_path, 'last', {'optimizer': first.state_dict(), 'same': [weight, weight]})
    found = load_checkpoint(tmp_path, 'last')
    assert torch.equal(found['same'][1], weight)
    second.load_state_dict(found['optimizer'])
    for name, value in first.state[weight].items():
        assert torch.equal(second.state[weight][name], value)


def test_joined_pieces_are_safetensors(tmp_path, monkeypatch):
    """Other programs can read the tensors."""
    monkeypatch.setattr(_checkpoint, '_PIECE', 1 << 8)
    save_checkpoint(tmp_path, 'best', {'network': {'weight': torch.arange(200)}})
    data = b''.join(path.read_bytes() for path in sorted(tmp_path.glob('best-*.safetensors')))
    assert torch.equal(safetensors.torch.load(data)['network/weight'], torch.arange(200))
