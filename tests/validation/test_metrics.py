# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of scores of predictions against truths.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Column, MaskedColumn
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.validation import (
    bias,
    confusion_matrix,
    entropy,
    error_bound,
    mse_scaled,
    pixel_errors,
    r_squared,
    rms,
    scatter,
)

SCORES = (bias, error_bound, mse_scaled, r_squared, rms, scatter)


@pytest.fixture
def pair():
    """Return truths, and predictions with a bias of 0.3 and a scatter of 0.2."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(6, 10, 20_000)
    return truth, truth + 0.3 + rng.normal(0, 0.2, truth.size)


def test_scores_of_normal_errors(pair):
    """The scores of normal errors are those of theory."""
    assert_allclose(bias(*pair), 0.3, atol=0.005)
    assert_allclose(scatter(*pair), 0.2, atol=0.005)
    assert_allclose(rms(*pair), np.hypot(0.3, 0.2), atol=0.005)
    assert_allclose(r_squared(*pair), 1 - 0.13 / (16 / 12), atol=0.005)
    assert_allclose(mse_scaled(*pair), 0.13 / 16, rtol=0.03)
    # 95 % of |N(0.3, 0.2)| lie below 0.6303
    assert_allclose(error_bound(*pair), 0.6303, atol=0.01)


def test_scatter_ignores_outliers(pair):
    """A few wild predictions change the rms but not the scatter."""
    truth, predicted = pair
    wild = predicted.copy()
    wild[:100] += 50
    assert_allclose(scatter(truth, wild), 0.2, atol=0.01)
    assert rms(truth, wild) > 3


def test_r_squared_of_mean_is_zero():
    """Predicting the mean of the truths has no merit, and worse is negative."""
    assert r_squared([1, 2, 3], [2, 2, 2]) == 0
    assert r_squared([1, 2, 3], [3, 2, 1]) == -3


def test_mse_scaled_by_deviation(pair):
    """Scaled by the standard deviation, the error is one minus R²."""
    assert_allclose(mse_scaled(*pair, scale='deviation'), 1 - r_squared(*pair))


def test_mse_scaled_unknown_scale(pair):
    """An unknown scale is refused with the known ones."""
    with pytest.raises(ValueError, match=r"scale must be one of \['range', 'deviation'\]"):
        mse_scaled(*pair, scale='minmax')


@pytest.mark.parametrize('score', [bias, error_bound, rms, scatter])
def test_units(score, pair):
    """Scores carry the unit of the truths; another unit changes nothing."""
    truth, predicted = (values * u.kpc for values in pair)
    expected = score(*pair) * u.kpc
    result = score(truth, predicted.to(u.pc))
    assert result.unit == u.kpc
    assert_allclose(result.value, expected.value, rtol=1e-9)
    assert_allclose(score(Column(pair[0], unit='kpc'), predicted).value, expected.value)


@pytest.mark.parametrize('score', [r_squared, mse_scaled])
def test_pure_numbers(score, pair):
    """Scores without unit are floats and do not depend on the unit."""
    truth, predicted = (values * u.Gyr for values in pair)
    assert isinstance(score(truth, predicted), float)
    assert_allclose(score(truth, predicted.to(u.yr)), score(*pair))


@pytest.mark.parametrize('score', SCORES)
@pytest.mark.parametrize(
    ('truth', 'predicted', 'error', 'match'),
    [
        ([1, 2, 3], [1, 2], ValueError, r'predicted must have the shape of truth \(3,\)'),
        ([], [], ValueError, 'truth must have at least one value'),
        ([1, 2, 3], [1, np.nan, 3], ValueError, 'predicted must be finite, got 1 of 3'),
        ([1, np.inf, 3], [1, 2, 3], ValueError, 'truth must be finite, got 1 of 3'),
        ([1, 2] * u.yr, [1, 2], u.UnitsError, 'predicted must have a unit like yr, got None'),
        ([1, 2] * u.yr, [1, 2] * u.m, u.UnitsError, 'predicted must have a unit like yr, got m'),
        ([1, 2], [1, 2] * u.yr, u.UnitsError, 'predicted must have no unit, got yr'),
    ],
)
def test_refused(score, truth, predicted, error, match):
    """Shapes and units that differ, and values that are missing, are refused."""
    with pytest.raises(error, match=match):
        score(truth, predicted)


def test_masked_values_are_refused():
    """A masked value counts as missing, whatever lies under the mask."""
    column = MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False])
    with pytest.raises(ValueError, match='predicted must be finite, got 1 of 3'):
        rms([1.0, 2.0, 3.0], column)


@pytest.mark.parametrize('score', [r_squared, mse_scaled])
def test_equal_truths(score):
    """Scores relative to the spread of the truths need a spread."""
    with pytest.raises(ValueError, match='truth must have at least two different values'):
        score([2, 2], [1, 3])


def test_error_bound_level():
    """The bound of all sources is the largest error; impossible levels are refused."""
    assert error_bound([0, 0, 0], [1, -4, 2], level=1) == 4
    with pytest.raises(ValueError, match='level must be above 0 and at most 1, got 95'):
        error_bound([0, 1], [0, 1], level=95)


def test_pixel_errors():
    """Errors are relative to the predicted value and averaged in its bins."""
    predicted = np.array([[1.0, 2.0], [10.0, 500.0]]) * u.solMass
    truth = np.array([[1.5, 1.0], [8.0, 1.0]]) * u.solMass
    edges = [1e3, 5e3, 2e4, 3e4] * u.g * (u.solMass.to(u.g) / 1e3)
    errors, counts = pixel_errors(truth, predicted, edges=edges)
    assert_array_equal(counts, [2, 1, 0])
    assert_allclose(errors, [0.5, 0.2, np.nan])


def test_pixel_errors_edges():
    """Edges must increase, be positive and have the truths' unit."""
    with pytest.raises(ValueError, match='edges must be at least two, positive and increasing'):
        pixel_errors([1, 2], [1, 2], edges=[0, 1])
    with pytest.raises(u.UnitsError, match='edges must have a unit like solMass'):
        pixel_errors([1] * u.solMass, [1] * u.solMass, edges=[1, 2])


def test_confusion_matrix():
    """Rows are true classes, columns predicted ones, in the order of the labels."""
    truth, predicted = [1, 1, 2, 3, 3, 3], [1, 2, 2, 3, 1, 1]
    counts = confusion_matrix(truth, predicted, labels=(3, 2, 1))
    assert_array_equal(counts, [[1, 0, 2], [0, 1, 0], [0, 1, 1]])


def test_confusion_matrix_refused():
    """Unknown classes and different lengths are refused."""
    with pytest.raises(ValueError, match=r"predicted must hold only the labels .* got \['c'\]"):
        confusion_matrix(['a', 'b'], ['a', 'c'], labels=('a', 'b'))
    with pytest.raises(ValueError, match=r'predicted must have the shape of truth \(2,\)'):
        confusion_matrix(['a', 'b'], ['a'], labels=('a', 'b'))


def test_entropy():
    """Certain is 0 and four equal classes are ln 4."""
    probabilities = [[1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]]
    assert_allclose(entropy(probabilities), [0, np.log(4), np.log(2)], atol=1e-15)


@pytest.mark.parametrize('probabilities', [[0.6, 0.6], [1.2, -0.2]])
def test_entropy_refused(probabilities):
    """What is not a distribution has no entropy."""
    with pytest.raises(ValueError, match='probabilities must not be negative and must sum'):
        entropy(probabilities)
