# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the networks are trained on: clusters and fields apart, which training puts together.
"""

import numpy as np

from starcnn.plugins import SimulatorBackend

from ._clusters import background_statistics, complete, make_clusters, visibilities
from ._setup import get_setup
from .simulator import BACKEND, Options, _truth, sample

__all__ = ['BANK', 'encode_bank']


def simulate_bank(parameters, options, rng):
    """
    Make images of clusters without background, and backgrounds.

    Parameters
    ----------
    parameters, options, rng
        As for the simulator of the family.

    Returns
    -------
    data : dict of `~numpy.ndarray`
        ``clusters`` and ``fields`` with shape (n, n_filter, ny, nx), float16;
        the median ``level`` and the ``scatter`` of the fields and the mean
        ``flux`` of the clusters (n, n_filter), all in electron/s.

    truth : `~astropy.table.QTable`
        One row per cluster.
    """
    setup = get_setup(options)
    rows = complete(parameters, setup, rng)
    fields, density = setup.draw_backgrounds(len(rows), rng)
    clusters = make_clusters(rows, setup)
    level, scatter = background_statistics(fields, setup)
    visibility = visibilities(clusters.flux, scatter)
    truth = _truth(rows, clusters, np.ones(len(rows), bool), visibility, density, options)
    data = {
        'clusters': clusters.images.astype(np.float16),
        'fields': fields.astype(np.float16),
        'level': level.astype(np.float32),
        'scatter': scatter.astype(np.float32),
        'flux': clusters.flux.astype(np.float32),
    }
    return data, truth


def encode_bank(data, spec):
    """
    Return the arrays of `simulate_bank` as they are.

    Parameters
    ----------
    data : dict of `~numpy.ndarray`
        The arrays.

    spec : `~starcnn.networks.Spec`
        The spec of the network, whose ``images`` training makes of them.

    Returns
    -------
    arrays : dict of `~numpy.ndarray`
        The same arrays.

    Raises
    ------
    ValueError
        If the arrays are not of the filters and the shape of the spec.
    """
    images = spec.inputs[0]
    found, wanted = data['clusters'].shape[1:], images.dimensions[1:]
    if found != wanted:
        msg = f'data must have images of shape {wanted}, as the spec, got {found}'
        raise ValueError(msg)
    return data


BANK = SimulatorBackend(
    name=BACKEND.name,
    summary='Clusters and fields apart, for training',
    reference=BACKEND.reference,
    options=Options,
    sample=sample,
    simulate=simulate_bank,
)
