# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A bank as tensors, on the device where it is needed, and its batches.
"""

import numpy as np
import torch

from starcnn.train._store import Rows

# The part of a GPU's free memory that a bank may take.
_SHARE = 0.6

# Sources are grouped by their number of stars within so many batches: enough to
# save most of the padding, and few enough that batches stay different.
_POOL = 32

_LOADED = 4096  # rows that are loaded at once

# Batches within which sources are shuffled while a bank is being made.
WINDOW = 16


class Batches:
    """
    The batches of a bank; sets of stars are padded to the largest of each batch.
    """

    def __init__(self, bank, device):
        self._device = torch.device(device)
        self._n_stars = {name: np.diff(starts) for name, starts in bank.starts.items()}
        self.n_stars = torch.from_numpy(bank.n_stars())
        arrays = bank.arrays()
        size = sum(array.nbytes for array in arrays.values())
        is_small = self._device.type == 'cuda' and size < _SHARE * torch.cuda.mem_get_info()[0]
        self._home = self._device if is_small else torch.device('cpu')
        tensors = {name: _load(array, self._home) for name, array in arrays.items()}
        self._inputs = {name: tensors[f'inputs/{name}'] for name in bank.inputs}
        self._truth = {name: tensors[f'truth/{name}'] for name in bank.truth}
        self._starts = {name: tensors[f'starts/{name}'] for name in bank.starts}

    def take(self, rows):
        """
        Return inputs (float32) and truth of some sources.
        """
        there = rows.to(self._home)
        inputs = {}
        for name, values in self._inputs.items():
            if name in self._starts:
                n_star = max(1, int(self._n_stars[name][rows.numpy()].max()))
                value = _pad(values, self._starts[name], there, n_star)
            elif isinstance(values, Rows):
                value = torch.from_numpy(values[rows.numpy()])
            else:
                value = values[there]
            # half the bytes go over the bus where the bank has float16
            value = value.to(self._device, non_blocking=True).float()
            if value.ndim == 4:
                value = value.contiguous(memory_format=torch.channels_last)
            inputs[name] = value
        truth = {name: values[there].to(self._device) for name, values in self._truth.items()}
        return inputs, truth


def draw_batches(rows, n_stars, batch_size, *, seed):
    """
    Return the batches of one epoch, as rows; an incomplete last batch is left out.

    If sources have stars, each batch has sources with similar numbers of them.
    """
    generator = torch.Generator().manual_seed(seed)
    n_batches = max(1, len(rows) // batch_size)
    order = rows[torch.randperm(len(rows), generator=generator)][: n_batches * batch_size]
    if n_stars.any():
        pools = order.split(_POOL * batch_size)
        order = torch.cat([pool[n_stars[pool].argsort(stable=True)] for pool in pools])
    batches = order.split(batch_size)
    return [batches[i] for i in torch.randperm(n_batches, generator=generator).tolist()]


def split_windows(rows, batch_size):
    """
    Return rows in order, in parts for `WINDOW` batches; the last has also what makes no batch.
    """
    n_batches = max(1, len(rows) // batch_size)
    size = WINDOW * batch_size
    return rows.tensor_split(tuple(range(size, n_batches * batch_size, size)))


def _load(array, device):
    """Return a tensor on a device; large arrays stay on the disk where that is the CPU."""
    if isinstance(array, Rows):
        if device.type == 'cpu':
            return array
        tensor = torch.empty(array.shape, dtype=getattr(torch, array.dtype.name), device=device)
        for at in range(0, len(array), _LOADED):
            tensor[at : at + _LOADED] = torch.from_numpy(array[at : at + _LOADED]).to(device)
        return tensor
    return torch.from_numpy(array if array.flags.writeable else array.copy()).to(device)


def _pad(values, starts, rows, n_star):
    """Return the stars of some sources with shape (n_source, n_star, n_column)."""
    first, place = starts[rows], torch.arange(n_star, device=rows.device)
    is_there = place < (starts[rows + 1] - first)[:, None]
    if not len(values):
        values = values.new_full((1, values.shape[1]), torch.nan)
    stars = values[torch.where(is_there, first[:, None] + place, 0)]
    return torch.where(is_there[..., None], stars, torch.nan)
