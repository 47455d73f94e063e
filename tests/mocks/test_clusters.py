# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.clusters.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.mocks import (
    background_statistics,
    get_setup,
    make_clusters,
    visibilities,
)
from starcnn.mocks._stars import draw_places, draw_stars, integrate


@pytest.fixture(scope='module')
def setup(options):
    """What does not change from mock to mock."""
    return get_setup(options)


@pytest.fixture(scope='module')
def made(parameters, setup):
    """Clusters without background."""
    return make_clusters(parameters, setup)


def test_one_by_one(parameters, made, setup):
    """Clusters are the same to the bit for any split into calls."""
    for rows in (slice(0, 1), slice(3, 6), [7, 2]):
        again = make_clusters(parameters[rows], setup)
        assert_array_equal(again.images, made.images[rows])
        assert_array_equal(again.magnitudes, made.magnitudes[rows])
        assert_array_equal(again.flux, made.flux[rows])


def test_drawn_clusters_are_those_that_were_judged(parameters, made, options):
    """The magnitudes that passed the limits are those of the images."""
    assert (made.magnitudes <= np.array(options.magnitude_limits)).all()
    assert (made.images.sum(axis=(2, 3)) > 0).all()
    assert len(parameters) == 12


def test_offset(parameters, options):
    """Centres are up to the offset away from the middle, for all filters in one place."""
    far = make_clusters(parameters, get_setup(replace(options, offset=8.0))).images
    y, x = np.indices((64, 64)) - 31.5
    # The centroids of the blue light, of the brightest clusters
    light = far[:, 1].sum(axis=(1, 2))
    centres = np.array([(far[:, 1] * grid).sum(axis=(1, 2)) / light for grid in (x, y)])
    assert abs(centres).max() > 2
    assert abs(centres).max() < 12
    assert abs(np.corrcoef(centres)[0, 1]) < 0.8


def test_background_statistics(setup):
    """The level is the median of all pixels, the scatter that of the middle."""
    rng = np.random.default_rng(0)
    fields = 0.5 + 0.01 * rng.standard_normal((4, 3, 64, 64))
    fields[:, :, :5] = 100  # more than 25 pixels from the centre
    level, scatter = background_statistics(fields, setup)
    assert_allclose(level, 0.5, atol=2e-3)
    assert_allclose(scatter, 0.01, rtol=0.1)


def test_visibilities():
    """The mean over the filters; an even background hides nothing."""
    assert_allclose(visibilities(np.array([[2.0, 4.0]]), np.array([[1.0, 4.0]])), 1.5)
    assert np.isfinite(visibilities(np.ones((1, 2)), np.zeros((1, 2)))).all()


def test_half_of_the_stars(options):
    """Half of the stars of many clusters are within r_h of their centres, and all are counted."""
    setup = get_setup(replace(options, offset=6.0))
    rows = QTable(
        {
            'age': np.full(40, 1e8) * u.yr,
            'a_v': np.zeros(40) * u.mag,
            'mass': np.full(40, 300) * u.solMass,
            'r_h': np.geomspace(0.04, 0.4, 40) * u.arcsec,
            'gamma': np.geomspace(2.2, 8, 40),
            'seed': np.arange(40),
        }
    )
    inside, total = 0, 0
    for row in rows:
        x, y, centre = draw_places(row, 500, setup)
        assert abs(centre).max() <= 6
        assert abs(centre).max() > 0
        distance = np.hypot(x - centre[0], y - centre[1]) * 0.04 * u.arcsec
        inside += (distance <= row['r_h']).sum()
        total += len(x)
    assert inside / total == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / total))


def test_light_is_that_of_the_population(options):
    """The mean light of many clusters is that of a population with very many stars."""
    setup = get_setup(replace(options, sampling='poisson'))
    n, mass = 400, 1000 * u.solMass
    rows = QTable(
        {
            'age': np.full(n, 1e8) * u.yr,
            'a_v': np.full(n, 0.5) * u.mag,
            'mass': np.full(n, mass.value) * mass.unit,
            'seed': np.arange(n),
        }
    )
    light = 10 ** (-0.4 * np.array([integrate(draw_stars(row, setup), setup) for row in rows]))
    expected = setup.synthesis.mean_magnitudes(mass, age=1e8 * u.yr, m_h=setup.m_h, a_v=0.5 * u.mag)
    apparent = expected.to_value(u.mag) + setup.modulus
    error = light.std(axis=0) / np.sqrt(n) / light.mean(axis=0)
    assert (error < 0.06).all()
    assert (abs(light.mean(axis=0) / 10 ** (-0.4 * apparent) - 1) < 3 * error).all()


def test_image_holds_the_light(options):
    """The pixels of an image hold the light of the magnitudes, but for the wings."""
    setup = get_setup(options)
    rows = QTable(
        {
            'age': [1e7, 1e9] * u.yr,
            'a_v': [0, 0] * u.mag,
            'mass': [100, 2000] * u.solMass,
            'r_h': [0.05, 0.05] * u.arcsec,
            'gamma': [8.0, 8.0],
            'seed': [5, 6],
        }
    )
    made = make_clusters(rows, setup)
    expected = 10 ** (-0.4 * (made.magnitudes - setup.zero_points))
    held = made.images.sum(axis=(2, 3), dtype=float) / expected
    energies = [psf.encircled_energy(1.2 * u.arcsec) for psf in setup.psfs]
    assert_allclose(held, np.broadcast_to(energies, held.shape), atol=0.02)


def test_track(parameters, setup):
    """What shows the progress sees every cluster, and changes nothing."""
    seen = []

    def track(rows):
        for row in rows:
            seen.append(int(row['seed']))
            yield row

    shown = make_clusters(parameters[:3], setup, track=track)
    assert seen == list(parameters['seed'][:3])
    assert_array_equal(shown.images, make_clusters(parameters[:3], setup).images)
