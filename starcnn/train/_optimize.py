# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Optimisers, learning rates, and running means of weights.
"""

import math

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

_OPTIMIZERS = {'adamw': torch.optim.AdamW, 'adam': torch.optim.Adam}

# What batch norms have learnt of the data, which is averaged as the weights are.
_STATISTICS = ('running_mean', 'running_var')


def make_optimizer(network, recipe):
    """
    Return the optimiser; biases and norms do not decay.
    """
    groups = {True: [], False: []}
    for parameter in network.parameters():
        groups[parameter.ndim > 1].append(parameter)
    return _OPTIMIZERS[recipe.optimizer](
        [
            {'params': groups[True], 'weight_decay': recipe.weight_decay},
            {'params': groups[False], 'weight_decay': 0.0},
        ],
        lr=recipe.learning_rate,
        fused=True,
    )


def restore_optimizer(optimizer, state):
    """
    Give an optimiser its state, laid out in memory as the weights are.
    """
    optimizer.load_state_dict(state)
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def learning_rate(recipe, n_done, n_total):
    """
    Return the learning rate after some of all steps.
    """
    n_warm = max(1, round(recipe.warm_up * n_total)) if recipe.warm_up else 0
    if n_done < n_warm:
        return recipe.learning_rate * (n_done + 1) / n_warm
    if recipe.schedule == 'halving':
        return recipe.learning_rate * 0.5 ** (n_done * recipe.epochs // n_total)
    phase = (n_done - n_warm) / max(1, n_total - n_warm)
    last = recipe.final_learning_rate
    if recipe.schedule == 'exponential':
        return recipe.learning_rate * last**phase
    return recipe.learning_rate * (last + (1 - last) * (1 + math.cos(math.pi * phase)) / 2)


@torch.no_grad()
def update_mean(mean, network, n_done, *, decay):
    """
    Move the running mean of weights and batch norms towards a network, and copy other buffers.
    """
    # a short memory at first, when the weights change most
    decay = min(decay, (1 + n_done) / (10 + n_done))
    means, lasts = list(mean.parameters()), list(network.parameters())
    for (name, old), new in zip(mean.named_buffers(), network.buffers(), strict=True):
        if name.endswith(_STATISTICS):
            means.append(old)
            lasts.append(new)
        else:
            old.copy_(new)
    get_ema_multi_avg_fn(decay)(means, lasts, n_done)
