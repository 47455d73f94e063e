# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock clusters of M83, made once.
"""

import numpy as np
import pytest

from starcnn.families.m83_hst.simulator import BACKEND, Options


@pytest.fixture(scope='session')
def options():
    """The options of the paper."""
    return Options()


@pytest.fixture(scope='session')
def parameters(options):
    """Parameters of twelve clusters."""
    return BACKEND.sample(12, options, np.random.default_rng(1))


@pytest.fixture(scope='session')
def mocks(parameters, options):
    """Images and truth of the clusters."""
    return BACKEND.simulate(parameters, options, np.random.default_rng(2))
