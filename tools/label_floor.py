# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How noisy the labels of Cantat-Gaudin et al. (2020) are, from other catalogues.

The parameters of the same open clusters in four catalogues are compared pair by
pair: Cantat-Gaudin et al. (2020, A&A, 640, A1; neural network), Dias et al.
(2021, MNRAS, 504, 356; isochrone fits), Hunt & Reffert (2024, A&A, 686, A42;
neural network) and Cavallo et al. (2024, AJ, 167, 12; neural network).

If the errors of the catalogues are independent, the variance of a difference is
the sum of two catalogues' own variances, and non-negative least squares over all
pairs give those (the three-cornered hat of Gray & Allan 1974, generalised).
Errors that all catalogues share do not show in differences, so a catalogue's
own scatter is rather too low than too high.

Clusters are the same if one of their names agrees and they lie within a degree
of each other; or else if each is the nearest of the other, within ``--radius``,
and their parallaxes agree.
"""

import argparse
import csv
import itertools
import lzma
import os
import re
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from scipy.optimize import nnls

from starcnn.validation import bias, bootstrap, r_squared, scatter

LABELS = 'cantat2020'
PARAMETERS = ('log_age', 'a_v', 'dm')

# the columns of name, other names, position, parallax, log age, A_V and distance modulus
COLUMNS = {
    LABELS: ('Cluster', '', 'RA_ICRS', 'DE_ICRS', 'plx', 'AgeNN', 'AVNN', 'DMNN'),
    'dias2021': ('Cluster', '', 'RA_ICRS', 'DE_ICRS', 'Plx', 'logage', 'Av', 'Dist'),
    'hunt2024': ('Name', 'AllNames', 'RA_ICRS', 'DE_ICRS', 'Plx', 'logAge50', 'AV50', 'MOD50'),
    'cavallo2024': ('Cluster', '', 'RA_ICRS', 'DE_ICRS', 'plx', 'logAge50', 'AV50', 'dMod50'),
}

# clusters of one name are different if they are further apart than this
NAME_RADIUS = 1 * u.deg

# parallaxes agree if they differ by less than this, or than a tenth of their value
PARALLAX_TOLERANCE = 0.1  # mas


def normalise(name):
    """Return a name without what catalogues write differently: 'VDB_085' is 'vdb 85'."""
    parts = re.findall(r'[a-z]+|[0-9]+', name.lower())
    return ' '.join(part.lstrip('0') or '0' for part in parts)


def read_number(text):
    """Return a number, NaN for an empty entry."""
    return float(text) if text.strip() else np.nan


def read_catalogue(folder, key):
    """Return the clusters of a catalogue that have an age."""
    name, others, ra, dec, parallax, *parameters = COLUMNS[key]
    with lzma.open(folder / f'{key}.csv.xz', 'rt', encoding='utf-8') as stream:
        rows = list(csv.DictReader(stream))
    table = Table()
    table['names'] = np.array(
        [
            {normalise(item) for item in (row[name], *row.get(others, '').split(',')) if item}
            for row in rows
        ],
        dtype=object,
    )
    table['ra'] = [read_number(row[ra]) % 360 for row in rows]
    table['dec'] = [read_number(row[dec]) for row in rows]
    table['parallax'] = [read_number(row[parallax]) for row in rows]
    for parameter, column in zip(PARAMETERS, parameters, strict=True):
        table[parameter] = [read_number(row[column]) for row in rows]
    if key == 'dias2021':  # gives distances in pc
        table['dm'] = 5 * np.log10(table['dm']) - 5
    return table[np.isfinite(table['log_age'])]


def match(base, other, radius):
    """Return for each cluster of ``base`` the row in ``other``, or -1, and how it was found."""
    here = SkyCoord(base['ra'], base['dec'], unit=u.deg)
    there = SkyCoord(other['ra'], other['dec'], unit=u.deg)
    rows = np.full(len(base), -1)
    by_name = {}
    for index, names in enumerate(other['names']):
        for name in names:
            by_name.setdefault(name, []).append(index)
    for index, names in enumerate(base['names']):
        found = sorted({row for name in names for row in by_name.get(name, ())})
        if found:
            separation = here[index].separation(there[found])
            if separation.min() < NAME_RADIUS:
                rows[index] = found[np.argmin(separation)]
    named = rows >= 0
    nearest, separation, _ = here.match_to_catalog_sky(there)
    back, _, _ = there.match_to_catalog_sky(here)
    difference = np.abs(base['parallax'] - other['parallax'][nearest])
    tolerance = np.maximum(PARALLAX_TOLERANCE, 0.1 * np.abs(base['parallax']))
    near = (separation < radius) & (difference < tolerance)
    near &= (back[nearest] == np.arange(len(base))) & ~named & ~np.isin(nearest, rows[named])
    rows[near] = nearest[near]
    return rows, named


def detrend(x, y):
    """Return ``y`` without the linear trend of the difference with the mean of both."""
    mean = (x + y) / 2
    return y - np.polyval(np.polyfit(mean, y - x, 1), mean)


def compare(aligned, rows, subset):
    """Return the table of all pairs of catalogues, and that of each one's own scatter."""
    pairs, own = [], []
    for parameter in PARAMETERS:
        values = {key: table[parameter][rows] for key, table in aligned.items()}
        common = np.all([np.isfinite(value) for value in values.values()], axis=0)
        sums, variances = [], []
        for first, second in itertools.combinations(values, 2):
            both = np.isfinite(values[first]) & np.isfinite(values[second])
            x, y = values[first][both], values[second][both]
            measured = bootstrap(scatter, x, y, n_resamples=200, rng=0)
            pairs.append(
                (subset, parameter, first, second, x.size, bias(x, y), measured.value,
                 measured.error, scatter(x, detrend(x, y)), r_squared(x, y))
            )  # fmt: skip
            sums.append([key in (first, second) for key in values])
            x, y = values[first][common], values[second][common]
            variances.append((scatter(x, y) ** 2, scatter(x, detrend(x, y)) ** 2, np.var(y - x)))
        sums = np.array(sums, dtype=float)
        solved = [nnls(sums, column)[0] for column in np.array(variances).T]
        for key, core, detrended, every in zip(values, *solved, strict=True):
            ceilings = 1 - np.array([core, every]) / np.var(values[key][common])
            widths = np.sqrt([core, detrended])
            own.append((subset, parameter, key, common.sum(), *widths, *ceilings))
    scores = ('bias', 'scatter', 'error', 'detrended', 'r_squared')
    pairs = Table(rows=pairs, names=('subset', 'parameter', 'first', 'second', 'n', *scores))
    scores += ('r_squared_rms',)
    names = ('subset', 'parameter', 'first', 'n', *scores[1:2], *scores[3:])
    own = Table(rows=own, names=names)
    for table in (pairs, own):
        for name in set(table.colnames) & set(scores):
            table[name].format = '.3f'
    return pairs, own


