# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From a real frame to a catalogue: mock clusters are put into an image of M31 and measured.

The frame is one of the Panchromatic Hubble Andromeda Treasury in one filter, with
a WCS. A network is trained on mock clusters whose backgrounds come from the bottom
of the frame, and tried on the top of it, which it has not seen. Without ``--weights``
the command that trains it is printed.
"""

import argparse
import json
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData
from astropy.table import QTable, join

from starcnn import Classifier, Estimator, Simulator
from starcnn.families.m83_hst.bank import BANK
from starcnn.images import combine, extract_cutouts

FILTER = 'F475W'
SIZE = 64  # pixels
N_ROWS = 5  # of the cells that the network is tried on, at the top

# What M31 and this survey have of their own (Dalcanton et al. 2012, ApJS, 200, 18).
SURVEY = {
    'filters': (FILTER,),
    'instruments': ('ACS/WFC',),
    'exposure_times': (1900.0,),  # s
    'magnitude_limits': (21.5,),  # Vega mag
    'pixel_scale': 0.05 * u.arcsec,
    'distance': 785 * u.kpc,  # McConnachie et al. 2005
    'z': 0.02,
    'log_mass': (2.7, 4.7),  # solMass
    'a': (0.1, 2.0),  # arcsec
    'r_h': (0.1, 0.9),  # arcsec
}

# The frame's zero point is 38.31 mag (Vega), that of electrons per second 26.16 mag.
SCALE = 10 ** (-0.4 * (38.31 - 26.16))


def calibrate(path):
    """Return the frame in electron/s, with its WCS."""
    frame = CCDData.read(path, unit='adu')
    return CCDData(frame.data * np.float32(SCALE), unit='electron / s', wcs=frame.wcs)


def split(frame):
    """Return the bottom of a frame, for training, and the top, for the test."""
    n_rows = frame.shape[0] - N_ROWS * SIZE
    return frame[:n_rows], frame[n_rows:]


def inject(frame, options, rng):
    """Return the frame with a mock cluster in every second cell, and what is there."""
    ny, nx = (size // SIZE for size in frame.shape)
    rows, columns = np.divmod(np.arange(ny * nx), nx)
    is_cluster = (rows + columns) % 2 == 0
    simulator = Simulator(BANK, **options)
    clusters, truth = simulator.simulate(simulator.sample(is_cluster.sum(), rng=rng), rng=rng)
    data = frame.data.copy()
    cells = data[: ny * SIZE, : nx * SIZE].reshape(ny, SIZE, nx, SIZE).swapaxes(1, 2)
    where = rows[is_cluster], columns[is_cluster]
    images = combine(
        clusters['clusters'] * frame.unit,
        cells[where][:, np.newaxis] * frame.unit,
        exposure_time=options['exposure_times'] * u.s,
        rng=rng,
    )
    cells[where] = images[:, 0].value
    centres = ((index + 0.5) * SIZE - 0.5 for index in (columns, rows))
    sources = QTable({'id': np.arange(1, ny * nx + 1), 'is_cluster': is_cluster})
    sky = frame.wcs.pixel_to_world(*centres)
    sources['ra'], sources['dec'] = sky.ra, sky.dec
    truth['id'] = sources['id'][is_cluster]
    return CCDData(data, unit=frame.unit, wcs=frame.wcs), sources, truth


def measure(path, positions, weights):
    """Return the catalogue of the sources at sky positions in a FITS file."""
    mosaic = CCDData.read(path)
    cutouts = extract_cutouts({FILTER: mosaic}, positions, shape=(SIZE, SIZE))
    parameters = Estimator('m83_hst', weights=weights).predict(cutouts)
    classes = Classifier('m83_hst', weights=weights).predict(cutouts)
    parameters['prob_cluster'] = classes['prob_cluster']
    return parameters


def report(catalogue, truth):
    """Print how well the clusters came back."""
    both = join(
        truth['id', 'mass', 'r_h', 'visibility'],
        catalogue,
        keys='id',
        table_names=('true', 'found'),
    )
    found = both[both['prob_cluster'] > 0.5]
    empty = catalogue[~catalogue['is_cluster']]
    print(
        f'{len(found)} of {len(both)} mock clusters are called clusters, '
        f'and {(empty["prob_cluster"] > 0.5).sum()} of {len(empty)} other cells'
    )
    for name in ('r_h', 'mass'):
        error = np.log10(found[f'{name}_found'] / found[f'{name}_true']).value
        print(
            f'{name}: median error {np.median(error):+.3f} dex, '
            f'95 % within {np.quantile(abs(error), 0.95):.2f} dex'
        )


def option_arguments(options):
    """Return the options as arguments of ``starcnn train``."""
    texts = {
        name: str(value) if isinstance(value, u.Quantity) else json.dumps(value)
        for name, value in options.items()
    }
    return ' '.join(f"--option '{name}={text}'" for name, text in texts.items())


def main(arguments=None):
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('frame', type=Path, help='m31_phat_b09_f475w.fits')
    parser.add_argument('--weights', type=Path, help='a network for this survey')
    parser.add_argument('--output', type=Path, default=Path('m31_frame'), help='a folder')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args(arguments)
    args.output.mkdir(parents=True, exist_ok=True)
    bottom, top = split(calibrate(args.frame))
    mosaic = args.output / 'training.fits'
    bottom.write(mosaic, overwrite=True)
    options = SURVEY | {'mosaics': (str(mosaic.resolve()),)}
    if args.weights is None:
        print(
            f'starcnn train m83_hst --variant default {option_arguments(options)} '
            f'--output {args.output / "m31.onnx"}'
        )
        return
    injected, sources, truth = inject(top, options, np.random.default_rng(args.seed))
    injected.write(args.output / 'injected.fits', overwrite=True)
    catalogue = measure(args.output / 'injected.fits', sources, args.weights)
    catalogue.write(args.output / 'catalogue.fits', overwrite=True)
    report(catalogue, truth)


if __name__ == '__main__':
    main()
