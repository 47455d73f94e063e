# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of recipes for one's own classes and filters.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData

pytestmark = pytest.mark.training


def make(recipe, shape=(4, 2, 24, 24), labels=('x', 'y', 'x', 'y'), **settings):
    """Return a recipe for stamps."""
    from starcnn.train import make_label_recipe

    meta = {'filters': tuple(f'F{k}' for k in range(shape[1]))}
    if 'scale' in settings:
        meta['pixel_scale'] = settings.pop('scale')
    stamps = NDData(np.ones(shape), unit=settings.pop('unit', 'adu'), meta=meta)
    return make_label_recipe(recipe, stamps, np.array(labels), **settings)


def test_pictures(label_recipe):
    """Pictures of one filter without unit or scale are taken whole."""
    recipe = make(label_recipe, (4, 1, 30, 28), unit=None)
    (images,), (classes,) = recipe.spec.inputs, recipe.spec.outputs
    assert (images.filters, images.shape, images.sizes) == (('F0',), (30, 28), None)
    assert (images.unit, images.pixel_scale) == ('', None)
    assert classes.labels == ('x', 'y')
    assert recipe.augment.shape == (30, 28)
    assert recipe.bank_spec.inputs[0].shape == (30, 28)


@pytest.mark.parametrize(
    ('scale', 'shape', 'stored'),
    [(0.04 * u.arcsec, (16, 16), (24, 24)), (0.2 * u.arcsec, (40, 40), (40, 40))],
)
def test_crop(label_recipe, scale, shape, stored):
    """The family's crop is for its pixels; what is stored has room for rotations."""
    recipe = make(label_recipe, (4, 2, 40, 40), scale=scale)
    assert recipe.spec.inputs[0].shape == shape
    assert recipe.bank_spec.inputs[0].shape == stored
    assert make(label_recipe, crop=10, size=12).spec.inputs[0].shape == (10, 10)


def test_size(label_recipe):
    """The side within the network is another one if asked for."""
    recipe = make(label_recipe, size=12)
    assert recipe.network(recipe.spec).scale.size == 12


@pytest.mark.parametrize(
    ('settings', 'error', 'match'),
    [
        ({'labels': ('x',) * 4}, ValueError, 'labels must be two names or more'),
        ({'labels': ('x', 'y|z', 'x', 'x')}, ValueError, "without '|'"),
        ({'labels': ('x', '', 'x', 'x')}, ValueError, 'labels must be two names'),
        ({'labels': ('x', 'y')}, ValueError, r'must be NDData with shape \(2, n_filter'),
        ({'crop': 25}, ValueError, 'crop must be from 1 to the side of the stamps, 24'),
        ({'unit': u.mag}, u.UnitsError, 'must have a linear unit'),
    ],
)
def test_wrong(label_recipe, settings, error, match):
    """What does not fit is refused, with the name of the argument."""
    with pytest.raises(error, match=match):
        make(label_recipe, **settings)


def test_no_filters(label_recipe):
    """Filters have names."""
    from starcnn.train import make_label_recipe

    stamps = NDData(np.ones((2, 1, 8, 8)), unit='adu')
    with pytest.raises(ValueError, match='must have 1 names of filters'):
        make_label_recipe(label_recipe, stamps, np.array(['a', 'b']))


def test_empty_stamp(label_recipe):
    """A stamp without a pixel cannot be trained on."""
    from starcnn.train import make_label_recipe, make_labelled_bank

    data = np.ones((3, 2, 16, 16))
    data[1] = np.nan
    stamps = NDData(data, unit='adu', meta={'filters': ('a', 'b')})
    labels = np.array(['x', 'y', 'x'])
    recipe = make_label_recipe(label_recipe, stamps, labels)
    with pytest.raises(ValueError, match=r'got none in the rows \[1\]'):
        make_labelled_bank(recipe, stamps, labels)
