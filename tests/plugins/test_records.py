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
