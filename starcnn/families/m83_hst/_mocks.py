# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock clusters and empty fields for the claims, drawn once by worker processes and kept.
"""

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable
from tqdm import tqdm

from starcnn.images import combine
from starcnn.mocks import LEAST_SCALE, get_setup

from ._options import Options
from .bank import BANK
from .spec import DEFAULT

__all__ = ['N_MOCKS', 'OPTIONS', 'UNITS', 'Mocks', 'draw_mocks']

# Section 4.1 of the paper: the number of clusters of the test, and of empty fields.
N_MOCKS = 5000

# Seed of the test; those of training are small numbers.
_SEED = 20_200_109

# Clusters that one task draws; also what is lost when the work is interrupted.
_CHUNK = 100

# Section 4.1: the standard deviation of the factor of each band's background, Fig. 11.
_SCATTER = 0.2

# Detectable stars per arcsec2, from fewer than in a real frame of M31 to many more, uniform in the
# logarithm. ``benchmarks/bench_fields.py`` compares such fields with the frame. Ages and
# extinctions are continuous, as real ones are and those of the training were.
OPTIONS = Options(density=(2.5, 40.0), log_age_step=0.0, a_v_step=0.0)

# The columns of the truth with their units.
UNITS = {item.name: item.unit for item in DEFAULT.parameters} | {'density': 'arcsec-2'}

_IMAGES = ('clusters', 'scattered', 'empty')
_RATE = u.electron / u.s
_DENSITY = u.arcsec**-2


@dataclass(frozen=True, kw_only=True)
class Mocks:
    """
    Stacks of mock observations, each with shape (n, n_filter, ny, nx), and their truth.

    Parameters
    ----------
    clusters, scattered : `~astropy.nddata.NDData`
        Clusters on fields; the same clusters on the same fields, whose bands
        are multiplied by factors with a standard deviation of 20 %.

    empty : `~astropy.nddata.NDData`
        As many other fields, without a cluster.

    truth : `~astropy.table.QTable`
        The parameters of the clusters, and the ``density`` of their fields.

    density : `~astropy.units.Quantity` with shape (n,)
        The density of the empty fields.
    """

    clusters: NDData
    scattered: NDData
    empty: NDData
    truth: QTable
    density: u.Quantity


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One chunk: what to draw, from which random numbers."""

    options: Options
    seed: tuple  # of integers
    n: int


def draw_mocks(n=N_MOCKS, *, folder=None, n_workers=None, options=OPTIONS):
    """
    Draw mock clusters and empty fields, or read those that were drawn before.

    Parameters
    ----------
    n : int, optional
        The number of clusters, and of empty fields.

    folder : str, `~pathlib.Path` or `None`, optional
        Where they are kept, chunk by chunk, so that interrupted work goes on.

    n_workers : int or `None`, optional
        The number of processes; `None` is one for each core. The mocks do not
        depend on it.

    options : `Options`, optional
        What to draw from.

    Returns
    -------
    mocks : `Mocks`
        The observations and their truth.
    """
    jobs = [
        _Job(options=options, seed=(_SEED, start), n=min(_CHUNK, n - start))
        for start in range(0, n, _CHUNK)
    ]
    chunks = _run(jobs, None if folder is None else Path(folder), n_workers)
    columns = {
        name: np.concatenate([chunk[name] for chunk in chunks])
        for name in (*UNITS, 'empty_density')
    }
    meta = {'filters': options.filters, 'pixel_scale': options.pixel_scale}
    stacks = {
        name: NDData(np.concatenate([chunk[name] for chunk in chunks]), unit=_RATE, meta=meta)
        for name in _IMAGES
    }
    truth = QTable({name: columns[name] << u.Unit(unit) for name, unit in UNITS.items()})
    return Mocks(truth=truth, density=columns['empty_density'] << _DENSITY, **stacks)


def _run(jobs, folder, n_workers):
    """Return the chunks in order, from the folder where they are there."""
    paths = [None if folder is None else folder / f'{_name(job)}.npz' for job in jobs]
    missing = [i for i, path in enumerate(paths) if path is None or not path.exists()]
    chunks = {}
    n_workers = min(n_workers or os.cpu_count() or 1, max(1, len(missing)))
    with _open_pool(n_workers) as run:
        drawn = tqdm(
            run(_draw, [jobs[i] for i in missing]),
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
        return {name: stored[name] for name in (*_IMAGES, *UNITS, 'empty_density')}


def _draw(job):
    """Return images, electron/s, and truth of one chunk, in the units of `UNITS`."""
    streams = np.random.default_rng(job.seed).spawn(6)
    parameters = BANK.sample(job.n, job.options, streams[0])
    made, truth = BANK.simulate(parameters, job.options, streams[1])
    clusters, fields = (made[name].astype(np.float32) for name in ('clusters', 'fields'))
    scale = 1 + _SCATTER * streams[2].normal(size=fields.shape[:2])
    scale = np.maximum(scale, LEAST_SCALE)[:, :, np.newaxis, np.newaxis]
    empty, density = get_setup(job.options).draw_backgrounds(job.n, streams[3])
    return {
        'clusters': _put(clusters, fields, job.options, streams[4]),
        'scattered': _put(clusters, fields * scale, job.options, streams[5]),
        'empty': empty.astype(np.float32),
        'empty_density': density,
        **{name: u.Quantity(truth[name]).to_value(unit) for name, unit in UNITS.items()},
    }


def _put(clusters, fields, options, rng):
    """Return clusters on fields as float32, electron/s."""
    times = np.array(options.exposure_times) * u.s
    images = combine(clusters * _RATE, fields * _RATE, exposure_time=times, rng=rng)
    return images.to_value(_RATE).astype(np.float32)
