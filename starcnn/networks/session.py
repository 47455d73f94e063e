# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Open a network from an ONNX file, check it against its spec, and run it.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.networks._checks import check_sizes
from starcnn.networks._onnx_reader import OPERATORS, read_contents
from starcnn.networks.parts import Images, Stars
from starcnn.networks.spec import Spec

__all__ = ['MAX_SIZE', 'Network']

MAX_SIZE = 25_000_000
DEVICES = ('cpu', 'cuda')

# On the CPU, networks that eat features alone run in blocks of this many rows,
# the last filled up with zeros. Sixteen floats fill the widest vector register
# (AVX-512), so no value is ever left to the slower code for odd ends, which
# rounds logarithms and sines differently.
BLOCK = 16

# Sources per task handed to a thread: enough to hide the cost of the hand-over.
_TASK = 32


class Network:
    """
    A network from an ONNX file that describes itself.

    The file is read once. Its bytes are hashed, looked through, and these very
    bytes are then run by onnxruntime, so what was checked is what runs.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The ONNX file.

    sha256 : str or `None`, optional
        What the SHA-256 of the file must be; `None` takes any.

    device : {'cpu', 'cuda'}, optional
        Where the network runs.

    batch_size : int, optional
        The number of sources given to a GPU at once. The CPU does not need it
        (see the notes).

    n_threads : int or `None`, optional
        The number of threads on the CPU. The default is the number of cores
        the process may use.

    max_size : int, optional
        The largest size in bytes of a file that is opened.

    Attributes
    ----------
    spec : `Spec`
        What the network eats and returns.

    training : dict
        How it was trained: recipe, seed, data, scores.

    sha256 : str
        The SHA-256 of the bytes that run.

    Raises
    ------
    DataFileError
        If the file is missing, has another hash, is larger than ``max_size``,
        is not a whole ONNX model, keeps tensors in other files, has functions,
        subgraphs or operators that are not allowed, has no valid spec, or has
        tensors that the spec does not describe.

    ValueError
        If ``device`` is unknown, or is 'cuda' and onnxruntime cannot use it.

    Notes
    -----
    On one machine's CPU a source's numbers are the same bit for bit whatever
    the number of threads, the number and order of the sources beside it, and
    the padding of its stars. Each source with images or stars is run by
    itself, stars without their padding; features alone are run in blocks of 16
    rows, the last filled up. Each run keeps to one thread, and threads share
    out the runs. A row of NaN spoils its own row alone. Another order of the
    stars of a source may change the last digits, as sums of floats do. On a
    GPU nothing is promised beyond rounding errors.
    """

    def __init__(
        self,
        path,
        *,
        sha256=None,
        device='cpu',
        batch_size=128,
        n_threads=None,
        max_size=MAX_SIZE,
    ):
        self._n_threads = _n_cores() if n_threads is None else n_threads
        self._batch_size = batch_size
        for name, value in (('n_threads', self._n_threads), ('batch_size', batch_size)):
            if not isinstance(value, int) or value < 1:
                msg = f'{name} must be a positive integer, got {value!r}'
                raise ValueError(msg)
        providers = _providers(device)
        self._path, self._device = Path(path), device
        data = _read(self._path, max_size)
        self.sha256 = hashlib.sha256(data).hexdigest()
        if sha256 is not None and self.sha256 != sha256:
            msg = f'path must hold a file with SHA-256 {sha256}, got {self.sha256} for {path}'
            raise DataFileError(msg)
        self.spec, self.training = _check_contents(data, path)
        self._session = _open_session(data, providers, path)
        _check_tensors(self._session, self.spec, path)

    def __repr__(self):
        parts = [
            ', '.join(f'{part.name}{list(part.dimensions)}' for part in side)
            for side in (self.spec.inputs, self.spec.outputs)
        ]
        name = f'{self.spec.family}/{self.spec.variant}'
        return f'<Network {name} on {self._device}: {" -> ".join(parts)}>'.replace('None', 'n')

    def run(self, inputs):
        """
        Run the network.

        A progress bar appears on a terminal after two seconds.

        Parameters
        ----------
        inputs : dict
            For each input of the spec, a float32 `~numpy.ndarray` with one row
            per source. Stars are padded to a common number with rows of NaN.

        Returns
        -------
        outputs : dict
            For each output of the spec, a float32 `~numpy.ndarray` with one row
            per source.

        Raises
        ------
        TypeError
            If an input is not a float32 array.

        ValueError
            If the names or the shapes are not those of the spec.
        """
        from tqdm import tqdm

        n_source = self._check_inputs(inputs)
        outputs = {
            part.name: np.empty((n_source, *part.dimensions[1:]), dtype=np.float32)
            for part in self.spec.outputs
        }
        if self._device == 'cuda':
            rows, n_threads, run_rows = self._batch_size, 1, self._run_batch
        elif any(isinstance(part, Images | Stars) for part in self.spec.inputs):
            rows, n_threads, run_rows = _TASK, self._n_threads, self._run_singly
        else:
            rows, n_threads, run_rows = BLOCK * _TASK, self._n_threads, self._run_blocks
        tasks = [slice(at, min(at + rows, n_source)) for at in range(0, n_source, rows)]
        run_rows = partial(run_rows, inputs, outputs)
        with (
            tqdm(total=n_source, unit='source', delay=2, disable=None, leave=False) as bar,
            ThreadPoolExecutor(n_threads) as pool,
        ):
            apply = map if min(n_threads, len(tasks)) < 2 else pool.map
            for n_done in apply(run_rows, tasks):
                bar.update(n_done)
        return outputs

    def _run_singly(self, inputs, outputs, task):
        """Run sources one by one, stars without their padding."""
        stars = {part.name for part in self.spec.inputs if isinstance(part, Stars)}
        for row in range(task.start, task.stop):
            source = {name: array[row : row + 1] for name, array in inputs.items()}
            for name in stars:
                source[name] = _without_padding(source[name])
            self._run_into(outputs, slice(row, row + 1), source)
        return task.stop - task.start

    def _run_blocks(self, inputs, outputs, task):
        """Run rows in blocks of one size, the last filled up with zeros."""
        for at in range(task.start, task.stop, BLOCK):
            rows = slice(at, min(at + BLOCK, task.stop))
            block = {name: array[rows] for name, array in inputs.items()}
            n_missing = BLOCK - (rows.stop - rows.start)
            if n_missing:
                block = {
                    name: np.pad(array, [(0, n_missing)] + [(0, 0)] * (array.ndim - 1))
                    for name, array in block.items()
                }
            self._run_into(outputs, rows, block)
        return task.stop - task.start

    def _run_batch(self, inputs, outputs, task):
        """Run rows together, stars with the padding that the largest set needs."""
        batch = {name: array[task] for name, array in inputs.items()}
        for part in self.spec.inputs:
            if isinstance(part, Stars):
                batch[part.name] = _without_padding(batch[part.name])
        self._run_into(outputs, task, batch)
        return task.stop - task.start

    def _run_into(self, outputs, rows, inputs):
        """Run once and store the first of the rows that come back."""
        for array, result in zip(
            outputs.values(), self._session.run(list(outputs), inputs), strict=True
        ):
            array[rows] = result[: rows.stop - rows.start]

    def _check_inputs(self, inputs):
        """Return the number of sources, after checking the arrays."""
        names = [part.name for part in self.spec.inputs]
        if sorted(inputs) != sorted(names):
            msg = f'inputs must have the names {names}, got {sorted(inputs)}'
            raise ValueError(msg)
        for part in self.spec.inputs:
            array = inputs[part.name]
            if not isinstance(array, np.ndarray) or array.dtype != np.float32:
                found = getattr(array, 'dtype', type(array).__name__)
                msg = f'inputs[{part.name!r}] must be a float32 array, got {found}'
                raise TypeError(msg)
            if not _fits(array.shape, part.dimensions):
                shape = str(part.dimensions).replace('None', 'n')
                msg = f'inputs[{part.name!r}] must have shape {shape}, got {array.shape}'
                raise ValueError(msg)
            check_sizes(array, part)
            if isinstance(part, Stars) and not 1 <= array.shape[1] <= part.n_max:
                msg = (
                    f'inputs[{part.name!r}] must have 1 to {part.n_max} stars per source, '
                    f'got {array.shape[1]}'
                )
                raise ValueError(msg)
        counts = {name: len(array) for name, array in inputs.items()}
        if len(set(counts.values())) != 1:
            msg = f'inputs must have equally many sources, got {counts}'
            raise ValueError(msg)
        return counts[names[0]]


