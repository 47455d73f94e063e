# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the estimator.
"""

from copy import deepcopy

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.tests.helper import assert_quantity_allclose

from starcnn import Estimator, Simulator, __version__
from starcnn._contract_compare import is_same
from starcnn.exceptions import DataFileError
from starcnn.flags import NO_DATA
from starcnn.networks import _stacks

TAGS = ['normal-1.0.0', 'grid-1.0.0', 'mixture-1.0.0']


@pytest.fixture
def mocks(plugin_manager):
    """Images of five toy clusters, and their truth."""
    simulator = Simulator('toy')
    return simulator.simulate(simulator.sample(5, rng=1), rng=1)


def test_available(plugin_manager):
    """The table of estimators has the tags of the weights, the default first."""
    table = Estimator.available()
    assert table.colnames == ['name', 'weights', 'summary', 'reference']
    (row,) = table[table['name'] == 'toy']
    assert row['weights'] == ', '.join(TAGS)


@pytest.mark.parametrize('tag', TAGS)
def test_predict(mocks, tag):
    """Each kind of output gives the true parameters back, with units and percentiles."""
    images, truth = mocks
    estimator = Estimator('toy', weights=tag)
    result = estimator.predict(images)
    names = [name + end for name in ('age', 'mass') for end in ('', '_16', '_84')]
    assert result.colnames == ['id', *names, 'flags']
    assert result['id'].tolist() == [1, 2, 3, 4, 5]
    # the nodes of the grid are up to 0.75 dex apart
    tolerance = 0.2 if tag.startswith('grid') else 0.005
    for name in ('age', 'mass'):
        ratio = np.log10((result[name] / truth[name]).to_value(u.one))
        assert np.abs(ratio).max() < tolerance
        assert (result[f'{name}_16'] < result[name]).all()
        assert (result[name] < result[f'{name}_84']).all()


def test_meta(mocks, toy):
    """The result says where it is from."""
    result = Estimator('toy').predict(mocks[0])
    assert result.meta == {
        'STARCNN': __version__,
        'BACKEND': 'toy',
        'WEIGHTS': 'normal-1.0.0',
        'SHA256': toy.files['estimator'][0].sha256,
        'BIBCODE': '2018A&A...616A...9L',
    }


def test_attributes(plugin_manager, toy):
    """Backend, weights and spec can be looked at."""
    estimator = Estimator('toy', weights='grid-1.0.0')
    assert estimator.backend.name == 'toy'
    assert estimator.weights == toy.files['estimator'][1]
    assert estimator.spec.variant == 'grid'
    assert repr(estimator) == '<Estimator toy with grid-1.0.0>'


def test_own_file(mocks, toy):
    """A path opens a file of the user's own."""
    path = toy.folder / toy.files['estimator'][0].file
    estimator = Estimator('toy', weights=path)
    assert estimator.weights is None
    result = estimator.predict(mocks[0])
    assert result.meta['WEIGHTS'] == path.name
    assert_quantity_allclose(result['age'], Estimator('toy').predict(mocks[0])['age'], rtol=0)


def test_own_file_is_missing(plugin_manager, tmp_path):
    """A path to nowhere is an error."""
    with pytest.raises(DataFileError, match='path must be a file that can be read'):
        Estimator('toy', weights=tmp_path / 'nothing.onnx')


def test_another_unit(mocks):
    """Observations in another unit give the same parameters."""
    images, _ = mocks
    other = NDData(images.data * 60, unit='electron / min', meta=images.meta)
    estimator = Estimator('toy')
    expected, found = (estimator.predict(data)['mass'] for data in (images, other))
    assert_quantity_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize('unit', [None, 'kg'])
def test_wrong_unit(mocks, unit):
    """Observations without a unit, or in a wrong one, are refused."""
    data = NDData(mocks[0].data, unit=unit, meta=mocks[0].meta)
    with pytest.raises(u.UnitsError, match='data must have a unit like'):
        Estimator('toy').predict(data)


