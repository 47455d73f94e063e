# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The arrays that a network is trained on, in memory or in a folder.
"""

import hashlib
import shutil
from functools import cached_property

import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.train._store import GROUPS, create_array, create_group, open_group, read_arrays

__all__ = ['Bank']

# Types an input may be stored with; batches are always float32.
STORED = ('float32', 'float16', 'uint8')

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
        Open a bank in a folder; its images stay on the disk until they are used.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            The folder, a Zarr store. Each chunk is checked when it is first
            read; `check` reads them all.

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
            group = open_group(folder)
            if group is None or 'sha256' not in group.attrs:
                msg = 'no finished Zarr store'
                raise ValueError(msg)  # noqa: TRY301 - one message for all that may be wrong
            arrays = read_arrays(group, folder)
            meta, sha256 = group.attrs['meta'], group.attrs['sha256']
            bank = cls(arrays['inputs'], arrays['truth'], starts=arrays['starts'], meta=meta)
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f'folder must hold a bank, got {str(folder)!r}: {error}'
            raise DataFileError(msg) from None
        bank.sha256 = sha256
        return bank

    @classmethod
    def seal(cls, folder):
        """
        Make a bank of the arrays in a folder, by writing their hash into its attributes.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            A Zarr store with the arrays ``inputs/<name>``, ``truth/<name>`` and,
            for sets of stars, ``starts/<name>``, and the attribute ``meta``.

        Returns
        -------
        bank : `Bank`
            The bank, as `open` returns it.
        """
        group = open_group(folder)
        arrays = read_arrays(group, folder)
        meta = group.attrs['meta']
        bank = cls(arrays['inputs'], arrays['truth'], starts=arrays['starts'], meta=meta)
        group.update_attributes({'sha256': bank.sha256})
        return bank

    def save(self, folder):
        """
        Write the bank to a folder, as a Zarr store.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            The folder, which is made. A bank that it holds is replaced.
        """
        if open_group(folder) is not None:
            shutil.rmtree(folder)
        group = create_group(folder, {'meta': self.meta})
        for name, array in self.arrays().items():
            stored = create_array(group, name, array.shape, array.dtype)
            for at in range(0, len(array), stored.chunks[0]):
                stored[at : at + stored.chunks[0]] = array[at : at + stored.chunks[0]]
        self.seal(folder)

    def check(self):
        """
        Read all arrays and compare their hash.

        Raises
        ------
        DataFileError
            If the contents are not those that were stored.
        """
        found = self._hash()
        if found != self.sha256:
            msg = f'folder must hold a bank with SHA-256 {self.sha256}, got {found}'
            raise DataFileError(msg)

    @cached_property
    def sha256(self):
        """
        The SHA-256 of the names, types, shapes and bytes of all arrays, in hexadecimal digits.
        """
        return self._hash()

    def _hash(self):
        """Return the SHA-256 of all arrays."""
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
