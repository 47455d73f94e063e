# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the papers' figures.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.validation import (
    confusion,
    coverage_curve,
    pit_histogram,
    residual_histogram,
    true_against_predicted,
)

pytest.importorskip('matplotlib')

DRAWINGS = (true_against_predicted, residual_histogram)


@pytest.fixture
def tables():
    """Return true and predicted ages and extinctions."""
    rng = np.random.default_rng(0)
    log_age = rng.uniform(7, 10, 300)
    predicted = log_age + rng.normal(0.1, 0.2, 300)
    truth = QTable({'age': 10**log_age * u.yr, 'a_v': rng.uniform(0, 3, 300) * u.mag})
    result = QTable({'age': 10**predicted * u.yr, 'a_v': truth['a_v'] + 0.5 * u.mag})
    result['age_16'] = 10 ** (predicted - 0.2) * u.yr
    result['age_84'] = 10 ** (predicted + 0.2) * u.yr
    return truth, result


def test_true_against_predicted(tables, tmp_path):
    """Points, error bars, the line of equality, units and scores are there."""
    truth, result = tables
    axes = true_against_predicted(truth, result, 'age', log=True)
    points, line = axes.lines
    assert_allclose(points.get_xdata(), truth['age'].value)
    assert_allclose(points.get_ydata(), result['age'].value)
    assert_allclose(line.get_xdata(), line.get_ydata())
    assert len(axes.collections[0].get_segments()) == 300
    assert axes.get_xlabel() == 'True age [yr]'
    assert axes.get_xscale() == axes.get_yscale() == 'log'
    assert 'N = 300' in axes.texts[0].get_text()
    assert 'bias = +0.097 dex' in axes.texts[0].get_text()
    axes.figure.savefig(tmp_path / 'true.png')


def test_without_percentiles(tables):
    """Results without percentiles have no error bars, and scores keep their unit."""
    axes = true_against_predicted(*tables, 'a_v')
    assert not axes.collections
    assert 'bias = +0.500 mag' in axes.texts[0].get_text()


def test_residual_histogram(tables, tmp_path):
    """Every source is counted, also those far outside."""
    truth, result = tables
    result['age'][0] = 1e30 * u.yr
    axes = residual_histogram(truth, result, 'age', log=True)
    assert sum(patch.get_height() for patch in axes.patches[:60]) == 300
    assert axes.get_xlabel() == 'Predicted $-$ true log age [dex]'
    axes.figure.savefig(tmp_path / 'residuals.png')


def test_residuals_without_scatter(tables):
    """Equal residuals are drawn too."""
    truth, _ = tables
    axes = residual_histogram(truth, truth, 'a_v')
    assert axes.get_xlim() == (-1, 1)


@pytest.mark.parametrize('draw', DRAWINGS)
def test_units_are_converted(draw, tables):
    """Predictions in another unit give the same scores."""
    truth, result = tables
    other = result.copy()
    for name in ('age', 'age_16', 'age_84'):
        other[name] = other[name].to(u.Gyr)
    first, second = (draw(truth, table, 'age', log=True) for table in (result, other))
    assert first.texts[0].get_text() == second.texts[0].get_text()


@pytest.mark.parametrize('draw', DRAWINGS)
def test_missing_values_are_refused(draw, tables):
    """A source without a result is not left out in silence."""
    truth, result = tables
    result['age'][3] = np.nan
    with pytest.raises(ValueError, match='predicted must be finite, got 1 of 300'):
        draw(truth, result, 'age')


def test_coverage_curve(tmp_path):
    """A curve per parameter, with its coverage at 68 % and 95 % in the legend."""
    pit = (np.arange(1000) + 0.5) / 1000
    axes = coverage_curve({'age': pit, 'a_v': 0.25 + pit / 2})
    curve = axes.lines[1]
    assert_allclose(curve.get_xdata(), curve.get_ydata(), atol=2e-3)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ['age: 68.0 % and 95.0 %', '$A_V$: 100.0 % and 100.0 %']
    axes.figure.savefig(tmp_path / 'coverage.png')


def test_pit_histogram(tmp_path):
    """All sources are in the bins, also those at the ends."""
    axes = pit_histogram([0.0, 0.1, 0.5, 1.0], n_bins=4)
    heights = axes.patches[-1].get_xy()[:, 1]
    assert heights.max() == 2
    axes.figure.savefig(tmp_path / 'pit.png')


def test_confusion(tmp_path):
    """Cells show the fraction of the true class and the count; an empty class is drawn."""
    axes = confusion([[3, 1], [0, 0]], labels=('cluster', 'other'))
    texts = [text.get_text() for text in axes.texts]
    assert texts == ['75 %\n3', '25 %\n1', '0 %\n0', '0 %\n0']
    assert [label.get_text() for label in axes.get_yticklabels()] == ['cluster', 'other']
    axes.figure.savefig(tmp_path / 'confusion.png')


def test_confusion_shape():
    """The matrix must fit the labels."""
    with pytest.raises(ValueError, match=r'counts must have shape \(2, 2\), got \(1, 2\)'):
        confusion([[1, 2]], labels=('a', 'b'))


def test_given_axes(tables):
    """Given axes are drawn into and returned."""
    from matplotlib.figure import Figure

    first, second, third, fourth, fifth = Figure().subplots(1, 5)
    assert true_against_predicted(*tables, 'age', axes=first) is first
    assert residual_histogram(*tables, 'age', axes=second) is second
    assert coverage_curve({'age': [0.1, 0.9]}, axes=third) is third
    assert pit_histogram([0.1, 0.9], axes=fourth) is fourth
    assert confusion([[1]], labels=('a',), axes=fifth) is fifth
