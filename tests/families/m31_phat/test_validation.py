# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat.validation, and of what it looks at.
"""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData, NDData
from astropy.table import QTable, Table
from astropy.tests.helper import assert_quantity_allclose

from starcnn.exceptions import DataFileError
from starcnn.families.m31_phat import _bars as bars
from starcnn.families.m31_phat import _figures, _frame, _mocks, validation
from starcnn.families.m31_phat._findings import (
    NAMES,
    Findings,
    find,
    from_axes,
    take_band,
    to_axes,
    turn,
)
from starcnn.families.m31_phat._measures import _growth, _ratio, _worst_bias
from starcnn.families.m31_phat._mocks import OPTIONS, UNITS, draw_mocks, make_jobs
from starcnn.families.m31_phat.simulator import node_grid
from starcnn.families.m31_phat.spec import LOG_AGE_TEST, LOG_MASS_TEST, PAPER, R_H_TEST
from starcnn.families.m31_phat.validation import CLAIMS
from starcnn.networks import Posterior
from starcnn.validation import run_claims

BY_NAME = {claim.name: claim for claim in CLAIMS}
N, N_OTHERS = 4000, 1000
WIDTHS = {'age': 0.1, 'mass': 0.15, 'r_h': 0.05}
DATA = os.environ.get('STARCNN_DATA_DIR')


def draw_truth(n, rng):
    """
    Return true parameters of the test clusters.
    """
    return QTable(
        {
            'age': 10 ** rng.uniform(*LOG_AGE_TEST, n) * u.yr,
            'mass': 10 ** rng.uniform(*LOG_MASS_TEST, n) * u.solMass,
            'r_h': rng.choice(R_H_TEST, n) * u.arcsec,
        }
    )


def add_errors(truth, rng, *, factor=1.0):
    """
    Return what a network finds that is right: normal errors of known widths.
    """
    found = Table()
    for name, width in WIDTHS.items():
        found[name] = truth[name] + factor * width * rng.normal(size=len(truth))
        found[f'pit_{name}'] = rng.uniform(size=len(truth))
    return found


@pytest.fixture(scope='module')
def tested():
    """What a network says that is right, and worse of other images."""
    rng = np.random.default_rng(1)
    truth = to_axes(draw_truth(N, rng))
    found = {'all': add_errors(truth, rng), 'F475W': add_errors(truth, rng, factor=2)}
    for name in ('wider', 'shifted', 'turned'):
        found[name] = found['all'][:N_OTHERS].copy()
    for name in NAMES:
        found['wider'][name] = 1.2 * found['wider'][name] - 0.2 * truth[name][:N_OTHERS]
    found['shifted']['r_h'] += 0.5 * WIDTHS['r_h']
    return Findings(truth=truth, found=found, groups=np.arange(N) // 2)


def test_numbers_of_the_paper_and_bars():
    """The rows of the paper, and the bars of both networks, on both kinds of three filters."""
    for kind in ('simulated', 'semi-real'):
        for text, paper, bar, own in (
            ('log age', 0.1, 0.12, 0.09),
            ('log mass, lowest masses', 0.15, 0.16, 0.12),
            ('log mass, highest masses', 0.05, 0.06, 0.045),
        ):
            for variant, expected in (('paper', bar), ('default', own)):
                claim = BY_NAME[f'scatter of {text}, {kind}, {variant}']
                assert (claim.paper, claim.bar, claim.better) == (paper, expected, 'lower')
        for variant, expected in (('paper', 0.05), ('default', 0.03)):
            claim = BY_NAME[f'largest shift of log size in a bin, {kind}, {variant}']
            assert claim.bar == expected
        assert BY_NAME[f'coverage, 68 % of log mass, {kind}, default'].bar == (0.66, 0.70)
        assert BY_NAME[f'coverage, 95 % of log age, {kind}, default'].bar == (0.93, 0.97)
        assert BY_NAME[f'coverage, 95 % of log age, {kind}, paper'].bar is None
    for text in ('PSF as wide as in a corner', 'shifts by one pixel', 'turns'):
        assert BY_NAME[f'growth of the scatter, {text}, default'].bar == 1.03
        assert BY_NAME[f'growth of the scatter, {text}, paper'].bar is None
    ratio = BY_NAME['scatter at log mass 2.4 over that at 3.6, log size and log age, paper']
    assert (ratio.paper, ratio.bar, ratio.n_mocks) == (3, None, 5400)
    assert {claim.bar for name, claim in BY_NAME.items() if ', real, ' in name} == {None}


def test_names_and_contexts():
    """One name, one claim; the source says what the background is; few contexts."""
    assert len(BY_NAME) == len(CLAIMS)
    assert len({claim.prepare for claim in CLAIMS}) == 7
    kinds = ('on simulated fields', 'on a semi-real frame', 'on a real frame', 'a real cluster')
    for claim in CLAIMS:
        assert sum(kind in claim.source for kind in kinds) == 1


def test_bins():
    """The bins of Fig. 8: ages of 0.5 dex, masses of 0.3 dex, and each radius in one of its own."""
    np.testing.assert_allclose(bars.BINS['age'], np.arange(6.75, 9.3, 0.5))
    np.testing.assert_allclose(bars.BINS['mass'], np.arange(2.25, 3.8, 0.3))
    numbers = np.digitize(np.log10(R_H_TEST), bars.BINS['r_h']) - 1
    np.testing.assert_array_equal(numbers, np.arange(5))
    assert bars.BINS['age'][-1] > 9.25
    np.testing.assert_allclose([bars.LOWEST, bars.HIGHEST], [(2.25, 2.55), (3.45, 3.75)])


def test_scatter(tested):
    """Standard deviations, overall and in bins of mass; outliers do not weigh on the robust one."""
    for name, text in (('age', 'log age'), ('mass', 'log mass'), ('r_h', 'log size')):
        for robust in ('', 'robust '):
            measured = BY_NAME[f'{robust}scatter of {text}, simulated, paper'].measure(tested)
            assert measured.value == pytest.approx(WIDTHS[name], rel=0.06)
            assert 0 < measured.error < 0.05 * WIDTHS[name]
        alone = BY_NAME[f'scatter of {text}, simulated, F475W alone, default'].measure(tested)
        assert alone.value == pytest.approx(2 * WIDTHS[name], rel=0.06)
    found = tested.found['all'].copy()
    is_low = np.asarray(tested.truth['mass']) < 2.55
    found['mass'] = np.where(is_low, tested.truth['mass'] + 3 * WIDTHS['mass'], found['mass'])
    found['mass'][is_low] += np.where(np.arange(is_low.sum()) % 2, 0.4, -0.4)
    context = replace(tested, found={'all': found})
    low, high = (
        BY_NAME[f'scatter of log mass, {part} masses, simulated, paper'].measure(context)
        for part in ('lowest', 'highest')
    )
    assert low.value == pytest.approx(0.4, abs=1e-3)  # without the shift
    assert high.value == pytest.approx(WIDTHS['mass'], rel=0.1)
    assert low.n_sources == is_low.sum()


def test_bias(tested):
    """A shift in one bin of any parameter is found; at the edges only if asked."""
    inner, every = (
        BY_NAME[f'largest shift of log size in a bin{text}, simulated, default']
        for text in ('', ', edges too')
    )
    assert inner.measure(tested).value < 0.01
    assert every.bar is None
    for where, is_seen in (((7.25, 7.75), True), ((8.75, 9.25), False)):
        found = tested.found['all'].copy()
        age = np.asarray(tested.truth['age'])
        found['r_h'][(age >= where[0]) & (age < where[1])] -= 0.2
        context = replace(tested, found={'all': found})
        assert every.measure(context).value == pytest.approx(0.2, abs=0.02)
        value = inner.measure(context).value
        assert (abs(value - 0.2) < 0.02) == is_seen


def test_bins_with_few_clusters_say_nothing():
    """Shifts of single clusters are not those of bins."""
    truth = np.array([[8.0, 3.0, -0.4]] * 5)
    assert np.isnan(_worst_bias(1, truth, np.ones(5)))


def test_coverage(tested):
    """Uniform probabilities are covered; ones that are too sure are not."""
    for level in (68, 95):
        claim = BY_NAME[f'coverage, {level} % of log age, simulated, default']
        assert claim.measure(tested).value == pytest.approx(level / 100, abs=0.02)
    found = tested.found['all'].copy()
    found['pit_age'] = np.where(np.arange(N) % 2, 0.001, 0.5)
    measured = claim.measure(replace(tested, found={'all': found}))
    assert measured.value == pytest.approx(0.5)
    assert claim.judge(measured.value) == 'fail'


def test_growth_and_change(tested):
    """Errors 1.2 times as large, and estimates half of their scatter off, are found so."""
    names = ('PSF as wide as in a corner', 'shifts by one pixel', 'turns')
    growths = [BY_NAME[f'growth of the scatter, {name}, default'] for name in names]
    values = [claim.measure(tested).value for claim in growths]
    np.testing.assert_allclose(values, [1.2, 1, 1], rtol=1e-9)
    assert [claim.judge(x) for claim, x in zip(growths, values, strict=True)] == [
        'fail',
        'pass',
        'pass',
    ]
    text = 'change of the estimates in parts of the scatter'
    values = [BY_NAME[f'{text}, {name}, default'].measure(tested).value for name in names]
    np.testing.assert_allclose(values[1:], [0.5, 0], atol=0.02)
    assert values[0] < 0.02
    errors = np.random.default_rng(2).normal(size=(100, 3))
    assert _growth(np.zeros((100, 3)), errors, errors * [1, 1, 2]) == pytest.approx(2)


def test_corner_needs_files(tested):
    """Without files of point spread functions, what needs them is not run."""
    with pytest.raises(DataFileError, match='data must be a folder with STDPSF files'):
        BY_NAME['growth of the scatter, PSF of a corner, paper'].measure(tested)


def test_ratio():
    """Ellipses of low mass that are three times as long and wide are three times as large."""
    rng = np.random.default_rng(3)
    nodes = to_axes(node_grid(100, rng=1))
    truth = np.column_stack([nodes[name] for name in NAMES])
    size = np.where(np.isclose(truth[:, 1], 2.4), 0.3, 0.1)
    middle = np.isclose(truth[:, 1], 3.0)
    found = truth[:, 1:] + size[:, None] * rng.normal(size=(len(truth), 2)) * [2, 0.5]
    found[middle] *= 10  # has no part in it
    assert _ratio(truth, found) == pytest.approx(3, rel=0.05)
    few = (
        np.isclose(truth[:, 0], 7) & np.isclose(truth[:, 2], 0) & (np.arange(len(truth)) % 100 > 1)
    )
    assert _ratio(truth[~few], found[~few]) == pytest.approx(3, rel=0.05)
    context = Findings(
        truth=nodes,
        found={'all': Table({'mass': found[:, 0], 'r_h': found[:, 1]})},
        groups=np.arange(len(truth)),
    )
    name = 'scatter at log mass 2.4 over that at 3.6, log mass and log size, default'
    measured = BY_NAME[name].measure(context)
    assert measured.value == pytest.approx(3, rel=0.05)
    assert 0 < measured.error < 0.2


def test_cluster():
    """The estimate of the real cluster, with half of its interval as error."""
    row = QTable({'age': [1e8] * u.yr, 'age_16': [5e7] * u.yr, 'age_84': [2e8] * u.yr})
    context = SimpleNamespace(cluster=row)
    measured = BY_NAME['log age of AP 3433, default'].measure(context)
    assert measured.value == pytest.approx(8)
    assert measured.error == pytest.approx(np.log10(2))
    assert BY_NAME['log mass of AP 3433, default'].paper == 2.79


def test_without_weights(monkeypatch):
    """Without a network, its claims are not run, and the note says how to make it."""
    monkeypatch.setattr(validation, 'BACKEND', SimpleNamespace(weights=()))
    table = run_claims(CLAIMS)
    assert set(table['status']) == {'not run'}
    assert all('starcnn train m31_phat --variant' in note for note in table['note'])
    with pytest.raises(DataFileError, match="weights of 'm31_phat' must have a network 'paper'"):
        validation._open('paper')


class Estimator:
    """
    A network that knows the truth to normal errors, of images whose pixels are row numbers.
    """

    def __init__(self, truth, rng):
        self.axes, self.rng = to_axes(truth), rng

    def posterior(self, images):
        """Return normal distributions around the truth, each centre shifted by its width."""
        rows = images.data[:, 0, 0, 0].astype(int)
        outputs = {}
        for parameter in PAPER.outputs:
            width = WIDTHS[parameter.name]
            centre = np.asarray(self.axes[parameter.name])[rows]
            centre = centre + width * self.rng.normal(size=len(rows))
            outputs[parameter.name] = np.column_stack([centre, np.full(len(rows), width)])
        return Posterior.from_outputs(outputs, PAPER)

    def predict(self, images):
        """Return a table with one row."""
        assert images.data.shape == (1, 1, 80, 80)
        return QTable({'age': [1e8] * u.yr})


def number_images(n, *, shape=(4, 4)):
    """
    Return images whose pixels are their numbers, in the filters of the family.
    """
    data = np.ones((n, 3, *shape)) * np.arange(n)[:, None, None, None]
    return NDData(data, unit='electron / s', meta={'filters': OPTIONS.filters})


def test_find():
    """Medians are near the truth, on the axes, and the truth is everywhere in the distributions."""
    rng = np.random.default_rng(4)
    truth = draw_truth(1200, rng)  # more than are looked at together
    found = find(Estimator(truth, rng), number_images(1200), truth)
    axes = to_axes(truth)
    for name, width in WIDTHS.items():
        error = np.asarray(found[name] - axes[name])
        assert error.std() == pytest.approx(width, rel=0.1)
        assert 0.64 < np.mean(np.abs(found[f'pit_{name}'] - 0.5) < 0.34) < 0.72
    assert 'pit_age' not in find(Estimator(truth, rng), number_images(5)).colnames


def test_axes():
    """Logarithms of quantities in the units of the spec, and back."""
    table = QTable({'age': [0.1] * u.Gyr, 'mass': [1e3] * u.solMass, 'r_h': [100] * u.mas})
    axes = to_axes(table)
    np.testing.assert_allclose([axes[name][0] for name in NAMES], [8, 3, -1])
    for name in NAMES:
        assert_quantity_allclose(from_axes(axes)[name], table[name])


def test_take_band_and_turn():
    """One filter is taken; images are turned one after another, the originals kept."""
    images = NDData(np.arange(4 * 3 * 4.0).reshape(4, 3, 2, 2), meta={'filters': ('A', 'B', 'C')})
    part = take_band(images, 'B')
    assert part.meta['filters'] == ('B',)
    np.testing.assert_array_equal(part.data[:, 0], images.data[:, 1])
    turned = turn(images)
    for k, turns in enumerate((1, 2, 3, 1)):
        np.testing.assert_array_equal(turned.data[k, 2], np.rot90(images.data[k, 2], turns))


def make_mocks(n, **options):
    """
    Return mocks whose pixels are their numbers.
    """
    truth = draw_truth(n, np.random.default_rng(5))
    images = number_images(n)
    others = {}
    if options.get('has_others'):
        names = ('wider', 'shifted', *(('corner',) if options['stdpsfs'] else ()))
        others = {name: number_images(n // 4) for name in names}
    return _mocks.Mocks(images=images, truth=truth, groups=np.arange(n), others=others)


@pytest.mark.parametrize(
    ('claim', 'seen', 'options'),
    [
        ('scatter of log age, simulated, paper', {'turned'}, {'has_others': True}),
        ('scatter of log age, simulated, default', {'F475W', 'turned'}, {'has_others': True}),
        ('scatter of log age, semi-real, default', set(), {'frame': 'made'}),
        ('scatter of log age, real, default', set(), {'frame': 'made'}),
        (
            'scatter at log mass 2.4 over that at 3.6, log mass and log size, paper',
            set(),
            {'nodes': True},
        ),
    ],
)
def test_contexts(claim, seen, options, monkeypatch):
    """Each context shows the network what its claims are about."""
    calls, bands = [], []

    def draw(n, *, folder, **given):
        """Return mocks, and keep what was asked for."""
        calls.append(given)
        return make_mocks(n, **given)

    def look(self, images):
        """Return distributions, and keep the filters."""
        bands.append(images.meta['filters'])
        return original(self, images)

    original = Estimator.posterior
    monkeypatch.setattr(Estimator, 'posterior', look)
    monkeypatch.setattr(validation, 'draw_mocks', draw)
    monkeypatch.setattr(validation, 'find_stdpsfs', lambda data: ('file',))
    monkeypatch.setattr(validation, 'make_mosaics', lambda data, folder: 'made')
    monkeypatch.setattr(
        validation, 'cut_cluster', lambda data, number: NDData(np.zeros((1, 1, 80, 80)))
    )
    truth = make_mocks(40).truth
    monkeypatch.setattr(
        validation, '_open', lambda variant: Estimator(truth, np.random.default_rng(6))
    )
    for kept in (validation._draw, validation._make_frame):
        kept.cache_clear()
    context = BY_NAME[claim].prepare(Path('data'), n_mocks=40, folder='folder')
    for kept in (validation._draw, validation._make_frame):
        kept.cache_clear()
    others = {'wider', 'shifted', 'corner'} if 'has_others' in options else set()
    assert set(context.found) == {'all', *seen, *others}
    assert calls[0].items() >= options.items()
    assert (context.cluster is not None) == ('real, default' in claim and 'semi' not in claim)
    if context.cluster is not None:
        assert set(bands) == {('F475W',)}
    assert len(context.found['all']) == len(context.truth) == 40
    for name in others:
        assert len(context.found[name]) == 10


def test_too_few_mocks():
    """Mocks on one simulated frame have no errors, which is said before they are drawn."""
    least = validation._LEAST_MOCKS
    assert least == 1 + 6**2  # images of 80 pixels in frames of 512 pixels
    match = f'n_mocks must be at least {least}, to be on two frames, got {least - 1}'
    with pytest.raises(ValueError, match=match):
        validation._draw(least - 1, None)


@pytest.fixture
def fields(monkeypatch):
    """Level fields instead of simulated ones, which tell their numbers."""

    class Setup(_mocks.Setup):
        """A setup with fast fields."""

        def draw_backgrounds(self, n, rng):
            """Return level fields and densities."""
            return np.full((n, 3, 80, 80), 0.01), rng.uniform(1, 2, n)

    setup = Setup(OPTIONS)
    for module in (_mocks, _figures):
        monkeypatch.setattr(module, 'get_setup', lambda options: setup)


@pytest.mark.usefixtures('fields')
def test_draw_mocks(tmp_path):
    """The clusters of section 5.1, the first of them in other ways, too."""
    mocks = draw_mocks(5, has_others=True, folder=tmp_path, n_workers=1)
    assert mocks.images.data.shape == (5, 3, 80, 80)
    assert mocks.images.data.dtype == np.float32
    assert set(mocks.truth.colnames) == set(UNITS) == set(NAMES)
    assert set(mocks.others) == {'wider', 'shifted'}
    assert mocks.images.meta['filters'] == ('F336W', 'F475W', 'F814W')
    assert np.isin(mocks.truth['r_h'].to_value(u.arcsec), R_H_TEST).all()
    low, high = 10 ** np.array(LOG_MASS_TEST)
    assert ((mocks.truth['mass'].value >= low) & (mocks.truth['mass'].value <= high)).all()
    again = draw_mocks(5, has_others=True, folder=tmp_path, n_workers=1)
    np.testing.assert_array_equal(again.images.data, mocks.images.data)
    assert len(list(tmp_path.iterdir())) == 1
    some = mocks.take(2)
    np.testing.assert_array_equal(some.images.data, mocks.images.data[[0, 2, 4]])
    np.testing.assert_array_equal(some.truth['mass'], mocks.truth['mass'][[0, 2, 4]])
    np.testing.assert_array_equal(some.groups, mocks.groups[[0, 2, 4]])
    shifted = mocks.others['shifted'].data
    np.testing.assert_array_equal(some.others['shifted'].data, shifted[::2])


def test_networks_see_few_enough():
    """The slow network of the paper sees a thousand at most, and its claims say so."""
    mocks = make_mocks(2500)
    assert len(validation._take('paper', mocks).truth) == 834
    assert len(validation._take('paper', make_mocks(40)).truth) == 40
    assert len(validation._take('default', mocks).truth) == 2500
    for claim in CLAIMS:
        assert ('1,000 clusters' in claim.source) == claim.name.endswith(', paper')


@pytest.mark.usefixtures('fields')
def test_other_images():
    """Wider functions keep the light and lower the peak; shifted clusters are one pixel off."""
    job = replace(make_jobs(4, has_others=True)[0], options=OPTIONS)
    truth = node_grid(1, log_age=[8], log_mass=[3.7], log_r_h=[-0.8] * 4, options=OPTIONS, rng=1)
    setup = _mocks.get_setup(OPTIONS)
    clusters = _mocks.make_clusters(truth, setup).images
    wider = _mocks._see(truth, 'wider', job)
    np.testing.assert_allclose(wider.sum(axis=(2, 3)), clusters.sum(axis=(2, 3)), rtol=0.02)
    assert (wider.max(axis=(2, 3)) < 0.95 * clusters.max(axis=(2, 3))).all()
    shifted = _mocks._shift(clusters)
    for k, (dy, dx) in enumerate(((0, 1), (0, -1), (1, 0), (-1, 0))):
        np.testing.assert_array_equal(
            shifted[k, :, 10:70, 10:70],
            np.roll(clusters[k], (dy, dx), axis=(1, 2))[:, 10:70, 10:70],
        )


def test_jobs():
    """Chunks of a larger number begin like those of a smaller; the first ones have other images."""
    few, many = make_jobs(250, has_others=True), make_jobs(1000, has_others=True)
    assert few[0] == many[0]
    assert [job.n for job in few] == [100, 100, 50]
    assert sum(job.n for job in many) == 1000
    assert [bool(job.others) for job in many] == [True] * 3 + [False] * 7
    with_files = make_jobs(4, stdpsfs=['a', 'b', 'c'], has_others=True)
    assert with_files[0].others == ('wider', 'corner', 'shifted')
    assert {job.seed for job in few} & {job.seed for job in _mocks._make_node_jobs(270)} == set()
    nodes = _mocks._make_node_jobs(5400)
    assert sum(job.n for job in nodes) == 5400
    assert {job.n for job in nodes} == {100}


@pytest.mark.usefixtures('fields')
def test_nodes(monkeypatch):
    """Each node has as many clusters, all of the grid, in whatever chunks."""
    monkeypatch.setattr(_mocks, '_CHUNK', 20)
    mocks = draw_mocks(54, nodes=True, n_workers=1)
    axes = to_axes(mocks.truth)
    x = np.column_stack([np.round(axes[name], 6) for name in NAMES])
    nodes, counts = np.unique(x, axis=0, return_counts=True)
    assert len(nodes) == 27
    assert (counts == 2).all()
    assert set(nodes[:, 1]) == {2.4, 3.0, 3.6}
    assert len(np.unique(mocks.images.data[:, 0].sum(axis=(1, 2)))) == 54


@pytest.fixture
def mosaics(tmp_path):
    """Mosaics whose pixels are their numbers, in a folder as `make_mosaics` leaves them."""
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ['RA---TAN', 'DEC--TAN']
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (11.1, 41.6), (300, 450), (-1.39e-5, 1.39e-5)
    data = np.arange(900 * 600, dtype=np.float32).reshape(900, 600)
    for name in OPTIONS.filters:
        CCDData(data, unit='electron / s', wcs=wcs).write(tmp_path / f'{name}.fits')
    QTable({'ra': [11.1] * u.deg, 'dec': [41.6] * u.deg}).write(tmp_path / 'clusters.ecsv')
    return tmp_path


def test_draw_patches(mosaics):
    """Patches are of the test blocks, turned and mirrored, and away from catalogued clusters."""
    rng = np.random.default_rng(7)
    patches, groups = _frame.draw_patches(mosaics, 300, (80, 80), rng)
    assert patches.shape == (300, 3, 80, 80)
    np.testing.assert_array_equal(patches[:, 0], patches[:, 2])
    rows, columns = np.divmod(patches[:, 0].astype(int), 600)
    assert len(np.unique(groups)) == 5
    for group in np.unique(groups):
        here = groups == group
        assert len(np.unique(rows[here] // 150)) == 1
        assert len(np.unique(columns[here] // 150)) == 1
    assert np.hypot(rows - 449, columns - 299).min() > 29  # 1.5 arcsec
    steps = rows[:, 1, 0] - rows[:, 0, 0], columns[:, 1, 0] - columns[:, 0, 0]
    seen = {
        (int(a), int(b), int(c))
        for a, b, c in zip(
            *steps,
            np.sign(rows[:, 0, 1] - rows[:, 0, 0] + 2 * (columns[:, 0, 1] - columns[:, 0, 0])),
            strict=True,
        )
    }
    assert len(seen) == 8


@pytest.mark.parametrize('data', [None, Path('nowhere')])
def test_frame_needs_data(data, tmp_path):
    """Without the folder of data an error says which file it must have."""
    for function in (
        lambda: _frame.make_mosaics(data, tmp_path),
        lambda: _frame.cut_cluster(data, 3433),
    ):
        with pytest.raises(DataFileError, match='data must be a folder with'):
            function()
    assert _frame.find_stdpsfs(data) == ()


def test_find_stdpsfs(tmp_path):
    """Files of all filters, or none."""
    folder = tmp_path / 'psf'
    folder.mkdir()
    names = ('STDPSF_WFC3UV_F336W.fits', 'STDPSF_ACSWFC_F475W_SM4.fits', 'STDPSF_ACSWFC_F814W.fits')
    for k, name in enumerate(names):
        assert _frame.find_stdpsfs(tmp_path) == ()
        (folder / name).touch()
        assert k < 2 or _frame.find_stdpsfs(tmp_path) == tuple(str(folder / x) for x in names)


@pytest.mark.usefixtures('fields')
def test_figures(tested):
    """The figures of the paper can be drawn, with the panels they should have."""
    pytest.importorskip('matplotlib')
    context = replace(
        tested, truth=tested.truth[:N_OTHERS], found={'all': tested.found['all'][:N_OTHERS]}
    )
    figure = BY_NAME['scatter of log age, simulated, default'].figure(context)
    assert len(figure.axes) == 9
    nodes = to_axes(node_grid(5, rng=1))
    found = add_errors(nodes, np.random.default_rng(8))
    context = Findings(truth=nodes, found={'all': found}, groups=None)
    for plane, labels in (
        ('log mass and log size', ('mass', 'r_')),
        ('log size and log age', ('r_', 'age')),
        ('log age and log mass', ('age', 'mass')),
    ):
        name = f'scatter at log mass 2.4 over that at 3.6, {plane}, paper'
        figure = BY_NAME[name].figure(context)
        assert len(figure.axes) == 3
        assert labels[0] in figure.axes[0].get_xlabel()
        assert labels[1] in figure.axes[0].get_ylabel()


@pytest.mark.slow
@pytest.mark.usefixtures('fields')
def test_figure_of_clusters(tested):
    """Fig. 7 has four ages, on a level field here."""
    pytest.importorskip('matplotlib')
    name = 'scatter of log mass, lowest masses, simulated, default'
    figure = BY_NAME[name].figure(replace(tested, found={}))
    assert len(figure.axes) == 4


@pytest.mark.slow
def test_drawn_mocks():
    """Mocks of the family itself, of both kinds, are finite and noisy; few share a frame."""
    mocks = draw_mocks(3, has_others=True, n_workers=1)
    for stack in (mocks.images, *mocks.others.values()):
        assert np.isfinite(stack.data).all()
        assert (stack.data.std(axis=(2, 3)) > 0).all()
    for other in mocks.others.values():
        assert (other.data != mocks.images.data).any()


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason='STARCNN_DATA_DIR is not set')
def test_real_frame(tmp_path):
    """The real filter of the mosaics is the frame; its cluster is in the middle of its image."""
    path = _frame.make_mosaics(Path(DATA), tmp_path)
    mosaics = {name: CCDData.read(path / f'{name}.fits') for name in OPTIONS.filters}
    kinds = [mosaic.meta.get('BACKGRND', 'real') for mosaic in mosaics.values()]
    assert kinds == ['semi-real', 'real', 'semi-real']
    cutout = _frame.cut_cluster(Path(DATA), 3433)
    x, y = (round(cutout.meta['sources'][name][0].value) for name in 'xy')
    assert (x, y) == (89, 698)
    around = mosaics['F475W'].data[658:738, 50:130]
    np.testing.assert_allclose(cutout.data[0, 0], around, rtol=1e-5)
    patches, _ = _frame.draw_patches(path, 50, (80, 80), np.random.default_rng(1))
    assert np.isfinite(patches).all()
    assert _frame.make_mosaics(Path(DATA), tmp_path) == path
