# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.phangs_hst.simulator.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, vstack
from numpy.testing import assert_allclose, assert_array_equal

from starcnn import Simulator
from starcnn.families.phangs_hst._distributions import compare_with_legus, measure_stamps
from starcnn.families.phangs_hst.simulator import BACKEND, KINDS, Options, sample_like_legus
from starcnn.families.phangs_hst.spec import CLASSES, FILTERS

V = FILTERS.index('F555W')


def make_rows(kind, n=4, **changes):
    """Return bright sources of a kind, white, at 8 Mpc."""
    label = {'symmetric': '1', 'elongated': '2', 'asymmetric': '2', 'association': '3'}
    rows = QTable({'class': [label.get(kind, '4')] * n, 'kind': [kind] * n})
    columns = {
        'galaxy': 3,
        'distance': 8 * u.Mpc,
        'age': 1e8 * u.yr,
        'mass': 1e5 * u.solMass,
        'a_v': 0.2 * u.mag,
        **dict.fromkeys(FILTERS, 19.5 * u.mag),
        'ci': 1.6,
    }
    for name, value in (columns | changes).items():
        rows[name] = u.Quantity([value] * n) if isinstance(value, u.Quantity) else [value] * n
    rows['seed'] = np.arange(n) + 17
    return rows


@pytest.fixture(scope='module')
def options():
    """Faint and sharp galaxies, small stamps."""
    return Options(shape=(50, 50), surface_brightness=(24.0, 24.0), blur=(0.5, 0.6))


@pytest.fixture(scope='module')
def bright(options):
    """Bright sources of all kinds, and what is measured of them."""
    parts = [make_rows('symmetric', ci=1.45), make_rows('symmetric', ci=1.8)]
    parts += [make_rows(k) for k in ('elongated', 'asymmetric', 'association')]
    parts += [make_rows(kind) for kind in KINDS]
    stamps, truth = BACKEND.simulate(vstack(parts), options, np.random.default_rng(1))
    return stamps, truth, measure_stamps(stamps, truth['blur'].value, options)


def test_sample():
    """Sources have the classes and kinds in their shares, in few galaxies of the range."""
    options = Options(shares=(1, 1, 2, 4), galaxies=(40, 9), stamps_per_galaxy=1500)
    rows = BACKEND.sample(8000, options, np.random.default_rng(1))
    for label, share in zip(CLASSES, (1, 1, 2, 4), strict=True):
        assert_allclose(np.mean(rows['class'] == label), share / 8, atol=0.02)
    others = rows[rows['class'] == '4']
    shares = np.array(options.kind_shares) / sum(options.kind_shares)
    for kind, share in zip(KINDS, shares, strict=True):
        assert_allclose(np.mean(others['kind'] == kind), share, atol=0.025)
    assert len(np.unique(rows['galaxy'])) == 6
    assert set(rows['galaxy'].tolist()) <= set(range(40, 49))
    assert len({*zip(rows['galaxy'], rows['distance'].value, strict=True)}) == 6
    assert np.isnan(others['age']).all()
    assert np.isfinite(rows['age'][rows['class'] != '4']).all()
    ci = [np.median(others['ci'][others['kind'] == k]) for k in ('star', 'pair', 'galaxy')]
    assert ci == sorted(ci)
    v = others['F555W'].value
    assert (v[others['kind'] == 'saturated'] < 18.4).all()


def test_held_out_distance():
    """Galaxies of other numbers can be at a distance that no other has."""
    simulator = Simulator('phangs_hst', distance=(19, 19) * u.Mpc, galaxies=(1000, 4))
    rows = simulator.sample(30, rng=1)
    assert (rows['distance'] == 19 * u.Mpc).all()
    assert rows['galaxy'].min() >= 1000


def test_some_classes():
    """Only the classes that are asked for are drawn."""
    options = Options(classes=('1', '3'), shares=(1, 1))
    rows = BACKEND.sample(50, options, np.random.default_rng(1))
    assert set(rows['class']) == {'1', '3'}


def test_stack(bright, options):
    """Stamps are a stack in electron/s with finite pixels, whose truth is what was asked for."""
    stamps, truth, _ = bright
    assert stamps.data.shape == (len(truth), 5, 50, 50)
    assert stamps.unit == u.electron / u.s
    assert stamps.meta['filters'] == FILTERS
    assert stamps.meta['pixel_scale'] == 0.04 * u.arcsec
    assert np.isfinite(stamps.data).all()
    assert_array_equal(truth['class'][:8], '1')
    assert (truth['surface_brightness'] == 24 * u.mag / u.arcsec**2).all()


