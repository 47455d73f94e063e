# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Build the table of magnitudes of real stars of M31 that ships in ``starcnn/images/data``.

The input are two catalogues of stars of the PHAT survey (Williams et al. 2014, ApJS 215, 9) that
come with the BEAST (Gordon et al. 2016, ApJ 826, 104): 7250 stars of brick 15, all fainter than
about 24.1 mag in F814W and brighter than 27.6 mag in F475W, and 269 of the cluster AP 95 in that
brick, without such limits. The table takes the stars
fainter than `DIVISION` from the first, one of `THINNING` of them, and the brighter ones from the
second. The weights of these are such that their part of all stars, in bins of F475W, is that in
the second catalogue. Run it as::

    python tools/build_star_colours.py --data $STARCNN_DATA_DIR
"""

import argparse
import os
from pathlib import Path

import numpy as np
from astropy.table import Table
from scipy.spatial import cKDTree

from starcnn.files import compute_sha256
from starcnn.sky._table import write_table

FILTERS = 'F275W', 'F336W', 'F475W', 'F814W', 'F110W', 'F160W'
FIELD, CLUSTER = 'phat_b15_data_test.fits', 'phat_b15_4band_det_27_A.fits'

# The magnitude in F814W that divides the two, and the bins in F475W in which the parts of fainter
# and brighter stars are taken. Beyond the first the weights are those of the first.
DIVISION = 24.3
EDGES = np.append(np.arange(24.0, 27.1, 0.5), 27.6)

# Of the fainter stars one of so many is taken, at random.
THINNING = 2

# A flux of less than this signal-to-noise ratio is replaced by the mean of so many stars which
# are the nearest in F475W and F475W - F814W, no fainter than this magnitude.
LEAST_SNR, N_MEAN, FAINTEST = 3.0, 40, 32.0

META = {
    'kind': 'magnitudes of stars',
    'filters': list(FILTERS),
    'system': 'Vega',
    'origin': 'PHAT, brick 15 and cluster AP 95, as distributed with the BEAST',
    'bibcodes': ['2012ApJS..200...18D', '2014ApJS..215....9W', '2016ApJ...826..104G'],
    'changes': 'a sample; fluxes of low signal-to-noise ratio are means of similar stars',
    'limits': 'F814W > 24.1 mag or in the cluster; F475W < 27.6 mag',
}


def read_catalogue(path):
    """
    Return magnitudes, relative fluxes and their errors of stars, each (n_star, n_filter).
    """
    table = Table.read(path)
    return [
        np.column_stack([np.asarray(table[f'{name.lower()}_{kind}'], float) for name in FILTERS])
        for kind in ('vega', 'rate', 'raterr')
    ]


def fill(magnitudes, rates, errors):
    """
    Return magnitudes with means of similar stars for those too faint, and which were measured.
    """
    i, j = FILTERS.index('F475W'), FILTERS.index('F814W')
    plane = np.column_stack([magnitudes[:, i], magnitudes[:, i] - magnitudes[:, j]])
    _, near = cKDTree(plane).query(plane, N_MEAN)
    known = (errors > 0) & (errors < 1)  # 9999 where there was no measurement
    measured = known & (rates > LEAST_SNR * errors)
    ratio = np.where(known, rates, np.nan) / rates[:, [i]]
    mean = np.nanmean(ratio[near], axis=1) * rates[:, [i]]
    rates = np.maximum(np.where(measured, rates, mean), 10 ** (-0.4 * FAINTEST))
    return np.where(measured, magnitudes, -2.5 * np.log10(rates)), measured


def select(magnitudes, in_field, rng):
    """
    Return which stars the table takes, and their weights.
    """
    faint = magnitudes[:, FILTERS.index('F814W')] > DIVISION
    blue = magnitudes[:, FILTERS.index('F475W')]
    candidates = np.flatnonzero(faint & in_field)
    chosen = rng.choice(candidates, len(candidates) // THINNING, replace=False)
    bright = np.flatnonzero(~faint & ~in_field)
    which = [faint & in_field, faint & ~in_field, ~faint & ~in_field]
    field, cluster, giants = (np.histogram(blue[part], EDGES)[0] for part in which)
    weight = field / np.maximum(cluster, 1)  # of a giant in each bin
    place = np.clip(np.digitize(blue[bright], EDGES) - 1, 0, len(weight) - 1)
    share = giants * weight / (giants * weight + field)
    print(f'{len(chosen)} fainter and {len(bright)} brighter stars; part of these in bins')
    print(np.round(share, 2), 'from', EDGES)
    return np.append(chosen, bright), np.append(np.full(len(chosen), THINNING), weight[place])


def main():
    """
    Read, select and write.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data', type=Path, default=os.environ.get('STARCNN_DATA_DIR'))
    parser.add_argument('--output', type=Path, default=Path('starcnn/images/data/phat_stars.npz'))
    args = parser.parse_args()
    if args.data is None:
        parser.error('give --data or set STARCNN_DATA_DIR')
    folder = Path(args.data) / 'catalogs'
    samples = [read_catalogue(folder / name) for name in (FIELD, CLUSTER)]
    in_field = np.arange(sum(len(sample[0]) for sample in samples)) < len(samples[0][0])
    magnitudes, measured = fill(*(np.concatenate(parts) for parts in zip(*samples, strict=True)))
    chosen, weight = select(magnitudes, in_field, np.random.default_rng(0))
    by_magnitude = np.argsort(magnitudes[chosen, FILTERS.index('F475W')])
    chosen, weight = chosen[by_magnitude], weight[by_magnitude]
    arrays = {
        'millimag': np.rint(1000 * magnitudes[chosen]).astype(np.uint16),
        'weight': weight.astype(np.float32),
        'measured': measured[chosen],
    }
    write_table(args.output, arrays, META)
    for name, part in zip(FILTERS, measured[chosen].mean(axis=0), strict=True):
        print(f'{name}: {part:.0%} of the magnitudes were measured')
    print(f'{args.output}: {args.output.stat().st_size} bytes, {compute_sha256(args.output)}')


if __name__ == '__main__':
    main()
