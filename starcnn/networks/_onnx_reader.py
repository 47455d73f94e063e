# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Look into an ONNX file without the onnx package, before anything runs it.

The file is one `protocol buffer <https://protobuf.dev/programming-guides/encoding/>`_
message; the field numbers below are those of ``onnx.proto`` (ONNX 1.19, and
the same in all earlier versions). Weights are skipped, not read.
"""

from dataclasses import dataclass, field

# Allowed operators, all of the standard domain: what convolutional, dense,
# attention and set networks need. No control flow, random numbers or strings.
OPERATORS = frozenset(
    """
    Abs Acosh Add And ArgMax ArgMin Asinh Atan Attention AveragePool BatchNormalization Cast
    CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum
    DepthToSpace DequantizeLinear Div Einsum Elu Equal Erf Exp Expand Flatten Floor Gather
    GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization IsInf IsNaN
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul Max
    MaxPool Mean Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow RMSNormalization Range
    Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND Selu
    Shape Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt
    Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where Xor
    """.split()
)

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # the wire types


@dataclass(kw_only=True)
class Contents:
    """
    What the reader found in a file.
    """

    opsets: dict = field(default_factory=dict)  # domain: version
    metadata: dict = field(default_factory=dict)
    operators: set = field(default_factory=set)  # 'Conv', or 'domain::Conv'
    external: set = field(default_factory=set)  # names of tensors stored in other files
    extras: set = field(default_factory=set)  # 'functions', 'subgraphs', ...


def read_contents(data):
    """
    Read what an ONNX file contains.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    contents : `Contents`
        Its opsets, metadata, operators, external tensors and extras.

    Raises
    ------
    ValueError
        If the bytes are cut short or are not an ONNX model.
    """
    contents = Contents()
    n_graphs = 0
    for number, value in _fields(memoryview(data)):
        if number == 7:
            n_graphs += 1
            _read_graph(_message(value), contents)
        elif number == 8:
            opset = dict(_fields(_message(value)))
            contents.opsets[_text(opset.get(1, b''))] = opset.get(2, 0)
        elif number == 14:
            entry = dict(_fields(_message(value)))
            contents.metadata[_text(entry.get(1, b''))] = _text(entry.get(2, b''))
        elif number in (20, 25):
            contents.extras.add('training graphs' if number == 20 else 'functions')
    if n_graphs != 1:
        msg = f'data must be an ONNX model with one graph, got {n_graphs}'
        raise ValueError(msg)
    return contents


def _read_graph(graph, contents):
    """Collect the nodes and the initializers of a graph."""
    for number, value in _fields(graph):
        if number == 1:
            _read_node(_message(value), contents)
        elif number == 5:
            _read_tensor(_message(value), contents)
        elif number == 15:
            contents.extras.add('sparse tensors')


def _read_node(node, contents):
    """Collect the operator of a node and the tensors among its attributes."""
    names = {4: '', 7: ''}
    for number, value in _fields(node):
        if number in names:
            names[number] = _text(value)
        elif number == 5:
            for inner, item in _fields(_message(value)):
                if inner in (5, 10):
                    _read_tensor(_message(item), contents)
                elif inner in (6, 11):
                    contents.extras.add('subgraphs')
                elif inner in (22, 23):
                    contents.extras.add('sparse tensors')
    domain = '' if names[7] == 'ai.onnx' else names[7]
    contents.operators.add(f'{domain}::{names[4]}' if domain else names[4])


def _read_tensor(tensor, contents):
    """Note a tensor whose values are in another file."""
    name, is_external = '', False
    for number, value in _fields(tensor):
        if number == 8:
            name = _text(value)
        elif number == 13 or (number == 14 and value):
            is_external = True
    if is_external:
        contents.external.add(name)


def _fields(message):
    """Yield the (number, value) pairs of a message; bytes are not copied."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
        else:
            if wire == _BYTES:
                size, at = _varint(message, at)
            elif wire in (_FIXED32, _FIXED64):
                size = 4 if wire == _FIXED32 else 8
            else:
                msg = f'data must be an ONNX model, got wire type {wire}'
                raise ValueError(msg)
            if size > end - at:
                msg = f'data must be a whole file, got one that lacks {size - end + at} bytes'
                raise ValueError(msg)
            value, at = message[at : at + size], at + size
        yield number, value


def _varint(message, at):
    """Return an integer in base 128, low digits first, and where it ends."""
    value = 0
    for n_digits, byte in enumerate(message[at : at + 10]):
        value |= (byte & 127) << 7 * n_digits
        if byte < 128:
            return value, at + n_digits + 1
    msg = 'data must be a whole ONNX model, got an integer without an end'
    raise ValueError(msg)


def _message(value):
    """Return the bytes of a nested message."""
    if not isinstance(value, memoryview):
        msg = f'data must be an ONNX model, got the number {value} for a message'
        raise ValueError(msg)
    return value


def _text(value):
    """Return a string; raises a `ValueError` if it is not UTF-8."""
    return str(value if value == b'' else _message(value), 'utf-8')
