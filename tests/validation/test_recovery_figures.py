# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the figures of recovery.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.validation import plot_completeness, plot_recovered, recovery


@pytest.fixture
def result():
    """A recovery by mass, in which the lower half is lost."""
    n = 400
    mass = np.logspace(2, 3.999, n) * u.solMass
    truth = QTable({'id': np.arange(n), 'mass': mass, 'a_v': np.ones(n) * u.mag})
    found = truth[n // 2 :].copy()
    found['a_v'] += 0.3 * u.mag
    found['mass'] *= 10**0.1
    edges = [100, 300, 1000, 3000, 10_000, 30_000] * u.solMass
    return recovery(truth, found, by='mass', bins=edges, radius=None)


def points(axes):
    """Return the points of the error bars."""
    (bars,) = axes.containers
    return bars.lines[0].get_data()


def test_completeness(result):
    """Points are in the middle of the bins, in the logarithm; empty bins have none."""
    axes = plot_completeness(result)
    x, y = points(axes)
    assert_allclose(x[:2], [(2 + np.log10(300)) / 2, (np.log10(300) + 3) / 2])
    assert_allclose(y[:4], [0, 0, 1, 1], atol=0.01)
    assert np.isnan(y[4])
    assert axes.get_xlabel() == 'True log(mass / M☉)'
    assert axes.get_ylabel() == 'Completeness'
    counts = axes.figure.axes[1]
    assert counts.get_ylabel() == 'Number of sources'


@pytest.mark.parametrize(
    ('parameter', 'bias', 'label'),
    [
        ('a_v', 0.3, 'Found $-$ true $A_V$ [mag]'),
        ('mass', 0.1, 'Found $-$ true log mass [dex]'),
    ],
)
def test_recovered(result, parameter, bias, label):
    """Points are the biases, in dex for logarithms."""
    axes = plot_recovered(result, parameter)
    _, y = points(axes)
    assert_allclose(y[2:4], bias, rtol=1e-9)
    assert np.isnan(y[[0, 4]]).all()
    assert axes.get_ylabel() == label
    assert axes.figure.canvas is not None
    axes.figure.draw_without_rendering()


def test_into_axes(result):
    """Axes that are given are drawn into."""
    from matplotlib.figure import Figure

    first, second = Figure().subplots(1, 2)
    assert plot_completeness(result, axes=first) is first
    assert plot_recovered(result, 'a_v', axes=second) is second
    with pytest.raises(ValueError, match=r"parameter must be one of \['mass', 'a_v'\], got 'age'"):
        plot_recovered(result, 'age')
