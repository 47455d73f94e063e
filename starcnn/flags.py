# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The quality bits in the ``flags`` column of the results.
"""

from dataclasses import dataclass
from operator import index

__all__ = [
    'EDGE',
    'FAINT',
    'FILLED',
    'FLAGS',
    'NO_DATA',
    'OUTSIDE',
    'FlagDefinition',
    'decode_flags',
]


@dataclass(frozen=True, kw_only=True)
class FlagDefinition:
    """
    The meaning of one bit.

    Parameters
    ----------
    bit : int
        The value of the bit, a power of two.

    name : str
        One word, in lower case.

    description : str
        One line.
    """

    bit: int
    name: str
    description: str


EDGE = 1
OUTSIDE = 2
FILLED = 4
FAINT = 8
NO_DATA = 16

FLAGS = (
    FlagDefinition(bit=EDGE, name='edge', description='a parameter is at the edge of its range'),
    FlagDefinition(
        bit=OUTSIDE,
        name='outside',
        description='the input is outside the range the network was trained on',
    ),
    FlagDefinition(
        bit=FILLED,
        name='filled',
        description='masked or non-finite input was left out or filled',
    ),
    FlagDefinition(bit=FAINT, name='faint', description='the visibility is below the limit'),
    FlagDefinition(
        bit=NO_DATA,
        name='no_data',
        description='there was no usable input and the result is NaN',
    ),
)


def decode_flags(value):
    """
    Return the names of the bits that are set.

    Parameters
    ----------
    value : int
        One entry of a ``flags`` column.

    Returns
    -------
    names : list of str
        The names, lowest bit first; empty if no bit is set.

    Raises
    ------
    TypeError
        If ``value`` is not an integer.

    ValueError
        If ``value`` has bits without a meaning.

    Examples
    --------
    >>> from starcnn.flags import decode_flags
    >>> decode_flags(5)
    ['edge', 'filled']
    """
    try:
        value = index(value)
    except TypeError:
        msg = f'value must be an integer, got {value!r}'
        raise TypeError(msg) from None
    known = sum(flag.bit for flag in FLAGS)
    if value & ~known:
        msg = f'value must be a sum of {[flag.bit for flag in FLAGS]}, got {value}'
        raise ValueError(msg)
    return [flag.name for flag in FLAGS if value & flag.bit]
