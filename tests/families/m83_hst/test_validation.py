# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.validation, and of what it looks at.
"""

from dataclasses import replace
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable, Table
from astropy.tests.helper import assert_quantity_allclose

from starcnn.exceptions import DataFileError
from starcnn.families.m83_hst import _figures, _mocks, validation
from starcnn.families.m83_hst._bars import CROWDED
from starcnn.families.m83_hst._findings import NAMES, Findings, find, from_axes, take_bands, to_axes
from starcnn.families.m83_hst._mocks import OPTIONS, UNITS, draw_mocks
from starcnn.families.m83_hst._stochastic import draw_cases
from starcnn.families.m83_hst.spec import DEFAULT
from starcnn.families.m83_hst.validation import CLAIMS
from starcnn.images import SimulatedBackgrounds
from starcnn.networks import Posterior
from starcnn.validation import error_bound, run_claims

BY_NAME = {claim.name: claim for claim in CLAIMS}
N = 2000
WIDTHS = {'age': 0.2, 'a_v': 0.3, 'mass': 0.1, 'r_h': 0.05}
GAUSSIAN_95 = 1.96  # two-sided bound of a normal distribution, in standard deviations
STEP = 2  # one in so many clusters is tried in some of the bands
SETS = 6  # of one or two of three bands


def draw_truth(n, rng):
    """
    Return true parameters, even in the ranges of the family.
    """
    truth = QTable()
    for parameter in DEFAULT.parameters:
        x = rng.uniform(*parameter.bounds, n)
        truth[parameter.name] = (10**x if parameter.log else x) << u.Unit(parameter.unit)
    return truth


def draw_subset(found, rng, *, bad=()):
    """
    Return what is found in some bands: errors 1.3 and intervals 1.5 times as large, of right shape.

    Intervals of the bad parameters are too narrow: 68 % of them hold 61.7 % of the truth.
    """
    part = found[::STEP]
    pit = (np.arange(len(part)) + 0.5) / len(part)
    for name in WIDTHS:
        part[f'width_{name}'] = 1.5 * part[f'width_{name}']
        part[f'pit_{name}'] = rng.permutation(pit)
        if name in bad:
            distance = 2 * part[f'pit_{name}'] - 1
            part[f'pit_{name}'] = (1 + np.sign(distance) * np.abs(distance) ** 0.8) / 2
    return part


@pytest.fixture(scope='module')
def tested():
    """What a network says that is right: normal errors of known widths."""
    rng = np.random.default_rng(1)
    truth = to_axes(draw_truth(N, rng), DEFAULT.parameters)
    found, scattered = Table(), Table()
    for name, width in WIDTHS.items():
        error = rng.normal(size=N)
        found[name] = truth[name] + width * error
        scattered[name] = truth[name] + 1.3 * width * error
        found[f'median_{name}'] = truth[name] + 2 * width * error
        found[f'unfold_{name}'] = truth[name] + 3 * width * error
        found[f'pit_{name}'] = rng.uniform(size=N)
        found[f'width_{name}'] = width * rng.lognormal(size=N)
        scattered[f'width_{name}'] = found[f'width_{name}']
    for table in (found, scattered):
        table['visibility'] = truth['visibility']
    is_faint = np.asarray(truth['visibility']) < np.log10(3)
    found['prob_cluster'] = np.where(is_faint, 0.1, 0.9)
    found['n_modes'] = np.where(np.arange(N) % 100 == 0, 2, 1)
    found['extent'] = np.where(np.arange(N) % 4 == 0, 0.06, 0.02)
    empty = Table({'prob_cluster': np.where(np.arange(N) < 0.03 * N, 0.7, 0.01)})
    empty['visibility'] = np.full(N, -1.0)
    return Findings(
        estimator=None,
        truth=truth,
        found=found,
        empty=empty,
        scattered=scattered,
        images=None,
        frames=np.arange(N) // 2,
        density=np.geomspace(1, 100, N) / u.arcsec**2,
        step=STEP,
        subsets={
            'F438W + F814W': draw_subset(scattered, rng),
            'F336W': draw_subset(scattered, rng, bad=('mass',)),
        },
    )


def test_numbers_of_the_paper_and_bars():
    """The rows of the paper, and the bars of both networks."""
    for text, paper, bar, own in (
        ('age', 0.9, 0.8, 0.5),
        ('A_V', 1.4, 1.3, 0.8),
        ('mass', 0.4, 0.35, 0.2),
        ('size', 0.2, 0.18, 0.1),
    ):
        for variant, expected in (('paper', bar), ('default', own)):
            claim = BY_NAME[f'95 % of {text} errors, {variant}']
            assert (claim.paper, claim.bar, claim.better) == (paper, expected, 'lower')
            second = {'paper': 'median', 'default': 'mean around the peak'}[variant]
            other = BY_NAME[f'{second}, {claim.name}']
            assert (other.paper, other.bar, other.better) == (paper, expected, 'lower')
            assert 'mean around the peak' in {'paper': claim, 'default': other}[variant].source
    for variant, called, empty in (('paper', 0.97, 0.95), ('default', 0.99, 0.98)):
        assert BY_NAME[f'visible clusters called clusters, {variant}'].bar == called
        assert BY_NAME[f'empty fields called empty, {variant}'].bar == empty
    growth = BY_NAME['growth of errors with 20 % calibration scatter, mean, default']
    assert (growth.paper, growth.bar) == (1.1, 1.1)
    assert BY_NAME['coverage, 68 % of mass, default'].bar == (0.66, 0.70)
    assert BY_NAME['coverage, 95 % of age, default'].bar == (0.93, 0.97)
    assert BY_NAME['coverage, worst bin of true age, 95 % of size, default'].bar == 0.05
    assert BY_NAME['coverage, 68 % of mass, paper'].bar is None
    for level in (68, 95):
        worst = BY_NAME[f'coverage, worst set of filters, {level} %, default']
        assert (worst.bar, worst.better) == (0.02, 'lower')


def test_names_are_unique_and_contexts_shared():
    """One name, one claim; the claims about a network start from one context."""
    assert len(BY_NAME) == len(CLAIMS)
    assert len({claim.prepare for claim in CLAIMS}) == 2
    assert sum('F438W + F814W' in name for name in BY_NAME) == 7
    assert sum(name.startswith('growth of 68 % intervals') for name in BY_NAME) == SETS
    assert not [name for name in BY_NAME if 'worst set' in name and 'paper' in name]


def test_bounds(tested):
    """Normal errors have 95 % of them within 1.96 standard deviations."""
    for text, name in (('age', 'age'), ('A_V', 'a_v'), ('mass', 'mass'), ('size', 'r_h')):
        measured = BY_NAME[f'95 % of {text} errors, default'].measure(tested)
        assert measured.value == pytest.approx(GAUSSIAN_95 * WIDTHS[name], rel=0.06)
        assert 0 < measured.error < 0.05 * WIDTHS[name] * GAUSSIAN_95
        assert measured.n_sources == N
    part = BY_NAME['95 % of mass errors, F438W + F814W, default'].measure(tested)
    whole = error_bound(tested.truth['mass'][::STEP], tested.found['mass'][::STEP])
    assert part.value == pytest.approx(1.3 * whole, rel=1e-9)
    assert part.n_sources == N // STEP


@pytest.mark.parametrize(
    ('text', 'variant', 'factor'),
    [('median', 'paper', 2), ('mean around the peak', 'default', 3)],
)
def test_other_points(tested, text, variant, factor):
    """The other point estimate of each network has claims of its own, after the first."""
    names = list(BY_NAME)
    for parameter in ('age', 'A_V', 'mass', 'size'):
        first = f'95 % of {parameter} errors, {variant}'
        second = f'{text}, {first}'
        assert names.index(second) > names.index(f'95 % of size errors, {variant}')
        values = [BY_NAME[name].measure(tested).value for name in (first, second)]
        assert values[1] == pytest.approx(factor * values[0], rel=1e-9)


def test_subsets(tested):
    """Wider intervals are seen, and the set of bands and the parameter whose intervals are bad."""
    subsets = {'F438W + F814W': 0.68, 'F336W': 0.68 - 0.0625 / 4}
    for subset, expected in subsets.items():
        wider = BY_NAME[f'growth of 68 % intervals, {subset}, default'].measure(tested)
        assert wider.value == pytest.approx(1.5, rel=1e-9)
        assert wider.n_sources == N // STEP
        covered = BY_NAME[f'coverage, 68 %, {subset}, default'].measure(tested)
        assert covered.value == pytest.approx(expected, abs=2e-3)
    for text, level, expected in (
        ('filters', 68, 0.68 - 0.68**1.25),
        ('filters', 95, 0.95 - 0.95**1.25),
        ('filters and parameter', 68, 0.68 - 0.68**1.25),
        ('filters and parameter', 95, 0.95 - 0.95**1.25),
    ):
        share = 1 if 'parameter' in text else 1 / len(WIDTHS)
        worst = BY_NAME[f'coverage, worst set of {text}, {level} %, default'].measure(tested)
        assert worst.value == pytest.approx(share * expected, abs=2e-3)
        assert worst.error > 0


def test_growth(tested):
    """Errors that are 1.3 times as large are found so, for each and on average."""
    for text in ('mean', 'age', 'A_V', 'mass', 'size'):
        claim = BY_NAME[f'growth of errors with 20 % calibration scatter, {text}, default']
        assert claim.measure(tested).value == pytest.approx(1.3, rel=1e-9)
    assert claim.judge(1.3) == 'none'
    mean = BY_NAME['growth of errors with 20 % calibration scatter, mean, default']
    assert mean.judge(1.3) == 'fail'


def test_classes(tested):
    """Only visible clusters count; 3 % of the fields are called clusters."""
    called = BY_NAME['visible clusters called clusters, default'].measure(tested)
    assert called.value == 1
    assert called.n_sources < N
    empty = BY_NAME['empty fields called empty, default'].measure(tested)
    assert empty.value == pytest.approx(0.97)


def test_shapes_and_crowding(tested):
    """Shares of bimodal and of extended single modes, and of crowded fields."""
    assert BY_NAME['share of bimodal distributions of age and A_V, paper'].measure(
        tested
    ).value == pytest.approx(0.01)
    # a hundredth is bimodal, all of which would be extended
    assert BY_NAME['share of extended distributions of age and A_V, paper'].measure(
        tested
    ).value == pytest.approx(0.24)
    for text, least in (('by number of stars', 3.3), ('by detection', 8)):
        crowded = BY_NAME[f'share of test fields as crowded as M31 {text}']
        assert crowded.measure(tested).value == pytest.approx(1 - np.log10(least) / 2, abs=0.001)
        assert (crowded.bar, crowded.n_mocks) == (0.5, 5000)


@pytest.mark.parametrize('least', CROWDED.values(), ids=CROWDED)
def test_test_fields_are_crowded_by_construction(least):
    """At least half of the fields, even in the logarithm, are as crowded as M31 or more."""
    low, high = np.log(OPTIONS.density)
    assert (high - np.log(least)) / (high - low) >= 0.5


def test_coverage(tested):
    """Uniform probabilities are covered, overall and in bins; a bad bin is seen."""
    for level in (68, 95):
        claim = BY_NAME[f'coverage, {level} % of age, default']
        measured = claim.measure(tested)
        assert measured.value == pytest.approx(level / 100, abs=0.03)
    worst = BY_NAME['coverage, worst bin of true age, 68 % of age, default']
    good = worst.measure(tested).value
    assert good < 0.09
    log_age = np.asarray(tested.truth['age'])
    is_bad = (log_age >= 9.1) & (log_age < 9.6)
    found = tested.found.copy()
    found['pit_age'][is_bad] = 0.001
    context = SimpleNamespace(truth=tested.truth, found=found, frames=tested.frames)
    assert worst.measure(context).value == pytest.approx(0.68, abs=1e-9)
    # the derived ages of those clusters spread over several bins
    by_derived = BY_NAME['coverage, worst bin of derived age, 68 % of age, default']
    assert 0.3 < by_derived.measure(context).value < 0.68


def test_without_weights(monkeypatch):
    """Without a network, its claims are not run, and the note says how to make it."""
    monkeypatch.setattr(validation, 'BACKEND', SimpleNamespace(weights=()))
    table = run_claims(CLAIMS)
    assert set(table['status']) == {'not run'}
    assert all('starcnn train m83_hst --variant' in note for note in table['note'])
    with pytest.raises(DataFileError, match="weights of 'm83_hst' must have a network 'paper'"):
        validation._open('paper')


def test_prepare(monkeypatch):
    """All clusters are looked at in all bands; one in two in each set of some of them."""
    n = 10
    bands = ('F336W', 'F438W', 'F814W')
    stack = NDData(np.arange(3.0 * n).reshape(n, 3, 1, 1), meta={'filters': bands})
    truth = draw_truth(n, np.random.default_rng(2))
    truth['density'] = np.arange(n) / u.arcsec**2
    mocks = SimpleNamespace(
        clusters=stack, scattered=stack, empty=stack, truth=truth, density=truth['density']
    )
    calls = []

    def look(estimator, images, truth=None, **given):
        calls.append((images, truth, given))
        return Table()

    monkeypatch.setattr(validation, '_open', lambda variant: variant)
    monkeypatch.setattr(validation, '_draw', lambda n_mocks, folder: mocks)
    monkeypatch.setattr(validation, 'find', look)
    context = BY_NAME['95 % of age errors, default'].prepare(None, n_mocks=n)
    assert len(context.subsets) == SETS
    assert len(calls) == 3 + SETS
    assert (calls[0][2]['point'], calls[0][2]['others']) == ('median', ['unfold'])
    for (images, true, given), subset in zip(calls[3:], context.subsets, strict=True):
        names = images.meta['filters']
        assert ' + '.join(names) == subset
        kept = [bands.index(name) for name in names]
        np.testing.assert_array_equal(images.data, stack.data[::STEP][:, kept])
        assert (true['age'] == truth['age'][::STEP]).all()
        assert given == {'point': 'median'}
    truth, _, frames = context.select('F336W')
    np.testing.assert_array_equal(frames, np.arange(0, n, STEP))
    assert len(truth) == n // STEP
    assert not BY_NAME['95 % of age errors, paper'].prepare(None, n_mocks=n).subsets


def test_too_few_mocks():
    """Mocks on one frame have no errors, which is said before they are drawn."""

    class Field:
        """Fields that tell their numbers."""

        filters = DEFAULT.inputs[0].filters
        n = 0

        def _draw(self, shape, rng):
            """Return an empty frame and its number."""
            self.n += 1
            return np.zeros((len(self.filters), *shape)), self.n

    def count(n):
        """Return how many frames so many mocks are on."""
        _, numbers = SimulatedBackgrounds(Field())._draw(n, OPTIONS.shape, None)
        return len(set(numbers))

    least = validation._LEAST_MOCKS
    assert (count(least - 1), count(least)) == (1, 2)
    match = f'n_mocks must be at least {least}, to be on two frames, got {least - 1}'
    with pytest.raises(ValueError, match=match):
        validation._draw(least - 1, None)


class Network:
    """
    A network that knows the truth to normal errors, on the grids of the default one.
    """

    spec = DEFAULT

    def __init__(self, truth, rng):
        self.axes = to_axes(truth, DEFAULT.parameters)
        self.rng = rng

    def run(self, inputs):
        """Return distributions around the truth of the sources, whose numbers are the pixels."""
        rows = inputs['images'][:, 0, 0, 0].astype(int)
        outputs = {}
        for part in DEFAULT.outputs:
            if part.kind == 'classes':
                outputs[part.name] = np.tile([0.2, 0.8], (len(rows), 1))
                continue
            densities = [self.density(parameter, rows) for parameter in part.parameters]
            joint = densities[0]
            for density in densities[1:]:
                joint = joint[..., np.newaxis] * density.reshape(
                    len(rows), *(1,) * (joint.ndim - 1), -1
                )
            outputs[part.name] = joint.reshape(len(rows), *part.dimensions[1:])
        return outputs

    def density(self, parameter, rows):
        """Return one normal distribution on its grid, its centre shifted by its width."""
        grid = np.array(parameter.grid)
        width = 2 * (grid[1] - grid[0])
        centre = np.asarray(self.axes[parameter.name])[rows] + self.rng.normal(0, width, len(rows))
        density = np.exp(-0.5 * ((grid - centre[:, np.newaxis]) / width) ** 2) + 1e-30
        return density / density.sum(axis=1, keepdims=True)


@pytest.mark.parametrize('point', ['median', 'unfold'])
def test_find(point):
    """Points are near the truth, on the axes, and the truth is everywhere in the distributions."""
    rng = np.random.default_rng(3)
    truth = draw_truth(700, rng)  # more than are looked at together
    estimator = SimpleNamespace(
        backend=SimpleNamespace(encode=lambda data, _: {'images': data.data}),
        _network=Network(truth, rng),
        spec=DEFAULT,
    )
    images = np.broadcast_to(np.arange(700.0)[:, None, None, None], (700, 1, 2, 2))
    other = {'median': 'unfold', 'unfold': 'median'}[point]
    found = find(estimator, NDData(images), truth, point=point, others=[other], has_shapes=True)
    axes = to_axes(truth, DEFAULT.parameters)
    assert len(found) == 700
    for parameter in DEFAULT.parameters:
        width = 2 * np.diff(parameter.grid)[0]
        error = np.asarray(found[parameter.name] - axes[parameter.name])
        assert np.median(np.abs(error)) < 1.2 * width
        assert abs(np.median(error)) < 0.4 * width
    np.testing.assert_allclose(found['prob_cluster'], 0.8)
    for name in NAMES:
        assert 0.6 < np.mean(np.abs(found[f'pit_{name}'] - 0.5) < 0.34) < 0.8
        step = np.diff(DEFAULT.parameters[NAMES.index(name)].grid)[0]
        assert np.median(found[f'width_{name}']) == pytest.approx(2 * 2 * step, rel=0.05)
        shift = np.asarray(found[f'{other}_{name}'] - found[name])
        assert 0 < np.median(np.abs(shift)) < step
    assert (found['n_modes'] == 1).mean() > 0.9
    assert ((found['extent'] > 0) & (found['extent'] < 0.2)).all()


@pytest.fixture(scope='module')
def seen(tested):
    """The same, with images and a network that knows the truth of the image with a number."""
    rng = np.random.default_rng(8)
    n = 300
    truth = draw_truth(n, rng)
    network = Network(truth, rng)
    backend = SimpleNamespace(encode=lambda data, _: {'images': data.data})
    estimator = SimpleNamespace(backend=backend, _network=network, spec=DEFAULT)
    estimator.posterior = lambda images: Posterior.from_outputs(
        network.run({'images': images.data}), DEFAULT
    )
    pixels = rng.normal(size=(n, 3, 8, 8))
    pixels[:, 0, 0, 0] = np.arange(n)
    images = NDData(pixels, unit='electron / s', meta={'filters': ('A', 'B', 'C')})
    found = find(estimator, images, truth, point='median')
    return replace(
        tested,
        estimator=estimator,
        truth=to_axes(truth, DEFAULT.parameters),
        found=found,
        scattered=found,
        images=images,
    )


@pytest.mark.parametrize(
    ('name', 'n_axes', 'label'),
    [
        ('95 % of age errors', 4, 'True log(age / yr)'),
        ('95 % of mass errors', 7, 'log(age / yr)'),
        ('visible clusters called clusters', 4, 'Probability of class cluster'),
        ('growth of errors with 20 % calibration scatter, mean', 4, 'True log(age / yr)'),
        ('share of extended distributions of age and A_V', 24, 'log(mass / M☉)'),
        ('share of bimodal distributions of age and A_V', 6, 'log(age / yr)'),
    ],
)
def test_figures(seen, name, n_axes, label, monkeypatch):
    """The figures of the paper can be drawn, with the parameters they should have."""
    truth = from_axes(seen.truth, DEFAULT.parameters)
    calls = []

    def draw_cases(second, vary, n, *, options):
        """Return nine clusters, each n times the same."""
        calls.append((second, vary))
        rows = np.repeat(np.arange(9), n)
        return SimpleNamespace(images=NDData(seen.images.data[rows]), truth=truth[rows])

    monkeypatch.setattr(_figures, 'draw_cases', draw_cases)
    figure = BY_NAME[f'{name}, default'].figure(seen)
    assert len(figure.axes) == n_axes
    assert label in [axes.get_xlabel() for axes in figure.axes]
    figure.canvas.draw()
    if 'bimodal' in name:
        assert calls == [(x, y) for y in ('stars', 'backgrounds') for x in ('a_v', 'mass')]
        assert len(figure.axes[0].lines) == 10  # estimates of nine clusters, and the truths
        # age to the right, the second parameter upwards; the cases are in the order of age
        shown = [text.get_text() for text in figure.axes[4].texts]
        visible = truth['visibility'][[0, 3, 6, 1, 4, 7, 2, 5, 8]]
        np.testing.assert_allclose(np.array(shown, float), visible, rtol=0.06)
        assert all(len(text) <= 6 for text in shown)


def test_examples_are_the_nearest(seen, monkeypatch):
    """The clusters of the figure of examples are like those of the paper."""
    calls = []
    monkeypatch.setattr(_figures, 'plot_examples', lambda *args, **given: calls.append(given))
    _figures.draw_examples(seen)
    (truth,) = (to_axes(given['truth'], DEFAULT.parameters) for given in calls)
    for row, expected in zip(
        truth, ((6.8, 0.5, 3.9), (8.3, 1.0, 5.0), (9.5, 1.5, 5.3)), strict=True
    ):
        found = [row['age'], row['a_v'], row['mass']]
        np.testing.assert_allclose(found, expected, atol=0.8)


def test_take_bands():
    """The images of the filters that are named, in the order of the stack."""
    images = NDData(
        np.arange(6.0).reshape(1, 3, 2, 1), unit='electron / s', meta={'filters': ('A', 'B', 'C')}
    )
    part = take_bands(images, ('C', 'A'))
    assert part.meta['filters'] == ('A', 'C')
    np.testing.assert_array_equal(part.data[0, :, :, 0], [[0, 1], [4, 5]])
    assert part.unit == images.unit
    assert images.meta['filters'] == ('A', 'B', 'C')


def test_to_axes():
    """Logarithms of quantities in the units of the spec; zero visibility is minus infinity."""
    table = QTable(
        {
            'age': [10, 100] * u.Myr,
            'a_v': [1, 2] * u.mag,
            'mass': [1e4, 1e5] * u.solMass,
            'r_h': [100, 200] * u.mas,
            'visibility': [10.0, 0.0],
        }
    )
    axes = to_axes(table, DEFAULT.parameters)
    np.testing.assert_allclose(axes['age'], [7, 8])
    np.testing.assert_allclose(axes['a_v'], [1, 2])
    np.testing.assert_allclose(axes['r_h'], np.log10([0.1, 0.2]))
    assert axes['visibility'][1] == -np.inf
    again = from_axes(axes, DEFAULT.parameters)
    assert_quantity_allclose(again['age'], table['age'])
    assert_quantity_allclose(again['r_h'], table['r_h'])
    assert_quantity_allclose(again['visibility'], table['visibility'])


class Bank:
    """
    A stand-in that draws random numbers and counts its calls.
    """

    def __init__(self):
        self.n_calls = 0

    def sample(self, n, options, rng):
        """Return random parameters."""
        self.n_calls += 1
        return draw_truth(n, rng)

    def simulate(self, parameters, options, rng):
        """Return bright squares and level fields, which tell their numbers, and the truth."""
        n = len(parameters)
        truth = parameters.copy()
        truth['density'] = rng.uniform(*options.density, n) / u.arcsec**2
        clusters = np.zeros((n, 3, 64, 64), np.float16)
        clusters[:, :, 31:33, 31:33] = 100
        fields = np.ones((n, 3, 64, 64)) * rng.uniform(1, 2, (n, 1, 1, 1))
        return {'clusters': clusters, 'fields': fields.astype(np.float16)}, truth


@pytest.fixture
def bank(monkeypatch):
    """The stand-in for the bank and for the fields of the test."""
    bank = Bank()

    def draw_backgrounds(n, rng):
        return np.full((n, 3, 64, 64), 3.0), rng.uniform(2.5, 40, n)

    monkeypatch.setattr(_mocks, 'BANK', bank)
    monkeypatch.setattr(
        _mocks, 'get_setup', lambda options: SimpleNamespace(draw_backgrounds=draw_backgrounds)
    )
    return bank


def test_draw_mocks(bank, tmp_path):
    """Mocks are kept and their number can grow."""
    first = draw_mocks(150, folder=tmp_path, n_workers=1)
    assert first.clusters.data.shape == first.empty.data.shape == (150, 3, 64, 64)
    assert set(first.truth.colnames) == set(UNITS)
    assert first.clusters.meta['filters'] == ('F336W', 'F438W', 'F814W')
    assert_quantity_allclose(first.scattered.meta['pixel_scale'], 0.04 * u.arcsec)
    assert bank.n_calls == 2
    again = draw_mocks(150, folder=tmp_path, n_workers=1)
    assert bank.n_calls == 2
    for name in ('clusters', 'scattered', 'empty'):
        stacks = (getattr(mocks, name) for mocks in (again, first))
        np.testing.assert_array_equal(*(stack.data for stack in stacks))
    assert (again.truth['age'] == first.truth['age']).all()
    assert (again.density == first.density).all()
    more = draw_mocks(200, folder=tmp_path, n_workers=1)
    assert bank.n_calls == 3
    np.testing.assert_array_equal(more.clusters.data[:100], first.clusters.data[:100])
    assert not list(tmp_path.glob('*.part'))


@pytest.mark.usefixtures('bank')
def test_scattered_mocks():
    """Scattered mocks are the same clusters; the bands of their fields are 20 % off, each alone."""
    mocks = draw_mocks(200, n_workers=1)
    level, scattered = (
        np.median(stack.data, axis=(2, 3)) for stack in (mocks.clusters, mocks.scattered)
    )
    factor = scattered / level
    assert factor.std() == pytest.approx(0.2, abs=0.02)
    assert abs(np.corrcoef(factor[:, 0], factor[:, 1])[0, 1]) < 0.25
    for stack in (mocks.clusters, mocks.scattered):
        centre = stack.data[:, :, 31:33, 31:33].mean(axis=(2, 3))
        edge = np.median(stack.data, axis=(2, 3))
        np.testing.assert_allclose(centre - edge, 100, atol=1)
    assert (mocks.empty.data == 3).all()


@pytest.mark.parametrize(('vary', 'is_same'), [('stars', False), ('backgrounds', True)])
def test_draw_cases(vary, is_same):
    """Nine clusters twice each: with other stars on one field, or the same on other fields."""
    cases = draw_cases('a_v', vary, 2, options=OPTIONS)
    assert cases.images.data.shape == (18, 3, 64, 64)
    first, second = cases.truth[::2], cases.truth[1::2]
    assert (first['age'] == second['age']).all()
    assert_quantity_allclose(first['a_v'][:4], [0.5, 1.5, 2.5, 0.5] * u.mag)
    assert ((first['seed'] == second['seed']) == is_same).all()
    corner = cases.images.data[:, :, :8, :8]  # without much of a cluster
    assert first['visibility'][0] != second['visibility'][0]
    assert (cases.truth['visibility'] > 0).all()
    correlation = np.corrcoef(corner[0].ravel(), corner[1].ravel())[0, 1]
    assert (correlation < 0.9) == is_same


@pytest.mark.slow
def test_drawn_mocks():
    """Mocks of the family itself: as bright as their magnitudes say, on noisy fields."""
    mocks = draw_mocks(3, n_workers=1)
    for stack in (mocks.clusters, mocks.scattered, mocks.empty):
        assert np.isfinite(stack.data).all()
        assert (stack.data.std(axis=(2, 3)) > 0).all()
    assert (mocks.clusters.data != mocks.scattered.data).any()
    low, high = OPTIONS.density
    for density in (mocks.density, mocks.truth['density']):
        assert ((density.value > low / 3) & (density.value < 3 * high)).all()
    assert (mocks.truth['visibility'] > 0).all()
