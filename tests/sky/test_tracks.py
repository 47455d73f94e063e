# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of phases and of the common nodes of isochrones.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.sky._tracks import (
    CHEB,
    EAGB,
    MS,
    NODE_PHASES,
    RGB,
    SGB,
    TPAGB,
    find_phases,
    gravity,
    mend_phases,
    resample,
)


@pytest.fixture
def old():
    """
    An old isochrone drawn by straight lines: masses, log L, log T_eff, and the phases meant.
    """
    corners = np.array([
        [0.1, -3.0, 3.50], [1.00, 0.3, 3.80], [1.05, 0.4, 3.70], [1.06, 3.4, 3.50],
        [1.061, 1.6, 3.66], [1.064, 1.7, 3.65], [1.065, 3.3, 3.51],
    ])  # fmt: skip
    at = np.linspace(0, 6, 301)
    columns = [np.interp(at, np.arange(7), column) for column in corners.T]
    phase = np.select([at < 1, at < 2, at <= 3, at <= 5], [MS, SGB, RGB, CHEB], EAGB)
    return *columns, phase


def test_find_phases(old):
    """The turn-off, the tip and the clump are found from the shape of the track."""
    m_ini, log_l, log_teff, expected = old
    found = find_phases(m_ini, log_l, log_teff)
    assert set(found) == {MS, SGB, RGB, CHEB, EAGB}
    assert (np.diff(found) >= 0).all()
    for phase in (SGB, CHEB):
        assert abs(np.argmax(found == phase) - np.argmax(expected == phase)) <= 2
    assert m_ini[found == RGB][-1] == pytest.approx(1.06, abs=1e-3)


def test_find_phases_of_main_sequence(old):
    """A track that never cools is a main sequence."""
    m_ini, log_l, log_teff, expected = old
    sequence = expected == MS
    assert set(find_phases(m_ini[sequence], log_l[sequence], log_teff[sequence])) == {MS}


def test_mend_phases(old):
    """Phases never go back; supergiants that are labelled main sequence are found."""
    m_ini, log_l, log_teff, expected = old
    stray = expected.copy()
    stray[-3] = 0
    assert (mend_phases(stray, m_ini, log_l, log_teff) == expected).all()
    labelled = np.zeros_like(expected)
    assert (mend_phases(labelled, m_ini, log_l, log_teff) == MS).all()
    assert mend_phases(labelled, 10 * m_ini, log_l, log_teff).max() == EAGB


def test_resample(old):
    """The nodes lie on the track, phase by phase, and missing phases have no length."""
    m_ini, log_l, log_teff, phase = old
    nodes = resample(m_ini, phase, np.column_stack([m_ini, log_l, log_teff]))
    assert nodes.shape == (len(NODE_PHASES), 4)
    assert (np.diff(nodes[:, 0]) >= 0).all()
    assert_allclose(10 ** nodes[NODE_PHASES == MS, 0][[0, -1]], [0.1, 1.0])
    assert_allclose(nodes[NODE_PHASES == RGB, 2].max(), 3.4, atol=0.02)
    assert_allclose(nodes[NODE_PHASES == TPAGB], nodes[-1:].repeat(24, axis=0))
    lower = nodes[:, 0] < np.log10(0.99)
    assert_allclose(nodes[lower, 2], np.interp(10 ** nodes[lower, 0], m_ini, log_l), atol=0.01)


def test_pulses_are_averaged():
    """The thermally pulsing AGB keeps its mean luminosity, not its pulses."""
    m_ini = np.concatenate([np.linspace(0.1, 2, 50), np.linspace(2.001, 2.002, 5001)])
    phase = np.concatenate([np.full(50, MS), np.full(5001, TPAGB)])
    pulses = 3.5 + 0.3 * np.sign(np.sin(np.linspace(0, 400 * np.pi, 5001)))
    log_l = np.concatenate([np.linspace(-3, 1, 50), pulses])
    values = np.column_stack([m_ini, log_l, np.full(len(m_ini), 3.6)])
    nodes = resample(m_ini, phase, values)[NODE_PHASES == TPAGB]
    assert_allclose(nodes[1:-1, 2], 3.5, atol=0.05)


def test_gravity():
    """The Sun has log g = 4.438."""
    assert_allclose(gravity(1, 0, np.log10(5772)), 4.438, atol=0.003)
