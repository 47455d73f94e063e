# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Semi-real and simulated backgrounds beside a real frame of M31.

Needs ``STARCNN_DATA_DIR``. The stars of the frame (F475W of the PHAT survey, brick 9) are
measured, their completeness too, and semi-real mosaics are made of them. Printed are the
processor time of each step, and that of `photutils.psf.PSFPhotometry` per star; the completeness;
stars per square arcsecond and half magnitude, and percentiles of the pixels, of the real frame, of
the semi-real one and of simulated fields that are as dense to 26 mag. The semi-real counts to 26
mag must be within four standard deviations of the real ones.
"""

import argparse
import os
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
from _machine import describe
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from photutils.detection import DAOStarFinder
from photutils.psf import ImagePSF, PSFPhotometry

from starcnn.families.m31_phat._options import Options
from starcnn.images import (
    StarColours,
    make_semi_real,
    mask_bright_stars,
    match_density,
    measure_completeness,
    measure_stars,
)
from starcnn.mocks.setup import get_setup

ZERO_POINT = 38.31 * u.mag  # of the frame
LIMIT = 26 * u.mag
EDGES = np.arange(22, 28.1, 0.5)  # mag
PERCENTS = (1, 5, 16, 50, 84, 95, 99)
BAR = 4.0  # standard deviations


def timed(name, function, *args, **options):
    """
    Return what a function returns, and print its processor time.
    """
    start = time.process_time()
    result = function(*args, **options)
    print(f'{name}: {time.process_time() - start:.1f} s')
    return result


def fit_one_by_one(data, psf, sigma):
    """
    Return the processor time per star of PSFPhotometry, ms.
    """
    samples, n = 16 * psf.epsf(0.05, 4), 60  # arcsec
    middle = len(samples) // 2
    core = samples[middle - n : middle + n + 1, middle - n : middle + n + 1]
    photometry = PSFPhotometry(
        ImagePSF(core, oversampling=4),
        fit_shape=(5, 5),
        finder=DAOStarFinder(5 * sigma, 2.0),
        aperture_radius=2,
    )
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # some fits do not converge
        found = photometry(data, error=np.full(data.shape, sigma))
    return 1e3 * (time.process_time() - start) / len(found)


def show(name, data, stars, area):
    """
    Print the stars per arcsec2 in half magnitudes, and percentiles of the pixels.
    """
    counts = np.histogram(stars['mag'].value, EDGES)[0] / area
    print(f'{name:10}', *(f'{value:6.2f}' for value in counts))
    pixels = np.percentile(data, PERCENTS) - np.median(data)
    print(' ' * 10, *(f'{value:7.4f}' for value in pixels))


def main():
    """
    Measure, make, compare.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--size', type=int, default=900, help='rows of the frame, from the first')
    parser.add_argument('--fields', type=int, default=4, help='simulated fields')
    args = parser.parse_args()
    print(describe())
    setup = get_setup(Options())
    bands = [replace(band, n_exposures=4) for band in setup.bands]
    psfs, (_, band, _) = setup.psfs, bands
    with fits.open(Path(os.environ['STARCNN_DATA_DIR']) / 'images/m31_phat_b09_f475w.fits') as hdus:
        data = hdus[0].data * band.count_rate(ZERO_POINT)
        mosaic = CCDData(data, wcs=WCS(hdus[0].header))[: args.size]
    area = mosaic.data.size * 0.05**2
    print(f'PSFPhotometry: {fit_one_by_one(mosaic.data[:150, :150], psfs[1], 0.007):.1f} ms')
    options = {'band': band, 'psf': psfs[1]}
    mosaic = timed('mask', mask_bright_stars, mosaic, brighter_than=21.5 * u.mag, **options)
    stars = timed('stars', measure_stars, mosaic, **options)
    edges = np.arange(23, 28.6, 0.5) * u.mag
    completeness = timed('completeness', measure_completeness, mosaic, edges, **options, rng=0)
    completeness.pprint(max_width=-1)
    made = timed(
        'semi-real',
        make_semi_real,
        mosaic,
        stars,
        completeness=completeness,
        bands=bands,
        psfs=psfs,
        colours=StarColours.phat(),
        render_reference=True,
        rng=1,
    )
    print(f'faint stars: {made["F475W"].meta["FAINT"]:.2f} times those of the sample')
    again = measure_stars(made['F475W'], **options)
    print(f'stars per arcsec2 from {EDGES[0]} to {EDGES[-1]} mag, {len(stars)} in all; pixels')
    good = ~mosaic.mask
    show('real', mosaic.data[good], stars, area)
    show('semi-real', made['F475W'].data[good], again, area)
    real = (stars['mag'] < LIMIT).sum() / area / u.arcsec**2
    density = match_density(setup.field, real, brighter_than=LIMIT, filter='F475W', rng=0)
    print(f'simulated fields as dense: {density:.2f}')
    for seed in range(args.fields):
        frame = setup.field.draw((200, 200), density=density, rng=seed)
        field = CCDData(frame.data[1], unit=frame.unit, wcs=mosaic.wcs)
        show(f'field {seed}', field.data, measure_stars(field, **options), 100)
    edges = EDGES[LIMIT.value >= EDGES]
    complete = [np.histogram(table['mag'].value, edges)[0] for table in (stars, again)]
    away = abs(complete[0] - complete[1]) / np.sqrt(np.maximum(complete[0], 1))
    print(f'semi-real counts are within {away.max():.1f} standard deviations of the real ones')
    return away.max() > BAR


if __name__ == '__main__':
    sys.exit(main())
