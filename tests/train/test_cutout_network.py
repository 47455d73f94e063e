# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.cutout_network.
"""

import copy

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.networks import Classes, Grid, Images, Network, Parameter, Spec
from starcnn.train import CutoutNetwork, export
from starcnn.train.cutout_network import _asinh

pytestmark = pytest.mark.training

SHAPE = (40, 40)
IMAGES = Images(
    name='images', filters=('U', 'B', 'I'), shape=SHAPE, pixel_scale=0.04, unit='electron / s'
)


def make_parameter(name, n):
    """Return a parameter with a grid."""
    return Parameter(name=name, unit='', bounds=(0, n), grid=tuple(i + 0.5 for i in range(n)))


A_B_C = {'a': 4, 'b': 3, 'c': 5}
THREE = Grid(name='three', parameters=tuple(make_parameter(*item) for item in A_B_C.items()))
TWO = Grid(name='two', parameters=(make_parameter('d', 2), make_parameter('e', 6)))
OUTPUTS = (THREE, TWO, make_parameter('f', 7), Classes(name='class', labels=('no', 'yes')))
SPEC = Spec(family='toy', variant='cutouts', inputs=(IMAGES,), outputs=OUTPUTS)


@pytest.fixture(scope='module')
def network():
    """The network, with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return CutoutNetwork(SPEC, softening=0.01).eval()


@pytest.fixture(scope='module')
def images():
    """Images of round clusters on noise, of different light in each filter."""
    rng = np.random.default_rng(1)
    y, x = np.indices(SHAPE) - (SHAPE[0] - 1) / 2
    light = rng.uniform(0.1, 3, (4, 3, 1, 1)) * np.exp(-np.hypot(x, y) / 3)
    noise = rng.normal(0.02, 0.01, (4, 3, *SHAPE))
    return torch.from_numpy((light + noise).astype(np.float32))


def run(network, images):
    """Return the outputs."""
    with torch.no_grad():
        return network(images)


def test_outputs(network, images):
    """All outputs are probabilities, of the shapes of the spec, in its order."""
    for part, output in zip(OUTPUTS, run(network, images), strict=True):
        assert tuple(output.shape[1:]) == part.dimensions[1:]
        assert (output >= 0).all()
        torch.testing.assert_close(output.flatten(1).sum(dim=1), torch.ones(4))


def test_grid_of_three_is_made_of_pairs(network, images):
    """The joint probability of three parameters has functions of two, and none of all three."""
    logs = run(network, images)[0].log()
    for axis in (1, 2, 3):
        logs = logs - logs.mean(dim=axis, keepdim=True)
    assert logs.abs().max() < 1e-5
    logs = run(network, images)[0].log()
    for other in (1, 2, 3):
        pair = logs.mean(dim=other)
        for axis in (1, 2):
            pair = pair - pair.mean(dim=axis, keepdim=True)
        assert pair.abs().max() > 1e-3


def test_other_outputs_are_refused():
    """A parameter without a grid is not for this network."""
    parameter = Parameter(name='age', unit='yr', bounds=(6, 10), log=True)
    spec = Spec(family='toy', variant='cutouts', inputs=(IMAGES,), outputs=(parameter,))
    with pytest.raises(ValueError, match='spec must have outputs with grids or classes, got Para'):
        CutoutNetwork(spec, softening=0.01)


def test_fluxes_matter(network, images):
    """A cluster of ten times the light is another cluster."""
    one, ten = run(network, images)[0], run(network, 10 * images)[0]
    assert (one - ten).abs().max() > 1e-3 * one.max()


def test_asinh():
    """The stretch is asinh, to the digits of float32."""
    x = torch.cat([-torch.logspace(-6, 8, 99), torch.zeros(1), torch.logspace(-6, 8, 99)])
    torch.testing.assert_close(_asinh(x), torch.asinh(x.double()).float(), rtol=1e-6, atol=3e-7)


def test_softening(images):
    """The first layers see all in units of the softening, and beside it in those of the noise."""
    seen = []
    for factor in (1, 10):
        network = CutoutNetwork(SPEC, softening=0.01 * factor).eval()
        for layer in (network.convolutions, network.ring_layers):
            layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
        run(network, factor * images)
    torch.testing.assert_close(seen[0], seen[2], rtol=1e-3, atol=1e-3)
    # the scatter in a ring of one pixel is rounding
    torch.testing.assert_close(seen[1], seen[3], rtol=1e-3, atol=0.01)
    assert seen[0].abs().max() > 0.5


