# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Bialopetravicius et al. (2019) and our own, on mock clusters of our own.
"""

from dataclasses import replace
from functools import cache, partial
from math import prod
from pathlib import Path
from tempfile import mkdtemp

from starcnn import Estimator
from starcnn.exceptions import DataFileError
from starcnn.networks._stacks import take_sources
from starcnn.validation import Claim

from . import _bars as bars
from ._figures import draw_clusters, draw_errors, draw_nodes
from ._findings import NAMES, Findings, find, take_band, to_axes, turn
from ._frame import REAL_FILTER, cut_cluster, find_stdpsfs, make_mosaics
from ._measures import (
    measure_bias,
    measure_cluster,
    measure_coverage,
    measure_growth,
    measure_ratio,
    measure_scatter,
    measure_shift,
)
from ._mocks import N_MOCKS, N_NODE_MOCKS, OPTIONS, draw_mocks
from .estimator import BACKEND
from .spec import NAME

__all__ = ['CLAIMS']

_PAPER = 'Bialopetravicius et al. 2019'

# The kinds of background. What they are is in the source of each claim.
_SIMULATED, _SEMI_REAL, _REAL = 'simulated', 'semi-real', 'real'
_KINDS = {
    _SIMULATED: 'on simulated fields',
    _SEMI_REAL: 'on a semi-real frame (F475W real, other filters rendered)',
    _REAL: 'on a real frame in F475W alone',
}

_TEXTS = {'age': 'log age', 'mass': 'log mass', 'r_h': 'log size'}
_MASSES = {'lowest masses': bars.LOWEST, 'highest masses': bars.HIGHEST}

# Other images of the clusters: how a name has it, and how a source.
_OTHERS = {
    'wider': ('PSF as wide as in a corner', '13 % wider, in the clusters alone'),
    'corner': ('PSF of a corner', 'of STDPSF files, in the clusters alone'),
    'shifted': ('shifts by one pixel', 'clusters moved on their fields'),
    'turned': ('turns', 'images turned by 90, 180 and 270 degrees'),
}

# The axes of the figures of nodes, and the paper's number for the ratio of ellipses.
_PLANES = {
    ('mass', 'r_h'): ('Fig. 9', bars.RATIO),
    ('r_h', 'age'): ('Fig. 10', bars.RATIO),
    ('age', 'mass'): ('Fig. 11', None),
}

_CLUSTER = 3433  # of the catalogue; it is in the frame

# How many clusters, and how many at nodes, a network sees at most: that of the paper takes 0.1 s
# for each on a core.
_MOST = {'paper': 1000}

# Errors come from resampling the frames of simulated fields, so that there must be two: one more
# cluster than a frame of 512 by 512 pixels has images.
_LEAST_MOCKS = prod(512 // side for side in OPTIONS.shape) + 1


@cache
def _draw(n_mocks, folder, **options):
    """Return mocks, the same for all networks."""
    if n_mocks < _LEAST_MOCKS:
        msg = f'n_mocks must be at least {_LEAST_MOCKS}, to be on two frames, got {n_mocks}'
        raise ValueError(msg)
    return draw_mocks(n_mocks, folder=folder, **options)


@cache
def _make_frame(data, folder):
    """Return the folder of the mosaics of the real frame."""
    return str(make_mosaics(data, Path(folder or mkdtemp(prefix='starcnn-'))))


def _take(variant, mocks):
    """Return as many mocks as a network sees, evenly taken."""
    return mocks.take(-(-len(mocks.truth) // _MOST.get(variant, len(mocks.truth))))


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


def _look(estimator, mocks, shown, **others):
    """Return what a network says about each stack of images."""
    found = {
        name: find(estimator, images, mocks.truth[: len(images.data)])
        for name, images in shown.items()
    }
    return Findings(truth=to_axes(mocks.truth), found=found, groups=mocks.groups, **others)


def _prepare_simulated(variant, data=None, *, n_mocks=N_MOCKS, folder=None):
    """Return what one network says about mocks on simulated fields."""
    estimator = _open(variant)
    mocks = _draw(n_mocks, folder, has_others=True, stdpsfs=find_stdpsfs(data))
    mocks = _take(variant, mocks)
    n_others = len(mocks.others['shifted'].data)
    shown = {'all': mocks.images, **mocks.others}
    shown['turned'] = turn(take_sources(mocks.images, slice(n_others)))
    if variant == 'default':
        shown[REAL_FILTER] = take_band(mocks.images, REAL_FILTER)
    return _look(estimator, mocks, shown)


def _prepare_nodes(variant, _data=None, *, n_mocks=N_NODE_MOCKS, folder=None):
    """Return what one network says about mocks that differ only by chance."""
    estimator = _open(variant)
    mocks = _take(variant, _draw(n_mocks, folder, nodes=True))
    return _look(estimator, mocks, {'all': mocks.images})


def _prepare_frame(variant, data=None, *, n_mocks=N_MOCKS, folder=None):
    """Return what one network says about mocks on the real frame, in all filters."""
    estimator = _open(variant)
    frame = _make_frame(data, folder)
    mocks = _take(variant, _draw(n_mocks, folder, frame=frame))
    return _look(estimator, mocks, {'all': mocks.images}, frame=frame)


def _prepare_real(data=None, *, n_mocks=N_MOCKS, folder=None):
    """Return what the default network says about mocks on the real frame, in its filter."""
    estimator = _open('default')
    frame = _make_frame(data, folder)
    mocks = _draw(n_mocks, folder, frame=frame)
    cluster = estimator.predict(cut_cluster(data, _CLUSTER))
    shown = {'all': take_band(mocks.images, REAL_FILTER)}
    return _look(estimator, mocks, shown, cluster=cluster, frame=frame)


_VARIANTS = ('paper', 'default')
_PREPARE = {
    (kind, variant): partial(prepare, variant)
    for kind, prepare in ((_SIMULATED, _prepare_simulated), (_SEMI_REAL, _prepare_frame))
    for variant in _VARIANTS
}
_PREPARE_NODES = {variant: partial(_prepare_nodes, variant) for variant in _VARIANTS}


def _scatter_claims(kind, variant, common, *, seen='all', has_bars=True, text=''):
    """Return the claims about the scatter of the errors, as the paper's and as a robust one."""
    paper = bars.SCATTER if has_bars else {}
    limits = bars.SCATTER_BARS[variant] if has_bars else {}
    cases = [(f'{_TEXTS[name]}', name, None, name) for name in NAMES]
    cases[2:2] = [(f'log mass, {part}', 'mass', edges, edges) for part, edges in _MASSES.items()]
    figures = {'age': draw_errors} if seen == 'all' else {}
    if figures and variant == 'default' and kind != _REAL:  # once for each kind of images
        figures[bars.LOWEST] = draw_clusters
    for label, name, masses, key in cases:
        for is_robust in (False, True):
            yield Claim(
                name=f'{"robust " if is_robust else ""}scatter of {label}, {kind}{text}, {variant}',
                source=f'{_PAPER}, Section 5.1 and Fig. 8; {_KINDS[kind]}'
                f'{"; half of the 16 to 84 % range" if is_robust else ""}',
                measure=partial(
                    measure_scatter, name, seen=seen, masses=masses, is_robust=is_robust
                ),
                paper=None if is_robust else paper.get(key),
                bar=None if is_robust else limits.get(key),
                better='lower',
                unit='dex',
                figure=None if is_robust else figures.get(key),
                **common,
            )


