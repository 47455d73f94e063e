# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Bialopetravicius & Narbutis (2020) and our own, on mock clusters of our own.
"""

from functools import cache, partial
from itertools import combinations
from math import prod

import numpy as np

from starcnn import Estimator
from starcnn.exceptions import DataFileError
from starcnn.validation import EXTENDED, Claim

from . import _bars as bars
from ._figures import draw_classes, draw_errors, draw_examples, draw_pairs, draw_stochastic
from ._findings import NAMES, Findings, find, take_bands, take_rows, to_axes
from ._measures import (
    measure_bimodal,
    measure_bound,
    measure_called,
    measure_coverage,
    measure_crowded,
    measure_empty,
    measure_extended,
    measure_growth,
    measure_widening,
    measure_worst_bin,
    measure_worst_subset,
)
from ._mocks import N_MOCKS, OPTIONS, draw_mocks
from .estimator import BACKEND
from .spec import DEFAULT, FILTERS, NAME

__all__ = ['CLAIMS']

_PAPER = 'Bialopetravicius & Narbutis 2020'
_MOCKS = 'fresh mocks on simulated fields'
_OURS = f'no published number; {_MOCKS}'
_PART = f'{_OURS}, other bands left out'

# The point estimates of each network, the one that counts first: that of the paper, and the column
# that a user gets.
_POINTS = {'paper': ('unfold', 'median'), 'default': ('median', 'unfold')}
_POINT_TEXTS = {'unfold': 'mean around the peak', 'median': 'median'}

_TEXTS = {'age': 'age', 'a_v': 'A_V', 'mass': 'mass', 'r_h': 'size'}
_UNITS = {'age': 'dex', 'a_v': 'mag', 'mass': 'dex', 'r_h': 'dex'}

# The ages by which the coverage is binned. Right intervals hold the truth as often as they say in
# bins of anything that is known of a cluster, as its derived age is. In bins of the true age they
# do not: near an end of the range, and between two modes, most of them miss.
_AGES = {'true': 'truth', 'derived': 'found'}

# One in so many clusters, of every frame, is tried with some of the bands: six sets of them.
_STEP = 2

# Errors come from resampling the frames of simulated fields, so that there must be two: one more
# cluster than a frame of 512 by 512 pixels has images.
_LEAST_MOCKS = prod(512 // side for side in OPTIONS.shape) + 1


@cache
def _draw(n_mocks, folder):
    """Return the mocks, the same for all networks."""
    if n_mocks < _LEAST_MOCKS:
        msg = f'n_mocks must be at least {_LEAST_MOCKS}, to be on two frames, got {n_mocks}'
        raise ValueError(msg)
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
    first, *others = _POINTS[variant]
    look = partial(find, estimator, point=first)
    mocks = _draw(n_mocks, folder)
    images, truth = take_rows(mocks.clusters, slice(None, None, _STEP)), mocks.truth[::_STEP]
    return Findings(
        estimator=estimator,
        truth=to_axes(mocks.truth, DEFAULT.parameters),
        found=look(mocks.clusters, mocks.truth, others=others, has_shapes=True),
        empty=look(mocks.empty),
        scattered=look(mocks.scattered, mocks.truth),
        images=mocks.clusters,
        frames=np.asarray(mocks.truth['density']),
        density=mocks.density,
        step=_STEP,
        subsets={
            text: look(take_bands(images, names), truth)
            for text, names in _subsets(variant).items()
        },
    )


_PREPARE = {variant: partial(_prepare, variant) for variant in _POINTS}

# The figures of the paper by the claim that they belong to: 10, 11, 12, 13, 9 and 21.
_FIGURES = {
    'age': partial(draw_errors, 'found'),
    'scatter': partial(draw_errors, 'scattered'),
    'class': draw_classes,
    'mass': draw_pairs,
    'bimodal': draw_stochastic,
    'extended': draw_examples,
}

_LINES = '95 % of the clusters are between the dashed lines, and dots are those whose age is'
_CAPTIONS = {
    'age': f'True and derived parameters (Fig. 10 of the paper). {_LINES} far too low (red) or '
    'high (blue).',
    'scatter': 'The same with 20 % calibration scatter of the background (Fig. 11).',
    'class': 'Probability of a cluster, and visibility, of clusters and empty fields (Fig. 12).',
    'mass': 'Pairs of derived parameters; colours are the visibility (Fig. 13).',
    'bimodal': 'Nine clusters (circles) with other stars, and on other backgrounds (Fig. 9): '
    'estimates (magenta), the distribution of one image of each (grey), and, below, images of '
    'them on one background, with the visibility.',
    'extended': 'Three clusters in colour and in each filter, and what is known of them (Fig. 21): '
    'truth (cyan) and mean around the peak (magenta).',
}


def _caption(name, variant):
    """Return the caption of a figure of a network; empty if there is none."""
    return f'Network {variant}. {_CAPTIONS[name]}' if name in _CAPTIONS else ''


def _bound_claims(variant, common):
    """Return the claims about the errors of the parameters, of the first point estimate first."""
    first = _POINTS[variant][0]
    for point in _POINTS[variant]:
        is_first = point == first
        text = _POINT_TEXTS[point]
        for name in NAMES:
            claim = f'95 % of {_TEXTS[name]} errors, {variant}'
            yield Claim(
                name=claim if is_first else f'{text}, {claim}',
                source=f'{_PAPER}, Fig. 10; {text} on {_MOCKS}',
                measure=partial(
                    measure_bound, name, column=name if is_first else f'{point}_{name}'
                ),
                paper=bars.BOUNDS[name],
                bar=bars.BOUND_BARS[variant][name],
                better='lower',
                unit=_UNITS[name],
                figure=_FIGURES.get(name) if is_first else None,
                caption=_caption(name, variant) if is_first else '',
                **common,
            )


def _class_claims(variant, common):
    """Return the claims about clusters and empty fields."""
    yield Claim(
        name=f'visible clusters called clusters, {variant}',
        source=f'{_PAPER}, Fig. 12: most; visibility above {bars.VISIBLE:g}, {_MOCKS}',
        measure=measure_called,
        bar=bars.CALLED_BARS[variant],
        figure=_FIGURES['class'],
        caption=_caption('class', variant),
        **common,
    )
    yield Claim(
        name=f'empty fields called empty, {variant}',
        source=f'{_PAPER}, Fig. 12: most; {_MOCKS}',
        measure=measure_empty,
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
            measure=partial(measure_growth, names),
            paper=bars.GROWTH if is_mean else None,
            bar=bars.GROWTH_BARS[variant] if is_mean else None,
            better='lower',
            figure=_FIGURES['scatter'] if is_mean else None,
            caption=_caption('scatter', variant) if is_mean else '',
            **common,
        )
    for text, measure, paper, note in (
        ('bimodal', measure_bimodal, bars.BIMODAL, 'below 1 %'),
        ('extended', measure_extended, bars.EXTENDED, f'here 68 % on {EXTENDED:.0%} of the map'),
    ):
        yield Claim(
            name=f'share of {text} distributions of age and A_V, {variant}',
            source=f'{_PAPER}, Section 3.3; {note}',
            measure=measure,
            paper=paper,
            better='lower',
            figure=_FIGURES.get(text),
            caption=_caption(text, variant),
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
                measure=partial(measure_coverage, (name,), level),
                bar=within if has_bar else None,
                better='within',
                **common,
            )
            for kind, column in _AGES.items():
                yield Claim(
                    name=f'coverage, worst bin of {kind} age, {text}, {variant}',
                    source=f'{_OURS}; largest deviation in bins of {bars.BIN} dex',
                    measure=partial(measure_worst_bin, name, level, column),
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
                source=_PART,
                measure=partial(measure_bound, name, subset=subset),
                better='lower',
                unit=_UNITS[name],
                **common,
            )
        for level in bars.LEVELS:
            yield Claim(
                name=f'coverage, {100 * level:.0f} %, {subset}, {variant}',
                source=f'{_PART}; mean of four parameters',
                measure=partial(measure_coverage, NAMES, level, subset=subset),
                better='within',
                **common,
            )
        yield Claim(
            name=f'growth of 68 % intervals, {subset}, {variant}',
            source=f'{_PART}; ratio of median widths, mean of four parameters',
            measure=partial(measure_widening, subset),
            better='lower',
            **common,
        )
    if _subsets(variant):
        yield from _worst_subset_claims(variant, common)


def _worst_subset_claims(variant, common):
    """Return the claims about the set of bands whose intervals are worst; the mean has a bar."""
    alone = tuple((name,) for name in NAMES)
    for level in bars.LEVELS:
        for text, groups, note in (
            ('worst set of filters', (NAMES,), 'mean of four parameters'),
            ('worst set of filters and parameter', alone, 'each parameter alone'),
        ):
            yield Claim(
                name=f'coverage, {text}, {100 * level:.0f} %, {variant}',
                source=f'{_PART}; {note}; largest deviation of the six sets',
                measure=partial(measure_worst_subset, groups, level),
                bar=bars.MARGIN if groups == (NAMES,) else None,
                better='lower',
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
            measure=partial(measure_crowded, least),
            bar=bars.HALF,
            **common,
        )


CLAIMS = list(_claims())
