# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Make what networks are trained on: simulate on all cores, encode, store.
"""

import hashlib
import json
import math
import multiprocessing
import shutil
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np

from starcnn.networks import Classes, Map, Spec
from starcnn.plugins import SimulatorBackend
from starcnn.train._files import write_whole
from starcnn.train._maker import Maker, end_with_parent
from starcnn.train._store import PARTS, create_array, create_group, open_group, part_path
from starcnn.train.bank import STORED, Bank
from starcnn.train.growing import GrowingBank

__all__ = ['CHUNK', 'build_bank', 'truth_arrays']

CHUNK = 256  # sources that are simulated together, with one random generator


@dataclass(frozen=True, kw_only=True)
class _Job:
    """All that a worker needs to make one chunk."""

    simulator: SimulatorBackend
    encode: Any
    spec: Spec
    options: Any
    n: int
    seed: int
    chunk: int
    folder: Path
    dtypes: dict = field(default_factory=dict)


def build_bank(
    simulator,
    encode,
    spec,
    *,
    n,
    seed,
    folder,
    n_workers=1,
    options=None,
    dtypes=None,
    chunk=CHUNK,
    max_seconds=None,
    wait=True,
):
    """
    Simulate sources and store them for training; finish what was begun before.

    Parameters
    ----------
    simulator : `~starcnn.plugins.SimulatorBackend`
        What simulates.

    encode : callable
        ``encode(data, spec)`` of the `~starcnn.plugins.NetworkBackend`, or that
        of the recipe. Arrays that are not of a type a bank may have are stored
        as float32.

    spec : `~starcnn.networks.Spec`
        What the network eats and returns.

    n : int
        The number of sources.

    seed : int
        The seed of the random numbers.

    folder : str or `~pathlib.Path`
        Where the bank is stored, as a Zarr store. A bank, or the part of one,
        that the same arguments made is used and not made again.

    n_workers : int, optional
        The number of processes. With more than one, the functions must be
        importable and a script must have a ``__name__ == '__main__'`` guard,
        as :mod:`multiprocessing` asks for.

    options : object, optional
        Options of the simulator; the default is its ``options()``.

    dtypes : dict, optional
        For inputs that are stored as another type than they have: 'float16',
        or 'uint8' if the values are whole numbers from 0 to 255.

    chunk : int, optional
        The number of sources that are simulated together. The content of the
        bank depends on it, and not on the number of workers.

    max_seconds : float, optional
        Stop after this time; the same call goes on.

    wait : bool, optional
        Whether to wait until the bank is made. If not, only the first chunk is
        there for sure, and the processes make the others meanwhile.

    Returns
    -------
    bank : `Bank`, `GrowingBank` or `None`
        The bank, whose images stay on the disk until they are used; `None` if
        time was up before it was whole; a `GrowingBank` without ``wait``, to be
        closed when it is of no more use.

    Raises
    ------
    ValueError
        If the folder holds another bank, an input does not fit its type, or
        ``max_seconds`` is given without ``wait``.
    """
    if n < 1:
        msg = f'n must be at least 1, got {n!r}'
        raise ValueError(msg)
    if max_seconds is not None and not wait:
        msg = f'max_seconds must be None without wait, got {max_seconds!r}'
        raise ValueError(msg)
    options = simulator.options() if options is None else options
    job = _Job(
        simulator=simulator,
        encode=encode,
        spec=spec,
        options=options,
        n=n,
        seed=seed,
        chunk=chunk,
        folder=Path(folder),
        dtypes=dict(dtypes or {}),
    )
    deadline = math.inf if max_seconds is None else time.monotonic() + max_seconds
    # without ``wait`` only the first chunk, which tells what the others are like
    is_whole = _make(job, n_workers, deadline) if wait else _make(job, 1, -math.inf)
    if is_whole:
        shutil.rmtree(job.folder / PARTS, ignore_errors=True)
    if not wait:
        maker = None if is_whole else Maker(_make, job, n_workers, math.inf)
        return GrowingBank(folder, maker=maker)
    return Bank.open(folder) if is_whole else None


def _make(job, n_workers, deadline):
    """Make what is missing of a bank; return whether it is whole."""
    meta = _describe(job)
    group = open_group(job.folder)
    if group is None:
        group = create_group(job.folder, {'meta': meta})
    _check_same(job.folder, group.attrs['meta'], meta)
    if 'sha256' not in group.attrs:
        (job.folder / PARTS).mkdir(exist_ok=True)
        if not _make_chunks(job, n_workers, deadline):
            return False
        _merge_parts(group, [part_path(job.folder, i) for i in range(_n_chunks(job))])
        Bank.seal(job.folder)
    return True


def _n_chunks(job):
    """Return the number of chunks."""
    return -(-job.n // job.chunk)


def _describe(job):
    """Return what a bank is, as JSON values."""
    return {
        'simulator': job.simulator.name,
        'options': json.loads(json.dumps(asdict(job.options), default=_describe_value)),
        'spec_sha256': hashlib.sha256(job.spec.to_json().encode()).hexdigest(),
        'n': job.n,
        'seed': job.seed,
        'chunk': job.chunk,
        'dtypes': job.dtypes,
    }


def _describe_value(value):
    """Return a value that JSON does not know as text; of paths the name, as files are shared."""
    return value.name if isinstance(value, Path) else str(value)


def _check_same(folder, found, wanted):
    """Raise if a folder was begun with other arguments."""
    differ = sorted(key for key in wanted if found.get(key) != wanted[key])
    if differ:
        msg = f'folder must be empty or hold the same bank, got other {differ} in {str(folder)!r}'
        raise ValueError(msg)


def _make_chunks(job, n_workers, deadline):
    """Make the chunks that are not there, with progress; return whether all were made in time."""
    from tqdm import tqdm

    missing = [i for i in range(_n_chunks(job)) if not part_path(job.folder, i).exists()]
    n_done = sum(_size(job, i) for i in range(_n_chunks(job)) if i not in set(missing))
    # beside a training, the bar is that of the training
    disable = None if multiprocessing.parent_process() is None else True
    with tqdm(
        total=job.n, initial=n_done, unit='source', delay=2, disable=disable, leave=False
    ) as bar:
        if missing and not n_done:
            # the first chunk tells the shapes of the arrays
            bar.update(_make_chunk(job, missing.pop(0), is_first=True))
        if min(n_workers, len(missing)) < 2:
            while missing and time.monotonic() < deadline:
                bar.update(_make_chunk(job, missing.pop(0)))
            return not missing
        return _make_together(job, missing, n_workers, deadline, bar)


def _make_together(job, missing, n_workers, deadline, bar):
    """Make chunks in several processes; return whether all were made in time."""
    # no fork: it copies the locks of libraries that have threads
    context = multiprocessing.get_context('spawn')
    waiting, running = iter(missing), set()
    with ProcessPoolExecutor(n_workers, mp_context=context, initializer=end_with_parent) as pool:
        try:
            while True:
                if time.monotonic() < deadline:
                    for index in islice(waiting, 2 * n_workers - len(running)):
                        running.add(pool.submit(_make_chunk, job, index))
                if not running:
                    return next(waiting, None) is None
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    bar.update(future.result())
        finally:
            pool.shutdown(cancel_futures=True)


def _size(job, index):
    """Return the number of sources of a chunk."""
    return min(job.chunk, job.n - index * job.chunk)


def _make_chunk(job, index, *, is_first=False):
    """Simulate one chunk with a generator of its own, and write it; return its size."""
    n = _size(job, index)
    rng = np.random.default_rng(np.random.SeedSequence(job.seed, spawn_key=(index,)))
    parameters = job.simulator.sample(n, job.options, rng)
    data, table = job.simulator.simulate(parameters, job.options, rng)
    inputs = {
        name: _cast(array, job.dtypes.get(name, array.dtype.name), name)
        for name, array in job.encode(data, job.spec).items()
    }
    bank = Bank.from_arrays(inputs, truth_arrays(table, job.spec))
    if len(bank) != n:
        msg = f'encode must return one row per source ({n}), got {len(bank)}'
        raise ValueError(msg)
    arrays, group = bank.arrays(), open_group(job.folder)
    for name in set(bank.inputs) - set(bank.starts):
        array, path = arrays.pop(f'inputs/{name}'), f'inputs/{name}'
        if is_first:
            create_array(group, path, (job.n, *array.shape[1:]), array.dtype, n_rows=job.chunk)
        _write(group[path], array, index * job.chunk, name)
    # last, as it says that all is there
    write_whole(part_path(job.folder, index), lambda stream: np.savez(stream, **arrays))
    return n


def _write(stored, array, at, name):
    """Put the rows of a chunk in their place."""
    if stored.dtype != array.dtype or stored.shape[1:] != array.shape[1:]:
        wanted, found = (f'{a.dtype} {a.shape[1:]}' for a in (stored, array))
        msg = f'encode must return equal types and shapes, got {found} for {name!r}, not {wanted}'
        raise ValueError(msg)
    stored[at : at + len(array)] = array


def _cast(array, dtype, name):
    """Return an array as another type, which must hold its values."""
    if dtype == array.dtype.name == 'float64':
        dtype = 'float32'
    if dtype not in STORED:
        msg = f'dtypes[{name!r}] must be one of {list(STORED)}, got {dtype!r}'
        raise ValueError(msg)
    with np.errstate(over='ignore', invalid='ignore'):
        out = array.astype(dtype)
    fits = (
        np.array_equal(out, array)
        if dtype == 'uint8'
        else (np.isfinite(out) == np.isfinite(array)).all()
    )
    if not fits:
        msg = f'dtypes[{name!r}] must be a type that holds the values, got {dtype!r}'
        raise ValueError(msg)
    return out


def _merge_parts(group, paths):
    """Write what is in files of chunks one after the other into the store."""
    counts, n = {}, 0  # the stars of each source, the sources
    for path in paths:
        with np.load(path, allow_pickle=False) as part:
            n += next(len(part[name]) for name in part.files if name.startswith('truth/'))
            for name in part.files:
                if name.startswith('starts/'):
                    counts.setdefault(name, []).append(np.diff(part[name]))
    starts = {name: np.cumsum([0, *np.concatenate(found)]) for name, found in counts.items()}
    merged, at = {}, {}
    for path in paths:
        with np.load(path, allow_pickle=False) as part:
            for name in sorted(set(part.files) - set(starts)):
                array, stars = part[name], name.replace('inputs/', 'starts/')
                if name not in merged:
                    n_rows = starts[stars][-1] if stars in starts else n
                    shape = (n_rows, *array.shape[1:])
                    merged[name], at[name] = create_array(group, name, shape, array.dtype), 0
                merged[name][at[name] : at[name] + len(array)] = array
                at[name] += len(array)
    for name, array in starts.items():
        create_array(group, name, array.shape, array.dtype)[:] = array


def truth_arrays(table, spec):
    """
    Return what a network should answer, on the axes of its spec.

    Parameters
    ----------
    table : `~astropy.table.Table`
        One row per source, with a column for each parameter (in any unit of
        its kind), each set of classes (of labels) and each map of the spec.

    spec : `~starcnn.networks.Spec`
        What the network returns.

    Returns
    -------
    truth : dict
        For each parameter a float32 array in its unit, or the decimal
        logarithm of it; for each set of classes an int64 array of indices; for
        each map a float32 array. What is masked in the table is NaN.

    Raises
    ------
    ValueError
        If a column is missing, a label unknown, or the logarithm does not
        exist.
    """
    truth = {}
    for part in (*spec.parameters, *(p for p in spec.outputs if isinstance(p, Classes | Map))):
        if part.name not in table.colnames:
            msg = f'table must have the columns that the spec names, got none for {part.name!r}'
            raise ValueError(msg)
        column = table[part.name]
        if isinstance(part, Classes):
            truth[part.name] = _class_indices(column, part)
            continue
        column = column.filled(np.nan) if hasattr(column, 'filled') else column
        values = u.Quantity(column).to_value(part.unit)
        if getattr(part, 'log', False):
            if (values <= 0).any():
                msg = f'table[{part.name!r}] must be above zero, got {values.min()} {part.unit}'
                raise ValueError(msg)
            values = np.log10(values)
        truth[part.name] = values.astype(np.float32)
    return truth


def _class_indices(column, part):
    """Return the index of each label."""
    index = {label: i for i, label in enumerate(part.labels)}
    unknown = sorted({str(label) for label in column} - set(index))
    if unknown:
        msg = f'table[{part.name!r}] must have labels of {list(part.labels)}, got {unknown}'
        raise ValueError(msg)
    return np.array([index[str(label)] for label in column], dtype=np.int64)
