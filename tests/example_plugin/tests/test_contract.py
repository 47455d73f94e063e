# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The plugin is installed, keeps the contract, and is right.
"""

import numpy as np
import pytest
from starcnn_double import estimator, simulator

from starcnn import Estimator, Simulator
from starcnn.testing import check_backend


@pytest.mark.parametrize('backend', [simulator.BACKEND, estimator.BACKEND])
def test_contract(backend):
    """Both records meet the contract of starcnn."""
    check_backend(backend)


def test_installed():
    """The plugin is found by its entry point."""
    assert 'double_cluster' in Estimator.available()['name']


def test_distance():
    """Distances are right to within their errors."""
    double_clusters = Simulator('double_cluster', n_stars=100)
    stars, truth = double_clusters.simulate(double_clusters.sample(20, rng=1), rng=1)
    result = Estimator('double_cluster').predict(stars)
    truth.sort('cluster')
    error = (result['distance_84'] - result['distance_16']) / 2
    pull = (result['distance'] - truth['distance']) / error
    assert np.abs(pull).max() < 4
