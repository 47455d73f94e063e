# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.dereddening.
"""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import InverseVariance, NDData, StdDevUncertainty, VarianceUncertainty
from astropy.table import QTable
from astropy.utils.masked import Masked
from numpy.testing import assert_allclose, assert_array_equal

import starcnn.sky
from starcnn import Simulator
from starcnn.families.m31_phat.bank import BANK
from starcnn.images import deredden, get_band
from starcnn.images.dereddening import _TEFF_RANGE, _read_table
from starcnn.sky import ClusterSynthesis, Isochrones, Photometry, redden

RATE = u.electron / u.s
CAMERAS = {'F336W': 'WFC3/UVIS', 'F475W': 'ACS/WFC', 'F814W': 'ACS/WFC'}
FILTERS = tuple(CAMERAS)
BANDS = [get_band(camera, name) for name, camera in CAMERAS.items()]


@pytest.fixture(scope='module')
def photometry():
    """The extinctions in the filters of PHAT."""
    return Photometry.combine([_read_table(CAMERAS[name]).select([name]) for name in FILTERS])


def make_cutouts(values=1.0, *, n=2, dtype=np.float32, unit=RATE, filters=FILTERS, **options):
    """Return images that are even, of one value or one for each source and filter."""
    data = np.empty((n, len(filters), 4, 5), dtype)
    data[:] = np.reshape(values, (*np.shape(values), 1, 1))
    meta = {'filters': filters, 'pixel_scale': 0.05 * u.arcsec}
    return NDData(data, unit=unit, meta=meta, **options)


def to_cutouts(magnitudes):
    """Return images of one pixel's value, from magnitudes (n_source, n_filter)."""
    rates = [band.count_rate(m * u.mag).value for band, m in zip(BANDS, magnitudes.T, strict=True)]
    return make_cutouts(np.transpose(rates), n=len(magnitudes), dtype=float)


def lost(magnitudes, reddened, a_v, **options):
    """Return the fraction of the light that dereddening gives back too much or too little."""
    out = deredden(to_cutouts(reddened), a_v, instruments=CAMERAS, **options)
    return (out.data / to_cutouts(magnitudes).data - 1)[..., 0, 0]


@pytest.mark.parametrize('law', ['CCM89', 'F99', 'F19', 'G23'])
def test_stars_of_one_temperature(photometry, law):
    """Reddened stars of the temperature are what they were; of another they nearly are."""
    a_v, options = [0.2, 0.5] * u.mag, {'law': law, 'r_v': 3.3}
    stars = QTable({'log_teff': np.log10([20000.0, 20000.0])})
    for name in FILTERS:
        stars[name] = [18.0, 21.0] * u.mag
    reddened = redden(stars, a_v, photometry, **options)
    before, after = (
        np.transpose([table[name].value for name in FILTERS]) for table in (stars, reddened)
    )
    assert (after[1] - before[1] > 0.25).all()
    assert_allclose(lost(before, after, a_v, teff=20000 * u.K, **options), 0, atol=1e-9)
    difference = lost(before, after, a_v, **options)
    assert_allclose(difference, 0, atol=0.02)
    assert abs(difference).max() > 0.001


def test_whole_clusters(photometry):
    """Clusters of all ages come back to 2 % at A_V = 0.5, by which they had lost up to half."""
    table = Path(starcnn.sky.__file__).parent / 'data' / 'parsec_v12s.npz'
    isochrones = Isochrones.read(table).with_photometry(photometry)
    synthesis = ClusterSynthesis(isochrones=isochrones, photometry=photometry)
    before, after = (
        np.array(
            [
                synthesis.mean_magnitudes(
                    1e4 * u.solMass, age=age * u.yr, m_h=-0.2, a_v=a_v * u.mag
                ).value
                for age in (4e6, 2e7, 1e8, 5e8, 3e9)
            ]
        )
        for a_v in (0.0, 0.5)
    )
    assert (10 ** (-0.4 * (after - before)[:, 0]) < 0.5).all()
    difference = lost(before, after, 0.5 * u.mag)
    assert_allclose(difference, 0, atol=0.02)
    # no temperature is right for all, but this one is not wrong for all
    assert_allclose(difference.mean(axis=0), 0, atol=0.005)


# A / E(B-V) at R_V = 3.1 of Schlafly & Finkbeiner 2011, ApJ 737, 103, Table 6. Their law is that of
# Fitzpatrick 1999 and their star has 7000 K, so ratios to the value in V can be compared.
SF11_V = 2.742
SF11 = {
    ('WFC3/UVIS', 'F275W'): 5.487,
    ('WFC3/UVIS', 'F336W'): 4.453,
    ('WFC3/UVIS', 'F438W'): 3.623,
    ('WFC3/UVIS', 'F814W'): 1.536,
    ('ACS/WFC', 'F435W'): 3.610,
    ('ACS/WFC', 'F475W'): 3.268,
    ('ACS/WFC', 'F606W'): 2.471,
    ('ACS/WFC', 'F814W'): 1.526,
}


