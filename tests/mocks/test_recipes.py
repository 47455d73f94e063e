# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.recipes.
"""

from dataclasses import dataclass, replace

import pytest

from starcnn.mocks import encode_bank, make_bank_spec, make_recipe
from starcnn.networks import Images, Parameter, Spec


def make_spec(*, filters=('F336W', 'F438W', 'F814W'), shape=(64, 64), log_age=(6.6, 10.1), **_):
    """Return a spec with an age on a grid and a visibility."""
    images = Images(
        name='images', filters=filters, shape=shape, pixel_scale=0.04, unit='electron / s'
    )
    age = Parameter(name='age', unit='yr', bounds=log_age, log=True, grid=(7.0, 8.0, 9.0))
    seen = Parameter(name='visibility', unit='', bounds=(-1.0, 4.0), log=True)
    return Spec(family='any', variant='small', inputs=(images,), outputs=(age, seen))


@dataclass(frozen=True)
class Augment:
    """
    An augmentation that remembers the options.
    """

    options: object = None

    def for_options(self, options):
        """Return the same for other options."""
        return replace(self, options=options)


def loss(outputs, truth, *, spec):
    """Return which spec it is."""
    return spec.inputs[0].shape


@pytest.fixture
def recipe():
    """Return a recipe for the options of M83."""
    return make_recipe(make_spec, None, loss, augment=Augment(), bank='bank', epochs=3)


def test_recipe(recipe):
    """Names are those of the spec, settings reach the recipe, and mocks are clusters and fields."""
    assert (recipe.name, recipe.variant, recipe.task) == ('any', 'small', 'estimator')
    assert (recipe.epochs, recipe.bank_simulator) == (3, 'bank')
    assert recipe.bank_encode is encode_bank
    assert recipe.loss({}, {}) == (64, 64)


def test_bank_spec():
    """Clusters and fields are apart; the visibility and the grids come later."""
    spec = make_bank_spec(make_spec())
    assert {part.name: part.dimensions[1:] for part in spec.inputs} == {
        **dict.fromkeys(('clusters', 'fields'), (3, 64, 64)),
        **dict.fromkeys(('level', 'scatter', 'flux'), (3,)),
    }
    assert spec.parameters == (replace(make_spec().parameters[0], grid=None),)


def test_other_options(recipe, options):
    """Everything in a recipe follows the options, also a second time."""
    other = replace(options, shape=(32, 48), log_age=(7.0, 9.0))
    for changed in (recipe.for_options(other), recipe.for_options(options).for_options(other)):
        assert changed.spec == make_spec(shape=(32, 48), log_age=(7.0, 9.0))
        assert changed.bank_spec == make_bank_spec(changed.spec)
        assert changed.loss({}, {}) == (32, 48)
        assert changed.augment.options == other
    assert recipe.augment.options is None
    assert recipe.spec == make_spec()
