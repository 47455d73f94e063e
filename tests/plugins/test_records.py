# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the records that a family hands over.
"""

from dataclasses import FrozenInstanceError, fields

import pytest
from toy.simulator import BACKEND

from starcnn.plugins import NetworkBackend, Recipe, SimulatorBackend


def test_records_are_frozen():
    """A record does not change."""
    with pytest.raises(FrozenInstanceError):
        BACKEND.name = 'other'


@pytest.mark.parametrize('kind', [NetworkBackend, Recipe, SimulatorBackend])
def test_records_are_keyword_only(kind):
    """A record is made with keywords, all of which are documented."""
    with pytest.raises(TypeError, match='positional'):
        kind('toy')
    for field in fields(kind):
        assert field.kw_only
        assert field.name in kind.__doc__


def test_recipe_defaults():
    """A recipe has defaults for what is usual."""
    recipe = Recipe(name='toy', variant='cnn', task='estimator', spec=None, network=None, loss=None)
    assert recipe.epochs > 0
    assert recipe.augment is None


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        ({'optimizer': 'sgd'}, "optimizer must be one of .'adamw', 'adam'., got 'sgd'"),
        ({'schedule': 'flat'}, 'schedule must be one of'),
        ({'accumulate': 3}, r'accumulate must be at least 1 and divide batch_size \(256\), got 3'),
        ({'accumulate': 0}, 'accumulate must be at least 1'),
        ({'mean_decay': 1.0}, 'mean_decay must be from 0 to below 1, got 1.0'),
        ({'warm_up': -0.1}, 'warm_up must be from 0 to below 1'),
        ({'final_learning_rate': 0.0}, 'final_learning_rate must be above 0 and at most 1'),
    ],
)
def test_recipe_errors(changes, text):
    """Settings that cannot be are refused where they are made."""
    with pytest.raises(ValueError, match=text):
        Recipe(name='toy', variant='cnn', task='a', spec=None, network=None, loss=None, **changes)
