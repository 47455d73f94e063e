# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the parts of the simulator: populations, apertures, shapes, galaxies.
"""

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter

from starcnn.families.phangs_hst import _objects
from starcnn.families.phangs_hst._apertures import _MEDIAN, RADII, RING, Apertures, concentration
from starcnn.families.phangs_hst._drawing import _expose, _find_centre, _solve
from starcnn.families.phangs_hst._galaxies import Galaxy, Place, find_places, get_observatory
from starcnn.families.phangs_hst._objects import make_shape
from starcnn.families.phangs_hst._options import Options
from starcnn.families.phangs_hst._populations import (
    VARIABLES,
    draw_hosts,
    draw_sources,
    quantile_table,
)
from starcnn.images import PSF, StarRenderer

SCALE = 0.04
V = 3


class Stars:
    """Stars of a cluster with 1000 equal ones, and of a disc."""

    pixels_per_pc = 0.5

    def cluster(self, row, rng, n_bright):
        """Equal stars."""
        return np.ones((n_bright, 5)), np.full(5, 1000.0 - n_bright)

    def field_stars(self, n, rng):
        """Stars of different light."""
        return np.exp(rng.normal(size=(n, 5)))


@pytest.fixture(scope='module')
def apertures():
    """Apertures of F555W in images that are somewhat blurred."""
    psf = PSF.model('WFC3/UVIS', 'F555W', pixel_scale=SCALE * u.arcsec)
    return Apertures([psf] * 4, SCALE, 0.6)


@pytest.mark.parametrize('label', ['1', '2', '3', '4'])
def test_marginals(label):
    """At the distances of LEGUS, each variable is distributed as in its catalogues."""
    rng = np.random.default_rng(1)
    labels = np.full(6000, label)
    _, distance = draw_hosts(labels, rng)
    sources = draw_sources(labels, distance, rng)
    levels, quantiles = quantile_table(label)
    for name in VARIABLES[3:]:  # the ages and masses have few values, or ties
        if name == 'e_bv':
            continue
        values = np.sort(sources[name])
        parts = np.searchsorted(values, quantiles[name]) / len(values)
        assert np.abs(parts - levels).max() < 0.05, name
    assert_allclose(
        np.median(sources['log_mass']), np.interp(0.5, levels, quantiles['log_mass']), atol=0.1
    )


def test_distance_matters():
    """What is farther is brighter, as the limits of catalogues have it, and more concentrated."""
    rng = np.random.default_rng(1)
    labels = np.full(3000, '1')
    near, far = (draw_sources(labels, np.full(3000, d), rng) for d in (3.5, 18.0))
    assert np.median(far['m_v']) < np.median(near['m_v']) - 0.4
    assert np.median(far['ci']) < np.median(near['ci']) - 0.1
    for sources in (near, far):  # a fit: more light is more mass
        assert np.corrcoef(sources['m_v'], sources['log_mass'])[0, 1] < -0.3
        assert np.corrcoef(sources['u_b'], sources['log_age'])[0, 1] > 0.5


def test_classes_differ():
    """Classes 1 are older and redder than associations, as in LEGUS."""
    medians = {
        label: {name: np.median(values) for name, values in quantile_table(label)[1].items()}
        for label in '1234'
    }
    assert medians['1']['log_age'] > medians['2']['log_age'] > medians['3']['log_age']
    assert medians['1']['u_b'] > medians['2']['u_b'] > medians['3']['u_b']


def test_apertures(apertures):
    """Parts of light are those of apertures on a rendered star, wherever it is in its pixel."""
    from photutils.aperture import CircularAnnulus, CircularAperture

    psf = PSF.model('WFC3/UVIS', 'F555W', pixel_scale=SCALE * u.arcsec)
    renderer = StarRenderer([psf], shape=(61, 61), pixel_scale=SCALE * u.arcsec)
    found = []
    for dx, dy in np.random.default_rng(2).uniform(-0.5, 0.5, (24, 2)):
        image = renderer._render(np.array([dx]), np.array([dy]), np.ones((1, 1)))[0]
        image = gaussian_filter(image, 0.6)
        for at in ((30 + dx, 30 + dy), (33 + dx, 34 + dy)):
            ring = CircularAnnulus(at, *RING)
            sky = _MEDIAN * ring.do_photometry(image)[0][0] / ring.area
            circles = [CircularAperture(at, radius) for radius in RADII]
            found.append([c.do_photometry(image)[0][0] - sky * c.area for c in circles])
    found = np.mean(np.reshape(found, (24, 2, 3)), axis=0)
    for i, distance in enumerate((0.0, 5.0)):
        wanted = [apertures.part(V, k, np.array(distance)) for k in range(3)]
        assert_allclose(found[i], wanted, atol=0.02)
    point = concentration(*(apertures.part(V, k, 0.0) for k in (0, 1)))
    assert_allclose(point, 2.5 * np.log10(found[0, 1] / found[0, 0]), atol=0.03)
    assert 1.1 < point < 1.4


@pytest.mark.parametrize('kind', ['symmetric', 'elongated', 'asymmetric', 'galaxy'])
@pytest.mark.parametrize('target', [1.5, 1.8])
def test_solve(apertures, kind, target):
    """The size of a source is that of its concentration index, and grows with it."""
    rng = np.random.default_rng(4)
    row = {'ci': target}
    for _ in range(5):
        shape = make_shape(kind, Stars(), row, rng)
        scale = _solve(shape, apertures, target)
        distance = np.hypot(*(shape.fixed + scale * shape.moving))
        small, large = (apertures.part(V, i, distance) @ shape.flux[:, V] for i in (0, 1))
        assert_allclose(concentration(small, large), target, atol=0.03)
        assert _solve(shape, apertures, target + 0.1) > scale


def moments(points, light):
    """Return the axis ratio of the light within five units of the centre."""
    near = np.hypot(*points) < 5
    covariance = np.cov(points[:, near], aweights=light[near])
    small, large = np.linalg.eigvalsh(covariance)
    return np.sqrt(small / large)


def test_shapes():
    """Class 1 is rounder than class 2, and an asymmetric cluster leans to one side."""
    rng = np.random.default_rng(5)
    row = {'ci': 1.6}
    ratios, skews = {}, {}
    for kind in ('symmetric', 'elongated', 'asymmetric'):
        shapes = [make_shape(kind, Stars(), row, rng) for _ in range(40)]
        ratios[kind] = np.mean([moments(s.moving, s.flux[:, V]) for s in shapes])
        third = [
            np.abs((s.moving * (r := np.hypot(*s.moving)) ** 2)[:, r < 5] @ s.flux[r < 5, V])
            for s in shapes
        ]
        skews[kind] = np.mean(third)
    assert ratios['symmetric'] > 0.85
    assert ratios['elongated'] < 0.65
    assert skews['asymmetric'] > 2 * skews['symmetric']


class Unequal(Stars):
    """Stars of which few are far brighter than the others."""

    def cluster(self, row, rng, n_bright):
        """Bright and faint stars."""
        flux = np.exp(rng.normal(0, 2, n_bright))
        return np.repeat(flux[:, np.newaxis], 5, axis=1), np.full(5, 20.0)


def test_associations():
    """Class 3 has several peaks that are apart, none much brighter, and diffuse light."""
    rng = np.random.default_rng(6)
    for _ in range(10):
        shape = make_shape('association', Unequal(), {'ci': 1.6}, rng)
        places, which = np.unique(
            shape.fixed[:, np.any(shape.moving != 0, axis=0)], axis=1, return_inverse=True
        )
        light = shape.flux[np.any(shape.moving != 0, axis=0), V]
        peaks = np.bincount(which.ravel(), light)
        assert 3 <= len(peaks) <= 7
        assert peaks.min() > 0.25 * peaks.max()
        apart = np.hypot(*(places[:, :, np.newaxis] - places[:, np.newaxis]))
        assert apart[apart > 0].min() > 2.2
        diffuse = shape.flux[np.all(shape.moving == 0, axis=0), V].sum()
        assert 0.09 < diffuse / shape.flux[:, V].sum() < 0.41


@pytest.mark.parametrize('n', [1.0, 4.0])
def test_sersic(n):
    """The radii of galaxies are those of GalSim's Sersic profile."""
    galsim = pytest.importorskip('galsim')
    profile = _objects._Sersic(n)
    assert_allclose(profile._radius(0.5), 1)
    image = galsim.Sersic(n=n, half_light_radius=1.0).drawImage(
        nx=400, ny=400, scale=0.04, method='no_pixel' if n < 2 else 'auto'
    )
    axis = (np.arange(400) - 199.5) * 0.04
    radius = np.hypot(axis, axis[:, np.newaxis])
    for fraction in (0.2, 0.5, 0.7):
        inside = image.array[radius < profile._radius(fraction)].sum()
        assert_allclose(inside, fraction, atol=0.02)