def _n_cores():
    """Return the number of cores this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _providers(device):
    """Return the execution providers of onnxruntime for a device."""
    if device not in DEVICES:
        msg = f'device must be one of {list(DEVICES)}, got {device!r}'
        raise ValueError(msg)
    if device == 'cpu':
        return ['CPUExecutionProvider']
    import onnxruntime

    found = onnxruntime.get_available_providers()
    if 'CUDAExecutionProvider' not in found:
        msg = (
            "device must be 'cpu' as the installed onnxruntime has no CUDA "
            f"(onnxruntime-gpu has), got 'cuda' and {found}"
        )
        raise ValueError(msg)
    # TF32 keeps ten bits of the mantissa
    return [('CUDAExecutionProvider', {'use_tf32': '0'}), 'CPUExecutionProvider']


def _read(path, max_size):
    """Return the bytes of a file that is not too large."""
    try:
        with path.open('rb') as stream:
            data = stream.read(max_size + 1)
    except OSError as error:
        msg = f'path must be a file that can be read, got {str(path)!r}: {error}'
        raise DataFileError(msg) from None
    if len(data) > max_size:
        msg = f'path must hold at most {max_size} bytes (max_size), got {path.stat().st_size}'
        raise DataFileError(msg)
    return data


def _check_contents(data, path):
    """Return spec and training of a file, after checking what it contains."""
    try:
        contents = read_contents(data)
    except ValueError as error:
        msg = f'path must be a whole ONNX file, got {str(path)!r}: {error}'
        raise DataFileError(msg) from None
    refused = {
        'external data': sorted(contents.external),
        'parts that are refused': sorted(contents.extras),
        'operators that are not allowed': sorted(contents.operators - OPERATORS),
    }
    for what, found in refused.items():
        if found:
            msg = f'path must be an ONNX file without {what}, got {found} in {path}'
            raise DataFileError(msg)
    if not contents.opsets.keys() & {'', 'ai.onnx'}:
        msg = f'path must be an ONNX file that states its opset, got {contents.opsets} in {path}'
        raise DataFileError(msg)
    if 'starcnn_spec' not in contents.metadata:
        found = sorted(contents.metadata)
        msg = f'path must be an ONNX file with metadata starcnn_spec, got {found} in {path}'
        raise DataFileError(msg)
    try:
        spec = Spec.from_json(contents.metadata['starcnn_spec'])
        training = json.loads(contents.metadata.get('starcnn_training', '{}'))
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        msg = f'path must be an ONNX file with a valid spec and training record: {error} in {path}'
        raise DataFileError(msg) from None
    if not isinstance(training, dict):
        msg = f'starcnn_training must be a JSON object, got {training!r} in {path}'
        raise DataFileError(msg)
    return spec, training


def _open_session(data, providers, path):
    """Return an onnxruntime session that runs each call in one thread."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    try:
        session = onnxruntime.InferenceSession(data, options, providers=providers)
    except (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    ) as error:
        msg = f'path must be a network that onnxruntime can run, got {str(path)!r}: {error}'
        raise DataFileError(msg) from None
    wanted = providers[0] if isinstance(providers[0], str) else providers[0][0]
    if session.get_providers()[0] != wanted:
        msg = f"device must be 'cpu' as onnxruntime cannot start {wanted} here, got 'cuda'"
        raise ValueError(msg)
    return session


