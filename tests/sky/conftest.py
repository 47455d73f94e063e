# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The shipped tables, opened once, and the data folder.
"""

import os
from pathlib import Path

import pytest

import starcnn.sky
from starcnn.sky import Isochrones, Photometry

TABLES = Path(starcnn.sky.__file__).parent / 'data'


@pytest.fixture(scope='session')
def photometry():
    """
    The bolometric corrections and extinctions in the Gaia DR2 filters.
    """
    return Photometry.read(TABLES / 'gaia_dr2.npz')


@pytest.fixture(scope='session')
def theory():
    """
    The PARSEC isochrones without magnitudes.
    """
    return Isochrones.read(TABLES / 'parsec_v12s.npz')


@pytest.fixture(scope='session')
def isochrones(theory, photometry):
    """
    The PARSEC isochrones with Gaia DR2 magnitudes.
    """
    return theory.with_photometry(photometry)


@pytest.fixture(scope='session')
def official_folder():
    """
    The folder of official isochrones, which is not packaged.
    """
    folder = Path(os.environ.get('STARCNN_DATA_DIR', '')) / 'isochrones'
    if not os.environ.get('STARCNN_DATA_DIR') or not folder.is_dir():
        pytest.skip('needs the official isochrones of STARCNN_DATA_DIR')
    return folder
