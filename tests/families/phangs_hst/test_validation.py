# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the claims of the family: what they measure, and what they say where they cannot.
"""

import lzma
import os
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.exceptions import DataFileError
from starcnn.families.phangs_hst import _bars as bars
from starcnn.families.phangs_hst import _measures as measures
from starcnn.families.phangs_hst import _mocks, _scores, validation
from starcnn.families.phangs_hst._findings import Findings, classify, cut_middle, leave_out
from starcnn.families.phangs_hst._mocks import FIRST_GALAXY, OPTIONS, Mocks, draw_mocks
from starcnn.families.phangs_hst._photometric import COLUMNS, read_candidates, sort_by_photometry
from starcnn.families.phangs_hst._scores import N_ENTROPY, NOTHING, select, summarise
from starcnn.families.phangs_hst.spec import CLASSES, FILTERS, make_spec
from starcnn.families.phangs_hst.validation import CLAIMS
from starcnn.networks import conformal_sets
from starcnn.validation import run_claims

BY_NAME = {claim.name: claim for claim in CLAIMS}
DATA = os.environ.get('STARCNN_DATA_DIR')

N = 8000


def draw_sources(n, rng, sharpness=3.0):
    """Return classes, with probabilities that are right for equal shares of them."""
    truth = rng.integers(4, size=n)
    logits = rng.normal(size=(n, 4))
    logits[np.arange(n), truth] += sharpness
    # what Bayes' theorem makes of normal scores, shifted for the true class
    p = np.exp(sharpness * logits)
    return truth, p / p.sum(axis=1, keepdims=True)


@pytest.fixture(scope='module')
def found():
    """Return what a calibrated network would say, with sets of classes made of other sources."""
    rng = np.random.default_rng(1)
    truth, p = draw_sources(N, rng, sharpness=1.2)
    held, q = draw_sources(4000, rng, sharpness=1.2)
    part = replace(
        make_spec('default').outputs[0],
        prevalence=(0.25,) * 4,
        conformal=tuple(tuple(np.sort(q[held == k, k])[::-1].tolist()) for k in range(4)),
    )
    members = conformal_sets(p, part, 0.9)
    sets = ['|'.join(np.array(CLASSES)[row]) for row in members]
    others = {'F555W': p[: N // 4, ::-1], 'F275W': p[: N // 4]}
    return Findings(
        truth=np.array(CLASSES)[truth],
        groups=np.arange(N) // 128,
        probabilities=p,
        sets=np.array(sets),
        part=part,
        others=others,
    )


def make_table(accuracies, **values):
    """Return rows of a table of scores, whose classes are right as often as said."""
    rows = []
    for training, accuracy in enumerate(accuracies):
        counts = np.full((4, 4), (1000 - 10 * accuracy) / 3).astype(int)
        np.fill_diagonal(counts, 10 * accuracy)
        row = {'network': 'resnet18', 'start': 'random', 'crop': 50, 'training': training}
        row |= {'tested': 'far', 'without': NOTHING, 'counts': counts}
        row |= {'entropy': np.ones(N_ENTROPY), 'roc_area': 0.9, 'calibration_error': 0.1}
        row |= {'roc': np.linspace(0, 1, 101)}
        rows.append(row | values)
    return rows


@pytest.fixture(scope='module')
def table():
    """Return a table of scores with all tests of two trainings."""
    rows = []
    for network in ('resnet18', 'vgg19_bn', 'default'):
        lost = dict(zip(FILTERS, (1, 2, 3, 10, 4), strict=True))
        rows += make_table((60, 64), network=network)
        for name, value in lost.items():
            rows += make_table((60 - value, 64 - value), network=network, without=name)
        for crop, value in ((25, 67), (50, 70), (100, 76)):
            rows += make_table((value, value), network=network, tested='galaxies', crop=crop)
    return QTable(rows=rows)


def test_claims_say_what_they_were_measured_on():
    """Each claim is of one of three kinds of data, and the paper's numbers are of real stamps."""
    kinds = (
        'simulated stamps',
        'real M31 g-band cutouts (clusters against galaxies)',
        'real LEGUS labels, no pixels',
    )
    for claim in CLAIMS:
        assert sum(kind in claim.source for kind in kinds) == 1, claim.name
        if claim.paper is not None and 'simulated' in claim.source:
            assert 'on real stamps' in claim.source or 'about 5 per cent' in claim.source