def test_nan(mocks):
    """A source of NaN has no result and no posterior, and is flagged; others are as before."""
    images, _ = mocks
    estimator = Estimator('toy')
    before = estimator.predict(images)
    images.data[2] = np.nan
    after = estimator.predict(images)
    assert after['flags'].tolist() == [0, 0, NO_DATA, 0, 0]
    assert np.isnan(after['age'][2])
    others = [0, 1, 3, 4]
    assert (after['age'][others] == before['age'][others]).all()
    assert np.isnan(estimator.posterior(images).median('age')).tolist() == [
        i == 2 for i in range(5)
    ]


@pytest.mark.parametrize('tag', TAGS)
def test_posterior(mocks, tag):
    """The posterior has the numbers of the table, and more."""
    estimator = Estimator('toy', weights=tag)
    result, posterior = estimator.predict(mocks[0]), estimator.posterior(mocks[0])
    assert posterior.parameters == ('age', 'mass')
    assert len(posterior) == 5
    assert_quantity_allclose(posterior.median('age'), result['age'])
    assert_quantity_allclose(posterior.percentile('mass', 84), result['mass_84'])


@pytest.mark.parametrize('method', ['predict', 'posterior'])
def test_nothing_changes(mocks, method):
    """Estimating changes neither the estimator nor its data."""
    images, _ = mocks
    estimator = Estimator('toy')
    before, state, network = (
        deepcopy(images),
        dict(vars(estimator)),
        vars(estimator._network).copy(),
    )
    getattr(estimator, method)(images)
    assert is_same(images, before)
    assert vars(estimator) == state
    assert vars(estimator._network) == network


def test_device(plugin_manager):
    """An unknown device is refused, and so is CUDA where there is none."""
    with pytest.raises(ValueError, match=r"device must be one of \['cpu', 'cuda'\], got 'tpu'"):
        Estimator('toy', device='tpu')


def test_batch_size(plugin_manager):
    """The number of sources at once is positive."""
    with pytest.raises(ValueError, match='batch_size must be a positive integer, got 0'):
        Estimator('toy', batch_size=0)


@pytest.mark.parametrize('with_id', [True, False])
def test_pieces(mocks, monkeypatch, with_id):
    """Many sources are estimated piece by piece, with the same numbers, names and meta."""
    images, _ = mocks
    images.mask = np.zeros(images.data.shape, dtype=bool)
    images.data[3] = np.nan
    sources = images.meta['sources']
    sources['name'] = list('abcde')
    sources['id'] = [10, 20, 30, 40, 50]
    if not with_id:
        sources.remove_column('id')
    estimator = Estimator('toy', weights='grid-1.0.0')
    expected, posterior = estimator.predict(images), estimator.posterior(images)
    monkeypatch.setattr(_stacks, 'PIECE', 2)
    assert is_same(estimator.predict(images), expected)
    assert expected['id'].tolist() == ([10, 20, 30, 40, 50] if with_id else [1, 2, 3, 4, 5])
    assert_quantity_allclose(
        estimator.posterior(images).median('age'), posterior.median('age'), rtol=0
    )


@pytest.fixture
def backgrounds(mocks):
    """Backgrounds with a bright level that is not the clusters', and a bright pixel each."""
    images = np.full((4, 2, 6, 6), 50.0)
    images[np.arange(4), :, 2, 3] += np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    meta = {'filters': mocks[0].meta['filters']}
    return NDData(images * 60, unit='electron / min', meta=meta)


