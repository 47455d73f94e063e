# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of opening and running ONNX files.
"""

import hashlib

import numpy as np
import onnxruntime
import pytest

from starcnn.exceptions import DataFileError
from starcnn.networks import Network, Parameter, Spec

VARIANTS = ('dense', 'cnn', 'set')


def _run(path, inputs, **options):
    (output,) = Network(path, **options).run(inputs).values()
    return output


def _equal(a, b):
    return a.shape == b.shape and (a.view(np.uint32) == b.view(np.uint32)).all()


class TestOpen:
    """
    What is opened and what is refused.
    """

    def test_attributes(self, write_model, specs):
        """The spec, the training and the hash are those of the file."""
        path = write_model('cnn')
        network = Network(path)
        assert network.spec == specs['cnn']
        assert network.training == {'seed': 1}
        assert network.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert repr(network) == '<Network toy/cnn on cpu: image[n, 3, 9, 11] -> class[n, 5]>'

    def test_sha256(self, write_model):
        """A file with another hash is refused."""
        path = write_model('cnn')
        Network(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        with pytest.raises(DataFileError, match=f'SHA-256 {"0" * 64}, got [0-9a-f]{{64}} for'):
            Network(path, sha256='0' * 64)

    def test_missing(self, tmp_path):
        """A file that is not there is refused."""
        with pytest.raises(DataFileError, match='path must be a file that can be read'):
            Network(tmp_path / 'none.onnx')

    def test_too_large(self, write_model):
        """A file above the limit is refused before it is parsed."""
        path = write_model('cnn')
        with pytest.raises(DataFileError, match='path must hold at most 100 bytes'):
            Network(path, max_size=100)

    def test_truncated(self, write_model):
        """A file that was cut short anywhere is refused."""
        path = write_model('dense')
        data = path.read_bytes()
        for size in (0, 1, 10, len(data) // 2, len(data) - 200, len(data) - 1):
            path.write_bytes(data[:size])
            with pytest.raises(DataFileError, match='path must be'):
                Network(path)

    def test_not_onnx(self, tmp_path):
        """A file of something else is refused."""
        path = tmp_path / 'table.onnx'
        path.write_text('id,age\n1,1e8\n')
        with pytest.raises(DataFileError, match='path must be a whole ONNX file'):
            Network(path)

    def test_external_data(self, write_model):
        """A file that keeps a tensor in another file is refused."""

        def change(model):
            tensor = model.graph.initializer[0]
            tensor.data_location = 1
            tensor.external_data.add(key='location', value='weights.bin')

        with pytest.raises(DataFileError, match=r"without external data, got \['w0'\]"):
            Network(write_model('dense', change=change))

    @pytest.mark.parametrize(
        ('operator', 'domain', 'name'),
        [
            ('Loop', '', 'Loop'),
            ('RandomNormal', '', 'RandomNormal'),
            ('Softmax', 'com.microsoft', 'com.microsoft::Softmax'),
        ],
    )
    def test_operators(self, write_model, operator, domain, name):
        """A file with an operator that is not allowed is refused."""

        def change(model):
            model.graph.node[-1].op_type = operator
            model.graph.node[-1].domain = domain

        with pytest.raises(DataFileError, match=rf"operators .* not allowed, got \['{name}'\]"):
            Network(write_model('dense', change=change))

    def test_functions(self, write_model):
        """A file with functions of its own is refused."""

        def change(model):
            model.functions.add(name='Softmax', domain='local')

        with pytest.raises(DataFileError, match=r"refused, got \['functions'\]"):
            Network(write_model('dense', change=change))

    def test_no_opset(self, write_model):
        """A file that does not state its opset is refused."""
        with pytest.raises(DataFileError, match='states its opset'):
            Network(write_model('dense', change=lambda model: model.ClearField('opset_import')))

    def test_invalid_graph(self, write_model):
        """A file that onnxruntime refuses is refused."""

        def change(model):
            model.graph.node[0].input[0] = 'nothing'

        with pytest.raises(DataFileError, match='path must be a network that onnxruntime can run'):
            Network(write_model('dense', change=change))

    @pytest.mark.parametrize(
        ('name', 'text', 'match'),
        [
            ('starcnn_spec', '{"schema": 2}', 'valid spec .* schema of a spec must be 1'),
            ('starcnn_spec', '{"schema": 1', 'valid spec .* text must be JSON'),
            ('starcnn_training', '[1]', 'starcnn_training must be a JSON object'),
            ('starcnn_training', '{', 'valid spec and training record'),
        ],
    )
    def test_metadata(self, write_model, name, text, match):
        """A file with an invalid spec or training record is refused."""

        def change(model):
            for entry in model.metadata_props:
                if entry.key == name:
                    entry.value = text

        with pytest.raises(DataFileError, match=match):
            Network(write_model('dense', change=change))

    def test_no_spec(self, write_model):
        """A file without a spec is refused."""
        with pytest.raises(DataFileError, match='must be an ONNX file with metadata starcnn_spec'):
            Network(write_model('dense', change=lambda model: model.ClearField('metadata_props')))

    def test_other_names(self, write_model, specs):
        """A file whose outputs have other names than in the spec is refused."""
        spec = specs['dense']
        other = Parameter(name='age', unit='yr', bounds=(6.0, 10.0), log=True)
        spec = Spec(family='toy', variant='dense', inputs=spec.inputs, outputs=(other,))
        with pytest.raises(DataFileError, match=r"outputs of .* \['age'\], got \['class'\]"):
            Network(write_model('dense', spec=spec))

    @pytest.mark.parametrize('size', [6, None])
    def test_other_shape(self, write_model, size):
        """A file whose input has another shape than in the spec is refused."""

        def change(model):
            dimension = model.graph.input[0].type.tensor_type.shape.dim[1]
            dimension.ClearField('dim_value')
            if size is None:
                dimension.dim_param = 'k'
            else:
                dimension.dim_value = size
                model.graph.initializer[0].dims[0] = size
                model.graph.initializer[0].raw_data = bytes(4 * size * 33)

        with pytest.raises(DataFileError, match=rf"'x' of .* \(None, 7\).* \(None, {size}\)"):
            Network(write_model('dense', change=change))

    def test_other_type(self, write_model):
        """A file whose tensors are not float32 is refused."""

        def change(model):
            model.graph.node[-1].output[0] = 'probability'
            model.graph.node.add(op_type='Cast', input=['probability'], output=['class'])
            model.graph.node[-1].attribute.add(name='to', type=2, i=11)
            model.graph.output[0].type.tensor_type.elem_type = 11

        with pytest.raises(DataFileError, match=r"'class' of .* got tensor\(double\)"):
            Network(write_model('dense', change=change))

    def test_device(self, write_model):
        """A device that is unknown or not there raises."""
        path = write_model('dense')
        with pytest.raises(ValueError, match=r"device must be one of \['cpu', 'cuda'\], got 'gpu'"):
            Network(path, device='gpu')
        if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
            with pytest.raises(ValueError, match=r"device must be 'cpu' as .* got 'cuda'"):
                Network(path, device='cuda')

    @pytest.mark.parametrize('name', ['batch_size', 'n_threads'])
    def test_counts(self, write_model, name):
        """Numbers of sources and of threads must be positive."""
        with pytest.raises(ValueError, match=f'{name} must be a positive integer, got 0'):
            Network(write_model('dense'), **{name: 0})


class TestRun:
    """
    The numbers, and what they do not depend on.
    """

    @pytest.mark.parametrize('variant', VARIANTS)
    def test_plain_onnxruntime(self, write_model, make_inputs, variant):
        """The numbers are those of plain onnxruntime."""
        path, inputs = write_model(variant), make_inputs(variant, 5)
        session = onnxruntime.InferenceSession(path.read_bytes())
        output = _run(path, inputs)
        for row in range(5):
            source = {name: array[row : row + 1] for name, array in inputs.items()}
            if variant == 'set':
                stars = source['stars']
                source['stars'] = stars[:, ~np.isnan(stars[0]).all(axis=1)]
            (expected,) = session.run(None, source)
            np.testing.assert_allclose(output[row : row + 1], expected, rtol=1e-6)

    @pytest.mark.parametrize('variant', VARIANTS)
    def test_same_bits(self, write_model, make_inputs, rng, variant):
        """Batch size, threads, order of rows and company change no bit."""
        path, inputs = write_model(variant), make_inputs(variant, 601)
        expected = _run(path, inputs, n_threads=1)
        assert np.isfinite(expected).all()
        assert _equal(expected, _run(path, inputs, n_threads=2))
        for batch_size in (1, 512):
            assert _equal(expected, _run(path, inputs, batch_size=batch_size))
        order = rng.permutation(601)
        shuffled = {name: array[order] for name, array in inputs.items()}
        assert _equal(expected[order], _run(path, shuffled))
        alone = {name: array[7:8] for name, array in inputs.items()}
        assert _equal(expected[7:8], _run(path, alone))

    @pytest.mark.parametrize('variant', VARIANTS)
    def test_batches(self, write_model, make_inputs, monkeypatch, variant):
        """The batches that a GPU gets give the same numbers, here on the CPU."""
        path, inputs = write_model(variant), make_inputs(variant, 50)
        expected = _run(path, inputs)
        network = Network(path, batch_size=7)
        monkeypatch.setattr(network, '_device', 'cuda')
        if variant == 'set':  # this little network does not know padding from stars
            inputs['stars'] = np.nan_to_num(inputs['stars'])
            expected = _run(path, inputs)
        (output,) = network.run(inputs).values()
        np.testing.assert_allclose(output, expected, rtol=1e-5)

    @pytest.mark.gpu
    @pytest.mark.parametrize('variant', VARIANTS)
    def test_cuda(self, write_model, make_inputs, variant):
        """A GPU gives the numbers of the CPU but for rounding."""
        if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
            pytest.skip('onnxruntime has no CUDA')
        path, inputs = write_model(variant), make_inputs(variant, 50)
        if variant == 'set':
            inputs['stars'] = np.nan_to_num(inputs['stars'])
        output = _run(path, inputs, device='cuda', batch_size=7)
        np.testing.assert_allclose(output, _run(path, inputs), rtol=1e-4)

    def test_padding(self, write_model, make_inputs):
        """Padding of the stars changes no bit, wherever it is."""
        path, stars = write_model('set'), make_inputs('set', 9)['stars']
        expected = _run(path, {'stars': stars})
        padding = np.full((9, 12, 3), np.nan, dtype=np.float32)
        for parts in ((stars, padding), (padding, stars)):
            assert _equal(expected, _run(path, {'stars': np.concatenate(parts, axis=1)}))

    def test_star_order(self, write_model, make_inputs, rng):
        """The order of the stars changes rounding errors only."""
        path, stars = write_model('set'), make_inputs('set', 50)['stars']
        expected = _run(path, {'stars': stars})
        shuffled = rng.permutation(stars, axis=1)
        np.testing.assert_allclose(_run(path, {'stars': shuffled}), expected, rtol=0, atol=1e-6)

    @pytest.mark.parametrize('variant', ['dense', 'cnn'])
    def test_nan_row(self, write_model, make_inputs, variant):
        """A row of NaN spoils its own row only."""
        path, inputs = write_model(variant), make_inputs(variant, 40)
        expected = _run(path, inputs)
        for array in inputs.values():
            array[11] = np.nan
        output = _run(path, inputs)
        assert np.isnan(output[11]).all()
        assert _equal(np.delete(output, 11, axis=0), np.delete(expected, 11, axis=0))

    def test_no_stars(self, write_model, make_inputs):
        """A source without stars is given to the network with one unknown star."""
        path, stars = write_model('set'), make_inputs('set', 8)['stars']
        expected = _run(path, {'stars': stars})
        stars[3] = np.nan
        output = _run(path, {'stars': stars})
        assert _equal(output[3:4], _run(path, {'stars': stars[3:4, :1]}))
        assert _equal(np.delete(output, 3, axis=0), np.delete(expected, 3, axis=0))

    @pytest.mark.parametrize('variant', VARIANTS)
    def test_no_sources(self, write_model, make_inputs, variant):
        """No sources give no rows."""
        output = _run(write_model(variant), make_inputs(variant, 0))
        assert output.shape[0] == 0
        assert output.dtype == np.float32

    def test_inputs_unchanged(self, write_model, make_inputs):
        """The inputs and the network are not changed."""
        network, inputs = Network(write_model('set')), make_inputs('set', 8)
        before, attributes = inputs['stars'].copy(), dict(vars(network))
        network.run(inputs)
        assert _equal(inputs['stars'], before)
        assert vars(network) == attributes

    @pytest.mark.parametrize(
        ('inputs', 'error', 'match'),
        [
            ({}, ValueError, r"inputs must have the names \['stars'\], got \[\]"),
            ({'stars': [[[1.0]]]}, TypeError, r"inputs\['stars'\] must be a float32 .* got list"),
            ({'stars': np.zeros((1, 2, 3))}, TypeError, r'must be a float32 array, got float64'),
            (
                {'stars': np.zeros((1, 2, 4), dtype=np.float32)},
                ValueError,
                r"inputs\['stars'\] must have shape \(n, n, 3\), got \(1, 2, 4\)",
            ),
            (
                {'stars': np.zeros((1, 65, 3), dtype=np.float32)},
                ValueError,
                r"inputs\['stars'\] must have 1 to 64 stars per source, got 65",
            ),
        ],
    )
    def test_errors(self, write_model, inputs, error, match):
        """Wrong names, types and shapes raise."""
        with pytest.raises(error, match=match):
            Network(write_model('set')).run(inputs)
