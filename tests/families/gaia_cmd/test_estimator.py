# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.estimator.
"""

import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, vstack

from starcnn import Estimator
from starcnn.families.gaia_cmd.estimator import decode, encode
from starcnn.families.gaia_cmd.members import GAIA_UNITS, REQUIRED
from starcnn.families.gaia_cmd.simulator import Options, simulate
from starcnn.families.gaia_cmd.spec import ANN, CNN, MIXED, N_STARS_MAX, SET
from starcnn.flags import FILLED, NO_DATA, OUTSIDE

SPECS = pytest.mark.parametrize('spec', [ANN, CNN, MIXED, SET], ids=lambda spec: spec.variant)
STARS = SET.inputs[0]


@pytest.fixture(scope='module')
def estimator():
    """The default weights."""
    return Estimator('gaia_cmd')


def point(n, spec=ANN):
    """Return outputs of a network with means and deviations for ``n`` clusters."""
    means = {'age': 8.0, 'a_v': 1.0, 'distance': 3.0}
    return {name: np.tile(np.float32([mean, 0.1]), (n, 1)) for name, mean in means.items()}


@SPECS
def test_encode(members, spec):
    """All inputs of a spec are float32, finite where they must be, with its dimensions."""
    inputs = encode(members, spec)
    assert list(inputs) == [part.name for part in spec.inputs]
    for part in spec.inputs:
        array = inputs[part.name]
        assert array.dtype == np.float32
        assert len(array) == 5
        for size, fixed in zip(array.shape, part.dimensions, strict=True):
            assert fixed in (None, size)


def test_encode_values(members):
    """Histograms are fractions, pictures count the stars, guesses have the parallax."""
    ann, cnn = encode(members, ANN), encode(members, CNN)
    np.testing.assert_allclose(ann['histogram'].sum(axis=1), 1, rtol=1e-5)
    assert (cnn['picture'].sum(axis=(1, 2, 3)) > 30).all()
    expected = [np.median(group['parallax'].value) for group in members.group_by('cluster').groups]
    np.testing.assert_allclose(ann['guesses'][:, 2], expected, rtol=1e-6)


def test_encode_stars(members):
    """The columns of the stars are those of the spec, brightest first, padded with NaN."""
    stars = encode(members, SET)['stars']
    n_stars = np.bincount(members['cluster'])
    assert stars.shape == (5, n_stars.max(), len(STARS.columns))
    for i, n in enumerate(n_stars):
        own = members[members['cluster'] == i]
        own.sort('phot_g_mean_mag')
        for name in ('phot_g_mean_mag', 'parallax', 'parallax_error', 'prob_member'):
            column = stars[i, :n, STARS.columns.index(name)]
            np.testing.assert_allclose(column, np.asarray(own[name]), rtol=1e-6)
        error = stars[i, :n, STARS.columns.index('phot_bp_mean_mag_error')]
        expected = 1.0857362 / np.asarray(own['phot_bp_mean_flux_over_error'])
        np.testing.assert_allclose(error, expected, rtol=1e-6)
        assert np.isnan(stars[i, n:]).all()


@SPECS
def test_order_of_stars_does_not_matter(members, spec):
    """Any order of the stars gives identical arrays, bit for bit."""
    expected = encode(members, spec)
    order = np.random.default_rng(2).permutation(len(members))
    order = order[np.argsort(members['cluster'][order], kind='stable')]
    for name, array in encode(members[order], spec).items():
        np.testing.assert_array_equal(array, expected[name])


@SPECS
def test_order_of_clusters(members, spec):
    """Clusters that come in another order are rows in that order."""
    expected = encode(members, spec)
    for name, array in encode(members[::-1], spec).items():
        np.testing.assert_array_equal(array, expected[name][::-1])


@SPECS
def test_mixed_rows_of_clusters(members, spec):
    """The stars of a cluster need not be together."""
    rows = np.random.default_rng(3).permutation(len(members))
    mixed = members[rows]
    first = np.unique(mixed['cluster'], return_index=True)[1]
    clusters = mixed['cluster'][np.sort(first)]
    expected = encode(members, spec)
    for name, array in encode(mixed, spec).items():
        np.testing.assert_array_equal(array, expected[name][clusters])


@SPECS
def test_units_are_converted(members, spec):
    """Parallaxes in arcsec and magnitudes in mmag give the same arrays."""
    expected = encode(members, spec)
    members['parallax'] = members['parallax'].to(u.arcsec)
    members['phot_g_mean_mag'] = members['phot_g_mean_mag'].to(u.mmag)
    for name, array in encode(members, spec).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)


@SPECS
def test_cluster_without_usable_stars(members, spec):
    """Its row is NaN, and no other."""
    expected = encode(members, spec)
    members['phot_bp_mean_mag'][members['cluster'] == 2] = np.nan * u.mag
    others = [0, 1, 3, 4]
    for name, array in encode(members, spec).items():
        assert np.isnan(array[2]).all()
        both = np.s_[others, : array.shape[1]]  # the largest cluster set the padding
        np.testing.assert_array_equal(array[others], expected[name][both])


@SPECS
def test_empty_table(members, spec):
    """No stars, no rows."""
    inputs = encode(members[:0], spec)
    assert [len(array) for array in inputs.values()] == [0] * len(inputs)


def test_large_clusters_are_thinned():
    """Of more than 1024 stars, 1024 are kept that span the brightness evenly."""
    parameters = QTable(
        {'age': [1e9] * u.yr, 'a_v': [0.5] * u.mag, 'distance': [1] * u.kpc, 'n_stars': [3000]}
    )
    table, _ = simulate(parameters, Options(), np.random.default_rng(3))
    g = encode(table, SET)['stars'][0, :, 0]
    assert g.shape == (N_STARS_MAX,)
    everything = np.sort(table['phot_g_mean_mag'].value)
    quantiles = np.linspace(0.02, 0.98, 49)
    np.testing.assert_allclose(np.quantile(g, quantiles), np.quantile(everything, quantiles),
                               atol=0.03)  # fmt: skip
    result = decode(point(1), ANN, table)
    assert result['n_stars'].tolist() == [3000]
    assert result['flags'].tolist() == [0]


def test_decode(members):
    """One row per cluster in linear units, with who it is about."""
    table = decode(point(5), ANN, members)
    assert table.colnames == [
        *('id', 'cluster', 'n_stars'),
        *('age', 'age_16', 'age_84', 'a_v', 'a_v_16', 'a_v_84'),
        *('distance', 'distance_16', 'distance_84', 'flags'),
    ]
    assert table['age'].unit == u.yr
    np.testing.assert_allclose(table['age'].value, 1e8, rtol=1e-5)
    np.testing.assert_allclose(table['distance'].to_value(u.kpc), 1, rtol=1e-5)
    assert table['cluster'].tolist() == [0, 1, 2, 3, 4]
    assert table['n_stars'].tolist() == np.bincount(members['cluster']).tolist()
    assert not table['flags'].any()


def test_flags(members):
    """Few stars, stars outside the training, none with a parallax, none usable, some not."""
    cluster = members['cluster']
    lost = np.flatnonzero(cluster == 0)[:3]
    members['phot_g_mean_mag'][lost] = np.nan * u.mag
    members['parallax'][cluster == 1] = 100 * u.mas
    members['parallax'][cluster == 2] = np.nan * u.mas
    members['phot_rp_mean_mag'][cluster == 3] = np.nan * u.mag
    one = np.flatnonzero(cluster == 4)
    members.remove_rows(one[1:])
    flags = decode(point(5), ANN, members)['flags']
    expected = [FILLED, OUTSIDE, OUTSIDE, OUTSIDE | FILLED | NO_DATA, OUTSIDE]
    assert flags.tolist() == expected


def test_flags_of_an_empty_table(members):
    """A table of no clusters has no rows."""
    table = decode(point(0), ANN, members[:0])
    assert len(table) == 0


def test_predict(estimator, mocks):
    """The default weights give finite ordered percentiles of mocks, near the truth."""
    members, truth = mocks
    table = estimator.predict(members)
    for name in ('age', 'a_v', 'distance'):
        assert np.isfinite(table[name].value).all()
        assert (table[f'{name}_16'] < table[name]).all()
        assert (table[name] < table[f'{name}_84']).all()
    ratio = table['distance'] / truth['distance']
    assert np.abs(np.log10(ratio.value)).max() < 0.25


def test_predict_order_of_stars(estimator, members):
    """Estimates do not depend on the order of the stars, bit for bit."""
    expected = estimator.predict(members)
    order = np.random.default_rng(2).permutation(len(members))
    order = order[np.argsort(members['cluster'][order], kind='stable')]
    found = estimator.predict(members[order])
    for name in ('age', 'age_84', 'a_v_16', 'distance'):
        np.testing.assert_array_equal(found[name], expected[name])


def test_predict_odd_clusters(estimator, members):
    """A lost cluster is NaN and spoils no other; one star has a result, flagged."""
    expected = estimator.predict(members)
    lost, single = members[members['cluster'] == 1], members[members['cluster'] == 2][:1]
    lost['phot_g_mean_mag'] = np.nan * u.mag
    lost['cluster'], single['cluster'] = 10, 11
    found = estimator.predict(vstack([lost, members, single]))
    assert found['cluster'].tolist() == [10, 0, 1, 2, 3, 4, 11]
    assert np.isnan(found['age'][0])
    assert found['flags'][0] & NO_DATA
    assert np.isfinite(found['age'][-1])
    assert found['flags'][-1] & OUTSIDE
    for name in ('age', 'a_v', 'distance'):
        np.testing.assert_array_equal(found[name][1:-1], expected[name])


@pytest.mark.parametrize(
    'without',
    [
        ('ra', 'dec'),
        ('pmra', 'pmdec'),
        ('ra', 'dec', 'pmra', 'pmdec'),
        ('prob_member',),
        ('parallax_error', 'phot_g_mean_flux_over_error'),
        tuple(name for name in GAIA_UNITS if name not in REQUIRED),
    ],
)
def test_predict_without_columns_that_help(without, members):
    """The released default weights need the magnitudes and the parallax only."""
    members.remove_columns(list(without))
    table = Estimator('gaia_cmd').predict(members)
    assert np.isfinite(table['age']).all()
    assert np.isfinite(table['distance_84']).all()


@pytest.mark.parametrize('name', sorted(set(GAIA_UNITS) - set(REQUIRED) | {'parallax'}))
def test_predict_one_bad_value(name, members):
    """One absurd value of one star changes the result of its cluster little, and no other's."""
    before = Estimator('gaia_cmd').predict(members)
    absurd = np.nan if name == 'prob_member' else 1e30
    members[name][0] = absurd * (members[name].unit or 1)
    after = Estimator('gaia_cmd').predict(members)
    assert abs(np.log10(after['age'][0] / before['age'][0])) < 0.2
    assert (after['age'][1:] == before['age'][1:]).all()


