# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of paper 002 and our own, measured on real clusters that networks have not seen.
"""

from dataclasses import dataclass, field
from functools import cache, partial

import astropy.units as u
import numpy as np
from astropy.table import QTable, vstack

from starcnn import Estimator
from starcnn.exceptions import DataFileError
from starcnn.files import read_files
from starcnn.plugins._manager import open_file
from starcnn.validation import (
    Claim,
    Measurement,
    bootstrap,
    central_coverage,
    coverage_curve,
    joint_coverage,
    mse_scaled,
    r_squared,
    residual_histogram,
    scatter,
    true_against_predicted,
)
from starcnn.validation.diagrams import cmd_with_isochrone

from .catalogue import N_FOLDS, find_data, fold_of, read_catalogue
from .colours import WELL_KNOWN, colour_residual
from .estimator import BACKEND
from .label_floor import LABELS, align, is_labelled, own_variances
from .simulator import population
from .spec import A_V_OFFSET, NAME

__all__ = ['CLAIMS', 'HeldOut', 'fold_weights', 'predict_held_out']

_PAPER = 'Branco & Ferraz 2023, Table 1'
_SCALED = (
    f'{_PAPER}; ours on targets scaled to 0..1, as their text says, but their MSE / (1 - R²) is '
    'a variance of 0.7 to 1.1, which targets of 0..1 cannot have'
)
_OURS = 'no published number; clusters out of fold'

# What R² is averaged over, and what scatter is given of: columns of the tables of `HeldOut`.
_SCORED = {'log_age': 'log age', 'a_v': 'A_V', 'distance': 'distance'}
_SCATTERED = {'log_age': 'log age', 'a_v': 'A_V', 'distance_modulus': 'distance modulus'}
_UNITS = {'log_age': 'dex', 'a_v': 'mag', 'distance': 'kpc', 'distance_modulus': 'mag'}

# Paper's R² and mean squared error, and our bar of R².
_NETWORKS = {'ann': (0.747, 0.176, 0.747), 'cnn': (0.242, 0.841, 0.60), 'mixed': (0.761, 0.167, 0.80)}

# Bars of the default network: mean R² and that of each parameter, scatter, coverage.
_MEAN_R2, _EACH_R2 = 0.93, 0.85
_SCATTER = {'log_age': 0.20, 'a_v': 0.18, 'distance_modulus': 0.15}
_LEVELS = (0.68, 0.95)
_MARGIN = 0.03

# How many draws test the joint posterior, and how many resamples its error comes from.
_N_DRAWS = 500
_N_RESAMPLES = 50


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """
    What the networks of a cross-validation say about the clusters they have not seen.

    Parameters
    ----------
    truth, found : `~astropy.table.QTable`
        The labels and the estimates, one row per cluster: ``log_age``, ``a_v``,
        ``distance`` (kpc) and ``distance_modulus``, in ``found`` with their
        16th and 84th percentiles.

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


@cache
def _read(folder):
    """Return the members and labels of the catalogue, read once."""
    return read_catalogue(folder)


def predict_held_out(variant, folder=None, *, clusters=None):
    """
    Run every network of a cross-validation on the clusters it has not seen.

    Parameters
    ----------
    variant : {'set', 'ann', 'cnn', 'mixed'}
        The network.

    folder : `~pathlib.Path` or `None`, optional
        The folder of real data.

    clusters : sequence of str or `None`, optional
        The names of the clusters; all by default.

    Returns
    -------
    held_out : `HeldOut`
        The labels and the estimates, in the order of the folds.

    Raises
    ------
    DataFileError
        If the data or the weights are not there.
    """
    members, labels = _read(find_data(folder))
    if clusters is not None:
        labels = labels[np.isin(labels['cluster'], clusters)]
    folds = fold_of(labels['cluster'])
    parts = []
    for fold, path in enumerate(fold_weights(variant)):
        truth = labels[folds == fold]
        if len(truth):
            stars = members[np.isin(members['cluster'], truth['cluster'])]
            parts.append(_predict(Estimator(NAME, weights=path), stars, truth, rng=fold))
    return _join(parts)


def _predict(estimator, stars, truth, *, rng):
    """Return what one network says; clusters are in the order of the labels, by name."""
    found = estimator.predict(stars)
    posterior = estimator.posterior(stars)
    pit = {
        axis: posterior.cdf(name, truth[name])
        for axis, name in zip(_SCATTERED, posterior.parameters, strict=True)
    }
    draws = _to_axes(posterior.draw(_N_DRAWS, rng=rng))
    return HeldOut(
        truth=_to_axes(truth),
        found=_to_axes(found),
        pit=pit,
        draws={axis: np.asarray(draws[axis]) for axis in _SCATTERED},
    )


