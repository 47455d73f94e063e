# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What networks are trained on: clusters and fields apart, which training puts together.
"""

import numpy as np

from starcnn.mocks.clusters import background_statistics, make_clusters
from starcnn.mocks.parameters import complete_parameters
from starcnn.mocks.setup import get_setup
from starcnn.mocks.simulator import make_truth

__all__ = ['encode_bank', 'simulate_bank']

# The largest pixel of a bank, electron/s.
_LARGEST = np.finfo(np.float16).max


def simulate_bank(parameters, options, rng):
    """
    Make images of clusters without background, and backgrounds.

    Parameters
    ----------
    parameters : `~astropy.table.QTable`
        One row per cluster, as for `simulate_clusters`.

    options : `ClusterOptions`
        How to observe.

    rng : `~numpy.random.Generator`
        The random numbers. Up to some dozens of neighbouring fields are cut
        from one simulated frame.

    Returns
    -------
    data : dict of `~numpy.ndarray`
        ``clusters`` and ``fields`` with shape (n, n_filter, ny, nx), float16;
        the median ``level`` and the ``scatter`` of the fields and the mean
        ``flux`` of the clusters (n, n_filter), all in electron/s.

    truth : `~astropy.table.QTable`
        One row per cluster; ``meta`` has ``BACKGRND``, the kind of background.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If a parameter is not what `simulate_clusters` takes, or a pixel is
        brighter than the largest number of half precision.
    """
    setup = get_setup(options)
    rows = complete_parameters(parameters, setup, rng)
    fields, density = setup.draw_backgrounds(len(rows), rng)
    clusters = make_clusters(rows, setup)
    level, scatter = background_statistics(fields, setup)
    data = {
        'clusters': _store(clusters.images, 'log_mass must be lower, or distance larger'),
        'fields': _store(
            fields,
            'mosaics must be fainter'
            if options.mosaics
            else 'density must be lower, or distance larger',
        ),
        'level': level.astype(np.float32),
        'scatter': scatter.astype(np.float32),
        'flux': clusters.flux.astype(np.float32),
    }
    return data, make_truth(rows, clusters, fields, density, setup)


def _store(images, remedy):
    """Return images in half precision, or say what must be other for them to fit."""
    with np.errstate(over='ignore'):
        stored = images.astype(np.float16)
    if np.isinf(stored).any():
        largest = abs(images).max()
        msg = f'{remedy}: a bank holds pixels up to {_LARGEST:g} electron/s, got {largest:.4g}'
        raise ValueError(msg)
    return stored


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
