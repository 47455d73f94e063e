# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Checkpoints: tensors and plain values in pieces below 16 MiB, replaced at once.
"""

import hashlib
import json
from pathlib import Path

import safetensors.torch
import torch

from starcnn.exceptions import DataFileError
from starcnn.train._files import write_json, write_whole

_PIECE = 15 << 20  # bytes; hosts of files and devices on loan have limits of 16 MiB

_TENSOR = 'tensor'  # the key of what stands for a tensor


def save_checkpoint(folder, name, state):
    """
    Write a checkpoint; an interruption leaves the one before whole.

    ``<name>.json`` has the plain values, lists the pieces and their hash, and is
    replaced last. The pieces, joined, are one safetensors file.
    """
    folder, tensors = Path(folder), {}
    values = _take_tensors(state, tensors, '')
    data = safetensors.torch.save(tensors)
    sha256 = hashlib.sha256(data).hexdigest()
    pieces = {
        f'{name}-{sha256[:12]}-{at // _PIECE:02d}.safetensors': data[at : at + _PIECE]
        for at in range(0, len(data), _PIECE)
    }
    for file, piece in pieces.items():
        write_whole(folder / file, lambda stream, piece=piece: stream.write(piece))
    index = {'files': list(pieces), 'sha256': sha256, 'values': values}
    write_json(folder / f'{name}.json', index)
    for path in folder.glob(f'{name}-*.safetensors'):
        if path.name not in pieces:
            path.unlink()


def load_checkpoint(folder, name):
    """
    Return what `save_checkpoint` wrote, or `None` if there is nothing.
    """
    folder = Path(folder)
    index = folder / f'{name}.json'
    if not index.exists():
        return None
    try:
        stored = json.loads(index.read_text(encoding='utf-8'))
        values, wanted = stored['values'], stored['sha256']
        data = b''.join((folder / file).read_bytes() for file in stored['files'])
    except (OSError, ValueError, KeyError) as error:
        msg = f'folder must hold a whole checkpoint, got {str(folder)!r}: {error}'
        raise DataFileError(msg) from None
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        msg = (
            f'folder must hold a checkpoint {name!r} with SHA-256 {wanted}, '
            f'got {found} in {str(folder)!r}'
        )
        raise DataFileError(msg)
    return _put_tensors(values, safetensors.torch.load(data))


def _take_tensors(value, tensors, path):
    """Return a value with its tensors replaced by their paths; the tensors go where told."""
    if isinstance(value, torch.Tensor):
        # a copy, as tensors that share memory are refused
        tensors[path.removeprefix('/')] = value.detach().to('cpu', copy=True).contiguous()
        return {_TENSOR: path.removeprefix('/')}
    if isinstance(value, dict):
        return {key: _take_tensors(v, tensors, f'{path}/{key}') for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_take_tensors(v, tensors, f'{path}/{i}') for i, v in enumerate(value)]
    return value


def _put_tensors(value, tensors):
    """Return a value with its tensors, and with integers as keys where they are numbers."""
    if isinstance(value, list):
        return [_put_tensors(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_TENSOR}:
        return tensors[value[_TENSOR]]
    return {
        int(key) if key.isdecimal() else key: _put_tensors(v, tensors) for key, v in value.items()
    }


def remove_checkpoints(folder):
    """
    Remove all checkpoints of a folder.
    """
    for index in (Path(folder) / 'last.json', Path(folder) / 'best.json'):
        index.unlink(missing_ok=True)
        for path in Path(folder).glob(f'{index.stem}-*.safetensors'):
            path.unlink()
