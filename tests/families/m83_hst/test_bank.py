# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst.bank.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.families.m83_hst._clusters import make_clusters
from starcnn.families.m83_hst._setup import get_setup
from starcnn.families.m83_hst.bank import BANK, encode_bank, simulate_bank
from starcnn.families.m83_hst.simulator import sample, simulate
from starcnn.families.m83_hst.spec import BANK as BANK_SPEC
from starcnn.families.m83_hst.spec import DEFAULT

SMALL = (24, 24)


@pytest.fixture(scope='module')
def small(options):
    """Options with small images."""
    return replace(options, shape=SMALL)


@pytest.fixture(scope='module')
def bank(parameters, options):
    """Arrays and truth."""
    return simulate_bank(parameters, options, np.random.default_rng(2))


def test_arrays(bank):
    """The arrays are those that the spec of the bank names, with its shapes."""
    data, truth = bank
    assert {part.name: part.dimensions[1:] for part in BANK_SPEC.inputs} == {
        name: values.shape[1:] for name, values in data.items()
    }
    assert {p.name for p in BANK_SPEC.parameters} <= set(truth.colnames)
    assert (data['clusters'].dtype, data['fields'].dtype) == (np.float16, np.float16)
    assert all(np.isfinite(values).all() for values in data.values())


def test_clusters_have_no_background(bank, parameters, options):
    """Clusters are noise-free: what the simulator renders."""
    made = make_clusters(parameters, get_setup(options))
    assert_allclose(bank[0]['clusters'], made.images, rtol=1e-3, atol=1e-6)
    assert_allclose(bank[0]['flux'], made.flux, rtol=1e-6)
    assert (bank[1]['class'] == 'cluster').all()


def test_statistics_of_fields(bank):
    """Level and scatter are those of the fields that are stored."""
    fields = bank[0]['fields'].astype(float)
    assert_allclose(bank[0]['level'], np.median(fields, axis=(2, 3)), rtol=2e-3)
    y, x = np.indices((64, 64)) - 31.5
    near = fields[:, :, np.hypot(x, y) <= 25]
    assert_allclose(bank[0]['scatter'], near.std(axis=2), rtol=2e-3)


def test_together_they_are_the_mocks(parameters, quiet):
    """Cluster plus field is what the simulator makes, but for noise."""
    data, truth = simulate_bank(parameters, quiet, np.random.default_rng(2))
    images, expected = simulate(parameters, quiet, np.random.default_rng(3))
    fields, _ = simulate(
        parameters, replace(quiet, background_fraction=1.0), np.random.default_rng(3)
    )
    scale = images.data.max(axis=(2, 3), keepdims=True)
    difference = images.data - fields.data - data['clusters']
    assert abs(difference / scale).max() < 2e-3
    assert_array_equal(truth['F814W'], expected['F814W'])


def test_encode(bank):
    """Arrays go as they are, unless they are of other filters or another shape."""
    data = bank[0]
    assert encode_bank(data, DEFAULT) is data
    wrong = data | {'clusters': data['clusters'][:, :2]}
    with pytest.raises(ValueError, match=r'data must have images of shape \(3, 64, 64\)'):
        encode_bank(wrong, DEFAULT)


def test_same_seed_same_bank(small):
    """Nothing but the generator decides."""
    parameters = sample(3, small, np.random.default_rng(0))
    one, two = (BANK.simulate(parameters, small, np.random.default_rng(5))[0] for _ in range(2))
    for name, values in one.items():
        assert_array_equal(values, two[name])


@pytest.mark.slow
@pytest.mark.training
def test_killed_bank_goes_on(small, tmp_path):
    """A bank that was stopped is finished; it is the one that two workers make at once."""
    pytest.importorskip('zarr')
    pytest.importorskip('torch')
    from starcnn.train import build_bank

    spec = replace(DEFAULT, inputs=(replace(DEFAULT.inputs[0], shape=SMALL),))
    settings = {'n': 12, 'seed': 1, 'options': small, 'chunk': 4}
    whole = build_bank(BANK, encode_bank, spec, folder=tmp_path / 'a', n_workers=2, **settings)
    part = build_bank(BANK, encode_bank, spec, folder=tmp_path / 'b', max_seconds=0.0, **settings)
    assert part is None
    again = build_bank(BANK, encode_bank, spec, folder=tmp_path / 'b', **settings)
    assert whole.sha256 == again.sha256