def _bias_claims(kind, variant, common, *, has_bars=True):
    """Return the claims about shifts in the bins of Fig. 8."""
    for name in NAMES:
        for edges in (False, True):
            yield Claim(
                name=f'largest shift of {_TEXTS[name]} in a bin'
                f'{", edges too" if edges else ""}, {kind}, {variant}',
                source=f'{_PAPER}, Section 5.1 and Fig. 8: none significant; median in bins of '
                f'age, mass and size, {"all" if edges else "without the outer ones"}, '
                f'{_KINDS[kind]}',
                measure=partial(measure_bias, name, edges=edges),
                bar=bars.BIAS_BARS[variant] if has_bars and not edges else None,
                better='lower',
                unit='dex',
                **common,
            )


def _coverage_claims(kind, variant, common, *, seen='all', has_bars=True, text=''):
    """Return the claims about the intervals, with bars for the default network."""
    for level in bars.LEVELS:
        within = (round(level - bars.MARGIN, 3), round(level + bars.MARGIN, 3))
        for name in NAMES:
            yield Claim(
                name=f'coverage, {100 * level:.0f} % of {_TEXTS[name]}, {kind}{text}, {variant}',
                source=f'no published number; {_KINDS[kind]}',
                measure=partial(measure_coverage, name, level, seen=seen),
                bar=within if has_bars and variant == 'default' else None,
                better='within',
                **common,
            )


