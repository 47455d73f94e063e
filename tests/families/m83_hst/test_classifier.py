# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.classifier.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.families.m83_hst.classifier import BACKEND, decode
from starcnn.families.m83_hst.spec import DEFAULT, FILTERS, PAPER
from starcnn.flags import FILLED, NO_DATA

PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.5001, 0.4999]], np.float32)


def make():
    """Return three cutouts with positions."""
    sources = QTable({'id': [3, 4, 5], 'x': [1.0, 2.0, 3.0] * u.pix})
    meta = {'filters': FILTERS, 'pixel_scale': 0.04 * u.arcsec, 'sources': sources}
    return NDData(np.ones((3, 3, 64, 64)), unit='electron / s', meta=meta)


@pytest.mark.parametrize('spec', [PAPER, DEFAULT], ids=lambda spec: spec.variant)
def test_decode(spec):
    """Probabilities become classes; what is known about the sources stays."""
    table = decode({'class': PROBABILITIES}, spec, make())
    assert table.colnames == ['id', 'x', 'class', 'prob_background', 'prob_cluster', 'flags']
    assert_array_equal(table['class'], ['background', 'cluster', 'background'])
    assert_allclose(table['prob_cluster'], PROBABILITIES[:, 1])
    assert_array_equal(table['id'], [3, 4, 5])
    assert_array_equal(table['flags'], 0)


def test_no_data():
    """A cutout without data has no probability."""
    data = make()
    data.data[1] = np.nan
    data.data[2, 0, 0, 0] = np.nan
    table = decode({'class': PROBABILITIES}, DEFAULT, data)
    assert_array_equal(table['flags'], [0, FILLED | NO_DATA, FILLED])
    assert_array_equal(np.isnan(table['prob_cluster']), [False, True, False])


def test_same_weights_as_the_estimator():
    """One file has both outputs."""
    from starcnn.families.m83_hst import estimator

    assert BACKEND.name == estimator.BACKEND.name
    assert {file.sha256 for file in BACKEND.weights} <= {
        file.sha256 for file in estimator.BACKEND.weights
    }
