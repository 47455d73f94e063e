# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat.spec.
"""

import numpy as np
import pytest

from starcnn.families.m31_phat.spec import DEFAULT, PAPER, make_default, make_paper
from starcnn.mocks import make_bank_spec
from starcnn.networks import Grid, Spec

BY_SPEC = pytest.mark.parametrize('spec', [PAPER, DEFAULT], ids=lambda spec: spec.variant)

# Section 4.3 of the paper, on the axes.
RANGES = {'age': (6.6, 9.5), 'mass': (2, 4), 'r_h': (-1, np.log10(1.6))}


def names_of(spec):
    """Return the names of the parameters of each output."""
    return [[parameter.name for parameter in part.parameters] for part in spec.outputs]


@BY_SPEC
def test_inputs_and_outputs(spec):
    """Three filters of 80 by 80 pixels go in; age, mass and size come out."""
    (images,) = spec.inputs
    assert images.filters == ('F336W', 'F475W', 'F814W')
    assert (images.shape, images.pixel_scale, images.unit) == ((80, 80), 0.05, 'electron / s')
    bounds = {parameter.name: parameter.bounds for parameter in spec.parameters}
    for name, wanted in RANGES.items():
        assert bounds[name] == pytest.approx(wanted, abs=1e-5)
    assert Spec.from_json(spec.to_json()) == spec


def test_outputs():
    """The paper has three estimates; ours a joint distribution of all three, and a visibility."""
    assert names_of(PAPER) == [['age'], ['mass'], ['r_h']]
    assert [part.dimensions[1:] for part in PAPER.outputs] == [(2,)] * 3
    assert names_of(DEFAULT) == [['age', 'mass', 'r_h'], ['visibility']]
    assert DEFAULT.outputs[0].dimensions[1:] == (37, 34, 21)


def test_cells():
    """Even cells of less than a tenth of a dex fill the ranges."""
    for parameter in DEFAULT.outputs[0].parameters:
        grid, bounds = np.array(parameter.grid), RANGES[parameter.name]
        step = np.diff(grid)
        assert step == pytest.approx(step[0], abs=3e-6)
        assert step[0] < 0.1
        ends = grid[0] - step[0] / 2, grid[-1] + step[0] / 2
        assert ends == pytest.approx(bounds, abs=1e-5)


def test_extinction():
    """With a range of A_V it is joint with age and mass, and size is by itself."""
    spec = make_default(a_v=(0.0, 2.0))
    assert names_of(spec) == [['age', 'a_v', 'mass'], ['r_h'], ['visibility']]
    assert isinstance(spec.outputs[0], Grid)
    assert spec.parameters[1].bounds == (0.0, 2.0)
    assert names_of(make_paper(a_v=(0.0, 2.0))) == [['age'], ['a_v'], ['mass'], ['r_h']]
    # one value is none
    assert make_default(a_v=(0.5, 0.5)) == DEFAULT


@pytest.mark.parametrize('make', [make_paper, make_default])
def test_other_clusters(make):
    """Specs of other galaxies have their filters and ranges."""
    spec = make(filters=('F475W',), shape=(48, 48), pixel_scale=0.04, log_mass=(3.0, 5.0))
    assert spec.inputs[0].dimensions[1:] == (1, 48, 48)
    assert spec.inputs[0].pixel_scale == 0.04
    assert {p.name: p.bounds for p in spec.parameters}['mass'] == (3.0, 5.0)


def test_bank():
    """One bank is for both networks: clusters, fields, what is known of them, no grids."""
    bank = make_bank_spec(DEFAULT)
    assert bank == make_bank_spec(PAPER)
    assert [part.name for part in bank.inputs] == ['clusters', 'fields', 'level', 'scatter', 'flux']
    assert bank.inputs[0].dimensions == bank.inputs[1].dimensions == (None, 3, 80, 80)
    assert names_of(bank) == [['age'], ['mass'], ['r_h']]
    assert all(parameter.grid is None for parameter in bank.parameters)
    dusty = make_bank_spec(make_default(a_v=(0, 1)))
    assert names_of(dusty) == [['age'], ['a_v'], ['mass'], ['r_h']]
