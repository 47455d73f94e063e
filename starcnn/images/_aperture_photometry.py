# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Fluxes of sources in circles above the light in rings around them.
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np

# The magnitude error of a relative error of the flux of 1.
_MAG = 2.5 / np.log(10)


@dataclass(frozen=True)
class Photometry:
    """
    Sums in circles around sources above the median of a ring.

    ``fluxes`` and ``errors`` have shape (n_radius, n_source), electron/s; NaN
    where a circle is not whole on good pixels, or the ring has none.
    """

    fluxes: np.ndarray
    errors: np.ndarray

    def magnitudes(self, i, band):
        """Return the magnitudes in a circle and their errors, NaN where there is no light."""
        flux = self.fluxes[i]
        light = np.where(flux > 0, flux, np.nan)
        magnitude = band.magnitude(light * u.electron / u.s).to_value(u.mag)
        return magnitude, _MAG * self.errors[i] / light


def measure(data, bad, x, y, *, radii, ring, time):
    """
    Return the photometry of sources.

    ``data`` are electron/s, ``bad`` a mask, ``radii`` those of the circles and
    ``ring`` the two of the ring, all in pixels; ``time`` is the exposure, s. The
    error is that of the photons in the circle, of the scatter of the pixels of the
    ring in it, and of the median of the ring (that of IRAF's phot; Davis 1989, A
    User's Guide to the IRAF Apphot Package).
    """
    from photutils.aperture import CircularAnnulus, CircularAperture, aperture_photometry

    if not len(x):
        empty = np.zeros((len(radii), 0))
        return Photometry(empty, empty)
    places = np.column_stack([x, y])
    circles = [CircularAperture(places, radius) for radius in radii]
    filled = np.where(bad, 0, data)
    sums = aperture_photometry(filled, circles)
    holes = aperture_photometry(bad.astype(float), circles)
    sky, scatter, n_sky = _ring(data, bad, CircularAnnulus(places, *ring))
    fluxes, errors = [], []
    for i, circle in enumerate(circles):
        flux = np.asarray(sums[f'aperture_sum_{i}']) - circle.area * sky
        variance = np.maximum(flux, 0) / time + circle.area * scatter**2
        variance = variance + (circle.area * scatter) ** 2 / n_sky
        whole = _is_inside(places, radii[i], data.shape)
        whole &= np.asarray(holes[f'aperture_sum_{i}']) < 1e-9  # noqa: PLR2004 (rounding)
        fluxes.append(np.where(whole, flux, np.nan))
        errors.append(np.where(whole, np.sqrt(variance), np.nan))
    return Photometry(np.stack(fluxes), np.stack(errors))


def _ring(data, bad, ring):
    """Return the median and the robust scatter of the pixels of rings, and their number."""
    from photutils.aperture import ApertureStats

    stats = ApertureStats(data, ring, mask=bad, sum_method='center')
    # of few pixels with stars among them, the scatter from the median absolute deviation
    scatter = np.atleast_1d(stats.mad_std).astype(float)
    n_sky = np.atleast_1d(stats.center_aper_area.value).astype(float)
    return np.atleast_1d(stats.median).astype(float), scatter, np.where(n_sky > 0, n_sky, np.nan)


def _is_inside(places, radius, shape):
    """Whether circles are whole on an image."""
    places, size = places + 1 / 2, np.array(shape)[::-1]  # from the corner of the first pixel
    return ((places >= radius) & (places <= size - radius)).all(axis=1)
