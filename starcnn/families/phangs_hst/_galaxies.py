# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Simulated galaxies: where sources are, behind which dust, and how sharp the images are.
"""

from functools import cached_property, lru_cache
from typing import NamedTuple

import astropy.units as u
import numpy as np

from starcnn.images import GalaxyField
from starcnn.images._disc import _renderer
from starcnn.mocks import ClusterOptions, get_setup
from starcnn.sky import get_imf

from ._apertures import Apertures
from .spec import FILTERS

__all__ = ['CELL', 'Galaxy', 'Place', 'find_places', 'get_observatory']

# Sources are drawn side by side, each in a cell of so many pixels, in frames of so many cells.
CELL = 72
_CELLS = (3, 7)

# What tells galaxies from all other uses of random numbers.
_SEED = 20_200_493

# Stars of the disc that are drawn at once, and tried for each.
_N_FIELD = 4096

# Ages are rounded to this, dex, so that isochrones can be used again.
_AGE_STEP = 0.02

# The temperature of stars by which the dust beside associations is seen, log K.
_LOG_TEFF = 4.3

# What the setup of `starcnn.mocks` asks for, and is of no effect here.
_UNUSED = {
    'log_age': (6.6, 10.1),
    'log_mass': (2.0, 7.0),
    'a_v': (0.0, 1.0),
    'a': (0.01, 1.0),
    'gamma': (2.05, 8.0),
    'r_h': (0.01, 1.0),
    'density': (1.0, 10.0),
    'shape': (CELL, CELL),
}

_V = FILTERS.index('F555W')


class Place(NamedTuple):
    """What is the same for all stamps of a galaxy."""

    distance: float  # Mpc
    surface_brightness: float  # mag/arcsec2 in the fourth filter
    a_v: float  # mag
    blur: float  # pixels


def find_places(numbers, options):
    """
    Return where galaxies of some numbers are, and what they look like.

    Parameters
    ----------
    numbers : sequence of int
        The numbers.

    options : `Options`
        The ranges.

    Returns
    -------
    places : list of `Place`
        The same number gives the same place.
    """
    return [_find_place(int(number), options) for number in numbers]


def _find_place(number, options):
    rng = np.random.default_rng([_SEED, number])
    return Place(
        float(rng.uniform(*options.distance.to_value(u.Mpc))),
        float(rng.uniform(*options.surface_brightness)),
        float(np.exp(rng.uniform(*np.log(options.field_a_v)))),
        float(rng.uniform(*options.blur)),
    )


@lru_cache(2)
def _make_observatory(key):
    """Return the observatory of options in a hashable box."""
    return _Observatory(key.options)


class _Key:
    """Options that are compared by what they are."""

    def __init__(self, options):
        self.options, self.text = options, repr(options)

    def __eq__(self, other):
        return self.text == other.text

    def __hash__(self):
        return hash(self.text)


def get_observatory(options):
    """
    Return what does not change from galaxy to galaxy, kept from the last calls.

    Parameters
    ----------
    options : `Options`
        The options.

    Returns
    -------
    observatory : object
        Bands, point spread functions, stars and renderers.
    """
    return _make_observatory(_Key(options))


class _Observatory:
    """Cameras and stars."""

    def __init__(self, options):
        self.options = options
        # nothing that the setup does not need, so that it can be kept for other options
        names = ('filters', 'instruments', 'pixel_scale', 'exposure_times', 'psfs')
        names += ('z', 'r_v', 'law', 'imf')
        common = {name: getattr(options, name) for name in names}
        setup = get_setup(ClusterOptions(**common, **_UNUSED, distance=10 * u.Mpc))
        self.setup, self.bands, self.psfs = setup, setup.bands, tuple(setup.psfs)
        self.pixel_scale, self.zero_points = setup.pixel_scale, setup.zero_points
        self.times = _column(options.exposure_times)
        self.sky = _column([b.sky.to_value(u.electron / u.s) for b in self.bands])
        area = [(setup.pixel_scale / b.pixel_scale.to_value(u.arcsec)) ** 2 for b in self.bands]
        self.sky *= _column(area)
        self.read_noise = _column(
            [b.read_noise.to_value(u.electron) * b.n_exposures**0.5 for b in self.bands]
        )
        teff = np.array([_LOG_TEFF])
        one = setup.photometry._extinctions(teff, np.ones(1), options.law, options.r_v)
        self.ratios = one[0]  # A(filter) of hot stars per A_V
        self.kept = {}

    def cells(self, n):
        """Return how many cells a frame has along a side, for n sources."""
        return _CELLS[0] if n <= _CELLS[0] ** 2 else _CELLS[1]

    def side(self, n):
        """Return the side of frames for n sources, pixels; large enough for two stamps."""
        return max(self.cells(n) * CELL, 2 * max(self.options.shape))

    def renderer(self, side):
        """Return what draws points of light in square frames."""
        return _renderer(self.psfs, self.pixel_scale, (side, side))

    @lru_cache(64)  # noqa: B019 - observatories are kept by `get_observatory` alone
    def apertures(self, blur):
        """Return the parts of light in apertures of blurred images."""
        return Apertures(self.psfs, self.pixel_scale, blur)

    @cached_property
    def log_ages(self):
        """The range of the isochrones, log yr."""
        return self.setup.isochrones.log_ages[[0, -1]]


class Galaxy:
    """
    A galaxy of which frames are drawn.

    Parameters
    ----------
    place : `Place`
        Where it is.

    observatory : object
        What sees it.
    """

    def __init__(self, place, observatory):
        options, setup = observatory.options, observatory.setup
        self.place, self.observatory = place, observatory
        self.field = GalaxyField(
            setup.isochrones,
            setup.photometry,
            bands=observatory.bands,
            psfs=observatory.psfs,
            pixel_scale=observatory.pixel_scale * u.arcsec,
            distance=place.distance * u.Mpc,
            m_h=setup.m_h,
            detection_filter=options.filters[_V],
            a_v=np.array([0.8, 1.25]) * place.a_v * u.mag,
            imf=get_imf(options.imf),
            law=options.law,
            r_v=options.r_v,
        )
        self._stock = None

    @property
    def density(self):
        """The detectable stars per arcsec2 of a disc as bright as the place is."""
        disc = self.field._disc
        level, rates = disc.levels[0], disc.mean_rates
        light = (rates @ (level.light + level.bright.light_by_age()))[_V] * disc.unit_flux[_V]
        zero_point = self.observatory.zero_points[_V]
        wanted = 10 ** (0.4 * (zero_point - self.place.surface_brightness))
        return float(disc.detectable.count(rates) * wanted / light)

    def draw_frame(self, side, rng):
        """Return a square frame of the disc without noise and sky, electron/s, blurred."""
        frame, _ = self.field._disc.light((side, side), self.density, rng)
        return blurred(frame, self.place.blur)

    @property
    def pixels_per_pc(self):
        """The pixels that a parsec has at this distance."""
        angle = 1 / (self.place.distance * 1e6) * u.radian.to(u.arcsec)
        return angle / self.observatory.pixel_scale

    def cluster(self, row, rng, n_bright):
        """Return the fluxes of a cluster's brightest stars, and of its others together."""
        setup = self.observatory.setup
        log_age = np.clip(np.log10(row['age'].to_value(u.yr)), *self.observatory.log_ages)
        drawn = setup.synthesis._draw(
            row['mass'].to_value(u.solMass),
            float(np.round(log_age / _AGE_STEP) * _AGE_STEP),
            setup.m_h,
            float(row['a_v'].to_value(u.mag)),
            setup.options.r_v,
            rng,
            n_bright=n_bright,
        )
        order = np.argsort(-drawn.bright[:, _V])[:n_bright]
        return drawn.bright[order], drawn.faint + (drawn.bright.sum(0) - drawn.bright[order].sum(0))

    def field_stars(self, n, rng):
        """Return the fluxes of n detectable stars of the disc, (n, n_filter)."""
        if self._stock is None:
            disc = self.field._disc
            stars = disc.detectable.draw(_N_FIELD, disc.mean_rates, np.random.default_rng(_SEED))
            self._stock = 10 ** (-0.4 * stars.magnitudes)
        return self._stock[rng.integers(len(self._stock), size=n)]


def blurred(frame, blur):
    """Return a frame (n_filter, ny, nx) convolved with a Gaussian, pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(frame, (0, blur, blur), mode='nearest', truncate=5.0)


def _column(values):
    """Return one value per filter as an array (n_filter, 1, 1)."""
    return np.array(values, np.float32)[:, np.newaxis, np.newaxis]
