# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A toy network for the trainer, and how to train it; needs torch.
"""

import torch

from starcnn.plugins import Recipe

from .spec import SPECS


class Dense(torch.nn.Module):
    """
    Two fluxes to mean and standard deviation of two logarithms.
    """

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 4)

    def forward(self, images):
        """
        Return the outputs of the spec, in order.
        """
        x = torch.log10(images.sum((2, 3)).abs() + 1e-6)
        mean, width = self.layer(x).chunk(2, dim=1)
        width = torch.nn.functional.softplus(width) + 1e-3
        return tuple(torch.stack([mean[:, k], width[:, k]], dim=1) for k in range(2))


def loss(outputs, truth):
    """
    Return the mean negative log likelihood.
    """
    total = 0
    for name, output in outputs.items():
        mean, width = output.unbind(1)
        x = truth[name].reshape(mean.shape)
        total = total + (0.5 * ((x - mean) / width) ** 2 + width.log()).mean()
    return total


RECIPE = Recipe(
    name='toy',
    variant='normal',
    task='estimator',
    spec=SPECS['estimator'][0],
    network=lambda spec: Dense(),
    loss=loss,
    epochs=2,
    batch_size=16,
    n_mocks=64,
)