def _robustness_claims(variant, common):
    """Return the claims about other point spread functions, shifts and turns."""
    for seen, (text, how) in _OTHERS.items():
        source = f'{_PAPER}, Section 5.3: negligible; {how}, {_KINDS[_SIMULATED]}'
        yield Claim(
            name=f'growth of the scatter, {text}, {variant}',
            source=f'{source}; the parameter with the largest',
            measure=partial(measure_growth, seen),
            bar=bars.GROWTH_BARS[variant],
            better='lower',
            **common,
        )
        yield Claim(
            name=f'change of the estimates in parts of the scatter, {text}, {variant}',
            source=f'{source}; median, the parameter with the largest',
            measure=partial(measure_shift, seen),
            better='lower',
            **common,
        )


def _node_claims(variant):
    """Return the claims about clusters that differ only by chance."""
    for plane, (figure, paper) in _PLANES.items():
        first, second = (_TEXTS[name] for name in plane)
        yield Claim(
            name=f'scatter at log mass 2.4 over that at 3.6, {first} and {second}, {variant}',
            source=f'{_PAPER}, Section 5.2 and {figure}; sizes of ellipses, {_KINDS[_SIMULATED]}',
            measure=partial(measure_ratio, plane),
            paper=paper,
            better='lower',
            figure=partial(draw_nodes, plane),
            family=NAME,
            prepare=_PREPARE_NODES[variant],
            n_mocks=N_NODE_MOCKS,
        )


def _real_claims():
    """Return the claims about one filter on the real frame, and about a real cluster in it."""
    common = {'family': NAME, 'prepare': _prepare_real, 'n_mocks': N_MOCKS}
    yield from _scatter_claims(_REAL, 'default', common, has_bars=False)
    yield from _bias_claims(_REAL, 'default', common, has_bars=False)
    yield from _coverage_claims(_REAL, 'default', common, has_bars=False)
    for name, value in bars.CLUSTER.items():
        yield Claim(
            name=f'{_TEXTS[name]} of AP {_CLUSTER}, default',
            source='Johnson et al. 2016, from its stars; a real cluster in F475W alone',
            measure=partial(measure_cluster, name),
            paper=value,
            better='within',
            unit='dex',
            **common,
        )


def _claims():
    """Yield all claims: for each kind of background the paper's network first, then ours."""
    for (kind, variant), prepare in _PREPARE.items():
        common = {'family': NAME, 'prepare': prepare, 'n_mocks': N_MOCKS}
        yield from _scatter_claims(kind, variant, common)
        yield from _bias_claims(kind, variant, common)
        yield from _coverage_claims(kind, variant, common)
        if kind == _SIMULATED:
            yield from _node_claims(variant)
            yield from _robustness_claims(variant, common)
            if variant == 'default':
                alone = {'seen': REAL_FILTER, 'has_bars': False, 'text': f', {REAL_FILTER} alone'}
                yield from _scatter_claims(kind, variant, common, **alone)
                yield from _coverage_claims(kind, variant, common, **alone)
    yield from _real_claims()


def _tell_number(claim):
    """Return the claim, which tells if a network did not see all mocks."""
    most = _MOST.get(claim.name.rpartition(', ')[2])
    return claim if most is None else replace(claim, source=f'{claim.source}; {most:,} clusters')


CLAIMS = [_tell_number(claim) for claim in _claims()]
