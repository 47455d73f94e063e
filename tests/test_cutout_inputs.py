# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.cutout_inputs.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable
from numpy.testing import assert_array_equal

from starcnn.cutout_inputs import CutoutReader
from starcnn.flags import FILLED, NO_DATA
from starcnn.images import get_band
from starcnn.networks import Images, Parameter, Spec

READER = CutoutReader({'F336W': 'WFC3/UVIS', 'F475W': 'ACS/WFC'})


def make_spec(variant):
    """Return the spec of a network for two filters."""
    images = Images(
        name='cutouts',
        filters=('F336W', 'F475W'),
        shape=(8, 8),
        pixel_scale=0.05,
        unit='electron / s',
    )
    age = Parameter(name='age', unit='yr', bounds=(6.6, 10.1), log=True)
    return Spec(family='any', variant=variant, inputs=(images,), outputs=(age,))


def make(filters=('F336W', 'F475W'), unit=u.electron / u.s):
    """Return two cutouts."""
    data = np.random.default_rng(1).normal(3, 1, (2, len(filters), 8, 8))
    sources = QTable({'id': [5, 7]})
    meta = {'filters': filters, 'pixel_scale': 0.05 * u.arcsec, 'sources': sources}
    return NDData(data, unit=unit, meta=meta)


def test_fluxes_take_the_zero_points_of_the_cameras():
    """A flux in Jy becomes a count rate with the zero point of each filter's own camera."""
    data = make(unit=u.uJy)
    array = READER.encode(data, make_spec('default'))['cutouts']
    for k, (name, camera) in enumerate(READER.instruments.items()):
        rate = get_band(camera, name).zero_point_ab.to_value(u.mag)
        wanted = data.data[:, k] * 10 ** (0.4 * (rate - 23.9))  # AB mag of one microjansky
        np.testing.assert_allclose(array[:, k], wanted, rtol=1e-5)


def test_missing_filters():
    """Networks take any of their filters, but not that of a paper; none at all is no data."""
    data = make(filters=('F475W',))
    array = READER.encode(data, make_spec('default'))['cutouts']
    assert_array_equal(np.isnan(array).all(axis=(0, 2, 3)), [True, False])
    sources, flags = READER.describe(data, make_spec('default'))
    assert_array_equal(sources['id'], [5, 7])
    assert_array_equal(flags, FILLED)
    with pytest.raises(ValueError, match='F336W'):
        READER.encode(data, make_spec('paper'))


def test_no_data():
    """A cutout without pixels is NaN in all filters, and flagged."""
    data = make()
    data.data[1, 0] = np.nan
    data.data[1, 1, :6] = np.nan
    array = READER.encode(data, make_spec('default'))['cutouts']
    assert_array_equal(np.isnan(array).all(axis=(1, 2, 3)), [False, True])
    assert_array_equal(READER.describe(data, make_spec('default'))[1], [0, FILLED | NO_DATA])


def test_table():
    """A row per cutout, with what is known of it; one without data has no result."""
    data = make()
    data.data[1] = np.nan
    outputs = {'age': np.array([[7.5, 0.1], [8.0, 0.1]])}
    table = READER.decode(outputs, make_spec('default'), data)
    assert_array_equal(table['id'], [5, 7])
    np.testing.assert_allclose(table['age'].to_value(u.yr)[0], 10**7.5, rtol=1e-3)
    assert np.isnan(table['age'][1])
    assert_array_equal(table['flags'], [0, FILLED | NO_DATA])
