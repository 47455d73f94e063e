# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The arrays that a network is trained on, in memory or in a folder.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path

import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.train._files import write_json

__all__ = ['Bank']

# Types an input may be stored with; batches are always float32.
STORED = ('float32', 'float16', 'uint8')

GROUPS = ('inputs', 'starts', 'truth')  # the folders

_HASH_BYTES = 1 << 24  # what is hashed at once


class Bank:
    """
    Sources to train on: the inputs of a network and the truth of each.

    Make one with `from_arrays`, `open` or `~starcnn.train.build_bank`.

    Parameters
    ----------
    inputs : dict
        For each input an array with one row per source; for sets of stars, an
        array with one row per star, all sources one after the other.

    truth : dict
        For each parameter, class or map an array with one row per source.

    starts : dict
        For each input that is a set of stars, an int64 array with shape
        (n_source + 1,): the stars of source ``i`` are the rows from
        ``starts[i]`` to ``starts[i + 1]``.

    meta : dict
        What the sources are, as JSON values.

    Notes
    -----
    Sets of stars are stored without padding. Clusters have from ten to a
    thousand stars, so that padding would be most of the bank.
    """

    def __init__(self, inputs, truth, *, starts, meta):
        self.inputs, self.truth, self.starts, self.meta = inputs, truth, starts, meta
        counts = {name: len(array) for name, array in truth.items()}
        for name, array in inputs.items():
            if array.dtype.name not in STORED:
                msg = f'inputs[{name!r}] must be one of {list(STORED)}, got {array.dtype}'
                raise TypeError(msg)
            counts[name] = len(starts[name]) - 1 if name in starts else len(array)
        if len(set(counts.values())) != 1 or not inputs:
            msg = f'inputs and truth must have equally many sources, got {counts}'
            raise ValueError(msg)
        self._n_sources = next(iter(counts.values()))

    def __len__(self):
        return self._n_sources

    def __repr__(self):
        return f'<Bank of {len(self)} sources: {list(self.inputs)} -> {list(self.truth)}>'

    @classmethod
    def from_arrays(cls, inputs, truth, *, meta=None):
        """
        Make a bank of arrays, such as those that ``encode`` returns.

        Parameters
        ----------
        inputs : dict
            For each input an array with one row per source. Arrays with three
            axes are sets of stars, padded with rows of NaN.

        truth : dict
            For each parameter, class or map an array with one row per source,
            as from `truth_arrays`.

        meta : dict, optional
            What the sources are, as JSON values.

        Returns
        -------
        bank : `Bank`
            The bank, in memory.
        """
        inputs = {name: _as_stored(array) for name, array in inputs.items()}
        starts = {}
        for name, array in inputs.items():
            if array.ndim == 3:
                inputs[name], starts[name] = _without_padding(array)
        truth = {name: np.asarray(array) for name, array in truth.items()}
        return cls(inputs, truth, starts=starts, meta=dict(meta or {}))

    @classmethod
    def open(cls, folder):
        """
        Open a bank in a folder; its arrays stay on the disk until they are used.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            The folder.

        Returns
        -------
        bank : `Bank`
            The bank.

        Raises
        ------
        DataFileError
            If the folder holds no whole bank, or its contents have changed.
        """
        try:
            stored = json.loads((Path(folder) / 'meta.json').read_text(encoding='utf-8'))
            bank = cls._read(folder, stored['arrays'], stored['meta'])
        except (OSError, ValueError, KeyError) as error:
            msg = f'folder must hold a bank, got {str(folder)!r}: {error}'
            raise DataFileError(msg) from None
        found = bank.sha256
        if found != stored['sha256']:
            msg = f'folder must hold a bank with SHA-256 {stored["sha256"]}, got {found}: {folder}'
            raise DataFileError(msg)
        return bank

    @classmethod
    def seal(cls, folder, *, meta):
        """
        Make a bank of the arrays in a folder, by writing ``meta.json`` with their hash.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            A folder with ``inputs/<name>.npy``, ``truth/<name>.npy`` and, for
            sets of stars, ``starts/<name>.npy``.

        meta : dict
            What the sources are, as JSON values.

        Returns
        -------
        bank : `Bank`
            The bank, as `open` returns it.
        """
        paths = [path for group in GROUPS for path in sorted((Path(folder) / group).glob('*.npy'))]
        names = [f'{path.parent.name}/{path.stem}' for path in paths]
        bank = cls._read(folder, names, meta)
        stored = {'arrays': names, 'meta': meta, 'sha256': bank.sha256}
        write_json(Path(folder) / 'meta.json', stored)
        return bank

    @classmethod
    def _read(cls, folder, names, meta):
        """Map the arrays of a folder into memory."""
        groups = {group: {} for group in GROUPS}
        for path in names:
            group, _, name = path.partition('/')
            # copy-on-write, because torch wants arrays that it could change
            groups[group][name] = np.load(
                Path(folder) / f'{path}.npy', mmap_mode='c', allow_pickle=False
            )
        return cls(groups['inputs'], groups['truth'], starts=groups['starts'], meta=meta)

    def save(self, folder):
        """
        Write the bank to a folder: ``inputs/<name>.npy``, ``truth/<name>.npy``, ``meta.json``.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            The folder, which is made.
        """
        folder = Path(folder)
        (folder / 'meta.json').unlink(missing_ok=True)
        for name, array in self.arrays().items():
            path = folder / f'{name}.npy'
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, array, allow_pickle=False)
        self.seal(folder, meta=self.meta)

    @cached_property
    def sha256(self):
        """
        The SHA-256 of the names, types, shapes and bytes of all arrays, in hexadecimal digits.
        """
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays().items()):
            digest.update(f'{name} {array.dtype.str} {array.shape}\n'.encode())
            step = max(1, _HASH_BYTES // max(1, array[:1].nbytes))
            for at in range(0, len(array), step):
                digest.update(np.ascontiguousarray(array[at : at + step]).data)
        return digest.hexdigest()

    def n_stars(self):
        """
        Return the number of stars of each source.

        Returns
        -------
        n_stars : `~numpy.ndarray` with shape (n_source,)
            The largest number over the inputs that are sets of stars; zeros if
            there are none.
        """
        counts = [np.diff(starts) for starts in self.starts.values()]
        return np.max(counts, axis=0) if counts else np.zeros(len(self), dtype=np.int64)

    def take(self, rows):
        """
        Return a bank in memory with some of the sources.

        Parameters
        ----------
        rows : `~numpy.ndarray` of int
            Which sources, in order.

        Returns
        -------
        bank : `Bank`
            The bank.
        """
        rows = np.asarray(rows)
        starts, inputs = {}, {}
        for name, array in self.inputs.items():
            if name in self.starts:
                n_stars = np.diff(self.starts[name])[rows]
                starts[name] = np.concatenate([[0], np.cumsum(n_stars)])
                shift = self.starts[name][rows] - starts[name][:-1]
                inputs[name] = array[np.arange(n_stars.sum()) + np.repeat(shift, n_stars)]
            else:
                inputs[name] = array[rows]
        truth = {name: array[rows] for name, array in self.truth.items()}
        return Bank(inputs, truth, starts=starts, meta=self.meta)

    def batch(self, rows):
        """
        Return some of the sources as a network takes them.

        Parameters
        ----------
        rows : `~numpy.ndarray` of int
            Which sources, in order.

        Returns
        -------
        inputs, truth : dict
            Arrays with one row per source; the inputs are float32, sets of
            stars padded with rows of NaN to the largest of these sources.
        """
        part = self.take(rows)
        inputs = {}
        for name, array in part.inputs.items():
            array = array.astype(np.float32)
            if name in part.starts:
                n_stars = np.diff(part.starts[name])
                shape = (len(n_stars), max(1, n_stars.max(initial=0)), array.shape[1])
                padded = np.full(shape, np.nan, dtype=np.float32)
                padded[np.arange(shape[1]) < n_stars[:, np.newaxis]] = array
                array = padded
            inputs[name] = array
        return inputs, part.truth

    def split(self, fraction, *, seed=0):
        """
        Divide the sources at random.

        Parameters
        ----------
        fraction : float
            The fraction to hold out, from 0 to 1.

        seed : int, optional
            The same seed gives the same division.

        Returns
        -------
        rows, held_out : `~numpy.ndarray` of int
            The sources that remain and those held out, each in order.
        """
        if not 0 <= fraction < 1:
            msg = f'fraction must be from 0 to below 1, got {fraction!r}'
            raise ValueError(msg)
        order = np.random.default_rng(seed).permutation(len(self))
        n_out = round(fraction * len(self))
        return np.sort(order[n_out:]), np.sort(order[:n_out])

    def arrays(self):
        """
        Return all arrays.

        Returns
        -------
        arrays : dict
            The arrays by group and name, such as ``'truth/age'``.
        """
        return {
            f'{group}/{name}': array
            for group in GROUPS
            for name, array in getattr(self, group).items()
        }


def _as_stored(array):
    """Return an array with a type that a bank may have."""
    array = np.asarray(array)
    return array if array.dtype.name in STORED else array.astype(np.float32)


def _without_padding(stars):
    """Return the stars of all sources one after the other, and where each begins."""
    is_there = ~np.isnan(stars).all(axis=2)
    starts = np.concatenate([[0], np.cumsum(is_there.sum(axis=1))])
    return stars[is_there], starts.astype(np.int64)
