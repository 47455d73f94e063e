# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of looking into ONNX files without the onnx package.
"""

import numpy as np
import pytest

from starcnn.networks._onnx_reader import OPERATORS, read_contents


@pytest.mark.parametrize('variant', ['dense', 'cnn', 'set'])
def test_contents(make_model, specs, variant):
    """The reader finds what the onnx package finds."""
    model = make_model(variant)
    contents = read_contents(model.SerializeToString())
    assert contents.operators == {node.op_type for node in model.graph.node}
    assert contents.operators <= OPERATORS
    assert contents.opsets == {'': 20}
    assert contents.metadata['starcnn_spec'] == specs[variant].to_json()
    assert not contents.external
    assert not contents.extras


def test_nested(make_model):
    """External tensors, graphs and sparse tensors are found inside attributes."""
    model = make_model('dense')
    node = model.graph.node.add(op_type='Constant', output=['c'])
    tensor = node.attribute.add(name='value').t
    tensor.name = 'hidden'
    tensor.external_data.add(key='location', value='weights.bin')
    node.attribute.add(name='sparse_value').sparse_tensor.dims.append(3)
    node.attribute.add(name='body').g.name = 'body'
    model.graph.sparse_initializer.add().dims.append(3)
    model.training_info.add()
    contents = read_contents(model.SerializeToString())
    assert contents.external == {'hidden'}
    assert contents.extras == {'sparse tensors', 'subgraphs', 'training graphs'}


def test_domains(make_model):
    """The standard domain has two spellings; others are shown."""
    model = make_model('dense')
    model.graph.node[0].domain = 'ai.onnx'
    model.graph.node[1].domain = 'com.example'
    operators = read_contents(model.SerializeToString()).operators
    assert {'Gemm', 'com.example::Softplus'} < operators


def test_every_cut(make_model):
    """A file cut anywhere raises or lacks something, and nothing else happens."""
    model = make_model('dense')
    data = model.SerializeToString()
    whole = read_contents(data)
    messages = set()
    for size in range(0, len(data), 7):
        try:
            contents = read_contents(data[:size])
        except ValueError as error:
            messages.add(str(error)[:12])
        else:
            assert contents != whole
    assert messages == {'data must be'}


def test_noise():
    """Random bytes raise a clear error."""
    rng = np.random.default_rng(3)
    for size in (1, 10, 100, 1000):
        for _ in range(50):
            with pytest.raises(ValueError):  # noqa: PT011
                read_contents(rng.bytes(size))