def test_level_does_not_matter(network, images):
    """The sky is found and taken away."""
    for one, two in zip(run(network, images), run(network, images + 0.02), strict=True):
        torch.testing.assert_close(one, two, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize('gone', [(0,), (2,), (0, 1), (1, 2)])
def test_missing_filters(network, images, gone):
    """A filter that is NaN gives numbers, and others than one that is dark."""
    missing = images.clone()
    missing[:, gone] = torch.nan
    outputs = run(network, missing)
    assert all(output.isfinite().all() for output in outputs)
    dark = images.clone()
    dark[:, gone] = 0
    assert (outputs[0] - run(network, dark)[0]).abs().max() > 0
    # what is in a filter of which one pixel is unknown does not matter
    part = 5 * images
    part[:, gone, 0, 0] = torch.nan
    known = [k for k in range(3) if k not in gone]
    part[:, known] = images[:, known]
    torch.testing.assert_close(run(network, part)[0], outputs[0])


def test_temperatures(network, images):
    """The logits are divided by the temperature of the output and of the filters there are."""
    missing = images.clone()
    missing[0, 0] = missing[1, 1:] = missing[2] = torch.nan
    before = run(network, missing)
    hot = copy.deepcopy(network)
    # U alone is set 1, B and I set 6, all of them set 7
    hot.temperatures[0, 6], hot.temperatures[0, 1], hot.temperatures[2, 7] = 0.5, 2.0, 0.1
    after = run(hot, missing)
    wanted = torch.ones(4, 4)
    wanted[0, :2], wanted[2, 3] = torch.tensor([0.5, 2.0]), 0.1
    for k in range(4):
        for i in range(4):
            scaled = (before[k][i].log() / wanted[k, i]).flatten().softmax(dim=0)
            torch.testing.assert_close(after[k][i].flatten(), scaled, rtol=1e-4, atol=1e-6)
    assert (after[0][0] - before[0][0]).abs().max() > 0.01 * before[0].max()


def test_temperatures_are_not_trained(network):
    """Temperatures are a part of the state, not of what the optimiser changes."""
    assert (network.temperatures == torch.ones(4, 8)).all()
    assert 'temperatures' in network.state_dict()
    assert 'temperatures' not in dict(network.named_parameters())


def test_rows_do_not_mix(network, images):
    """What is beside an image in a batch does not matter."""
    beside = images.clone()
    beside[1:] = torch.nan
    torch.testing.assert_close(run(network, beside)[0][0], run(network, images)[0][0])


def test_extremes(network):
    """Darkness, very bright pixels and negative ones give numbers."""
    y, x = np.indices(SHAPE) - 19.5
    star = np.exp(-(x**2 + y**2) / 4).astype(np.float32)
    images = torch.zeros(4, 3, *SHAPE)
    images[1] = torch.from_numpy(1e5 * star)
    images[2] = -10
    images[3] = 1e5
    assert all(output.isfinite().all() for output in run(network, images))


@pytest.mark.parametrize('shape', [(64, 64), (41, 30), (7, 9)])
def test_rings(shape):
    """Rings share the pixels: each is in one ring, with a weight that makes a mean."""
    spec = Spec(
        family='toy',
        variant='cutouts',
        inputs=(Images(name='x', filters=('U',), shape=shape, pixel_scale=None, unit=''),),
        outputs=(TWO,),
    )
    rings = CutoutNetwork(spec, softening=1.0).rings
    assert rings.shape[0] == shape[0] * shape[1]
    assert ((rings > 0).sum(dim=1) == 1).all()
    torch.testing.assert_close(rings.sum(dim=0), torch.ones(rings.shape[1]))


@pytest.mark.slow
def test_export(network, images, tmp_path):
    """The file says what torch says, whatever filters are missing, each at its temperature."""
    path = tmp_path / 'cutouts.onnx'
    given = np.resize(images.numpy(), (8, *images.shape[1:]))
    for row in range(8):
        given[row, [k for k in range(3) if not row >> k & 1]] = np.nan
    network = copy.deepcopy(network)
    network.temperatures[:] = torch.linspace(0.4, 1.6, 32).reshape(4, 8)
    export(network, SPEC, path, training={}, examples={'images': given}, half=True)
    found = Network(path).run({'images': given})
    for part, wanted in zip(OUTPUTS, run(network, torch.from_numpy(given)), strict=True):
        np.testing.assert_allclose(found[part.name], wanted, rtol=5e-3, atol=1e-4)
