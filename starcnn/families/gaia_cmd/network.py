# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The networks of Branco & Ferraz (2023) and the recipes of all four; imported only by training.

The layer sizes of the paper stand in figures that its text does not carry.
Those here are ours, and part of the recipe.
"""

import math
from functools import partial

import torch
from torch import nn

from starcnn.plugins import Recipe
from starcnn.train.likelihoods import mixture_nll

from .augment import augment_diagrams, augment_stars
from .set_network import SetNetwork
from .spec import ANN, CNN, MIXED, NAME, PARAMETERS, SET

__all__ = ['RECIPES', 'Ann', 'Cnn', 'Mixed']

# Middle and half width of the parameters, for outputs of order one: log age, A_V, log distance.
_OFFSET = (8.2, 1.4, 3.3)
_SCALE = (0.72, 0.85, 0.28)

# Middle and width of the three guesses.
_GUESS_OFFSET = (0.1, 1.0, 0.6)
_GUESS_SCALE = (0.15, 0.5, 0.6)


class _Guesses(nn.Module):
    """Standardise the three guesses; one that is not known becomes the middle, and says so."""

    def __init__(self):
        super().__init__()
        self.register_buffer('offset', torch.tensor(_GUESS_OFFSET))
        self.register_buffer('scale', torch.tensor(_GUESS_SCALE))

    def forward(self, guesses):
        missing = torch.isnan(guesses)
        values = torch.clamp((guesses - self.offset) / self.scale, -6, 6)
        distance = -torch.log10(torch.clamp(guesses[:, 2:] + 0.029, 0.08, 20.0))
        known = torch.where(missing, torch.zeros_like(values), values)
        distance = torch.where(missing[:, 2:], torch.zeros_like(distance), distance)
        return torch.cat([known, distance, missing.float()], dim=1)


N_GUESSES = 7


class _Point(nn.Module):
    """Means of the three parameters and their standard deviations, which do not depend on input."""

    def __init__(self, width):
        super().__init__()
        self.means = nn.Linear(width, len(PARAMETERS))
        self.register_buffer('offset', torch.tensor(_OFFSET))
        self.register_buffer('scale', torch.tensor(_SCALE))
        self.register_buffer('deviations', torch.ones(len(PARAMETERS)))

    def forward(self, features):
        means = self.offset + self.scale * self.means(features)
        deviations = self.deviations + torch.zeros_like(means)
        pairs = torch.stack([means, deviations], dim=-1)
        return tuple(pairs[:, i] for i in range(len(PARAMETERS)))


def _hidden(n_in, sizes, dropout):
    """Return the fully connected layers that the three networks share."""
    layers = []
    for n_out in sizes:
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
        n_in = n_out
    return nn.Sequential(*layers)


class Ann(nn.Module):
    """
    The network of Cantat-Gaudin et al. (2020): 410 cells of the diagram and three guesses.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        The spec of the network.

    hidden : tuple of int, optional
        The sizes of the hidden layers.

    dropout : float, optional
        The dropout after each hidden layer.
    """

    def __init__(self, spec, *, hidden=(256, 128, 64), dropout=0.3):
        super().__init__()
        self.guesses = _Guesses()
        n_cells = len(spec.inputs[0].columns)
        self.hidden = _hidden(n_cells + N_GUESSES, hidden, dropout)
        self.point = _Point(hidden[-1])

    def forward(self, histogram, guesses):
        """
        Return means and standard deviations, one tensor (n, 2) for each parameter.
        """
        cells = torch.sqrt(histogram) * math.sqrt(histogram.shape[1]) / 4
        return self.point(self.hidden(torch.cat([cells, self.guesses(guesses)], dim=1)))


class _Branch(nn.Module):
    """Convolutions over the picture, each shrinking it; stars are counted on a stretched scale."""

    def __init__(self, shape):
        super().__init__()
        layers, n_in = [], 3
        for n_out, kernel, stride in _CONVOLUTIONS:
            layers += [
                nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=1),
                nn.BatchNorm2d(n_out),
                nn.SiLU(),
            ]
            shape = tuple((n + 2 - kernel) // stride + 1 for n in shape)
            n_in = n_out
        self.layers = nn.Sequential(*layers)
        self.n_features = n_in * math.prod(shape)

    def forward(self, picture):
        stars = torch.log1p(picture)
        total = picture.sum(dim=(1, 2, 3), keepdim=True)
        scaled = torch.sqrt(picture / (total + 1e-3)) * 30
        count = torch.zeros_like(picture) + (torch.log1p(total) - 5) / 5
        return self.layers(torch.cat([stars, scaled, count], dim=1)).flatten(1)


# Features, size of the kernel and stride of each convolution; 180 pixels become 4.
_CONVOLUTIONS = ((16, 5, 3), (32, 3, 2), (48, 3, 2), (64, 3, 2), (96, 3, 2))


class Cnn(nn.Module):
    """
    Convolutions over the picture of the diagram alone.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        The spec of the network.

    hidden : tuple of int, optional
        The sizes of the hidden layers after the convolutions.

    dropout : float, optional
        The dropout after each hidden layer.
    """

    def __init__(self, spec, *, hidden=(128, 64), dropout=0.3):
        super().__init__()
        self.branch = _Branch(spec.inputs[0].shape)
        self.hidden = _hidden(self.branch.n_features, hidden, dropout)
        self.point = _Point(hidden[-1])

    def forward(self, picture):
        """
        Return means and standard deviations, one tensor (n, 2) for each parameter.
        """
        return self.point(self.hidden(self.branch(picture)))


class Mixed(nn.Module):
    """
    The mixed data model: convolutions over the picture beside a dense branch on the guesses.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        The spec of the network.

    hidden : tuple of int, optional
        The sizes of the hidden layers after the branches are joined.

    dropout : float, optional
        The dropout after each hidden layer.
    """

    def __init__(self, spec, *, hidden=(256, 128, 64), dropout=0.3):
        super().__init__()
        self.guesses = _Guesses()
        self.dense = nn.Sequential(
            nn.Linear(N_GUESSES, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU()
        )
        self.branch = _Branch(spec.inputs[0].shape)
        self.hidden = _hidden(self.branch.n_features + 32, hidden, dropout)
        self.point = _Point(hidden[-1])

    def forward(self, picture, guesses):
        """
        Return means and standard deviations, one tensor (n, 2) for each parameter.
        """
        dense = self.dense(self.guesses(guesses))
        return self.point(self.hidden(torch.cat([self.branch(picture), dense], dim=1)))


def point_loss(outputs, truth):
    """
    Return the mean error of the three parameters in units of their scale.

    It is half the square of errors below one and linear beyond (Huber 1964), so
    that a few labels that are far off do not rule the training; the paper has
    the mean squared error.

    Parameters
    ----------
    outputs : dict of `torch.Tensor` with shape (n, 2)
        Means and standard deviations by parameter.

    truth : dict of `torch.Tensor` with shape (n,)
        The values on the parameters' axes.

    Returns
    -------
    loss : `torch.Tensor`
        A scalar.
    """
    terms = [
        nn.functional.smooth_l1_loss(
            outputs[parameter.name][:, 0] / scale, truth[parameter.name] / scale, beta=1.0
        )
        for parameter, scale in zip(PARAMETERS, _SCALE, strict=True)
    ]
    return sum(terms) / len(terms)


def set_loss(outputs, truth):
    """
    Return the mean negative logarithm of the posterior density at the truth.

    Parameters
    ----------
    outputs : dict of `torch.Tensor`
        The mixture of the spec.

    truth : dict of `torch.Tensor` with shape (n,)
        The values on the parameters' axes.

    Returns
    -------
    loss : `torch.Tensor`
        A scalar.
    """
    values = torch.stack([truth[parameter.name] for parameter in PARAMETERS], dim=1)
    return mixture_nll(outputs['posterior'], values).mean()


_COMMON = {'name': NAME, 'task': 'estimator', 'batch_size': 64}


def _diagrams(variant, spec, network, *, epochs, n_mocks):
    """Return the recipe of a network that takes diagrams, which are drawn from stars."""
    names = tuple(part.name for part in spec.inputs)
    return Recipe(
        **_COMMON,
        variant=variant,
        spec=spec,
        network=network,
        loss=point_loss,
        augment=partial(augment_diagrams, names=names),
        bank_spec=SET,
        n_mocks=n_mocks,
        epochs=epochs,
    )


RECIPES = (
    Recipe(
        **_COMMON,
        variant='set',
        spec=SET,
        network=SetNetwork,
        loss=set_loss,
        augment=augment_stars,
        epochs=12,
        n_mocks=60_000,
    ),
    _diagrams('ann', ANN, Ann, epochs=8, n_mocks=60_000),
    _diagrams('cnn', CNN, Cnn, epochs=3, n_mocks=20_000),
    _diagrams('mixed', MIXED, Mixed, epochs=3, n_mocks=20_000),
)
