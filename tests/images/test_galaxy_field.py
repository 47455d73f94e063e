# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.galaxy_field.
"""

import os
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from numpy.testing import assert_allclose, assert_array_equal

import starcnn.sky
from starcnn.images import (
    GalaxyField,
    MosaicBackgrounds,
    cutouts_from_frame,
    get_band,
    measure_density,
)
from starcnn.sky import KROUPA2001, Isochrones, Photometry

SKY = Path(starcnn.sky.__file__).parent / 'data'
PER_ARCSEC2 = u.arcsec**-2
SHAPE = (160, 192)


class Gaussian:
    """
    A round PSF with a full width of 0.1 arcsec that holds all light.
    """

    def __init__(self, name):
        self.filter = name

    def epsf(self, pixel_scale, oversampling):
        """Return samples per pixel."""
        n = int(0.3 / pixel_scale * oversampling)
        x = np.arange(-n, n + 1) * pixel_scale / oversampling
        image = np.exp(-np.add.outer(x**2, x**2) / (2 * (0.1 / 2.3548) ** 2))
        return image / image.sum()


def make_field(isochrones, photometry, **changes):
    """Return a field at the distance of M31 in the filters of Gaia."""
    bands = [
        replace(get_band('WFC3/UVIS', camera, exposure_time=1800 * u.s), filter=name)
        for camera, name in zip(('F606W', 'F438W', 'F814W'), photometry.filters, strict=True)
    ]
    options = {
        'bands': bands,
        'psfs': [Gaussian(name) for name in photometry.filters],
        'pixel_scale': 0.05 * u.arcsec,
        'distance': 785 * u.kpc,
        'm_h': 0.0,
    }
    return GalaxyField(isochrones, photometry, **{**options, **changes})


@pytest.fixture(scope='module')
def tables():
    """Return isochrones and photometry."""
    return Isochrones.read(SKY / 'parsec_v12s.npz'), Photometry.read(SKY / 'gaia_dr2.npz')


@pytest.fixture(scope='module')
def field(tables):
    """Return a field."""
    return make_field(*tables)


def test_frame(field):
    """A frame is an NDData that says what it is; the seed decides it."""
    frame = field.draw(SHAPE, density=2 * PER_ARCSEC2, rng=3)
    assert frame.data.shape == (3, *SHAPE)
    assert frame.unit == u.electron / u.s
    assert frame.meta['filters'] == ('Gaia_G', 'Gaia_BP', 'Gaia_RP')
    assert frame.meta['BACKGRND'] == 'simulated'
    assert frame.meta['pixel_scale'] == 0.05 * u.arcsec
    assert np.isfinite(frame.data).all()
    assert_array_equal(frame.data, field.draw(SHAPE, density=2 * PER_ARCSEC2, rng=3).data)
    other = field.draw(SHAPE, density=2 / 3600**-2 * u.deg**-2, rng=3)
    assert_array_equal(frame.data, other.data)


def test_frame_as_mosaics(field):
    """Patches of a frame that was drawn know that they are simulated."""
    frame = field.draw((64, 64), density=2 * PER_ARCSEC2, rng=3)
    mosaics = {
        name: CCDData(plane, unit=frame.unit, meta=frame.meta)
        for name, plane in zip(frame.meta['filters'], frame.data, strict=True)
    }
    assert MosaicBackgrounds(mosaics).kind == 'simulated'


def test_density(field):
    """Frames have the density that is asked for, by the true stars, to their Poisson noise."""
    area = np.prod(SHAPE) * 0.05**2
    found = [
        field.draw(SHAPE, density=5 * PER_ARCSEC2, rng=i).meta['density'].value for i in range(8)
    ]
    # Gradient and associations make the counts scatter more than the 22 of Poisson.
    assert_allclose(np.mean(found) * area, 5 * area, rtol=0.1)


def test_measured_density(field):
    """The measured density rises with the true one, and is near it where stars do not blend."""
    flat = make_field(
        field.isochrones,
        field.photometry,
        a_v=(1e-3, 1e-3) * u.mag,
        clustered=0.0,
        scale_length=(100, 100) * u.arcsec,
    )
    true = np.array([0.5, 2.0, 8.0, 32.0])
    frames = [flat.draw((224, 224), density=d * PER_ARCSEC2, rng=0).data[0] for d in true]
    found = [measure_density(frame, pixel_scale=0.05 * u.arcsec).value for frame in frames]
    assert (np.diff(found) > 0).all()
    assert_allclose(found[:2], true[:2], rtol=0.25)


def test_detection_limit(field):
    """A star at the limit has a central pixel of five deviations of an empty sky."""
    band = field.bands[0]
    sky = band.sky.value * (0.05 / band.pixel_scale.to_value(u.arcsec)) ** 2
    deviation = np.sqrt(sky * 1800 + 2 * 3.1**2) / 1800
    centre = field.psfs[0].epsf(0.05, 1).max()
    magnitude = band.zero_point_vega - 2.5 * np.log10(5 * deviation / centre) * u.mag
    assert_allclose(field.limits[0].value, magnitude.value, atol=1e-4)


def test_empty_sky(field):
    """Where there are hardly any stars, the frame is the sky with photon and read noise."""
    frame = field.draw((200, 200), density=1e-6 * PER_ARCSEC2, rng=0)
    for image, band in zip(frame.data, field.bands, strict=True):
        sky = band.sky.value * (0.05 / band.pixel_scale.to_value(u.arcsec)) ** 2
        variance = (sky * 1800 + 2 * 3.1**2) / 1800**2
        assert_allclose(image.mean(), sky, atol=5 * np.sqrt(variance / image.size))
        assert_allclose(image.var(), variance, rtol=0.04)


def test_light_is_that_of_the_population(tables, field):
    """Drawn stars and smooth light together have the light of the stars of all masses."""
    isochrones, photometry = tables
    flat = make_field(
        isochrones,
        photometry,
        a_v=(1e-6, 1e-6) * u.mag,
        clustered=0.0,
        burst=0.0,
        depth=0 * u.mag,
        scale_length=(1e4, 1e4) * u.arcsec,
    )
    disc = flat._disc
    frames = [disc.light((256, 256), 40.0, np.random.default_rng(i))[0] for i in range(4)]
    light = np.mean(frames, axis=(0, 2, 3)) / 0.05**2
    # Independently: stars of a constant star formation over 14 Gyr, drawn from the
    # initial mass function, looked up one by one.
    rng = np.random.default_rng(0)
    stars = isochrones.with_photometry(photometry)
    flux, number = np.zeros(3), 0.0
    limit = (flat.limits[0].value) - 5 * np.log10(785e3 / 10)
    edges = np.append(0, 10 ** np.arange(6.65, 10.16, 0.1))
    for i, age in enumerate(10 ** np.arange(6.6, 10.11, 0.1)):
        mass = KROUPA2001.sample(40000, rng=rng, low=0.5 * u.solMass)
        values, phase = stars._star_arrays(mass.value, np.log10(age), 0.0)
        magnitudes = values[phase >= 0, 5:]
        years = edges[i + 1] - edges[i]
        flux += years * (10 ** (-0.4 * magnitudes)).sum(axis=0)
        number += years * (magnitudes[:, 0] < limit).sum()
    expected = 40 * flux / number * disc.unit_flux
    assert_allclose(light, expected, rtol=0.12)


def test_dust_reddens(field):
    """Dust dims a frame, more so in the bluer filter, and only what is behind it."""

    def light(**changes):
        options = {
            'scale_length': (1e4, 1e4) * u.arcsec,
            'a_v_scatter': 1e-3,
            'burst': 0.0,
            'depth': 0 * u.mag,
        }
        one = make_field(field.isochrones, field.photometry, **{**options, **changes})
        return one._disc.light((256, 256), 20.0, np.random.default_rng(0))[0].mean(axis=(1, 2))

    clear, dusty = (light(a_v=(a, a) * u.mag) for a in (1e-4, 1.0))
    _, blue, red = dusty / clear
    assert blue < red < 1
    # Half of the light is before the dust: A_BP is about 1.1 mag, A_RP 0.6 mag for A_V = 1 mag.
    assert_allclose(blue, 0.5 + 0.5 * 10 ** (-0.4 * 1.06), atol=0.04)
    assert_allclose(red, 0.5 + 0.5 * 10 ** (-0.4 * 0.6), atol=0.04)
    assert_allclose(light(a_v=(1, 1) * u.mag, front=1.0) / clear, 1, rtol=0.05)


def test_decline(tables):
    """With a decline of the star formation, the detectable stars of a field are older."""
    ages, rates = [], []
    for decline in (np.inf, 3e9) * u.yr:
        disc = make_field(*tables, burst=0.0, decline=decline)._disc
        rates.append(disc.draw_rates(np.random.default_rng(1)))
        ages.append(
            np.average(
                disc.detectable.age, weights=disc.detectable.number * rates[-1][disc.detectable.age]
            )
        )
    assert_allclose(rates[0], 1)
    assert_allclose(rates[1][-1] / rates[1][0], np.exp((10**10.1 - 10**6.6) / 3e9))
    assert ages[1] > ages[0] + 2  # of 0.1 dex


def test_associations(field):
    """Young stars in associations are closer to each other than without."""

    def scatter(clustered):
        one = make_field(
            field.isochrones,
            field.photometry,
            clustered=clustered,
            scale_length=(1e4, 1e4) * u.arcsec,
            association_size=(3, 5) * u.pc,
        )
        disc, rng = one._disc, np.random.default_rng(2)
        rates = np.ones(36)
        sky = disc.sky_of((256, 256), rng)
        stars, position = disc.stars(disc.levels[0].bright, 4000, rates, sky, rng)
        young = position[:, stars.age <= 14]
        counts, _, _ = np.histogram2d(*young, bins=8)
        assert (abs(position) <= sky.box[:, np.newaxis] / 2 + 1e-9).all()
        return counts.var() / counts.mean()

    assert scatter(0.0) < 2
    assert scatter(1.0) > 2 * scatter(0.0)


def test_gradient(field):
    """The star density changes by a factor e per scale length, in some direction."""
    one = make_field(
        field.isochrones, field.photometry, scale_length=(5, 5) * u.arcsec, clustered=0.0
    )
    disc, rng = one._disc, np.random.default_rng(1)
    sky = disc.sky_of((256, 256), rng)
    _, position = disc.stars(disc.levels[0].bright, 20000, np.ones(36), sky, rng)
    assert_allclose(np.hypot(*sky.slope), 1 / 5)
    # The mean of an exponential in a box.
    for p, slope, width in zip(position, sky.slope, sky.box, strict=True):
        half = slope * width / 2
        assert_allclose(p.mean(), width / 2 * (1 / np.tanh(half) - 1 / half), atol=0.2)
    half = sky.slope * sky.box / 2
    centre = sky.profile[127:129, 127:129].mean()
    assert_allclose(centre, np.prod(half / np.sinh(half)), rtol=1e-3)


def test_tiles():
    """Tiles of a frame do not overlap, and are the frame's own pixels."""
    frame = np.arange(2 * 70 * 100).reshape(2, 70, 100)
    tiles = cutouts_from_frame(frame, (32, 30), 6, rng=0)
    assert tiles.shape == (6, 2, 32, 30)
    assert len(np.unique(tiles[:, 0])) == 6 * 32 * 30
    assert_array_equal(tiles[:, 1] - tiles[:, 0], 7000)
    assert (np.diff(tiles, axis=-1) == 1).all()
    with pytest.raises(ValueError, match='n must be at most 6'):
        cutouts_from_frame(frame, (32, 30), 7)


