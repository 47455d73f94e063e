# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.export.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch')

import onnx
import torch

from starcnn.exceptions import DataFileError
from starcnn.files import to_toml
from starcnn.networks import Features, Grid, Images, Network, Parameter, Spec
from starcnn.train import (
    OPSET,
    AsinhStretch,
    GridHead,
    NormalHead,
    ResidualBlock,
    Standardize,
    export,
)

pytestmark = pytest.mark.training

SPEC = Spec(
    family='toy',
    variant='mixed',
    inputs=(
        Images(
            name='images', filters=('b', 'r'), shape=(8, 8), pixel_scale=0.05, unit='electron/s'
        ),
        Features(name='guesses', columns=('x',), units=('mag',), bounds=((0, 3),)),
    ),
    outputs=(
        Grid(
            name='joint',
            parameters=(
                Parameter(name='age', unit='yr', bounds=(6, 10), log=True, grid=(6, 7, 8, 9, 10)),
                Parameter(name='a_v', unit='mag', bounds=(0, 2), grid=(0, 1, 2)),
            ),
        ),
        Parameter(name='mass', unit='solMass', bounds=(2, 5), log=True),
    ),
)


class MixedNetwork(torch.nn.Module):
    """Images and features, through all the blocks, with answers that differ."""

    def __init__(self, norm):
        super().__init__()
        self.body = torch.nn.Sequential(
            AsinhStretch([0.1, 0.2]),
            ResidualBlock(2, 16, stride=2, norm=norm),
            ResidualBlock(16, 16, norm=norm),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
        )
        self.standardize = Standardize.from_bounds(SPEC.inputs[1].bounds)
        self.grid = GridHead(17, (5, 3))
        self.mass = NormalHead(17, offset=3.5, scale=1.5)

    def forward(self, images, guesses):
        """Return grid and mass."""
        x = torch.cat([30 * self.body(images), self.standardize(guesses)], dim=1)
        return self.grid(x), self.mass(x)


