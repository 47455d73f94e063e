# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of stacks of images in pieces.
"""

import numpy as np
import pytest
from astropy.nddata import NDData, StdDevUncertainty
from astropy.table import Table
from astropy.wcs import WCS

from starcnn.networks import _stacks


@pytest.fixture
def stack(rng):
    """A stack of seven sources with all that it can carry."""
    shape = (7, 2, 3, 4)
    return NDData(
        rng.normal(size=shape),
        unit='electron / s',
        mask=rng.random(shape) < 0.1,
        uncertainty=StdDevUncertainty(np.ones(shape) * np.arange(7)[:, None, None, None]),
        wcs=WCS(naxis=2),
        psf=np.ones((3, 3)),
        meta={'filters': ('a', 'b'), 'sources': Table({'n': np.arange(7)})},
    )


def test_split(stack, monkeypatch):
    """Pieces together are the stack, with what belongs to each source, and the rest whole."""
    monkeypatch.setattr(_stacks, 'PIECE', 3)
    pieces = list(_stacks.split_stack(stack))
    assert [len(piece.data) for piece in pieces] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([p.data for p in pieces]), stack.data)
    np.testing.assert_array_equal(np.concatenate([p.mask for p in pieces]), stack.mask)
    assert [n for p in pieces for n in p.meta['sources']['n']] == list(range(7))
    for piece in pieces:
        sigma = piece.uncertainty.array[:, 0, 0, 0]
        np.testing.assert_array_equal(sigma, piece.meta['sources']['n'])
        assert piece.unit == stack.unit
        assert piece.wcs is stack.wcs
        assert piece.psf is stack.psf
        assert piece.meta['filters'] == ('a', 'b')
    assert len(stack.meta['sources']) == 7


def test_nothing_to_split(stack):
    """Small stacks, single images and tables are given back as they are."""
    table = Table({'a': np.arange(5000)})
    for data in (stack, NDData(np.zeros((3, 4, 4))), table):
        (piece,) = _stacks.split_stack(data)
        assert piece is data
