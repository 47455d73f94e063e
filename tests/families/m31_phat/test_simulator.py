# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m31_phat.simulator.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn import Simulator
from starcnn.families.m31_phat.simulator import Options, node_grid
from starcnn.families.m31_phat.spec import LOG_AGE_TEST, LOG_MASS_TEST, R_H_TEST
from starcnn.mocks import get_setup, make_clusters

FILTERS = ('F336W', 'F475W', 'F814W')


@pytest.fixture(scope='module')
def simulator():
    """The simulator with its defaults."""
    return Simulator('m31_phat')


@pytest.fixture(scope='module')
def parameters(simulator):
    """Parameters of many clusters."""
    return simulator.sample(2000, rng=1)


@pytest.fixture(scope='module')
def mocks(simulator, parameters):
    """Images and truth of a few of them."""
    return simulator.simulate(parameters[:6], rng=2)


def test_ranges(parameters):
    """Parameters fill the ranges of section 4.3 of the paper."""
    log_age, log_mass = (
        np.log10(parameters['age'].to_value(u.yr)),
        np.log10(parameters['mass'].to_value(u.solMass)),
    )
    for values, limits in ((log_age, (6.6, 9.5)), (log_mass, (2.0, 4.0))):
        assert limits[0] <= values.min() < limits[0] + 0.02
        assert limits[1] - 0.02 < values.max() <= limits[1]
        assert np.mean(values) == pytest.approx(np.mean(limits), abs=0.05)
    assert (parameters['a_v'] == 0 * u.mag).all()
    assert_allclose((log_age - 6.6) / 0.05, np.rint((log_age - 6.6) / 0.05), atol=1e-6)
    assert len(np.unique(log_mass)) == 2000


def test_profiles_are_those_of_figure_6(parameters):
    """Profiles are between the lines of r_h = 0.1 and 1.6 arcsec, and sizes even on their axis."""
    r_h, gamma = parameters['r_h'].to_value(u.arcsec), np.asarray(parameters['gamma'])
    a = r_h / np.sqrt(2 ** (2 / (gamma - 2)) - 1)
    for values, (low, high) in ((r_h, (0.1, 1.6)), (gamma, (2.05, 8.0)), (a, (0.05, 6.4))):
        assert ((values >= low * (1 - 1e-9)) & (values <= high * (1 + 1e-9))).all()
    # the dots of Fig. 6 are at scale radii from 0.05 to above 1 arcsec
    assert a.min() < 0.06
    assert a.max() > 2
    counts, _ = np.histogram(np.log10(r_h), np.linspace(-1, np.log10(1.6), 7))
    assert counts.min() > 0.7 * counts.max()


def test_images(mocks):
    """Images have the shape, the filters and the unit of the paper, and no NaN."""
    images, truth = mocks
    assert images.data.shape == (6, 3, 80, 80)
    assert images.unit == u.electron / u.s
    assert images.meta['filters'] == FILTERS
    assert images.meta['pixel_scale'] == 0.05 * u.arcsec
    assert images.meta['BACKGRND'] == 'simulated'
    assert np.isfinite(images.data).all()
    assert {'age', 'a_v', 'mass', 'r_h', 'gamma', *FILTERS} <= set(truth.colnames)
    assert (truth['density'] < 8 / u.arcsec**2).all()


def test_images_do_not_depend_on_calls(simulator, parameters, mocks):
    """One seed gives one image of a cluster, however many are made with it."""
    few, truth = simulator.simulate(parameters[:2], rng=2)
    assert_array_equal(few.data, mocks[0].data[:2])
    assert_array_equal(truth['F475W'], mocks[1]['F475W'][:2])
    clusters = [
        make_clusters(rows, get_setup(simulator.options)).images
        for rows in (parameters[3:4], parameters[2:5])
    ]
    assert_array_equal(clusters[0][0], clusters[1][1])


def test_point_spread_functions(simulator):
    """Each filter has that of its own camera, in the pixels of the common grid."""
    setup = get_setup(simulator.options)
    assert [band.instrument for band in setup.bands] == ['WFC3/UVIS', 'ACS/WFC', 'ACS/WFC']
    assert [psf.filter for psf in setup.psfs] == list(FILTERS)
    assert all(psf.pixel_scale == 0.05 * u.arcsec for psf in setup.psfs)
    # the ultraviolet channel of WFC3 is sharper than ACS (handbooks of the cameras)
    assert setup.psf_radii[0] < setup.psf_radii[1] < setup.psf_radii[2] < 0.09


def test_depth_of_the_survey(simulator):
    """Stars of the survey's limits can just be detected in simulated fields."""
    limits = get_setup(simulator.options).field.limits.to_value(u.mag)
    # Dalcanton et al. 2012, ApJS 200, 18, abstract: 27.9 and 27.1 in the filters of ACS
    assert_allclose(limits[1:], [27.9, 27.1], atol=0.2)


