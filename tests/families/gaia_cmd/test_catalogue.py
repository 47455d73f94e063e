# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.catalogue.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from starcnn.exceptions import DataFileError
from starcnn.families.gaia_cmd.catalogue import N_FOLDS, find_data, fold_of, read_catalogue


@pytest.fixture
def folder(tmp_path):
    """A folder with two labelled clusters, and stars of these and another."""
    (tmp_path / 'gaia').mkdir()
    labels = Table({'cluster': ['B_2', 'A_1'], 'log_age': [8.0, 9.0], 'a_v': [1.0, 0.5],
                    'dm': [10.0, 12.5]})  # fmt: skip
    labels.write(tmp_path / 'gaia/open_clusters_cg2020_labels.csv')
    stars = Table({'cluster': ['B_2', 'C_3', 'A_1', 'B_2']})
    for name in ('phot_g_mean_mag', 'phot_bp_mean_mag', 'phot_rp_mean_mag', 'parallax'):
        stars[name] = np.array([1, 2, 3, 4], dtype=np.float32)
    stars['prob_member'] = [0.5, 1.0, np.nan, 1.0]
    stars.write(tmp_path / 'gaia/open_clusters_cg2020_members.fits.xz', format='fits')
    return tmp_path


def test_read_catalogue(folder):
    """Labels are in linear units, sorted by name, and stars are those of labelled clusters."""
    members, labels = read_catalogue(folder)
    assert labels['cluster'].tolist() == ['A_1', 'B_2']
    np.testing.assert_allclose(labels['age'].to_value(u.yr), [1e9, 1e8])
    np.testing.assert_allclose(labels['distance'].to_value(u.pc), [10**3.5, 1000])
    assert labels['a_v'].unit == u.mag
    assert members['cluster'].tolist() == ['A_1', 'B_2', 'B_2']
    assert members['parallax'].to_value(u.mas).tolist() == [3, 1, 4]
    assert np.isnan(members['prob_member'][0])


def test_find_data(folder, tmp_path, monkeypatch):
    """The folder is given, or named by the environment; what is missing is said."""
    monkeypatch.delenv('STARCNN_DATA_DIR', raising=False)
    with pytest.raises(DataFileError, match='STARCNN_DATA_DIR must name the folder of real data'):
        find_data()
    assert find_data(str(folder)) == folder
    monkeypatch.setenv('STARCNN_DATA_DIR', str(folder))
    assert find_data() == folder
    with pytest.raises(DataFileError, match=r'must hold gaia/open_clusters_cg2020_labels\.csv'):
        find_data(tmp_path / 'gaia')


def test_folds_do_not_change():
    """The fold of a cluster depends on its name alone, as the weights were trained."""
    names = [f'NGC_{n}' for n in range(1, 2001)]
    folds = fold_of(names)
    np.testing.assert_array_equal(fold_of(names[::-1]), folds[::-1])
    counts = np.bincount(folds, minlength=N_FOLDS)
    assert len(counts) == N_FOLDS
    assert np.abs(counts - 400).max() < 60
    assert fold_of(['NGC_188', 'NGC_869', 'IC_4651', 'NGC_7789']).tolist() == [1, 1, 2, 2]
