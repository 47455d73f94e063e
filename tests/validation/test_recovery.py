# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.validation.recovery.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.stats import binom_conf_interval
from astropy.table import MaskedColumn, QTable, vstack
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom

from starcnn.validation import recovery

N = 2000


def make_truth(n=N, seed=0):
    """Return sources far from one another."""
    rng = np.random.default_rng(seed)
    return QTable(
        {
            'id': np.arange(n),
            'x': 30.0 * (np.arange(n) % 50) * u.pix,
            'y': 30.0 * (np.arange(n) // 50) * u.pix,
            'mag': rng.uniform(18, 26, n) * u.mag,
            'mass': 10 ** rng.uniform(2, 4, n) * u.solMass,
            'a_v': rng.uniform(0, 3, n) * u.mag,
        }
    )


def test_half_is_missed():
    """A detector that misses every second source has a completeness of one half."""
    truth = make_truth()
    result = recovery(truth, truth[::2], by='mag', bins=[18, 20, 22, 26] * u.mag, radius=3 * u.pix)
    bins = result.bins
    n = [np.sum((truth['mag'].value // 2).astype(int) == k) for k in (9, 10)]
    assert_array_equal(bins['n_injected'][:2], n)
    assert_array_equal(bins['n_injected'].sum(), N)
    assert_allclose(bins['completeness'], 0.5, atol=0.06)
    assert_allclose(bins['completeness'], bins['n_found'] / bins['n_injected'])
    error = np.sqrt(0.25 / bins['n_injected'])
    assert_allclose(bins['completeness_high'] - bins['completeness_low'], 2 * error, rtol=0.02)
    assert_array_equal(result.sources['is_found'], np.arange(N) % 2 == 0)
    assert_array_equal(result.sources['found_row'][1::2], -1)
    assert (result.n_injected, result.n_found, result.n_spurious) == (N, N // 2, 0)


@pytest.mark.parametrize('interval', ['wilson', 'jeffreys'])
def test_intervals(interval):
    """Intervals are those of astropy, hold 68 % and are sensible where all or none are found."""
    rng = np.random.default_rng(3)
    truth, inside = make_truth(), []
    options = {'by': 'mag', 'bins': 20, 'radius': None, 'parameters': ()}
    for _ in range(20):
        found = truth[rng.uniform(size=N) < 0.8]
        bins = recovery(truth, found, interval=interval, **options).bins
        inside += list((bins['completeness_low'] <= 0.8) & (bins['completeness_high'] >= 0.8))
    assert binom.cdf(sum(inside), 400, 0.683) > 1e-3
    assert binom.sf(sum(inside), 400, 0.683) > 1e-3
    expected = binom_conf_interval(
        bins['n_found'], bins['n_injected'], confidence_level=0.6827, interval=interval
    )
    assert_allclose([bins['completeness_low'], bins['completeness_high']], expected)
    whole = recovery(truth, truth, interval=interval, **options).bins
    assert (whole['completeness'] == 1).all()
    assert (whole['completeness_low'] < 1).all()
    assert (whole['completeness_low'] > 0.97).all()


def test_bias_and_scatter():
    """A shift of an estimate is its bias; outliers do not weigh on the scatter."""
    truth = make_truth(20_000)
    rng = np.random.default_rng(1)
    found = truth['x', 'y', 'a_v', 'mass']
    faint = truth['mag'] > 22 * u.mag
    found['a_v'] += (np.where(faint, 0.5, 0.1) + rng.normal(0, 0.2, len(found))) * u.mag
    found['mass'] = (found['mass'] * 10 ** rng.normal(-0.1, 0.3, len(found))).to(u.kg)
    found['a_v'][::20] = 100 * u.mag
    result = recovery(truth, found, by='mag', bins=[18, 22, 26] * u.mag, radius=1 * u.pix)
    assert result.parameters == ('mass', 'a_v')
    assert result.log == ('mass',)
    bins = result.bins
    shift = 0.2 * 0.066  # of the median by 5 % outliers on one side
    assert_allclose(bins['a_v_bias'].to_value(u.mmag) / 1000, [0.1 + shift, 0.5 + shift], atol=0.01)
    assert_allclose(bins['a_v_scatter'].to_value(u.mag), 0.21, atol=0.01)
    assert_allclose(bins['mass_bias'], -0.1, atol=0.015)
    assert_allclose(bins['mass_scatter'], 0.3, rtol=0.03)
    assert_array_equal(bins['n_mass'], bins['n_found'])
    expected = 1.2533 * 0.3 / np.sqrt(bins['n_found'])
    assert_allclose(bins['mass_bias_error'], expected, rtol=0.03)


def test_error_of_bias():
    """The standard error of the bias is how much it varies from sample to sample."""
    rng = np.random.default_rng(4)
    truth = make_truth(16_000)
    truth['bin'] = np.arange(16_000) % 100 + 0.5
    found = truth.copy()
    found['a_v'] += rng.normal(0, 0.3, len(found)) * u.mag
    edges = np.arange(101.0)
    bins = recovery(truth, found, by='bin', bins=edges, radius=None, parameters=['a_v']).bins
    pull = (bins['a_v_bias'] / bins['a_v_bias_error']).value
    assert_allclose(pull.std(), 1, atol=0.25)


def test_bins_of_logarithm():
    """Bins of a parameter with a logarithmic scale are equal in its logarithm, with units."""
    truth = make_truth()
    result = recovery(truth, truth, by='mass', bins=4, radius=None)
    low, high = (result.bins[f'mass_{end}'] for end in ('low', 'high'))
    assert low.unit == u.solMass
    assert_allclose(low[1:].value, high[:-1].value, rtol=1e-12)
    assert_allclose(np.diff(np.log10(low.value)), 0.5, atol=0.01)
    assert result.bins['n_injected'].sum() == N
    linear = recovery(truth, truth, by='mass', bins=4, radius=None, log=())
    assert_allclose(np.diff(linear.bins['mass_low'].value), 2500, rtol=0.02)
    edges = [0.1, 1, 10] * u.Msun * 1e3
    counts = recovery(truth, truth, by='mass', bins=edges.to(u.kg), radius=None).bins['n_injected']
    assert_array_equal(counts, np.histogram(truth['mass'], edges)[0])


def test_any_column():
    """Bins may be of any column of the truth, such as one that was not measured."""
    truth = make_truth()
    truth['density'] = np.linspace(1, 8.999, N) / u.arcsec**2
    found = truth['id', 'a_v'][truth['density'].value < 5]
    edges = [1, 5, 9, 12] / u.arcsec**2
    bins = recovery(truth, found, by='density', bins=edges, radius=None).bins
    assert_array_equal(bins['completeness'], [1, 0, np.nan])
    assert_array_equal(bins['n_a_v'], [1000, 0, 0])
    assert_array_equal(np.isnan(bins['a_v_bias'].value), [False, True, True])
    assert_array_equal(np.isnan(bins['completeness_low']), [False, False, True])


def test_spurious_and_known():
    """Finds far from all sources are spurious, unless they were known before."""
    truth = make_truth(3)
    before = QTable({'x': [15.0, 31.0, 200.0] * u.pix, 'y': [9.0, 0, 0] * u.pix})
    # the first source; a known one beside the second, which is not found; two that are new
    found = QTable({'x': [0.4, 31.1, 15.0, 99.0, 3.0], 'y': [0.0, 0.0, 9.0, 9.0, 0.0]})
    result = recovery(truth, found, by='mag', radius=3.5 * u.pix, known=before, bins=1)
    assert_array_equal(result.sources['is_found'], [True, False, False])
    assert_array_equal(result.is_spurious, [False, False, False, True, True])
    assert (result.n_known, result.n_spurious) == (2, 2)
    assert_allclose(result.sources['separation'][0].to_value(u.pix), 0.4)
    naive = recovery(truth, found, by='mag', radius=3.5 * u.pix, bins=1)
    assert_array_equal(naive.sources['is_found'], [True, True, False])
    assert naive.n_spurious == 3


def test_rounds():
    """Rounds are matched each by itself, and counted together."""
    truth, known = make_truth(300), make_truth(5)['x', 'y']
    truth['x'] = truth['x'] % (300 * u.pix)  # many at each place, but not in one round
    known['y'] -= 10 * u.pix
    truths = [truth[start : start + 10] for start in range(0, 300, 10)]
    founds = [vstack([known[2:4], table[::2]]) for table in truths]
    for found in founds:
        found['a_v'][2:] += 0.1 * u.mag
    result = recovery(truths, founds, by='mag', bins=3, radius=2 * u.pix, known=known)
    assert (result.n_injected, result.n_found) == (300, 150)
    assert (result.n_known, result.n_spurious) == (60, 0)
    assert_allclose(result.bins['a_v_bias'].value, 0.1)
    rows = result.sources['found_row'][::2]
    assert_array_equal(rows, np.arange(150) + 2 * (np.arange(150) // 5 + 1))
    with pytest.raises(ValueError, match='found must be a table, or as many tables as truth'):
        recovery(truths, founds[1:], by='mag', radius=2 * u.pix)
    with pytest.raises(ValueError, match='found must be a table, or as many tables as truth'):
        recovery(truths, truth, by='mag', radius=2 * u.pix)
    with pytest.raises(ValueError, match='truth must have at least one table'):
        recovery([], [], by='mag', radius=2 * u.pix)


@pytest.mark.parametrize('kind', ['nan', 'masked', 'masked quantity'])
def test_not_measured(kind):
    """Finds without a value count as found, and the number of values says how many are left."""
    truth = make_truth(100)
    found = truth['id', 'a_v', 'mass']
    found['a_v'] += 0.2 * u.mag
    is_bad = np.arange(100) % 4 == 0
    if kind == 'nan':
        found['a_v'][is_bad] = np.nan * u.mag
    elif kind == 'masked':
        truth['a_v'] = truth['a_v'].value
        found['a_v'] = MaskedColumn(found['a_v'].value, mask=is_bad)
    else:
        from astropy.utils.masked import Masked

        found['a_v'] = Masked(found['a_v'], mask=is_bad)
    bins = recovery(truth, found, by='mag', bins=1, radius=None).bins
    assert (bins['n_found'][0], bins['n_a_v'][0], bins['n_mass'][0]) == (100, 75, 100)
    assert_allclose(u.Quantity(bins['a_v_bias']).value, 0.2)


def test_nothing_found():
    """Where nothing was found, all is missed."""
    truth = make_truth(50)
    result = recovery(truth, truth[:0], by='mag', bins=2, radius=1 * u.pix)
    assert_array_equal(result.bins['completeness'], [0, 0])
    assert np.isnan(result.bins['mass_scatter']).all()
    assert np.isnan(result.sources['separation'].value).all()


def test_inputs_do_not_change():
    """The tables stay as they were, also when a result is given for a truth."""
    truth = make_truth(20)
    found = truth[::3]
    names = list(truth.colnames)
    result = recovery(truth, found, by='mag', bins=1, radius=1 * u.pix)
    assert truth.colnames == names == found.colnames
    again = recovery(result.sources, found, by='mag', bins=1, radius=1 * u.pix)
    assert_array_equal(again.sources['is_found'], result.sources['is_found'])


@pytest.mark.parametrize('by', ['mag', 'mass'])
def test_limit(by):
    """The limit is where the probability to be found is one half."""
    truth = make_truth(20_000)
    middle, width = {'mag': (23.0, 0.4), 'mass': (3.0, -0.2)}[by]
    values = truth[by].value if by == 'mag' else np.log10(truth[by].value)
    chance = 1 / (1 + np.exp((values - middle) / width))
    found = truth[np.random.default_rng(2).uniform(size=len(truth)) < chance]
    result = recovery(truth, found, by=by, bins=20, radius=None)
    limit = result.limit()
    assert limit.unit == truth[by].unit
    assert_allclose(limit.value if by == 'mag' else np.log10(limit.value), middle, atol=0.06)
    deep = result.limit(0.2)
    expected = middle + width * np.log(4)
    assert_allclose(deep.value if by == 'mag' else np.log10(deep.value), expected, atol=0.1)
    with pytest.raises(ValueError, match='fraction must be crossed once by the completeness'):
        result.limit(1.5)


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        ({'by': 'age'}, ValueError, "by must be one of the columns of truth, .* got 'age'"),
        ({'interval': 'wald'}, ValueError, "interval must be one of .* got 'wald'"),
        ({'bins': 0}, ValueError, 'bins must be edges, or positive'),
        ({'bins': [20, 19] * u.mag}, ValueError, 'bins must be a number, or at least two incr'),
        ({'bins': [20, 21]}, u.UnitsError, 'bins must have a unit like mag'),
        ({'by': 'x', 'bins': 3, 'log': ('x',)}, ValueError, r"truth\['x'\] must be positive"),
        ({'parameters': ['age']}, ValueError, r"parameters must be columns of truth, got \['age'"),
        ({'known': make_truth(1)}, ValueError, 'known must be None where sources are matched by'),
        ({'radius': 1 * u.s}, u.UnitsError, 'radius must be an angle or in pixels'),
        (
            {'radius': 1 * u.pix, 'known': QTable({'x': [1.0]})},
            ValueError,
            "known must have the column 'y'",
        ),
    ],
)
def test_errors(options, error, message):
    """Arguments that make no sense are refused by name."""
    truth = make_truth(30)
    with pytest.raises(error, match=message):
        recovery(truth, truth, **({'by': 'mag', 'radius': None} | options))


def test_unknown_truth():
    """Sources without a value to bin by are refused; units of parameters must agree."""
    truth = make_truth(30)
    truth['mag'][3] = np.nan * u.mag
    with pytest.raises(ValueError, match=r"truth\['mag'\] must be finite, got 1 of 30"):
        recovery(truth, truth, by='mag', radius=None)
    truth, found = make_truth(30), make_truth(30)
    found['mass'] = found['mass'].value
    with pytest.raises(u.UnitsError, match=r"found\['mass'\] must have a unit like solMass"):
        recovery(truth, found, by='a_v', radius=None)
