# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Simulated fields of M83 and M31: how crowded they are, and the time they take.

For each galaxy and each density that is asked of `GalaxyField`, the mean number of
sources per square arcsecond in each filter, of frames of 512 by 512 pixels, counted
twice. First by DAOStarFinder with a threshold of five sigma-clipped standard
deviations of the image, which rises with the crowding. Then by `measure_density`,
whose threshold is of the noise alone and which drizzled noise makes too large. With
``STARCNN_DATA_DIR`` set, the same two numbers of a real frame of M31 (F475W of the
PHAT survey) come first. The last column is the time per cutout of 64 by 64 pixels in
three filters; the bar is 10 ms.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import astropy.units as u
import numpy as np
from _machine import describe
from astropy.io import fits
from astropy.stats import sigma_clipped_stats
from photutils.detection import DAOStarFinder

from starcnn.families.m83_hst.simulator import Options
from starcnn.images import cutouts_from_frame, measure_density
from starcnn.mocks import get_setup

BAR = 10.0  # ms
FRAME, SIDE = (512, 512), 64
DENSITIES = (1, 2.5, 5, 8, 12, 20, 40)  # per arcsec2

# Detection: the full width of a star, and the threshold.
FWHM = {'F336W': 0.08, 'F438W': 0.08, 'F475W': 0.112, 'F814W': 0.09}  # arcsec
N_SIGMA = 5

# Dalcanton et al. 2012, ApJS 200, 18 (exposure times rounded); McConnachie et al. 2005, MNRAS 356,
# 979 (distance). Magnitudes limit clusters only, which are not drawn.
M31 = {
    'filters': ('F336W', 'F475W', 'F814W'),
    'instruments': ('WFC3/UVIS', 'ACS/WFC', 'ACS/WFC'),
    'exposure_times': (1350.0, 1900.0, 1800.0),
    'pixel_scale': 0.05 * u.arcsec,
    'distance': 785 * u.kpc,
    'z': 0.02,
}


def detect(image, fwhm, pixel_scale):
    """
    Return the number of sources per arcsec2 that standard detection finds.
    """
    _, median, deviation = sigma_clipped_stats(image, sigma=3.0)
    finder = DAOStarFinder(threshold=N_SIGMA * deviation, fwhm=fwhm / pixel_scale)
    found = finder(image - median)
    return (0 if found is None else len(found)) / (image.size * pixel_scale**2)


def count(image, name, pixel_scale):
    """
    Return the number of sources per arcsec2 of an image by both recipes.
    """
    density = measure_density(image, pixel_scale=pixel_scale * u.arcsec)
    return detect(image, FWHM[name], pixel_scale), density.to_value(u.arcsec**-2)


def measure(setup, density, n_frame):
    """
    Return the mean counts (filter, recipe) of some frames, and the milliseconds per cutout.
    """
    counts, seconds, n_cutout = [], 0.0, 0
    for seed in range(n_frame):
        start = time.perf_counter()
        frame, _ = setup.field._draw(FRAME, np.random.default_rng(seed), density)
        cutouts = cutouts_from_frame(frame, (SIDE, SIDE), 64, rng=seed)
        seconds += time.perf_counter() - start
        n_cutout += len(cutouts)
        names = setup.options.filters
        counts.append(
            [count(plane, *key) for plane, *key in _planes(frame, names, setup.pixel_scale)]
        )
    return np.mean(counts, axis=0), 1e3 * seconds / n_cutout


def _planes(frame, names, pixel_scale):
    """Return the images of a frame with what their counts depend on."""
    return [(plane, name, pixel_scale) for plane, name in zip(frame, names, strict=True)]


def show_real(folder):
    """
    Print the counts of the real frame.
    """
    image = fits.getdata(Path(folder) / 'images/m31_phat_b09_f475w.fits').astype(float)
    found, density = count(image, 'F475W', 0.05)  # arcsec
    print(f'real frame of M31, F475W: {found:.2f} by DAOStarFinder, {density:.2f} by noise alone')


def main():
    """
    Measure, print, and fail where the bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--frames', type=int, default=4)
    args = parser.parse_args()
    print(describe())
    if data := os.environ.get('STARCNN_DATA_DIR'):
        show_real(data)
    slowest = 0.0
    for name, options in (('M83', {}), ('M31', M31)):
        setup = get_setup(Options(**options))
        setup.field._draw(FRAME, np.random.default_rng(0), 1.0)  # makes the renderer
        limits = ', '.join(
            f'{filter_} {limit:.2f}'
            for filter_, limit in zip(setup.options.filters, setup.field.limits, strict=True)
        )
        print(f'{name}: sources per arcsec2 by DAOStarFinder / by noise; detectable to {limits}')
        for density in DENSITIES:
            counts, ms = measure(setup, density, args.frames)
            slowest = max(slowest, ms)
            text = ''.join(f'{found:8.2f} / {above:5.2f}' for found, above in counts)
            print(f'  asked {density:5.1f}  {text}  {ms:6.2f} ms per cutout')
    return slowest > BAR


if __name__ == '__main__':
    sys.exit(main())