def test_measure_points():
    """Isolated stars in noise are counted, whatever the level and the unit."""
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (200, 200))
    y, x = np.mgrid[10:200:20, 10:200:20]
    image[y, x] += 50
    expected = 100 / (200 * 0.05) ** 2
    for factor, level in ((1, 0), (1e-3, 7)):
        density = measure_density(image * factor + level, pixel_scale=50 * u.mas)
        assert_allclose(density.to_value(PER_ARCSEC2), expected)
    image[:, :100] = np.nan
    assert_allclose(measure_density(image, pixel_scale=50 * u.mas).value, expected)
    assert measure_density(rng.normal(size=(99, 99)), pixel_scale=50 * u.mas) == 0 * PER_ARCSEC2


def test_measure_errors():
    """Images that are not images are refused."""
    with pytest.raises(ValueError, match='image must have shape'):
        measure_density(np.zeros((2, 9, 9)), pixel_scale=50 * u.mas)
    with pytest.raises(TypeError, match='pixel_scale must be a Quantity'):
        measure_density(np.zeros((9, 9)), pixel_scale=0.05)


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        ({'pixel_scale': 0.05}, TypeError, 'pixel_scale must be a Quantity'),
        ({'distance': 0 * u.kpc}, ValueError, 'distance must be positive'),
        ({'distance': 900 * u.Mpc}, ValueError, 'distance must be such that stars are detectable'),
        ({'density': (2, 1) * PER_ARCSEC2}, ValueError, 'density must be positive and increase'),
        ({'a_v': (0, 1) * u.mag}, ValueError, 'a_v must be positive and increase'),
        ({'a_v': (0.1, 1)}, TypeError, 'a_v must be a Quantity'),
        ({'psfs': ()}, ValueError, 'psfs must be one for each of'),
        ({'detection_filter': 'F438W'}, ValueError, 'detection_filter must be one of'),
    ],
)
def test_bad_options(tables, changes, error, message):
    """Options that cannot be are refused by name."""
    with pytest.raises(error, match=message):
        make_field(*tables, **changes)


def test_bad_bands(tables, field):
    """Bands of other filters are refused; so is a density that is not positive."""
    with pytest.raises(ValueError, match='bands must be of'):
        make_field(*tables, bands=field.bands[::-1])
    with pytest.raises(ValueError, match='density must be positive'):
        field.draw(SHAPE, density=0 * PER_ARCSEC2)
    with pytest.raises(TypeError, match='density must be a Quantity'):
        field.draw(SHAPE, density=3)


@pytest.mark.skipif('STARCNN_DATA_DIR' not in os.environ, reason='needs STARCNN_DATA_DIR')
def test_as_crowded_as_a_real_frame(field):
    """The densest fields have more sources than a frame of M31, the sparsest far fewer."""
    path = Path(os.environ['STARCNN_DATA_DIR']) / 'images/m31_phat_b09_f475w.fits'
    scale = 0.05 * u.arcsec
    real = measure_density(fits.getdata(path), pixel_scale=scale)
    low, high = (
        measure_density(field.draw((256, 256), density=d, rng=0).data[0], pixel_scale=scale)
        for d in field.density
    )
    assert low < 0.1 * real
    assert high > real
