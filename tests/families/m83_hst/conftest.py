# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock clusters of M83, made once.
"""

import numpy as np
import pytest
from astropy.nddata import CCDData

from starcnn.families.m83_hst.simulator import Options, sample, simulate
from starcnn.families.m83_hst.spec import FILTERS

# An exposure time with which photon noise is nothing, s.
LONG = 1e15
LEVELS = (0.02, 0.03, 0.05)  # electron/s
SCATTERS = (0.004, 0.006, 0.01)
MOSAIC_SHAPE = (320, 320)


@pytest.fixture(scope='session')
def options():
    """The options of the paper."""
    return Options()


@pytest.fixture(scope='session')
def parameters(options):
    """Parameters of twelve clusters."""
    return sample(12, options, np.random.default_rng(1))


@pytest.fixture(scope='session')
def mocks(parameters, options):
    """Images and truth of the clusters."""
    return simulate(parameters, options, np.random.default_rng(2))


def write_mosaics(folder, scatters):
    """Write mosaics of normal noise around a level in each filter; return their paths."""
    rng, paths = np.random.default_rng(3), []
    for name, level, scatter in zip(FILTERS, LEVELS, scatters, strict=True):
        pixels = level + scatter * rng.standard_normal(MOSAIC_SHAPE)
        paths.append(str(folder / f'{name}.fits'))
        CCDData(pixels, unit='electron / s').write(paths[-1])
    return tuple(paths)


@pytest.fixture(scope='session')
def flat(tmp_path_factory):
    """Options with flat, noiseless backgrounds and clusters in the very centre."""
    paths = write_mosaics(tmp_path_factory.mktemp('flat'), (0.0, 0.0, 0.0))
    return Options(mosaics=paths, offset=0.0)


@pytest.fixture(scope='session')
def quiet(tmp_path_factory):
    """Options with normal noise of known width as background, and without photon noise."""
    paths = write_mosaics(tmp_path_factory.mktemp('quiet'), SCATTERS)
    return Options(mosaics=paths, offset=0.0, exposure_times=(LONG,) * len(FILTERS))
