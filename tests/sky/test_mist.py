# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the reader of MIST files, on a small file in their format.
"""

import astropy.units as u
import pytest
from numpy.testing import assert_allclose

from starcnn.exceptions import DataFileError
from starcnn.sky import Isochrones
from starcnn.sky._mist import read_mist

HEADER = """# MIST version number  = 1.2
# MESA revision number =     7503
# photometric system   = UBV(RI)c
# --------------------------------------------------------------------------------------
#  Yinit        Zinit   [Fe/H]   [a/Fe]  v/vcrit
#  0.2703  1.42857E-02    {m_h}     0.00     0.40
# --------------------------------------------------------------------------------------
# number of isochrones =    2
# --------------------------------------------------------------------------------------
"""
NAMES = (
    '# EEP log10_isochrone_age_yr initial_mass star_mass log_Teff log_g log_L [Fe/H]_init [Fe/H] '
    'Gaia_G_DR2Rev Gaia_BP_DR2Rev phase\n'
)
BLOCK = '# number of EEPs, cols =    6   12\n#   1   2   3   4   5\n' + NAMES
ROWS = """
 180 {age} 0.1 0.1 3.45 5.1 -3.0 0.0 0.0 13.5 15.0 -1.0
 300 {age} 1.0 1.0 3.76 4.5 -0.1 0.0 0.0 4.9 5.2 0.0
 500 {age} 2.1 2.1 3.65 2.2 2.0 0.0 0.0 -0.3 0.3 2.0
 640 {age} 2.2 2.2 3.70 2.5 1.7 0.0 0.0 0.4 0.9 3.0
 720 {age} 2.3 2.2 3.55 0.8 3.0 0.0 0.0 -2.5 -1.2 4.0
1500 {age} 2.3 0.6 4.90 7.8 3.1 0.0 0.0 5.0 5.0 6.0
"""


def mist(m_h='0.00'):
    """
    Return the text of a file with two ages.
    """
    blocks = [BLOCK + ROWS.format(age=age) for age in ('9.00', '9.05')]
    return HEADER.format(m_h=m_h) + ''.join(blocks)


def test_read_mist(tmp_path):
    """Columns, filters, metallicity and phases are read, and the remnant is left out."""
    (tmp_path / 'a.iso.cmd').write_text(mist('-0.25'))
    filters, (first, second) = read_mist(tmp_path / 'a.iso.cmd')
    assert filters == ('Gaia_G_DR2Rev', 'Gaia_BP_DR2Rev')
    assert (first.m_h, first.log_age, second.log_age) == (-0.25, 9.0, 9.05)
    assert list(first.phase) == [0, 0, 2, 3, 4]
    assert_allclose(first.values[1], [1, -0.1, 3.76, 4.9, 5.2])


def test_isochrones_of_two_files(tmp_path):
    """Files of several metallicities make one grid."""
    for m_h in ('0.00', '0.50'):
        (tmp_path / f'{m_h}.iso.cmd').write_text(mist(m_h))
    isochrones = Isochrones.read_mist([tmp_path / '0.50.iso.cmd', tmp_path / '0.00.iso.cmd'])
    assert_allclose(isochrones.m_h, [0, 0.5])
    found = isochrones.magnitudes([1.0] * u.solMass, 10**9.02 * u.yr, 0.2)
    assert_allclose(found.value, [[4.9, 5.2]], atol=0.1)


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        ('# no table', r'path must be an isochrone table of MIST, with \[Fe/H\] in its header'),
        (mist().replace('star_mass', 'm'), "path must be a table of isochrones with column 'star"),
        (mist() + '1 2 3\n', 'path must be a table of numbers with equal rows'),
    ],
)
def test_errors(tmp_path, text, match):
    """Other files are refused."""
    (tmp_path / 'a.iso.cmd').write_text(text)
    with pytest.raises(DataFileError, match=match):
        read_mist(tmp_path / 'a.iso.cmd')
