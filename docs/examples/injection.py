# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How complete is a search for clusters? Mock clusters are put into an image of M31 and sought.

The frame is one of the Panchromatic Hubble Andromeda Treasury in one filter, with
a WCS. Clusters are sought as peaks of the smoothed frame, before and after mock
clusters are put in; any other search takes the place of ``search``.
"""

import argparse
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.convolution import Gaussian2DKernel, convolve_fft
from astropy.nddata import CCDData
from astropy.stats import sigma_clipped_stats
from astropy.table import QTable
from matplotlib.figure import Figure
from photutils.aperture import CircularAnnulus, CircularAperture, aperture_photometry
from photutils.detection import find_peaks

from starcnn import Simulator
from starcnn.families.m31_phat.bank import BANK
from starcnn.images import get_band, inject
from starcnn.validation import plot_completeness, plot_recovered, recovery

# The frame's zero point is 38.31 mag (Vega); the exposure time is that of the survey.
ZERO_POINT = 38.31 * u.mag
BAND = get_band('ACS/WFC', 'F475W', exposure_time=1900 * u.s)

WIDTH = 4  # pixels: the standard deviation of the kernel
APERTURE, ANNULUS = 12, (16, 22)  # pixels
BOX = 25  # pixels: peaks are not nearer to one another than half of this
N_SIGMA = 5


def calibrate(path):
    """Return the frame in electron/s, with its WCS."""
    frame = CCDData.read(path, unit='adu')
    scale = BAND.count_rate(ZERO_POINT).value
    return CCDData(frame.data * np.float32(scale), unit='electron / s', wcs=frame.wcs)


def simulate(n, rng):
    """Return images of clusters without background, and their truth."""
    simulator = Simulator(
        BANK, filters=('F475W',), instruments=('ACS/WFC',), exposure_times=(1900.0,), offset=0.0
    )
    data, truth = simulator.simulate(simulator.sample(n, rng=rng), rng=rng)
    return data['clusters'] * u.electron / u.s, truth


def smooth(frame):
    """Return the smoothed frame."""
    return convolve_fft(frame.data, Gaussian2DKernel(WIDTH), boundary='wrap')


def find_threshold(frame):
    """Return what a peak must be above, from a frame without mock clusters."""
    _, middle, scatter = sigma_clipped_stats(smooth(frame), sigma=3)
    return middle + N_SIGMA * scatter


def search(frame, threshold):
    """Return the peaks of the smoothed frame, and their magnitudes."""
    peaks = find_peaks(smooth(frame), threshold, box_size=BOX, border_width=BOX)
    places = np.column_stack([peaks['x_peak'], peaks['y_peak']])
    sums = aperture_photometry(frame.data, CircularAperture(places, APERTURE))['aperture_sum']
    ring = CircularAnnulus(places, *ANNULUS)
    level = [np.median(mask.get_values(frame.data)) for mask in ring.to_mask()]
    flux = (sums - np.array(level) * np.pi * APERTURE**2) * frame.unit
    sky = frame.wcs.pixel_to_world(*places.T)
    return QTable({'ra': sky.ra, 'dec': sky.dec, 'mag': BAND.magnitude(flux)})


def try_search(frame, clusters, truth, n_rounds, rng):
    """Return what came back, and the frame with the last of the clusters."""
    threshold = find_threshold(frame)
    truths, founds = [], []
    for k in range(n_rounds):
        injected, table = inject(
            frame, clusters[k::n_rounds], truth=truth[k::n_rounds], bands=[BAND], rng=rng
        )
        truths.append(table)
        founds.append(search(injected, threshold))
    result = recovery(
        truths,
        founds,
        by='mag',
        bins=np.arange(18, 26) * u.mag,
        radius=0.5 * u.arcsec,
        known=search(frame, threshold),
    )
    return result, injected


def draw(result):
    """Return a figure of what was found."""
    figure = Figure(figsize=(10, 3.5), layout='constrained')
    left, right = figure.subplots(1, 2)
    plot_completeness(result, axes=left)
    plot_recovered(result, 'mag', axes=right)
    return figure


def main(arguments=None):
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('frame', type=Path, help='m31_phat_b09_f475w.fits')
    parser.add_argument('--output', type=Path, default=Path('injection'), help='a folder')
    parser.add_argument('-n', type=int, default=200, help='the number of clusters')
    parser.add_argument('--rounds', type=int, default=8, help='in which they are put in')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args(arguments)
    args.output.mkdir(parents=True, exist_ok=True)
    frame, rng = calibrate(args.frame), np.random.default_rng(args.seed)
    clusters, truth = simulate(args.n, rng)
    result, injected = try_search(frame, clusters, truth, args.rounds, rng)
    injected.write(args.output / 'injected.fits', overwrite=True)
    result.sources.write(args.output / 'clusters.ecsv', overwrite=True)
    result.bins['mag_low', 'mag_high', 'n_injected', 'n_found', 'completeness', 'mag_bias'].pprint()
    print(f'{result.n_found} of {result.n_injected} clusters are found,')
    print(f'with {result.n_spurious} spurious sources in {args.rounds} rounds')
    draw(result).savefig(args.output / 'recovery.png')


if __name__ == '__main__':
    main()