@pytest.mark.parametrize(
    ('network', 'where', 'numbers'),
    [
        ('resnet18', 'held-out galaxies', (76, 58, 60, 71)),
        ('vgg19_bn', 'held-out galaxies', (71, 64, 60, 69)),
        ('resnet18', '19 Mpc', (73, 38, 40, 75)),
        ('vgg19_bn', '19 Mpc', (74, 42, 52, 67)),
    ],
)
def test_numbers_of_the_paper(network, where, numbers):
    """The diagonals of the tables, rounded, are those of the text of the paper."""
    claims = [BY_NAME[f'accuracy of class {label}, {where}, {network}'] for label in CLASSES]
    assert [round(claim.paper) for claim in claims] == list(numbers)


@pytest.mark.parametrize('key', bars.CONFUSION)
def test_rows_of_the_paper(key):
    """Rows of its confusion matrices sum to 100 per cent."""
    assert_allclose(np.sum(bars.CONFUSION[key], axis=1), 100, atol=0.15)
    assert np.shape(bars.SCATTER[key]) == (4, 4)


def test_bars():
    """The bars are those that were set."""
    expected = {
        'calibration error, released network': '≤ 0.03',
        'sets of 90 % that hold the truth, released network': '0.89 to 0.91',
        'sets of 90 % that hold the truth, class 3, released network': '≥ 0.85',
        'clusters predicted over true ones, 5 % clusters': '0.9 to 1.1',
        'area below the curve, M31, start: imagenet': '≥ 0.97',
        'accuracy, M31, start: ours': '≥ 92',
        'accuracy, M31, start: random': '',
    }
    assert {name: BY_NAME[name].bar_text for name in expected} == expected


def test_calibrated_network(found):
    """Probabilities that are right reach the bars of calibration, sets and counts."""
    names = ['calibration error, released network']
    names += ['sets of 90 % that hold the truth, released network']
    names += [f'sets of 90 % that hold the truth, class {x}, released network' for x in CLASSES]
    names += [f'clusters predicted over true ones, {x} % clusters' for x in (50, 5)]
    for name in names:
        measured = BY_NAME[name].measure(found)
        assert BY_NAME[name].judge(measured.value) == 'pass', (name, measured)
        assert measured.error > 0
    size = BY_NAME['classes in a set of 90 %, released network'].measure(found)
    assert 1 < size.value < 3


def test_overconfident_network(found):
    """Sharper probabilities fail the bars of calibration and of counts."""
    p = found.probabilities**3
    sharp = replace(found, probabilities=p / p.sum(axis=1, keepdims=True))
    for name in (
        'calibration error, released network',
        'clusters predicted over true ones, 5 % clusters',
    ):
        assert BY_NAME[name].judge(BY_NAME[name].measure(sharp).value) == 'fail', name


def test_accuracies(found):
    """Accuracies are those of the most probable class, in per cent."""
    right = found.probabilities.argmax(axis=1) == np.searchsorted(CLASSES, found.truth)
    measured = BY_NAME['accuracy of class 2, released network'].measure(found)
    assert_allclose(measured.value, 100 * right[found.truth == '2'].mean())
    assert measured.n_sources == (found.truth == '2').sum()
    assert_allclose(BY_NAME['accuracy, released network'].measure(found).value, 100 * right.mean())
    name = 'mean accuracy of the classes, magnitudes alone, balanced'
    classes = [100 * right[found.truth == label].mean() for label in CLASSES]
    assert_allclose(BY_NAME[name].measure(found).value, np.mean(classes))


