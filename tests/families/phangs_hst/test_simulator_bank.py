# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of banks of simulated stamps, and of the table that they are drawn from.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.families.phangs_hst._populations import VARIABLES, _table, quantile_table
from starcnn.families.phangs_hst.simulator import BACKEND, Options
from starcnn.families.phangs_hst.spec import CLASSES, FILTERS
from starcnn.networks import Classes, Images, Spec

TOOLS = Path(__file__).parents[3] / 'tools'
DATA = os.environ.get('STARCNN_DATA_DIR')


def encode(data, _spec):
    """Return stamps as they are."""
    return {'images': np.asarray(data.data, np.float32)}


@pytest.mark.slow
@pytest.mark.training
def test_bank(tmp_path):
    """A bank that was stopped is finished; it is the one that is made at once."""
    pytest.importorskip('zarr')
    pytest.importorskip('torch')
    from starcnn.train import build_bank

    images = Images(
        name='images', filters=FILTERS, shape=(32, 32), pixel_scale=0.04, unit='electron / s'
    )
    spec = Spec(
        family='phangs_hst',
        variant='test',
        inputs=(images,),
        outputs=(Classes(name='class', labels=CLASSES),),
    )
    settings = {'n': 12, 'seed': 1, 'options': Options(shape=(32, 32)), 'chunk': 4}
    whole = build_bank(BACKEND, encode, spec, folder=tmp_path / 'a', **settings)
    part = build_bank(BACKEND, encode, spec, folder=tmp_path / 'b', max_seconds=0.0, **settings)
    assert part is None
    again = build_bank(BACKEND, encode, spec, folder=tmp_path / 'b', **settings)
    assert whole.sha256 == again.sha256
    assert set(whole.truth['class'].tolist()) <= {0, 1, 2, 3}


def test_table():
    """The packaged table holds distributions, and no source of the catalogues."""
    table = _table()
    assert {name: array.shape for name, array in table.items()} == {
        'quantiles': (4, 10, 201),
        'weights': (4, 6),
        'means': (4, 6, 10),
        'covariances': (4, 6, 10, 10),
        'levels': (201,),
        'distances': (32,),
        'counts': (4, 32),
    }
    assert_allclose(table['weights'].sum(axis=1), 1, rtol=1e-5)
    assert (np.diff(table['quantiles'], axis=2) >= 0).all()
    assert (np.linalg.eigvalsh(table['covariances']) > 0).all()


@pytest.mark.skipif(DATA is None, reason='needs STARCNN_DATA_DIR')
def test_table_is_of_the_catalogue(monkeypatch):
    """The quantiles are those of the catalogue that the tool reads."""
    monkeypatch.syspath_prepend(str(TOOLS))
    tool = pytest.importorskip('fit_legus_distributions')
    monkeypatch.delitem(sys.modules, 'fit_legus_distributions')
    assert tool.VARIABLES == VARIABLES
    path = Path(DATA) / 'catalogs' / 'legus_labelled.csv.xz'
    values, classes, _ = tool.make_variables(tool.read_catalogue(path))
    for label in CLASSES:
        levels, quantiles = quantile_table(label)
        rows = values[classes == int(label)]
        for name, column in zip(VARIABLES[1:], rows[:, 1:].T, strict=True):
            assert_allclose(quantiles[name], np.quantile(column, levels), rtol=1e-5, atol=1e-5)
