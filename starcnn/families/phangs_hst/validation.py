# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Wei et al. (2020) and our own, each on the data that it says.

No labelled pixels of Hubble come with this package. So there are three kinds of
data: simulated stamps with all pixels and true classes; real cutouts of M31 in
one filter, labelled as clusters and galaxies; and real labels of LEGUS with
magnitudes, but no pixels.
"""

from functools import cache, partial

from starcnn import Classifier
from starcnn.exceptions import DataFileError
from starcnn.networks._stacks import take_sources
from starcnn.validation import Claim

from . import _bars as bars
from . import _figures as figures
from . import _measures as measures
from ._distributions import compare_with_legus
from ._findings import Findings, classify, cut_middle, leave_out
from ._mocks import N_MOCKS, OPTIONS, draw_mocks
from ._photometric import read_candidates, sort_by_photometry
from ._scores import M31, NOTHING, STAMPS, read_scores
from .classifier import BACKEND
from .spec import CLASSES, CROP, CROPS, FILTERS, NAME

__all__ = ['CLAIMS']

_PAPER = 'Wei et al. 2020'

# On what a number was measured; part of each source.
_SIMULATED = 'simulated stamps'
_REAL = 'real M31 g-band cutouts (clusters against galaxies)'
_LABELS = 'real LEGUS labels, no pixels'

_N_TRAININGS = 'three trainings, where the paper has ten'

# One in so many of the mocks is also shown without a filter, and smaller.
_STEP = 4

# Sources whose light is compared with that of LEGUS, as many of each class.
_N_COMPARED = 1200

_NETWORKS = ('resnet18', 'vgg19_bn', 'default')

# Tests of networks that were trained on galaxies from 4 to 9.5 Mpc.
_TESTS = {
    'galaxies': ('held-out galaxies', 'Section 4.1 and Tables 4 and 5', 'galaxies of 4 to 9.5 Mpc'),
    'far': ('19 Mpc', 'Section 4.2 and Tables 6 and 7', 'galaxies at 19 Mpc, M_V below -7.5 mag'),
}
_SIDES = (CROPS[0], CROP, CROPS[1])

# What trainings on the cutouts of M31 began with; those that are to reach the bars.
_STARTS = {'imagenet': 'ImageNet', 'random': 'random numbers', 'ours': 'our default network'}
_WITH_BARS = ('imagenet', 'ours')


@cache
def _draw(n_mocks, folder):
    """Return mocks, the same for all networks."""
    return draw_mocks(n_mocks, folder=folder)


def _open(variant):
    """Return the classifier with the first released weights of a variant."""
    tags = [file.tag for file in BACKEND.weights]
    found = [tag for tag in tags if tag.partition('-')[0] == variant]
    if not found:
        msg = (
            f'weights of {NAME!r} must have a network {variant!r}, got {tags}; '
            f'`starcnn train {NAME} --variant {variant}` makes one'
        )
        raise DataFileError(msg)
    return Classifier(NAME, weights=found[0])


def _prepare_mocks(variant, _data=None, *, n_mocks=N_MOCKS, folder=None):
    """Return what a released network says about stamps of galaxies it has not seen."""
    classifier = _open(variant)
    mocks = _draw(n_mocks, folder)
    probabilities, sets = classify(classifier, mocks.images)
    some = take_sources(mocks.images, slice(-(-n_mocks // _STEP)))
    changed = {name: leave_out(some, name) for name in FILTERS}
    changed[f'{CROPS[0]} px'] = cut_middle(some, CROPS[0])
    return Findings(
        truth=mocks.truth,
        groups=mocks.groups,
        probabilities=probabilities,
        sets=sets,
        part=classifier.spec.outputs[0],
        others={name: classify(classifier, images)[0] for name, images in changed.items()},
    )


def _prepare_scores(name, _data=None):
    """Return a table of scores of trainings."""
    return read_scores(name)


def _prepare_photometry(balanced, data=None):
    """Return what magnitudes say about the candidates of LEGUS."""
    candidates = read_candidates(data)
    probabilities = sort_by_photometry(candidates, balanced=balanced)
    return Findings(truth=candidates.truth, groups=candidates.groups, probabilities=probabilities)


def _prepare_comparison(_data=None, *, n_mocks=_N_COMPARED, folder=None):  # noqa: ARG001
    """Return distributions of real and simulated sources, class by class."""
    return compare_with_legus(-(-n_mocks // len(CLASSES)), options=OPTIONS, rng=0)


_PREPARE_DEFAULT = partial(_prepare_mocks, 'default')
_PREPARE_STAMPS, _PREPARE_M31 = (partial(_prepare_scores, name) for name in (STAMPS, M31))
_PREPARE_LABELS = {
    'as they are': partial(_prepare_photometry, False),  # noqa: FBT003 - of a partial
    'balanced': partial(_prepare_photometry, True),  # noqa: FBT003
}


def _table_claims(network):
    """Return the claims about several trainings on near galaxies."""
    for tested, (where, section, what) in _TESTS.items():
        values = {'network': network, 'tested': tested, 'crop': CROP, 'without': NOTHING}
        common = {'family': NAME, 'prepare': _PREPARE_STAMPS, 'unit': '%'}
        source = f'{_PAPER}, {section}, on real stamps; here {_SIMULATED}, {what}; {_N_TRAININGS}'
        paper = bars.CONFUSION.get((network, tested))
        for k, label in enumerate(CLASSES):
            yield Claim(
                name=f'accuracy of class {label}, {where}, {network}',
                source=source,
                measure=partial(measures.measure_table, label, values),
                paper=None if paper is None else paper[k][k],
                figure=None if k else partial(figures.draw_table_confusion, values),
                caption=f'Confusion of classes, {where}, {network}: rows in per cent, with the '
                f'scatter over trainings. {source}.',
                **common,
            )
        yield Claim(
            name=f'accuracy, {where}, {network}',
            source=source,
            measure=partial(measures.measure_table, None, values),
            figure=partial(figures.draw_table_entropy, values),
            caption=f'Entropy of the predictions, {where}, {network}. '
            f'{_PAPER}, Fig. 5; {_SIMULATED}.',
            **common,
        )
        yield Claim(
            name=f'calibration error, {where}, {network}, as trained',
            source=f'no published number; {_SIMULATED}, {what}; {_N_TRAININGS}, not calibrated',
            measure=partial(measures.measure_table_score, 'calibration_error', values),
            better='lower',
            family=NAME,
            prepare=_PREPARE_STAMPS,
        )


def _table_ablations(network):
    """Return the claims about filters and sizes of stamps, over several trainings."""
    common = {'family': NAME, 'prepare': _PREPARE_STAMPS, 'unit': '%'}
    values = {'network': network, 'tested': 'far', 'crop': CROP}
    source = f'{_PAPER}, Section 4.4 and Fig. 7; {_SIMULATED} at 19 Mpc; {_N_TRAININGS}'
    for name in FILTERS:
        yield Claim(
            name=f'accuracy lost without {name}, 19 Mpc, {network}',
            source=source,
            measure=partial(measures.measure_table_change, name, values),
            better='lower',
            **common,
        )
    yield Claim(
        name=f'more lost without {bars.KEY_FILTER} than without any other, {network}',
        source=f'{source}; the paper has its greatest drop without this filter',
        measure=partial(measures.measure_key_filter, bars.KEY_FILTER, values),
        bar=0.0,
        figure=partial(figures.draw_filters, values),
        caption=f'Accuracies without each filter, {network}. {source}.',
        **common,
    )
    values = {'network': network, 'tested': 'galaxies', 'without': NOTHING}
    source = f'{_PAPER}, Section 4.3 and Fig. 6; {_SIMULATED}, galaxies of 4 to 9.5 Mpc'
    for crop in _SIDES:
        yield Claim(
            name=f'accuracy, stamps of {crop} pixels, {network}',
            source=f'{source}; trained on this size, once if it is not {CROP}',
            measure=partial(measures.measure_table, None, values | {'crop': crop}),
            **common,
        )
    yield Claim(
        name=f'largest change of a class with the size of stamps, {network}',
        source=f'{source}: about 5 per cent, as much as between trainings',
        measure=partial(measures.measure_crops, _SIDES, values),
        paper=bars.CROP_CHANGE,
        better='lower',
        figure=partial(figures.draw_crops, _SIDES, values),
        caption=f'Accuracies with stamps of several sizes, {network}. {source}.',
        **common,
    )


def _real_claims():
    """Return the claims about real labelled pixels."""
    network = {'network': 'default'}
    for start, text in _STARTS.items():
        values = network | {'start': start}
        has_bar = start in _WITH_BARS
        source = f'no published number; {_REAL}; five folds by position, begun with {text}'
        common = {'family': NAME, 'prepare': _PREPARE_M31, 'source': source}
        yield Claim(
            name=f'area below the curve, M31, start: {start}',
            measure=partial(measures.measure_table_score, 'roc_area', values, is_folds=True),
            bar=bars.AREA_BAR if has_bar else None,
            figure=partial(figures.draw_folds, _STARTS, network) if start == 'imagenet' else None,
            caption=f'Clusters among galaxies: mean and range of five folds. {_REAL}.',
            **common,
        )
        yield Claim(
            name=f'accuracy, M31, start: {start}',
            measure=partial(measures.measure_table, None, values, is_folds=True),
            bar=bars.ACCURACY_BAR if has_bar else None,
            unit='%',
            **common,
        )


def _photometric_claims():
    """Return the claims about magnitudes alone: what stamps have to be better than."""
    for kind, prepare in _PREPARE_LABELS.items():
        common = {'family': NAME, 'prepare': prepare}
        source = (
            f'no published number; {_LABELS}; gradient boosting of five magnitudes and CI, five '
            f'folds by galaxy, classes weighted {kind}'
        )
        for label in CLASSES:
            yield Claim(
                name=f'accuracy of class {label}, magnitudes alone, {kind}',
                source=f'{source}; beside it one person against three, {_PAPER}, Section 2.1',
                measure=partial(measures.measure_accuracy, label),
                paper=bars.HUMANS[label],
                unit='%',
                figure=figures.draw_confusion if label == CLASSES[0] else None,
                caption=f'Confusion of classes from magnitudes alone, {kind}, per cent. {source}.',
                **common,
            )
        yield Claim(
            name=f'accuracy, magnitudes alone, {kind}',
            source=source,
            measure=partial(measures.measure_accuracy, None),
            unit='%',
            **common,
        )
        yield Claim(
            name=f'mean accuracy of the classes, magnitudes alone, {kind}',
            source=source,
            measure=measures.measure_mean_accuracy,
            unit='%',
            **common,
        )
        yield Claim(
            name=f'area below the curve, magnitudes alone, {kind}',
            source=source,
            measure=measures.measure_area,
            **common,
        )


_SEEN = f'{_SIMULATED}, galaxies of 3 to 20 Mpc that were held out; the released network'


def _released_claims():
    """Return the claims about the released network on galaxies that it has not seen."""
    common = {'family': NAME, 'prepare': _PREPARE_DEFAULT, 'n_mocks': N_MOCKS}
    source = f'no published number; {_SEEN}'
    cases = [(f'accuracy of class {label}', label) for label in CLASSES] + [('accuracy', None)]
    for text, label in cases:
        yield Claim(
            name=f'{text}, released network',
            source=source,
            measure=partial(measures.measure_accuracy, label),
            unit='%',
            figure={CLASSES[0]: figures.draw_confusion, None: figures.draw_entropy}.get(label),
            caption=f'{"Confusion of classes" if label else "Entropy of right and wrong answers"},'
            f' released network. {_SEEN}.',
            **common,
        )
    yield Claim(
        name='area below the curve, released network',
        source=source,
        measure=measures.measure_area,
        figure=figures.draw_roc,
        **common,
    )
    yield Claim(
        name='calibration error, released network',
        source=f'{source}; Guo et al. 2017, ten bins',
        measure=measures.measure_calibration,
        bar=bars.CALIBRATION_BAR,
        better='lower',
        figure=figures.draw_reliability,
        caption=f'How often the most probable class is the true one. {_SEEN}.',
        **common,
    )
    yield from _set_claims(common, source)
    for prevalence in bars.PREVALENCES:
        yield Claim(
            name=f'clusters predicted over true ones, {100 * prevalence:.0f} % clusters',
            source=f'{source}; sources weighted to this fraction of classes 1 to 3, and so told',
            measure=partial(measures.measure_counts, prevalence),
            bar=bars.COUNT_BAR,
            better='within',
            **common,
        )
    for name in (*FILTERS, f'{CROPS[0]} px'):
        text = f'without {name}' if name in FILTERS else f'on stamps of {CROPS[0]} pixels'
        yield Claim(
            name=f'accuracy lost {text}, released network',
            source=source,
            measure=partial(measures.measure_change, name),
            better='lower',
            unit='%',
            **common,
        )


def _set_claims(common, source):
    """Return the claims about sets of classes."""
    level = f'{100 * bars.LEVEL:.0f} %'
    yield Claim(
        name=f'sets of {level} that hold the truth, released network',
        source=source,
        measure=partial(measures.measure_coverage, None),
        bar=bars.COVERAGE_BAR,
        better='within',
        **common,
    )
    for label in CLASSES:
        yield Claim(
            name=f'sets of {level} that hold the truth, class {label}, released network',
            source=source,
            measure=partial(measures.measure_coverage, label),
            bar=bars.COVERAGE_CLASS_BAR,
            **common,
        )
    yield Claim(
        name=f'classes in a set of {level}, released network',
        source=source,
        measure=measures.measure_set_size,
        better='lower',
        **common,
    )


def _comparison_claims():
    """Return the claims about the light of simulated sources beside that of real ones."""
    variables = {
        'CI': ('ci',),
        'M_V': ('m_v',),
        'the worst colour': ('nuv_u', 'u_b', 'b_v', 'v_i'),
    }
    for text, names in variables.items():
        for label in CLASSES:
            yield Claim(
                family=NAME,
                name=f'distance of {text}, simulated from real, class {label}',
                source=f'no published number; {_SIMULATED} beside the catalogues of LEGUS; largest '
                'difference of cumulative fractions',
                prepare=_prepare_comparison,
                measure=partial(measures.measure_distance, label, names),
                better='lower',
                n_mocks=_N_COMPARED,
                figure=figures.draw_distributions if (text, label) == ('CI', CLASSES[0]) else None,
                caption='What LEGUS measures, of real sources (grey) and of simulated ones (blue), '
                'with the largest difference of the two.',
            )


def _claims():
    """Yield all claims: on real data, of the released network, and of networks of the paper."""
    yield from _photometric_claims()
    yield from _real_claims()
    yield from _released_claims()
    for network in _NETWORKS:
        yield from _table_claims(network)
        yield from _table_ablations(network)
    yield from _comparison_claims()


CLAIMS = list(_claims())
