# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Estimates of real clusters by networks that have not seen them.
"""

from dataclasses import dataclass, field

import astropy.units as u
import numpy as np
from astropy.table import QTable, vstack

from starcnn.exceptions import DataFileError
from starcnn.files import read_files
from starcnn.plugins._manager import open_file

from .catalogue import N_FOLDS, fold_of
from .estimator import BACKEND

__all__ = ['HeldOut', 'fold_weights', 'predict_held_out']

# How many draws from each posterior are kept.
_N_DRAWS = 500


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """
    What the networks of a cross-validation say about the clusters they have not seen.

    Parameters
    ----------
    truth, found : `~astropy.table.QTable`
        The labels and the estimates, one row per cluster: ``cluster``,
        ``log_age``, ``a_v``, ``distance`` (kpc) and ``distance_modulus``, in
        ``found`` with their 16th and 84th percentiles.

    pit : dict of `~numpy.ndarray` with shape (n_cluster,)
        The posterior probability below the label, for ``log_age``, ``a_v`` and
        ``distance_modulus``.

    draws : dict of `~numpy.ndarray` with shape (n_cluster, n_draw)
        Draws from the joint posteriors, on the same axes.
    """

    truth: QTable
    found: QTable
    pit: dict = field(default_factory=dict)
    draws: dict = field(default_factory=dict)


def fold_weights(variant):
    """
    Return the weights of the cross-validation.

    Parameters
    ----------
    variant : {'set', 'ann', 'cnn', 'mixed'}
        The network.

    Returns
    -------
    paths : list of `~pathlib.Path`
        The weights of each fold, trained on the clusters of the others.

    Raises
    ------
    DataFileError
        If they are not released.
    """
    tags = [file.tag for file in BACKEND.weights if file.tag.split('-')[0] == variant]
    files = {file.tag: file for file in read_files(__package__, 'data')}
    names = [f'{tag}-fold{fold}' for tag in tags[:1] for fold in range(N_FOLDS)]
    if not names or not set(names) <= set(files):
        msg = f'variant must be one with released weights of all folds, got {variant!r}'
        raise DataFileError(msg)
    return [open_file(files[name]) for name in names]


def predict_held_out(estimators, members, labels):
    """
    Run every network of a cross-validation on the clusters it has not seen.

    Parameters
    ----------
    estimators : sequence of `~starcnn.Estimator`
        One for each fold, with the weights of `fold_weights`.

    members, labels : `~astropy.table.QTable`
        Stars and labels, as
        `~starcnn.families.gaia_cmd.catalogue.read_catalogue` returns them.

    Returns
    -------
    held_out : `HeldOut`
        The labels and the estimates, fold by fold.
    """
    folds = fold_of(labels['cluster'])
    parts = []
    for fold, estimator in enumerate(estimators):
        truth = labels[folds == fold]
        if len(truth):
            stars = members[np.isin(members['cluster'], truth['cluster'])]
            parts.append(_predict(estimator, stars, truth, rng=fold))
    return _join(parts)


def _predict(estimator, stars, truth, *, rng):
    """Return what one network says about clusters, in the order of its results."""
    found = estimator.predict(stars)
    posterior = estimator.posterior(stars)
    order = np.argsort(truth['cluster'])
    truth = truth[order[np.searchsorted(truth['cluster'][order], found['cluster'])]]
    draws = _to_axes(posterior.draw(_N_DRAWS, rng=rng))
    return HeldOut(
        truth=_to_axes(truth),
        found=_to_axes(found),
        pit={
            axis: posterior.cdf(name, truth[name])
            for axis, name in (('log_age', 'age'), ('a_v', 'a_v'), ('distance_modulus', 'distance'))
        },
        draws={
            axis: u.Quantity(draws[axis]).value for axis in ('log_age', 'a_v', 'distance_modulus')
        },
    )


def _to_axes(table):
    """Return parameters on the axes on which they are scored."""
    out = QTable({'cluster': table['cluster']} if 'cluster' in table.colnames else None)
    for end in ('', '_16', '_84'):
        if f'age{end}' in table.colnames:
            distance = table[f'distance{end}']
            out[f'log_age{end}'] = np.log10(table[f'age{end}'].to_value(u.yr))
            out[f'a_v{end}'] = table[f'a_v{end}'].to(u.mag)
            out[f'distance{end}'] = distance.to(u.kpc)
            out[f'distance_modulus{end}'] = (5 * np.log10(distance.to_value(u.pc)) - 5) * u.mag
    return out


def _join(parts):
    """Return the folds as one."""
    return HeldOut(
        truth=vstack([part.truth for part in parts], metadata_conflicts='silent'),
        found=vstack([part.found for part in parts], metadata_conflicts='silent'),
        pit={name: np.concatenate([part.pit[name] for part in parts]) for name in parts[0].pit},
        draws={
            name: np.concatenate([part.draws[name] for part in parts]) for name in parts[0].draws
        },
    )
