# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock clusters and empty fields for the claims, drawn once by worker processes and kept.
"""

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable
from tqdm import tqdm

from ._options import Options
from .simulator import BACKEND
from .spec import DEFAULT

__all__ = ['CROWDED', 'N_MOCKS', 'OPTIONS', 'UNITS', 'Mocks', 'draw_mocks']

# Section 4.1 of the paper: the number of clusters of the test, and of empty fields.
N_MOCKS = 5000

# Seeds of the test; those of training are small numbers.
_SEED = 20_200_109

# Mocks that one task draws; also what is lost when the work is interrupted.
_CHUNK = 100

# Section 4.1: the standard deviation of the factor of each band's background, Fig. 11.
_SCATTER = 0.2

# Detected sources per arcsec2 in the real frame of M31 (PHAT brick 9, F475W).
CROWDED = 3.3

# Fields from sparse to crowded, uniform in the logarithm: 62 % are as crowded as the real frame.
OPTIONS = Options(density=(1.5, 12.0))

# What differs between the kinds of mocks.
_CHANGES = {
    'clusters': {},
    'empty': {'background_fraction': 1.0},
    'scattered': {'calibration_scatter': _SCATTER},
}

# The columns of the truth with their units.
UNITS = {item.name: item.unit for item in DEFAULT.parameters} | {'density': 'arcsec-2'}


@dataclass(frozen=True, kw_only=True)
class Mocks:
    """
    A stack of mock observations with their truth.

    Parameters
    ----------
    images : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx)
        The images.

    truth : `~astropy.table.QTable`
        What they show.
    """

    images: NDData
    truth: QTable


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One chunk: what to draw, from which random numbers."""

    options: Options
    seed: tuple  # of integers
    n: int


def draw_mocks(kind, n=N_MOCKS, *, folder=None, n_workers=None, options=OPTIONS):
    """
    Draw mock clusters or empty fields, or read those that were drawn before.

    Parameters
    ----------
    kind : {'clusters', 'scattered', 'empty'}
        Clusters; the same clusters on backgrounds whose bands are multiplied by
        a factor with a standard deviation of 20 %; or fields without a cluster.

    n : int, optional
        The number of sources.

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
    options = replace(options, **_CHANGES[kind])
    # scattered clusters are the clusters once more
    stream = list(_CHANGES).index('clusters' if kind == 'scattered' else kind)
    jobs = [
        _Job(options=options, seed=(_SEED, stream, start), n=min(_CHUNK, n - start))
        for start in range(0, n, _CHUNK)
    ]
    chunks = _run(jobs, kind, None if folder is None else Path(folder), n_workers)
    images = np.concatenate([chunk['images'] for chunk in chunks])
    truth = QTable()
    for name, unit in UNITS.items():
        truth[name] = np.concatenate([chunk[name] for chunk in chunks]) << u.Unit(unit)
    (part,) = DEFAULT.inputs
    meta = {'filters': part.filters, 'pixel_scale': part.pixel_scale * u.arcsec}
    return Mocks(images=NDData(images, unit=part.unit, meta=meta), truth=truth)


def _run(jobs, kind, folder, n_workers):
    """Return the chunks in order, from the folder where they are there."""
    paths = [None if folder is None else folder / f'{kind}-{_name(job)}.npz' for job in jobs]
    missing = [i for i, path in enumerate(paths) if path is None or not path.exists()]
    chunks = {}
    n_workers = min(n_workers or os.cpu_count() or 1, max(1, len(missing)))
    with _open_pool(n_workers) as run:
        drawn = tqdm(
            run(_draw, [jobs[i] for i in missing]),
            desc=kind,
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
    return hashlib.sha256(repr(job).encode()).hexdigest()[:16]


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
        return {name: stored[name] for name in ('images', *UNITS)}


def _draw(job):
    """Return the images and the truth of one chunk, in the units of `UNITS`."""
    parameter_rng, rng = np.random.default_rng(job.seed).spawn(2)
    parameters = BACKEND.sample(job.n, job.options, parameter_rng)
    images, truth = BACKEND.simulate(parameters, job.options, rng)
    columns = {name: _plain(truth[name], unit) for name, unit in UNITS.items()}
    return {'images': images.data.astype(np.float32), **columns}


def _plain(column, unit):
    """Return a column as floats in a unit, NaN where it is masked."""
    column = column.filled(np.nan) if hasattr(column, 'filled') else column
    return u.Quantity(column).to_value(unit).astype(np.float64)
