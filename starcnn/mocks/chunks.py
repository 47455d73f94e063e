# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mocks drawn chunk by chunk, by worker processes, and kept in a folder.
"""

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

__all__ = ['draw_chunks']


def draw_chunks(draw, jobs, *, folder=None, n_workers=None):
    """
    Draw chunks of mocks, or read those that were drawn before.

    Parameters
    ----------
    draw : callable
        ``draw(job)`` returns a dict of arrays, the same for the same job. It
        must be a function of a module, so that processes can be told of it.

    jobs : iterable
        What each chunk is drawn from: options, number, seed. The ``repr`` of a
        job must tell it from all others, those of other functions included, as
        that of a frozen dataclass does.

    folder : str, `~pathlib.Path` or `None`, optional
        Where chunks are kept, made if it does not exist, so that interrupted
        work goes on; `None` keeps none. Those of other versions of the package
        are not read.

    n_workers : int or `None`, optional
        The number of processes; `None` is one for each core. The chunks do not
        depend on it.

    Returns
    -------
    chunks : list of dict of `~numpy.ndarray`
        The chunks, in the order of the jobs.
    """
    jobs = list(jobs)
    paths = [None if folder is None else Path(folder) / f'{_name(job)}.npz' for job in jobs]
    missing = [i for i, path in enumerate(paths) if path is None or not path.exists()]
    chunks = {}
    n_workers = min(n_workers or os.cpu_count() or 1, max(1, len(missing)))
    with _open_pool(n_workers) as run:
        drawn = tqdm(
            run(draw, [jobs[i] for i in missing]),
            desc='mocks',
            total=len(missing),
            leave=False,
            disable=None,
        )
        for i, chunk in zip(missing, drawn, strict=True):
            chunks[i] = chunk
            if folder is not None:
                _write(paths[i], chunk)
    return [chunks[i] if i in chunks else _read(path) for i, path in enumerate(paths)]


@contextmanager
def _open_pool(n_workers):
    """Yield a function like `map`, which works in processes if there are several."""
    if n_workers == 1:
        yield map
        return
    with ProcessPoolExecutor(n_workers, mp_context=get_context('spawn')) as pool:
        yield pool.map


def _name(job):
    """Return what tells a chunk from all others, for the name of its file."""
    return hashlib.sha256(f'{version("starcnn")} {job!r}'.encode()).hexdigest()[:16]


def _write(path, chunk):
    """Write a chunk, so that the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part')
    with part.open('wb') as file:
        np.savez(file, **chunk)
    part.replace(path)


def _read(path):
    """Read a chunk."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
