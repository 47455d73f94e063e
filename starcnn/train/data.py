# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Make what networks are trained on: simulate on all cores, encode, store.
"""

import hashlib
import json
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np

from starcnn.networks import Classes, Map, Spec
from starcnn.plugins import SimulatorBackend
from starcnn.train._files import write_json, write_whole
from starcnn.train.bank import STORED, Bank

__all__ = ['CHUNK', 'build_bank', 'truth_arrays']

CHUNK = 256  # sources that are simulated together, with one random generator


@dataclass(frozen=True, kw_only=True)
class _Job:
    """All that a worker needs to make one chunk."""

    simulator: SimulatorBackend
    encode: Any
    spec: Spec
    options: Any
    seed: int
    chunk: int
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
):
    """
    Simulate sources and store them for training; finish what was begun before.

    Parameters
    ----------
    simulator : `~starcnn.plugins.SimulatorBackend`
        What simulates.

    encode : callable
        ``encode(data, spec)`` of the `~starcnn.plugins.NetworkBackend`.

    spec : `~starcnn.networks.Spec`
        What the network eats and returns.

    n : int
        The number of sources.

    seed : int
        The seed of the random numbers.

    folder : str or `~pathlib.Path`
        Where the bank is stored. A bank, or the part of one, that the same
        arguments made is used and not made again.

    n_workers : int, optional
        The number of processes. With more than one, the functions must be
        importable and a script must have a ``__name__ == '__main__'`` guard,
        as :mod:`multiprocessing` asks for.

    options : object, optional
        Options of the simulator; the default is its ``options()``.

    dtypes : dict, optional
        For inputs that are not stored as float32: 'float16', or 'uint8' if the
        values are whole numbers from 0 to 255.

    chunk : int, optional
        The number of sources that are simulated together. The content of the
        bank depends on it, and not on the number of workers.

    Returns
    -------
    bank : `Bank`
        The bank, whose arrays stay on the disk until they are used.

    Raises
    ------
    ValueError
        If the folder holds another bank, or an input does not fit its type.
    """
    if n < 1:
        msg = f'n must be at least 1, got {n!r}'
        raise ValueError(msg)
    options = simulator.options() if options is None else options
    job = _Job(
        simulator=simulator,
        encode=encode,
        spec=spec,
        options=options,
        seed=seed,
        chunk=chunk,
        dtypes=dict(dtypes or {}),
    )
    return _build(job, n, Path(folder), n_workers)


def _build(job, n, folder, n_workers):
    """Return the bank in a folder; make what is missing."""
    meta = _describe(job, n)
    if (folder / 'meta.json').exists():
        bank = Bank.open(folder)
        _check_same(folder, bank.meta, meta)
        return bank
    chunks = folder / 'chunks'
    chunks.mkdir(parents=True, exist_ok=True)
    if (chunks / 'request.json').exists():
        found = json.loads((chunks / 'request.json').read_text(encoding='utf-8'))
        _check_same(folder, found, meta)
    write_json(chunks / 'request.json', meta)
    paths = [chunks / f'{i:06d}.npz' for i in range(-(-n // job.chunk))]
    _make_chunks(job, n, paths, n_workers)
    _merge_chunks(folder, paths)
    bank = Bank.seal(folder, meta=meta)
    shutil.rmtree(chunks)
    return bank


def _describe(job, n):
    """Return what a bank is, as JSON values."""
    return {
        'simulator': job.simulator.name,
        'options': json.loads(json.dumps(asdict(job.options), default=_describe_value)),
        'spec_sha256': hashlib.sha256(job.spec.to_json().encode()).hexdigest(),
        'n': n,
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


def _make_chunks(job, n, paths, n_workers):
    """Make the chunks that are not there, with progress on a terminal."""
    from tqdm import tqdm

    missing = [i for i, path in enumerate(paths) if not path.exists()]
    sizes = {i: min(job.chunk, n - i * job.chunk) for i in missing}
    with tqdm(total=sum(sizes.values()), unit='source', delay=2, disable=None, leave=False) as bar:
        if min(n_workers, len(missing)) < 2:
            for i in missing:
                bar.update(_make_chunk(job, i, sizes[i], paths[i]))
            return
        # no fork: it copies the locks of libraries that have threads
        context = multiprocessing.get_context('spawn')
        with ProcessPoolExecutor(n_workers, mp_context=context) as pool:
            futures = [pool.submit(_make_chunk, job, i, sizes[i], paths[i]) for i in missing]
            try:
                for future in as_completed(futures):
                    bar.update(future.result())
            finally:
                pool.shutdown(cancel_futures=True)


def _make_chunk(job, index, n, path):
    """Simulate one chunk with a generator of its own, and write it; return its size."""
    rng = np.random.default_rng(np.random.SeedSequence(job.seed, spawn_key=(index,)))
    parameters = job.simulator.sample(n, job.options, rng)
    data, table = job.simulator.simulate(parameters, job.options, rng)
    inputs = {
        name: _cast(array, job.dtypes.get(name, 'float32'), name)
        for name, array in job.encode(data, job.spec).items()
    }
    bank = Bank.from_arrays(inputs, truth_arrays(table, job.spec))
    if len(bank) != n:
        msg = f'encode must return one row per source ({n}), got {len(bank)}'
        raise ValueError(msg)
    arrays = bank.arrays()
    write_whole(path, lambda stream: np.savez(stream, **arrays))
    return n


def _cast(array, dtype, name):
    """Return an array as another type, which must hold its values."""
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


def _merge_chunks(folder, paths):
    """Write the chunks one after the other into one file per array."""
    counts, n = {}, 0  # the stars of each source, the sources
    for path in paths:
        with np.load(path, allow_pickle=False) as chunk:
            n += next(len(chunk[name]) for name in chunk.files if name.startswith('truth/'))
            for name in chunk.files:
                if name.startswith('starts/'):
                    counts.setdefault(name, []).append(np.diff(chunk[name]))
    starts = {name: np.cumsum([0, *np.concatenate(parts)]) for name, parts in counts.items()}
    merged, at = {}, {}
    for path in paths:
        with np.load(path, allow_pickle=False) as chunk:
            for name in set(chunk.files) - set(starts):
                array, stars = chunk[name], name.replace('inputs/', 'starts/')
                if name not in merged:
                    n_rows = starts[stars][-1] if stars in starts else n
                    merged[name], at[name] = _new_file(folder / f'{name}.npy', array, n_rows), 0
                merged[name][at[name] : at[name] + len(array)] = array
                at[name] += len(array)
    for array in merged.values():
        array.flush()
    for name, array in starts.items():
        _new_file(folder / f'{name}.npy', array, len(array))[:] = array


def _new_file(path, array, n_rows):
    """Return an array in a new file, with the type and row shape of another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(
        path, mode='w+', dtype=array.dtype, shape=(int(n_rows), *array.shape[1:])
    )


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
