# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat.bank.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.families.m31_phat.bank import BANK
from starcnn.families.m31_phat.simulator import Options
from starcnn.mocks import encode_bank
from starcnn.networks import Features, Images, Parameter, Spec

OPTIONS = Options(shape=(24, 24))


def make_spec(options):
    """Return the spec of a bank of two parameters."""
    settings = {
        'filters': options.filters,
        'shape': options.shape,
        'pixel_scale': 0.05,
        'unit': 'electron / s',
    }
    numbers = {
        'columns': options.filters,
        'units': ('electron / s',) * 3,
        'bounds': ((0.0, 1e6),) * 3,
    }
    return Spec(
        family='m31_phat',
        variant='bank',
        inputs=(
            *(Images(name=name, **settings) for name in ('clusters', 'fields')),
            *(Features(name=name, **numbers) for name in ('level', 'scatter', 'flux')),
        ),
        outputs=(
            Parameter(name='age', unit='yr', bounds=(6.6, 9.5), log=True),
            Parameter(name='r_h', unit='arcsec', bounds=(-1.0, 0.2), log=True),
        ),
    )


def test_bright_and_faint_clusters_fit():
    """Half precision holds the brightest and the faintest clusters of the family."""
    options = replace(OPTIONS, shape=(80, 80))
    parameters = BANK.sample(2, options, np.random.default_rng(1))
    parameters['age'][:] = np.array([10**6.6, 10**9.5]) * parameters['age'].unit
    parameters['mass'][:] = np.array([1e4, 1e2]) * parameters['mass'].unit
    parameters['r_h'][:] = np.array([0.1, 1.6]) * parameters['r_h'].unit
    data, truth = BANK.simulate(parameters, options, np.random.default_rng(2))
    assert all(np.isfinite(values).all() for values in data.values())
    assert data['clusters'].max() > 100  # electron/s
    light = data['clusters'].astype(float).sum(axis=(2, 3))
    known = np.array([truth[name].value for name in options.filters]).T
    colours = -2.5 * np.log10(light[:, 1] / light[:, 2]) + (26.16 - 25.52)  # zero points of ACS
    assert_allclose(colours, known[:, 1] - known[:, 2], atol=0.15)


@pytest.mark.slow
@pytest.mark.training
def test_bank_is_built(tmp_path):
    """A bank on the disk opens again, and knows the options that it was made with."""
    pytest.importorskip('zarr')
    pytest.importorskip('torch')
    from starcnn.train import build_bank

    settings = {'n': 6, 'seed': 1, 'options': OPTIONS, 'chunk': 3, 'folder': tmp_path / 'a'}
    spec = make_spec(OPTIONS)
    bank = build_bank(BANK, encode_bank, spec, **settings)
    assert bank.inputs['clusters'].shape == (6, 3, 24, 24)
    assert bank.meta['options']['magnitude_limits'] == []
    again = build_bank(BANK, encode_bank, spec, **settings)
    assert again.sha256 == bank.sha256
