# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock clusters that the tests of the family share.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from starcnn.families.gaia_cmd.simulator import Options, simulate


@pytest.fixture(scope='session')
def mocks():
    """Member stars and truth of five mock clusters of 40 to 300 stars."""
    parameters = QTable(
        {
            'age': [2e7, 1e8, 5e8, 2e9, 6e9] * u.yr,
            'a_v': [1.5, 0.2, 0.8, 2.5, 0.4] * u.mag,
            'distance': [2200, 500, 1200, 3000, 1800] * u.pc,
            'n_stars': [40, 150, 300, 80, 200],
            'contamination': [0.0, 0.1, 0.3, 0.2, 0.0],
            'ra': [35, 10, 359.99, 120, 200] * u.deg,
            'dec': [57, -80, 0, 30, -40] * u.deg,
        }
    )
    return simulate(parameters, Options(), np.random.default_rng(1))


@pytest.fixture
def members(mocks):
    """A copy of the member stars."""
    return mocks[0].copy()
