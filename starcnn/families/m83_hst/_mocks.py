# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock clusters and empty fields for the claims, drawn once by worker processes and kept.
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from starcnn.images import combine
from starcnn.mocks import LEAST_SCALE, draw_chunks, get_setup

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
    chunks = draw_chunks(_draw, jobs, folder=folder, n_workers=n_workers)
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
