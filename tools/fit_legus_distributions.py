# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Build the table of what the four classes of LEGUS are like, in ``starcnn/families/phangs_hst/data``.

The input is a table of 11,681 sources of 32 fields of the public cluster catalogues of LEGUS
(Calzetti et al. 2015, AJ 149, 51; Adamo et al. 2017, ApJ 841, 131; Cook et al. 2019, MNRAS 484,
4897), of which no row is stored. For each class the table has quantiles of age, mass, E(B-V),
M_F555W, four colours, the concentration index and the distance of the host, and a Gaussian mixture
of their normal scores, which holds how they go together. Run it as::

    python tools/fit_legus_distributions.py --data $STARCNN_DATA_DIR
"""

import argparse
import lzma
import os
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from starcnn.files import compute_sha256
from starcnn.sky._table import write_table

# Mpc: Wei et al. 2020, MNRAS 493, 3178, Tables 1 and 2; the last five Calzetti et al. 2015,
# Table 1, but for UGC 5340, whose masses in the catalogue are those of 12.7 Mpc (the other masses
# agree with the distances given here to some per cent).
DISTANCES = {
    'ic4247': 5.1,
    'ic559': 5.3,
    'ngc1313-w': 4.39,
    'ngc1433': 8.3,
    'ngc1566': 18.0,
    'ngc1705': 5.1,
    'ngc3351': 10.0,
    'ngc3738': 4.9,
    'ngc4242': 5.8,
    'ngc4395-n': 4.3,
    'ngc4449': 4.31,
    'ngc45': 6.61,
    'ngc4656': 5.5,
    'ngc5238': 4.51,
    'ngc5253': 3.15,
    'ngc5474': 6.8,
    'ngc5477': 6.4,
    'ngc628-c': 9.9,
    'ngc628-e': 9.9,
    'ngc6503': 5.27,
    'ngc7793-e': 3.44,
    'ugc1249': 6.9,
    'ugc4305': 3.05,
    'ugc4459': 3.66,
    'ugc685': 4.83,
    'ugc7408': 6.7,
    'ugca281': 5.9,
    'eso486-g021': 9.5,
    'ngc3274': 6.55,
    'ngc4248': 7.8,
    'ugc5340': 12.7,
    'ugc7242': 5.42,
}

VARIABLES = ('log_d', 'log_age', 'log_mass', 'e_bv', 'm_v', 'nuv_u', 'u_b', 'b_v', 'v_i', 'ci')
BANDS = ('m275', 'm336', 'm435_438', 'm555_606', 'm814')
CLASSES = (1, 2, 3, 4)

# Magnitudes above this stand for none, as E(B-V) above its limit does.
NO_MAGNITUDE, NO_E_BV = 60.0, 2.0

# The standard deviation by which distances are smeared, dex: there are but 32 of them.
SMEAR = 0.06

# Of the mixture: components, trials, steps, and what is added to the variances.
N_COMPONENT, N_TRIAL, N_STEP, FLOOR = 6, 4, 200, 0.02

LEVELS = np.concatenate([[0.002], np.linspace(0.005, 0.995, 199), [0.998]])

META = {
    'kind': 'classes of sources',
    'classes': [str(name) for name in CLASSES],
    'variables': list(VARIABLES),
    'system': 'Vega',
    'origin': 'public cluster catalogues of LEGUS, 32 fields',
    'bibcodes': ['2015AJ....149...51C', '2017ApJ...841..131A', '2019MNRAS.484.4897C'],
    'changes': 'quantiles, and Gaussian mixtures of normal scores; no row of the catalogues',
}


def read_catalogue(path):
    """
    Return the columns of the catalogue.
    """
    with lzma.open(path, 'rt') as file:
        names, *rows = (line.rstrip('\n').split(',') for line in file)
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    return {
        name: np.array(column, str if name == 'galaxy' else float)
        for name, column in columns.items()
    }


def make_variables(table):
    """
    Return the variables of all sources with five magnitudes and a fit, and their classes.
    """
    magnitudes = np.array([table[name] for name in BANDS])
    known = (magnitudes < NO_MAGNITUDE).all(axis=0) & (magnitudes > 0).all(axis=0)
    known &= (table['age'] > 0) & (table['mass'] > 0) & (table['ebv'] < NO_E_BV)
    distance = np.array([DISTANCES[name] for name in table['galaxy'][known]])
    magnitudes = magnitudes[:, known]
    rows = [
        np.log10(distance),
        np.log10(table['age'][known]),
        np.log10(table['mass'][known]),
        table['ebv'][known],
        magnitudes[3] - 5 * np.log10(distance * 1e5),
        *(magnitudes[:-1] - magnitudes[1:]),
        table['ci'][known],
    ]
    return np.array(rows).T, table['class'][known].astype(int), table['galaxy'][known]


def to_scores(values, rng):
    """
    Return normal scores of each column by rank, ties in random order.
    """
    order = np.lexsort((rng.random(values.shape).T, values.T), axis=1)
    ranks = np.argsort(order, axis=1).T
    return norm.ppf((ranks + 0.5) / len(values))


def fit_mixture(scores, rng):
    """
    Return the likeliest of several Gaussian mixtures: weights, means, covariances.
    """
    fits = [expect_maximize(scores, rng) for _ in range(N_TRIAL)]
    best = max(range(N_TRIAL), key=lambda i: fits[i][0])
    print('   mean log likelihoods', [round(fit[0], 3) for fit in fits])
    return fits[best][1:]


def expect_maximize(scores, rng):
    """
    Return the mean log likelihood and the parameters of one mixture.
    """
    n, size = scores.shape
    shares = rng.dirichlet(np.full(N_COMPONENT, 0.3), n)
    for _ in range(N_STEP):
        totals = shares.sum(axis=0)
        means = shares.T @ scores / totals[:, np.newaxis]
        covariances = []
        for share, mean, total in zip(shares.T, means, totals, strict=True):
            apart = scores - mean
            covariances.append((share * apart.T) @ apart / total + FLOOR * np.eye(size))
        logs = np.array(
            [
                np.log(total / n) + log_normal(scores - mean, covariance)
                for total, mean, covariance in zip(totals, means, covariances, strict=True)
            ]
        ).T
        likelihood = logsumexp(logs, axis=1)
        shares = np.exp(logs - likelihood[:, np.newaxis])
    return likelihood.mean(), totals / n, means, np.array(covariances)


def log_normal(apart, covariance):
    """
    Return the logarithm of a normal density.
    """
    root = np.linalg.cholesky(covariance)
    reduced = np.linalg.solve(root, apart.T)
    size = len(covariance)
    return -0.5 * (reduced**2).sum(0) - np.log(np.diag(root)).sum() - size / 2 * np.log(2 * np.pi)


def count_hosts(classes, galaxies):
    """
    Return the distances of the fields, and the sources of each class in each.
    """
    names = sorted(DISTANCES)
    counts = [[np.sum((galaxies == n) & (classes == c)) for n in names] for c in CLASSES]
    return np.array([DISTANCES[name] for name in names]), np.array(counts, np.int32)


def main():
    """
    Read, fit and write.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data', type=Path, default=os.environ.get('STARCNN_DATA_DIR'))
    parser.add_argument(
        '--output', type=Path, default=Path('starcnn/families/phangs_hst/data/legus_classes.npz')
    )
    args = parser.parse_args()
    if args.data is None:
        parser.error('give --data or set STARCNN_DATA_DIR')
    table = read_catalogue(Path(args.data) / 'catalogs' / 'legus_labelled.csv.xz')
    values, classes, galaxies = make_variables(table)
    rng = np.random.default_rng(0)
    fits = []
    for label in CLASSES:
        rows = values[classes == label]
        print(f'class {label}: {len(rows)} sources')
        quantiles = np.quantile(rows, LEVELS, axis=0).T
        smeared = rows.copy()
        smeared[:, 0] += SMEAR * rng.standard_normal(len(rows))
        quantiles[0] = np.quantile(smeared[:, 0], LEVELS)
        fits.append((quantiles, *fit_mixture(to_scores(smeared, rng), rng)))
    names = ('quantiles', 'weights', 'means', 'covariances')
    arrays = {
        name: np.array(part, np.float32)
        for name, part in zip(names, zip(*fits, strict=True), strict=True)
    }
    distances, counts = count_hosts(classes, galaxies)
    arrays |= {'levels': LEVELS, 'distances': distances, 'counts': counts}
    write_table(args.output, arrays, META)
    print(f'{args.output}: {args.output.stat().st_size} bytes, {compute_sha256(args.output)}')


if __name__ == '__main__':
    main()
