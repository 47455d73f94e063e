# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Errors and speed of the fast renderer, against stars drawn one by one with GalSim.

Clusters of the WFC3/UVIS filters F336W, F438W and F814W on 64 by 64 pixels of
0.04", with power-law fluxes. The errors are the largest of all pixels of all
clusters, in parts of the cluster's peak, and of the total flux.

The speed is given against the method 'galsim', in which GalSim convolves each
star with the pixel, and against the same with PSFs that include the pixel
already, in which it only interpolates; the bar is for the former, the method as it
is. Times are processor times of one run.
"""

import argparse
import sys
import time

import astropy.units as u
import numpy as np
from _machine import describe
from astropy.table import QTable

from starcnn.images import PSF, StarRenderer, render_stars
from starcnn.sky import EFF, draw_eff

FILTERS = ('F336W', 'F438W', 'F814W')
SHAPE = (64, 64)
PIXEL_SCALE = 0.04 * u.arcsec
REGION = {'a': [0.04, 1.2] * u.arcsec, 'gamma': (2.05, 8.0), 'r_h': [0.04, 0.4] * u.arcsec}

# The bars: errors in parts of the peak and of the flux, ratios of times.
MAX_PEAK = 2e-3
MAX_FLUX = 1e-4
MIN_RATIO = {1000: 200, 30_000: 1000}

# GalSim draws so many stars at most; its time is scaled from them.
N_GALSIM = 1000
N_REPEAT = 20

# Stars in the clusters whose errors are measured. Few stars are the hardest case, since
# the errors of many are averaged.
N_STARS = (1, 20)


def make_cluster(n, rng):
    """
    Return a table of stars, at least one of which is in the frame.
    """
    half = SHAPE[0] / 2 * PIXEL_SCALE
    x = y = np.full(n, np.inf) * u.arcsec
    while not ((np.abs(x) < half) & (np.abs(y) < half)).any():
        a, gamma, _ = draw_eff(1, **REGION, rng=rng)
        x, y = EFF(a=a[0], gamma=gamma[0]).sample(n, rng=rng)
        # Centres anywhere in the pixel.
        shift = rng.uniform(-0.5, 0.5, 2) * PIXEL_SCALE
        x, y = x + shift[0], y + shift[1]
    fluxes = {name: (1 + rng.pareto(1.3, n)) * u.electron / u.s for name in FILTERS}
    return QTable({'x': x, 'y': y, **fluxes})


def measure_errors(n, renderer, psfs, rng):
    """
    Return the largest errors of pixels and of fluxes of n clusters.
    """
    worst = np.zeros(2)
    for _ in range(n):
        n_stars = int(np.exp(rng.uniform(*np.log([N_STARS[0], N_STARS[1] + 1]))))
        stars = make_cluster(n_stars, rng)
        options = {'shape': SHAPE, 'pixel_scale': PIXEL_SCALE}
        fast = render_fast(renderer, stars)
        reference = render_stars(stars, psfs, **options, method='galsim').data
        peak, flux = reference.max((1, 2)), reference.sum((1, 2))
        errors = (
            (np.abs(fast - reference).max((1, 2)) / peak).max(),
            np.abs(fast.sum((1, 2), dtype=float) / flux - 1).max(),
        )
        worst = np.maximum(worst, errors)
    return worst


def render_fast(renderer, stars):
    """
    Return the image of the fast method.
    """
    fluxes = u.Quantity([stars[name] for name in FILTERS]).T
    return renderer.render(stars['x'], stars['y'], fluxes).value


def time_fast(renderer, stars):
    """
    Return the median time of the fast method, s.
    """
    times = []
    for _ in range(N_REPEAT):
        start = time.process_time()
        render_fast(renderer, stars)
        times.append(time.process_time() - start)
    return float(np.median(times))


def time_galsim(stars, psfs):
    """
    Return the time of GalSim, s, scaled from the first stars if there are many.
    """
    part = stars[:N_GALSIM]
    start = time.process_time()
    render_stars(part, psfs, shape=SHAPE, pixel_scale=PIXEL_SCALE, method='galsim')
    return (time.process_time() - start) * len(stars) / len(part)


def main():
    """
    Measure, print, and fail where a bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--n', type=int, default=1000, help='clusters for the errors')
    arguments = parser.parse_args()
    print(describe())
    psfs = [PSF.model('WFC3/UVIS', name, pixel_scale=PIXEL_SCALE) for name in FILTERS]
    scale = PIXEL_SCALE.to_value(u.arcsec)
    with_pixel = [
        PSF(
            psf.epsf(scale, psf.oversampling),
            oversampling=psf.oversampling,
            pixel_scale=PIXEL_SCALE,
            filter=psf.filter,
            includes_pixel=True,
        )
        for psf in psfs
    ]
    renderer = StarRenderer(psfs, shape=SHAPE, pixel_scale=PIXEL_SCALE)
    rng = np.random.default_rng(1)
    missed = False
    header = f'{"stars":>7}{"fast / ms":>12}{"galsim / s":>12}{"ratio":>9}'
    print(header + f'{"no pixel / s":>14}{"ratio":>9}')
    for n_stars, bar in MIN_RATIO.items():
        stars = make_cluster(n_stars, rng)
        fast = time_fast(renderer, stars)
        slow, quick = time_galsim(stars, psfs), time_galsim(stars, with_pixel)
        numbers = f'{n_stars:>7}{1e3 * fast:>12.2f}{slow:>12.1f}{slow / fast:>9.0f}'
        print(f'{numbers}{quick:>14.1f}{quick / fast:>9.0f}   bar for galsim {bar}')
        missed |= slow / fast < bar
    print(f'GalSim drew {N_GALSIM} stars; its times are scaled to more of them.')
    peak, flux = measure_errors(arguments.n, renderer, psfs, rng)
    print(f'{arguments.n} clusters of {N_STARS[0]} to {N_STARS[1]} stars, largest errors:')
    print(f'pixels {100 * peak:.4f} % of the peak, bar {100 * MAX_PEAK} %')
    print(f'flux {100 * flux:.5f} %, bar {100 * MAX_FLUX} %')
    return int(missed or not (peak < MAX_PEAK and flux < MAX_FLUX))


if __name__ == '__main__':
    sys.exit(main())
