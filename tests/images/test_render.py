# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of images.render.
"""

import tracemalloc

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import QTable
from scipy.special import erf

from starcnn.images import PSF, StarRenderer, render_stars
from starcnn.sky import EFF, draw_eff

PIXEL_SCALE = 0.04 * u.arcsec
RATE = u.electron / u.s

# Errors of the fast method, parts of the peak and of the flux.
PEAK = 2e-3
FLUX = 1e-4


class GaussianPSF:
    """A PSF of Gaussians, whose integrals over pixels are known exactly."""

    includes_pixel = False

    def __init__(self, name, sigmas, fractions, n_half=25):
        self.filter = name
        self.sigmas = sigmas  # arcsec
        self.fractions = fractions
        self.n_half = n_half  # pixels

    def integrate(self, dx, dy, pixel_scale):
        """Return the part of the flux in pixels at these offsets, pixels."""
        total = 0
        for sigma, fraction in zip(self.sigmas, self.fractions, strict=True):
            scale = pixel_scale / sigma / np.sqrt(2)
            part_x = (erf((dx + 0.5) * scale) - erf((dx - 0.5) * scale)) / 2
            part_y = (erf((dy + 0.5) * scale) - erf((dy - 0.5) * scale)) / 2
            total = total + fraction * np.multiply.outer(part_y, part_x)
        return total

    def epsf(self, pixel_scale, oversampling):
        """Return samples of the PSF in a pixel."""
        n = self.n_half * oversampling
        offset = np.arange(-n, n + 1) / oversampling
        return self.integrate(offset, offset, pixel_scale) / oversampling**2

    def to_galsim(self):
        """Return the PSF before the pixel."""
        import galsim

        pairs = zip(self.sigmas, self.fractions, strict=True)
        return galsim.Add([galsim.Gaussian(sigma=sigma, flux=part) for sigma, part in pairs])


# As sharp as the PSFs of HST in the blue, with a wing.
PSFS = (
    GaussianPSF('F336W', (0.022, 0.12), (0.8, 0.2)),
    GaussianPSF('F438W', (0.024, 0.10), (0.85, 0.15)),
    GaussianPSF('F814W', (0.033, 0.15), (0.75, 0.25)),
)


def make_stars(n, *, spread=8.0, seed=0):
    """Return x, y (pixels) and fluxes of a cluster."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, spread, (2, n))
    return x, y, 1 + rng.pareto(1.3, (n, len(PSFS)))


def make_exact(x, y, fluxes, shape):
    """Return the image with every pixel integrated exactly."""
    ny, nx = shape
    image = np.zeros((len(PSFS), ny, nx))
    for psf, frame, flux in zip(PSFS, image, fluxes.T, strict=True):
        for x_star, y_star, flux_star in zip(x, y, flux, strict=True):
            dx = np.arange(nx) - (nx - 1) / 2 - x_star
            dy = np.arange(ny) - (ny - 1) / 2 - y_star
            frame += flux_star * psf.integrate(dx, dy, PIXEL_SCALE.value)
    return image


def make_table(x, y, fluxes):
    """Return stars as a table."""
    columns = {psf.filter: flux * RATE for psf, flux in zip(PSFS, fluxes.T, strict=True)}
    return QTable({'x': x * PIXEL_SCALE, 'y': y * PIXEL_SCALE, **columns})


def get_errors(image, exact):
    """Return the largest error over the peak and the error of the flux, of the worst filter."""
    worst = np.abs(image - exact).max((1, 2)) / exact.max((1, 2))
    flux = np.abs(image.sum((1, 2)) / exact.sum((1, 2)) - 1)
    return worst.max(), flux.max()


@pytest.fixture(scope='module')
def renderer():
    """A renderer of frames wider than high."""
    return StarRenderer(PSFS, shape=(48, 64), pixel_scale=PIXEL_SCALE)


@pytest.mark.parametrize('seed', range(10))
def test_accuracy(renderer, seed):
    """Every pixel is right to 0.2 % of the peak, and the flux to 0.01 %."""
    rng = np.random.default_rng(seed)
    stars = make_stars(rng.integers(1, 60), spread=rng.uniform(0.5, 15), seed=seed)
    image = renderer._render(*stars)
    worst, flux = get_errors(image, make_exact(*stars, (48, 64)))
    assert worst < PEAK
    assert flux < FLUX


def test_oversampling():
    """Finer grids are more accurate."""
    stars = make_stars(20)
    exact = make_exact(*stars, (32, 32))
    errors = []
    for oversampling in (1, 2, 3):
        fast = StarRenderer(
            PSFS, shape=(32, 32), pixel_scale=PIXEL_SCALE, oversampling=oversampling
        )
        errors.append(get_errors(fast._render(*stars), exact)[0])
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


