# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of reddening.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.sky import Photometry, extinction_ratio, redden

from .conftest import TABLES


@pytest.fixture
def stars():
    """
    Two stars of different colours.
    """
    return QTable({'log_teff': [4.2, 3.6], 'Gaia_G': [0.0, 5.0] * u.mag, 'Gaia_RP': [0, 4] * u.mag})


def test_redden_adds_the_extinction(stars, photometry):
    """Magnitudes grow by the extinction of each star, and the input is left alone."""
    out = redden(stars, 1 * u.mag, photometry, law='F19')
    expected = photometry.extinction(stars['log_teff'], 1 * u.mag, law='F19')
    assert_allclose((out['Gaia_G'] - stars['Gaia_G']).value, expected[:, 0].value)
    assert_allclose((out['Gaia_RP'] - stars['Gaia_RP']).value, expected[:, 2].value)
    assert out.colnames == stars.colnames
    assert stars['Gaia_G'][0] == 0 * u.mag


def test_redden_each_star(stars, photometry):
    """Each star may have its own extinction."""
    out = redden(stars, [0, 2] * u.mag, photometry)
    assert out['Gaia_G'][0] == stars['Gaia_G'][0]
    assert out['Gaia_G'][1] - stars['Gaia_G'][1] > 1 * u.mag


def test_extinction_ratio(photometry):
    """The ratios of the Sun are those of little dust."""
    ratios = extinction_ratio(photometry)
    small = photometry.extinction([3.762], 1e-4 * u.mag)[0].value / 1e-4
    assert list(ratios) == list(photometry.filters)
    assert_allclose(list(ratios.values()), small, rtol=1e-4)
    assert np.diff(list(ratios.values()))[0] > 0


def test_r_v(stars):
    """The ratio of total to selective extinction changes both, and 3.1 is the default."""
    johnson = Photometry.read(TABLES / 'johnson.npz').select(['B', 'V'])
    # The definition R_V = A_V / (A_B - A_V), which bands meet within some per cent.
    for r_v in (2.6, 3.1, 5.0):
        ratios = extinction_ratio(johnson, log_teff=4.2, r_v=r_v)
        assert_allclose(ratios['V'] / (ratios['B'] - ratios['V']), r_v, rtol=0.08)
    assert extinction_ratio(johnson) == extinction_ratio(johnson, r_v=3.1)
    table = QTable({'log_teff': [4.2], 'B': [1.0] * u.mag, 'V': [1.0] * u.mag})
    out = redden(table, 2 * u.mag, johnson, r_v=5.0)
    expected = johnson.extinction([4.2], 2 * u.mag, r_v=5.0)[0]
    assert_allclose(u.Quantity([out['B'][0], out['V'][0]]).value, 1 + expected.value)


def test_errors(stars, photometry):
    """Tables without magnitudes and other ratios of extinction are refused."""
    with pytest.raises(ValueError, match=r"stars must have a column of \['Gaia_G'"):
        redden(stars['log_teff',], 1 * u.mag, photometry)
    with pytest.raises(ValueError, match=r'r_v must be between 3\.1 and 3\.1.*got 5'):
        redden(stars, 1 * u.mag, photometry, r_v=5)
