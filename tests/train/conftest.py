# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A problem that a network learns in a second: two columns of stars to two parameters.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from starcnn.networks import Mixture, Parameter, Spec, Stars
from starcnn.plugins import Recipe


@pytest.fixture(autouse=True, scope='session')
def one_thread():
    """Small networks are faster in one thread, above all beside other work."""
    torch = pytest.importorskip('torch')
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope='session')
def stars_spec():
    """A set of stars in, a mixture for two parameters out."""
    return Spec(
        family='toy',
        variant='set',
        inputs=(
            Stars(
                name='stars',
                columns=('magnitude', 'colour'),
                units=('mag', 'mag'),
                bounds=((5, 20), (-1, 4)),
                n_max=32,
            ),
        ),
        outputs=(
            Mixture(
                name='posterior',
                parameters=(
                    Parameter(name='age', unit='yr', bounds=(6, 10), log=True),
                    Parameter(name='a_v', unit='mag', bounds=(0, 5)),
                ),
                n_components=3,
            ),
        ),
    )


@pytest.fixture(scope='session')
def stars_arrays():
    """Inputs and truth of 300 clusters of up to 32 stars; the sixth has none."""
    rng = np.random.default_rng(5)
    age = rng.uniform(6, 10, 300).astype(np.float32)
    a_v = rng.uniform(0, 5, 300).astype(np.float32)
    stars = np.full((300, 32, 2), np.nan, dtype=np.float32)
    for i, n_stars in enumerate(rng.integers(1, 33, 300)):
        stars[i, :n_stars, 0] = rng.normal(age[i] + 5, 0.5, n_stars)
        stars[i, :n_stars, 1] = rng.normal(a_v[i] / 2, 0.2, n_stars)
    stars[5] = np.nan
    stars[:20, 0, 1] = np.nan  # no colour
    return {'stars': stars}, {'age': age, 'a_v': a_v}


@pytest.fixture
def stars_bank(stars_arrays):
    """The clusters as a bank."""
    from starcnn.train import Bank

    return Bank.from_arrays(*stars_arrays, meta={'simulator': 'toy'})


@pytest.fixture
def stars_recipe(stars_spec):
    """Three epochs of a small network, with dropout and noise on the stars."""
    import torch

    from starcnn.train import mixture_nll

    def compute_loss(outputs, truth):
        wanted = torch.stack([truth['age'], truth['a_v']], dim=1)
        return mixture_nll(outputs['posterior'], wanted).mean()

    def augment(inputs, truth, generator):
        stars = inputs['stars']
        noise = torch.randn(stars.shape, generator=generator, device=stars.device)
        return {'stars': stars + 0.01 * noise}, truth

    return Recipe(
        name='toy',
        variant='set',
        task='estimator',
        spec=stars_spec,
        network=lambda spec: make_network(spec),
        loss=compute_loss,
        epochs=3,
        batch_size=32,
        learning_rate=3e-3,
        augment=augment,
    )


def make_network(spec):
    """Return a network that takes the mean over stars."""
    import torch
    from torch import nn

    from starcnn.train import MixtureHead, PreciseLinear, Standardize

    class SetNetwork(nn.Module):
        def __init__(self):
            super().__init__()
            self.standardize = Standardize.from_bounds(spec.inputs[0].bounds)
            self.first = PreciseLinear(4, 24)
            self.second = nn.Linear(24, 24)
            self.dropout = nn.Dropout(0.1)
            self.head = MixtureHead(24, 3, offset=(8, 2.5), scale=(2, 2.5))

        def forward(self, stars):
            x = self.standardize(stars)
            known = ~x.isnan()
            x = torch.cat([torch.where(known, x, 0.0), known.float()], dim=2)
            x = self.dropout(self.second(self.first(x).relu()).relu())
            weight = known.any(dim=2, keepdim=True).float()
            mean = (x * weight).sum(1) / weight.sum(1).clamp(min=1)
            return (self.head(mean),)

    return SetNetwork()


@pytest.fixture(scope='session')
def label_recipe():
    """A classifier of stamps in two filters that learns in a second: linear in 8 x 8 pixels."""
    import torch

    from starcnn.networks import Classes, Images
    from starcnn.train import TurnStamps

    images = Images(
        name='images',
        filters=('F438W', 'F814W'),
        shape=(16, 16),
        pixel_scale=0.04,
        unit='electron / s',
        sizes=(8, 40),
    )
    spec = Spec(
        family='toy',
        variant='linear',
        inputs=(images,),
        outputs=(Classes(name='class', labels=('round', 'long')),),
    )

    def compute_loss(outputs, truth):
        p = outputs['class'].gather(1, truth['class'][:, None])
        return -torch.log(p.clamp(min=1e-20)).mean()

    def encode(data, spec):
        part = spec.inputs[0]
        low = [(a - b) // 2 for a, b in zip(np.shape(data.data)[2:], part.shape, strict=True)]
        places = [slice(a, a + b) for a, b in zip(low, part.shape, strict=True)]
        return {part.name: np.asarray(data.data)[:, :, *places].astype(np.float32)}

    return Recipe(
        name='toy',
        variant='linear',
        task='classifier',
        spec=spec,
        network=make_linear_classifier,
        loss=compute_loss,
        epochs=6,
        batch_size=16,
        learning_rate=0.1,
        mean_decay=0.9,
        n_mocks=160,
        augment=TurnStamps(shape=(16, 16), any_angle=0.0),
        bank_spec=replace(spec, inputs=(replace(images, name='stamps'),)),
        bank_encode=encode,
    )


def make_linear_classifier(spec, *, size=8):
    """Return a network that is linear in the scaled pixels, and in their squares."""
    from torch import nn

    from starcnn.train import ScaleStamps

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = ScaleStamps(size)
            n = size**2 * len(spec.inputs[0].filters)
            self.linear = nn.Linear(n, len(spec.outputs[0].labels))

        def forward(self, images):
            return (self.linear(self.scale(images).flatten(1)).softmax(dim=1),)

    return Linear()


@pytest.fixture(scope='session')
def labelled_stamps():
    """Sixty stamps of ten galaxies: round sources, and sources with a ring, 24 pixels wide."""
    from astropy.nddata import NDData

    rng = np.random.default_rng(8)
    y, x = np.mgrid[:24, :24] - 11.5
    labels = np.array(['round', 'long'] * 30)
    radius = np.hypot(x, y)
    shapes = {'round': np.exp(-((radius / 2) ** 2)), 'long': np.exp(-((radius - 6) ** 2) / 4)}
    images = np.stack([np.stack([shapes[label]] * 2) for label in labels])
    images = images * rng.uniform(5, 50, (60, 1, 1, 1)) + rng.normal(0, 0.3, images.shape)
    meta = {'filters': ('F438W', 'F814W'), 'pixel_scale': 0.04 * u.arcsec}
    return NDData(images, unit='electron / s', meta=meta), labels, np.repeat(np.arange(10), 6)