def test_lost_without_a_filter(found):
    """What is lost is the difference for the same sources."""
    same = BY_NAME['accuracy lost without F275W, released network'].measure(found)
    assert same.value == 0
    lost = BY_NAME['accuracy lost without F555W, released network'].measure(found)
    assert lost.value > 30
    assert lost.n_sources == N // 4


@pytest.mark.parametrize(
    ('name', 'change', 'message'),
    [
        ('classes in a set of 90 %, released network', {'sets': None}, 'weights must have prob'),
        (
            'clusters predicted over true ones, 5 % clusters',
            {'part': None},
            'weights must tell the prevalence',
        ),
    ],
)
def test_weights_without_calibration(found, name, change, message):
    """What a file of weights lacks is said."""
    with pytest.raises(DataFileError, match=message):
        BY_NAME[name].measure(replace(found, **change))


@pytest.fixture(scope='module')
def kept(table, tmp_path_factory):
    """Return the table as it is after it was written and read."""
    path = tmp_path_factory.mktemp('scores') / 'table.ecsv'
    table.write(path, format='ascii.ecsv')
    return QTable.read(path, format='ascii.ecsv')


@pytest.mark.parametrize('name', ['table', 'kept'])
def test_trainings(name, request):
    """Means over trainings, with their standard deviation, in per cent; also from a file."""
    table = request.getfixturevalue(name)
    measured = BY_NAME['accuracy of class 2, 19 Mpc, resnet18'].measure(table)
    assert_allclose([measured.value, measured.error], [62, 8**0.5], atol=0.06)
    measured = BY_NAME['accuracy, 19 Mpc, default'].measure(table)
    assert_allclose(measured.value, 62, atol=0.06)
    assert 3900 < measured.n_sources <= 4000
    lost = BY_NAME['accuracy lost without F814W, 19 Mpc, vgg19_bn'].measure(table)
    assert_allclose([lost.value, lost.error], [4, 0], atol=0.1)
    key = BY_NAME['more lost without F555W than without any other, resnet18']
    assert_allclose(key.measure(table).value, 6, atol=0.1)
    assert key.judge(key.measure(table).value) == 'pass'
    crops = BY_NAME['largest change of a class with the size of stamps, default'].measure(table)
    assert_allclose(crops.value, 6, atol=0.1)
    again = measures.measure_key_filter(
        'F275W', {'network': 'resnet18', 'tested': 'far', 'crop': 50}, table
    )
    assert_allclose(again.value, -9, atol=0.1)


def test_folds():
    """Of folds the sources of all are counted, and each start is by itself."""
    rows = make_table((90, 94), network='default', start='imagenet')
    folds = QTable(rows=rows + make_table((70, 74), network='default'))
    measured = BY_NAME['accuracy, M31, start: imagenet'].measure(folds)
    assert_allclose([measured.value, measured.error], [92, 8**0.5], atol=0.1)
    assert 7900 < measured.n_sources <= 8000
    area = BY_NAME['area below the curve, M31, start: random'].measure(folds)
    assert_allclose(area.value, 0.9)
    with pytest.raises(DataFileError, match="network 'default', start 'ours', which"):
        BY_NAME['accuracy, M31, start: ours'].measure(folds)


def test_table_without_networks(table):
    """Networks that were not trained are told, with the command that trains them."""
    with pytest.raises(DataFileError, match="network 'vgg16', which `tools/train"):
        select(table, network='vgg16', tested='far')
    few = table[(table['without'] == NOTHING) | (table['training'] == 0)]
    claim = BY_NAME['accuracy lost without F555W, 19 Mpc, default']
    with pytest.raises(DataFileError, match='same trainings with and without F555W'):
        claim.measure(few)


