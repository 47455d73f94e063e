# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.validation.node_figures.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable

from starcnn.validation import ellipse_size, plot_cluster_grid, plot_error_boxes, plot_nodes

pytest.importorskip('matplotlib')

AGES, MASSES, RADII = (7.0, 8.0), (2.4, 3.6), (-0.8, 0.0)


def make_nodes(n):
    """
    Return true parameters of n clusters at each of eight nodes.
    """
    grid = np.stack(np.meshgrid(AGES, MASSES, RADII, indexing='ij'), axis=-1).reshape(-1, 3)
    age, mass, r_h = 10 ** np.repeat(grid, n, axis=0).T
    return QTable({'age': age * u.yr, 'mass': mass * u.solMass, 'r_h': r_h * u.arcsec})


def test_ellipse_size():
    """The mean half-axis, however the points are turned; none where they are on a line."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 20_000)) * [[0.3], [0.1]]
    assert ellipse_size(x, y) == pytest.approx(np.sqrt(0.03), rel=0.02)
    turned = (x + y) / np.sqrt(2), (x - y) / np.sqrt(2)
    assert ellipse_size(*turned) == pytest.approx(ellipse_size(x, y))
    assert ellipse_size(x, 2 * x) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize('points', [([1, 2], [1, 2]), ([1, 2, 3], [1, 2])])
def test_ellipse_needs_points(points):
    """Two points have no ellipse, and x must have its y."""
    with pytest.raises(ValueError, match='x and y must be three points or more, got shapes'):
        ellipse_size(*points)


def test_nodes():
    """Ellipses are around the means, as wide as the points scatter, and hold 39 %."""
    rng = np.random.default_rng(2)
    truth, found = make_nodes(500), make_nodes(500)
    found['mass'] *= 10 ** rng.normal(0.2, 0.3, len(found))
    found['r_h'] *= 10 ** rng.normal(0, 0.05, len(found))
    figure = plot_nodes(truth, found)
    assert [axes.get_title() for axes in figure.axes] == [
        f'log(age / yr) = {age:.2f}' for age in AGES
    ]
    assert 'mass' in figure.axes[0].get_xlabel()
    for axes in figure.axes:
        assert len(axes.patches) == len(MASSES) * len(RADII)
        for ellipse in axes.patches:
            x, y = ellipse.get_center()
            assert min(abs(x - 0.2 - mass) for mass in MASSES) < 0.05
            assert min(abs(y - r_h) for r_h in RADII) < 0.02
            axis = sorted((ellipse.get_width(), ellipse.get_height()))
            np.testing.assert_allclose(axis, [0.1, 0.6], rtol=0.12)
    rows = np.isclose(truth['age'].value, 1e7) & np.isclose(truth['mass'].value, 10**2.4)
    rows &= np.isclose(truth['r_h'].value, 10**-0.8)
    points = np.log10([found[name].value[rows] for name in ('mass', 'r_h')]).T
    (inside,) = (
        ellipse.contains_points(ellipse.get_data_transform().transform(points)).mean()
        for ellipse in figure.axes[0].patches
        if abs(ellipse.get_center()[0] - 2.6) < 0.1 and abs(ellipse.get_center()[1] + 0.8) < 0.1
    )
    assert inside == pytest.approx(1 - np.exp(-0.5), abs=0.05)
    figure.canvas.draw()


def test_axes_of_nodes():
    """Other parameters can be on the axes; the third has the panels."""
    truth = make_nodes(3)
    rng = np.random.default_rng(3)
    found = QTable(
        {name: truth[name] * rng.uniform(0.9, 1.1, len(truth)) for name in truth.colnames}
    )
    figure = plot_nodes(truth, found, names=('age', 'mass'))
    assert [axes.get_title()[-5:] for axes in figure.axes] == ['-0.80', ' 0.00']
    for names in (('age', 'age'), ('age', 'a_v'), ('age',)):
        with pytest.raises(ValueError, match='names must be two of'):
            plot_nodes(truth, found, names=names)
    with pytest.raises(ValueError, match='three clusters or more at each node, got 2'):
        plot_nodes(truth[::2], found[::2])


def test_error_boxes():
    """Boxes have the quartiles and whiskers of the errors in their bins; empty bins none."""
    rng = np.random.default_rng(4)
    n = 4000
    age, mass = rng.uniform(7, 9, n), rng.uniform(2, 3, n)
    truth = QTable({'age': 10**age * u.yr, 'mass': 10**mass * u.solMass})
    errors = np.where(age < 8, 0.3, -0.1) + 0.1 * rng.normal(size=n)
    found = QTable(truth, copy=True)
    found['age'] = (10 ** (age + errors) * u.yr).to(u.Myr)
    bins = {'age': 10.0 ** np.array([7, 8, 9, 10]), 'mass': 10.0 ** np.array([2, 3])}
    figure = plot_error_boxes(truth, found, bins=bins)
    assert len(figure.axes) == 4
    ax = figure.axes[0]
    assert 'dex' in ax.get_ylabel()
    assert 'mass' in figure.axes[3].get_xlabel()
    lines = [line.get_xydata() for line in ax.lines]
    boxes = [line for line in lines if len(line) == 5]
    parts = (errors[age < 8], errors[age >= 8])
    for box, here, middle in zip(boxes, parts, (7.5, 8.5), strict=True):
        (left, low), (right, high) = box.min(axis=0), box.max(axis=0)
        np.testing.assert_allclose([low, high], np.percentile(here, [25, 75]))
        np.testing.assert_allclose([left, right], [middle - 0.25, middle + 0.25])
        ends = np.concatenate([line[:, 1] for line in lines if len(line) == 2])
        for percentile in np.percentile(here, [2, 98]):
            assert abs(percentile - ends).min() < 0.02
    assert len(figure.axes[2].lines) > 0


@pytest.mark.parametrize('n_filters', [3, 1])
def test_cluster_grid(n_filters):
    """The image of a cluster is where its parameters say, and one scale is for all."""
    truth = make_nodes(1)
    rng = np.random.default_rng(5)
    images = rng.normal(0, 0.01, (8, n_filters, 10, 12))
    images[:, :, 4:6, 5:7] += np.log10(truth['mass'].value)[:, None, None, None] - 2
    order = rng.permutation(8)
    figure = plot_cluster_grid(NDData(images[order]), truth[order])
    assert len(figure.axes) == 2
    for axes in figure.axes:
        (picture,) = (image.get_array() for image in axes.images)
        assert picture.shape == (24, 28, 3)
        assert picture.min() >= 0
        assert picture.max() <= 1
        blank = np.asarray(picture[10:12])
        assert (blank == 1).all()
        assert picture[4:6, 5:7].max() < picture[4:6, 19:21].min()
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ['2.40', '3.60']
        assert [tick.get_text() for tick in axes.get_yticklabels()] == ['-0.80', '0.00']


def test_cluster_grid_needs_an_image_of_each():
    """As many images as rows of the truth."""
    with pytest.raises(ValueError, match=r'images must have shape \(8, n_filter, ny, nx\), got'):
        plot_cluster_grid(NDData(np.zeros((7, 3, 4, 4))), make_nodes(1))
