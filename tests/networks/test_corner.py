# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the figure of a posterior.
"""

import numpy as np
import pytest

from starcnn.networks import Posterior, Spec
from starcnn.networks._corner import _pair_density

matplotlib = pytest.importorskip('matplotlib')


@pytest.fixture
def posterior(joint_spec):
    """The posterior of two sources, the second without a result."""
    matplotlib.use('agg')
    components = [
        [0.6, 3.0, 0, 0.1, 0.1, 0.1],
        [0.3, 2.5, 0.3, 0.1, 0, 0.2],
        [0.1, 3, 0, 0.2, 0, 0.2],
    ]
    mixture = np.array([components] * 2)
    mixture[1] = np.nan
    joint = np.zeros((2, 9, 3))
    joint[:, 3:5] = 1 / 6
    outputs = {'joint': joint, 'mixture': mixture}
    spec = Spec(
        family='toy', variant='joint', inputs=joint_spec.inputs, outputs=joint_spec.outputs[:2]
    )
    return Posterior.from_outputs(outputs, spec)


def test_plot(posterior, tmp_path):
    """Diagonal and lower axes are drawn and labelled, the others are empty."""
    axes = posterior.plot(0)
    assert axes.shape == (4, 4)
    labels = [ax.get_xlabel() for ax in axes[-1]]
    assert labels == ['log10(age / yr)', 'a_v / mag', 'log10(distance / pc)', 'feh']
    for row in range(4):
        for column in range(4):
            assert axes[row, column].axison == (column <= row)
            assert axes[row, column].has_data() == (column <= row)
    axes[0, 0].figure.savefig(tmp_path / 'corner.png')
    matplotlib.pyplot.close(axes[0, 0].figure)


def test_given_axes(posterior):
    """The axes can be given, and must be enough."""
    figure = matplotlib.figure.Figure()
    axes = figure.subplots(4, 4)
    assert posterior.plot(0, axes=axes) is axes
    with pytest.raises(ValueError, match=r'axes must be an array with shape \(4, 4\), got \(2,\)'):
        posterior.plot(0, axes=axes[0, :2])


def test_no_result(posterior):
    """A source without a result says so."""
    axes = posterior.plot(1, axes=matplotlib.figure.Figure().subplots(4, 4))
    assert axes[3, 2].texts[0].get_text() == 'no result'
    assert axes[0, 0].lines


def test_pair_density(posterior):
    """The density of a pair integrates to one, from one output or from two."""
    places = [posterior[0]._find(name) for name in ('distance', 'feh', 'a_v')]
    x, y, z = np.linspace(1.5, 4, 301), np.linspace(-1.5, 2, 301), np.linspace(0.005, 2.995, 300)
    joint = _pair_density(places[0], places[1], x, y)
    assert np.trapezoid(np.trapezoid(joint, x), y) == pytest.approx(1, rel=1e-4)
    apart = _pair_density(places[2], places[1], z, y)
    assert np.trapezoid(apart.sum(axis=1) * 0.01, y) == pytest.approx(1, rel=0.02)
