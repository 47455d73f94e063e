# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Small ONNX files, built by hand, for the tests of the networks.
"""

import numpy as np
import pytest

from starcnn.networks import (
    Classes,
    Features,
    Grid,
    Images,
    Mixture,
    Parameter,
    Spec,
    Stars,
)

AGE = Parameter(name='age', unit='yr', bounds=(6.0, 10.0), log=True)
A_V = Parameter(name='a_v', unit='mag', bounds=(0.0, 3.0))


def _spec(variant, inputs, outputs):
    return Spec(family='toy', variant=variant, inputs=inputs, outputs=outputs)


FEATURES = Features(name='x', columns=tuple('abcdefg'), units=('',) * 7, bounds=((0.0, 1.0),) * 7)
IMAGES = Images(
    name='image', filters=('F1', 'F2', 'F3'), shape=(9, 11), pixel_scale=0.04, unit='electron / s'
)
STARS = Stars(
    name='stars',
    columns=('g', 'c', 'p'),
    units=('mag', 'mag', 'mas'),
    bounds=((0.0, 20.0), (-1.0, 4.0), (0.0, 10.0)),
    n_max=64,
)

MIXTURE = Mixture(name='posterior', parameters=(AGE, A_V), n_components=1)

SPECS = {
    'dense': _spec('dense', (FEATURES,), (Classes(name='class', labels=tuple('vwxyz')),)),
    'cnn': _spec('cnn', (IMAGES,), (Classes(name='class', labels=tuple('vwxyz')),)),
    'set': _spec('set', (STARS,), (MIXTURE,)),
}


@pytest.fixture
def rng():
    """A generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture
def specs():
    """Specs of three small networks."""
    return SPECS


@pytest.fixture
def joint_spec():
    """A spec whose outputs are a joint grid, a mixture and two single parameters."""
    ages = tuple(np.linspace(6, 10, 9).tolist())
    return _spec(
        'joint',
        (FEATURES,),
        (
            Grid(
                name='joint',
                parameters=(
                    Parameter(name='age', unit='yr', bounds=(6.0, 10.0), log=True, grid=ages),
                    Parameter(name='a_v', unit='mag', bounds=(0.0, 3.0), grid=(0.5, 1.5, 2.5)),
                ),
            ),
            Mixture(
                name='mixture',
                n_components=3,
                parameters=(
                    Parameter(name='distance', unit='pc', bounds=(2.0, 4.0), log=True),
                    Parameter(name='feh', unit='', bounds=(-1.0, 0.5)),
                ),
            ),
            Parameter(name='mass', unit='solMass', bounds=(2.0, 5.0), log=True),
            Parameter(name='r_h', unit='arcsec', bounds=(0.0, 1.0), grid=(0.0, 0.3, 1.0)),
        ),
    )


def _initializers(onnx, rng, shapes):
    return [
        onnx.numpy_helper.from_array((rng.normal(size=shape) / 3).astype(np.float32), name)
        for name, shape in shapes.items()
    ]


def _dense(onnx, rng):
    node = onnx.helper.make_node
    nodes = [
        node('Gemm', ['x', 'w0', 'b0'], ['h0']),
        node('Softplus', ['h0'], ['h1']),  # rounds odd ends of arrays differently
        node('MatMul', ['h1', 'w1'], ['h2']),
        node('Softmax', ['h2'], ['class']),
    ]
    return nodes, _initializers(onnx, rng, {'w0': (7, 33), 'b0': (33,), 'w1': (33, 5)})


def _cnn(onnx, rng):
    node = onnx.helper.make_node
    nodes = [
        node('Asinh', ['image'], ['h0']),
        node('Conv', ['h0', 'w0', 'b0'], ['h1'], pads=[1] * 4),
        node('Softplus', ['h1'], ['h2']),
        node('GlobalAveragePool', ['h2'], ['h3']),
        node('Flatten', ['h3'], ['h4']),
        node('Gemm', ['h4', 'w1', 'b1'], ['h5']),
        node('Softmax', ['h5'], ['class']),
    ]
    shapes = {'w0': (13, 3, 3, 3), 'b0': (13,), 'w1': (13, 5), 'b1': (5,)}
    return nodes, _initializers(onnx, rng, shapes)


def _set(onnx, rng):
    node = onnx.helper.make_node
    constants = {
        'zero': np.float32(0),
        'axis': np.int64([1]),
        'factor': np.float32([[[0, 1, 1, 0, 1, 0]]]),
        'shift': np.float32([[[1, 6, 0, 0.1, 0, 0.2]]]),
    }
    nodes = [
        node('IsNaN', ['stars'], ['isnan']),
        node('Where', ['isnan', 'zero', 'stars'], ['known']),
        node('MatMul', ['known', 'w0'], ['h0']),
        node('Softplus', ['h0'], ['h1']),
        node('ReduceMean', ['h1', 'axis'], ['h2'], keepdims=1),
        node('MatMul', ['h2', 'w1'], ['h3']),
        node('Softplus', ['h3'], ['h4']),
        # the weight and the deviations are constant; means and correlation vary
        node('Mul', ['h4', 'factor'], ['h5']),
        node('Add', ['h5', 'shift'], ['posterior']),
    ]
    return nodes, [
        *_initializers(onnx, rng, {'w0': (3, 33), 'w1': (33, 6)}),
        *(onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()),
    ]


GRAPHS = {'dense': _dense, 'cnn': _cnn, 'set': _set}


@pytest.fixture
def make_model():
    """A function that makes the ONNX model of one of the specs."""
    onnx = pytest.importorskip('onnx')

    def make(variant, *, spec=None):
        spec = SPECS[variant] if spec is None else spec
        nodes, initializers = GRAPHS[variant](onnx, np.random.default_rng(1))
        sides = [
            [
                onnx.helper.make_tensor_value_info(
                    part.name,
                    onnx.TensorProto.FLOAT,
                    [f'n{k}' if size is None else size for k, size in enumerate(part.dimensions)],
                )
                for part in side
            ]
            for side in (SPECS[variant].inputs, SPECS[variant].outputs)
        ]
        model = onnx.helper.make_model(
            onnx.helper.make_graph(nodes, variant, *sides, initializers),
            opset_imports=[onnx.helper.make_opsetid('', 20)],
            ir_version=9,
        )
        metadata = {'starcnn_spec': spec.to_json(), 'starcnn_training': '{"seed": 1}'}
        onnx.helper.set_model_props(model, metadata)
        return model

    return make


@pytest.fixture
def write_model(tmp_path, make_model):
    """A function that writes the ONNX file of one of the specs."""

    def write(variant, *, change=None, spec=None):
        model = make_model(variant, spec=spec)
        if change is not None:
            change(model)
        path = tmp_path / f'{variant}.onnx'
        path.write_bytes(model.SerializeToString())
        return path

    return write


@pytest.fixture
def make_inputs(rng):
    """A function that makes inputs for one of the specs."""

    def make(variant, n_source):
        (part,) = SPECS[variant].inputs
        if variant != 'set':
            shape = (n_source, *part.dimensions[1:])
            return {part.name: rng.normal(size=shape).astype(np.float32)}
        stars = rng.normal(size=(n_source, 40, 3)).astype(np.float32)
        for source, n_star in zip(stars, rng.integers(0, 41, n_source), strict=True):
            source[n_star:] = np.nan
        stars[rng.random(stars.shape) < 0.05] = np.nan
        return {part.name: stars}

    return make
