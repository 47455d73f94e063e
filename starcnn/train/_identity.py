# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What a training depends on, so that no other is taken for it.
"""

import hashlib
import json
from dataclasses import fields, is_dataclass

import torch

from starcnn.train.growing import GrowingBank

# Beside network and loss; provenance tells them as well.
_SETTINGS = """epochs batch_size learning_rate weight_decay optimizer schedule final_learning_rate
    warm_up mean_decay clip""".split()


def describe(training):
    """
    Return what must be equal for a training to go on, as JSON values.
    """
    recipe, initial = training.recipe, training.initial
    return {
        'recipe': training.name,
        'spec_sha256': hashlib.sha256(recipe.spec.to_json().encode()).hexdigest(),
        **{name: getattr(recipe, name) for name in _SETTINGS},
        'augment': _describe_augment(recipe.augment),
        'parts': training.n_parts,
        'seed': training.seed,
        'n_train': len(training.rows),
        'n_validation': len(training.held_rows),
        **describe_data(training),
        'initial_sha256': None if initial is None else _hash_weights(initial),
    }


def _describe_augment(augment):
    """Return the fields of a dataclass that are JSON values, or `None` for what is none."""
    if not is_dataclass(augment):
        return None
    values = {}
    for field in fields(augment):
        try:
            values[field.name] = json.loads(json.dumps(getattr(augment, field.name)))
        except TypeError:
            continue
    return values


def describe_data(training):
    """
    Return the hashes of the data, or of their beginning while they are made.
    """
    bank, held_out = training.bank, training.held_out if len(training.held_rows) else None
    if isinstance(bank, GrowingBank):
        return {'begin_sha256': bank.begin_sha256}
    return {
        'data_sha256': bank.sha256,
        'validation_sha256': None if held_out is None else held_out.sha256,
    }


def check_same(output, found, wanted):
    """
    Raise if a folder holds another training.
    """
    differ = {
        key: (found.get(key), wanted.get(key))
        for key in found | wanted
        if found.get(key) != wanted.get(key)
    }
    if differ:
        msg = f'output must be empty or hold this training, got other values in {output}: {differ}'
        raise ValueError(msg)


def name_device(device):
    """
    Return the name of a device, for provenance.
    """
    return torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type


def _hash_weights(weights):
    """Return the SHA-256 of a dictionary of tensors."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}\n'.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
