# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Write the network: the weighted mean of the parallaxes, turned into a distance.

A trained network takes this place in a real family. What counts is that the
file holds its own spec, and that physical values go in and come out.
"""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from starcnn_double.spec import SPEC

from starcnn.files import DataFile, compute_sha256, to_toml

PACKAGE = Path(__file__).parent / 'starcnn_double'
TAG = 'mean-1.0.0'

# (operator, inputs, output); w = 1 / error^2, and 0 where there is no star.
STEPS = [
    ('Split', ['stars'], ['parallax', 'error']),
    ('IsNaN', ['parallax'], ['missing']),
    ('Where', ['missing', 'zero', 'parallax'], ['p']),
    ('Where', ['missing', 'one', 'error'], ['e']),
    ('Mul', ['e', 'e'], ['variance']),
    ('Div', ['one', 'variance'], ['weight']),
    ('Where', ['missing', 'zero', 'weight'], ['w']),
    ('Mul', ['w', 'p'], ['wp']),
    ('ReduceSum', ['wp', 'axes'], ['sum_wp']),
    ('ReduceSum', ['w', 'axes'], ['sum_w']),
    ('Div', ['sum_wp', 'sum_w'], ['mean']),
    ('Div', ['one', 'mean'], ['kpc']),
    ('Log', ['kpc'], ['log']),
    ('Mul', ['log', 'to_dex'], ['dex']),
    ('Add', ['dex', 'three'], ['log_distance']),
    ('Sqrt', ['sum_w'], ['root']),
    ('Mul', ['mean', 'root'], ['signal_to_noise']),
    ('Div', ['to_dex', 'signal_to_noise'], ['width']),
    ('Concat', ['log_distance', 'width'], ['distance']),
]
ATTRIBUTES = {
    'Split': {'axis': 2, 'num_outputs': 2},
    'ReduceSum': {'keepdims': 0},
    'Concat': {'axis': 1},
}


def main():
    """
    Write the file and the list that names it.
    """
    constants = {
        'zero': np.float32(0),
        'one': np.float32(1),
        'three': np.float32(3),  # log10 of parsecs per kiloparsec
        'to_dex': np.float32(1 / np.log(10)),
        'axes': np.array([1], dtype=np.int64),
    }
    (stars,), (distance,) = SPEC.inputs, SPEC.outputs
    graph = helper.make_graph(
        [
            helper.make_node(kind, inputs, outputs, **ATTRIBUTES.get(kind, {}))
            for kind, inputs, outputs in STEPS
        ],
        'distance',
        [helper.make_tensor_value_info(stars.name, TensorProto.FLOAT, ['n', 'n_star', 2])],
        [helper.make_tensor_value_info(distance.name, TensorProto.FLOAT, ['n', 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    training = {'recipe': 'a formula', 'data': 'none'}
    helper.set_model_props(
        model, {'starcnn_spec': SPEC.to_json(), 'starcnn_training': json.dumps(training)}
    )
    checker.check_model(model, full_check=True)
    path = PACKAGE / 'data' / f'{TAG}.onnx'
    path.write_bytes(model.SerializeToString(deterministic=True))
    file = DataFile(
        tag=TAG,
        file=path.name,
        sha256=compute_sha256(path),
        size=path.stat().st_size,
        license='BSD-3-Clause',
    )
    (PACKAGE / 'files.toml').write_text(to_toml(file, 'estimator'), encoding='utf-8')


if __name__ == '__main__':
    main()