def test_tables_that_are_not_there(monkeypatch):
    """Without tables and weights, claims are not run, with reasons."""
    _scores.read_scores.cache_clear()
    monkeypatch.setattr(_scores, 'read_files', lambda package, kind: ())
    monkeypatch.setattr(validation, 'BACKEND', replace(validation.BACKEND, weights=()))
    names = (
        'accuracy, 19 Mpc, default',
        'accuracy, M31, start: random',
        'accuracy, released network',
        'accuracy, magnitudes alone, balanced',
    )
    result = run_claims([BY_NAME[name] for name in names])
    _scores.read_scores.cache_clear()
    assert result['status'].tolist() == ['not run'] * 4
    for note, text in zip(
        result['note'], ('stamp_scores', 'm31_scores', 'train', 'legus'), strict=True
    ):
        assert text in note


def test_packaged_tables():
    """The tables that come with the package can be read, if they are there."""
    for name in (_scores.STAMPS, _scores.M31):
        try:
            packaged = _scores.read_scores(name)
        except DataFileError:
            pytest.skip(f'there is no table {name!r}')
        n_class = packaged['counts'].shape[1]
        assert packaged['counts'].shape == (len(packaged), n_class, n_class)
        assert (packaged['entropy'].sum(axis=1) == packaged['counts'].sum(axis=(1, 2))).all()


def test_summary():
    """Counts are of true classes by rows, and the entropy is between its ends."""
    p = np.array([[1, 0, 0, 0], [0.25] * 4, [0.1, 0.8, 0.1, 0]])
    row = summarise(np.array([0, 2, 0]), p)
    assert row['counts'].tolist() == [[1, 1, 0, 0], [0] * 4, [1, 0, 0, 0], [0] * 4]
    assert row['entropy'][0] == row['entropy'][-1] == 1
    assert row['entropy'].sum() == 3


class Network:
    """A classifier that says how bright each filter is."""

    def __init__(self, part):
        self.spec = replace(make_spec('default'), outputs=(part,))

    def predict(self, images):
        """Return a table of probabilities."""
        light = np.nan_to_num(images.data).sum(axis=(2, 3))[:, :4] + 1e-3
        p = light / light.sum(axis=1, keepdims=True)
        columns = {f'prob_{label}': p[:, k] for k, label in enumerate(CLASSES)}
        return QTable({'id': np.arange(len(p)), **columns, 'classes_90': np.full(len(p), '1|2')})


def make_images(n):
    """Return noise as stamps."""
    data = np.random.default_rng(3).uniform(0, 1, (n, 5, 50, 50))
    meta = {'filters': FILTERS, 'pixel_scale': 0.04 * u.arcsec}
    return NDData(data, unit='electron / s', meta=meta)


def test_what_a_network_is_shown(found, monkeypatch):
    """All mocks, and one in four without each filter and as smaller stamps."""
    mocks = Mocks(images=make_images(10), truth=found.truth[:10], groups=found.groups[:10])
    monkeypatch.setattr(validation, 'draw_mocks', lambda n, folder: mocks)
    monkeypatch.setattr(validation, '_open', lambda variant: Network(found.part))
    validation._draw.cache_clear()
    context = BY_NAME['accuracy, released network'].prepare(None, n_mocks=10, folder='x')
    validation._draw.cache_clear()
    assert context.probabilities.shape == (10, 4)
    assert set(context.others) == {*FILTERS, '25 px'}
    for k, name in enumerate(FILTERS[:4]):
        assert context.others[name].shape == (3, 4)
        assert (context.others[name][:, k] < 1e-5).all()
    assert_allclose(context.others['F814W'], context.probabilities[:3])
    assert context.sets.tolist() == ['1|2'] * 10


def test_compared_sources(monkeypatch):
    """The number of mocks is that of all classes together."""
    monkeypatch.setattr(
        validation, 'compare_with_legus', lambda n, options, rng: (n, options.shape)
    )
    claim = BY_NAME['distance of CI, simulated from real, class 1']
    assert claim.prepare(None, n_mocks=1200, folder=None) == (300, (50, 50))


