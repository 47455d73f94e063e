# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of matching sources.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.validation import match_sources


def on_line(*x, **columns):
    """Return sources along a line of pixels."""
    return QTable({'x': np.array(x, float) * u.pix, 'y': np.zeros(len(x)) * u.pix, **columns})


def test_pixels():
    """Sources within the radius are matched; whichever has none stays alone."""
    truth, found = on_line(10, 20, 30), on_line(31.5, 50, 10.5)
    pairs = match_sources(truth, found, radius=2 * u.pix)
    assert_array_equal(pairs['truth_row'], [0, 2])
    assert_array_equal(pairs['found_row'], [2, 0])
    assert_allclose(pairs['separation'].to_value(u.pix), [0.5, 1.5])
    bare = Table({'x': [10.0, 20.0, 30.0], 'y': np.zeros(3)})
    assert_array_equal(match_sources(bare, found, radius=2 * u.pix)['found_row'], [2, 0])


def test_nearest_first():
    """Of several within the radius, the nearest pair wins, and no source has two partners."""
    pairs = match_sources(on_line(10, 11), on_line(11.2, 12.9), radius=3 * u.pix)
    assert_array_equal(pairs['truth_row'], [0, 1])
    assert_array_equal(pairs['found_row'], [1, 0])
    pairs = match_sources(on_line(10, 11), on_line(11.2), radius=3 * u.pix)
    assert_array_equal(pairs['truth_row'], [1])


@pytest.mark.parametrize(('ra', 'dec'), [(0.0, 10.0), (140.0, 89.99), (359.99999, -60.0)])
def test_sky(ra, dec):
    """Angles are those on the sky, near the poles and across zero, too."""
    rng = np.random.default_rng(1)
    sky = SkyCoord(ra * u.deg, dec * u.deg)
    near = sky.directional_offset_by(rng.uniform(0, 360, 50) * u.deg, np.arange(50) * u.arcsec)
    order = rng.permutation(50)
    there = near.directional_offset_by(rng.uniform(0, 360, 50) * u.deg, 0.3 * u.arcsec)
    truth = QTable({'ra': near.ra, 'dec': near.dec.to(u.arcmin)})
    found = QTable({'ra': there.ra[order], 'dec': there.dec[order]})
    pairs = match_sources(truth, found, radius=500 * u.mas)
    assert_array_equal(pairs['truth_row'], np.arange(50))
    assert_array_equal(order[pairs['found_row']], np.arange(50))
    assert_allclose(pairs['separation'].to_value(u.arcsec), 0.3, rtol=1e-4)
    assert len(match_sources(truth, found, radius=0.29 * u.arcsec)) == 0


def test_identifiers():
    """Without a radius, rows with the same identifier belong together."""
    truth, found = Table({'id': ['c', 'a', 'b']}), Table({'id': ['b', 'd', 'c']})
    pairs = match_sources(truth, found, radius=None)
    assert_array_equal(pairs['truth_row'], [0, 2])
    assert_array_equal(pairs['found_row'], [2, 0])
    assert pairs.colnames == ['truth_row', 'found_row']


@pytest.mark.parametrize('radius', [1 * u.pix, 1 * u.arcsec, None])
def test_nothing_found(radius):
    """Where nothing was found there are no pairs."""
    truth = QTable({'id': [1], 'ra': [1] * u.deg, 'dec': [1] * u.deg, 'x': [1.0], 'y': [1.0]})
    assert len(match_sources(truth, truth[:0], radius=radius)) == 0
    assert len(match_sources(truth[:0], truth, radius=radius)) == 0
    assert len(match_sources(truth, truth, radius=radius)) == 1


@pytest.mark.parametrize(
    ('found', 'radius', 'error', 'message'),
    [
        (on_line(1.0), 1.0, TypeError, 'radius must be a Quantity, or None'),
        (on_line(1.0), 1 * u.s, u.UnitsError, 'radius must be an angle or in pixels, got s'),
        (on_line(1.0), 0 * u.pix, ValueError, 'radius must be one positive length'),
        (on_line(1.0), [1, 2] * u.pix, ValueError, 'radius must be one positive length'),
        (on_line(1.0), 1 * u.arcsec, ValueError, "truth must have the column 'ra'"),
        (on_line(1.0)['x',], 1 * u.pix, ValueError, "found must have the column 'y'"),
        (on_line(np.nan), 1 * u.pix, ValueError, r"found\['x'\] must be finite"),
        (on_line(1.0), None, ValueError, "found must have the column 'id'"),
        (on_line(1.0, 1.0, id=[1, 1]), None, ValueError, 'found must have different identifiers'),
        (QTable({'x': [1] * u.m, 'y': [1] * u.m}), 1 * u.pix, u.UnitsError, r"found\['x'\]"),
    ],
)
def test_errors(found, radius, error, message):
    """Arguments that make no sense are refused by name."""
    with pytest.raises(error, match=message):
        match_sources(on_line(1, 2, id=[1, 2]), found, radius=radius)