def test_magnitudes(bright):
    """Bright sources have their magnitudes and colours in the aperture of LEGUS."""
    _, truth, measured = bright
    clean = ~np.isin(truth['kind'], ('hot_pixel', 'cosmic_ray', 'saturated', 'association'))
    assert_allclose(measured['v'][clean], 19.5, atol=0.12)
    for name in ('nuv_u', 'u_b', 'b_v', 'v_i'):
        assert_allclose(measured[name][clean], 0, atol=0.15)
        assert abs(np.median(measured[name][clean])) < 0.03


def test_concentration(bright):
    """Sources are as concentrated as they should be."""
    _, truth, measured = bright
    for kind in ('symmetric', 'elongated', 'asymmetric', 'galaxy', 'group', 'association'):
        which = truth['kind'] == kind
        assert_allclose(np.median((measured['ci'] - truth['ci'])[which]), 0, atol=0.1)
    assert measured['ci'][:4].max() < measured['ci'][4:8].min()
    stars = measured['ci'][truth['kind'] == 'star']
    assert stars.max() < 1.6


def test_sizes(bright):
    """Less concentrated clusters are larger; what is no cluster or galaxy has no size."""
    _, truth, _ = bright
    r_h = truth['r_h'].to_value(u.arcsec)
    assert r_h[4:8].min() > 1.4 * r_h[:4].max()
    assert np.isnan(r_h[np.isin(truth['kind'], ('association', 'star', 'pair'))]).all()


def count_peaks(image):
    """Return the number of pixels that are the largest of their neighbours, and bright."""
    from scipy.ndimage import maximum_filter

    peaks = (image == maximum_filter(image, 3)) & (image > 0.15 * image.max())
    return peaks[13:-13, 13:-13].sum()


def test_peaks(bright):
    """Associations have several peaks, clusters one."""
    stamps, truth, _ = bright
    peaks = np.array([count_peaks(stamp[V]) for stamp in stamps.data])
    assert peaks[truth['kind'] == 'association'].min() >= 2
    assert np.median(peaks[np.isin(truth['kind'], ('symmetric', 'elongated', 'asymmetric'))]) == 1


def test_saturated(options):
    """Saturated stars hold no more than pixels can, and bleed along the columns."""
    rows = make_rows('saturated', 2, **dict.fromkeys(FILTERS, 14.0 * u.mag))
    stamps, _ = BACKEND.simulate(rows, options, np.random.default_rng(1))
    limit = 2 * 68_000 / 1100
    for stamp in stamps.data[:, V]:
        assert_allclose(stamp.max(), limit, rtol=0.02)
        full = stamp > 0.9 * limit
        assert full.any(axis=1).sum() > 1.5 * full.any(axis=0).sum()


def test_charge(options):
    """Residue of cosmic rays is in some filters alone, unlike the light of stars."""
    spread = []
    for kind in ('cosmic_ray', 'group'):
        stamps, _ = BACKEND.simulate(make_rows(kind, 8), options, np.random.default_rng(1))
        b, v = (stamps.data[:, i, 15:35, 15:35].max(axis=(1, 2)) for i in (V - 1, V))
        spread.append(np.std(np.log(v / b)))
    assert spread[0] > 3 * spread[1]


def test_noise():
    """Far from sources, the scatter is that of the sky, the disc and the read-out."""
    options = Options(shape=(60, 60), surface_brightness=(26.5, 26.5), stamps_per_galaxy=20)
    rows = make_rows('symmetric', 6, **dict.fromkeys(FILTERS, 25.0 * u.mag))
    stamps, _ = BACKEND.simulate(rows, options, np.random.default_rng(2))
    for i, (sky, time) in enumerate(((0.0002, 2400), (0.0018, 1100))):  # few stars shine there
        edge = stamps.data[:, i, :12]
        wanted = np.sqrt(sky * time + 2 * 3.1**2) / time
        low, middle = np.percentile(edge, [16, 50])
        assert_allclose(middle - low, wanted, rtol=0.15)
        assert abs(middle) < 0.3 * wanted


@pytest.mark.parametrize('side', [25, 32])
def test_centre(side):
    """Sources are in the middle of stamps with any side."""
    options = Options(shape=(side, side), surface_brightness=(25.0, 25.0))
    rows = make_rows('symmetric', 9, ci=1.4, **dict.fromkeys(FILTERS, 18.5 * u.mag))
    stamps, _ = BACKEND.simulate(rows, options, np.random.default_rng(2))
    light = stamps.data[:, V]
    axis = np.arange(side) - (side - 1) / 2
    for direction in (1, 2):
        offset = light.sum(axis=direction) @ axis / light.sum(axis=(1, 2))
        assert np.abs(offset).max() < 1.2
        assert abs(offset.mean()) < 0.3


