# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.star_colours.
"""

import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from numpy.testing import assert_allclose, assert_array_equal

import starcnn.images
from starcnn.images import StarColours

BLUE, RED = 2, 3  # F475W and F814W


@pytest.fixture(scope='module')
def phat():
    """The packaged sample."""
    return StarColours.phat()


def make_colours(n=200, **options):
    """Return stars of one colour that changes with magnitude."""
    blue = np.linspace(20, 25, n)
    return StarColours(np.column_stack([blue, blue / 2]) * u.mag, filters=('B', 'R'), **options)


def test_draw():
    """A star has the known magnitude, and colours of a real star of about that magnitude."""
    colours = make_colours()
    known = np.array([21.0, 22.5, 24.0])
    drawn = colours.draw(known * u.mag, 'B', rng=0).value
    assert_allclose(drawn[:, 0], known)
    assert_allclose(drawn[:, 1], known / 2, atol=0.35)
    other = colours.draw(known / 2 * u.mag, 'R', rng=0).value
    assert_allclose(other[:, 0], known, atol=0.7)
    assert_array_equal(drawn, colours.draw(known * u.mag, 'B', rng=0).value)


def test_nearest_on_both_sides():
    """Drawn stars are on average neither bluer nor redder than those of that magnitude."""
    drawn = make_colours().draw(np.full(4000, 22.5) * u.mag, 'B', rng=1).value
    assert_allclose((drawn[:, 0] - drawn[:, 1]).mean(), 22.5 / 2, atol=0.01)


def test_beyond_the_ends():
    """Stars beyond the sample have colours of its ends."""
    drawn = make_colours().draw([15, 30] * u.mag, 'B', rng=0).value
    assert 20 / 2 <= drawn[0, 0] - drawn[0, 1] < 21.3 / 2
    assert 23.7 / 2 < drawn[1, 0] - drawn[1, 1] <= 25 / 2


def test_weights():
    """A star that stands for more is drawn more often, and counted so."""
    colour = np.tile([0.0, 2.0], 100)
    magnitudes = np.column_stack([np.linspace(20, 25, 200), np.linspace(20, 25, 200) - colour])
    weights = np.where(colour > 0, 3.0, 1.0)
    colours = StarColours(magnitudes * u.mag, filters=('B', 'R'), weights=weights)
    drawn = colours.draw(np.linspace(21, 24, 4000) * u.mag, 'B', rng=2).value
    assert_allclose((drawn[:, 0] - drawn[:, 1] > 1).mean(), 0.75, atol=0.03)
    assert_allclose(colours.count([19, 22.5, 26] * u.mag, 'B'), [200, 200])


def test_packaged(phat):
    """The packaged sample is small, complete in six filters, and as blue and red as M31."""
    assert phat.filters == ('F275W', 'F336W', 'F475W', 'F814W', 'F110W', 'F160W')
    path = Path(starcnn.images.__file__).parent / 'data' / 'phat_stars.npz'
    assert path.stat().st_size < 200_000
    assert 27.5 * u.mag < phat.faintest('F475W') < 27.6 * u.mag
    colour = phat._magnitudes[:, BLUE] - phat._magnitudes[:, RED]
    assert_allclose(np.percentile(colour, [1, 50, 99]), [0.2, 1.5, 2.7], atol=0.25)
    # Share of stars above the clump, as the docstring has it.
    for magnitude, share in ((24.75, 0.79), (25.25, 0.61), (25.75, 0.46), (26.25, 0.24)):
        near = abs(phat._magnitudes[:, BLUE] - magnitude) < 0.25
        bright = phat._magnitudes[near, RED] <= 24.3
        found = np.average(bright, weights=phat._weights[near])
        assert_allclose(found, share, atol=0.03)


def test_joint_colours_are_kept(phat):
    """All colours of a drawn star are those of one real star."""
    known = np.random.default_rng(0).uniform(23.5, 27.5, 300)
    drawn = phat.draw(known * u.mag, 'F475W', rng=3).value
    real = phat._magnitudes - phat._magnitudes[:, [BLUE]]
    distance = abs((drawn - drawn[:, [BLUE]])[:, np.newaxis] - real).max(axis=2).min(axis=1)
    assert distance.max() < 1e-9


@pytest.mark.parametrize('magnitude', [25.0, 26.0, 27.0])
def test_colours_are_distributed_as_the_real_ones(phat, magnitude):
    """Colours at a magnitude are those of the stars of the sample there."""
    known = np.random.default_rng(0).uniform(magnitude - 0.1, magnitude + 0.1, 5000)
    drawn = phat.draw(known * u.mag, 'F475W', rng=4).value
    near = abs(phat._magnitudes[:, BLUE] - magnitude) < 0.1
    real, weights = phat._magnitudes[near], phat._weights[near]
    edges = np.arange(-0.5, 4.1, 0.5)
    shares = [
        np.histogram(sample[:, BLUE] - sample[:, RED], edges, weights=w)[0] / w.sum()
        for sample, w in ((drawn, np.ones(len(drawn))), (real, weights))
    ]
    assert_allclose(*shares, atol=0.08)


def test_bad_arguments():
    """What is no sample, and filters that it lacks, are refused."""
    good = np.full((60, 2), 20.0)
    with pytest.raises(ValueError, match=r'magnitudes must have shape \(n_star, 3\)'):
        StarColours(good * u.mag, filters=('A', 'B', 'C'))
    with pytest.raises(ValueError, match='at least 50 stars'):
        StarColours(good[:40] * u.mag, filters=('A', 'B'))
    with pytest.raises(ValueError, match='magnitudes must be finite, got 60'):
        StarColours(np.column_stack([good[:, 0], good[:, 0] * np.nan]) * u.mag, filters=('A', 'B'))
    with pytest.raises(TypeError, match='magnitudes must be a Quantity'):
        StarColours(good, filters=('A', 'B'))
    with pytest.raises(ValueError, match='weights must be 60 positive numbers'):
        StarColours(good * u.mag, filters=('A', 'B'), weights=np.zeros(60))
    colours = make_colours()
    with pytest.raises(ValueError, match=r"filter must be one of \['B', 'R'\], got 'V'"):
        colours.draw([20] * u.mag, 'V')
    with pytest.raises(ValueError, match='magnitude must be finite'):
        colours.draw([np.nan] * u.mag, 'B')


@pytest.mark.skipif('STARCNN_DATA_DIR' not in os.environ, reason='needs STARCNN_DATA_DIR')
def test_stars_are_those_of_the_catalogues(phat):
    """F475W, F814W and F110W of each packaged star are those of one catalogued star."""
    folder = Path(os.environ['STARCNN_DATA_DIR']) / 'catalogs'
    names = ['phat_b15_data_test.fits', 'phat_b15_4band_det_27_A.fits']
    tables = [Table.read(folder / name) for name in names]
    columns = [(f'{name}_vega', i) for name, i in (('f475w', 2), ('f814w', 3))]
    real = {
        tuple(row)
        for table in tables
        for row in np.rint(1000 * np.column_stack([table[name] for name, _ in columns])).astype(int)
    }
    packaged = np.rint(1000 * phat._magnitudes[:, [i for _, i in columns]]).astype(int)
    assert {tuple(row) for row in packaged} <= real
