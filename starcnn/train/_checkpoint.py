# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Checkpoints: tensors and plain values in pieces below 16 MiB, replaced at once.
"""

import hashlib
import io
import json
from pathlib import Path

import torch

from starcnn.exceptions import DataFileError
from starcnn.train._files import write_json, write_whole

_PIECE = 15 << 20  # bytes; hosts of files and devices on loan have limits of 16 MiB


def save_checkpoint(folder, name, state):
    """
    Write a checkpoint; an interruption leaves the one before whole.

    ``<name>.json`` lists the pieces and their hash and is replaced last.
    """
    folder = Path(folder)
    stream = io.BytesIO()
    torch.save(state, stream)
    data = stream.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    pieces = {
        f'{name}-{sha256[:12]}-{at // _PIECE}.pt': data[at : at + _PIECE]
        for at in range(0, len(data), _PIECE)
    }
    for file, piece in pieces.items():
        write_whole(folder / file, lambda stream, piece=piece: stream.write(piece))
    write_json(folder / f'{name}.json', {'files': list(pieces), 'sha256': sha256})
    for path in folder.glob(f'{name}-*.pt'):
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
    stored = json.loads(index.read_text(encoding='utf-8'))
    try:
        data = b''.join((folder / file).read_bytes() for file in stored['files'])
    except OSError as error:
        msg = f'folder must hold a whole checkpoint, got {str(folder)!r}: {error}'
        raise DataFileError(msg) from None
    found = hashlib.sha256(data).hexdigest()
    if found != stored['sha256']:
        msg = (
            f'folder must hold a checkpoint {name!r} with SHA-256 {stored["sha256"]}, '
            f'got {found} in {str(folder)!r}'
        )
        raise DataFileError(msg)
    return torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)


def remove_checkpoints(folder):
    """
    Remove all checkpoints of a folder.
    """
    for index in (Path(folder) / 'last.json', Path(folder) / 'best.json'):
        index.unlink(missing_ok=True)
        for path in Path(folder).glob(f'{index.stem}-*.pt'):
            path.unlink()