def test_centre():
    """Sources are centred on their bright part, whatever is far away."""
    points = np.array([[0.4, 0.4, 30.0], [0.2, 0.2, 0.0]])
    assert_allclose(_find_centre(points, np.ones(3))[:, 0], [0.4, 0.2])


def test_galaxies():
    """A number stands for one place; other numbers for others, all in the ranges."""
    options = Options()
    places = find_places(range(200), options)
    assert places[7] == find_places([7], options)[0]
    distance = np.array([place.distance for place in places])
    assert distance.min() > 3
    assert distance.max() < 20
    assert abs(np.median(distance) - 11.5) < 1.5
    blur = np.array([place.blur for place in places])
    assert abs(np.corrcoef(blur, distance)[0, 1]) < 0.25
    held_out = Options(distance=(19, 19) * u.Mpc)
    assert {place.distance for place in find_places(range(3), held_out)} == {19.0}


@pytest.mark.parametrize('distance', [4.0, 19.0])
def test_surface_brightness(distance):
    """The disc is as bright as it should be at any distance; far away, fewer stars make it up."""
    observatory = get_observatory(Options())
    galaxy = Galaxy(Place(distance, 22.0, 0.05, 0.6), observatory)
    rng = np.random.default_rng(3)
    light = np.mean([galaxy.draw_frame(216, rng)[V].mean() for _ in range(8)])
    magnitude = observatory.zero_points[V] - 2.5 * np.log10(light / SCALE**2)
    assert_allclose(magnitude, 22.0, atol=0.5)
    assert (galaxy.density > 10) == (distance < 10)


@pytest.mark.parametrize('light', [0.0, 0.05, 3.0])
def test_noise(light):
    """Pixels have the noise of the photons of source and sky and of the read-out."""
    observatory = get_observatory(Options())
    stamp = np.full((5, 80, 80), light, np.float32)
    out = _expose(stamp, observatory, np.random.default_rng(4))
    for plane, band in zip(out, observatory.bands, strict=True):
        time, sky = band.exposure_time.to_value(u.s), band.sky.value * (SCALE / 0.0396) ** 2
        variance = (light + sky) / time + band.n_exposures * (band.read_noise.value / time) ** 2
        assert_allclose(plane.std(), np.sqrt(variance), rtol=0.04)
        assert_allclose(plane.mean(), light, atol=5 * np.sqrt(variance) / 80)