@pytest.mark.parametrize(('band', 'expected'), SF11.items())
def test_published_extinctions(band, expected):
    """Extinctions are the published ones to 1.5 %; V here is at 0.55 micron, there a filter."""
    camera, name = band
    cutouts = make_cutouts(filters=(name,))
    options = {'instruments': {name: camera}, 'law': 'F99', 'teff': 7000 * u.K}
    out = deredden(cutouts, 0.1 * u.mag, **options)
    ratio = 2.5 * np.log10(out.data[0, 0, 0, 0]) / 0.1
    assert_allclose(ratio, expected / SF11_V, rtol=0.015)


def test_order_of_cameras():
    """Filters of one name differ between the cameras, and bands of the cutouts say which it is."""
    cutouts = make_cutouts(filters=('F475W',))
    out = {}
    for camera in ('ACS/WFC', 'WFC3/UVIS'):
        out[camera] = deredden(cutouts, 1 * u.mag, instruments={'F475W': camera}).data
        with_bands = make_cutouts(filters=('F475W',))
        with_bands.meta['bands'] = [get_band(camera, 'F475W')]
        assert_array_equal(deredden(with_bands, 1 * u.mag).data, out[camera])
    assert 0.003 < out['ACS/WFC'][0, 0, 0, 0] / out['WFC3/UVIS'][0, 0, 0, 0] - 1 < 0.02


def test_each_source():
    """Each source may have its own extinction, in any logarithmic unit; one value is for all."""
    cutouts = make_cutouts(n=3)
    a_v = [0, 0.5, 2] * u.mag
    out = deredden(cutouts, a_v, instruments=CAMERAS)
    assert_array_equal(out.data[0], 1)
    assert (out.data[2] > out.data[1]).all()
    in_dex = deredden(cutouts, a_v.to(u.dex), instruments=CAMERAS)
    assert_allclose(in_dex.data, out.data, rtol=1e-6)
    for i, value in enumerate(a_v):
        same = deredden(cutouts, value, instruments=CAMERAS)
        assert_array_equal(same.data[0], out.data[i])
        one = NDData(cutouts.data[i], unit=RATE, meta=cutouts.meta)
        for each in (value, u.Quantity([value])):
            single = deredden(one, each, instruments=CAMERAS)
            assert_array_equal(single.data, out.data[i])
            assert single.data.shape == (3, 4, 5)


@pytest.mark.parametrize(
    ('kind', 'power'), [(StdDevUncertainty, 1), (VarianceUncertainty, 2), (InverseVariance, -2)]
)
def test_uncertainty(kind, power):
    """Uncertainties grow with the flux, so that the signal to noise is what it was."""
    cutouts = make_cutouts(uncertainty=kind(np.full((2, 3, 4, 5), 0.25)))
    out = deredden(cutouts, 0.7 * u.mag, instruments=CAMERAS)
    assert_allclose(out.uncertainty.array, 0.25 * out.data.astype(float) ** power, rtol=1e-6)
    assert isinstance(out.uncertainty, kind)
    assert out.uncertainty.unit == cutouts.uncertainty.unit


def test_what_stays():
    """Unit, precision, mask, NaN and meta stay, and the input is left alone."""
    cutouts = make_cutouts(mask=np.zeros((2, 3, 4, 5), bool))
    cutouts.mask[0, 0, 1, 2], cutouts.data[0, 0, 1, 2] = True, np.nan
    cutouts.meta['sources'] = QTable({'id': [7, 8]})
    before = cutouts.data.copy()
    out = deredden(cutouts, 0.7 * u.mag, instruments=CAMERAS)
    assert out.unit == RATE
    assert out.data.dtype == np.float32
    assert_array_equal(out.mask, cutouts.mask)
    assert_array_equal(np.isnan(out.data), cutouts.mask)
    assert_array_equal(out.meta['sources']['id'], [7, 8])
    assert_array_equal(cutouts.data, before)
    assert 'dereddened' not in cutouts.meta
    assert out.meta['sources'] is not cutouts.meta['sources']


def test_record():
    """What was done is in meta, for each time it was done."""
    cutouts = make_cutouts(dtype=np.int64)
    first = deredden(cutouts, 0.3 * u.mag, instruments=CAMERAS)
    both = deredden(first, [0.2, 0.4] * u.mag, instruments=CAMERAS, law='G23', r_v=4)
    one, two = both.meta['dereddened']
    assert (one['law'], two['law'], two['r_v']) == ('CCM89', 'G23', 4)
    assert one['a_v'] == 0.3 * u.mag
    assert_array_equal(two['a_v'].value, [0.2, 0.4])
    assert one['teff'] == 8000 * u.K
    total = (one['extinction'] + two['extinction']).to_value(u.mag)
    assert total.shape == (2, 3)
    assert_allclose(both.data[:, :, 0, 0], 10 ** (0.4 * total), rtol=1e-6)


