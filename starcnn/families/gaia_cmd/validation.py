# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Branco & Ferraz (2023) and our own, on real clusters that networks have not seen.
"""

from functools import cache, partial

import astropy.units as u
import numpy as np

from starcnn import Estimator
from starcnn.exceptions import DataFileError
from starcnn.validation import (
    Claim,
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

from .catalogue import find_data, read_catalogue
from .colours import WELL_KNOWN, RealColours, colour_residual, colour_residuals, reference_colours
from .held_out import fold_weights, predict_held_out
from .label_floor import LABELS, align, is_labelled, own_variances
from .simulator import population
from .spec import A_V_OFFSET, NAME

__all__ = ['CLAIMS']

_PAPER = 'Branco & Ferraz 2023, Table 1'
_SCALED = (
    f'{_PAPER}; here on targets scaled to 0..1, as their text says, but their MSE / (1 - R²) is '
    'a variance of 0.7 to 1.1, which targets of 0..1 cannot have'
)
_OURS = 'no published number; clusters out of fold'

# What R² is averaged over, and what scatter is given of: columns of the tables of `HeldOut`.
_SCORED = {'log_age': 'log age', 'a_v': 'A_V', 'distance': 'distance'}
_SCATTERED = {'log_age': 'log age', 'a_v': 'A_V', 'distance_modulus': 'distance modulus'}
_UNITS = {'log_age': 'dex', 'a_v': 'mag', 'distance_modulus': 'mag'}

# The paper's R² and mean squared error, and our bar of R².
_NETWORKS = {
    'ann': (0.747, 0.176, 0.747),
    'cnn': (0.242, 0.841, 0.60),
    'mixed': (0.761, 0.167, 0.80),
}

# Bars of the default network: mean R² and that of each parameter, scatter, coverage.
_MEAN_R2, _EACH_R2 = 0.93, 0.85
_SCATTER = {'log_age': 0.20, 'a_v': 0.18, 'distance_modulus': 0.15}
_LEVELS = (0.68, 0.95)
_MARGIN = 0.03

# How many resamples the errors of slow measures come from.
_N_RESAMPLES = 50

# What A_V the population is reddened by for the comparison of colours.
_DEFAULT = 'catalogue + offset'
_A_V = {
    _DEFAULT: f'A_V of the catalogue + {A_V_OFFSET:g} mag, as the simulator has it',
    'catalogue': 'A_V of the catalogue as it is',
    'set': 'A_V of the default network out of fold, which learned the scale of the catalogue',
    'dias2021': 'A_V of Dias et al. 2021, MNRAS, 504, 356',
    'hunt2024': 'A_V of Hunt & Reffert 2024, A&A, 686, A42',
    'cavallo2024': 'A_V of Cavallo et al. 2024, AJ, 167, 12',
}


@cache
def _read(folder):
    """Return the members and labels of the catalogue, read once."""
    return read_catalogue(folder)


def _prepare(variant, data, clusters=None):
    """Return what the networks say about the clusters they have not seen."""
    members, labels = _read(find_data(data))
    if clusters is not None:
        labels = labels[np.isin(labels['cluster'], clusters)]
    estimators = [Estimator(NAME, weights=path) for path in fold_weights(variant)]
    return predict_held_out(estimators, members, labels)


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


def _prepare_colours(data):
    """Return the well-known clusters, with all their A_V."""
    folder = find_data(data)
    members, labels = _read(folder)
    labels = labels[np.isin(labels['cluster'], WELL_KNOWN)]
    if len(labels) < len(WELL_KNOWN):
        msg = f'folder of real data must hold the clusters {WELL_KNOWN}, got {len(labels)}'
        raise DataFileError(msg)
    held_out = _prepare('set', data, WELL_KNOWN)
    order = np.argsort(held_out.found['cluster'])
    a_v = {
        _DEFAULT: labels['a_v'] + A_V_OFFSET * u.mag,
        'catalogue': labels['a_v'],
        'set': held_out.found['a_v'][order],
    }
    aligned = align(folder)
    for key in set(aligned) - {LABELS}:
        rows = [
            np.flatnonzero(is_labelled(aligned[LABELS], [name]))[0] for name in labels['cluster']
        ]
        a_v[key] = np.array(aligned[key]['a_v'][rows]) * u.mag
    stars = {name: members[members['cluster'] == name] for name in labels['cluster']}
    return RealColours(labels=labels, stars=stars, a_v=a_v)


def _reference(context, name, origin):
    """Return the colours of the population of one cluster, its A_V from one origin."""
    return reference_colours(population(), rng=0, **context.parameters(name, origin))


def _measure_colour(name, context):
    """Return the colour residual of one cluster, its error from the choice of its stars."""
    residual = partial(colour_residual, reference=_reference(context, name, _DEFAULT))
    return bootstrap(residual, context.stars[name], n_resamples=_N_RESAMPLES, rng=0)


def _measure_colours(origin, context):
    """Return the median of the colour residuals of all clusters that have an A_V."""
    residuals = [
        colour_residual(context.stars[name], _reference(context, name, origin))
        for name in context.known(origin)
    ]
    return bootstrap(lambda values: float(np.median(values)), residuals, rng=0)


def _colour_figure(context):
    """Return the figure of colour residuals against magnitude, a panel for each cluster."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5.5), layout='constrained')
    panels = figure.subplots(2, len(context.stars) // 2, sharex=True, sharey=True)
    for (name, stars), axes in zip(context.stars.items(), panels.flat, strict=True):
        for origin in (_DEFAULT, 'catalogue', 'dias2021'):
            if name in context.known(origin):
                residuals = colour_residuals(stars, _reference(context, name, origin))
                axes.plot(*residuals, '.-', linewidth=1, label=f'A_V: {origin}')
        axes.axhline(0, color='0.4', linewidth=0.8)
        axes.set(title=name.replace('_', ' '), ylim=(-0.35, 0.35))
    panels[0, 0].legend(fontsize=8)
    figure.supxlabel('$G$ [mag]')
    figure.supylabel('Real $-$ simulated $G_\\mathrm{BP} - G_\\mathrm{RP}$ [mag]')
    return figure


def _colour_claims():
    """Return the claims about the colours of real and simulated clusters."""
    common = {'family': NAME, 'prepare': _prepare_colours, 'unit': 'mag'}
    for name in WELL_KNOWN:
        yield Claim(
            name=f'colour of {name}, real - simulated',
            source=f'no published number; {_A_V[_DEFAULT]}',
            measure=partial(_measure_colour, name),
            figure=_colour_figure if name == WELL_KNOWN[0] else None,
            **common,
        )
    for origin, text in _A_V.items():
        yield Claim(
            name=f'colour of well-known clusters, A_V: {origin}',
            source=f'no published number; median, {text}',
            measure=partial(_measure_colours, origin),
            **common,
        )


def _prepare_floor(data):
    """Return the parameters of the labelled clusters in four catalogues, those all have."""
    folder = find_data(data)
    _, labels = _read(folder)
    aligned = align(folder)
    rows = is_labelled(aligned[LABELS], labels['cluster'])
    values = {
        name: np.column_stack([np.asarray(table[name])[rows] for table in aligned.values()])
        for name in _SCATTERED
    }
    values['distance'] = 10 ** (values['distance_modulus'] / 5 - 2)  # kpc
    known = np.isfinite(np.hstack(list(values.values()))).all(axis=1)
    return {name: array[known] for name, array in values.items()}


def _measure_floor(name, context):
    """Return the own scatter of the labels, which the core of the differences shows."""
    return bootstrap(_own_scatter, context[name], n_resamples=10 * _N_RESAMPLES, rng=0)


def _own_scatter(values):
    """Return the own scatter of the first catalogue."""
    return float(np.sqrt(own_variances(values, scatter)[0]))


def _measure_ceiling(names, context):
    """Return the largest mean R² against the labels, with outliers."""
    values = [context[name] for name in names]
    return bootstrap(_mean_ceiling, *values, n_resamples=10 * _N_RESAMPLES, rng=0)


def _mean_ceiling(*parameters):
    """Return the part of the variance of the first catalogue that is not its own scatter."""
    return np.mean(
        [
            1 - own_variances(values, lambda x, y: np.std(y - x))[0] / np.var(values[:, 0])
            for values in parameters
        ]
    )


def _measure_offset(context):
    """Return the mean of the median differences of other catalogues and the labels."""
    return bootstrap(
        lambda values: float(np.median(values[:, 1:] - values[:, :1], axis=0).mean()),
        context['a_v'],
        rng=0,
    )


def _floor_claims():
    """Return the claims about the noise of the labels."""
    common = {'family': NAME, 'prepare': _prepare_floor}
    source = 'no published number; differences of four catalogues (three-cornered hat)'
    for name, text in _SCATTERED.items():
        yield Claim(
            name=f'scatter of the labels, {text}',
            source=f'{source}; half the range from 16 to 84 %',
            measure=partial(_measure_floor, name),
            better='lower',
            unit=_UNITS[name],
            **common,
        )
    for text, names in {'mean': tuple(_SCORED), **{_SCORED[n]: (n,) for n in _SCORED}}.items():
        yield Claim(
            name=f'R² of a perfect estimator, {text}',
            source=f'{source}, outliers counted; errors shared with the labels can exceed it',
            measure=partial(_measure_ceiling, names),
            **common,
        )
    yield Claim(
        name='A_V of other catalogues - labels',
        source='no published number; mean of three median differences, of clusters that all have',
        measure=_measure_offset,
        unit='mag',
        **common,
    )


_PREPARE = {variant: partial(_prepare, variant) for variant in ('set', *_NETWORKS)}


def _claims():
    """Yield all claims: the paper's networks first, then ours."""
    for variant, (r2, mse, bar) in _NETWORKS.items():
        yield from _r2_claims(variant, _PREPARE[variant], paper=r2, bar=bar)
        yield from _error_claims(variant, _PREPARE[variant], paper=mse)
    yield from _r2_claims('set', _PREPARE['set'], bar=_MEAN_R2, each=_EACH_R2)
    yield from _error_claims('set', _PREPARE['set'], bars=_SCATTER)
    yield from _coverage_claims(_PREPARE['set'])
    yield from _floor_claims()
    yield from _colour_claims()


CLAIMS = list(_claims())
