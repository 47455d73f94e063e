# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.held_out.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from starcnn.exceptions import DataFileError
from starcnn.families.gaia_cmd import held_out
from starcnn.families.gaia_cmd.catalogue import N_FOLDS, fold_of
from starcnn.families.gaia_cmd.estimator import decode
from starcnn.families.gaia_cmd.held_out import fold_weights, predict_held_out
from starcnn.families.gaia_cmd.spec import ANN
from starcnn.files import DataFile
from starcnn.networks import Posterior

NAMES = np.array([f'NGC_{n}' for n in range(1, 31)])


class Fixed:
    """An estimator that says the number of its fold for A_V of every cluster."""

    def __init__(self, fold):
        self.fold = fold
        self.seen = []

    def outputs(self, n):
        """The outputs for ``n`` clusters."""
        means = {'age': 8.0, 'a_v': self.fold, 'distance': 3.0}
        return {name: np.tile(np.float32([mean, 0.1]), (n, 1)) for name, mean in means.items()}

    def predict(self, stars):
        """The table, and a note of the clusters."""
        self.seen += list(dict.fromkeys(stars['cluster'].tolist()))
        return decode(self.outputs(len(set(stars['cluster']))), ANN, stars)

    def posterior(self, stars):
        """The posterior."""
        return Posterior.from_outputs(self.outputs(len(set(stars['cluster']))), ANN)


@pytest.fixture
def catalogue():
    """One star of each of thirty clusters, shuffled, and labels that say their own fold."""
    rng = np.random.default_rng(1)
    members = QTable({'cluster': rng.permutation(NAMES)})
    for band, shift in (('g', 0), ('bp', 0.5), ('rp', -0.5)):
        members[f'phot_{band}_mean_mag'] = np.full(30, 12 + shift) * u.mag
    members['parallax'] = np.ones(30) * u.mas
    labels = QTable(
        {
            'cluster': NAMES,
            'age': np.full(30, 1e8) * u.yr,
            'a_v': fold_of(NAMES).astype(float) * u.mag,
            'distance': np.full(30, 1000) * u.pc,
        }
    )
    return members, labels


def test_each_cluster_is_seen_by_its_fold_alone(catalogue):
    """Labels and estimates belong together, whatever the order of the members."""
    estimators = [Fixed(fold) for fold in range(N_FOLDS)]
    found = predict_held_out(estimators, *catalogue)
    assert sorted(found.truth['cluster']) == sorted(NAMES)
    assert found.truth['cluster'].tolist() == found.found['cluster'].tolist()
    np.testing.assert_allclose(found.found['a_v'], found.truth['a_v'], atol=1e-6 * u.mag)
    for fold, estimator in enumerate(estimators):
        assert sorted(estimator.seen) == sorted(NAMES[fold_of(NAMES) == fold])


def test_axes(catalogue):
    """Everything is on the axes that are scored, in their units."""
    found = predict_held_out([Fixed(fold) for fold in range(N_FOLDS)], *catalogue)
    np.testing.assert_allclose(found.truth['log_age'], 8)
    np.testing.assert_allclose(found.truth['distance'].to_value(u.kpc), 1)
    np.testing.assert_allclose(found.truth['distance_modulus'].to_value(u.mag), 10)
    np.testing.assert_allclose(found.found['log_age_84'], 8.0994, atol=1e-3)
    np.testing.assert_allclose(found.found['distance_modulus_84'].value, 10.497, atol=1e-3)
    assert set(found.pit) == set(found.draws) == {'log_age', 'a_v', 'distance_modulus'}
    np.testing.assert_allclose(found.pit['log_age'], 0.5, atol=1e-6)
    assert found.draws['log_age'].shape == (30, 500)
    np.testing.assert_allclose(found.draws['distance_modulus'].mean(), 10, atol=0.02)
    np.testing.assert_allclose(found.draws['log_age'].std(axis=1), 0.1, atol=0.02)


def test_fold_weights(monkeypatch, tmp_path):
    """The weights of all folds of the first version of a variant, in order."""
    files = {
        tag: DataFile(tag=tag, file=f'{tag}.onnx', sha256='0' * 64, size=1)
        for tag in ('set-1.1.0', *(f'set-1.1.0-fold{k}' for k in range(N_FOLDS)), 'ann-1.0.0')
    }

    class Backend:
        weights = (files['set-1.1.0'], files['ann-1.0.0'])

    monkeypatch.setattr(held_out, 'BACKEND', Backend)
    monkeypatch.setattr(held_out, 'read_files', lambda package, kind: tuple(files.values()))
    monkeypatch.setattr(held_out, 'open_file', lambda file: tmp_path / file.file)
    expected = [f'set-1.1.0-fold{k}.onnx' for k in range(N_FOLDS)]
    assert [path.name for path in fold_weights('set')] == expected
    for variant in ('ann', 'other'):
        with pytest.raises(DataFileError, match=f"all folds, got '{variant}'"):
            fold_weights(variant)