def test_range_of_temperatures():
    """The range of temperatures is that of the tables."""
    for camera in ('ACS/WFC', 'WFC3/UVIS'):
        nodes = 10 ** _read_table(camera)._a_v_teff
        assert_allclose(nodes[[0, -1]], _TEFF_RANGE, rtol=1e-6)
    for teff in _TEFF_RANGE:
        deredden(make_cutouts(), 1 * u.mag, instruments=CAMERAS, teff=teff * u.K)


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        ({'a_v': 0.5}, TypeError, 'a_v must be a Quantity that converts to mag, got float'),
        ({'a_v': 0.5 * u.Jy}, u.UnitsError, "a_v must have a unit that converts to mag, got 'Jy'"),
        ({'a_v': 0.5 * u.one}, u.UnitsError, 'a_v must have a unit'),
        ({'a_v': -0.1 * u.mag}, ValueError, 'a_v must be zero or positive .* got -0.1 mag'),
        ({'a_v': [0.1, np.nan] * u.mag}, ValueError, 'a_v must be zero or positive .* got nan'),
        ({'a_v': np.inf * u.mag}, ValueError, 'a_v must be zero or positive .* got inf'),
        ({'a_v': 11 * u.mag}, ValueError, 'a_v must be between 0 and 10 mag, got 11'),
        ({'a_v': [1, 2, 3] * u.mag}, ValueError, r'one per source, 2, got shape \(3,\)'),
        ({'a_v': [1] * u.mag}, ValueError, r'one per source, 2, got shape \(1,\)'),
        (
            {'a_v': Masked([1, 2] * u.mag, mask=[False, True])},
            ValueError,
            'a_v must be known for every source',
        ),
        ({'law': 'CCM'}, ValueError, r"law must be one of \['CCM89'.* got 'CCM'"),
        ({'r_v': 9}, ValueError, 'r_v must be between 2.5 and 5.5'),
        ({'teff': 8000}, TypeError, 'teff must be a Quantity that converts to K'),
        ({'teff': 100 * u.K}, ValueError, 'teff must be one value between 2300 K and 50000 K'),
        ({'teff': [5000, 6000] * u.K}, ValueError, 'teff must be one value'),
        ({'teff': np.nan * u.K}, ValueError, 'teff must be one value'),
        (
            {'instruments': None},
            ValueError,
            r"instruments or meta\['bands'\] must have the camera of F336W, .* got None",
        ),
        ({'instruments': CAMERAS | {'F475W': 'WFPC2'}}, ValueError, "of F475W, .* got 'WFPC2'"),
        (
            {'instruments': CAMERAS | {'F336W': 'ACS/WFC'}},
            ValueError,
            r"filters of ACS/WFC, \['F435W'.* got 'F336W'",
        ),
        ({'instruments': tuple(CAMERAS.values())}, TypeError, 'instruments must be a dict'),
        ({'cutouts': np.ones((2, 3, 4, 5))}, TypeError, 'cutouts must be NDData with a unit'),
        ({'cutouts': make_cutouts(unit=u.mag)}, u.UnitsError, 'a unit of flux, got mag'),
        ({'cutouts': make_cutouts(unit=u.ABmag)}, u.UnitsError, r'a unit of flux, got mag\(AB\)'),
        ({'cutouts': make_cutouts(dtype=bool)}, TypeError, 'real numbers as pixels, got bool'),
        (
            {'cutouts': NDData(np.ones((3, 4, 5)), unit=RATE)},
            ValueError,
            "cutouts must have 'filters' in meta",
        ),
        (
            {'cutouts': NDData(np.ones((2, 4, 5)), unit=RATE, meta={'filters': FILTERS})},
            ValueError,
            r'each of the filters .* got \(2, 4, 5\)',
        ),
        (
            {'cutouts': make_cutouts(uncertainty=np.ones((2, 3, 4, 5)))},
            TypeError,
            'an uncertainty of .* got UnknownUncertainty',
        ),
    ],
)
def test_errors(changes, error, message):
    """Wrong arguments are named."""
    arguments = {'cutouts': make_cutouts(), 'a_v': 1 * u.mag, 'instruments': CAMERAS} | changes
    with pytest.raises(error, match=message):
        deredden(arguments.pop('cutouts'), arguments.pop('a_v'), **arguments)


@pytest.mark.slow
def test_images_of_the_simulator():
    """The light of reddened mock clusters comes back to 2 %, star by star as they were drawn."""
    simulator = Simulator(BANK, log_age=(6.75, 9.25), log_mass=(3.0, 4.0))
    parameters = simulator.sample(6, rng=1)
    images = []
    for a_v in (0.0, 0.5):
        parameters['a_v'] = np.full(6, a_v) * u.mag
        data, _ = simulator.simulate(parameters, rng=1)
        images.append(data['clusters'])
    meta = {'filters': FILTERS}
    reddened = NDData(np.asarray(images[1]), unit=RATE, meta=meta)
    out = deredden(reddened, 0.5 * u.mag, instruments=CAMERAS)
    before, after = (np.sum(x, axis=(2, 3)) for x in (images[0], out.data))
    assert (np.sum(images[1], axis=(2, 3)) / before < 0.8).all()
    assert_allclose(after / before, 1, atol=0.02)
