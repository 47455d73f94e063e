# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Thousands of cutouts through ``Estimator('m83_hst').predict``, table included.

The bar for the default network is 250 cutouts a second on two cores, which is
what Bialopetravicius & Narbutis (2020) reached on a GPU of 2019. The images
are drawn anew from a few simulated ones, since the time does not depend on
what they show. Beside the time on the clock stands that of all cores together,
which a busy machine changes less.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from _machine import describe
from astropy.nddata import NDData

from starcnn import Estimator, Simulator

BAR = 250.0
N_TEMPLATES = 64


def make_cutouts(n, rng):
    """
    Return a stack of mock cutouts, each a simulated one turned by some quarters.
    """
    simulator = Simulator('m83_hst')
    mocks, _ = simulator.simulate(simulator.sample(N_TEMPLATES, rng=rng), rng=rng)
    which, turns = rng.integers(N_TEMPLATES, size=n), rng.integers(4, size=n)
    images = np.stack(
        [np.rot90(mocks.data[i], k, axes=(1, 2)) for i, k in zip(which, turns, strict=True)]
    )
    meta = {key: mocks.meta[key] for key in ('filters', 'pixel_scale')}
    return NDData(images, unit=mocks.unit, meta=meta)


def main():
    """
    Measure, print, and fail where the bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--cutouts', type=int, default=2000)
    parser.add_argument('--weights', help='a tag, or an ONNX file; by default the default network')
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    weights = args.weights
    if weights is not None and weights.endswith('.onnx'):
        weights = Path(weights)
    cutouts = make_cutouts(args.cutouts, np.random.default_rng(1))
    estimator = Estimator('m83_hst', weights=weights)
    estimator.predict(make_cutouts(N_TEMPLATES, np.random.default_rng(2)))
    print(describe())
    clock, cores = [], []
    for _ in range(args.repeats):
        start, start_cores = time.perf_counter(), time.process_time()
        estimator.predict(cutouts)
        clock.append(time.perf_counter() - start)
        cores.append(time.process_time() - start_cores)
    rate = args.cutouts / statistics.median(clock)
    print(
        f'{estimator}: {rate:.0f} cutouts a second (bar {BAR:.0f}), '
        f'{1e3 * statistics.median(cores) / args.cutouts:.1f} ms of all cores for each'
    )
    if weights is None and rate < BAR:
        sys.exit(f'missed: {rate:.0f} < {BAR:.0f} cutouts a second')


if __name__ == '__main__':
    main()
