# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock images of clusters on backgrounds, with noise, and what is true of each.
"""

import multiprocessing

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import Column, MaskedColumn, QTable
from astropy.utils.masked import Masked
from tqdm import tqdm

from starcnn.images.noise import _combine
from starcnn.mocks.clusters import background_statistics, make_clusters, visibilities
from starcnn.mocks.parameters import complete_parameters, draw_parameters
from starcnn.mocks.setup import get_setup

__all__ = ['LABELS', 'LEAST_SCALE', 'make_truth', 'sample_clusters', 'simulate_clusters']

# The classes of images, without and with a cluster.
LABELS = ('background', 'cluster')

# The least factor of the flux scale of a background.
LEAST_SCALE = 0.1

_RATE = u.electron / u.s


def sample_clusters(n, options, rng):
    """
    Draw the parameters of clusters that are brighter than the limits.

    Parameters
    ----------
    n : int
        The number of clusters.

    options : `ClusterOptions`
        What to draw from.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    parameters : `~astropy.table.QTable` with ``n`` rows
        The columns ``age``, ``a_v``, ``mass`` (at birth), ``r_h`` and
        ``gamma`` of the EFF profile, and ``seed``, which decides the stars of
        the cluster and their places.

    Raises
    ------
    ValueError
        If the options leave hardly any cluster brighter than the limits.
    """
    return draw_parameters(n, get_setup(options), rng)


def simulate_clusters(parameters, options, rng):
    """
    Make mock images of clusters on backgrounds.

    Parameters
    ----------
    parameters : `~astropy.table.QTable`
        One row per cluster, with ``age``, ``a_v``, ``mass`` and ``r_h``;
        ``gamma`` and ``seed`` are drawn where there are none.

    options : `ClusterOptions`
        How to observe.

    rng : `~numpy.random.Generator`
        The random numbers: each image gets a child of its own.

    Returns
    -------
    images : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The images, electron/s. ``meta`` has ``filters``, ``pixel_scale``,
        ``BACKGRND`` (the kind of background), and ``sources``.

    truth : `~astropy.table.QTable`
        One row per image: the parameters, ``class``, ``visibility``, the
        integrated magnitude of the cluster in each filter (Vega), and the
        ``density`` of the background. Parameters of images without a cluster
        are masked. ``meta`` has ``BACKGRND``.

    Raises
    ------
    TypeError, ValueError
        If a column is missing, not known or masked, or a parameter is out of
        range.

    `~astropy.units.UnitsError`
        If a parameter has another unit.
    """
    setup = get_setup(options)
    rows = complete_parameters(parameters, setup, rng)
    children = rng.spawn(len(rows))
    clusters = make_clusters(rows, setup, track=lambda rows: _track(rows, 'clusters'))
    fields = np.zeros_like(clusters.images)
    images, density = np.zeros_like(fields), np.zeros(len(rows))
    is_cluster = np.ones(len(rows), bool)
    for i, child in enumerate(_track(children, 'backgrounds')):
        fields[i], density[i] = _draw_field(setup, child)
        is_cluster[i] = child.random() >= options.background_fraction
        images[i] = fields[i]
        if is_cluster[i]:
            images[i] = _combine(clusters.images[i], fields[i], setup.exposure_times, child)
    truth = make_truth(rows, clusters, fields, density, setup, is_cluster=is_cluster)
    meta = {
        'filters': options.filters,
        'pixel_scale': options.pixel_scale,
        'BACKGRND': setup.backgrounds.kind,
        'sources': QTable({'id': np.arange(1, len(rows) + 1)}),
    }
    return NDData(images, unit=_RATE, meta=meta), truth


def _track(items, name):
    """Return items that show their progress on a terminal, if they take long."""
    disable = None if multiprocessing.parent_process() is None else True
    return tqdm(items, desc=name, delay=2, disable=disable, leave=False)


def _draw_field(setup, rng):
    """Return one background, electron/s, with its flux scale, and its stars per arcsec2."""
    fields, density = setup.draw_backgrounds(1, rng)
    scatter = setup.options.calibration_scatter
    scale = np.maximum(1 + scatter * rng.normal(size=fields.shape[1]), LEAST_SCALE)
    return fields[0] * scale[:, np.newaxis, np.newaxis], density[0]


def make_truth(rows, clusters, fields, density, setup, *, is_cluster=None):
    """
    Return the table of what is true of images.

    Parameters
    ----------
    rows : `~astropy.table.QTable`
        The parameters of the clusters.

    clusters : `Clusters`
        The clusters.

    fields : `~numpy.ndarray` with shape (n, n_filter, ny, nx)
        The backgrounds, electron/s.

    density : `~numpy.ndarray` with shape (n,)
        The stars of the backgrounds, per square arcsec.

    setup : `Setup`
        How they are observed.

    is_cluster : `~numpy.ndarray` of bool with shape (n,), optional
        Which of the images have a cluster; all by default.

    Returns
    -------
    truth : `~astropy.table.QTable`
        The parameters and what was measured, masked where there is no cluster,
        ``class`` and ``density``; ``meta`` has ``BACKGRND``.
    """
    _, scatter = background_statistics(fields, setup)
    is_cluster = np.ones(len(rows), bool) if is_cluster is None else is_cluster
    truth = rows.copy()
    for name, column in zip(setup.options.filters, clusters.magnitudes.T, strict=True):
        truth[name] = column * u.mag
    truth['visibility'] = visibilities(clusters.flux, scatter)
    if not is_cluster.all():
        for name in truth.colnames:
            column = truth[name]
            masked = Masked if isinstance(column, u.Quantity) else MaskedColumn
            truth[name] = masked(column, mask=~is_cluster)
    truth['class'] = Column(np.array(LABELS)[is_cluster.astype(int)])
    truth['density'] = density / u.arcsec**2
    truth.meta['BACKGRND'] = setup.backgrounds.kind
    return truth
