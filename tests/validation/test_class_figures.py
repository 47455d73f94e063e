# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the figures of classes.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.validation import (
    plot_accuracies,
    plot_confusions,
    plot_distributions,
    plot_entropy,
    plot_mean_roc,
    plot_reliability,
    plot_roc,
)

pytest.importorskip('matplotlib')

LABELS = ('1', '2')


@pytest.fixture
def sources():
    """Return classes that are drawn with the probabilities that are given to them."""
    rng = np.random.default_rng(1)
    p = rng.uniform(size=500)
    truth = np.where(rng.random(500) < p, '1', '2')
    return truth, np.column_stack([p, 1 - p])


def texts(axes):
    """Return what is written into axes."""
    return [text.get_text() for text in axes.texts]


def test_confusions(tmp_path):
    """Each matrix has a panel, with scatters where they are known."""
    matrices = {'paper': [[76, 24], [40, 60]], 'here': [[80.4, 19.6], [10, 90]]}
    scatters = {'paper': [[4, 4], [5, 5]], 'here': np.full((2, 2), np.nan)}
    figure = plot_confusions(matrices, labels=LABELS, scatters=scatters)
    first, second = figure.axes
    assert texts(first) == ['76\n± 4', '24\n± 4', '40\n± 5', '60\n± 5']
    assert texts(second) == ['80', '20', '10', '90']
    assert second.get_title() == 'here'
    figure.savefig(tmp_path / 'figure.png')
    with pytest.raises(ValueError, match=r'matrices must have shape \(2, 2\)'):
        plot_confusions({'a': np.eye(3)}, labels=LABELS)


def test_entropy():
    """The areas are one, whatever the numbers."""
    figure = plot_entropy({'few': [1, 3], 'many': [100, 300]}, n_classes=4)
    for patch in figure.axes[0].patches:
        values, edges, _ = patch.get_data()
        assert_allclose((values * np.diff(edges)).sum(), 1)
        assert_allclose(edges[-1], np.log(4))


def test_reliability(sources):
    """All bins have a point, near the line where probabilities are true."""
    figure = plot_reliability({'here': sources}, labels=LABELS)
    line = figure.axes[0].lines[1]
    x, y = (np.asarray(values, float) for values in line.get_data())
    known = np.isfinite(y)
    assert known.sum() == 5  # the more probable of two classes
    assert_allclose(x[known], y[known], atol=0.15)


def test_roc(sources):
    """The two curves of two classes have one area."""
    pytest.importorskip('sklearn')
    figure = plot_roc(*sources, labels=LABELS)
    names = [text.get_text() for text in figure.axes[0].get_legend().texts]
    areas = [float(name.split(': ')[1]) for name in names]
    assert areas[0] == areas[1] > 0.75


def test_mean_roc():
    """The line is the mean of the trainings, and the shade holds them."""
    figure = plot_mean_roc({'here': [[0, 0.8, 1], [0, 0.6, 1]]})
    line = figure.axes[0].lines[0]
    assert_allclose(line.get_xdata(), [0, 0.5, 1])
    assert_allclose(line.get_ydata(), [0, 0.7, 1])
    (shade,) = figure.axes[0].collections
    y = shade.get_paths()[0].vertices
    assert {0.6, 0.8} <= set(y[y[:, 0] == 0.5, 1].round(6).tolist())


def test_distributions():
    """Each class and variable has a panel with both curves and their distance."""
    levels = np.linspace(0, 1, 11)
    item = {'levels': levels, 'quantiles': levels, 'simulated': [0.5, 0.2, 0.9], 'ks': 0.214}
    comparison = {label: {'ci': item, 'm_v': item} for label in LABELS}
    figure = plot_distributions(comparison, names={'ci': 'CI', 'm_v': '$M_V$'})
    assert len(figure.axes) == 4
    assert texts(figure.axes[0]) == ['0.21']
    assert figure.axes[0].lines[1].get_xdata().tolist() == [0.2, 0.5, 0.9]
    assert [axes.get_xlabel() for axes in figure.axes] == ['', '', 'CI', '$M_V$']


def test_accuracies():
    """Bars are grouped by class."""
    series = {'all': ([76, 60], [4, 5]), 'no F555W': ([50, 30], [np.nan, np.nan])}
    figure = plot_accuracies(series, labels=LABELS, title='filters')
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [76, 60, 50, 30]
