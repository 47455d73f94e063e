# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Make the mosaics of M31 that some of the clusters of a training are put on.

F475W is the real frame of the folder of data, the other filters are semi-real: its stars as they
may be there. A FITS file for each filter, and the positions of clusters, which are to be avoided.

    python tools/build_m31_mosaics.py --data DATA --output mosaics
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from starcnn.families.m31_phat._frame import make_mosaics


def main():
    """
    Make the mosaics.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--data', type=Path, required=True, help='the folder of data')
    parser.add_argument('--output', type=Path, required=True, help='a folder, which is made')
    args = parser.parse_args()
    if args.output.exists():
        parser.error(f'--output must not exist, got {str(args.output)!r}')
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(make_mosaics(args.data, folder), args.output)


if __name__ == '__main__':
    main()
