# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.label_floor.
"""

import lzma

import astropy.units as u
import numpy as np
import pytest

from starcnn.exceptions import DataFileError
from starcnn.families.gaia_cmd.label_floor import (
    LABELS,
    align,
    is_labelled,
    match,
    own_variances,
    read_parameters,
)

CATALOGUES = {
    'cantat2020': """Cluster,RA_ICRS,DE_ICRS,plx,AgeNN,AVNN,DMNN
NGC_0188,11.8,85.2,0.5,9.8,0.2,11.1
VDB_085,100.0,1.0,0.6,8.0,1.0,11.0
Twin_1,200.0,-5.0,1.0,7.5,0.5,10.0
Lost_1,300.0,-5.0,1.0,,,
""",
    'dias2021': """Cluster,RA_ICRS,DE_ICRS,Plx,logage,Av,Dist
NGC 188,11.8,85.2,0.5,9.7,0.3,1000
vdB 85,150.0,1.0,0.6,8.1,1.1,1500
Other 7,200.01,-5.01,1.02,7.6,0.6,1000
""",
    'hunt2024': """Name,AllNames,RA_ICRS,DE_ICRS,Plx,logAge50,AV50,MOD50
X_1,"X_1,NGC_188",-348.2,85.2,0.5,9.9,0.4,11.0
Y_1,Y_1,200.01,-5.01,3.0,7.6,0.6,10.0
""",
    'cavallo2024': """Cluster,RA_ICRS,DE_ICRS,plx,logAge50,AV50,dMod50
NGC_188,11.8,85.2,0.5,9.85,0.5,11.2
""",
}


@pytest.fixture
def folder(tmp_path):
    """A folder with four small catalogues."""
    (tmp_path / 'gaia').mkdir()
    for key, text in CATALOGUES.items():
        with lzma.open(tmp_path / f'gaia/{key}.csv.xz', 'wt', encoding='utf-8') as stream:
            stream.write(text)
    return tmp_path


def test_read_parameters(folder):
    """Clusters without an age are left out; distances become moduli, and RA positive."""
    labels = read_parameters(folder, LABELS)
    assert labels['names'].tolist() == [{'ngc 188'}, {'vdb 85'}, {'twin 1'}]
    assert labels['log_age'].tolist() == [9.8, 8.0, 7.5]
    dias = read_parameters(folder, 'dias2021')
    np.testing.assert_allclose(dias['distance_modulus'], [10, 10.880456, 10])
    hunt = read_parameters(folder, 'hunt2024')
    assert hunt['names'][0] == {'x 1', 'ngc 188'}
    np.testing.assert_allclose(hunt['ra'][0], 11.8)


def test_match(folder):
    """By name within a degree, else by position and parallax."""
    labels, dias, hunt = (read_parameters(folder, key) for key in ('cantat2020', 'dias2021',
                                                                   'hunt2024'))  # fmt: skip
    rows, named = match(labels, dias, 5 * u.arcmin)
    assert rows.tolist() == [0, -1, 2]
    assert named.tolist() == [True, False, False]
    assert match(labels, dias, 10 * u.arcsec)[0].tolist() == [0, -1, -1]
    assert match(labels, hunt, 5 * u.arcmin)[0].tolist() == [0, -1, -1]


def test_align(folder):
    """One row per cluster of the labels, NaN where another catalogue does not have it."""
    aligned = align(folder)
    assert list(aligned) == [LABELS, 'dias2021', 'hunt2024', 'cavallo2024']
    np.testing.assert_array_equal(aligned['dias2021']['a_v'], [0.3, np.nan, 0.6])
    np.testing.assert_array_equal(aligned['cavallo2024']['log_age'], [9.85, np.nan, np.nan])
    assert is_labelled(aligned[LABELS], ['NGC_188', 'Twin_001']).tolist() == [True, False, True]


def test_missing_catalogue(folder):
    """A catalogue that is not there is named."""
    (folder / 'gaia/hunt2024.csv.xz').unlink()
    with pytest.raises(DataFileError, match=r'must hold gaia/hunt2024\.csv\.xz'):
        align(folder)


def test_own_variances():
    """The scatter of each catalogue is found from the differences alone."""
    rng = np.random.default_rng(1)
    widths = np.array([0.3, 0.1, 0.2, 0.4])
    truth = rng.normal(8, 1, (40_000, 1))
    values = truth + widths * rng.normal(size=(40_000, 4))
    found = own_variances(values, lambda x, y: np.std(y - x))
    np.testing.assert_allclose(np.sqrt(found), widths, atol=0.01)


def test_own_variances_are_not_negative():
    """A catalogue whose differences are too small for the others has none."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 500))
    values = np.column_stack([x, y, (x + y) / 2])
    assert own_variances(values, lambda a, b: np.std(b - a)).min() >= 0
