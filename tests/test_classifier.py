# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the classifier.
"""

from copy import deepcopy

import numpy as np
import pytest

from starcnn import Classifier, Simulator
from starcnn._contract_compare import is_same
from starcnn.flags import NO_DATA
from starcnn.networks import _stacks


@pytest.fixture
def mocks(plugin_manager):
    """Images of twenty toy sources, and their truth."""
    simulator = Simulator('toy')
    return simulator.simulate(simulator.sample(20, rng=1), rng=1)


def test_available(plugin_manager):
    """The table of classifiers has the tags of the weights."""
    table = Classifier.available()
    assert table.colnames == ['name', 'weights', 'summary', 'reference']
    assert table['weights'][table['name'] == 'toy'].tolist() == ['dense-1.0.0']


def test_predict(mocks):
    """Classes are right, and probabilities sum to one."""
    images, truth = mocks
    result = Classifier('toy').predict(images)
    assert result.colnames == ['id', 'class', 'prob_cluster', 'prob_star', 'entropy', 'flags']
    assert result['class'].tolist() == truth['class'].tolist()
    np.testing.assert_allclose(result['prob_cluster'] + result['prob_star'], 1, rtol=1e-6)
    assert result.meta['WEIGHTS'] == 'dense-1.0.0'


def test_nan(mocks):
    """A source of NaN has no class and is flagged."""
    images, _ = mocks
    images.data[3] = np.nan
    result = Classifier('toy').predict(images)
    assert np.flatnonzero(result['flags'] == NO_DATA).tolist() == [3]
    assert result['class'][3] == ''
    assert np.isnan(result['prob_star'][3])


def test_nothing_changes(mocks):
    """Classifying changes neither the classifier nor its data."""
    images, _ = mocks
    classifier = Classifier('toy')
    before, state = deepcopy(images), dict(vars(classifier))
    classifier.predict(images)
    assert is_same(images, before)
    assert vars(classifier) == state


def test_repr(plugin_manager):
    """The representation names backend and weights."""
    assert repr(Classifier('toy')) == '<Classifier toy with dense-1.0.0>'


def test_pieces(mocks, monkeypatch):
    """Many sources are classified piece by piece, with the same numbers."""
    images, _ = mocks
    classifier = Classifier('toy')
    expected = classifier.predict(images)
    monkeypatch.setattr(_stacks, 'PIECE', 2)
    assert is_same(classifier.predict(images), expected)
