# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Simulated fields of M83 and M31: their source densities and the time they take.

For each galaxy and each density that is asked of `GalaxyField`, the mean and the
scatter of the density that `measure_density` finds in frames of 512 by 512 pixels,
and the time per cutout of 64 by 64 pixels in three filters. The bar is 10 ms.
With ``STARCNN_DATA_DIR`` set, the density of the real frame of M31 (F475W of the
PHAT survey) by the same recipe comes first.
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

import starcnn.sky
from starcnn.images import PSF, GalaxyField, cutouts_from_frame, get_band, measure_density
from starcnn.sky import Isochrones, Photometry

BAR = 10.0  # ms
FRAME, SIDE = (512, 512), 64
DENSITIES = (0.3, 1, 3, 10, 30, 60, 100)
TABLES = Path(starcnn.sky.__file__).parent / 'data'
SYSTEMS = {'ACS/WFC': 'hst_acs_wfc.npz', 'WFC3/UVIS': 'hst_wfc3_uvis.npz'}

# Blair et al. 2014, ApJ 788, 55 (M83); Dalcanton et al. 2012, ApJS 200, 18 (M31), rounded.
M83 = {
    'bands': (
        ('WFC3/UVIS', 'F336W', 1900),
        ('WFC3/UVIS', 'F438W', 1850),
        ('WFC3/UVIS', 'F814W', 1200),
    ),
    'pixel_scale': 0.04 * u.arcsec,
    'distance': 4.5 * u.Mpc,
    'm_h': 0.33,
    'detection_filter': 'F438W',
}
M31 = {
    'bands': (('WFC3/UVIS', 'F336W', 1350), ('ACS/WFC', 'F475W', 1900), ('ACS/WFC', 'F814W', 1800)),
    'pixel_scale': 0.05 * u.arcsec,
    'distance': 785 * u.kpc,
    'm_h': -0.22,
    'detection_filter': 'F475W',
}


def make_field(options, tables):
    """
    Return the field of a galaxy.
    """
    options = dict(options)
    names = options.pop('bands')
    scale = options['pixel_scale']
    photometry = Photometry.combine(
        [Photometry.read(tables / SYSTEMS[camera]).select([name]) for camera, name, _ in names]
    )
    bands = [get_band(c, name, exposure_time=t * u.s, n_exposures=3) for c, name, t in names]
    psfs = [PSF.model(camera, name, pixel_scale=scale) for camera, name, _ in names]
    isochrones = Isochrones.read(TABLES / 'parsec_v12s.npz')
    return GalaxyField(isochrones, photometry, bands=bands, psfs=psfs, **options)


def measure(field, density, n_frame):
    """
    Return the densities of some frames per arcsec2, and the milliseconds per cutout.
    """
    i = field.filters.index(field.detection_filter)
    found, seconds, n_cutout = [], 0.0, 0
    for seed in range(n_frame):
        start = time.perf_counter()
        frame, _ = field._draw(FRAME, np.random.default_rng(seed), density)
        cutouts = cutouts_from_frame(frame, (SIDE, SIDE), 64, rng=seed)
        seconds += time.perf_counter() - start
        n_cutout += len(cutouts)
        found.append(measure_density(frame[i], pixel_scale=field.pixel_scale).value)
    return np.array(found), 1e3 * seconds / n_cutout


def main():
    """
    Measure, print, and fail where the bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--frames', type=int, default=4)
    parser.add_argument('--tables', type=Path, default=TABLES)
    args = parser.parse_args()
    print(describe())
    if data := os.environ.get('STARCNN_DATA_DIR'):
        image = fits.getdata(Path(data) / 'images/m31_phat_b09_f475w.fits')
        real = measure_density(image, pixel_scale=0.05 * u.arcsec)
        print(f'real frame of M31: {real.value:.2f} sources/arcsec2')
    slowest = 0.0
    for name, options in (('M83', M83), ('M31', M31)):
        field = make_field(options, args.tables)
        field._draw(FRAME, np.random.default_rng(0), 1.0)  # makes the renderer
        print(f'{name}: detectable to', *(f'{m:.2f}' for m in field.limits), *field.filters)
        for density in DENSITIES:
            found, ms = measure(field, density, args.frames)
            slowest = max(slowest, ms)
            text = f'measured {found.mean():6.2f} +- {found.std():.2f}'
            print(f'  asked {density:6.1f}  {text} sources/arcsec2  {ms:.2f} ms per cutout')
    return slowest > BAR


if __name__ == '__main__':
    sys.exit(main())
