# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The figures of the paper, of our mocks: clusters, errors, and what chance does.
"""

from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.nddata import NDData

from starcnn.images import combine
from starcnn.mocks import get_setup, make_clusters
from starcnn.validation import plot_cluster_grid, plot_error_boxes, plot_nodes

from . import _bars as bars
from ._findings import from_axes
from ._frame import draw_patches
from ._mocks import OPTIONS
from .simulator import node_grid
from .spec import R_H_TEST

__all__ = ['draw_clusters', 'draw_errors', 'draw_nodes']

# Fig. 7: the log ages of the panels, and log masses along their axes.
_LOG_AGES = (7.0, 8.0, 8.5, 9.0)
_LOG_MASSES = (2.4, 2.7, 3.0, 3.3, 3.6)

_SEED = 20_190_106


def draw_clusters(context):
    """Return Fig. 7: clusters of several ages, masses and sizes on one background."""
    setup = get_setup(OPTIONS)
    rng = np.random.default_rng(_SEED)
    truth = node_grid(
        1,
        log_age=_LOG_AGES,
        log_mass=_LOG_MASSES,
        log_r_h=np.log10(R_H_TEST),
        options=OPTIONS,
        rng=rng,
    )
    if context.frame:
        field, _ = draw_patches(Path(context.frame), 1, OPTIONS.shape, rng)
    else:
        field, _ = setup.draw_backgrounds(1, rng)
    rate = u.electron / u.s
    clusters = make_clusters(truth, setup).images
    images = combine(
        clusters * rate,
        np.repeat(field, len(truth), axis=0) * rate,
        exposure_time=setup.exposure_times * u.s,
        rng=rng,
    )
    return plot_cluster_grid(NDData(images), truth)


def draw_errors(context):
    """Return Fig. 8: the errors of each parameter in bins of each."""
    return plot_error_boxes(
        from_axes(context.truth),
        from_axes(context.found['all']),
        bins={name: 10**edges for name, edges in bars.BINS.items()},
    )


def draw_nodes(plane, context):
    """Return Fig. 9, 10 or 11: two parameters of clusters that differ only by chance."""
    return plot_nodes(from_axes(context.truth), from_axes(context.found['all']), names=plane)
