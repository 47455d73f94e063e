# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the description of networks.
"""

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from starcnn.networks import Classes, Features, Grid, Images, Map, Parameter, Spec, Stars

AGE = Parameter(name='age', unit='yr', bounds=(6.0, 10.0), log=True)


def test_round_trip(specs, joint_spec):
    """Every kind of part survives JSON, also with another order of keys."""
    maps = Spec(
        family='toy',
        variant='map',
        inputs=(replace(specs['cnn'].inputs[0], pixel_scale=None),),
        outputs=(Map(name='mass_map', unit='solMass / pix', shape=(4, 5)),),
    )
    for spec in (*specs.values(), joint_spec, maps):
        text = spec.to_json()
        assert Spec.from_json(text) == spec
        backwards = json.dumps(dict(reversed(json.loads(text).items())))
        assert Spec.from_json(backwards).to_json() == text
        assert json.loads(text)['schema'] == 1


def test_dimensions(specs, joint_spec):
    """The dimensions of every part are those of its tensor."""
    dimensions = [part.dimensions for part in joint_spec.outputs]
    assert dimensions == [(None, 9, 3), (None, 3, 6), (None, 2), (None, 3)]
    assert specs['cnn'].inputs[0].dimensions == (None, 3, 9, 11)
    assert specs['set'].inputs[0].dimensions == (None, None, 3)
    assert specs['dense'].inputs[0].dimensions == (None, 7)
    assert specs['dense'].outputs[0].dimensions == (None, 5)
    assert Map(name='m', unit='', shape=(4, 5)).dimensions == (None, 4, 5)


def test_parameters(specs, joint_spec):
    """The parameters of all outputs are listed in order; classes have none."""
    names = [parameter.name for parameter in joint_spec.parameters]
    assert names == ['age', 'a_v', 'distance', 'feh', 'mass', 'r_h']
    assert specs['dense'].parameters == ()


def test_frozen(specs):
    """A spec does not change."""
    with pytest.raises(FrozenInstanceError):
        specs['cnn'].family = 'other'


def test_names(specs):
    """Two tensors of one name raise."""
    with pytest.raises(ValueError, match=r"must have different names, got \['x', 'x'\]"):
        replace(specs['dense'], outputs=(Classes(name='x', labels=('a', 'b')),))


@pytest.mark.parametrize(
    'make',
    [
        lambda: replace(AGE, unit='years ago'),
        lambda: Map(name='m', unit='?', shape=(1, 1)),
        lambda: Images(name='i', filters=('F',), shape=(1, 1), pixel_scale=1.0, unit='e-e'),
        lambda: Features(name='x', columns=('a',), units=('stars!',), bounds=((0, 1),)),
    ],
)
def test_units(make):
    """Units that astropy does not read raise."""
    with pytest.raises(ValueError, match='must be unit strings that astropy reads, got'):
        make()


def test_columns():
    """Units and bounds are given for each column."""
    with pytest.raises(ValueError, match=r"units of 'x' must have one entry per column \(2\)"):
        Features(name='x', columns=('a', 'b'), units=('',), bounds=((0, 1), (0, 1)))
    with pytest.raises(ValueError, match=r"bounds of 's' must have one entry .* \(1\), got 0"):
        Stars(name='s', columns=('a',), units=('',), bounds=(), n_max=3)


def test_grids():
    """Grids increase, and joint ones have a grid per parameter."""
    with pytest.raises(ValueError, match="grid of 'age' must be increasing"):
        replace(AGE, grid=(7.0, 6.0))
    with pytest.raises(ValueError, match="parameter 'age' of grid 'g' must have a grid"):
        Grid(name='g', parameters=(AGE,))


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        (lambda value: value | {'schema': 2}, 'schema of a spec must be 1, got 2'),
        (lambda value: [value], 'schema of a spec must be 1'),
        (lambda value: {'schema': 1}, r"missing are \['family', 'inputs', 'outputs', 'variant'\]"),
        (
            lambda value: value | {'inputs': [{'kind': 'cube'}]},
            r"kind of a part must be one of \['features', 'images', 'stars'\], got 'cube'",
        ),
        (
            lambda value: value | {'outputs': [value['outputs'][0] | {'colour': 'red'}]},
            "a part of kind 'classes' must have the fields of Classes",
        ),
    ],
)
def test_other_json(specs, change, match):
    """JSON of another schema, or with unknown or missing parts, raises."""
    value = json.loads(specs['dense'].to_json())
    with pytest.raises(ValueError, match=match):
        Spec.from_json(json.dumps(change(value)))


def test_not_json():
    """What is not JSON raises."""
    with pytest.raises(ValueError, match='text must be JSON'):
        Spec.from_json('{')


def test_additions_are_left_out():
    """Fields that are `None` are not written, so that files of before stay as they are."""
    images = Images(name='i', filters=('V',), shape=(9, 9), pixel_scale=0.1, unit='Jy')
    classes = Classes(name='class', labels=('a', 'b'))
    assert set(images.to_dict()) == {'kind', 'name', 'filters', 'shape', 'pixel_scale', 'unit'}
    assert set(classes.to_dict()) == {'kind', 'name', 'labels'}


def test_sizes_and_calibration_travel():
    """Sizes of images, prevalence and conformal probabilities come back from JSON."""
    images = Images(
        name='i', filters=('V',), shape=(9, 9), pixel_scale=0.1, unit='Jy', sizes=(5, 20)
    )
    classes = Classes(
        name='class', labels=('a', 'b'), prevalence=(0.3, 0.7), conformal=((0.9, 0.1), (0.8,))
    )
    spec = Spec(family='f', variant='v', inputs=(images,), outputs=(classes,))
    assert Spec.from_json(spec.to_json()) == spec
    assert images.dimensions == (None, 1, None, None)


@pytest.mark.parametrize('sizes', [(10, 20), (0, 9), (5, 8), (5,)])
def test_wrong_sizes(sizes):
    """The shape is between the sizes."""
    with pytest.raises(ValueError, match="sizes of 'i' must be"):
        Images(name='i', filters=('V',), shape=(9, 9), pixel_scale=0.1, unit='Jy', sizes=sizes)


@pytest.mark.parametrize(
    ('field', 'match'),
    [
        ({'prevalence': (1.0,)}, 'one entry for each'),
        ({'prevalence': (0.5, 0.6)}, 'sum to one'),
        ({'prevalence': (0.0, 1.0)}, 'above zero'),
        ({'conformal': ((0.5,),)}, 'one entry for each'),
        ({'conformal': ((0.1, 0.5), (0.5,))}, 'the largest first'),
        ({'conformal': ((1.5,), (0.5,))}, 'must be probabilities'),
    ],
)
def test_wrong_calibration(field, match):
    """What is known of classes is a probability for each of them."""
    with pytest.raises(ValueError, match=match):
        Classes(name='class', labels=('a', 'b'), **field)
