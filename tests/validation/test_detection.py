# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of completeness and purity.
"""

import numpy as np
import pytest

from starcnn.validation import completeness, purity

TRUTH = ['c', 'c', 'c', 'c', 'f', 'f']
PREDICTED = ['c', 'c', 'c', 'f', 'c', 'f']


@pytest.mark.parametrize('kind', [list, np.array])
def test_scores(kind):
    """Three of four clusters are found, and three of four that are called so are clusters."""
    truth, predicted = kind(TRUTH), kind(PREDICTED)
    assert completeness(truth, predicted, 'c') == purity(truth, predicted, 'c') == 0.75
    assert completeness(truth, predicted, 'f') == purity(truth, predicted, 'f') == 0.5
    assert completeness(['c', 'f'], ['c', 'c'], 'c') == 1
    assert purity(['c', 'f'], ['c', 'c'], 'c') == 0.5


@pytest.mark.parametrize(
    ('score', 'message'),
    [
        (completeness, "truth must have at least one source of class 'star'"),
        (purity, "predicted must have at least one source of class 'star'"),
    ],
)
def test_no_source(score, message):
    """Without sources there is no score."""
    with pytest.raises(ValueError, match=message):
        score(TRUTH, PREDICTED, 'star')
    with pytest.raises(ValueError, match='predicted must have the shape of truth'):
        score(TRUTH, PREDICTED[:2], 'c')