@pytest.mark.parametrize('offset', [(0, 0), (0.3, -0.4), (10.25, 3.5), (-7.9, -5.1)])
def test_position(renderer, offset):
    """The centroid of a star is where the star is, x along the columns."""
    x, y = np.array([offset]).T
    image = renderer._render(x, y, np.ones((1, 3)))[2].astype(float)
    rows, columns = np.indices(image.shape)
    centroid = (image * columns).sum() / image.sum(), (image * rows).sum() / image.sum()
    np.testing.assert_allclose(centroid, (offset[0] + 31.5, offset[1] + 23.5), atol=2e-3)


def test_stars_around_the_frame(renderer):
    """Stars outside shine into the frame from their side, and only from there."""
    angle = np.linspace(0, 2 * np.pi, 40)
    x, y = 40 * np.cos(angle), 34 * np.sin(angle)
    fluxes = np.full((40, 3), 100.0)
    exact = make_exact(x, y, fluxes, (48, 64))
    np.testing.assert_allclose(renderer._render(x, y, fluxes), exact, atol=1e-3 * exact.max())
    for x_star in (-33.0, 33.0):
        image = renderer._render(np.array([x_star]), np.zeros(1), np.ones((1, 3)))
        near, far = (-1, 0) if x_star > 0 else (0, -1)
        assert (image[:, 23, near] > 1e-3).all()
        assert np.abs(image[:, :, far]).max() < 1e-6


@pytest.mark.parametrize('edge', [-1, 1])
@pytest.mark.parametrize('shape', [(9, 16), (17, 5)])
def test_farthest_stars(edge, shape):
    """Stars at the end of the reach of the PSF fit on the grid, those beyond are left out."""
    fast = StarRenderer(PSFS, shape=shape, pixel_scale=PIXEL_SCALE)
    for k in range(2):
        position = np.zeros((2, 1))
        reach = shape[1 - k] / 2 + 25
        position[k] = edge * np.nextafter(reach, 0)
        image = fast._render(*position, np.full((1, 3), 1e6))
        assert np.abs(image).max() < 1
        position[k] = edge * reach
        assert not fast._render(*position, np.full((1, 3), 1e6)).any()


@pytest.mark.parametrize('method', ['fast', 'galsim'])
def test_no_stars(method):
    """Without stars the image is zero."""
    if method == 'galsim':
        pytest.importorskip('galsim')
    stars = make_table(*make_stars(0))
    image = render_stars(stars, PSFS, shape=(8, 9), pixel_scale=PIXEL_SCALE, method=method)
    assert image.data.shape == (3, 8, 9)
    assert not image.data.any()


def test_faint_stars(renderer):
    """Stars given together with the sums of their fluxes share them equally."""
    bright, (x, y, _) = make_stars(20), make_stars(50, seed=1)
    total = np.array([100.0, 200.0, 400.0])
    image = renderer._render(*bright, (x, y, total))
    alone = renderer._render(x, y, np.tile(total / 50, (50, 1)))
    np.testing.assert_allclose(image, renderer._render(*bright) + alone, atol=1e-4)
    empty = (np.zeros(0), np.zeros(0), np.zeros(3))
    np.testing.assert_array_equal(renderer._render(*bright, empty), renderer._render(*bright))


def test_faint_stars_outside(renderer):
    """Faint stars outside the frame keep their share."""
    x, y = np.array([0.0, 500.0]), np.zeros(2)
    image = renderer._render(np.zeros(0), np.zeros(0), np.zeros((0, 3)), (x, y, np.full(3, 2.0)))
    np.testing.assert_allclose(image.sum((1, 2)), 1, rtol=1e-3)


def test_tiles(monkeypatch):
    """Frames made of tiles are those made at once."""
    stars, faint = make_stars(40, spread=20), (*make_stars(30, seed=1)[:2], np.full(3, 90.0))
    options = {'shape': (50, 71), 'pixel_scale': PIXEL_SCALE}
    whole = StarRenderer(PSFS, **options)._render(*stars, faint)
    monkeypatch.setattr(StarRenderer, '_MAX_TILE', 30)
    tiled = StarRenderer(PSFS, **options)
    assert tiled._n_tile == (2, 3)
    # The tiles' pixels are at other places of the fine grid.
    assert np.abs(tiled._render(*stars, faint) - whole).max() < PEAK * whole.max()


def test_parts(renderer, monkeypatch):
    """Stars deposited in parts make the image of all."""
    stars = make_stars(40)
    whole = renderer._render(*stars)
    monkeypatch.setattr(type(renderer._tile), 'n_part', 7)
    np.testing.assert_allclose(renderer._render(*stars), whole, atol=1e-5 * whole.max())


