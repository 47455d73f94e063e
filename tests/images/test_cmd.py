# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.cmd.
"""

import numpy as np
import pytest

from starcnn.images import cmd_features, cmd_histogram, cmd_picture

RANGES = {'colour_range': (0.0, 4.0), 'magnitude_range': (10.0, 18.0)}


def test_histogram_counts_fractions():
    """Stars fall into their cells, colour running slowest; those outside are left out."""
    colour = np.array([0.5, 0.5, 3.9, 5.0, 0.5])
    magnitude = np.array([10.5, 10.5, 17.9, 12.0, 19.0])
    cells = cmd_histogram(colour, magnitude, shape=(4, 2), **RANGES).reshape(4, 2)
    expected = np.zeros((4, 2))
    expected[0, 0], expected[3, 1] = 2 / 3, 1 / 3
    np.testing.assert_allclose(cells, expected, rtol=1e-15)


def test_histogram_without_stars():
    """A diagram without stars has zeros, not NaN."""
    none = np.zeros(0)
    assert not cmd_histogram(none, none, shape=(4, 2), **RANGES).any()
    assert not cmd_histogram(np.array([9.0]), np.array([9.0]), shape=(4, 2), **RANGES).any()


def test_picture_keeps_the_number_and_place_of_stars():
    """Every star inside weighs one, and its weighted mean position is its own."""
    rng = np.random.default_rng(1)
    colour, magnitude = rng.uniform(0.5, 3.5, 50), rng.uniform(11, 17, 50)
    for one in zip(colour, magnitude, strict=True):
        picture = cmd_picture(*(np.array([x]) for x in one), shape=(180, 180), **RANGES)
        j, i = np.indices(picture.shape)
        place = [(picture * index).sum() + 0.5 for index in (i, j)]
        np.testing.assert_allclose(picture.sum(), 1, rtol=1e-12)
        np.testing.assert_allclose(place, [one[0] * 45, (one[1] - 10) * 22.5], atol=1e-9)
    picture = cmd_picture(colour, magnitude, shape=(180, 180), **RANGES)
    np.testing.assert_allclose(picture.sum(), 50, rtol=1e-12)


def test_picture_orientation():
    """Bright stars are in the first row, blue ones in the first column."""
    picture = cmd_picture(np.array([0.01]), np.array([10.01]), shape=(20, 40), **RANGES)
    assert np.unravel_index(picture.argmax(), picture.shape) == (0, 0)
    picture = cmd_picture(np.array([3.99]), np.array([10.01]), shape=(20, 40), **RANGES)
    assert np.unravel_index(picture.argmax(), picture.shape) == (0, 39)


def test_picture_at_the_edges():
    """Stars at the border keep their weight; those beyond it have none."""
    colour, magnitude = np.array([0.0, 3.999, 4.0, -0.1]), np.array([10.0, 17.999, 12.0, 12.0])
    picture = cmd_picture(colour, magnitude, shape=(18, 18), **RANGES)
    np.testing.assert_allclose(picture.sum(), 2, rtol=1e-12)


def test_features_of_a_line():
    """The slope of a line is found, and the mean colour of its middle part."""
    magnitude = np.linspace(8.0, 16.0, 401)
    colour = 0.3 + 0.11 * (magnitude - 8)
    parallax = np.full(401, 2.0)  # a distance modulus of 8.495
    slope, mean, median = cmd_features(colour, magnitude, parallax)
    modulus = 5 * np.log10(100 / 2.0)
    middle = (magnitude - modulus >= 4) & (magnitude - modulus < 5)
    assert slope == pytest.approx(0.11, abs=1e-12)
    assert mean == pytest.approx(colour[middle].mean(), abs=1e-12)
    assert median == 2.0


@pytest.mark.parametrize('parallax', [np.nan, -0.1, 0.0])
def test_features_without_a_distance(parallax):
    """Without a positive parallax there is no slope and no mean colour."""
    features = cmd_features(np.ones(5), np.full(5, 12.0), np.full(5, parallax))
    np.testing.assert_array_equal(features, [np.nan, np.nan, parallax])


def test_features_of_few_stars():
    """One bright star has no slope, and there is no mean colour of no stars."""
    features = cmd_features(np.array([0.5]), np.array([8.9]), np.array([10.0]))
    np.testing.assert_array_equal(features, [np.nan, np.nan, 10.0])
    features = cmd_features(np.array([0.5]), np.array([9.5]), np.array([10.0]))
    np.testing.assert_array_equal(features, [np.nan, 0.5, 10.0])


def test_features_ignore_unknown_parallaxes():
    """The median parallax is that of the stars that have one."""
    parallax = np.array([np.nan, 1.0, 3.0, 2.0])
    assert cmd_features(np.ones(4), np.full(4, 12.0), parallax)[2] == 2.0
