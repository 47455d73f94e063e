# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of training on labelled stamps.
"""

import json

import numpy as np
import pytest

from starcnn.networks import Network

pytestmark = pytest.mark.training


@pytest.fixture(scope='module')
def result(label_recipe, labelled_stamps, tmp_path_factory):
    """A training on the stamps, with two members."""
    from starcnn.train import fit_labels

    stamps, labels, groups = labelled_stamps
    return fit_labels(
        label_recipe,
        stamps,
        labels,
        groups=groups,
        start='random',
        members=2,
        epochs=6,
        output=tmp_path_factory.mktemp('labelled'),
    )


def test_learns(result):
    """A problem that is easy is solved, and the scores are of stamps that were held out."""
    assert result.training['scores']['accuracy'] == 1.0
    assert result.training['scores']['roc_auc'] == 1.0
    assert result.training['n_held_out'] == len(result.held_out) == 12
    assert result.training['n_train'] == 48


def test_groups_are_not_divided(result, labelled_stamps):
    """No galaxy is both trained on and held out."""
    _, _, groups = labelled_stamps
    held = set(groups[result.held_out])
    assert not held & set(np.delete(groups, result.held_out))


def test_spec(result):
    """The spec has the classes in the recipe's order, and what calibration found."""
    (images,), (classes,) = result.spec.inputs, result.spec.outputs
    assert classes.labels == ('round', 'long')
    assert classes.prevalence == (0.5, 0.5)
    assert [len(x) for x in classes.conformal] == [6, 6]
    assert images.shape == (16, 16)
    assert images.sizes is None


def test_export(result, tmp_path):
    """The file gives the probabilities of the network, and tells how it was trained."""
    result.export(tmp_path / 'own-1.0.0.onnx')
    network = Network(tmp_path / 'own-1.0.0.onnx')
    assert network.spec == result.spec
    for name in ('recipe', 'seed', 'device', 'starcnn', 'scores', 'start', 'members', 'data'):
        assert name in network.training
    assert json.dumps(network.training)
    outputs = network.run(result.examples)
    assert outputs['class'].shape == (12, 2)


def test_time_is_up(label_recipe, labelled_stamps, tmp_path):
    """Without time there is no network; the same call goes on to the same weights."""
    from starcnn.train import fit_labels

    stamps, labels, _ = labelled_stamps
    settings = {'start': 'random', 'epochs': 3, 'output': tmp_path / 'a'}
    begun = fit_labels(label_recipe, stamps, labels, max_seconds=0, **settings)
    assert begun.network is None
    ended = fit_labels(label_recipe, stamps, labels, **settings)
    settings['output'] = tmp_path / 'b'
    whole = fit_labels(label_recipe, stamps, labels, **settings)
    for name, values in whole.network.state_dict().items():
        np.testing.assert_array_equal(ended.network.state_dict()[name], values)


def test_calibrate_on_mocks(label_recipe, labelled_stamps, tmp_path):
    """Of a bank one half calibrates, and the other is scored."""
    from starcnn.train import calibrate_on_mocks, fit, make_label_recipe, make_labelled_bank

    stamps, labels, _ = labelled_stamps
    recipe = make_label_recipe(label_recipe, stamps, labels)
    bank = make_labelled_bank(recipe, stamps, labels)
    network = fit(recipe, bank, output=tmp_path, epochs=6, validation=None).network
    ensemble, spec, scores = calibrate_on_mocks(network, recipe, bank)
    assert scores['accuracy'] == 1.0
    assert [len(x) for x in spec.outputs[0].conformal] == [15, 15]
    assert float(ensemble.temperature) < 1  # all were right: it could be more certain


@pytest.mark.parametrize('fraction', [0, 0.6, -1])
def test_wrong_fraction(label_recipe, labelled_stamps, tmp_path, fraction):
    """Not more than half of the stamps is held out."""
    from starcnn.train import fit_labels

    stamps, labels, _ = labelled_stamps
    with pytest.raises(ValueError, match='calibration must be a fraction above 0'):
        fit_labels(label_recipe, stamps, labels, output=tmp_path, calibration=fraction)
