# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the shares of bimodal and extended posteriors.
"""

import numpy as np
import pytest

from starcnn.networks import Features, Grid, Parameter, Posterior, Spec
from starcnn.validation import share_bimodal, share_extended

AGE = Parameter(
    name='age', unit='yr', bounds=(6.0, 10.0), log=True, grid=tuple(np.arange(6.1, 10, 0.2))
)
A_V = Parameter(name='a_v', unit='mag', bounds=(0.0, 3.0), grid=tuple(np.arange(0.15, 3, 0.3)))
SPEC = Spec(
    family='toy',
    variant='dense',
    inputs=(Features(name='x', columns=('c',), units=('',), bounds=((0.0, 1.0),)),),
    outputs=(Grid(name='joint', parameters=(AGE, A_V)),),
)


@pytest.fixture
def posterior():
    """Two compact posteriors, one with two peaks, one extended, and one without a result."""
    joint = np.zeros((5, 20, 10))
    joint[0, 3, 3] = joint[1, 7, 8] = 1
    joint[2, 2, 2] = joint[2, 12, 7] = 0.5
    joint[3, np.arange(4, 14), np.arange(10)] = 0.1  # a diagonal of ten cells, 6.8 of them needed
    joint[4] = np.nan
    joint[3] = joint[3] / 2 + np.roll(joint[3], 1, axis=0) / 2  # and as much beside it
    return Posterior.from_outputs({'joint': joint}, SPEC)


def test_shares(posterior):
    """The shares are of the sources with a result; 13.6 of 200 cells are extended."""
    assert share_bimodal(posterior) == 0.25
    assert share_extended(posterior) == 0.25
    assert share_extended(posterior, extent=0.067) == 0.25
    assert share_extended(posterior, extent=0.069) == 0
    assert share_extended(posterior, extent=0.003) == 0.75


def test_names(posterior):
    """Marginals can be looked at as well."""
    assert share_bimodal(posterior, 'a_v') == 0.25
    assert share_extended(posterior, ('age',), extent=0.3) == 0.25


@pytest.mark.parametrize('share', [share_bimodal, share_extended])
def test_no_result(posterior, share):
    """Without a result there is no share."""
    with pytest.raises(ValueError, match='posterior must have at least one source with a result'):
        share(posterior[4])
