# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Write a trained network to one ONNX file that describes itself.
"""

import copy
import json
import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from starcnn.files import DataFile, compute_sha256
from starcnn.networks import MAX_SIZE, Images, Network, Stars
from starcnn.train._files import write_whole

__all__ = ['OPSET', 'TOLERANCE', 'export']

# Of the operators. The oldest onnxruntime the package takes knows it.
OPSET = 20

# The largest difference between torch and onnxruntime, in units of the largest
# absolute value of each output.
TOLERANCE = 1e-4

# The largest rms difference that storing float16 may make, in units of the standard
# deviation of each output over the examples: far below any error of an estimate.
HALF_TOLERANCE = 1e-2

# Smaller arrays, and those of one axis as biases and norms, gain nothing from float16.
_HALF_SIZE = 256

_N_EXAMPLES, _N_TRACED = 64, 3


def export(network, spec, path, *, training, examples=None, half=False, max_size=MAX_SIZE):
    """
    Write a network to an ONNX file, if onnxruntime gives the same numbers as torch.

    The same network, spec and provenance give the same bytes. The file has no
    trace of the machine it was made on.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network, such as that of a `FitResult`.

    spec : `~starcnn.networks.Spec`
        What it eats and returns.

    path : str or `~pathlib.Path`
        The file; its name without suffix becomes the tag.

    training : dict
        How it was trained, as JSON values: that of a `FitResult` and scores.

    examples : dict, optional
        Inputs to compare on, with several rows. The default is 64 rows of
        random numbers within the bounds of the spec; real ones are better.

    half : bool, optional
        Whether to store large arrays as float16. The network computes in
        float32 all the same.

    max_size : int, optional
        The largest size of the file in bytes. Released files have 25 MB at most;
        `starcnn.Classifier` and the others open a user's own up to 2 GB.

    Returns
    -------
    file : `~starcnn.files.DataFile`
        Tag, name, SHA-256 and size; `starcnn.files.to_toml` makes a block of it.

    Raises
    ------
    DataFileError
        If `~starcnn.networks.Network` refuses the file: an operator is not
        allowed, a shape is not that of the spec, it is too large.

    ValueError
        If the numbers differ by more than 1e-4 of the largest of an output, or
        float16 changes them by more than 1e-2 of their scatter. Nothing is
        written then.
    """
    path = Path(path)
    examples = _draw_examples(spec) if examples is None else examples
    metadata = {
        'starcnn_spec': spec.to_json(),
        'starcnn_training': json.dumps(training, sort_keys=True, allow_nan=False),
    }
    network = copy.deepcopy(network).cpu().eval()
    data = _make_file(network, spec, metadata, examples, half=half, max_size=max_size)
    write_whole(path, lambda stream: stream.write(data))
    return DataFile(
        tag=path.stem, file=path.name, sha256=compute_sha256(path), size=path.stat().st_size
    )


def _make_file(network, spec, metadata, examples, *, half, max_size):
    """Return the bytes of the file, which are checked."""
    expected = _run_torch(network, spec, examples)
    model = _trace(network, spec, examples)
    _strip(model)
    helper.set_model_props(model, metadata)
    # a file that float16 will halve may be larger than those that are opened
    found = _run_onnx(model, examples, max_size=2 * max_size if half else max_size)
    _check_equal(found, expected)
    if half:
        _store_half(model)
        _check_similar(_run_onnx(model, examples, max_size=max_size), expected)
    return model.SerializeToString(deterministic=True)


def _draw_examples(spec):
    """Return random inputs within the bounds of a spec."""
    rng = np.random.default_rng(0)
    examples = {}
    for part in spec.inputs:
        if isinstance(part, Images):
            values = rng.random((_N_EXAMPLES, len(part.filters), *part.shape))
        else:
            low, high = np.transpose(part.bounds)
            n_star = (min(part.n_max, _N_EXAMPLES),) if isinstance(part, Stars) else ()
            values = rng.uniform(low, high, (_N_EXAMPLES, *n_star, len(low)))
        examples[part.name] = values.astype(np.float32)
    return examples


def _run_torch(network, spec, examples):
    """Return what torch answers."""
    tensors = [torch.from_numpy(examples[part.name]) for part in spec.inputs]
    with torch.no_grad():
        outputs = network(*tensors)
    return {part.name: out.numpy() for part, out in zip(spec.outputs, outputs, strict=True)}


def _trace(network, spec, examples):
    """Return the network as an ONNX model with free axes for sources and stars."""
    # every free axis must be longer than one, or it would be taken as fixed
    rows = np.resize(np.arange(len(examples[spec.inputs[0].name])), _N_TRACED)
    n_source = torch.export.Dim('n_source', min=1)
    arguments, shapes = [], []
    for part in spec.inputs:
        array, shape = examples[part.name][rows], {0: n_source}
        if isinstance(part, Stars):
            columns = np.resize(np.arange(array.shape[1]), max(2, array.shape[1]))
            array = array[:, columns]
            shape[1] = torch.export.Dim(f'n_{part.name}', min=1, max=part.n_max)
        if getattr(part, 'sizes', None) is not None:
            low, high = part.sizes
            shape |= {
                axis: torch.export.Dim(f'n{letter}_{part.name}', min=low, max=high)
                for axis, letter in ((2, 'y'), (3, 'x'))
            }
        arguments.append(torch.from_numpy(np.ascontiguousarray(array)))
        shapes.append(shape)
    # the exporter logs pages on what it tries first and then does in another way
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # torch uses parts of itself and of Python that are on their way out
            warnings.simplefilter('ignore', FutureWarning)
            warnings.simplefilter('ignore', DeprecationWarning)
            # that all inputs have one n_source
            warnings.filterwarnings('ignore', '.* The axis name', UserWarning)
            program = torch.onnx.export(
                network,
                tuple(arguments),
                input_names=[part.name for part in spec.inputs],
                output_names=[part.name for part in spec.outputs],
                dynamic_shapes=shapes,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                dynamo=True,
            )
    finally:
        logging.disable(level)
    return program.model_proto


def _strip(model):
    """Remove stack traces and notes, which have the paths of this machine."""
    graph = model.graph
    graph.ClearField('value_info')
    for part in (
        model,
        graph,
        *graph.node,
        *graph.initializer,
        *graph.input,
        *graph.output,
    ):
        part.ClearField('metadata_props')
        part.ClearField('doc_string')


def _store_half(model):
    """Store large float32 arrays as float16, and cast them when the file is opened."""
    graph = model.graph
    casts = []
    for array in graph.initializer:
        values = numpy_helper.to_array(array)
        if values.dtype == np.float32 and values.ndim > 1 and values.size >= _HALF_SIZE:
            name, stored = array.name, f'{array.name}.float16'
            with np.errstate(over='ignore'):
                array.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
            casts.append(helper.make_node('Cast', [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    graph.ClearField('node')
    graph.node.extend(nodes)


def _run_onnx(model, examples, *, max_size):
    """Return what the model answers, which must be valid and one that is not refused."""
    onnx.checker.check_model(model, full_check=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'network.onnx'
        path.write_bytes(model.SerializeToString(deterministic=True))
        return Network(path, max_size=max_size).run(examples)


def _check_equal(found, expected):
    """Raise if onnxruntime gives other numbers than torch."""
    for name, wanted in expected.items():
        known = ~np.isnan(wanted)
        if not np.isnan(found[name][~known]).all():
            msg = f'network must give NaN for {name!r} in onnxruntime where torch does'
            raise ValueError(msg)
        difference = np.abs(found[name] - wanted)[known].max(initial=0)
        _check_difference(name, difference, TOLERANCE, np.abs(wanted[known]).max(initial=0))


def _check_similar(found, expected):
    """Raise if float16 changes the numbers by more than they can bear."""
    for name, wanted in expected.items():
        difference = np.sqrt(np.mean((found[name] - wanted)[~np.isnan(wanted)] ** 2))
        scatter = np.sqrt(np.nanmean(np.nanvar(wanted, axis=0)))
        _check_difference(name, difference, HALF_TOLERANCE, scatter)


def _check_difference(name, difference, tolerance, scale):
    """Raise if the numbers of an output are not those of torch."""
    if not difference <= tolerance * scale:
        msg = (
            f'network must give {name!r} in onnxruntime as in torch to {tolerance:g} of '
            f'{scale:.3g}, got a difference of {difference:.3g}'
        )
        raise ValueError(msg)
