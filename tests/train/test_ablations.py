# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of ablations.
"""

import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import Table

pytestmark = pytest.mark.training


def test_filters():
    """A classifier that looks at one filter loses everything without it, and nothing else does."""
    from starcnn.train import ablate_filters

    labels = np.array(['a', 'b'] * 10)
    data = np.zeros((20, 3, 4, 4))
    data[:, 1] = (labels == 'b')[:, None, None]
    stamps = NDData(data, unit='adu', meta={'filters': ('U', 'V', 'I')})

    def predict(stamps):
        p = np.nan_to_num(stamps.data[:, 1].mean(axis=(1, 2)), nan=0.0) * 0.8 + 0.1
        return Table({'prob_a': 1 - p, 'prob_b': p})

    table = ablate_filters(predict, stamps, labels)
    assert table['missing'].tolist() == ['', 'U', 'V', 'I']
    assert table['accuracy'].tolist() == [1, 1, 0.5, 1]
    assert table['drop'].tolist() == [0, 0, 0.5, 0]
    assert table['n'].tolist() == [20] * 4
    assert np.isfinite(data).all()


def test_crops(label_recipe, labelled_stamps, tmp_path):
    """There is a row of scores for each crop."""
    from starcnn.train import ablate_crops

    stamps, labels, groups = labelled_stamps
    table = ablate_crops(
        label_recipe,
        stamps,
        labels,
        groups=groups,
        crops=(8, 16),
        n_folds=2,
        start='random',
        epochs=4,
        output=tmp_path,
    )
    assert table['crop'].tolist() == [8, 16]
    assert table['accuracy'][1] > 0.9
    assert {'roc_auc', 'log_loss', 'accuracy_round'} <= set(table.colnames)


def test_labellers(label_recipe, labelled_stamps, tmp_path):
    """Labels of one who exchanges both classes are learnt, and fail against the others."""
    from starcnn.train import ablate_labellers

    stamps, labels, groups = labelled_stamps
    other = np.where(labels == 'round', 'long', 'round')
    table = ablate_labellers(
        label_recipe,
        stamps,
        {'one': labels, 'other': other},
        groups=groups,
        start='random',
        epochs=4,
        output=tmp_path,
    )
    pairs = list(zip(table['trained'], table['tested'], strict=True))
    assert pairs == [('one', 'one'), ('one', 'other'), ('other', 'one'), ('other', 'other')]
    assert table['accuracy'].tolist() == [1, 0, 0, 1]
    with pytest.raises(ValueError, match='same classes for all'):
        ablate_labellers(
            label_recipe, stamps, {'a': labels, 'b': ['x'] * 60}, output=tmp_path / 'x'
        )