def align(folder, radius):
    """Return the four catalogues, row by row the clusters of the first."""
    base = read_catalogue(folder, LABELS)
    aligned, report = {LABELS: base}, []
    for key in COLUMNS:
        if key == LABELS:
            continue
        other = read_catalogue(folder, key)
        rows, named = match(base, other, radius)
        aligned[key] = Table(
            {name: np.where(rows >= 0, other[name][rows], np.nan) for name in PARAMETERS}
        )
        report.append(
            f'{key}: {named.sum()} of {len(base)} clusters by name, '
            f'{np.sum(rows >= 0) - named.sum()} more by position'
        )
    return aligned, report


def labelled(folder, base):
    """Return which clusters are in the training labels."""
    with (folder / 'open_clusters_cg2020_labels.csv').open(encoding='utf-8') as stream:
        names = {normalise(row['cluster']) for row in csv.DictReader(stream)}
    return np.array([bool(names & own) for own in base['names']])


def main():
    """Print the comparison, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument(
        '--data', type=Path, default=os.environ.get('STARCNN_DATA_DIR'),
        help='folder with gaia/*.csv.xz; the default is $STARCNN_DATA_DIR',
    )  # fmt: skip
    parser.add_argument('--radius', type=float, default=5, help='in arcmin; the default is 5')
    parser.add_argument('--output', type=Path, help='ECSV file to write the comparison to')
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error('--data must be given where STARCNN_DATA_DIR is not set')
    folder = Path(arguments.data) / 'gaia'
    aligned, report = align(folder, arguments.radius * u.arcmin)
    subsets = {
        'all': np.full(len(aligned[LABELS]), fill_value=True),
        'labelled': labelled(folder, aligned[LABELS]),
    }
    pairs, own = zip(
        *(compare(aligned, rows, subset) for subset, rows in subsets.items()), strict=True
    )
    pairs, own = vstack(pairs), vstack(own)
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