@pytest.mark.parametrize('tag', TAGS)
@pytest.mark.parametrize('piece', [1, 3, 1024])
def test_background_scatter(mocks, backgrounds, monkeypatch, tag, piece):
    """The scatter is that of the fluxes added: here 0 to 3 electron / s in one filter."""
    images, truth = mocks
    monkeypatch.setattr(_stacks, 'PIECE', piece)
    estimator = Estimator('toy', weights=tag)
    result = estimator.background_scatter(images, backgrounds, n=4, rng=1)
    before = estimator.predict(images)
    assert result.colnames == before.colnames
    assert result.meta == before.meta | {'N_BACKGR': 4}
    if tag.startswith('grid'):
        return  # the nodes are too far apart for small shifts
    added = np.percentile([0, 1, 2, 3], [16, 50, 84])
    for k, name in enumerate(['mass_16', 'mass', 'mass_84']):
        expected = (truth['mass'].value + 100 * added[k]) * u.solMass
        assert_quantity_allclose(result[name], expected, rtol=0.005)


def test_background_scatter_of_one(mocks, backgrounds):
    """One source can be given as it is, masks are heeded, and backgrounds can be drawn twice."""
    images, truth = mocks
    one = NDData(images.data[0], unit=images.unit, meta={'filters': images.meta['filters']})
    backgrounds.mask = backgrounds.data != 3000
    result = Estimator('toy').background_scatter(one, backgrounds, n=9, rng=1)
    assert len(result) == 1
    assert_quantity_allclose(result['mass_84'], truth['mass'][:1], rtol=0.005)
    grid = Estimator('toy', weights='grid-1.0.0')
    assert len(grid.background_scatter(one, backgrounds, n=2, point='unfold')) == 1


def test_background_scatter_repeats(mocks, backgrounds):
    """The same seed gives the same table, and arguments stay as they are."""
    estimator = Estimator('toy')
    before = deepcopy(mocks[0]), deepcopy(backgrounds)
    first, second = (
        estimator.background_scatter(mocks[0], backgrounds, n=2, rng=3) for _ in range(2)
    )
    assert is_same(first, second)
    assert is_same(mocks[0], before[0])
    assert is_same(backgrounds, before[1])


@pytest.mark.parametrize(
    ('change', 'error', 'message'),
    [
        ({'shape': (4, 2, 6, 7)}, ValueError, r'backgrounds must have shape \(n, 2, 6, 6\)'),
        ({'shape': (2, 6, 6)}, ValueError, r'backgrounds must have shape \(n, 2, 6, 6\)'),
        ({'unit': 'kg'}, u.UnitsError, 'backgrounds must have a unit like'),
        ({'unit': None}, u.UnitsError, 'backgrounds must have a unit, got none'),
        ({'unit': 'mag'}, u.UnitsError, 'backgrounds must have a linear unit'),
        ({'filters': ('F814W', 'F438W')}, ValueError, 'backgrounds must have the filters'),
    ],
)
def test_wrong_backgrounds(mocks, change, error, message):
    """Backgrounds that do not fit the images are refused."""
    change = {'shape': (4, 2, 6, 6), 'unit': 'electron / s', 'filters': ('F438W', 'F814W')} | change
    backgrounds = NDData(
        np.ones(change['shape']), unit=change['unit'], meta={'filters': change['filters']}
    )
    with pytest.raises(error, match=message):
        Estimator('toy').background_scatter(mocks[0], backgrounds)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'point': 'best'}, "point must be one of .* got 'best'"),
        ({'n': 1}, 'n must be an integer of at least 2, got 1'),
    ],
)
def test_wrong_arguments_of_scatter(mocks, backgrounds, arguments, message):
    """Arguments that make no sense are refused."""
    with pytest.raises(ValueError, match=message):
        Estimator('toy').background_scatter(mocks[0], backgrounds, **arguments)


def test_background_scatter_of_a_table(mocks, backgrounds):
    """Only images have backgrounds."""
    with pytest.raises(TypeError, match='data must be images in an NDData, got QTable'):
        Estimator('toy').background_scatter(mocks[1], backgrounds)
    estimator = Estimator('gaia_cmd')
    with pytest.raises(ValueError, match='weights must be of a network of images'):
        estimator.background_scatter(mocks[1], backgrounds)
