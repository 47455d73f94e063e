# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of folds.
"""

import numpy as np
import pytest

pytestmark = pytest.mark.training


@pytest.mark.parametrize('calibration', [0.2, 0])
def test_folds(label_recipe, labelled_stamps, tmp_path, calibration):
    """Each stamp is tested once, by a network that has not seen its galaxy."""
    from starcnn.train import cross_validate

    stamps, labels, groups = labelled_stamps
    scores, predictions = cross_validate(
        label_recipe,
        stamps,
        labels,
        groups=groups,
        n_folds=5,
        start='random',
        epochs=4,
        calibration=calibration,
        output=tmp_path,
    )
    assert scores['fold'].tolist() == [0, 1, 2, 3, 4]
    assert scores['n_test'].sum() == 60
    assert (scores['n_train'] == 60 - scores['n_test']).all()
    assert scores['accuracy'].min() == 1
    assert scores.meta['accuracy'] == 1
    assert scores.meta['start'] == 'random'
    assert predictions['label'].tolist() == labels.tolist()
    assert predictions['class'].tolist() == labels.tolist()
    for group in range(10):
        assert len(set(predictions['fold'][groups == group])) == 1
    total = predictions['prob_round'] + predictions['prob_long']
    np.testing.assert_allclose(total, 1, rtol=1e-5)


def test_wrong_labels_are_not_learnt(label_recipe, labelled_stamps, tmp_path):
    """Labels that say nothing of the stamps give no better than chance: nothing leaks."""
    from starcnn.train import cross_validate

    stamps, labels, groups = labelled_stamps
    mixed = np.random.default_rng(3).permutation(labels)
    scores, _ = cross_validate(
        label_recipe, stamps, mixed, groups=groups, start='random', epochs=4, output=tmp_path
    )
    assert 0.2 < scores.meta['roc_auc'] < 0.8
