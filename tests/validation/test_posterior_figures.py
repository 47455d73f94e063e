# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the figures of posteriors on grids.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.networks import Grid, Images, Parameter, Posterior, Spec
from starcnn.validation import plot_colours, plot_examples, plot_stochastic

pytest.importorskip('matplotlib')

FILTERS = ('F336W', 'F438W', 'F814W')
AGE = Parameter(
    name='age', unit='yr', bounds=(6.6, 9.0), log=True, grid=tuple(np.arange(6, 10, 0.2).tolist())
)
A_V = Parameter(name='a_v', unit='mag', bounds=(0.0, 3.0), grid=(0.5, 1.5, 2.5))
R_H = Parameter(name='r_h', unit='arcsec', bounds=(-1.5, 0.0), log=True, grid=(-1.0, -0.6, -0.2))
IMAGES = Images(name='x', filters=FILTERS, shape=(8, 8), pixel_scale=0.04, unit='electron / s')
SPEC = Spec(
    family='toy',
    variant='cnn',
    inputs=(IMAGES,),
    outputs=(Grid(name='joint', parameters=(AGE, A_V)), R_H),
)


@pytest.fixture
def posterior():
    """Posteriors of three sources, each sharply at one age and one A_V."""
    joint, r_h = np.zeros((3, 20, 3)), np.zeros((3, 3))
    joint[np.arange(3), [4, 8, 12], [0, 1, 2]] = 1
    r_h[:, 1] = 1
    return Posterior.from_outputs({'joint': joint, 'r_h': r_h}, SPEC)


@pytest.fixture
def truth():
    """Their parameters."""
    return QTable({'age': 10 ** np.array([6.8, 7.6, 8.4]) * u.yr, 'a_v': [0.5, 1.5, 2.5] * u.mag})


def test_stochastic(posterior, truth):
    """Maps, estimates of all realisations and truths are at their places."""
    clusters = [posterior[[0, 1]], posterior[[2, 1, 1]]]
    axes = plot_stochastic(clusters, truth[[0, 2]], SPEC)
    density = axes.collections[0].get_array().reshape(3, 20)
    expected = np.zeros((3, 20))
    expected[0, 4] = expected[2, 12] = 1
    assert_allclose(density, expected)
    first, second, true = axes.lines
    assert_allclose(first.get_xdata(), [6.8, 7.6])
    assert_allclose(second.get_ydata(), [2.5, 1.5, 1.5])
    assert_allclose(true.get_xdata(), [6.8, 8.4])
    assert axes.get_xlabel() == 'log(age / yr)'
    # the grid reaches from 5.9 to 9.9, and both ends are beyond the range of the training
    assert_allclose(axes.get_xlim(), [5.9, 9.9])
    assert [patch.get_x() for patch in axes.patches] == pytest.approx([5.9, 9.0])
    assert_allclose([patch.get_width() for patch in axes.patches], [0.7, 0.9])


@pytest.mark.parametrize('n_filter', [2, 3])
def test_examples(posterior, truth, n_filter, tmp_path):
    """A row has a colour image if it can, its filters, histograms and the map."""
    images = np.random.default_rng(0).normal(size=(3, n_filter, 8, 8))
    images[0, 0] = np.nan
    meta = {'filters': FILTERS[:n_filter]}
    data = NDData(images, unit='electron / s', meta=meta)
    figure = plot_examples(data, posterior, SPEC, truth=truth)
    n_pictures = 4 if n_filter == 3 else 2
    rows = np.reshape(figure.axes, (3, n_pictures + 2))
    assert all(len(ax.images) == 1 for ax in rows[:, :n_pictures].ravel())
    titles = [ax.get_title() for ax in rows[0, :n_pictures]]
    assert titles == [''] * (n_filter == 3) + list(meta['filters'])
    estimate, true = rows[1, -1].lines[1], rows[1, -1].lines[0]
    for line in (estimate, true):
        assert_allclose([line.get_xdata(), line.get_ydata()], [[7.6], [1.5]])
    histogram = rows[1, -2]
    assert_allclose([bar.get_height() for bar in histogram.patches[:3]], [0, 1, 0])
    assert_allclose(histogram.lines[0].get_xdata(), -0.6)
    if n_filter == 3:
        figure.savefig(tmp_path / 'figure.png', dpi=30)
        assert np.shape(rows[1, 0].images[0].get_array()) == (8, 8, 3)


def test_colours():
    """Images are side by side from below, the last filter red, with texts."""
    images = np.zeros((6, 3, 8, 9))
    images[:, 2, 4, 4] = 100.0
    axes = plot_colours(NDData(images), n_columns=2, texts='abcdef')
    assert [tuple(image.get_extent()) for image in axes.images[1:3]] == [(1, 2, 0, 1), (0, 1, 1, 2)]
    assert_allclose(axes.images[0].get_array()[4, 4], [1, 0, 0])
    assert [text.get_text() for text in axes.texts] == list('abcdef')
    assert axes.get_xlim() == (0, 2)
    assert axes.get_ylim() == (0, 3)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            lambda p, t: plot_colours(NDData(np.zeros((5, 3, 8, 8))), n_columns=2),
            r'data must have shape \(a multiple of 2, 3, ny, nx\), got \(5, 3, 8, 8\)',
        ),
        (lambda p, t: plot_stochastic([p], t, SPEC), 'truth must have a row for each of 1'),
        (lambda p, t: plot_stochastic([p] * 3, t, SPEC, names=('age',)), 'names must be two of'),
        (
            lambda p, t: plot_examples(NDData(np.zeros((2, 3, 8, 8))), p, SPEC),
            r'data must have shape \(3, n_filter, ny, nx\)',
        ),
    ],
)
def test_errors(posterior, truth, call, message):
    """Arguments that do not fit are refused."""
    with pytest.raises(ValueError, match=message):
        call(posterior, truth)
