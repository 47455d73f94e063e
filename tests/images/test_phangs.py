# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.phangs.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.exceptions import DataFileError
from starcnn.images import read_phangs


def make_table(**changes):
    """Return a table with the columns of the public catalogues."""
    table = Table({'INDEX': [1, 2, 3], 'ID_PHANGS_CLUSTER': [11, 12, 13]})
    table['PHANGS_X'], table['PHANGS_Y'] = [10.5, 20, 30], [40, 50, 60.25]
    table['PHANGS_RA'] = [64.4, 64.5, 64.6] * u.deg
    table['PHANGS_DEC'] = [-62.7, -62.8, -62.9] * u.deg
    table['PHANGS_CLUSTER_CLASS_HUMAN'] = [2, -999, 9]
    table['PHANGS_CLUSTER_CLASS_ML_VGG'] = [1, 3, 4]
    table['PHANGS_CLUSTER_CLASS_ML_VGG_QUAL'] = [0.7, 1.0, 0.5]
    for i, name in enumerate(('F275W', 'F336W', 'F438W', 'F555W', 'F814W')):
        table[f'PHANGS_{name}_VEGA'] = np.array([22.0 + i, 23, -9999]) * u.mag
        table[f'PHANGS_{name}_VEGA_ERR'] = np.array([0.1, 0.2, -9999]) * u.mag
    table['PHANGS_NO_COVERAGE_FLAG'] = [0, 0, 5]
    table['PHANGS_CI'] = [1.5, 1.6, 1.7]
    table['PHANGS_AGE_MINCHISQ'] = [10.0, 4, -999] * u.Myr
    table['PHANGS_MASS_MINCHISQ'] = [1e4, 2e4, -999] * u.solMass
    table['PHANGS_EBV_MINCHISQ'] = [0.1, 0.2, -999]
    for name, values in changes.items():
        table[name] = values
    return table


def write(folder, table):
    """Write a table as FITS."""
    table.write(folder / 'catalogue.fits', overwrite=True)
    return folder / 'catalogue.fits'


def test_public_catalogue(tmp_path):
    """Columns get the names and units of the package; -9999 and -999 are NaN."""
    table = read_phangs(write(tmp_path, make_table()))
    assert_array_equal(table['id'], [11, 12, 13])
    assert_allclose(table['x'].to_value(u.pix), [10.5, 20, 30])
    assert SkyCoord(table['ra'], table['dec'])[0].dec.deg == -62.7
    assert_allclose(table['mag_F555W'].to_value(u.mag), [25, 23, np.nan])
    assert_allclose(table['mag_F814W_err'].to_value(u.mag), [0.1, 0.2, np.nan])
    assert_allclose(table['age'].to_value(u.yr), [1e7, 4e6, np.nan])
    assert table['age'].unit == u.yr
    assert_allclose(table['mass'].to_value(u.solMass), [1e4, 2e4, np.nan])
    assert_allclose(table['ebv'].to_value(u.mag), [0.1, 0.2, np.nan])
    assert_allclose(table['ci'].to_value(u.mag), [1.5, 1.6, 1.7])
    assert_array_equal(table['n_not_covered'], [0, 0, 5])
    assert_array_equal(table['class_human'], [2, 0, 9])
    assert list(table['class']) == ['2', '', '4']
    assert table.meta['filters'] == ['F275W', 'F336W', 'F438W', 'F555W', 'F814W']


def test_classes_of_the_network(tmp_path):
    """The classes may be those of a network."""
    table = read_phangs(write(tmp_path, make_table()), classes='class_ml')
    assert list(table['class']) == ['1', '3', '4']
    assert table.meta['classes'] == 'class_ml'


def test_names_within_the_survey(tmp_path):
    """Forerunners of the public catalogues have other names of magnitudes and ids."""
    table = make_table()
    table.remove_columns(['ID_PHANGS_CLUSTER'])
    table.rename_column('INDEX', 'ID_PHANGS_CLUSTERS_v1p2')
    table.rename_column('PHANGS_F438W_VEGA', 'PHANGS_F435W_VEGA_TOT')
    table.rename_column('PHANGS_F438W_VEGA_ERR', 'PHANGS_F435W_VEGA_TOT_ERR')
    read = read_phangs(write(tmp_path, table))
    assert_array_equal(read['id'], [1, 2, 3])
    assert_allclose(read['mag_F435W'][:2].to_value(u.mag), [24, 23])
    assert_allclose(read['mag_F435W_err'][:2].to_value(u.mag), [0.1, 0.2])


def test_given_columns(tmp_path):
    """Columns with other names can be given, in units of their own."""
    table = make_table(NEW_AGE=[0.1, 0.2, 0.3] * u.Gyr, V=[20.0, 21, 22])
    path = write(tmp_path, table)
    read = read_phangs(path, columns={'age': 'NEW_AGE', 'mag_F606W': 'V'})
    assert_allclose(read['age'].to_value(u.yr), [1e8, 2e8, 3e8])
    assert_allclose(read['mag_F606W'].to_value(u.mag), [20, 21, 22])
    with pytest.raises(ValueError, match=r'columns must have keys of .*mag_<filter>, got'):
        read_phangs(path, columns={'size': 'V'})
    with pytest.raises(ValueError, match=r"columns must be columns of the file, got \['W'\]"):
        read_phangs(path, columns={'mag_F606W': 'W'})
    with pytest.raises(u.UnitsError, match='converts to Myr for age, got mag'):
        read_phangs(path, columns={'age': 'PHANGS_F555W_VEGA'})


def test_errors(tmp_path):
    """What is not such a catalogue is refused."""
    table = make_table()
    table.remove_column('PHANGS_RA')
    with pytest.raises(ValueError, match=r"stands for \{'ra': 'PHANGS_RA'\} in the file"):
        read_phangs(write(tmp_path, table))
    with pytest.raises(ValueError, match='classes must be one of'):
        read_phangs(write(tmp_path, table), classes='machine')
    with pytest.raises(FileNotFoundError, match='path must be a catalogue'):
        read_phangs(tmp_path / 'no.fits')
    (tmp_path / 'text.fits').write_text('no FITS', encoding='utf-8')
    with pytest.raises(DataFileError, match=r'text\.fits'):
        read_phangs(tmp_path / 'text.fits')
