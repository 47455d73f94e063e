# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the scores of probabilities of classes.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.validation import (
    calibration_error,
    confusion_percent,
    count_ratio,
    reliability,
    roc_area,
    set_coverage,
    set_members,
)

LABELS = ('1', '2', '3')


@pytest.fixture
def sources():
    """Return classes that are drawn with the probabilities that are given to them."""
    rng = np.random.default_rng(1)
    p = rng.dirichlet([0.5, 0.7, 1.0], 40_000)
    truth = (p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1)
    return np.array(LABELS)[truth], p


def test_confusion_percent():
    """Rows sum to 100; the scatter is that over trainings, which may differ in numbers."""
    counts = np.array([[[8, 2], [1, 9]], [[12, 8], [0, 20]]])
    mean, scatter = confusion_percent(counts)
    assert_allclose(mean, [[70, 30], [5, 95]])
    assert_allclose(scatter, [[200**0.5, 200**0.5], [50**0.5, 50**0.5]])
    alone, unknown = confusion_percent(counts[0])
    assert_allclose(alone, [[80, 20], [10, 90]])
    assert np.isnan(unknown).all()


@pytest.mark.parametrize(
    ('counts', 'message'),
    [
        (np.ones((2, 3)), r'counts must have shape \(n_training, n_class, n_class\)'),
        ([[1, 0], [0, 0]], 'counts must have a source of each class'),
    ],
)
def test_wrong_counts(counts, message):
    """Matrices are square, and have no empty rows."""
    with pytest.raises(ValueError, match=message):
        confusion_percent(counts)


def test_calibrated(sources):
    """Probabilities that come true have no calibration error, and sharper ones have it."""
    truth, p = sources
    assert calibration_error(truth, p, labels=LABELS) < 0.01
    sharp = p**2 / (p**2).sum(axis=1, keepdims=True)
    error = calibration_error(truth, sharp, labels=LABELS)
    right = np.array(LABELS)[p.argmax(axis=1)] == truth
    assert_allclose(error, sharp.max(axis=1).mean() - right.mean(), atol=0.005)
    assert error > 0.08


def test_calibration_error_by_hand():
    """Two bins with one source and with two."""
    p = [[0.95, 0.05], [0.62, 0.38], [0.66, 0.34]]
    confidence, accuracy, counts = reliability(['b', 'a', 'b'], p, labels=('a', 'b'))
    assert_allclose([confidence[6], accuracy[6], counts[6]], [0.64, 0.5, 2])
    assert_allclose([confidence[9], accuracy[9], counts[9]], [0.95, 0, 1])
    assert np.isnan(accuracy[:6]).all()
    error = calibration_error(['b', 'a', 'b'], p, labels=('a', 'b'))
    assert_allclose(error, (2 * 0.14 + 0.95) / 3)
    # a certain class is in the last bin
    assert reliability(['a'], [[1.0, 0.0]], labels=('a', 'b'))[2][-1] == 1


def test_roc_area(sources):
    """The area is a probability of order, which a monotonic change keeps for two classes."""
    pytest.importorskip('sklearn')
    p = np.array([0.9, 0.8, 0.3, 0.6, 0.2])
    p = np.column_stack([p, 1 - p])
    truth = np.array(['a', 'a', 'a', 'b', 'b'])
    area = roc_area(truth, p, labels=('a', 'b'))
    assert_allclose(area, 5 / 6)
    squared = p**2 / (p**2).sum(axis=1, keepdims=True)
    assert_allclose(roc_area(truth, squared, labels=('a', 'b')), area)
    truth, p = sources
    assert roc_area(truth, p, labels=LABELS) > 0.75
    with pytest.raises(ValueError, match=r'truth must have sources of each class, got none of \['):
        roc_area(truth[truth != '2'], p[truth != '2'], labels=LABELS)


def test_sets():
    """Sets are read from text, and hold the truth as often as they do."""
    members = set_members(['1|3', '', '2', '1|2|3'], labels=LABELS)
    assert members.astype(int).tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]]
    truth = ['1', '1', '1', '3']
    assert set_coverage(truth, members, labels=LABELS) == 0.5
    assert set_coverage(truth, members, labels=LABELS, label='3') == 1
    assert_allclose(set_coverage(truth, members, labels=LABELS, label='1'), 1 / 3)
    with pytest.raises(ValueError, match="truth must have at least one source of '2'"):
        set_coverage(truth, members, labels=LABELS, label='2')
    with pytest.raises(ValueError, match=r"sets must hold only the labels .*, got '4'"):
        set_members(['1|4'], labels=LABELS)
    with pytest.raises(ValueError, match=r'is_member must have shape \(4, 3\)'):
        set_coverage(truth, members[:, :2], labels=LABELS)


def test_counts(sources):
    """Sums of true probabilities count the classes, whatever the weights they are true for."""
    truth, p = sources
    pair = {'labels': LABELS, 'counted': ('1', '2')}
    assert_allclose(count_ratio(truth, p, **pair), 1, atol=0.02)
    weights = np.where(truth == '3', 10.0, 1.0)
    assert count_ratio(truth, p, **pair, weights=weights) > 1.5
    shifted = p * [1, 1, 10]
    shifted /= shifted.sum(axis=1, keepdims=True)
    assert_allclose(count_ratio(truth, shifted, **pair, weights=weights), 1, atol=0.03)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'truth': ['1']}, 'probabilities must have shape'),
        ({'truth': ['1', '4']}, 'truth must hold only the labels'),
        ({'probabilities': [[0.5, 0.2, 0.2], [1, 0, 0]]}, 'probabilities must not be negative'),
        ({'counted': ['9']}, 'counted must hold only the labels'),
        ({'weights': [1.0]}, 'weights must have shape'),
        ({'counted': ['3']}, 'truth must have sources of the classes'),
    ],
)
def test_wrong_input(change, message):
    """What does not fit is named."""
    given = {'truth': ['1', '2'], 'probabilities': [[1, 0, 0], [0, 1, 0]], 'counted': ['1']}
    given |= {'weights': None} | change
    with pytest.raises(ValueError, match=message):
        count_ratio(given.pop('truth'), given.pop('probabilities'), labels=LABELS, **given)
