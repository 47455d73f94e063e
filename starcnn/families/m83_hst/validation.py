# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Bialopetravicius & Narbutis (2020) and our own, on mock clusters of our own.
"""

from functools import cache, partial
from itertools import combinations

import numpy as np

from starcnn import Estimator
from starcnn.exceptions import DataFileError
from starcnn.validation import Claim, bootstrap, central_coverage, error_bound

from ._figures import (
    draw_classes,
    draw_errors,
    draw_examples,
    draw_pairs,
    draw_stochastic,
)
from ._findings import NAMES, Findings, find, take_bands, to_axes
from ._mocks import CROWDED, N_MOCKS, draw_mocks
from .estimator import BACKEND
from .spec import DEFAULT, FILTERS, NAME

__all__ = ['CLAIMS']

_PAPER = 'Bialopetravicius & Narbutis 2020'
_MOCKS = 'fresh mocks on simulated fields'
_OURS = f'no published number; {_MOCKS}'

# The point estimates: that of the paper, and the column that a user gets.
_POINTS = {'paper': 'unfold', 'default': 'median'}
_POINT_TEXTS = {'unfold': 'mean around the peak', 'median': 'median'}

_TEXTS = {'age': 'age', 'a_v': 'A_V', 'mass': 'mass', 'r_h': 'size'}
_UNITS = {'age': 'dex', 'a_v': 'mag', 'mass': 'dex', 'r_h': 'dex'}

# The bounds of 95 % of the errors: Section 4.1 and Fig. 10 of the paper, and our bars.
_BOUNDS = {'age': 0.9, 'a_v': 1.4, 'mass': 0.4, 'r_h': 0.2}
_BOUND_BARS = {
    'paper': {'age': 0.8, 'a_v': 1.3, 'mass': 0.35, 'r_h': 0.18},
    'default': {'age': 0.5, 'a_v': 0.8, 'mass': 0.2, 'r_h': 0.1},
}

# Bars of the shares of visible clusters called clusters, and of empty fields called empty.
_CALLED_BARS = {'paper': 0.97, 'default': 0.99}
_EMPTY_BARS = {'paper': 0.95, 'default': 0.98}
_VISIBLE = 3.0
_CALLED = 0.5  # probability of a cluster, Section 4.1

# The errors grow by 10 % with the calibration scatter (Section 4.1); ours at most so.
_GROWTH, _GROWTH_BARS = 1.1, {'paper': None, 'default': 1.1}

# Shares of bimodal and extended distributions, Section 3.3; the first is an upper limit. The paper
# does not say what is extended: here, 68 % of the probability cover ten of its 200 cells or more.
_BIMODAL, _EXTENDED = 0.01, 0.2
_EXTENT = 0.05

# Intervals of the default network: overall and in bins of log age.
_LEVELS = (0.68, 0.95)
_MARGIN, _BIN_MARGIN = 0.02, 0.05
_BIN = 0.5  # dex
_TINY = 1e-6  # dex: a discrete age at the edge of two bins is in the upper one
_LEAST_IN_BIN = 30  # clusters; fewer say nothing

_HALF = 0.5  # of the fields at least are as crowded as the frame of M31

_N_RESAMPLES = 100


@cache
def _draw(kind, n_mocks, folder):
    """Return the mocks of one kind, the same for all networks."""
    return draw_mocks(kind, n_mocks, folder=folder)


def _open(variant):
    """Return the estimator with the first released weights of a variant."""
    tags = [file.tag for file in BACKEND.weights]
    found = [tag for tag in tags if tag.partition('-')[0] == variant]
    if not found:
        msg = (
            f'weights of {NAME!r} must have a network {variant!r}, got {tags}; '
            f'`starcnn train {NAME} --variant {variant}` makes one'
        )
        raise DataFileError(msg)
    return Estimator(NAME, weights=found[0])


def _subsets(variant):
    """Return the sets of bands that are tried without the others, by their names."""
    if variant != 'default':
        return {}
    return {' + '.join(names): names for n in (2, 1) for names in combinations(FILTERS, n)}


def _prepare(variant, _data=None, *, n_mocks=N_MOCKS, folder=None):
    """Return what one network says about the mocks."""
    estimator = _open(variant)
    look = partial(find, estimator, point=_POINTS[variant])
    clusters, scattered, empty = (
        _draw(kind, n_mocks, folder) for kind in ('clusters', 'scattered', 'empty')
    )
    return Findings(
        estimator=estimator,
        truth=to_axes(clusters.truth, DEFAULT.parameters),
        found=look(clusters.images, clusters.truth),
        empty=look(empty.images),
        scattered=look(scattered.images, scattered.truth),
        images=clusters.images,
        empty_truth=empty.truth,
        subsets={
            text: look(take_bands(clusters.images, names), clusters.truth)
            for text, names in _subsets(variant).items()
        },
    )


_PREPARE = {variant: partial(_prepare, variant) for variant in _POINTS}


def _columns(table, names=NAMES):
    """Return columns as one plain array with shape (n_source, n_column)."""
    return np.column_stack([np.asarray(table[name], dtype=float) for name in names])


def _found(context, subset):
    """Return what the network found, in all bands or in some."""
    return context.found if subset is None else context.subsets[subset]


def _share(values):
    """Return the share of the entries that are true, with its error."""
    return bootstrap(
        lambda x: float(np.mean(x)), np.asarray(values), n_resamples=_N_RESAMPLES, rng=0
    )


def _measure_bound(name, subset, context):
    """Return what 95 % of the errors of a parameter stay below."""
    found = np.asarray(_found(context, subset)[name])
    truth = np.asarray(context.truth[name])
    return bootstrap(error_bound, truth, found, n_resamples=_N_RESAMPLES, rng=0)


def _measure_growth(names, context):
    """Return the mean ratio of the bounds with and without calibration scatter."""
    arrays = (_columns(table, names) for table in (context.truth, context.found, context.scattered))
    return bootstrap(_growth, *arrays, n_resamples=_N_RESAMPLES, rng=0)


def _growth(truth, found, scattered):
    """Return the mean over parameters of the ratio of the bounds."""
    ratios = [
        error_bound(x, z) / error_bound(x, y)
        for x, y, z in zip(truth.T, found.T, scattered.T, strict=True)
    ]
    return float(np.mean(ratios))


def _measure_called(context):
    """Return the share of the visible clusters that are called clusters."""
    is_visible = 10 ** np.asarray(context.truth['visibility']) > _VISIBLE
    return _share(np.asarray(context.found['prob_cluster'])[is_visible] > _CALLED)


def _measure_empty(context):
    """Return the share of the empty fields that are called empty."""
    return _share(np.asarray(context.empty['prob_cluster']) <= _CALLED)


def _measure_crowded(context):
    """Return the share of the empty fields that are as crowded as the real frame of M31."""
    return _share(context.empty_truth['density'].to_value('arcsec-2') >= CROWDED)


def _measure_bimodal(context):
    """Return the share of the distributions of age and A_V with several modes."""
    return _share(np.asarray(context.found['n_modes']) > 1)


def _measure_extended(context):
    """Return the share of the distributions of age and A_V with one extended mode."""
    is_single = np.asarray(context.found['n_modes']) == 1
    return _share(is_single & (np.asarray(context.found['extent']) >= _EXTENT))


def _measure_coverage(names, level, subset, context):
    """Return the fraction of the truths inside their central intervals, mean over parameters."""
    pit = _columns(_found(context, subset), [f'pit_{name}' for name in names])
    return bootstrap(
        lambda x: float(central_coverage(x.ravel(), level)), pit, n_resamples=_N_RESAMPLES, rng=0
    )


def _measure_worst_bin(name, level, context):
    """Return the largest deviation of the coverage from its level, over the bins of age."""
    pit, log_age = np.asarray(context.found[f'pit_{name}']), np.asarray(context.truth['age'])
    return bootstrap(partial(_worst_bin, level), pit, log_age, n_resamples=_N_RESAMPLES, rng=0)


def _worst_bin(level, pit, log_age):
    """Return the largest deviation of the coverage over bins of log age with enough clusters."""
    bins = np.floor((log_age - DEFAULT.parameters[0].bounds[0] + _TINY) / _BIN)
    deviations = [
        abs(float(central_coverage(pit[bins == k], level)) - level)
        for k in np.unique(bins)
        if (bins == k).sum() >= _LEAST_IN_BIN
    ]
    return max(deviations, default=np.nan)


# The figures of the paper by the claim that they belong to: 10, 11, 12, 13, 9 and 21.
_FIGURES = {
    'age': lambda _: partial(draw_errors, 'found'),
    'scatter': lambda _: partial(draw_errors, 'scattered'),
    'class': lambda _: draw_classes,
    'mass': lambda _: draw_pairs,
    'bimodal': lambda variant: partial(draw_stochastic, _POINTS[variant]),
    'extended': lambda _: draw_examples,
}


def _find_figure(variant, key):
    """Return the function that draws the figure of a claim, if it has one."""
    return _FIGURES[key](variant) if key in _FIGURES else None


def _bound_claims(variant, common):
    """Return the claims about the errors of the parameters."""
    text = _POINT_TEXTS[_POINTS[variant]]
    for name in NAMES:
        yield Claim(
            name=f'95 % of {_TEXTS[name]} errors, {variant}',
            source=f'{_PAPER}, Fig. 10; {text} on {_MOCKS}',
            measure=partial(_measure_bound, name, None),
            paper=_BOUNDS[name],
            bar=_BOUND_BARS[variant][name],
            better='lower',
            unit=_UNITS[name],
            figure=_find_figure(variant, name),
            **common,
        )


def _class_claims(variant, common):
    """Return the claims about clusters and empty fields."""
    yield Claim(
        name=f'visible clusters called clusters, {variant}',
        source=f'{_PAPER}, Fig. 12: most; visibility above {_VISIBLE:g}, {_MOCKS}',
        measure=_measure_called,
        bar=_CALLED_BARS[variant],
        figure=_find_figure(variant, 'class'),
        **common,
    )
    yield Claim(
        name=f'empty fields called empty, {variant}',
        source=f'{_PAPER}, Fig. 12: most; {_MOCKS}',
        measure=_measure_empty,
        bar=_EMPTY_BARS[variant],
        **common,
    )


def _shape_claims(variant, common):
    """Return the claims about calibration scatter and the shapes of the distributions."""
    groups = {'mean': NAMES} | {_TEXTS[name]: (name,) for name in NAMES}
    for text, names in groups.items():
        is_mean = text == 'mean'
        yield Claim(
            name=f'growth of errors with 20 % calibration scatter, {text}, {variant}',
            source=f'{_PAPER}, Fig. 11; ratio of 95 % errors, here without training anew',
            measure=partial(_measure_growth, names),
            paper=_GROWTH if is_mean else None,
            bar=_GROWTH_BARS[variant] if is_mean else None,
            better='lower',
            figure=_find_figure(variant, 'scatter') if is_mean else None,
            **common,
        )
    for text, measure, paper, note in (
        ('bimodal', _measure_bimodal, _BIMODAL, 'below 1 %'),
        ('extended', _measure_extended, _EXTENDED, f'here 68 % on {_EXTENT:.0%} of the map'),
    ):
        yield Claim(
            name=f'share of {text} distributions of age and A_V, {variant}',
            source=f'{_PAPER}, Section 3.3; {note}',
            measure=measure,
            paper=paper,
            better='lower',
            figure=_find_figure(variant, text),
            **common,
        )


def _coverage_claims(variant, common):
    """Return the claims about the intervals, with bars for the default network."""
    has_bar = variant == 'default'
    for level in _LEVELS:
        within = (round(level - _MARGIN, 3), round(level + _MARGIN, 3))
        for name in NAMES:
            text = f'{100 * level:.0f} % of {_TEXTS[name]}'
            yield Claim(
                name=f'coverage, {text}, {variant}',
                source=_OURS,
                measure=partial(_measure_coverage, (name,), level, None),
                bar=within if has_bar else None,
                better='within',
                **common,
            )
            yield Claim(
                name=f'coverage, worst bin of age, {text}, {variant}',
                source=f'{_OURS}; largest deviation in bins of {_BIN} dex',
                measure=partial(_measure_worst_bin, name, level),
                bar=_BIN_MARGIN if has_bar else None,
                better='lower',
                **common,
            )


def _subset_claims(variant, common):
    """Return the claims about the network with some of the bands only."""
    for subset in _subsets(variant):
        for name in NAMES:
            yield Claim(
                name=f'95 % of {_TEXTS[name]} errors, {subset}, {variant}',
                source=f'{_OURS}, other bands left out',
                measure=partial(_measure_bound, name, subset),
                better='lower',
                unit=_UNITS[name],
                **common,
            )
        for level in _LEVELS:
            yield Claim(
                name=f'coverage, {100 * level:.0f} %, {subset}, {variant}',
                source=f'{_OURS}, other bands left out; mean of four parameters',
                measure=partial(_measure_coverage, NAMES, level, subset),
                better='within',
                **common,
            )


def _claims():
    """Yield all claims: the paper's network first, then ours."""
    for variant, prepare in _PREPARE.items():
        common = {'family': NAME, 'prepare': prepare}
        yield from _bound_claims(variant, common)
        yield from _class_claims(variant, common)
        yield from _shape_claims(variant, common)
        yield from _coverage_claims(variant, common)
        yield from _subset_claims(variant, common)
    yield Claim(
        name='share of test fields as crowded as M31',
        source=f'the real frame has {CROWDED:g} sources per square arcsec',
        measure=_measure_crowded,
        bar=_HALF,
        **common,
    )


CLAIMS = list(_claims())
