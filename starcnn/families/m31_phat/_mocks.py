# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock clusters for the claims, drawn once by worker processes and kept.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from starcnn.images import PSF, combine
from starcnn.mocks import (
    Setup,
    complete_parameters,
    draw_chunks,
    get_setup,
    make_clusters,
    sample_clusters,
)
from starcnn.networks._stacks import take_sources

from ._frame import draw_patches
from .simulator import Options, node_grid
from .spec import DEFAULT, LOG_AGE_TEST, LOG_MASS_TEST, R_H_TEST

__all__ = ['N_MOCKS', 'N_NODE_MOCKS', 'OPTIONS', 'UNITS', 'Mocks', 'draw_mocks', 'make_jobs']

# Sections 5.1 and 5.2 of the paper: the clusters of the test, and 200 for each of 27 nodes.
N_MOCKS = 10_000
N_NODE_MOCKS = 5400
_N_NODES = 27

# One in so many clusters is also seen with another point spread function, and out of the middle.
_STEP = 4

# Seeds of the test; those of training are small numbers.
_SEED, _NODE_SEED = 20_190_103, 20_190_104

# Clusters that one task draws; also what is lost when the work is interrupted.
_CHUNK = 100

# Section 5.1; clusters are in the middle, as in the paper. Ages are continuous, as real ones are
# and those of the training were.
OPTIONS = Options(
    log_age=LOG_AGE_TEST,
    log_age_step=0.0,
    log_mass=LOG_MASS_TEST,
    r_h_values=R_H_TEST,
    offset=0.0,
)

# Far from the centre, the core of a star is up to 0.13 arcsec wide, and 0.10 arcsec where it is
# sharpest: in F550M, ACS Instrument Handbook, section 5.6.6. The packaged models are for the centre
# and taken as the mean.
_WIDER = 0.13 / 0.115

# A corner of a chip, for files of point spread functions, pixels.
_CORNER = (50.0, 50.0)

# Where the cluster is instead of the middle, pixels; one after another.
_SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))

# The columns of the truth with their units.
UNITS = {item.name: item.unit for item in DEFAULT.parameters if item.name != 'visibility'}

_RATE = u.electron / u.s


