# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.bank.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.mocks import (
    encode_bank,
    get_setup,
    make_clusters,
    sample_clusters,
    simulate_bank,
    simulate_clusters,
)
from starcnn.networks import Images, Spec


@pytest.fixture(scope='module')
def bank(parameters, options):
    """Arrays and truth."""
    return simulate_bank(parameters, options, np.random.default_rng(2))


def make_spec(filters):
    """Return a spec that takes images of 64 by 64 pixels."""
    images = Images(
        name='clusters', filters=filters, shape=(64, 64), pixel_scale=0.04, unit='electron / s'
    )
    return Spec(family='test', variant='bank', inputs=(images,), outputs=())


def test_arrays(bank):
    """Images are stored in half, numbers in single precision; nothing is lost to either."""
    data, truth = bank
    shapes = {name: values.shape for name, values in data.items()}
    images, numbers = (12, 3, 64, 64), (12, 3)
    assert shapes == {
        'clusters': images, 'fields': images, 'level': numbers, 'scatter': numbers, 'flux': numbers
    }  # fmt: skip
    assert {name: values.dtype for name, values in data.items()} == {
        name: np.float16 if shape == images else np.float32 for name, shape in shapes.items()
    }
    assert all(np.isfinite(values).all() for values in data.values())
    assert truth.meta['BACKGRND'] == 'simulated'


def test_too_bright(parameters, options, flat, monkeypatch):
    """Pixels that half precision cannot hold are refused, and what to change is said."""
    near = replace(options, distance=50 * u.kpc, shape=(24, 24), density=(1.0, 1.0))
    rows = parameters[:1].copy()
    rows['mass'] = 10**5.5 * u.solMass
    rows['age'], rows['a_v'] = 1e7 * u.yr, 0 * u.mag
    setup = get_setup(near)
    fields = np.ones((1, 3, 24, 24)), np.ones(1)
    monkeypatch.setattr(setup, 'draw_backgrounds', lambda n, rng: fields)
    match = 'log_mass must be lower, or distance larger: .* up to 65504 electron/s, got [0-9.e+]+'
    with pytest.raises(ValueError, match=match):
        simulate_bank(rows, near, np.random.default_rng(1))
    fields[0][0, 1, 3, 3] = 1e6
    rows['mass'] = 1e3 * u.solMass
    with pytest.raises(ValueError, match=r'density must be lower, .* got 1e\+06'):
        simulate_bank(rows, near, np.random.default_rng(1))
    bright = np.full((1, 3, 64, 64), -1e5), np.ones(1)
    monkeypatch.setattr(get_setup(flat), 'draw_backgrounds', lambda n, rng: bright)
    with pytest.raises(ValueError, match=r'mosaics must be fainter: .* got 1e\+05'):
        simulate_bank(rows, flat, np.random.default_rng(1))


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
    images, expected = simulate_clusters(parameters, quiet, np.random.default_rng(3))
    fields, _ = simulate_clusters(
        parameters, replace(quiet, background_fraction=1.0), np.random.default_rng(3)
    )
    scale = images.data.max(axis=(2, 3), keepdims=True)
    difference = images.data - fields.data - data['clusters']
    assert abs(difference / scale).max() < 2e-3
    assert_array_equal(truth['F814W'], expected['F814W'])


def test_encode(bank):
    """Arrays go as they are, unless they are of other filters or another shape."""
    data = bank[0]
    assert encode_bank(data, make_spec(('F336W', 'F438W', 'F814W'))) is data
    with pytest.raises(ValueError, match=r'data must have images of shape \(2, 64, 64\)'):
        encode_bank(data, make_spec(('F336W', 'F438W')))


def test_same_seed_same_bank(options):
    """Nothing but the generator decides."""
    small = replace(options, shape=(24, 24))
    parameters = sample_clusters(3, small, np.random.default_rng(0))
    one, two = (simulate_bank(parameters, small, np.random.default_rng(5))[0] for _ in range(2))
    for name, values in one.items():
        assert_array_equal(values, two[name])
