# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.spec.
"""

import pytest

from starcnn.families.gaia_cmd.members import GAIA_UNITS
from starcnn.families.gaia_cmd.spec import ANN, CNN, MIXED, PARAMETERS, SET
from starcnn.networks import Spec

SPECS = pytest.mark.parametrize('spec', [ANN, CNN, MIXED, SET], ids=lambda spec: spec.variant)


@SPECS
def test_json(spec):
    """A spec comes back from its file as it was."""
    assert Spec.from_json(spec.to_json()) == spec


@SPECS
def test_parameters(spec):
    """All networks return the same three parameters."""
    assert spec.parameters == PARAMETERS
    assert [parameter.name for parameter in spec.parameters] == ['age', 'a_v', 'distance']


def test_paper():
    """The sizes of Branco & Ferraz (2023): 410 cells and three guesses, a picture of 180 by 180."""
    histogram, guesses = ANN.inputs
    assert len(histogram.columns) == 410
    assert len(guesses.columns) == 3
    assert CNN.inputs[0].shape == (180, 180)
    assert [part.name for part in MIXED.inputs] == ['picture', 'guesses']


def test_columns_of_stars():
    """Every column of the stars is one of the archive's, or the error of its magnitude."""
    columns = dict(zip(SET.inputs[0].columns, SET.inputs[0].units, strict=True))
    for name, unit in columns.items():
        if name in GAIA_UNITS:
            assert GAIA_UNITS[name] == unit or unit == ''
        else:
            assert name.endswith('_mean_mag_error')
            assert unit == 'mag'