@dataclass(frozen=True, kw_only=True)
class Mocks:
    """
    Mock observations and their truth.

    Parameters
    ----------
    images : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The images.

    truth : `~astropy.table.QTable`
        The parameters of the clusters.

    groups : `~numpy.ndarray` with shape (n,)
        What tells the frames from each other that the backgrounds are of.

    others : dict of `~astropy.nddata.NDData`
        Other images of the first clusters, on the same backgrounds: with point
        spread functions that are ``wider``, or those of a ``corner`` (if there
        are files), and ``shifted``.
    """

    images: NDData
    truth: QTable
    groups: np.ndarray
    others: dict = field(default_factory=dict)

    def take(self, step):
        """
        Return one in so many of the clusters, beginning with the first.
        """
        rows = slice(None, None, step)
        return Mocks(
            images=take_sources(self.images, rows),
            truth=self.truth[rows],
            groups=self.groups[rows],
            others={name: take_sources(images, rows) for name, images in self.others.items()},
        )


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One chunk: what to draw, from which random numbers."""

    options: Options
    seed: tuple  # of integers
    n: int
    frame: str = ''  # the folder of its mosaics; empty for simulated fields
    others: tuple = ()  # of ``wider``, ``corner`` and ``shifted``
    stdpsfs: tuple = ()  # files
    nodes: tuple = ()  # clusters per node, the first of this chunk, the step to the next


def draw_mocks(
    n=N_MOCKS, *, nodes=False, frame='', stdpsfs=(), has_others=False, folder=None, n_workers=None
):
    """
    Draw mock clusters, or read those that were drawn before.

    Parameters
    ----------
    n : int, optional
        The number of clusters.

    nodes : bool, optional
        Whether they are at the nodes of `node_grid`, about ``n`` in all.

    frame : str, optional
        The folder of the mosaics of the backgrounds; empty for simulated fields.

    stdpsfs : tuple of str, optional
        STDPSF files, one for each filter.

    has_others : bool, optional
        Whether there are other images of some of them.

    folder : str, `~pathlib.Path` or `None`, optional
        Where they are kept, chunk by chunk.

    n_workers : int or `None`, optional
        The number of processes; `None` is one for each core.

    Returns
    -------
    mocks : `Mocks`
        The observations and their truth. Clusters of one number are the same
        on all backgrounds.
    """
    if nodes:
        jobs = _make_node_jobs(n)
    else:
        jobs = make_jobs(n, frame=frame, stdpsfs=stdpsfs, has_others=has_others)
    chunks = draw_chunks(_draw, jobs, folder=folder, n_workers=n_workers)
    meta = {'filters': OPTIONS.filters, 'pixel_scale': OPTIONS.pixel_scale}

    def stack(name):
        """Return the images of one name, of the chunks that have some."""
        parts = [chunk[name] for chunk in chunks if name in chunk]
        return NDData(np.concatenate(parts), unit=_RATE, meta=meta)

    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in UNITS}
    return Mocks(
        images=stack('images'),
        truth=QTable({name: columns[name] << u.Unit(unit) for name, unit in UNITS.items()}),
        groups=np.concatenate([chunk['group'] for chunk in chunks]),
        others={name: stack(name) for name in jobs[0].others},
    )


def make_jobs(n, *, frame='', stdpsfs=(), has_others=False, chunk=_CHUNK):
    """Return what to draw in each chunk; see `draw_mocks`."""
    n_others = -(-n // _STEP) if has_others else 0
    others = ('wider', *(('corner',) if stdpsfs else ()), 'shifted')
    return [
        _Job(
            options=OPTIONS,
            seed=(_SEED, start),
            n=min(chunk, n - start),
            frame=str(frame),
            others=others if start < n_others else (),
            stdpsfs=tuple(map(str, stdpsfs)) if start < n_others else (),
        )
        for start in range(0, n, chunk)
    ]


def _make_node_jobs(n):
    """Return chunks of clusters at nodes; each has some of many nodes, as they share frames."""
    per_node = max(2, round(n / _N_NODES))
    total = per_node * _N_NODES
    step = -(-total // _CHUNK)
    return [
        _Job(
            options=OPTIONS,
            seed=(_NODE_SEED, start),
            n=len(range(start, total, step)),
            nodes=(per_node, start, step),
        )
        for start in range(step)
    ]


def _draw(job):
    """Return images, electron/s, and truth of one chunk, in the units of `UNITS`."""
    setup = get_setup(job.options)
    streams = np.random.default_rng(job.seed).spawn(3)
    rows = complete_parameters(_draw_parameters(job, streams[0]), setup, streams[1])
    if job.frame:
        fields, groups = draw_patches(Path(job.frame), job.n, job.options.shape, streams[2])
    else:
        fields, groups = setup.draw_backgrounds(job.n, streams[2])
    clusters = make_clusters(rows, setup).images
    chunk = {'images': _put(clusters, fields, job), 'group': groups}
    for name in job.others:
        other = _shift(clusters) if name == 'shifted' else _see(rows, name, job)
        chunk[name] = _put(other, fields, job)
    return chunk | {name: rows[name].to_value(unit) for name, unit in UNITS.items()}


def _draw_parameters(job, rng):
    """Return the parameters of clusters, drawn or of nodes."""
    if not job.nodes:
        return sample_clusters(job.n, job.options, rng)
    per_node, start, step = job.nodes
    return node_grid(per_node, options=job.options, rng=_NODE_SEED)[start::step]


def _see(rows, name, job):
    """Return images of clusters with other point spread functions, without background."""
    if name == 'wider':
        return make_clusters(rows, _get_wider(job.options)).images
    options = replace(job.options, psfs=job.stdpsfs, psf_position=_CORNER)
    return make_clusters(rows, get_setup(options)).images


class _Wider(Setup):
    """A setup whose point spread functions are wider."""

    @cached_property
    def psfs(self):
        """The point spread functions."""
        return tuple(
            PSF(
                psf.data,
                oversampling=psf.oversampling,
                pixel_scale=_WIDER * psf.pixel_scale,
                filter=psf.filter,
                includes_pixel=psf.includes_pixel,
            )
            for psf in get_setup(self.options).psfs
        )


_SETUPS = {}


def _get_wider(options):
    """Return the setup of options with wider point spread functions, kept from the last call."""
    key = repr(options)
    if key not in _SETUPS:
        _SETUPS.clear()
        _SETUPS[key] = _Wider(options)
    return _SETUPS[key]


def _shift(clusters):
    """Return images of clusters that are one pixel off, one after another to the four sides."""
    padded = np.pad(clusters, ((0, 0), (0, 0), (1, 1), (1, 1)), mode='edge')
    ny, nx = clusters.shape[2:]
    shifted = np.empty_like(clusters)
    for k, (dy, dx) in enumerate(_SHIFTS):
        part = padded[k :: len(_SHIFTS), :, 1 - dy : 1 - dy + ny, 1 - dx : 1 - dx + nx]
        shifted[k :: len(_SHIFTS)] = part
    return shifted


def _put(clusters, fields, job):
    """Return clusters on fields as float32, electron/s; the same noise at every call."""
    images = combine(
        clusters * _RATE,
        fields * _RATE,
        exposure_time=np.array(job.options.exposure_times) * u.s,
        rng=np.random.default_rng((*job.seed, 1)),
    )
    return images.to_value(_RATE).astype(np.float32)