def test_render_does_not_change_its_arguments(renderer):
    """The arrays of the stars, and the renderer, stay as they are."""
    stars = make_stars(10)
    copies = [value.copy() for value in stars]
    first = renderer._render(*stars)
    for value, copy in zip(stars, copies, strict=True):
        np.testing.assert_array_equal(value, copy)
    np.testing.assert_array_equal(renderer._render(*stars), first)


@pytest.mark.parametrize('unit', [u.arcsec, u.mas, u.deg])
def test_units(renderer, unit):
    """Positions may be in any unit of angle, fluxes in any of rate."""
    x, y, fluxes = make_stars(5)
    image = renderer.render((x * PIXEL_SCALE).to(unit), (y * PIXEL_SCALE).to(unit), fluxes * RATE)
    assert image.unit == RATE
    expected = renderer._render(x, y, fluxes)
    np.testing.assert_allclose(image.value, expected, atol=1e-4 * expected.max())
    per_minute = (fluxes * RATE).to(u.electron / u.min)
    again = renderer.render(x * PIXEL_SCALE, y * PIXEL_SCALE, per_minute)
    np.testing.assert_allclose(again.value, expected, atol=1e-4 * expected.max())


def test_render_stars():
    """A table of stars becomes an image with filters and pixel scale."""
    stars = make_stars(12, spread=4)
    image = render_stars(make_table(*stars), PSFS[::-1], shape=(30, 40), pixel_scale=PIXEL_SCALE)
    assert isinstance(image, NDData)
    assert image.unit == RATE
    assert image.meta == {'filters': ('F814W', 'F438W', 'F336W'), 'pixel_scale': PIXEL_SCALE}
    worst, flux = get_errors(image.data[::-1], make_exact(*stars, (30, 40)))
    assert worst < PEAK
    assert flux < FLUX


def test_galsim():
    """Stars drawn by GalSim have the exact integrals over the pixels."""
    pytest.importorskip('galsim')
    stars = make_stars(4, spread=4)
    image = render_stars(
        make_table(*stars), PSFS, shape=(24, 30), pixel_scale=PIXEL_SCALE, method='galsim'
    )
    worst, _ = get_errors(image.data, make_exact(*stars, (24, 30)))
    assert worst < 5e-4


def test_galsim_far_stars():
    """A star that the PSF does not reach is no work for GalSim."""
    pytest.importorskip('galsim')
    stars = make_table(np.array([1e6, 2.0]), np.zeros(2), np.ones((2, 3)))
    options = {'shape': (8, 9), 'pixel_scale': PIXEL_SCALE, 'method': 'galsim'}
    image = render_stars(stars, PSFS, **options)
    np.testing.assert_array_equal(image.data, render_stars(stars[1:], PSFS, **options).data)


def test_galsim_includes_pixel():
    """A PSF that includes the pixel is drawn without another, with the flux of its array."""
    galsim = pytest.importorskip('galsim')

    class Sampled:
        filter, includes_pixel = 'F814W', True

        def epsf(self, pixel_scale, oversampling):
            return PSFS[2].epsf(pixel_scale, oversampling)

        def to_galsim(self):
            samples = 0.9 * PSFS[2].epsf(PIXEL_SCALE.value, 6)
            image = galsim.Image(samples, scale=PIXEL_SCALE.value / 6)
            return galsim.InterpolatedImage(image, x_interpolant='quintic', normalization='flux')

    x, y, fluxes = make_stars(3, spread=3)
    stars = make_table(x, y, fluxes)
    image = render_stars(
        stars, [Sampled()], shape=(24, 24), pixel_scale=PIXEL_SCALE, method='galsim'
    ).data
    exact = 0.9 * make_exact(x, y, fluxes, (24, 24))[2]
    assert np.abs(image[0] - exact).max() < 5e-4 * exact.max()


@pytest.mark.slow
def test_packaged_psfs():
    """With the PSFs of Hubble, pixels agree with GalSim to 0.2 % of the peak, flux to 0.01 %."""
    pytest.importorskip('galsim')
    names = ('F336W', 'F438W', 'F814W')
    psfs = [PSF.model('WFC3/UVIS', name, pixel_scale=PIXEL_SCALE) for name in names]
    fast = StarRenderer(psfs, shape=(64, 64), pixel_scale=PIXEL_SCALE)
    rng = np.random.default_rng(5)
    ranges = {'a': [0.04, 1.2] * u.arcsec, 'gamma': (2.05, 8.0), 'r_h': [0.04, 0.4] * u.arcsec}
    a, gamma, _ = draw_eff(5, **ranges, rng=rng)
    # Few stars are the hardest case, since the errors of many are averaged.
    for n, *profile in zip((1, 2, 5, 10, 20), a, gamma, strict=True):
        x, y = EFF(a=profile[0], gamma=profile[1]).sample(n, rng=rng)
        x, y = (place + rng.uniform(-0.5, 0.5) * PIXEL_SCALE for place in (x, y))
        fluxes = (1 + rng.pareto(1.3, (n, 3))) * RATE
        stars = QTable({'x': x, 'y': y, **dict(zip(names, fluxes.T, strict=True))})
        exact = render_stars(
            stars, psfs, shape=(64, 64), pixel_scale=PIXEL_SCALE, method='galsim'
        ).data
        worst, flux = get_errors(fast.render(x, y, fluxes).value.astype(float), exact)
        assert worst < PEAK
        assert flux < FLUX