def test_seeds(options):
    """A source depends on its row alone; its background on the random numbers, too."""
    rows = make_rows('association', 3, **dict.fromkeys(FILTERS, 18.0 * u.mag))
    one, _ = BACKEND.simulate(rows, options, np.random.default_rng(1))
    same, _ = BACKEND.simulate(rows, options, np.random.default_rng(1))
    assert_array_equal(one.data, same.data)
    other, _ = BACKEND.simulate(rows[::-1], options, np.random.default_rng(5))
    middle = (slice(None), V, slice(20, 30), slice(20, 30))
    assert_allclose(one.data[middle], other.data[::-1][middle], rtol=0.25, atol=5)
    assert np.abs(one.data - other.data[::-1]).max() > 0


def test_acs():
    """F435W and F606W of ACS stand for F438W and F555W, with their own PSFs."""
    filters = ('F275W', 'F336W', 'F435W', 'F606W', 'F814W')
    cameras = ('WFC3/UVIS', 'WFC3/UVIS', 'ACS/WFC', 'ACS/WFC', 'ACS/WFC')
    options = Options(filters=filters, instruments=cameras, shape=(32, 32))
    rows = BACKEND.sample(3, options, np.random.default_rng(1))
    stamps, truth = BACKEND.simulate(rows, options, np.random.default_rng(1))
    assert stamps.meta['filters'] == filters
    assert 'F606W' in truth.colnames


def test_empty():
    """No rows are no stamps."""
    stamps, truth = BACKEND.simulate(
        BACKEND.sample(0, Options(), np.random.default_rng(1)), Options(), np.random.default_rng(1)
    )
    assert stamps.data.shape == (0, 5, 100, 100)
    assert len(truth) == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'classes': ('1', '5')}, 'classes must be different ones'),
        ({'shares': (1.0,)}, 'shares must be 4 numbers'),
        ({'kind_shares': (0.0,) * 7}, 'kind_shares must be 7 numbers'),
        ({'filters': FILTERS[::-1]}, 'filters must be'),
        ({'exposure_times': (1.0, 2.0)}, 'exposure_times must have one entry per filter'),
        ({'galaxies': (0, 0)}, 'galaxies must be'),
        ({'stamps_per_galaxy': 0}, 'stamps_per_galaxy must be positive'),
        ({'distance': (5, 3) * u.Mpc}, 'distance must be two positive values'),
        ({'distance': (3, 5)}, 'distance must be a Quantity'),
        ({'blur': (-1.0, 0.0)}, 'blur must be'),
        ({'shape': (0, 3)}, 'shape must be'),
    ],
)
def test_wrong_options(options, message):
    """Options that cannot be are refused."""
    with pytest.raises((ValueError, u.UnitsError), match=message):
        Options(**options)


@pytest.mark.parametrize(
    ('change', 'error', 'message'),
    [
        (lambda rows: rows.remove_column('ci'), ValueError, r"missing \['ci'\]"),
        (lambda rows: rows.replace_column('kind', ['star']), ValueError, "'star' of class '1'"),
        (lambda rows: rows.replace_column('seed', [0.5]), TypeError, 'must be integers'),
        (lambda rows: rows.replace_column('age', [np.nan] * u.yr), ValueError, "'age'"),
        (lambda rows: rows.replace_column('distance', [1] * u.s), u.UnitsError, 'distance'),
        (lambda rows: rows.replace_column('mass', [-1] * u.solMass), ValueError, 'at least 1'),
    ],
)
def test_wrong_parameters(change, error, message):
    """Parameters that cannot be are refused."""
    rows = make_rows('symmetric', 1)
    change(rows)
    with pytest.raises(error, match=message):
        BACKEND.simulate(rows, Options(), np.random.default_rng(1))


def test_like_legus():
    """Sources like those of LEGUS are at the distances of its fields."""
    rows = sample_like_legus(['1'] * 400, Options(), np.random.default_rng(1))
    distance = rows['distance'].to_value(u.Mpc)
    assert distance.min() >= 3.05
    assert distance.max() == 18.0
    assert 0.15 < np.mean(distance == 18.0) < 0.4  # NGC 1566 has a quarter of class 1


@pytest.mark.slow
def test_distributions():
    """Measured as LEGUS measures, simulated sources are distributed as real ones, by class."""
    comparison = compare_with_legus(250, options=Options(shape=(50, 50)), rng=3)
    for label in CLASSES:
        for name in ('ci', 'm_v', 'nuv_u', 'u_b', 'b_v', 'v_i'):
            part = comparison[label][name]
            assert part['ks'] < 0.2, (label, name)
            assert np.abs(part['shift'][3]) < 0.2, (label, name)
            assert len(part['simulated']) > 235
    for label in CLASSES[:-1]:
        for name in ('log_age', 'log_mass', 'e_bv'):
            assert comparison[label][name]['ks'] < 0.12, (label, name)
