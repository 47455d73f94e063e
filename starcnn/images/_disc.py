# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The drawing of simulated galaxy fields, in plain numbers.
"""

from functools import lru_cache
from types import SimpleNamespace

import astropy.units as u
import numpy as np

from starcnn.images._dust import lognormal_field
from starcnn.images._population import LOG_AGES, Population

# A star is detectable if its central pixel stands this many standard deviations above an empty
# sky: the threshold of `starcnn.images.measure_density` is the same.
N_SIGMA = 5.0

# Frames continue this far beyond their edges, so that light comes in from outside; arcsec.
MARGIN = 1.5

# Stars up to this age form associations (a choice of ours); log years.
LOG_AGE_YOUNG = 8.05

# The spectrum of the dust falls with the wave number to this power: a choice of ours, in the
# range of 2.5 to 3.7 that maps of interstellar matter show.
DUST_SLOPE = 2.8

# Samples per pixel of the renderer: errors of 5e-4 of the peak, far below the noise.
OVERSAMPLING = 2

# How much brighter the limits are above which stars are drawn one by one in crowded frames, mag,
# never brighter than what is detectable; and how many stars are then drawn, unless the detectable
# ones are more; per arcsec2.
# Far below the confusion limit, single stars make no difference.
STEPS = (0.0, 0.5, 1.0, 1.5, 2.0)
MAX_DRAWN = 100.0

# A reference extinction at which filters are compared, mag.
A_V_REFERENCE = 1.0


class Disc:
    """
    A galaxy's disc, made of the options of a `GalaxyField`.

    Lengths are arcsec, densities per arcsec2, fluxes electron/s; a position is
    an array (2, n_star) of y and x from the centre of the frame.
    """

    def __init__(self, field):
        bands = field.bands
        to_angle = 1 / field.distance.to_value(u.pc) * u.radian.to(u.arcsec)  # arcsec per pc
        self.mean_rates = _mean_rates(field.decline.to_value(u.yr))
        self.burst, self.front, self.clustered = field.burst, field.front, field.clustered
        self.n_member, self.a_v_scatter = field.association_stars, field.a_v_scatter
        self.pixel = field.pixel_scale.to_value(u.arcsec)
        self.psfs, self.photometry = tuple(field.psfs), field.photometry
        self.law, self.r_v = field.law, field.r_v
        self.density = field.density.to_value(u.arcsec**-2)
        self.scale_length = field.scale_length.to_value(u.arcsec)
        self.a_v = field.a_v.to_value(u.mag)
        self.cloud_size = field.cloud_size.to_value(u.pc) * to_angle
        self.association_size = field.association_size.to_value(u.pc) * to_angle

        self.time = _column([band.exposure_time.to_value(u.s) for band in bands])
        self.sky = _column([_sky(band, self.pixel) for band in bands])
        reads = [band.read_noise.to_value(u.electron) * band.n_exposures**0.5 for band in bands]
        self.read_noise = _column(reads).astype(np.float32)
        noise = np.sqrt(self.sky * self.time + self.read_noise**2) / self.time
        peaks = [psf.epsf(self.pixel, 1).max() for psf in field.psfs]
        faintest = N_SIGMA * noise.ravel() / peaks  # detectable flux, electron/s
        zero_points = np.array([band.zero_point_vega.to_value(u.mag) for band in bands])
        modulus = 5 * np.log10(field.distance.to_value(u.pc) / 10)
        self.unit_flux = 10 ** (0.4 * (zero_points - modulus))  # of absolute magnitude 0
        self.limits = zero_points - 2.5 * np.log10(faintest)  # apparent, mag
        self.reference = field.filters.index(field.detection_filter or field.filters[0])
        self.faintest = faintest[self.reference] / self.unit_flux[self.reference]

        isochrones = field.isochrones.with_photometry(field.photometry)
        everyone = Population(isochrones, field.imf, field.m_h)
        fluxes = everyone.flux * self.unit_flux
        self.detectable = everyone.select(everyone.flux[:, self.reference] > self.faintest)
        if not len(self.detectable.number):
            msg = f'distance must be such that stars are detectable, got {field.distance}'
            raise ValueError(msg)
        depth = field.depth.to_value(u.mag)
        limits = [faintest * 10 ** (0.4 * min(step - depth, 0)) for step in STEPS]
        drawn = [(fluxes > limit).any(axis=1) for limit in limits]
        self.levels = [self._level(everyone, which) for which in drawn if which.any()]

    def _level(self, everyone, drawn):
        """Return the stars that are drawn, and the light by age and extinction of the others."""
        faint = everyone.select(~drawn)
        one = np.full(len(faint.number), A_V_REFERENCE)
        extinction = self.photometry._extinctions(faint.log_teff, one, self.law, self.r_v)
        weights = faint.number[:, np.newaxis] * faint.flux
        veil = (weights * extinction).sum(axis=0) / weights.sum(axis=0) / A_V_REFERENCE
        return SimpleNamespace(bright=everyone.select(drawn), light=faint.light_by_age(), veil=veil)

    def draw(self, shape, density, rng):
        """Return a frame (n_filter, ny, nx) with its noise, and the density of its stars."""
        frame, density = self.light(shape, density, rng)
        counts = rng.poisson((frame + self.sky) * self.time)
        noise = rng.standard_normal(counts.shape, dtype=np.float32) * self.read_noise
        return ((counts + noise) / self.time).astype(np.float32), density

    def light(self, shape, density, rng):
        """Return a frame without sky and noise, and the density of its detectable stars."""
        rates = self.draw_rates(rng)
        scale = density / self.detectable.count(rates)
        sky = self.sky_of(shape, rng)
        numbers = [scale * level.bright.count(rates) for level in self.levels]
        level, number = next(
            (pair for pair in zip(self.levels, numbers, strict=True) if pair[1] < MAX_DRAWN),
            (self.levels[-1], numbers[-1]),
        )
        n_star = rng.poisson(number * sky.box.prod())
        stars, position = self.stars(level.bright, n_star, rates, sky, rng)
        y, x = position / self.pixel
        row, column = (
            np.clip(np.rint(v + (n - 1) / 2).astype(int), 0, n - 1)
            for v, n in zip((y, x), shape, strict=True)
        )
        a_v = sky.a_v[row, column] * (rng.random(n_star) >= self.front)
        fluxes = 10 ** (-0.4 * stars.magnitudes) * self.unit_flux
        inside = (abs(y) < shape[0] / 2) & (abs(x) < shape[1] / 2)
        bright = fluxes[inside, self.reference] > self.faintest * self.unit_flux[self.reference]
        extinction = self.photometry._extinctions(stars.log_teff, a_v, self.law, self.r_v)
        fluxes *= 10 ** (-0.4 * extinction)
        frame = _renderer(self.psfs, self.pixel, tuple(shape))._render(x, y, fluxes)
        smooth = scale * self.pixel**2 * (rates @ level.light) * self.unit_flux
        for layer, flux, ratio in zip(frame, smooth, level.veil, strict=True):
            behind = 10 ** (-0.4 * ratio * sky.a_v)
            layer += flux * sky.profile * (self.front + (1 - self.front) * behind)
        return np.maximum(frame, 0), bright.sum() / (np.prod(shape) * self.pixel**2)

    def draw_rates(self, rng):
        """Return star formation rates at LOG_AGES, relative to one another."""
        return self.mean_rates * 10 ** (self.burst * rng.standard_normal(len(LOG_AGES)))

    def sky_of(self, shape, rng):
        """Return the gradient and the dust of a frame, and the box in which its stars are."""
        box = np.array(shape) * self.pixel + 2 * MARGIN
        angle = rng.uniform(0, 2 * np.pi)
        slope = np.array([np.sin(angle), np.cos(angle)]) / _log_uniform(self.scale_length, rng)
        profiles = []
        for n, g, width in zip(shape, slope, box, strict=True):
            mean = np.sinh(g * width / 2) / (g * width / 2)  # of exp(g x) in the box
            profiles.append(np.exp(g * (np.arange(n) - (n - 1) / 2) * self.pixel) / mean)
        cloud = self.cloud_size / self.pixel
        a_v = _log_uniform(self.a_v, rng) * lognormal_field(
            shape, slope=DUST_SLOPE, largest=cloud, scatter=self.a_v_scatter, rng=rng
        )
        a_v = np.minimum(a_v, self.photometry.a_v_max.to_value(u.mag))
        return SimpleNamespace(box=box, slope=slope, profile=np.outer(*profiles), a_v=a_v)

    def stars(self, population, n_star, rates, sky, rng):
        """Return n stars and their positions; some of the young ones are in associations."""
        stars = population.draw(n_star, rates, rng)
        position = _exponential(n_star, sky, rng)
        member = (LOG_AGES[stars.age] < LOG_AGE_YOUNG) & (
            rng.random(n_star) < rng.uniform(0, self.clustered)
        )
        n_member = member.sum()
        if not n_member:
            return stars, position
        n_group = int(np.ceil(n_member / self.n_member))
        sizes = 1 / (1 - rng.random(n_group))  # a power law of slope -2
        group = rng.choice(n_group, n_member, p=sizes / sizes.sum())
        spread = _log_uniform(self.association_size, rng, n_group)[group]
        ages = rng.choice(stars.age[member], n_group)  # of one age each, as the stars have them
        young = population.draw_of_ages(ages[group], rng)
        for new, old in zip(young, stars, strict=True):
            old[member] = new
        around = _exponential(n_group, sky, rng)[:, group]
        around += spread * rng.standard_normal((2, n_member))
        half = sky.box[:, np.newaxis] / 2
        position[:, member] = (around + half) % (2 * half) - half  # none is lost at the edges
        return stars, position


@lru_cache(maxsize=4)
def _renderer(psfs, pixel, shape):
    """Return the renderer of frames of a shape, the same for discs of all kinds."""
    from starcnn.images.render import StarRenderer

    return StarRenderer(psfs, shape=shape, pixel_scale=pixel * u.arcsec, oversampling=OVERSAMPLING)


def _mean_rates(decline):
    """Return the mean star formation rates at LOG_AGES, largest one, for a decline in years."""
    ages = 10**LOG_AGES
    return np.exp((ages - ages[-1]) / decline)


def _sky(band, pixel):
    """Return the sky in a pixel of a frame, electron/s."""
    rate = band.sky.to_value(u.electron / u.s)
    return rate * (pixel / band.pixel_scale.to_value(u.arcsec)) ** 2


def _column(values):
    """Return one value per filter as an array (n_filter, 1, 1)."""
    return np.array(values, float)[:, np.newaxis, np.newaxis]


def _log_uniform(limits, rng, n=None):
    """Return values between limits, uniform in their logarithms."""
    return np.exp(rng.uniform(*np.log(limits), n))


def _exponential(n, sky, rng):
    """Return positions (2, n) in the box of a sky, their density changing along its slope."""
    p, g, box = rng.random((2, n)), sky.slope[:, np.newaxis], sky.box[:, np.newaxis]
    return np.log1p(p * np.expm1(g * box)) / g - box / 2
