# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.simulated_backgrounds.
"""

from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import starcnn.sky
from starcnn.images import (
    PSF,
    GalaxyField,
    MosaicBackgrounds,
    SimulatedBackgrounds,
    get_band,
    match_density,
    measure_stars,
)
from starcnn.sky import Isochrones, Photometry

SKY = Path(starcnn.sky.__file__).parent / 'data'
PER_ARCSEC2 = u.arcsec**-2
PARTS = ('training', 'validation', 'test')


class Numbers:
    """A field whose pixels are numbered, and whose density is the number of its frame."""

    filters = ('F0', 'F1')

    def __init__(self):
        self.n_frame, self.n_pixel = 0, 0

    def _draw(self, shape, rng, density=None):
        size = 2 * shape[0] * shape[1]
        frame = self.n_pixel + np.arange(size).reshape(2, *shape) + rng.integers(2) * 2**20
        self.n_pixel += size
        self.n_frame += 1
        return frame, float(self.n_frame)


def make_field(**changes):
    """Return a field at the distance of M31."""
    photometry = Photometry.read(SKY / 'hst_acs_wfc.npz').select(['F475W', 'F814W'])
    scale = 0.05 * u.arcsec
    options = {
        'bands': [
            get_band('ACS/WFC', name, exposure_time=1800 * u.s) for name in photometry.filters
        ],
        'psfs': [PSF.model('ACS/WFC', name, pixel_scale=scale) for name in photometry.filters],
        'pixel_scale': scale,
        'distance': 785 * u.kpc,
        'm_h': 0.0,
    }
    isochrones = Isochrones.read(SKY / 'parsec_v12s.npz')
    return GalaxyField(isochrones, photometry, **{**options, **changes})


@pytest.fixture(scope='module')
def field():
    """A field without dust whose star formation has been constant."""
    return make_field(front=1.0, burst=0.0)


def test_patches():
    """Patches are disjoint pieces of fields, as many and as large as asked for."""
    numbers = Numbers()
    backgrounds = SimulatedBackgrounds(numbers, frame=64)
    assert backgrounds.kind == 'simulated'
    assert backgrounds.filters == ('F0', 'F1')
    patches = backgrounds.draw(19, (20, 30), rng=0)
    assert patches.shape == (19, 2, 20, 30)
    assert patches.unit == u.electron / u.s
    assert len(np.unique(patches.value)) == patches.size
    assert numbers.n_frame == 4  # of six patches at most
    first = patches[0, 0].value
    assert_array_equal(np.diff(first, axis=1), 1)


def test_no_patch_and_large_patches():
    """No patch is an empty array; a patch larger than a field has its own."""
    numbers = Numbers()
    backgrounds = SimulatedBackgrounds(numbers, frame=16)
    assert backgrounds.draw(0, (20, 30)).shape == (0, 2, 20, 30)
    assert backgrounds.draw(3, (20, 30)).shape == (3, 2, 20, 30)
    assert numbers.n_frame == 3


def test_density_of_each_patch():
    """The density that comes along is that of the field a patch is from."""
    patches, density = SimulatedBackgrounds(Numbers(), frame=40)._draw(
        9, (20, 20), np.random.default_rng(0)
    )
    assert_array_equal(density, [1, 1, 1, 1, 2, 2, 2, 2, 3])
    assert (np.diff(patches[:, 0, 0, 0]) != 0).all()


def test_parts_differ():
    """Parts have other fields for one seed, and each the same again."""
    drawn = {}
    for part in PARTS:
        one, two = (
            SimulatedBackgrounds(Noise()).draw(2, (8, 8), rng=3, part=part) for _ in range(2)
        )
        assert_array_equal(one, two)
        drawn[part] = one
    for first, second in (PARTS[:2], PARTS[1:], PARTS[::2]):
        assert not np.intersect1d(drawn[first].value, drawn[second].value).size


class Noise(Numbers):
    """A field of noise."""

    def _draw(self, shape, rng, density=None):
        return rng.standard_normal((2, *shape)), 1.0


def test_same_interface():
    """Simulated and mosaic backgrounds have the same public attributes."""
    names = [
        {name for name in dir(kind) if name[0] != '_'}
        for kind in (SimulatedBackgrounds, MosaicBackgrounds)
    ]
    assert {'draw'} <= names[0] & names[1]
    code = [kind.draw.__code__ for kind in (SimulatedBackgrounds, MosaicBackgrounds)]
    assert code[0].co_varnames[:5] == code[1].co_varnames[:5]


def test_density_at_the_own_limit(field):
    """To the limit of the field itself, without dust, the density is the same."""
    density = match_density(
        field,
        3 * PER_ARCSEC2,
        brighter_than=field.limits[0] - 1e-3 * u.mag,
        filter='F475W',
        rng=0,
    )
    assert_allclose(density.to_value(PER_ARCSEC2), 3, rtol=0.02)


def test_density_follows_the_counts(field):
    """The brighter the limit, the more of the stars must be below it; dust needs more of them."""
    disc = field._disc
    rates = np.ones(disc.detectable.n_age)
    modulus = 5 * np.log10(785e3 / 10)
    middle = (disc.detectable.start + disc.detectable.stop)[:, 0] / 2
    bright = disc.detectable.select(middle < 26 - modulus)
    ratio = bright.count(rates) / disc.detectable.count(rates)
    options = {'brighter_than': 26 * u.mag, 'filter': 'F475W', 'rng': 1}
    density = match_density(field, 2 * PER_ARCSEC2, **options)
    assert_allclose(density.to_value(PER_ARCSEC2), 2 / ratio, rtol=0.05)
    twice = match_density(field, 4e-6 * u.marcsec**-2, **options)
    assert_allclose(twice.to_value(PER_ARCSEC2), 2 * density.to_value(PER_ARCSEC2))
    dusty = replace(field, front=0.0, a_v=[0.99, 1] * u.mag)
    assert match_density(dusty, 2 * PER_ARCSEC2, **options) > 1.3 * density


def test_bad_arguments(field):
    """What cannot be is refused."""
    with pytest.raises(ValueError, match='frame must be a positive number'):
        SimulatedBackgrounds(Numbers(), frame=0)
    with pytest.raises(ValueError, match='part must be one of'):
        SimulatedBackgrounds(Numbers()).draw(1, (9, 9), part='all')
    options = {'brighter_than': 26 * u.mag, 'filter': 'F475W'}
    with pytest.raises(ValueError, match=r"filter must be one of .*, got 'F336W'"):
        match_density(field, 1 * PER_ARCSEC2, **{**options, 'filter': 'F336W'})
    with pytest.raises(ValueError, match='density must be positive'):
        match_density(field, 0 * PER_ARCSEC2, **options)
    with pytest.raises(TypeError, match='density must be a Quantity'):
        match_density(field, 1, **options)
    with pytest.raises(ValueError, match=r'brighter_than must be at most .* got 33'):
        match_density(field, 1 * PER_ARCSEC2, **{**options, 'brighter_than': 33 * u.mag})


@pytest.mark.slow
def test_stars_of_fields_as_dense_as_asked():
    """Frames of that density have as many stars brighter than the limit as asked for."""
    field = make_field(burst=0.0, clustered=0.01)
    limit, target = 25.5 * u.mag, 1.0
    density = match_density(field, target * PER_ARCSEC2, brighter_than=limit, filter='F475W', rng=0)
    from astropy.nddata import CCDData
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = 'RA---TAN', 'DEC--TAN'
    wcs.wcs.cdelt = -0.05 / 3600, 0.05 / 3600
    found = []
    for seed in range(4):
        frame = field.draw((200, 200), density=density, rng=seed)
        mosaic = CCDData(frame.data[0], unit=frame.unit, wcs=wcs)
        stars = measure_stars(mosaic, psf=field.psfs[0], band=field.bands[0])
        found.append((stars['mag'] < limit).sum() / 100)  # arcsec2
    assert_allclose(np.mean(found), target, rtol=0.25)
