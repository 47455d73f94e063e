# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stamps of simulated galaxies that no network was trained on, drawn once and kept.
"""

from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np
from astropy.nddata import NDData

from starcnn.mocks import draw_chunks

from ._options import Options
from .simulator import sample, simulate
from .spec import CROP

__all__ = ['FIRST_GALAXY', 'N_MOCKS', 'OPTIONS', 'Mocks', 'draw_mocks']

N_MOCKS = 6000

# Trainings take galaxies of small numbers.
FIRST_GALAXY = 1_000_000

# Stamps that one task draws; they are in four galaxies.
_CHUNK = 512

_SEED = 20_200_318  # the seeds of trainings are small numbers

OPTIONS = Options(shape=(CROP, CROP))

_RATE = u.electron / u.s


@dataclass(frozen=True, kw_only=True)
class Mocks:
    """
    Stamps and their truth.

    Parameters
    ----------
    images : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps.

    truth : `~numpy.ndarray` of str with shape (n,)
        The classes.

    groups : `~numpy.ndarray` of int with shape (n,)
        The numbers of the galaxies.
    """

    images: NDData
    truth: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One chunk: what to draw, from which random numbers."""

    options: Options
    seed: tuple
    n: int


def draw_mocks(n=N_MOCKS, *, folder=None, n_workers=None, options=OPTIONS):
    """
    Draw stamps, or read those that were drawn before.

    Parameters
    ----------
    n : int, optional
        The number of stamps.

    folder : str, `~pathlib.Path` or `None`, optional
        Where they are kept, chunk by chunk, so that interrupted work goes on.

    n_workers : int or `None`, optional
        The number of processes; `None` is one for each core. The stamps do not
        depend on it.

    options : `Options`, optional
        What to draw from, but for the numbers of the galaxies.

    Returns
    -------
    mocks : `Mocks`
        The stamps, with each class as often as the options say.
    """
    n_galaxies = -(-_CHUNK // options.stamps_per_galaxy)
    jobs = []
    for k, start in enumerate(range(0, n, _CHUNK)):
        galaxies = (FIRST_GALAXY + k * n_galaxies, n_galaxies)
        n_here = min(_CHUNK, n - start)
        own = replace(options, galaxies=galaxies)
        jobs.append(_Job(options=own, seed=(_SEED, start), n=n_here))
    chunks = draw_chunks(_draw, jobs, folder=folder, n_workers=n_workers)
    arrays = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    meta = {'filters': options.filters, 'pixel_scale': options.pixel_scale}
    images = NDData(arrays.pop('images'), unit=_RATE, meta=meta)
    return Mocks(images=images, **arrays)


def _draw(job):
    """Return stamps, electron/s, classes and galaxies of one chunk."""
    first, second = np.random.default_rng(job.seed).spawn(2)
    stamps, truth = simulate(sample(job.n, job.options, first), job.options, second)
    return {
        'images': np.asarray(stamps.data, dtype=np.float32),
        'truth': np.asarray(truth['class'], dtype=str),
        'groups': np.asarray(truth['galaxy'], dtype=np.int64),
    }