def test_changes_of_stamps(found):
    """A filter that is left out is NaN, and the middle is the middle."""
    images = make_images(2)
    without = leave_out(images, 'F438W')
    assert np.isnan(without.data[:, 2]).all()
    assert np.isfinite(without.data[:, [0, 1, 3, 4]]).all()
    assert np.isfinite(images.data).all()
    np.testing.assert_array_equal(cut_middle(images, 26).data, images.data[:, :, 12:38, 12:38])
    assert classify(Network(found.part), images)[1].tolist() == ['1|2'] * 2


@pytest.fixture
def fast(monkeypatch):
    """Make stamps of noise in the place of simulated galaxies."""
    drawn = []

    def simulate(parameters, options, rng):
        drawn.append(options)
        data = rng.uniform(size=(len(parameters), 5, *options.shape))
        return NDData(data), parameters

    monkeypatch.setattr(_mocks, 'simulate', simulate)
    return drawn


def test_mocks(fast, tmp_path):
    """Each chunk has galaxies of its own, which no training has; they are kept."""
    mocks = draw_mocks(600, folder=tmp_path, n_workers=1)
    assert mocks.images.data.shape == (600, 5, 50, 50)
    assert mocks.images.data.dtype == np.float32
    assert {options.galaxies for options in fast} == {(FIRST_GALAXY, 4), (FIRST_GALAXY + 4, 4)}
    first, second = mocks.groups[:512], mocks.groups[512:]
    assert not set(first.tolist()) & set(second.tolist())
    assert mocks.groups.min() >= FIRST_GALAXY
    counts = [(mocks.truth == label).sum() for label in CLASSES]
    assert min(counts) > 110
    again = draw_mocks(600, folder=tmp_path, n_workers=1)
    np.testing.assert_array_equal(again.images.data, mocks.images.data)
    assert len(fast) == 2


@pytest.mark.slow
def test_real_mocks():
    """Mocks of the family itself are stamps of all classes."""
    mocks = draw_mocks(40, n_workers=1, options=replace(OPTIONS, stamps_per_galaxy=512))
    assert np.isfinite(mocks.images.data).all()
    assert set(mocks.truth.tolist()) == set(CLASSES)


