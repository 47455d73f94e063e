# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the scores of classes.
"""

import numpy as np
import pytest

pytestmark = pytest.mark.training


def score(p, truth, labels=('a', 'b')):
    """Return scores."""
    from starcnn.train import score_classes

    return score_classes(np.array(p), np.array(truth), labels)


def test_by_hand():
    """Four sources, one of which is taken for the other class."""
    scores = score([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]], ['a', 'a', 'b', 'b'])
    assert scores['accuracy'] == 0.75
    assert scores['accuracy_a'] == 0.5
    assert scores['accuracy_b'] == 1
    assert scores['balanced_accuracy'] == 0.75
    assert scores['log_loss'] == pytest.approx(-np.log([0.9, 0.4, 0.7, 0.8]).mean())
    assert scores['roc_auc'] == 1
    # bins of 0.6, 0.7, 0.8 and 0.9: |0.6 - 0| + 0.3 + 0.2 + 0.1, over four
    assert scores['calibration_error'] == pytest.approx(0.3)


def test_ties():
    """Equal probabilities count half."""
    assert score([[0.5, 0.5]] * 4, ['a', 'b', 'a', 'b'])['roc_auc'] == 0.5


def test_area():
    """One pair of six is in the wrong order."""
    p = np.array([0.1, 0.4, 0.35, 0.8, 0.9])
    scores = score(np.stack([1 - p, p], axis=1), ['a', 'a', 'b', 'b', 'b'])
    assert scores['roc_auc'] == pytest.approx(5 / 6)


def test_missing_class():
    """What needs a class that is not there is NaN."""
    scores = score([[0.9, 0.1]], ['a'])
    assert np.isnan(scores['accuracy_b'])
    assert np.isnan(scores['roc_auc'])
    assert scores['accuracy'] == 1


@pytest.mark.parametrize(
    ('p', 'truth', 'match'),
    [([[1, 0]], ['a', 'b'], 'must have shape'), ([[1, 0]], ['c'], 'labels of')],
)
def test_wrong(p, truth, match):
    """Shapes and labels are checked."""
    with pytest.raises(ValueError, match=match):
        score(p, truth)
