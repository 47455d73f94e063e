# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Options like those of a family, and mock clusters made once.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData

from starcnn.mocks import ClusterOptions, sample_clusters, simulate_clusters

FILTERS = ('F336W', 'F438W', 'F814W')

# An exposure time with which photon noise is nothing, s.
LONG = 1e15
LEVELS = (0.02, 0.03, 0.05)  # electron/s
SCATTERS = (0.004, 0.006, 0.01)
MOSAIC_SHAPE = (320, 320)

# Clusters of a galaxy at 4.5 Mpc, as of M83.
REQUIRED = {
    'filters': FILTERS,
    'instruments': ('WFC3/UVIS',) * 3,
    'pixel_scale': 0.04 * u.arcsec,
    'shape': (64, 64),
    'exposure_times': (1890.0, 1880.0, 1203.0),
    'distance': 4.5 * u.Mpc,
    'z': 0.03,
    'log_age': (6.6, 10.1),
    'log_mass': (3.5, 5.5),
    'a_v': (0.0, 3.0),
    'a': (0.04, 1.2),
    'gamma': (2.05, 8.0),
    'r_h': (0.04, 0.4),
    'density': (1.0, 40.0),
}
LIMITS = (24.0, 23.5, 23.0)


@pytest.fixture(scope='session')
def required():
    """The fields that have no default."""
    return REQUIRED


@pytest.fixture(scope='session')
def options():
    """Options of bright clusters."""
    return ClusterOptions(**REQUIRED, magnitude_limits=LIMITS)


@pytest.fixture(scope='session')
def parameters(options):
    """Parameters of twelve clusters."""
    return sample_clusters(12, options, np.random.default_rng(1))


@pytest.fixture(scope='session')
def mocks(parameters, options):
    """Images and truth of the clusters."""
    return simulate_clusters(parameters, options, np.random.default_rng(2))


def write_mosaics(folder, scatters, **meta):
    """Write mosaics of normal noise around a level in each filter; return their paths."""
    rng, paths = np.random.default_rng(3), []
    for name, level, scatter in zip(FILTERS, LEVELS, scatters, strict=True):
        pixels = level + scatter * rng.standard_normal(MOSAIC_SHAPE)
        paths.append(str(folder / f'{name}.fits'))
        CCDData(pixels, unit='electron / s', **meta).write(paths[-1])
    return tuple(paths)


@pytest.fixture(scope='session')
def flat(tmp_path_factory):
    """Options with flat, noiseless backgrounds and clusters in the very centre."""
    paths = write_mosaics(tmp_path_factory.mktemp('flat'), (0.0, 0.0, 0.0))
    return ClusterOptions(**REQUIRED, mosaics=paths, offset=0.0)


@pytest.fixture(scope='session')
def quiet(tmp_path_factory):
    """Options with normal noise of known width as background, and without photon noise."""
    paths = write_mosaics(tmp_path_factory.mktemp('quiet'), SCATTERS)
    exposure_times = (LONG,) * len(FILTERS)
    return ClusterOptions(
        **REQUIRED | {'exposure_times': exposure_times}, mosaics=paths, offset=0.0
    )
