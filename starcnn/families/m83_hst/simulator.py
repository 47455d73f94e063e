# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock HST images of the star clusters of M83, or of another galaxy.
"""

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import Column, MaskedColumn, QTable
from astropy.utils.masked import Masked

from starcnn.images.noise import _combine
from starcnn.plugins import SimulatorBackend

from ._clusters import (
    background_statistics,
    complete,
    draw_parameters,
    make_clusters,
    visibilities,
)
from ._options import Options
from ._setup import get_setup
from .spec import BIBCODE, LABELS, NAME

__all__ = ['BACKEND', 'Options', 'sample', 'simulate']

_RATE = u.electron / u.s

_LEAST_SCALE = 0.1  # of the flux scale of a background


def sample(n, options, rng):
    """
    Draw the parameters of clusters that are brighter than the limits.

    Parameters
    ----------
    n : int
        The number of clusters.

    options : `Options`
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


def simulate(parameters, options, rng):
    """
    Make mock images of clusters on backgrounds.

    Parameters
    ----------
    parameters : `~astropy.table.QTable`
        One row per cluster, with ``age``, ``a_v``, ``mass`` and ``r_h``;
        ``gamma`` and ``seed`` are drawn where there are none.

    options : `Options`
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
        are masked.

    Raises
    ------
    ValueError
        If a column is missing, not known or masked, or a parameter is out of
        range.

    `~astropy.units.UnitsError`
        If a parameter has another unit.
    """
    setup = get_setup(options)
    rows = complete(parameters, setup, rng)
    children = rng.spawn(len(rows))
    clusters = make_clusters(rows, setup)
    fields = np.zeros_like(clusters.images)
    images, density = np.zeros_like(fields), np.zeros(len(rows))
    is_cluster = np.ones(len(rows), bool)
    for i, child in enumerate(children):
        fields[i], density[i] = _draw_field(setup, child)
        is_cluster[i] = child.random() >= options.background_fraction
        images[i] = fields[i]
        if is_cluster[i]:
            images[i] = _combine(clusters.images[i], fields[i], setup.exposure_times, child)
    _, scatter = background_statistics(fields, setup)
    visibility = visibilities(clusters.flux, scatter)
    truth = _truth(rows, clusters, is_cluster, visibility, density, options)
    meta = {
        'filters': options.filters,
        'pixel_scale': options.pixel_scale,
        'BACKGRND': 'mosaics' if options.mosaics else 'simulated',
        'sources': QTable({'id': np.arange(1, len(rows) + 1)}),
    }
    return NDData(images, unit=_RATE, meta=meta), truth


def _draw_field(setup, rng):
    """Return one background, electron/s, with its flux scale, and its stars per arcsec2."""
    fields, density = setup.draw_backgrounds(1, rng)
    scatter = setup.options.calibration_scatter
    scale = np.maximum(1 + scatter * rng.normal(size=fields.shape[1]), _LEAST_SCALE)
    return fields[0] * scale[:, np.newaxis, np.newaxis], density[0]


def _truth(rows, clusters, is_cluster, visibility, density, options):
    """Return the table of what is true of each image."""
    truth = rows.copy()
    for name, column in zip(options.filters, clusters.magnitudes.T, strict=True):
        truth[name] = column * u.mag
    truth['visibility'] = visibility
    if not is_cluster.all():
        for name in truth.colnames:
            column = truth[name]
            if isinstance(column, u.Quantity):
                truth[name] = Masked(column, mask=~is_cluster)
            else:
                truth[name] = MaskedColumn(column, mask=~is_cluster)
    truth['class'] = Column(np.array(LABELS)[is_cluster.astype(int)])
    truth['density'] = density / u.arcsec**2
    return truth


BACKEND = SimulatorBackend(
    name=NAME,
    summary='HST images of star clusters on the disc of a galaxy',
    reference=BIBCODE,
    options=Options,
    sample=sample,
    simulate=simulate,
)
