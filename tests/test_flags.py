# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the quality bits.
"""

import numpy as np
import pytest

from starcnn import flags
from starcnn.flags import FLAGS, decode_flags


def test_registry():
    """Bits are different powers of two, named as their constants, with one line each."""
    assert [flag.bit for flag in FLAGS] == [1, 2, 4, 8, 16]
    for flag in FLAGS:
        assert getattr(flags, flag.name.upper()) == flag.bit
        assert flag.description
        assert '\n' not in flag.description


@pytest.mark.parametrize(
    ('value', 'names'),
    [
        (0, []),
        (1, ['edge']),
        (np.int64(6), ['outside', 'filled']),
        (np.uint8(31), ['edge', 'outside', 'filled', 'faint', 'no_data']),
    ],
)
def test_decode_flags(value, names):
    """The names of the bits that are set come lowest first."""
    assert decode_flags(value) == names


@pytest.mark.parametrize(
    ('value', 'error', 'match'),
    [
        (1.0, TypeError, 'value must be an integer, got 1.0'),
        ('1', TypeError, "value must be an integer, got '1'"),
        (32, ValueError, r'value must be a sum of \[1, 2, 4, 8, 16\], got 32'),
        (-1, ValueError, 'value must be a sum of'),
    ],
)
def test_errors(value, error, match):
    """What is not a sum of known bits raises."""
    with pytest.raises(error, match=match):
        decode_flags(value)
