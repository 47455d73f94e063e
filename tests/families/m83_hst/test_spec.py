# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.spec.
"""

import numpy as np
import pytest

from starcnn.families.m83_hst.spec import DEFAULT, LABELS, PAPER, make_default, make_paper
from starcnn.mocks import make_bank_spec
from starcnn.networks import Spec

BY_SPEC = pytest.mark.parametrize('spec', [PAPER, DEFAULT], ids=lambda spec: spec.variant)
RANGES = {'age': (6.6, 10.1), 'a_v': (0, 3), 'mass': (3.5, 5.5), 'r_h': np.log10([0.04, 0.4])}


def grids(spec):
    """Return the nodes of each parameter."""
    return {parameter.name: np.array(parameter.grid) for parameter in spec.parameters}


@BY_SPEC
def test_inputs_and_outputs(spec):
    """Three filters of 64 by 64 pixels go in; four groups of probabilities come out."""
    (images,) = spec.inputs
    assert images.filters == ('F336W', 'F438W', 'F814W')
    assert (images.shape, images.pixel_scale) == ((64, 64), 0.04)
    assert [part.name for part in spec.outputs] == ['age_a_v_mass', 'r_h', 'class', 'visibility']
    assert spec.outputs[2].labels == LABELS == ('background', 'cluster')
    assert Spec.from_json(spec.to_json()) == spec


def test_grids_of_the_paper():
    """20 by 10 by 14 cells, 14 and 20 (Fig. 6), a twentieth of each range beyond it."""
    found = grids(PAPER)
    sizes = {'age': 20, 'a_v': 10, 'mass': 14, 'r_h': 14, 'visibility': 20}
    assert {name: len(grid) for name, grid in found.items()} == sizes
    for name, (low, high) in RANGES.items():
        grid = found[name]
        half = (grid[1] - grid[0]) / 2
        assert grid[0] - half == pytest.approx(low - 0.05 * (high - low), abs=1e-5)
        assert grid[-1] + half == pytest.approx(high + 0.05 * (high - low), abs=1e-5)


@BY_SPEC
def test_grids_are_even_and_hold_the_ranges(spec):
    """All true values lie in a cell."""
    found = grids(spec)
    for name, (low, high) in RANGES.items():
        steps = np.diff(found[name])
        assert steps == pytest.approx(steps[0], abs=1e-5)
        assert found[name][0] - steps[0] / 2 <= low + 1e-6
        assert found[name][-1] + steps[0] / 2 >= high - 1e-6


def test_grids_of_the_default_network():
    """35 by 20 by 40 cells of age, A_V and mass, 50 of size, 28 of visibility fill the ranges."""
    found = grids(DEFAULT)
    sizes = {'age': 35, 'a_v': 20, 'mass': 40, 'r_h': 50, 'visibility': 28}
    assert {name: len(grid) for name, grid in found.items()} == sizes
    for name, bounds in RANGES.items():
        half = (found[name][1] - found[name][0]) / 2
        ends = found[name][0] - half, found[name][-1] + half
        assert ends == pytest.approx(bounds, abs=1e-5)


def test_default_is_finer():
    """Cells of the default network are smaller than those of the paper."""
    paper, default = grids(PAPER), grids(DEFAULT)
    for name in RANGES:
        assert np.diff(default[name])[0] < np.diff(paper[name])[0]


@pytest.mark.parametrize('make', [make_paper, make_default])
def test_other_clusters(make):
    """Specs of other galaxies have their filters and ranges."""
    spec = make(filters=('F475W',), shape=(48, 40), pixel_scale=0.05, log_mass=(2.0, 4.0))
    assert spec.inputs[0].dimensions[1:] == (1, 48, 40)
    mass = grids(spec)['mass']
    assert mass[0] < 2.1
    assert mass[-1] > 3.9


def test_bank():
    """The bank has what training makes images of, and the parameters without grids."""
    bank = make_bank_spec(DEFAULT)
    names = [part.name for part in bank.inputs]
    assert names == ['clusters', 'fields', 'level', 'scatter', 'flux']
    assert [p.name for p in bank.parameters] == ['age', 'a_v', 'mass', 'r_h']
    assert all(p.grid is None for p in bank.parameters)
