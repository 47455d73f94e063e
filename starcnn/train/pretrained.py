# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Weights of networks trained on other images, to begin with: read them and check their names.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from starcnn.files import compute_sha256

__all__ = ['check_names', 'describe_start', 'read_start', 'settle']

_TORCH, _ONNX = ('.pt', '.pth'), '.onnx'
_N_CONV = 3  # inputs of a convolution with a bias
_FIRST_MEMBER = 'members.0.'

# What batch norms count, which no function depends on.
_COUNTER = '.num_batches_tracked'

_CODES, _CODEBOOK = '.codes_matrix', '.codebook'
_UNSIGNED = 0xFFFF  # codes are stored as signed numbers of 16 bits

_N_LISTED = 4  # names in a message
_N_IMAGENET = 1001  # classes of ImageNet, with that of the background

_MAX_SIZE = 2_000_000_000  # bytes, of a user's own file


def read_start(path):
    """
    Read the weights of a network that was trained on ImageNet.

    Nothing in the file is run. Permuted and quantised weights (Martinez et al.
    2021, CVPR, 15699) and those of 8 bits are made plain.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        A state dict as torchvision's, ``.pth``, ``.pt`` or ``.safetensors``; the
        compressed ResNet18 of Martinez et al., ``.pth``; MobileNetV2 in 8 bits,
        ``.npz`` with ``q<k>``, ``b<k>``, ``scale`` and ``zero``; or a network of
        this package, ``.onnx``, of which the convolutions of the first member
        are taken.

    Returns
    -------
    weights : dict of `torch.Tensor`
        The tensors by name, float32.

    Raises
    ------
    ValueError
        If the file is none of these.
    """
    path = Path(path)
    if not path.is_file():
        msg = f'start must be a file, got {str(path)!r}'
        raise ValueError(msg)
    suffix = path.suffix.lower()
    if suffix == '.npz':
        return _read_int8(path)
    if suffix == _ONNX:
        return _read_onnx(path)
    if suffix == '.safetensors':
        from safetensors.torch import load_file

        weights = load_file(path)
    elif suffix in _TORCH:
        weights = _read_torch(path)
    else:
        msg = f'start must end in .npz, .onnx, .pth, .pt or .safetensors, got {str(path)!r}'
        raise ValueError(msg)
    if any(name.endswith(_CODES) for name in weights):
        weights = _read_codes(weights)
    return {name: value.float() for name, value in weights.items() if not name.endswith(_COUNTER)}


def check_names(weights, expected, *, architecture):
    """
    Raise if names or shapes of weights are not those of an architecture.

    Parameters
    ----------
    weights : dict of `torch.Tensor`
        As from `read_start`.

    expected : dict of tuple of int
        The shape of each tensor.

    architecture : str
        The name of the architecture.

    Raises
    ------
    ValueError
        If a name is missing or unknown, or a shape differs; the message lists
        some.
    """
    wrong = {
        'missing': sorted(set(expected) - set(weights)),
        'unknown': sorted(set(weights) - set(expected)),
        'of another shape': [
            f'{name} {tuple(weights[name].shape)} for {tuple(shape)}'
            for name, shape in expected.items()
            if name in weights and tuple(weights[name].shape) != tuple(shape)
        ],
    }
    for what, names in wrong.items():
        if names:
            msg = f'start must hold the weights of {architecture}, got {len(names)} {what}: '
            msg += ', '.join(names[:_N_LISTED])
            raise ValueError(msg)


@torch.no_grad()
def settle(network, images):
    """
    Give the batch norms of a network the means and deviations of images, for the same results.

    Weights with folded batch norms have lost both. In training, norms take them
    from each batch: with these weights and biases, the results are those of the
    network as it was.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network, which is changed: in evaluation mode it computes what it
        did.

    images : `torch.Tensor`
        What it takes, of many pixels.
    """

    def adjust(norm, inputs):
        x = inputs[0]
        variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        slope = norm.weight / (norm.running_var + norm.eps).sqrt()
        norm.bias += slope * (mean - norm.running_mean)
        norm.weight.copy_(slope * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    handles = [norm.register_forward_pre_hook(adjust) for norm in norms]
    was_training = network.training
    try:
        network.eval()(images)
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()


def describe_start(path):
    """
    Return where weights to begin with come from, for the provenance of a training.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.

    Returns
    -------
    values : dict
        The ``file`` and its ``sha256``.
    """
    return {'file': Path(path).name, 'sha256': compute_sha256(path)}


def _read_torch(path):
    """Return the state dict of a file of torch, without running what else may be in it."""
    try:
        weights = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # noqa: BLE001 - torch raises many kinds
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = f'start must be a state dict that torch reads, got {str(path)!r}: {text}'
        raise ValueError(msg) from None
    is_dict = isinstance(weights, dict)
    if not is_dict or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        msg = f'start must be a dictionary of tensors, got another content in {str(path)!r}'
        raise ValueError(msg)
    return dict(weights)


def _read_int8(path):
    """Return convolutions that are stored as 8 bits, each with a scale and a zero."""
    with np.load(path, allow_pickle=False) as stored:
        if missing := sorted({'scale', 'zero', 'q0', 'b0'} - set(stored.files)):
            msg = f'start must have the arrays of MobileNetV2 in 8 bits, got no {missing}'
            raise ValueError(msg)
        weights = {}
        for k in range(len(stored['scale'])):
            kernel = (stored[f'q{k}'].astype(np.float32) - stored['zero'][k]) * stored['scale'][k]
            if kernel.shape[0] == _N_IMAGENET:
                continue  # the layer of ImageNet's classes
            weights[f'{k}.weight'] = torch.from_numpy(kernel.astype(np.float32))
            weights[f'{k}.bias'] = torch.from_numpy(stored[f'b{k}'].astype(np.float32))
    return weights


def _read_onnx(path):
    """Return the convolutions of the first member of an ONNX file, in order."""
    import onnx

    from starcnn.networks import Network

    Network(path, max_size=_MAX_SIZE)  # which looks for what must not be in it
    graph = onnx.load(path).graph
    arrays = {array.name: onnx.numpy_helper.to_array(array) for array in graph.initializer}
    for node in graph.node:
        if node.op_type == 'Cast' and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
    weights = {}
    for node in graph.node:
        if node.op_type != 'Conv' or len(node.input) < _N_CONV:
            continue
        if not node.input[1].startswith(_FIRST_MEMBER):
            continue
        k = len(weights) // 2
        for kind, name in zip(('weight', 'bias'), node.input[1:], strict=True):
            weights[f'{k}.{kind}'] = torch.from_numpy(arrays[name].astype(np.float32))
    return weights


def _read_codes(stored):
    """Return weights that are stored as numbers of the rows of a codebook, flat."""
    weights = {}
    for name, value in stored.items():
        if name.endswith(_CODES):
            layer = name.removesuffix(_CODES)
            rows = stored[layer + _CODEBOOK].float()[value.long() & _UNSIGNED]
            weights[f'{layer}.weight'] = rows.flatten()
        elif not name.endswith(_CODEBOOK):
            weights[name] = value
    return weights
