# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How long the networks of M31 take for 10,000 images, with the building of the tables.

Bialopetravicius et al. (2019), section 5.3: 40 s for 10,000 images of three filters on
a GeForce GTX 1080. The bar of the default network is 30 s on two cores; that of the
paper's network is only reported. Images are mock clusters, each many times.

Run with ``python benchmarks/bench_m31.py --weights default-1.1.0.onnx``, or without
weights for those that are released; ``--n 1000`` is faster, and scaled to 10,000.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
from _machine import describe
from astropy.nddata import NDData

from starcnn import Estimator, Simulator
from starcnn.families.m31_phat.estimator import BACKEND
from starcnn.networks._stacks import take_sources

N_IMAGES = 10_000
N_DIFFERENT = 64
BAR = 30.0  # s, of the default network on two cores
CORES = 2


def make_images(n):
    """
    Return mock images.
    """
    simulator = Simulator('m31_phat')
    images, _ = simulator.simulate(simulator.sample(N_DIFFERENT, rng=1), rng=1)
    meta = {name: images.meta[name] for name in ('filters', 'pixel_scale')}
    return NDData(np.resize(images.data, (n, *images.data.shape[1:])), unit=images.unit, meta=meta)


def measure(weights, images):
    """
    Return the seconds and the seconds of processor time of a prediction, the first left out.
    """
    estimator = Estimator('m31_phat', weights=weights)
    estimator.predict(take_sources(images, slice(1)))
    begin, used = time.perf_counter(), time.process_time()
    table = estimator.predict(images)
    assert len(table) == len(images.data)  # noqa: S101
    return time.perf_counter() - begin, time.process_time() - used, estimator.spec.variant


def main(arguments=None):
    """
    Measure; return 1 if the bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--weights', type=Path, nargs='*', help='ONNX files')
    parser.add_argument('--n', type=int, default=N_IMAGES, help='images')
    args = parser.parse_args(arguments)
    weights = args.weights or [file.tag for file in BACKEND.weights]
    if not weights:
        parser.error('weights must be given, as none are released')
    print(describe())
    print(f'load of the machine at the start: {os.getloadavg()[0]:.1f}')
    images = make_images(args.n)
    is_missed = False
    for item in weights:
        wall, used, variant = measure(item, images)
        scale = N_IMAGES / args.n
        bar = f', bar {BAR:.0f} s on {CORES} cores' if variant == 'default' else ''
        print(
            f'{item}: {N_IMAGES} images in {scale * wall:.1f} s, '
            f'{scale * used:.1f} s of processor time{bar}'
        )
        is_missed |= variant == 'default' and scale * wall > BAR
    return is_missed


if __name__ == '__main__':
    sys.exit(main())
