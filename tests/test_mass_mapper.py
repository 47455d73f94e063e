# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the mass mapper.
"""

from copy import deepcopy

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import CCDData, NDData
from astropy.wcs import WCS
from toy.files import MASS_TO_LIGHT

from starcnn import MassMapper
from starcnn._contract_compare import is_same

LIGHT = np.random.default_rng(1).random((6, 6))


@pytest.fixture
def mapper(plugin_manager):
    """The toy mass mapper."""
    return MassMapper('toy')


@pytest.fixture
def luminosity():
    """A map with a WCS, a mask and a header."""
    wcs = WCS(naxis=2)
    wcs.wcs.crval = 10, 20
    mask = LIGHT > 0.9
    return CCDData(LIGHT, unit='solLum', wcs=wcs, mask=mask, meta={'OBJECT': 'M 83'})


def test_available(plugin_manager):
    """The table of mass mappers has the tags of the weights."""
    table = MassMapper.available()
    assert table.colnames == ['name', 'weights', 'summary', 'reference']
    assert table['weights'].tolist() == ['scale-1.0.0']


def test_map(mapper, luminosity):
    """A map gives a map with its WCS and mask, and says where it is from."""
    mass = mapper.predict(luminosity)
    assert isinstance(mass, CCDData)
    assert mass.unit == u.solMass
    np.testing.assert_allclose(mass.data, MASS_TO_LIGHT * LIGHT, rtol=1e-6)
    assert mass.wcs is luminosity.wcs
    assert (mass.mask == luminosity.mask).all()
    assert mass.meta['OBJECT'] == 'M 83'
    assert mass.meta['BACKEND'] == 'toy'


def test_stack(mapper):
    """A stack gives a stack."""
    stack = np.stack([LIGHT, 3 * LIGHT])[:, np.newaxis]
    mass = mapper.predict(NDData(stack, unit='solLum'))
    np.testing.assert_allclose(mass.data, MASS_TO_LIGHT * stack[:, 0], rtol=1e-6)


def test_another_unit(mapper, luminosity):
    """Light in another unit gives the same mass."""
    other = CCDData(luminosity.data * u.solLum.to(u.W), unit='W')
    expected, found = (mapper.predict(data).data for data in (luminosity, other))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_wrong_unit(mapper):
    """Light in a wrong unit is refused."""
    with pytest.raises(u.UnitsError, match="luminosity must have a unit like 'solLum', got 'kg'"):
        mapper.predict(CCDData(LIGHT, unit='kg'))


def test_nothing_changes(mapper, luminosity):
    """Mapping changes neither the mapper nor its data."""
    before, state = deepcopy(luminosity), dict(vars(mapper))
    mapper.predict(luminosity)
    assert is_same(luminosity, before)
    assert vars(mapper) == state


def test_repr(mapper):
    """The representation names backend and weights."""
    assert repr(mapper) == '<MassMapper toy with scale-1.0.0>'
