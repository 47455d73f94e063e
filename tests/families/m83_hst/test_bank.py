# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.bank.
"""

from dataclasses import replace

import numpy as np
import pytest

from starcnn.families.m83_hst.bank import BANK
from starcnn.families.m83_hst.spec import DEFAULT
from starcnn.mocks import encode_bank, make_bank_spec

SMALL = (24, 24)


def test_arrays(parameters, options):
    """The arrays are those that the spec of the bank names, with its shapes."""
    data, truth = BANK.simulate(parameters[:2], options, np.random.default_rng(2))
    assert {part.name: part.dimensions[1:] for part in make_bank_spec(DEFAULT).inputs} == {
        name: values.shape[1:] for name, values in data.items()
    }
    assert {p.name for p in make_bank_spec(DEFAULT).parameters} <= set(truth.colnames)
    assert encode_bank(data, DEFAULT) is data


@pytest.mark.slow
@pytest.mark.training
def test_killed_bank_goes_on(options, tmp_path):
    """A bank that was stopped is finished; it is the one that two workers make at once."""
    pytest.importorskip('zarr')
    pytest.importorskip('torch')
    from starcnn.train import build_bank

    spec = replace(DEFAULT, inputs=(replace(DEFAULT.inputs[0], shape=SMALL),))
    settings = {'n': 12, 'seed': 1, 'options': replace(options, shape=SMALL), 'chunk': 4}
    whole = build_bank(BANK, encode_bank, spec, folder=tmp_path / 'a', n_workers=2, **settings)
    part = build_bank(BANK, encode_bank, spec, folder=tmp_path / 'b', max_seconds=0.0, **settings)
    assert part is None
    again = build_bank(BANK, encode_bank, spec, folder=tmp_path / 'b', **settings)
    assert whole.sha256 == again.sha256