def write_catalogue(folder, rows, names=(*COLUMNS, 'galaxy', 'class')):
    """Write a catalogue as in the folder of the data."""
    path = folder / 'catalogs' / 'legus_labelled.csv.xz'
    path.parent.mkdir()
    lines = [','.join(names), *(','.join(map(str, row)) for row in rows)]
    with lzma.open(path, 'wt', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\n')
    return folder


def test_candidates(tmp_path):
    """Magnitudes become V, colours and CI; fields of one galaxy belong together."""
    rows = [
        (20, 21, 22.5, 23, 22, 1.5, 'ngc628-c', 1),
        (66.666, 21, 22, 23, 22, 1.4, 'ngc628-e', 4),
    ]
    rows.append((20, 21, 22, 23, 99.999, 1.3, 'eso486-g021', 2))
    candidates = read_candidates(write_catalogue(tmp_path, rows))
    assert_allclose(candidates.features[0], [23, -1, -1.5, -0.5, 1, 1.5])
    assert np.isnan(candidates.features[1]).tolist() == [False, True, False, False, False, False]
    assert np.isnan(candidates.features[2]).tolist() == [False, False, False, False, True, False]
    assert candidates.groups.tolist() == ['ngc628', 'ngc628', 'eso486-g021']
    assert candidates.truth.tolist() == ['1', '4', '2']


def test_wrong_candidates(tmp_path):
    """A file that is not there, or has other columns or classes, is told."""
    with pytest.raises(DataFileError, match="data must be a folder with the file 'catalogs/legus"):
        read_candidates(tmp_path)
    with pytest.raises(DataFileError, match='data must be a folder'):
        read_candidates(None)
    (tmp_path / 'a').mkdir()
    folder = write_catalogue(tmp_path / 'a', [(1,)], names=('galaxy',))
    with pytest.raises(DataFileError, match=r"with the columns \['ci', 'class', 'm275'"):
        read_candidates(folder)
    (tmp_path / 'b').mkdir()
    folder = write_catalogue(tmp_path / 'b', [(20, 21, 22, 23, 22, 1.5, 'ngc628-c', 7)])
    with pytest.raises(DataFileError, match=r"must have classes of .* got \['7'\]"):
        read_candidates(folder)


@pytest.mark.slow
def test_photometric_classes(tmp_path):
    """Classes that differ in CI are told apart in galaxies that were not learnt from."""
    pytest.importorskip('sklearn')
    rng = np.random.default_rng(5)
    rows = []
    for k in range(600):
        label = 1 + k % 4
        magnitudes = rng.normal(22, 1, 5).round(3).tolist()
        ci = round(1.2 + 0.2 * label + rng.normal(0, 0.02), 3)
        rows.append((*magnitudes, ci, f'ngc{k % 7}-{"ce"[k % 2]}', label))
    candidates = read_candidates(write_catalogue(tmp_path, rows))
    p = sort_by_photometry(candidates, balanced=True)
    assert_allclose(p.sum(axis=1), 1)
    right = np.array(CLASSES)[p.argmax(axis=1)] == candidates.truth
    assert right.mean() > 0.95
    galaxies = np.unique(candidates.groups, return_inverse=True)[1]
    # labels that differ from galaxy to galaxy cannot be learnt from others
    told = replace(candidates, truth=np.array(CLASSES)[(galaxies * 3) % 4],
                   features=galaxies[:, np.newaxis] + np.zeros((1, 6)))  # fmt: skip
    p = sort_by_photometry(told, balanced=False)
    assert (np.array(CLASSES)[p.argmax(axis=1)] == told.truth).mean() < 0.6


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason='STARCNN_DATA_DIR is not set')
def test_real_candidates():
    """The catalogue has four classes, and magnitudes alone are poor at them."""
    pytest.importorskip('sklearn')
    candidates = read_candidates(Path(DATA))
    assert len(np.unique(candidates.groups)) > 25
    p = sort_by_photometry(candidates, balanced=False)
    found = Findings(truth=candidates.truth, groups=candidates.groups, probabilities=p)
    accuracy = BY_NAME['accuracy, magnitudes alone, as they are'].measure(found)
    assert 45 < accuracy.value < 55


def test_figures(found, table):
    """All figures can be drawn."""
    pytest.importorskip('matplotlib')
    pytest.importorskip('sklearn')
    levels = np.linspace(0, 1, 5)
    item = {'levels': levels, 'quantiles': levels, 'simulated': levels, 'ks': 0.1}
    names = ('ci', 'm_v', 'nuv_u', 'u_b', 'b_v', 'v_i')
    comparison = {label: dict.fromkeys(names, item) for label in CLASSES}
    table = QTable(rows=[*make_table((60,), tested='galaxies'), *make_table((61,))] + [
        dict(zip(table.colnames, row, strict=True)) for row in table.iterrows()
    ])  # fmt: skip
    contexts = {
        validation._PREPARE_STAMPS: table,
        validation._PREPARE_M31: QTable(rows=make_table((90, 94), network='default')),
        validation._prepare_comparison: comparison,
    }
    figures = {}
    for claim in CLAIMS:
        if claim.figure is not None:
            assert claim.caption or 'curve' in claim.name
            figures[getattr(claim.figure, 'func', claim.figure)] = claim
    assert len(figures) == 10
    for claim in figures.values():
        assert claim.figure(contexts.get(claim.prepare, found)).axes
    first = BY_NAME['accuracy of class 1, 19 Mpc, vgg19_bn'].figure(table)
    titles = [axes.get_title() for axes in first.axes]
    assert titles == ['Wei et al. (2020), real stamps', 'here, vgg19_bn, simulated stamps']
