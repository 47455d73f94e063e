# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From a real frame to a catalogue: mock clusters are put into an image of M31, found and measured.

The frame is one of the Panchromatic Hubble Andromeda Treasury in one filter, with
a WCS. Clusters are sought as peaks of the smoothed frame, cut out, and measured by
the default network of ``m31_phat``, which takes F475W alone. What comes back of the
mock clusters says how complete the catalogue is and how far off its parameters are.
The one catalogued cluster of the frame is measured, too.
"""

import argparse
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.convolution import Gaussian2DKernel, convolve_fft
from astropy.coordinates import SkyCoord
from astropy.nddata import CCDData
from astropy.stats import sigma_clipped_stats
from matplotlib.figure import Figure
from photutils.detection import find_peaks

from starcnn import Estimator, Simulator
from starcnn.families.m31_phat.bank import BANK
from starcnn.images import extract_cutouts, get_band, inject
from starcnn.validation import plot_completeness, plot_recovered, recovery

# The frame's zero point is 38.31 mag (Vega), to 0.1 mag; the exposure time is that of one pointing.
ZERO_POINT = 38.31 * u.mag
BAND = get_band('ACS/WFC', 'F475W', exposure_time=1720 * u.s)
FILTERS = ('F336W', 'F475W', 'F814W')  # of the network
SIZE = 80  # pixels

# Clusters like those of the test of Bialopetravicius et al. (2019), section 5.1.
TEST = {'log_age': (6.75, 9.25), 'log_mass': (2.25, 3.75), 'offset': 0.0, 'log_age_step': 0.0}

WIDTH = 4  # pixels: the standard deviation of the kernel
BOX = 25  # pixels: peaks are not nearer to one another than half of this
N_SIGMA = 5
BINS = np.arange(18, 26) * u.mag

# AP 3433 of Johnson et al. 2015, ApJ 802, 127; its age and mass are in 2016, ApJ 827, 33.
CLUSTER = SkyCoord(11.148368 * u.deg, 41.596570 * u.deg)
PUBLISHED = {'age': 8.3, 'mass': 2.79}


def calibrate(path):
    """Return the frame in electron/s, with its WCS."""
    frame = CCDData.read(path, unit='adu')
    scale = BAND.count_rate(ZERO_POINT).value
    return CCDData(frame.data * np.float32(scale), unit='electron / s', wcs=frame.wcs)


def simulate(n, rng):
    """Return images of clusters without background, and their truth."""
    band = {'filters': ('F475W',), 'instruments': ('ACS/WFC',), 'exposure_times': (1720.0,)}
    simulator = Simulator(BANK, **band, **TEST)
    data, truth = simulator.simulate(simulator.sample(n, rng=rng), rng=rng)
    return data['clusters'] * u.electron / u.s, truth


def smooth(frame):
    """Return the smoothed frame."""
    return convolve_fft(frame.data, Gaussian2DKernel(WIDTH), boundary='wrap')


def find_threshold(frame):
    """Return what a peak must be above, from a frame without mock clusters."""
    _, middle, scatter = sigma_clipped_stats(smooth(frame), sigma=3)
    return middle + N_SIGMA * scatter


def measure(frame, positions, estimator):
    """Return the catalogue of the sources at sky positions, which are in it as ``position``."""
    mosaics = {name: frame if name == BAND.filter else None for name in FILTERS}
    catalogue = estimator.predict(extract_cutouts(mosaics, positions, shape=(SIZE, SIZE)))
    catalogue['position'] = SkyCoord(catalogue['ra'], catalogue['dec'])
    return catalogue


def search(frame, threshold, estimator):
    """Return the catalogue of the peaks of the smoothed frame."""
    peaks = find_peaks(smooth(frame), threshold, box_size=BOX, border_width=BOX)
    return measure(frame, frame.wcs.pixel_to_world(peaks['x_peak'], peaks['y_peak']), estimator)


def try_chain(frame, clusters, truth, n_rounds, estimator, rng):
    """Return what came back, the last frame with clusters, and its catalogue."""
    threshold = find_threshold(frame)
    truths, catalogues = [], []
    for k in range(n_rounds):
        part = slice(k, None, n_rounds)
        injected, table = inject(
            frame,
            clusters[part],
            truth=truth[part],
            bands=[BAND],
            avoid=SkyCoord([CLUSTER]),
            radius=2 * u.arcsec,
            rng=rng,
        )
        truths.append(table)
        catalogues.append(search(injected, threshold, estimator))
    result = recovery(
        truths,
        catalogues,
        by='mag',
        bins=BINS,
        radius=0.5 * u.arcsec,
        known=search(frame, threshold, estimator),
        parameters=('age', 'mass', 'r_h'),
    )
    return result, injected, catalogues[-1]


def draw(result):
    """Return a figure of what was found, and how far off it is."""
    figure = Figure(figsize=(10, 7), layout='constrained')
    first, *others = figure.subplots(2, 2).ravel()
    plot_completeness(result, axes=first)
    for axes, name in zip(others, result.parameters, strict=True):
        plot_recovered(result, name, axes=axes)
    return figure


def report(result, cluster):
    """Print completeness, biases and scatters, and the catalogued cluster beside its literature."""
    names = [f'{name}_{end}' for name in result.parameters for end in ('bias', 'scatter')]
    table = result.bins['mag_low', 'mag_high', 'n_injected', 'n_found', 'completeness', *names]
    for name in ('completeness', *names):
        table[name].info.format = '.2f'
    table.pprint(max_width=-1)
    print(f'{result.n_found} of {result.n_injected} clusters are found')
    for name, published in PUBLISHED.items():
        low, middle, high = (np.log10(cluster[f'{name}{x}'][0].value) for x in ('_16', '', '_84'))
        print(
            f'AP 3433: log {name} {middle:.2f} ({low:.2f} to {high:.2f}), published {published:.2f}'
        )


def main(arguments=None):
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('frame', type=Path, help='m31_phat_b09_f475w.fits')
    parser.add_argument('--weights', type=Path, help='a network other than the released one')
    parser.add_argument('--output', type=Path, default=Path('m31_frame'), help='a folder')
    parser.add_argument('-n', type=int, default=200, help='the number of mock clusters')
    parser.add_argument('--rounds', type=int, default=8, help='in which they are put in')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args(arguments)
    args.output.mkdir(parents=True, exist_ok=True)
    estimator = Estimator('m31_phat', weights=args.weights)
    frame, rng = calibrate(args.frame), np.random.default_rng(args.seed)
    clusters, truth = simulate(args.n, rng)
    result, injected, catalogue = try_chain(frame, clusters, truth, args.rounds, estimator, rng)
    injected.write(args.output / 'injected.fits', overwrite=True)
    catalogue.write(args.output / 'catalogue.ecsv', overwrite=True)
    result.sources.write(args.output / 'clusters.ecsv', overwrite=True)
    report(result, measure(frame, SkyCoord([CLUSTER]), estimator))
    draw(result).savefig(args.output / 'recovery.png')


if __name__ == '__main__':
    main()
