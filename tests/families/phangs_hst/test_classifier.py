# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the classifier of stamps, with a file that is put together by hand.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn import Classifier
from starcnn.families.phangs_hst.classifier import BACKEND, encode_bank
from starcnn.families.phangs_hst.spec import FILTERS, make_bank_spec, make_spec
from starcnn.flags import FILLED, NO_DATA

SPEC = make_spec('by_hand')
encode = BACKEND.encode
META = {'filters': FILTERS, 'pixel_scale': 0.04 * u.arcsec}


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    """A network whose logits are the colours between the filters, at the brightest pixel."""
    onnx = pytest.importorskip('onnx')
    helper = onnx.helper
    part = replace(
        SPEC.outputs[0],
        prevalence=(0.2, 0.2, 0.2, 0.4),
        conformal=((0.9, 0.3, 0.2),) * 4,
    )
    spec = replace(SPEC, outputs=(part,))
    nodes = [
        helper.make_node('IsNaN', ['images'], ['bad']),
        helper.make_node('Where', ['bad', 'zero', 'images'], ['clean']),
        helper.make_node('ReduceMax', ['clean', 'axes'], ['peak'], keepdims=0),
        helper.make_node('ReduceMax', ['peak', 'last'], ['largest'], keepdims=1),
        helper.make_node('Div', ['peak', 'largest'], ['colours']),
        helper.make_node('MatMul', ['colours', 'matrix'], ['logits']),
        helper.make_node('Softmax', ['logits'], ['class'], axis=1),
    ]
    constants = {
        'zero': np.float32(0),
        'axes': np.array([2, 3]),
        'last': np.array([1]),
        'matrix': 6 * np.eye(5, 4, dtype=np.float32),
    }
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        'by_hand',
        [helper.make_tensor_value_info('images', kind, ['n', 5, 'ny', 'nx'])],
        [helper.make_tensor_value_info('class', kind, ['n', 4])],
        [onnx.numpy_helper.from_array(np.asarray(x), name) for name, x in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    helper.set_model_props(model, {'starcnn_spec': spec.to_json()})
    path = tmp_path_factory.mktemp('weights') / 'by_hand.onnx'
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def classifier(plugin_manager, path):
    """The classifier with this file."""
    return Classifier(BACKEND, weights=path)


def make_stamps(side=60, filters=FILTERS, **meta):
    """Return four stamps: each is the brightest in another filter, at the centre."""
    rng = np.random.default_rng(3)
    images = rng.normal(0, 0.01, (4, len(filters), side, side))
    images[:, :, side // 2, side // 2] = 5
    bright = np.arange(min(4, len(filters)))
    images[bright, bright, side // 2, side // 2] = 10
    return NDData(images, unit='electron / s', meta=META | {'filters': filters} | meta)


def test_columns(classifier):
    """The table has classes, probabilities, entropy and the set with 90 %."""
    result = classifier.predict(make_stamps())
    names = ['id', 'class', *(f'prob_{k}' for k in range(1, 5)), 'entropy', 'classes_90', 'flags']
    assert result.colnames == names
    assert result['class'].tolist() == ['1', '2', '3', '4']
    p = np.stack([result[f'prob_{k}'] for k in range(1, 5)], axis=1)
    assert_allclose(result['entropy'], -(p * np.log(p)).sum(axis=1))
    assert_array_equal(result['flags'], 0)
    assert len(result.meta['SHA256']) == 64


def test_sets(classifier):
    """Three held out sources are too few for 90 %, and enough for 75 and 50 %."""
    result = classifier.predict(make_stamps(), confidence=(0.9, 0.75, 0.5))
    assert result['classes_90'].tolist() == ['1|2|3|4'] * 4
    assert result['classes_75'].tolist() == ['1', '2', '3', '4']
    assert result['classes_50'].tolist() == ['1', '2', '3', '4']
    assert result.colnames[-4:] == ['classes_90', 'classes_75', 'classes_50', 'flags']
    assert classifier.predict(make_stamps(), confidence=0.995).colnames[-2] == 'classes_99.5'


def test_prevalence(classifier):
    """Other fractions change classes and probabilities, and the sets stay."""
    before = classifier.predict(make_stamps(), confidence=0.75)
    shares = {'1': 0.001, '2': 0.001, '3': 0.001, '4': 0.997}
    result = classifier.predict(make_stamps(), confidence=0.75, prevalence=shares)
    assert result['class'].tolist() == ['4'] * 4
    odds = [t['prob_1'][0] / t['prob_4'][0] for t in (before, result)]
    assert odds[1] / odds[0] == pytest.approx((0.001 / 0.997) / (0.2 / 0.4))
    assert result['classes_75'].tolist() == before['classes_75'].tolist()
    assert result.meta['PREVAL'] == '1=0.001, 2=0.001, 3=0.001, 4=0.997'
    same = {'1': 0.2, '2': 0.2, '3': 0.2, '4': 0.4}
    assert_allclose(classifier.predict(make_stamps(), prevalence=same)['prob_2'], before['prob_2'])


def test_brightness_does_not_matter(classifier):
    """Ten times the light gives the same classes."""
    stamps = make_stamps()
    brighter = NDData(10 * stamps.data, unit=stamps.unit, meta=stamps.meta)
    first, second = classifier.predict(stamps), classifier.predict(brighter)
    assert_array_equal(first['class'], second['class'])


@pytest.mark.parametrize('side', [25, 50, 100])
def test_sizes(classifier, side):
    """Stamps of 25 to 100 pixels are taken; others are not."""
    assert classifier.predict(make_stamps(side))['class'].tolist() == ['1', '2', '3', '4']
    with pytest.raises(ValueError, match='sides of 25 to 100 pixels'):
        classifier.predict(make_stamps(24))


@pytest.mark.parametrize('side', [50, 51, 75, 100])
def test_middle_is_cut(side):
    """Of larger stamps the middle goes into the network, with the mask."""
    stamps = make_stamps(side)
    array = encode(stamps, SPEC)['images']
    low = (side - 50) // 2
    assert_allclose(array, stamps.data[:, :, low : low + 50, low : low + 50], rtol=1e-6)
    stamps.mask = np.zeros(stamps.data.shape, bool)
    stamps.mask[:, :, side // 2, side // 2] = True
    assert encode(stamps, SPEC)['images'].max() < 1


def test_twins():
    """Filters of ACS stand for those of WFC3; both at once are too many."""
    names = ('F275W', 'F336W', 'F435W', 'F606W', 'F814W')
    assert_array_equal(
        encode(make_stamps(filters=names), SPEC)['images'], encode(make_stamps(), SPEC)['images']
    )
    with pytest.raises(ValueError, match='filter'):
        encode(make_stamps(filters=(*names, 'F438W')), SPEC)


def test_one_missing_filter(classifier):
    """One filter may be missing, for all or for some; the flag says so."""
    stamps = make_stamps(filters=FILTERS[:4])
    result = classifier.predict(stamps)
    assert_array_equal(result['flags'], FILLED)
    assert np.isnan(encode(stamps, SPEC)['images'][:, 4]).all()
    stamps = make_stamps()
    stamps.data[1, 0] = np.nan
    stamps.data[2, :2] = np.nan
    result = classifier.predict(stamps)
    assert_array_equal(result['flags'], [0, FILLED, FILLED | NO_DATA, 0])
    assert result['class'][2] == ''
    assert result['classes_90'][2] == ''
    assert np.isnan(result['entropy'][2])


def test_two_missing_filters():
    """More is refused, with the names."""
    with pytest.raises(ValueError, match=r"at least 4 of the filters .*got \['F275W', 'F336W'"):
        encode(make_stamps(filters=FILTERS[:3]), SPEC)


def test_own_columns(classifier):
    """Columns with the names of results keep another name; the table given is not changed."""
    table = QTable({'id': [5, 6, 7, 8], 'class': ['1', '2', '1', '4']})
    result = classifier.predict(make_stamps(sources=table))
    assert result.colnames[:3] == ['id', 'class_given', 'class']
    assert result['class_given'].tolist() == ['1', '2', '1', '4']
    assert table.colnames == ['id', 'class']


def test_taken_name(classifier):
    """A column with the name of a set of classes is refused."""
    table = QTable({'classes_90': ['x'] * 4})
    with pytest.raises(ValueError, match="names of results, got \\['classes_90'\\]"):
        classifier.predict(make_stamps(sources=table))


@pytest.mark.parametrize(
    ('settings', 'match'),
    [
        ({'confidence': 2}, 'confidence must be a number between'),
        ({'prevalence': {'1': 1}}, 'prevalence must name the classes'),
    ],
)
def test_wrong_settings(classifier, settings, match):
    """Settings are checked."""
    with pytest.raises(ValueError, match=match):
        classifier.predict(make_stamps(), **settings)


def test_bank():
    """What is stored is in units of the largest pixel, in half precision; missing stays NaN."""
    stamps = make_stamps(100)
    stamps.data[0, 1] = np.nan
    spec = make_bank_spec(SPEC)
    array = encode_bank(stamps, spec)['stamps']
    assert array.dtype == np.float16
    assert array.shape == (4, 5, 75, 75)
    assert_allclose(array[1].max(axis=(1, 2)), 1)
    assert np.isnan(array[0, 1]).all()
    assert encode_bank(make_stamps(60), spec)['stamps'].shape == (4, 5, 60, 60)


@pytest.mark.parametrize('unit', [None, ''])
def test_pictures(unit):
    """A network that was trained on pictures without a unit takes such."""
    part = replace(
        SPEC.inputs[0], filters=('g',), shape=(30, 30), pixel_scale=None, unit='', sizes=None
    )
    spec = replace(SPEC, inputs=(part,))
    data = NDData(np.ones((2, 1, 40, 40), np.uint8), unit=unit, meta={'filters': ('g',)})
    assert encode(data, spec)['images'].shape == (2, 1, 30, 30)
    with pytest.raises(u.UnitsError, match='must have a unit'):
        encode(make_unitless(), SPEC)


def make_unitless():
    """Return stamps in five filters without a unit."""
    stamps = make_stamps()
    return NDData(stamps.data, meta=stamps.meta)
