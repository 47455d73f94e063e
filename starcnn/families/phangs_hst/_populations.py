# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What sources of the four classes are like in the catalogues of LEGUS: ages, masses, light, sizes.
"""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from starcnn.sky._table import read_table

from .spec import CLASSES

__all__ = ['VARIABLES', 'draw_hosts', 'draw_sources', 'quantile_table']

_KIND = 'classes of sources'
_FILE = 'legus_classes.npz'

# The variables of a source: the first is the distance of its host, log Mpc; then log age in yr,
# log mass in solMass, E(B-V), and what is observed. F438W is F435W, and F555W F606W, where LEGUS
# has these.
VARIABLES = ('log_d', 'log_age', 'log_mass', 'e_bv', 'm_v', 'nuv_u', 'u_b', 'b_v', 'v_i', 'ci')


class _Mixture(NamedTuple):
    """One class: quantiles of its variables, and a mixture of their normal scores."""

    quantiles: np.ndarray  # (n_variable, n_level)
    weights: np.ndarray  # (n_component,)
    means: np.ndarray  # (n_component, n_variable)
    covariances: np.ndarray  # (n_component, n_variable, n_variable)


@cache
def _table():
    """Return the packaged table, which ``tools/fit_legus_distributions.py`` made."""
    with (files('starcnn.families.phangs_hst') / 'data' / _FILE).open('rb') as file:
        table, meta = read_table(file, _KIND)
    if tuple(meta['variables']) != VARIABLES or tuple(meta['classes']) != CLASSES:
        msg = f'{_FILE} must be of {CLASSES} and {VARIABLES}, got {meta}'
        raise ValueError(msg)
    return table


@cache
def _mixture(label):
    """Return what is known of a class."""
    names, i = _Mixture._fields, CLASSES.index(label)
    return _Mixture(*(_table()[name][i].astype(float) for name in names))


def quantile_table(label):
    """
    Return quantiles of the variables of the real sources of a class.

    Parameters
    ----------
    label : {'1', '2', '3', '4'}
        The class.

    Returns
    -------
    levels : `~numpy.ndarray` with shape (n_level,)
        The parts of the sources, from 0 to 1.

    quantiles : dict of `~numpy.ndarray` with shape (n_level,)
        The values below which these parts are, by variable.
    """
    return _table()['levels'], dict(zip(VARIABLES, _mixture(label).quantiles, strict=True))


def draw_hosts(labels, rng):
    """
    Draw the field of LEGUS that each source is in, as often as the class has sources there.

    Parameters
    ----------
    labels : sequence of str
        The classes of the sources.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    field : `~numpy.ndarray` of int with shape (n,)
        The fields, numbers from 0.

    distance : `~numpy.ndarray` with shape (n,)
        Their distances, Mpc.
    """
    labels = np.asarray(labels)
    field = np.zeros(len(labels), int)
    for label, counts in zip(CLASSES, _table()['counts'], strict=True):
        which = labels == label
        field[which] = rng.choice(len(counts), which.sum(), p=counts / counts.sum())
    return field, _table()['distances'][field]


def draw_sources(labels, distances, rng):
    """
    Draw sources as LEGUS catalogues have them at some distance.

    Parameters
    ----------
    labels : sequence of str
        Their classes.

    distances : `~numpy.ndarray` with shape (n,)
        The distances of their hosts, Mpc.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    sources : dict of `~numpy.ndarray` with shape (n,)
        The variables but the first.

    Notes
    -----
    A Gaussian mixture of the normal scores of all variables, at the normal
    score of the distance; each variable has the quantiles of its class. Beyond
    the nearest and the farthest field of LEGUS (3.05 and 18 Mpc) sources are
    those of that field.
    """
    labels = np.asarray(labels)
    values = np.zeros((len(labels), len(VARIABLES) - 1))
    for label in CLASSES:
        which = np.flatnonzero(labels == label)
        if len(which):
            values[which] = _draw(_mixture(label), np.log10(np.asarray(distances)[which]), rng)
    return dict(zip(VARIABLES[1:], values.T, strict=True))


def _draw(mixture, log_distance, rng):
    """Return variables (n, n_variable - 1) of sources of a class at distances."""
    from scipy.special import ndtr, ndtri

    levels = _table()['levels']
    given = ndtri(np.interp(log_distance, mixture.quantiles[0], levels))[:, np.newaxis]
    mean, variance = mixture.means[:, 0], mixture.covariances[:, 0, 0]
    odds = mixture.weights * np.exp(-0.5 * (given - mean) ** 2 / variance) / np.sqrt(variance)
    edges = np.cumsum(odds, axis=1)
    chosen = (rng.random((len(given), 1)) * edges[:, -1:] > edges).sum(axis=1)
    slopes = mixture.covariances[:, 0, 1:] / variance[:, np.newaxis]
    rest = (
        mixture.covariances[:, 1:, 1:]
        - slopes[:, :, np.newaxis] * (mixture.covariances[:, 0, np.newaxis, 1:])
    )
    roots = np.linalg.cholesky(rest)
    scores = mixture.means[chosen, 1:] + slopes[chosen] * (given - mean[chosen, np.newaxis])
    normal = rng.standard_normal(scores.shape)
    scores += (roots[chosen] @ normal[:, :, np.newaxis])[:, :, 0]
    columns = zip(ndtr(scores).T, mixture.quantiles[1:], strict=True)
    return np.array([np.interp(part, levels, quantiles) for part, quantiles in columns]).T