def _check_tensors(session, spec, path):
    """Raise if the tensors of a file are not those of its spec."""
    for side, tensors, parts in (
        ('inputs', session.get_inputs(), spec.inputs),
        ('outputs', session.get_outputs(), spec.outputs),
    ):
        found = [tensor.name for tensor in tensors]
        names = [part.name for part in parts]
        if sorted(found) != sorted(names):
            msg = f'{side} of {path} must have the names of its spec {names}, got {found}'
            raise DataFileError(msg)
        for tensor in tensors:
            part = parts[names.index(tensor.name)]
            shape = tuple(size if isinstance(size, int) else None for size in tensor.shape)
            if tensor.type != 'tensor(float)' or shape != part.dimensions:
                msg = (
                    f'{tensor.name!r} of {path} must be tensor(float) with shape '
                    f'{part.dimensions}, as its spec says, got {tensor.type} with {shape}'
                )
                raise DataFileError(msg)


def _fits(shape, dimensions):
    """Whether a shape has the fixed dimensions."""
    return len(shape) == len(dimensions) and all(
        fixed in (None, size) for size, fixed in zip(shape, dimensions, strict=True)
    )


def _without_padding(stars):
    """Drop the stars that are NaN in all columns and all sources; keep one."""
    is_there = ~np.isnan(stars).all(axis=(0, 2))
    if is_there.all():
        return stars
    is_there[0] |= not is_there.any()
    return np.ascontiguousarray(stars[:, is_there])
