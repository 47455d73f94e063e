# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst._clusters.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.families.m83_hst._clusters import (
    background_statistics,
    complete,
    draw_parameters,
    make_clusters,
    visibilities,
)
from starcnn.families.m83_hst._setup import get_setup


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


def test_steps(options):
    """The ends of the ranges are drawn too."""
    narrow = replace(options, log_age=(7.0, 7.1), a_v=(0.0, 0.2), log_mass=(5.0, 5.5))
    drawn = draw_parameters(80, get_setup(narrow), np.random.default_rng(1))
    assert_allclose(np.unique(np.round(np.log10(drawn['age'].value), 6)), [7.0, 7.05, 7.1])
    assert_allclose(np.unique(drawn['a_v'].value), [0, 0.1, 0.2])


def test_point_ranges(options):
    """A range may be one value."""
    point = replace(options, log_age=(8.0, 8.0), a_v=(1.0, 1.0), log_mass=(5.0, 5.0))
    drawn = draw_parameters(3, get_setup(point), np.random.default_rng(1))
    assert_allclose(drawn['age'].value, 1e8)
    assert_allclose(drawn['mass'].value, 1e5)


def test_complete_keeps_what_is_given(parameters, setup):
    """Given columns stay; the generator is used for missing ones only."""
    rows = complete(parameters, setup, np.random.default_rng(0))
    assert rows.colnames == parameters.colnames
    for name in rows.colnames:
        assert_array_equal(rows[name], parameters[name])


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
