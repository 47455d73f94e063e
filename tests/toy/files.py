# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Write the toy networks: ONNX graphs put together by hand.
"""

import json

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from starcnn.files import DataFile, compute_sha256

from .spec import AGE_GRID, MASS_GRID, SPECS

MASS_TO_LIGHT = 2.0
WIDTH = 0.1  # dex


def write_files(folder):
    """
    Write all networks to a folder and return their records by task.
    """
    return {
        task: tuple(write_file(folder, spec, _GRAPHS[spec.variant]) for spec in specs)
        for task, specs in SPECS.items()
    }


def write_file(folder, spec, graph, *, version='1.0.0'):
    """
    Write one network and return its record.
    """
    nodes, constants = graph
    tensors = [
        [
            helper.make_tensor_value_info(
                part.name, TensorProto.FLOAT, [size or 'n' for size in part.dimensions]
            )
            for part in parts
        ]
        for parts in (spec.inputs, spec.outputs)
    ]
    initializers = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    ]
    model = helper.make_model(
        helper.make_graph(nodes, spec.variant, *tensors, initializers),
        opset_imports=[helper.make_opsetid('', 18)],
        ir_version=9,
    )
    helper.set_model_props(
        model,
        {'starcnn_spec': spec.to_json(), 'starcnn_training': json.dumps({'recipe': 'by hand'})},
    )
    tag = f'{spec.variant}-{version}'
    path = folder / f'toy_{tag}.onnx'
    path.write_bytes(model.SerializeToString(deterministic=True))
    return DataFile(tag=tag, file=path.name, sha256=compute_sha256(path), size=path.stat().st_size)


def _float(value):
    return np.array(value, dtype=np.float32)


def _log_fluxes():
    """Return the nodes from images to the logarithms 'x' of age and mass."""
    nodes = [
        helper.make_node('ReduceSum', ['images', 'axes'], ['sum'], keepdims=0),
        helper.make_node('Abs', ['sum'], ['size']),
        helper.make_node('Add', ['size', 'tiny'], ['flux']),
        helper.make_node('Log', ['flux'], ['log']),
        helper.make_node('Gemm', ['log', 'matrix', 'offset'], ['x']),
    ]
    # log t = 7 + 2 (log f2 - log f1), log m = 2 + log f1
    constants = {
        'axes': np.array([2, 3]),
        'tiny': _float(1e-6),
        'matrix': _float([[-2, 1], [2, 0]]) / _float(np.log(10)),
        'offset': _float([7, 2]),
    }
    return nodes, constants


def _normal():
    nodes, constants = _log_fluxes()
    nodes += [
        helper.make_node('Split', ['x'], ['mean_age', 'mean_mass'], axis=1, num_outputs=2),
    ]
    for name in ('age', 'mass'):
        nodes += [
            helper.make_node('Mul', [f'mean_{name}', 'zero'], [f'zero_{name}']),
            helper.make_node('Add', [f'zero_{name}', 'width'], [f'width_{name}']),
            helper.make_node('Concat', [f'mean_{name}', f'width_{name}'], [name], axis=1),
        ]
    return nodes, constants | {'zero': _float(0), 'width': _float(WIDTH)}


def _grid():
    nodes, constants = _log_fluxes()
    nodes += [
        helper.make_node('Split', ['x'], ['mean_age', 'mean_mass'], axis=1, num_outputs=2),
    ]
    for name, parameter in (('age', AGE_GRID), ('mass', MASS_GRID)):
        nodes += [
            helper.make_node('Sub', [f'mean_{name}', f'grid_{name}'], [f'd_{name}']),
            helper.make_node('Mul', [f'd_{name}', f'd_{name}'], [f'd2_{name}']),
            helper.make_node('Mul', [f'd2_{name}', 'scale'], [f'logit_{name}']),
            helper.make_node('Softmax', [f'logit_{name}'], [f'prob_{name}'], axis=1),
            helper.make_node('Unsqueeze', [f'prob_{name}', f'at_{name}'], [f'p_{name}']),
        ]
        constants[f'grid_{name}'] = _float([parameter.grid])
    nodes.append(helper.make_node('Mul', ['p_age', 'p_mass'], ['joint']))
    constants |= {'scale': _float(-8), 'at_age': np.array([2]), 'at_mass': np.array([1])}
    return nodes, constants


def _mixture():
    nodes, constants = _log_fluxes()
    nodes += [
        helper.make_node('Split', ['x'], ['mean_age', 'mean_mass'], axis=1, num_outputs=2),
        helper.make_node('Mul', ['mean_age', 'zero'], ['nil']),
        helper.make_node('Add', ['nil', 'weight'], ['one']),
        helper.make_node('Add', ['nil', 'cholesky'], ['factor']),
        helper.make_node('Concat', ['one', 'x', 'factor'], ['flat'], axis=1),
        helper.make_node('Unsqueeze', ['flat', 'at'], ['joint']),
    ]
    constants |= {
        'zero': _float(0),
        'weight': _float([[1]]),
        'cholesky': _float([[WIDTH, 0.05, WIDTH]]),
        'at': np.array([1]),
    }
    return nodes, constants


def _dense():
    nodes, constants = _log_fluxes()
    nodes += [
        helper.make_node('Gemm', ['x', 'weight', 'bias'], ['logit']),
        helper.make_node('Softmax', ['logit'], ['class'], axis=1),
    ]
    # massive sources are clusters, those below a thousand suns are stars
    return nodes, constants | {'weight': _float([[0, 0], [4, -4]]), 'bias': _float([-12, 12])}


def _scale():
    nodes = [
        helper.make_node('Mul', ['luminosity', 'ratio'], ['scaled']),
        helper.make_node('Squeeze', ['scaled', 'axis'], ['mass']),
    ]
    return nodes, {'ratio': _float(MASS_TO_LIGHT), 'axis': np.array([1])}


_GRAPHS = {
    'normal': _normal(),
    'grid': _grid(),
    'mixture': _mixture(),
    'dense': _dense(),
    'scale': _scale(),
}
