# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What a training begins with: weights of ImageNet, of another network, or random ones.
"""

import sys
from pathlib import Path

import torch

from starcnn.files import read_files
from starcnn.plugins._manager import list_backends, open_file
from starcnn.train.pretrained import describe_start, read_start

__all__ = ['IMAGENET', 'RANDOM', 'make_start']

IMAGENET, RANDOM = 'imagenet', 'random'

# Stamps to which folded batch norms are fitted.
_N_STAMPS = 64


def make_start(recipe, bank, start, *, seed=0):
    """
    Return the weights that a training of a classifier begins with.

    Parameters
    ----------
    recipe : `~starcnn.plugins.Recipe`
        How to train. Its network has ``load_start(weights, images)``, and its
        ``augment`` has ``still``, as `starcnn.train.TurnStamps`.

    bank : `~starcnn.train.Bank`
        What it is trained on.

    start : str or `~pathlib.Path`
        'random'; 'imagenet', the weights that come with the family; or a file
        that `starcnn.train.read_start` reads.

    seed : int, optional
        Of the layers that are random.

    Returns
    -------
    initial : dict of `torch.Tensor` or `None`
        The ``state_dict``, for `starcnn.train.fit`; `None` for random weights,
        which that makes itself.

    description : dict
        For the provenance: ``start`` and, of a file, its name and SHA-256.

    Raises
    ------
    ValueError
        If there are no such weights, or they are of another architecture.
    """
    if str(start) == RANDOM:
        return None, {'start': RANDOM}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = recipe.network(recipe.spec)
    if not hasattr(network, 'load_start'):
        msg = f'start must be {RANDOM!r} for {recipe.variant!r}, got {str(start)!r}'
        raise ValueError(msg)
    path = _find_packaged(recipe, network) if str(start) == IMAGENET else Path(start)
    inputs, truth = bank.batch(range(min(_N_STAMPS, len(bank))))
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    images = recipe.augment.still(tensors, truth)[0][recipe.spec.inputs[0].name]
    network.load_start(read_start(path), images)
    return network.state_dict(), {
        'start': str(start) if str(start) == IMAGENET else 'file',
        **describe_start(path),
    }


def _find_packaged(recipe, network):
    """Return the file of ImageNet's weights that a family has for an architecture."""
    backend = list_backends('starcnn_classifiers').get(recipe.name)
    package = sys.modules[backend.encode.__module__].__package__ if backend else None
    for file in read_files(package, 'data') if package else ():
        if file.tag.startswith(f'{network.architecture}-'):
            return open_file(file)
    msg = (
        f'start must be {RANDOM!r} or the path of a state dict of {network.architecture}, whose '
        f'weights do not come with this package, got {IMAGENET!r}'
    )
    raise ValueError(msg)
