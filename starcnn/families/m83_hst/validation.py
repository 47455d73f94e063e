# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Bialopetravicius & Narbutis (2020) and our own, on mock clusters of our own.
"""

from functools import cache, partial
from itertools import combinations

import numpy as np
from astropy.nddata import NDData

from starcnn import Estimator
from starcnn.exceptions import DataFileError
from starcnn.validation import (
    EXTENDED,
    Claim,
    bootstrap,
    central_coverage,
    coverage_in_bins,
    error_bound,
    plot_examples,
    plot_parameter_pairs,
    plot_stochastic,
    plot_true_derived,
    plot_visibility_class,
)

from . import _bars as bars
from ._findings import NAMES, Findings, find, from_axes, take_bands, to_axes
from ._mocks import N_MOCKS, OPTIONS, draw_mocks
from ._stochastic import SECOND, VARIED, draw_cases
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

# The ages by which the coverage is binned. Right intervals hold the truth as often as they say in
# bins of anything that is known of a cluster, as its derived age is. In bins of the true age they
# do not: near an end of the range, and between two modes, most of them miss.
_AGES = {'true': 'truth', 'derived': 'found'}

_N_RESAMPLES = 100

# Fig. 9: images of each cluster, at most, and one for so many mocks.
_N_CASES, _MOCKS_PER_CASE = 100, 50

# Fig. 21: the clusters that are nearest to these log ages, A_V and log masses.
_EXAMPLES = ((6.8, 0.5, 3.9), (8.3, 1.0, 5.0), (9.5, 1.5, 5.3))
_EXAMPLE_NAMES = ('age', 'a_v', 'mass')


@cache
def _draw(n_mocks, folder):
    """Return the mocks, the same for all networks."""
    return draw_mocks(n_mocks, folder=folder)


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
    mocks = _draw(n_mocks, folder)
    return Findings(
        estimator=estimator,
        truth=to_axes(mocks.truth, DEFAULT.parameters),
        found=look(mocks.clusters, mocks.truth, has_shapes=True),
        empty=look(mocks.empty),
        scattered=look(mocks.scattered, mocks.truth),
        images=mocks.clusters,
        frames=np.asarray(mocks.truth['density']),
        density=mocks.density,
        subsets={
            text: look(take_bands(mocks.clusters, names), mocks.truth)
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


def _measure(statistic, *arrays, frames):
    """Return a statistic with its error; the sources on one frame go together."""
    return bootstrap(statistic, *arrays, groups=frames, n_resamples=_N_RESAMPLES, rng=0)


def _share(values, frames):
    """Return the share of the entries that are true, with its error."""
    return _measure(lambda x: float(np.mean(x)), np.asarray(values), frames=np.asarray(frames))


def _measure_bound(name, subset, context):
    """Return what 95 % of the errors of a parameter stay below."""
    found = np.asarray(_found(context, subset)[name])
    truth = np.asarray(context.truth[name])
    return _measure(error_bound, truth, found, frames=context.frames)


def _measure_growth(names, context):
    """Return the mean ratio of the bounds with and without calibration scatter."""
    arrays = (_columns(table, names) for table in (context.truth, context.found, context.scattered))
    return _measure(_growth, *arrays, frames=context.frames)


def _growth(truth, found, scattered):
    """Return the mean over parameters of the ratio of the bounds."""
    ratios = [
        error_bound(x, z) / error_bound(x, y)
        for x, y, z in zip(truth.T, found.T, scattered.T, strict=True)
    ]
    return float(np.mean(ratios))


def _measure_called(context):
    """Return the share of the visible clusters that are called clusters."""
    is_visible = 10 ** np.asarray(context.truth['visibility']) > bars.VISIBLE
    is_called = np.asarray(context.found['prob_cluster'])[is_visible] > bars.CALLED
    return _share(is_called, context.frames[is_visible])


def _measure_empty(context):
    """Return the share of the empty fields that are called empty."""
    return _share(np.asarray(context.empty['prob_cluster']) <= bars.CALLED, context.density)


def _measure_crowded(least, context):
    """Return the share of the empty fields with so many detectable stars per arcsec2 or more."""
    return _share(context.density.to_value('arcsec-2') >= least, context.density)


def _measure_bimodal(context):
    """Return the share of the distributions of age and A_V with several modes."""
    return _share(np.asarray(context.found['n_modes']) > 1, context.frames)


def _measure_extended(context):
    """Return the share of the distributions of age and A_V with one extended mode."""
    is_single = np.asarray(context.found['n_modes']) == 1
    is_extended = is_single & (np.asarray(context.found['extent']) > EXTENDED)
    return _share(is_extended, context.frames)


def _measure_coverage(names, level, subset, context):
    """Return the fraction of the truths inside their central intervals, mean over parameters."""
    pit = _columns(_found(context, subset), [f'pit_{name}' for name in names])
    return _measure(lambda x: float(central_coverage(x.ravel(), level)), pit, frames=context.frames)


def _measure_worst_bin(name, level, column, context):
    """Return the largest deviation of the coverage from its level, over the bins of an age."""
    pit = np.asarray(context.found[f'pit_{name}'])
    log_age = np.asarray(getattr(context, column)['age'])
    return _measure(partial(_worst_bin, level), pit, log_age, frames=context.frames)


def _worst_bin(level, pit, log_age):
    """Return the largest deviation of the coverage over bins of log age with enough clusters."""
    low, high = DEFAULT.parameters[0].bounds
    edges = low + bars.BIN * np.arange(round((high - low) / bars.BIN) + 1)
    edges[-1] = np.nextafter(high, np.inf)
    coverage, counts = coverage_in_bins(pit, log_age, edges=edges, level=level)
    is_full = counts >= bars.LEAST_IN_BIN
    return float(np.abs(coverage[is_full] - level).max()) if is_full.any() else np.nan


def _quantities(table):
    """Return columns on axes as quantities."""
    return from_axes(table, DEFAULT.parameters)


def _draw_errors(column, context):
    """Return Fig. 10, or Fig. 11 of what was found with calibration scatter."""
    return plot_true_derived(*map(_quantities, (context.truth, getattr(context, column))))


def _draw_classes(context):
    """Return Fig. 12: probability of a cluster and visibility, of clusters and empty fields."""
    return plot_visibility_class(*map(_quantities, (context.found, context.empty, context.truth)))


def _draw_pairs(context):
    """Return Fig. 13: pairs of derived parameters."""
    return plot_parameter_pairs(_quantities(context.found))


def _draw_stochastic(context):
    """Return Fig. 9: the same clusters with other stars (above), on other backgrounds (below)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), layout='constrained')
    n = int(np.clip(len(context.truth) // _MOCKS_PER_CASE, 2, _N_CASES))
    for row, vary in zip(figure.subplots(2, 2), VARIED, strict=True):
        for axes, second in zip(row, SECOND, strict=True):
            cases = draw_cases(second, vary, n, options=OPTIONS)
            posterior = context.estimator.posterior(cases.images)
            parts = [posterior[k : k + n] for k in range(0, len(posterior), n)]
            spec = context.estimator.spec
            plot_stochastic(parts, cases.truth[::n], spec, names=('age', second), axes=axes)
            axes.set_title(f'other {vary}', fontsize=10)
    return figure


def _draw_examples(context):
    """Return Fig. 21: three clusters, in colour and in each filter, and what is known of them."""
    x = np.column_stack([context.truth[name] for name in _EXAMPLE_NAMES])
    widths = np.ptp(x, axis=0)
    rows = [int((((x - target) / widths) ** 2).sum(axis=1).argmin()) for target in _EXAMPLES]
    images = NDData(context.images.data[rows], unit=context.images.unit, meta=context.images.meta)
    posterior = context.estimator.posterior(images)
    truth = _quantities(context.truth)[rows]
    return plot_examples(images, posterior, context.estimator.spec, truth=truth)


# The figures of the paper by the claim that they belong to: 10, 11, 12, 13, 9 and 21.
_FIGURES = {
    'age': partial(_draw_errors, 'found'),
    'scatter': partial(_draw_errors, 'scattered'),
    'class': _draw_classes,
    'mass': _draw_pairs,
    'bimodal': _draw_stochastic,
    'extended': _draw_examples,
}


def _bound_claims(variant, common):
    """Return the claims about the errors of the parameters."""
    text = _POINT_TEXTS[_POINTS[variant]]
    for name in NAMES:
        yield Claim(
            name=f'95 % of {_TEXTS[name]} errors, {variant}',
            source=f'{_PAPER}, Fig. 10; {text} on {_MOCKS}',
            measure=partial(_measure_bound, name, None),
            paper=bars.BOUNDS[name],
            bar=bars.BOUND_BARS[variant][name],
            better='lower',
            unit=_UNITS[name],
            figure=_FIGURES.get(name),
            **common,
        )


def _class_claims(variant, common):
    """Return the claims about clusters and empty fields."""
    yield Claim(
        name=f'visible clusters called clusters, {variant}',
        source=f'{_PAPER}, Fig. 12: most; visibility above {bars.VISIBLE:g}, {_MOCKS}',
        measure=_measure_called,
        bar=bars.CALLED_BARS[variant],
        figure=_FIGURES['class'],
        **common,
    )
    yield Claim(
        name=f'empty fields called empty, {variant}',
        source=f'{_PAPER}, Fig. 12: most; {_MOCKS}',
        measure=_measure_empty,
        bar=bars.EMPTY_BARS[variant],
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
            paper=bars.GROWTH if is_mean else None,
            bar=bars.GROWTH_BARS[variant] if is_mean else None,
            better='lower',
            figure=_FIGURES['scatter'] if is_mean else None,
            **common,
        )
    for text, measure, paper, note in (
        ('bimodal', _measure_bimodal, bars.BIMODAL, 'below 1 %'),
        ('extended', _measure_extended, bars.EXTENDED, f'here 68 % on {EXTENDED:.0%} of the map'),
    ):
        yield Claim(
            name=f'share of {text} distributions of age and A_V, {variant}',
            source=f'{_PAPER}, Section 3.3; {note}',
            measure=measure,
            paper=paper,
            better='lower',
            figure=_FIGURES.get(text),
            **common,
        )


def _coverage_claims(variant, common):
    """Return the claims about the intervals, with bars for the default network."""
    has_bar = variant == 'default'
    for level in bars.LEVELS:
        within = (round(level - bars.MARGIN, 3), round(level + bars.MARGIN, 3))
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
            for kind, column in _AGES.items():
                yield Claim(
                    name=f'coverage, worst bin of {kind} age, {text}, {variant}',
                    source=f'{_OURS}; largest deviation in bins of {bars.BIN} dex',
                    measure=partial(_measure_worst_bin, name, level, column),
                    bar=bars.BIN_MARGIN if has_bar else None,
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
        for level in bars.LEVELS:
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
        common = {'family': NAME, 'prepare': prepare, 'n_mocks': N_MOCKS}
        yield from _bound_claims(variant, common)
        yield from _class_claims(variant, common)
        yield from _shape_claims(variant, common)
        yield from _coverage_claims(variant, common)
        yield from _subset_claims(variant, common)
    for text, least in bars.CROWDED.items():
        yield Claim(
            name=f'share of test fields as crowded as M31 {text}',
            source=f'at least {least:g} detectable stars per square arcsec; see the page',
            measure=partial(_measure_crowded, least),
            bar=bars.HALF,
            **common,
        )


CLAIMS = list(_claims())