def make_network(norm='group'):
    """Return a network with fixed weights."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return MixedNetwork(norm)


@pytest.mark.parametrize('norm', ['group', 'batch'])
def test_export_gives_the_numbers_of_torch(norm, tmp_path):
    """The package reads spec, provenance and numbers back from the one file."""
    network = make_network(norm)
    path = tmp_path / 'mixed-1.0.0.onnx'
    file = export(network, SPEC, path, training={'seed': 1})
    assert network.training  # as it was
    data = path.read_bytes()
    assert (file.tag, file.file, file.size) == ('mixed-1.0.0', 'mixed-1.0.0.onnx', len(data))
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert to_toml(file, 'estimator').startswith('[[estimator]]\ntag = "mixed-1.0.0"')
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load_from_string(data)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [('', OPSET)]
    opened = Network(path)
    assert opened.spec == SPEC
    assert opened.training == {'seed': 1}
    rng = np.random.default_rng(2)
    inputs = {
        'images': rng.random((5, 2, 8, 8), dtype=np.float32),
        'guesses': rng.random((5, 1), dtype=np.float32),
    }
    with torch.no_grad():
        wanted = network.eval()(*map(torch.from_numpy, inputs.values()))
    for found, expected in zip(opened.run(inputs).values(), wanted, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5 * float(expected.abs().max()))


def test_export_twice_gives_equal_bytes(tmp_path):
    """The same network makes the same file."""
    files = [
        export(make_network(), SPEC, tmp_path / str(i) / 'a.onnx', training={'seed': 1}, half=True)
        for i in range(2)
    ]
    assert files[0] == files[1]
    other = export(make_network(), SPEC, tmp_path / 'a.onnx', training={'seed': 2}, half=True)
    assert other.sha256 != files[0].sha256


def test_file_has_no_trace_of_the_machine(tmp_path, stars_spec, stars_recipe):
    """Neither paths nor lines of code are left in the file."""
    path = tmp_path / 'set.onnx'
    export(stars_recipe.network(stars_spec), stars_spec, path, training={})
    model = onnx.load(path)
    assert not model.graph.value_info
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        assert not part.metadata_props
        assert not part.doc_string
    assert [entry.key for entry in model.metadata_props] == ['starcnn_spec', 'starcnn_training']
    data = path.read_bytes()
    for text in (Path.cwd(), Path.home(), tmp_path, sys.prefix, Path(__file__).name, 'torch/nn'):
        assert str(text).encode() not in data


def test_export_of_stars(tmp_path, stars_spec, stars_recipe, stars_bank):
    """The star axis is free, and examples with sources of no stars are compared as well."""
    examples, _ = stars_bank.batch(np.arange(12))
    path = tmp_path / 'set.onnx'
    network = stars_recipe.network(stars_spec)
    export(network, stars_spec, path, training={}, examples=examples)
    opened = Network(path)
    for n_stars in (1, 2, 32):
        found = opened.run({'stars': examples['stars'][:3, :n_stars]})
        assert found['posterior'].shape == (3, 3, 6)


def test_half(tmp_path):
    """Large arrays take half the place, and the numbers hardly change."""
    network = make_network()
    full = export(network, SPEC, tmp_path / 'full.onnx', training={})
    half = export(network, SPEC, tmp_path / 'half.onnx', training={}, half=True)
    assert half.size < 0.65 * full.size
    rng = np.random.default_rng(2)
    inputs = {
        'images': rng.random((64, 2, 8, 8), dtype=np.float32),
        'guesses': 3 * rng.random((64, 1), dtype=np.float32),
    }
    one, two = (Network(tmp_path / f'{name}.onnx').run(inputs) for name in ('full', 'half'))
    for name in one:
        scatter = one[name].std(axis=0).mean()
        assert 0 < np.sqrt(((one[name] - two[name]) ** 2).mean()) < 2e-3 * scatter


def test_half_refuses_to_change_the_answers(tmp_path):
    """Weights that float16 cannot hold are noticed, though a norm makes up for them."""
    network = make_network()
    with torch.no_grad():
        network.body[1].first.weight *= 1e6
    with pytest.raises(ValueError, match=r"network must give 'joint' .* to 0\.01 of"):
        export(network, SPEC, tmp_path / 'a.onnx', training={}, half=True)
    assert not list(tmp_path.iterdir())


def test_export_refuses_other_numbers(tmp_path, stars_spec, stars_recipe):
    """A network whose answer depends on the padding is not written."""
    network = stars_recipe.network(stars_spec)

    class Padded(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, stars):
            (output,) = self.network(stars)
            return (output + 1e-2 * stars.isnan().sum((1, 2))[:, None, None],)

    rng = np.random.default_rng(1)
    stars = rng.random((4, 9, 2), dtype=np.float32)
    stars[:2, 5:] = np.nan
    with pytest.raises(
        ValueError, match="network must give 'posterior' in onnxruntime as in torch"
    ):
        export(Padded(), stars_spec, tmp_path / 'a.onnx', training={}, examples={'stars': stars})
    assert not list(tmp_path.iterdir())


def test_export_refuses_other_shapes(tmp_path):
    """A network that does not return what its spec says is not written."""
    outputs = (
        SPEC.outputs[0],
        Parameter(name='mass', unit='solMass', bounds=(2, 5), grid=(2, 3, 4)),
    )
    spec = Spec(family='toy', variant='mixed', inputs=SPEC.inputs, outputs=outputs)
    with pytest.raises(DataFileError, match=r"'mass' of .* must be"):
        export(make_network(), spec, tmp_path / 'a.onnx', training={})
    assert not list(tmp_path.iterdir())


def test_export_needs_plain_values(tmp_path):
    """Provenance that JSON cannot hold is an error before anything is written."""
    with pytest.raises(ValueError, match='not JSON compliant'):
        export(make_network(), SPEC, tmp_path / 'a.onnx', training={'loss': np.nan})
