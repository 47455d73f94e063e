# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The light of point sources in apertures, by their distances from the centre.
"""

import numpy as np

__all__ = ['Apertures', 'concentration']

# Samples per pixel of the tables, and how far they reach, pixels.
_N_SAMPLE = 4
_REACH = 14.0
_N_RADIUS = 141

# Radii of apertures, pixels. The first two are those of the concentration index (Wei et al. 2020,
# footnote 6); the last that of the magnitudes of LEGUS (Adamo et al. 2017, ApJ 841, 131).
RADII = (1.0, 3.0, 4.0)

# The ring whose light is taken for that of the sky (as above, Section 3.1), pixels.
RING = (7.0, 8.0)

# The median of a ring in units of its mean: light in it is lumpy. A choice of ours.
_MEDIAN = 0.6


class Apertures:
    """
    Parts of the light of point sources that fall in apertures around a centre.

    The light in a ring is taken for sky, and subtracted as the median there.

    Parameters
    ----------
    psfs : sequence of `~starcnn.images.PSF`
        The point spread function in each filter.

    pixel_scale : float
        The size of a pixel, arcsec.

    blur : float
        The standard deviation of what blurs the images besides, pixels.
    """

    def __init__(self, psfs, pixel_scale, blur):
        self.distances = np.linspace(0, _REACH, _N_RADIUS)
        self.parts = np.array([self._tabulate(psf, pixel_scale, blur) for psf in psfs])

    def _tabulate(self, psf, pixel_scale, blur):
        """Return the part of the light in each aperture, (n_radius, n_distance)."""
        from scipy.special import j1

        samples = psf.epsf(pixel_scale, _N_SAMPLE)
        n, half = 2 * len(samples), len(samples) // 2
        ky, kx = np.fft.fftfreq(n, 1 / _N_SAMPLE), np.fft.rfftfreq(n, 1 / _N_SAMPLE)
        k = np.hypot(ky[:, np.newaxis], kx)  # cycles per pixel
        spectrum = np.fft.rfft2(np.roll(np.pad(samples, (0, n - len(samples))), -half, (0, 1)))
        # the pixels of an aperture count by the part of them inside
        spectrum *= np.exp(-2 * (np.pi * blur * k) ** 2) * np.outer(np.sinc(ky), np.sinc(kx))
        *parts, inner, outer = (
            self._average(spectrum, 2 * np.pi * k * radius, radius, j1)
            for radius in (*RADII, *RING)
        )
        sky = _MEDIAN * (outer - inner) / (RING[1] ** 2 - RING[0] ** 2)
        return [part - radius**2 * sky for part, radius in zip(parts, RADII, strict=True)]

    def _average(self, spectrum, phase, radius, j1):
        """Return the light in a circle by the distance of its centre, averaged over angles."""
        disc = np.full_like(phase, 0.5)
        disc[phase > 0] = j1(phase[phase > 0]) / phase[phase > 0]
        inside = np.fft.irfft2(spectrum * disc * 2 * np.pi * radius**2, spectrum.shape[:1] * 2)
        n = int(_REACH * _N_SAMPLE) + 1
        axis = np.arange(-n, n + 1)
        distance = np.hypot(axis, axis[:, np.newaxis]) / _N_SAMPLE
        step = _REACH / (_N_RADIUS - 1)
        bins = np.rint(distance / step).astype(int).ravel()
        values = inside[np.ix_(axis, axis)].ravel() * _N_SAMPLE**2
        counts = np.bincount(bins)[:_N_RADIUS]
        sums = np.bincount(bins, values)[:_N_RADIUS]
        known = counts > 0
        return np.interp(self.distances, self.distances[known], sums[known] / counts[known])

    def part(self, i_filter, i_radius, distance):
        """
        Return the part of the light of sources in an aperture.

        Parameters
        ----------
        i_filter, i_radius : int
            The filter, and the aperture of `RADII`.

        distance : `~numpy.ndarray`
            The distances of the sources from its centre, pixels.

        Returns
        -------
        part : `~numpy.ndarray`
            The parts, of all of the light of each source.
        """
        return np.interp(distance, self.distances, self.parts[i_filter, i_radius], right=0)


def concentration(small, large):
    """
    Return the concentration index of fluxes in apertures of one and of three pixels.

    Parameters
    ----------
    small, large : `~numpy.ndarray`
        The fluxes.

    Returns
    -------
    ci : `~numpy.ndarray`
        The difference of the magnitudes; NaN where a flux is not positive.

    References
    ----------
    Wei et al. (2020), MNRAS 493, 3178, Section 3.1, footnote 6.
    """
    with np.errstate(divide='ignore', invalid='ignore'):
        ci = 2.5 * np.log10(np.asarray(large) / np.asarray(small))
    return np.where(np.isfinite(ci), ci, np.nan)
