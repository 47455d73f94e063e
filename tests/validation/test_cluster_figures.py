# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the figures of many clusters.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.validation import plot_parameter_pairs, plot_true_derived, plot_visibility_class

figure_module = pytest.importorskip('matplotlib.figure')


@pytest.fixture
def tables():
    """Truths and results of 400 clusters; every 50th is 1 dex too young, the next one too old."""
    rng = np.random.default_rng(0)
    log_age, log_mass = rng.uniform(7.6, 9, 400), rng.uniform(3.5, 5.5, 400)
    truth = QTable(
        {
            'age': 10**log_age * u.yr,
            'mass': 10**log_mass * u.solMass,
            'a_v': rng.uniform(0, 3, 400) * u.mag,
            'r_h': rng.uniform(0.04, 0.4, 400) * u.arcsec,
            'visibility': 10 ** rng.uniform(-1, 2, 400),
        }
    )
    error = rng.uniform(-0.1, 0.1, 400)
    error[::50], error[1::50] = -1, 1
    result = truth.copy()
    result['age'] = (10 ** (log_age + error - 6)) * u.Myr
    result['prob_cluster'] = rng.uniform(size=400)
    return truth, result


def test_true_derived(tables):
    """Panels have bounds, labels, and the outliers in age, in red and blue."""
    figure = plot_true_derived(*tables, level=0.96)  # as many are not outliers
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == ['True log(age / yr)', 'True log(mass / M☉)', 'True $A_V$ [mag]',
                      'True log($r_\\mathrm{h}$ / arcsec)']  # fmt: skip
    for name, ax in zip(['age', 'mass', 'a_v', 'r_h'], figure.axes, strict=True):
        *_, low, high = ax.lines
        for line, first in ((low, 0), (high, 1)):
            x = tables[0][name].value[first::50]
            assert_allclose(line.get_xdata(), x if name == 'a_v' else np.log10(x))
        assert_allclose(ax.collections[0].get_array().sum(), 400)
        assert ax.collections[0].norm.vmin < 1  # one source in a hexagon is not white
    lower, _, upper = figure.axes[0].lines[:3]
    assert_allclose(upper.get_ydata() - upper.get_xdata(), 0.12, atol=0.02)
    assert_allclose(lower.get_ydata() - lower.get_xdata(), -0.12, atol=0.02)
    assert figure.axes[0].texts[0].get_text() == '96 % within 0.14 dex'


def test_true_derived_of_some(tables):
    """Parameters can be chosen, and outliers left out; spare panels are empty."""
    figure = plot_true_derived(*tables, parameters=('age', 'a_v', 'mass'), outliers=None)
    assert [ax.axison for ax in figure.axes] == [True, True, True, False]
    assert len(figure.axes[0].lines[-1].get_xdata()) == 0
    own = figure_module.Figure()
    assert plot_true_derived(*tables, parameters=('age',), figure=own) is own
    assert len(own.axes) == 1


def test_no_logarithm(tables):
    """Logarithms need positive values."""
    tables[1]['a_v'][0] = 0 * u.mag
    with pytest.raises(ValueError, match="log must name columns of positive values, got 'a_v'"):
        plot_true_derived(*tables, parameters=('a_v',), log=('age', 'a_v'))


def test_visibility_class(tables, tmp_path):
    """Fields and clusters are in all panels, and histograms count all of them."""
    truth, result = tables
    fields = result[:100]['visibility', 'prob_cluster']
    figure = plot_visibility_class(result, fields, truth)
    top, corner, main, right = figure.axes
    assert [len(line.get_xdata()) for line in main.lines[:2]] == [100, 400]
    assert_allclose(main.lines[1].get_ydata(), np.log10(result['visibility']))
    assert_allclose(main.lines[1].get_xdata(), result['prob_cluster'])
    for ax in (top, right):
        assert len(ax.patches) == 2
    assert_allclose(corner.collections[0].get_array().sum(), 400)
    assert right.get_xscale() == top.get_yscale() == 'log'
    figure.savefig(tmp_path / 'figure.png', dpi=30)


def test_parameter_pairs(tables, tmp_path):
    """Each pair has a panel, with the most visible on top; other sources are behind."""
    truth, result = tables
    figure = plot_parameter_pairs(result, others=truth[:50])
    axes = [ax for ax in figure.axes if ax.get_label() != '<colorbar>']
    assert len(axes) == 6
    points = axes[5].collections[0]
    order = np.argsort(result['visibility'])
    assert_allclose(points.get_array(), np.log10(result['visibility'][order]))
    assert_allclose(points.get_offsets()[:, 0], result['a_v'].value[order])
    assert_allclose(points.get_offsets()[:, 1], np.log10(result['r_h'].value[order]))
    assert len(axes[5].lines[0].get_xdata()) == 50
    assert figure.axes[-1].get_ylabel() == 'log visibility'
    figure.savefig(tmp_path / 'figure.png', dpi=30)
    assert len(plot_parameter_pairs(result, parameters=('age', 'mass')).axes) == 2
