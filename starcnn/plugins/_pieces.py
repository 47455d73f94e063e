# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Run a network on many images, piece by piece, so that memory stays bounded.
"""

import numpy as np
from astropy.table import vstack

from starcnn.networks import _stacks
from starcnn.networks.parts import Images
from starcnn.networks.posterior import Posterior
from starcnn.plugins._manager import run_network

# How a posterior becomes one number per source.
POINTS = ('median', 'mode', 'unfold')


def predict_in_pieces(backend, network, data):
    """Return the table of results."""
    tables = [
        backend.decode(run_network(backend, network, piece), network.spec, piece)
        for piece in _stacks.split_stack(data)
    ]
    if len(tables) == 1:
        return tables[0]
    if 'id' not in getattr(data.meta.get('sources'), 'colnames', ()):  # counted in each piece
        n_before = 0
        for table in tables:
            table['id'] += n_before
            n_before += len(table)
    return vstack(tables, metadata_conflicts='silent')


def run_in_pieces(backend, network, data):
    """Return the outputs of the network."""
    pieces = list(_stacks.split_stack(data))
    if len(pieces) == 1:
        return run_network(backend, network, data)
    outputs = {
        part.name: np.empty((len(data.data), *part.dimensions[1:]), dtype=np.float32)
        for part in network.spec.outputs
    }
    at = 0
    for piece in pieces:
        for name, array in run_network(backend, network, piece).items():
            outputs[name][at : at + len(array)] = array
        at += len(piece.data)
    return outputs


def estimate_with_backgrounds(backend, network, data, backgrounds, *, n, point, rng):
    """Return estimates of the parameters with backgrounds added, (n_source, n) each."""
    data = check_arguments(network, data, backgrounds, n=n, point=point)
    images = _stacks.subtract_medians(backgrounds, data.unit)
    n_source = len(data.data)
    chosen = _choose(len(images), n, n_source, rng)
    estimates = {parameter.name: [] for parameter in network.spec.parameters}
    step = max(1, _stacks.PIECE // n)
    for at in range(0, n_source, step):
        rows = slice(at, at + step)
        stack = _stacks.add_images(data, rows, images[chosen[rows]])
        posterior = Posterior.from_outputs(run_network(backend, network, stack), network.spec)
        for name, values in estimates.items():
            values.append(getattr(posterior, point)(name).reshape(-1, n))
    return {name: np.concatenate(values) for name, values in estimates.items()}


def check_arguments(network, data, backgrounds, *, n, point):
    """Return the images as a stack, or raise where an argument is wrong."""
    if not all(isinstance(part, Images) for part in network.spec.inputs):
        kinds = [part.kind for part in network.spec.inputs]
        msg = f'weights must be of a network of images for backgrounds to be added, got {kinds}'
        raise ValueError(msg)
    if point not in POINTS:
        msg = f'point must be one of {list(POINTS)}, got {point!r}'
        raise ValueError(msg)
    if not isinstance(n, int) or n < 2:
        msg = f'n must be an integer of at least 2, got {n!r}'
        raise ValueError(msg)
    return _stacks.check_backgrounds(data, backgrounds)


def _choose(n_background, n, n_source, rng):
    """Return the backgrounds of each source, (n_source, n); none twice where there are enough."""
    if n > n_background:
        return rng.integers(n_background, size=(n_source, n))
    return np.array([rng.choice(n_background, n, replace=False) for _ in range(n_source)])