@pytest.mark.slow
def test_large_frame():
    """A frame of a million pixels with a million stars takes little memory."""
    n = 1_000_000
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-512, 512, (2, n))
    fluxes = rng.exponential(1, (n, 3))
    tracemalloc.start()
    try:
        fast = StarRenderer(PSFS, shape=(1024, 1024), pixel_scale=PIXEL_SCALE)
        image = fast._render(x, y, fluxes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6e8
    # Stars near the edges lose some of their light, others to the same extent none.
    inner = image[:, 100:-100, 100:-100].sum((1, 2), dtype=float)
    where = (np.abs(x) < 412) & (np.abs(y) < 412)
    np.testing.assert_allclose(inner, fluxes[where].sum(0), rtol=2e-3)


def make_arguments(**changes):
    """Return the arguments of render_stars."""
    return {
        'stars': make_table(*make_stars(3)),
        'psfs': PSFS,
        'shape': (8, 8),
        'pixel_scale': PIXEL_SCALE,
        **changes,
    }


@pytest.mark.parametrize(
    ('changes', 'error', 'match'),
    [
        ({'method': 'slow'}, ValueError, "method must be 'fast' or 'galsim', got 'slow'"),
        ({'psfs': []}, ValueError, 'psfs must hold at least one PSF'),
        ({'shape': (8, 0)}, ValueError, 'shape must be two positive whole numbers'),
        ({'shape': (8,)}, ValueError, 'shape must be two positive whole numbers'),
        ({'pixel_scale': 0.04}, TypeError, 'pixel_scale must be a Quantity'),
        ({'pixel_scale': 1 * u.s}, u.UnitsError, 'pixel_scale must have a unit'),
        ({'pixel_scale': -1 * u.mas}, ValueError, 'pixel_scale must be one positive angle'),
        ({'stars': QTable({'x': [1] * u.mas})}, ValueError, r"columns \['y', 'F336W'"),
    ],
)
def test_render_stars_errors(changes, error, match):
    """Wrong arguments are named."""
    with pytest.raises(error, match=match):
        render_stars(**make_arguments(**changes))


@pytest.mark.parametrize('method', ['fast', 'galsim'])
@pytest.mark.parametrize(
    ('name', 'values', 'error', 'match'),
    [
        ('x', [1.0, 2.0, 3.0], TypeError, 'x must be a Quantity'),
        ('y', [1.0, np.nan, 3.0] * u.mas, ValueError, 'y must be finite, got 1 values'),
        ('F438W', [1.0, 2.0, 3.0] * u.mag, u.UnitsError, 'F438W must have a unit'),
        ('F438W', [1.0, np.inf, 3.0] * RATE, ValueError, 'fluxes must be finite'),
    ],
)
def test_wrong_columns(method, name, values, error, match):
    """Wrong columns are named."""
    arguments = make_arguments()
    arguments['stars'][name] = values
    with pytest.raises(error, match=match):
        render_stars(**arguments, method=method)


@pytest.mark.parametrize(
    ('x', 'y', 'n_filter', 'match'),
    [
        (np.zeros(3), np.zeros(2), 3, r'y must have the shape of x, \(n_star,\), got \(2,\)'),
        (np.zeros(3), np.zeros(3), 2, r'fluxes must have the shape \(3, 3\), got \(3, 2\)'),
    ],
)
def test_wrong_shapes(renderer, x, y, n_filter, match):
    """Shapes that do not agree are told."""
    with pytest.raises(ValueError, match=match):
        renderer.render(x * u.arcsec, y * u.arcsec, np.zeros((3, n_filter)) * RATE)


@pytest.mark.parametrize('oversampling', [0, 2.5])
def test_wrong_oversampling(oversampling):
    """The grid has a whole number of cells per pixel."""
    with pytest.raises(ValueError, match='oversampling must be a whole number'):
        StarRenderer(PSFS, shape=(8, 8), pixel_scale=PIXEL_SCALE, oversampling=oversampling)