def _to_axes(table):
    """Return parameters on the axes on which they are scored."""
    out = QTable({'cluster': table['cluster']}) if 'cluster' in table.colnames else QTable()
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
        truth=vstack([part.truth for part in parts]),
        found=vstack([part.found for part in parts], metadata_conflicts='silent'),
        pit={name: np.concatenate([part.pit[name] for part in parts]) for name in parts[0].pit},
        draws={
            name: np.concatenate([part.draws[name] for part in parts]) for name in parts[0].draws
        },
    )


def _columns(table, names):
    """Return columns as one plain array with shape (n_cluster, n_column)."""
    return np.column_stack([np.asarray(table[name]) for name in names])


def _mean_of(score, truth, found):
    """Return the mean of a score over the columns of two arrays."""
    return np.mean([score(x, y) for x, y in zip(truth.T, found.T, strict=True)])


def _measure(score, names, context):
    """Return the mean of a score over parameters, with its error."""
    truth, found = (_columns(table, names) for table in (context.truth, context.found))
    return bootstrap(partial(_mean_of, score), truth, found, rng=0)


def _measure_coverage(name, level, context):
    """Return the fraction of the labels inside the central interval."""
    return bootstrap(lambda pit: float(central_coverage(pit, level)), context.pit[name], rng=0)


def _measure_joint(level, context):
    """Return the fraction of the labels inside the joint region."""
    names = list(context.draws)
    rng = np.random.default_rng(0)

    def statistic(truth, *draws):
        true = dict(zip(names, truth.T, strict=True))
        drawn = dict(zip(names, draws, strict=True))
        return float(joint_coverage(true, drawn, [level], rng=rng)[0])

    truth = _columns(context.truth, names)
    return bootstrap(statistic, truth, *context.draws.values(), n_resamples=_N_RESAMPLES, rng=0)


def _panels(draw, names, context):
    """Return a figure with a panel for each parameter."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.4), layout='constrained')
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        draw(context.truth, context.found, name, axes=axes)
    return figure


def _coverage_figure(context):
    """Return the figure of the coverage of all levels."""
    return coverage_curve(context.pit).figure


_draw_truth = partial(_panels, true_against_predicted, tuple(_SCORED))
_draw_residuals = partial(_panels, residual_histogram, tuple(_SCATTERED))


def _r2_claims(variant, prepare, *, paper=None, bar=None, each=None):
    """Return the claims about R²: of the mean, and of each parameter."""
    common = {'family': NAME, 'prepare': prepare}
    names = tuple(_SCORED)
    yield Claim(
        name=f'R² of {variant}, mean',
        source=_OURS if paper is None else _PAPER,
        measure=partial(_measure, r_squared, names),
        paper=paper,
        bar=bar,
        figure=_draw_truth,
        **common,
    )
    for name, text in (_SCORED | _SCATTERED).items():
        yield Claim(
            name=f'R² of {variant}, {text}',
            source=_OURS,
            measure=partial(_measure, r_squared, (name,)),
            bar=each if name in names else None,
            **common,
        )


def _error_claims(variant, prepare, *, paper=None, bars=None):
    """Return the claims about the size of the residuals."""
    common = {'family': NAME, 'prepare': prepare, 'better': 'lower'}
    yield Claim(
        name=f'MSE of {variant}, scaled targets',
        source=_OURS if paper is None else _SCALED,
        measure=partial(_measure, mse_scaled, tuple(_SCORED)),
        paper=paper,
        figure=_draw_residuals,
        **common,
    )
    for name, text in _SCATTERED.items():
        yield Claim(
            name=f'scatter of {variant}, {text}',
            source=f'{_OURS}; half the range from 16 to 84 %',
            measure=partial(_measure, scatter, (name,)),
            bar=None if bars is None else bars[name],
            unit=_UNITS[name],
            **common,
        )


def _coverage_claims(prepare):
    """Return the claims about the intervals of the default network."""
    common = {'family': NAME, 'prepare': prepare}
    for level in _LEVELS:
        for name, text in _SCATTERED.items():
            yield Claim(
                name=f'coverage of set, {100 * level:.0f} % of {text}',
                source=_OURS,
                measure=partial(_measure_coverage, name, level),
                bar=(round(level - _MARGIN, 3), round(level + _MARGIN, 3)),
                better='within',
                figure=_coverage_figure if (level, name) == (_LEVELS[0], 'log_age') else None,
                **common,
            )
    for level in _LEVELS:
        yield Claim(
            name=f'coverage of set, {100 * level:.0f} % jointly',
            source=f'{_OURS}; TARP, Lemos et al. 2023',
            measure=partial(_measure_joint, level),
            **common,
        )
