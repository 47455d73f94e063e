# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Simulate the clusters of ``starcnn demo``: four with known truth, unlike any real one.

::

    python tools/make_demo.py starcnn/families/gaia_cmd/data/demo.fits
"""

import argparse
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import QTable

from starcnn import Simulator

SEED = 20

CLUSTERS = QTable(
    {
        'age': [12.0, 160.0, 900.0, 4500.0] * u.Myr,
        'a_v': [1.8, 0.6, 1.1, 0.3] * u.mag,
        'distance': [2.2, 0.7, 1.6, 1.1] * u.kpc,
        'n_stars': [130, 240, 420, 330],
        'binary_fraction': [0.3, 0.3, 0.35, 0.4],
        'differential_reddening': [0.15, 0.03, 0.06, 0.02] * u.mag,
        'contamination': [0.10, 0.05, 0.08, 0.04],
    }
)
NAMES = ('mock A', 'mock B', 'mock C', 'mock D')


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0].strip())
    parser.add_argument('output', type=Path)
    path = parser.parse_args().output
    members, truth = Simulator('gaia_cmd').simulate(CLUSTERS, rng=SEED)
    members['cluster'] = np.array(NAMES)[members['cluster']]
    truth['cluster'] = np.array(NAMES)
    for name in members.colnames[1:]:
        members[name] = members[name].astype(np.float32)
    tables = [fits.table_to_hdu(table) for table in (members, truth)]
    for hdu, name in zip(tables, ('MEMBERS', 'TRUTH'), strict=True):
        hdu.name = name
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path, overwrite=True)


if __name__ == '__main__':
    main()
