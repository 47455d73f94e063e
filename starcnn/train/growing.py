# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A bank that is still being made.
"""

import hashlib
import json
import math
import shutil
import time
from pathlib import Path

import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.train._store import GROUPS, PARTS, open_group, part_path
from starcnn.train.bank import Bank

__all__ = ['GrowingBank']

_PAUSE = 0.05  # seconds between looks at what is there


class GrowingBank:
    """
    Sources to train on while they are made.

    `~starcnn.train.build_bank` returns one with ``wait=False``. Use it in a
    ``with`` statement: at its end, the processes that make the bank stop.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        The folder, in which one chunk is made at least.

    maker : object or `None`, optional
        The process that makes the others; `None` if there are none to make, or
        another process of the same training looks after it.

    Raises
    ------
    DataFileError
        If the folder holds no bank with a first chunk.

    Notes
    -----
    `~starcnn.train.fit` takes the sources of the first epoch in the order in
    which they are made, whether they are there already or not. So what it gives
    does not depend on the time it takes to make them.
    """

    split = Bank.split

    def __init__(self, folder, *, maker=None):
        self._folder, self._maker = Path(folder), maker
        group = open_group(folder)
        if group is None:
            msg = f'folder must hold the beginning of a bank, got {str(folder)!r}'
            raise DataFileError(msg)
        self.meta = group.attrs['meta']
        self._whole = Bank.open(folder) if 'sha256' in group.attrs else None
        # those that are in their place as soon as they are made
        self._placed = dict(group['inputs'].arrays()) if 'inputs' in group else {}
        first = self.take(np.arange(min(len(self), self.meta['chunk'])))
        self.inputs = tuple(first.inputs)
        text = json.dumps(self.meta, sort_keys=True) + first.sha256
        self.begin_sha256 = hashlib.sha256(text.encode()).hexdigest()

    def __len__(self):
        return self.meta['n']

    def __repr__(self):
        return f'<GrowingBank of {len(self)} sources: {list(self.inputs)}>'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def wait(self, rows, *, deadline=math.inf):
        """
        Wait until sources are there.

        Parameters
        ----------
        rows : `~numpy.ndarray` of int
            Which sources.

        deadline : float, optional
            The time until which to wait, as that of `time.monotonic`.

        Returns
        -------
        is_there : bool
            Whether the sources were there in time.

        Raises
        ------
        Exception
            What a process that makes the bank has raised.
        """
        missing = [] if self._whole else [part_path(self._folder, i) for i in self._chunks(rows)]
        while missing := [path for path in missing if not path.exists()]:
            self._check()
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def take(self, rows):
        """
        Return a bank in memory with some of the sources, which are waited for.

        Parameters
        ----------
        rows : `~numpy.ndarray` of int
            Which sources, in ascending order.

        Returns
        -------
        bank : `Bank`
            The bank.
        """
        rows = np.asarray(rows)
        if self._whole:
            return self._whole.take(rows)
        self.wait(rows)
        size = self.meta['chunk']
        return _join(
            [self._read(i).take(rows[rows // size == i] - i * size) for i in self._chunks(rows)]
        )

    def finish(self):
        """
        Wait until all sources are there.

        Returns
        -------
        bank : `Bank`
            The whole bank, as `Bank.open` returns it.
        """
        if self._maker is not None:
            self._maker.wait()
            shutil.rmtree(self._folder / PARTS, ignore_errors=True)
        while 'sha256' not in open_group(self._folder).attrs:
            time.sleep(_PAUSE)
        return Bank.open(self._folder)

    def close(self):
        """
        Stop making the bank; the same call of `~starcnn.train.build_bank` goes on.
        """
        if self._maker is not None:
            self._maker.close()

    def _chunks(self, rows):
        """Return the numbers of the chunks that have some sources."""
        return np.unique(np.asarray(rows) // self.meta['chunk']).tolist()

    def _check(self):
        """Raise if the sources that are waited for will never be there."""
        if self._maker is not None:
            self._maker.check()

    def _read(self, chunk):
        """Return the sources of a chunk, which is there."""
        with np.load(part_path(self._folder, chunk), allow_pickle=False) as part:
            arrays = {name: part[name] for name in part.files}
        n = next(len(array) for name, array in arrays.items() if name.startswith('truth/'))
        at = chunk * self.meta['chunk']
        for name, array in self._placed.items():
            if f'inputs/{name}' not in arrays:
                arrays[f'inputs/{name}'] = array[at : at + n]
        found = {kind: {} for kind in GROUPS}
        for path, array in sorted(arrays.items()):
            kind, name = path.split('/', 1)
            found[kind][name] = array
        return Bank(**found, meta=self.meta)


def _join(banks):
    """Return one bank in memory with the sources of several."""

    def join(kind):
        return {
            name: np.concatenate([getattr(bank, kind)[name] for bank in banks])
            for name in getattr(banks[0], kind)
        }

    starts = {
        name: np.cumsum([0, *np.concatenate([np.diff(bank.starts[name]) for bank in banks])])
        for name in banks[0].starts
    }
    return Bank(join('inputs'), join('truth'), starts=starts, meta=banks[0].meta)