@pytest.mark.parametrize('name', REQUIRED[:3])
def test_predict_one_bad_magnitude(name, estimator, members):
    """A star with a magnitude that no star has is left out, and its cluster has a flag."""
    before = estimator.predict(members)
    members[name][0] = 29.9 * u.mag if name != 'phot_g_mean_mag' else -5.1 * u.mag
    after = estimator.predict(members)
    assert after['n_stars'][0] == before['n_stars'][0] - 1
    assert (after['flags'] & FILLED > 0).tolist() == [True, False, False, False, False]
    assert abs(np.log10(after['age'][0] / before['age'][0])) < 0.2


@SPECS
@pytest.mark.parametrize('name', sorted(GAIA_UNITS))
@pytest.mark.parametrize('value', [0, -1, 1e300, -1e300, np.inf, np.nan])
def test_encode_one_bad_value(name, value, spec, members):
    """No value of one star makes a row of a cluster NaN, or an error leave its bounds."""
    if name == 'prob_member' and np.isfinite(value):
        value = abs(np.sign(value))  # others are refused
    members[name][0] = value * (members[name].unit or 1)
    for part in spec.inputs:
        array = encode(members, spec)[part.name]
        if part is STARS:
            error, (low, high) = array[..., 4:8], np.array(STARS.bounds[4:8]).T
            assert np.all(np.isnan(error) | (error >= low) & (error <= np.float32(high)))
            assert np.isfinite(array[:, 0, :3]).all()
        else:
            assert np.isfinite(array).all()


def test_places_without_a_unit_warn_once(estimator, members):
    """A position without a unit gives one warning, though the table is read twice."""
    members['ra'] = members['ra'].value
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        estimator.predict(members)
    assert [str(item.message) for item in caught] == [
        "data['ra'] has no unit like deg and is not used"
    ]


def test_parallaxes_unknown(members):
    """Without any parallax there is a result from the diagram, with a flag."""
    members['parallax'] = np.nan * u.mas
    table = Estimator('gaia_cmd').predict(members)
    assert np.isfinite(table['age']).all()
    assert (table['flags'] & OUTSIDE > 0).all()
