# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How noisy the labels of Cantat-Gaudin et al. (2020) are, from other catalogues.

The parameters of the same open clusters in four catalogues are compared pair by
pair, and the scatter is divided among the catalogues; see
`starcnn.families.gaia_cmd.label_floor`.
"""

import argparse
import itertools
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table, vstack

from starcnn.families.gaia_cmd.catalogue import find_data, read_catalogue
from starcnn.families.gaia_cmd.label_floor import LABELS, align, is_labelled, own_variances
from starcnn.validation import bias, bootstrap, r_squared, scatter

PARAMETERS = ('log_age', 'a_v', 'distance_modulus')


def detrended_scatter(x, y):
    """Return the scatter about the linear trend of the difference with the mean of both."""
    mean = (x + y) / 2
    return scatter(x, y - np.polyval(np.polyfit(mean, y - x, 1), mean))


def deviation(x, y):
    """Return the standard deviation of the difference."""
    return np.std(y - x)


def compare(aligned, rows, subset):
    """Return the table of all pairs of catalogues, and that of each one's own scatter."""
    pairs, own = [], []
    for parameter in PARAMETERS:
        values = {key: np.array(table[parameter][rows]) for key, table in aligned.items()}
        for first, second in itertools.combinations(values, 2):
            both = np.isfinite(values[first]) & np.isfinite(values[second])
            x, y = values[first][both], values[second][both]
            measured = bootstrap(scatter, x, y, n_resamples=200, rng=0)
            pairs.append(
                (subset, parameter, first, second, x.size, bias(x, y), measured.value,
                 measured.error, detrended_scatter(x, y), r_squared(x, y))
            )  # fmt: skip
        stacked = np.column_stack(list(values.values()))
        stacked = stacked[np.isfinite(stacked).all(axis=1)]
        core, detrended, every = (
            own_variances(stacked, width) for width in (scatter, detrended_scatter, deviation)
        )
        spread = stacked.var(axis=0)
        columns = (np.sqrt(core), np.sqrt(detrended), 1 - core / spread, 1 - every / spread)
        own += [
            (subset, parameter, key, len(stacked), *scores)
            for key, *scores in zip(values, *columns, strict=True)
        ]
    scores = ('bias', 'scatter', 'error', 'detrended', 'r_squared')
    pairs = Table(rows=pairs, names=('subset', 'parameter', 'first', 'second', 'n', *scores))
    scores += ('r_squared_rms',)
    names = ('subset', 'parameter', 'first', 'n', *scores[1:2], *scores[3:])
    own = Table(rows=own, names=names)
    for table in (pairs, own):
        for name in set(table.colnames) & set(scores):
            table[name].format = '.3f'
    return pairs, own


def main():
    """Print the comparison, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument(
        '--data', type=Path, help='folder with gaia/*.csv.xz; the default is $STARCNN_DATA_DIR'
    )
    parser.add_argument('--radius', type=float, default=5, help='in arcmin; the default is 5')
    parser.add_argument('--output', type=Path, help='ECSV file to write the comparison to')
    arguments = parser.parse_args()
    folder = find_data(arguments.data)
    aligned = align(folder, radius=arguments.radius * u.arcmin)
    _, labels = read_catalogue(folder)
    subsets = {
        'all': np.full(len(aligned[LABELS]), fill_value=True),
        'labelled': is_labelled(aligned[LABELS], labels['cluster']),
    }
    pairs, own = zip(
        *(compare(aligned, rows, subset) for subset, rows in subsets.items()), strict=True
    )
    pairs, own = vstack(pairs), vstack(own)
    report = []
    for key, table in aligned.items():
        n_named, n_found = table['named'].sum(), np.isfinite(table['log_age']).sum()
        report.append(f'{key}: {n_named} clusters by name, {n_found - n_named} more by position')
    report += [
        '',
        'Second minus first catalogue (dex, mag, mag); error is that of the scatter,',
        'detrended is the scatter about a linear trend with the mean of both:',
    ]
    report += pairs.pformat(max_lines=-1, max_width=-1)
    report += ['', "Each catalogue's own scatter, on the clusters that all four have;",
               'r_squared is what a perfect estimator would reach against it if its errors',
               'were normal with that scatter, r_squared_rms with outliers counted:']  # fmt: skip
    report += own.pformat(max_lines=-1, max_width=-1)
    sys.stdout.write('\n'.join(report) + '\n')
    if arguments.output:
        own['second'] = 'own'
        vstack([pairs, own]).write(arguments.output, overwrite=True)


if __name__ == '__main__':
    main()