def test_physics(simulator):
    """Distance and metallicity are those of the paper, between the isochrones of PARSEC."""
    setup = get_setup(simulator.options)
    assert setup.modulus == pytest.approx(24.47, abs=0.01)  # McConnachie et al. 2005: 24.47
    below = setup.isochrones.m_h[setup.isochrones.m_h < setup.m_h].max()
    above = setup.isochrones.m_h[setup.isochrones.m_h > setup.m_h].min()
    # Z = 0.008 and 0.010 (Bressan et al. 2012: Z / X = 0.0207 and Y = 0.2485 + 1.78 Z of the Sun)
    assert [below, above] == pytest.approx([-0.2758, -0.1755], abs=1e-4)


def test_low_masses(simulator):
    """Clusters of hundred solar masses are a few stars, of very different light."""
    rows = QTable(
        {
            'age': np.full(24, 10**8.5) * u.yr,
            'a_v': np.zeros(24) * u.mag,
            'mass': np.full(24, 100.0) * u.solMass,
            'r_h': np.full(24, 0.4) * u.arcsec,
            'gamma': np.full(24, 3.0),
            'seed': np.arange(24),
        }
    )
    made = make_clusters(rows, get_setup(simulator.options))
    assert np.isfinite(made.images).all()
    assert np.isfinite(made.magnitudes).all()
    assert np.ptp(made.magnitudes[:, 2]) > 1
    # few pixels hold the light of the brightest stars; a massive cluster has hundreds of them
    rows['mass'] = 1e4 * u.solMass
    massive = make_clusters(rows[:4], get_setup(simulator.options))
    share = [
        np.sort(images[:, 2].reshape(len(images), -1))[:, -60:].sum(axis=1)
        / images[:, 2].sum(axis=(1, 2))
        for images in (made.images, massive.images)
    ]
    assert np.median(share[0]) > 1.5 * np.median(share[1])


def test_extinction_is_an_option():
    """Without extinction by default, A_V can be drawn from a range."""
    drawn = Simulator('m31_phat', a_v=(0.0, 2.0)).sample(50, rng=1)['a_v'].to_value(u.mag)
    assert 0 <= drawn.min() < 0.3
    assert 1.7 < drawn.max() <= 2


def test_clusters_of_section_5():
    """The test clusters of the paper are options: fixed sizes, and narrower ranges."""
    test = Simulator('m31_phat', log_age=LOG_AGE_TEST, log_mass=LOG_MASS_TEST, r_h_values=R_H_TEST)
    drawn = test.sample(500, rng=1)
    assert_allclose(np.unique(drawn['r_h'].to_value(u.arcsec)), R_H_TEST)
    assert (drawn['age'] >= 10**6.7499 * u.yr).all()
    assert (drawn['mass'] < 10**3.75 * u.solMass).all()


def test_node_grid():
    """Section 5.2 has 200 clusters at each node, which differ in exponent and seed alone."""
    grid = node_grid(rng=1)
    assert len(grid) == 27 * 200
    shape = (3, 3, 3, 200)
    for axis, (name, unit, nodes) in enumerate(
        [
            ('age', u.yr, (7, 8, 9)),
            ('mass', u.solMass, (2.4, 3.0, 3.6)),
            ('r_h', u.arcsec, (-0.8, -0.4, 0.0)),
        ]
    ):
        values = np.moveaxis(np.log10(grid[name].to_value(unit)).reshape(shape), axis, 0)
        assert_allclose(values.reshape(3, -1), np.repeat([nodes], 9 * 200, axis=0).T, atol=1e-9)
    assert len(np.unique(grid['seed'])) == len(grid)
    assert len(np.unique(grid['gamma'])) == len(grid)
    r_h, gamma = grid['r_h'].to_value(u.arcsec), np.asarray(grid['gamma'])
    a = r_h / np.sqrt(2 ** (2 / (gamma - 2)) - 1)
    assert ((a > 0.0499) & (a < 6.41) & (gamma > 2.049) & (gamma < 8.01)).all()


def test_node_grid_can_be_simulated(simulator):
    """A grid of a few clusters gives as many images, the same for the same seed."""
    settings = {'log_age': (8.0,), 'log_mass': (2.4, 3.6), 'log_r_h': (-0.4,), 'a_v': 0.5 * u.mag}
    grid = node_grid(2, rng=3, **settings)
    images, truth = simulator.simulate(grid, rng=1)
    assert images.data.shape == (4, 3, 80, 80)
    assert (truth['a_v'] == 0.5 * u.mag).all()
    assert truth['F475W'][2:].max() < truth['F475W'][:2].min()  # of more mass
    assert_array_equal(node_grid(2, rng=3, **settings)['seed'], grid['seed'])
    with pytest.raises(ValueError, match='r_h must be radii that a and gamma reach'):
        node_grid(2, options=Options(gamma=(3.0, 8.0)), log_r_h=(2.0,))
