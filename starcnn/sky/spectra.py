# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Spectra of stars and of whole clusters, and their synthetic magnitudes.
"""

import astropy.constants as const
import astropy.units as u
import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.sky._fluxes import (
    MAG,
    band_weights,
    corrections,
    fill_gravities,
    log_planck,
    transmission,
)
from starcnn.sky._units import strip_unit
from starcnn.sky.photometry import _weights

__all__ = ['SpectralGrid', 'cluster_spectrum', 'stellar_spectrum', 'synthetic_magnitude']

_FLUX = u.erg / (u.s * u.cm**2 * u.AA)
_LUMINOSITY = u.erg / (u.s * u.AA)
_R_V = 3.1  # the mean of the diffuse interstellar medium
_FINER = 4  # temperatures between two of the grid
_N_BEND = 8  # rounds of `SpectralGrid.match`
_TINY = 1e-37  # 1/Angstrom: stands for no flux, since logarithms are interpolated
_COLUMNS = ('log_l', 'log_teff', 'log_g')
_KEYS = ('wavelength_aa', 'm_h', 'teff_k', 'log_g', 'flux_flam')


class SpectralGrid:
    """
    A grid of stellar spectra in metallicity, effective temperature and gravity.

    Make one with `read`. Between its models, logarithms of the flux are
    interpolated linearly in [M/H], log effective temperature and log g, as
    `Photometry` interpolates magnitudes; outside, the nearest model is used.

    Parameters
    ----------
    wavelength : `~astropy.units.Quantity` with shape (n_wave,)
        The wavelengths, increasing.

    m_h, log_teff, log_g : `~numpy.ndarray` with shapes (n_m_h,), (n_teff,), (n_log_g,)
        The metallicities [M/H] and the decimal logarithms of the effective
        temperatures in K and of the gravities in cm/s2, increasing.

    flux : `~astropy.units.Quantity` with shape (n_m_h, n_teff, n_log_g, n_wave)
        The flux densities at the surface of the star, whose integrals over all
        wavelengths are sigma T_eff**4. A model without any flux takes that of
        the next higher gravity.
    """

    def __init__(self, wavelength, m_h, log_teff, log_g, flux):
        self._wave = strip_unit(wavelength, u.AA, 'wavelength').astype(float)
        flux = strip_unit(flux, _FLUX, 'flux')
        self._axes = tuple(np.array(axis, float) for axis in (m_h, log_teff, log_g))
        expected = (*map(len, self._axes), len(self._wave))
        if flux.shape != expected:
            msg = f'flux must have shape {expected}, got {flux.shape}'
            raise ValueError(msg)
        emitted = const.sigma_sb.cgs.value * 10 ** (4 * self._axes[1])
        shape = fill_gravities(flux) / emitted[:, np.newaxis, np.newaxis]
        # The logarithm of the share of the power in each Angstrom.
        self._log_shape = np.log(np.maximum(shape, _TINY)).astype(np.float32)

    @classmethod
    def read(cls, path):
        """
        Read a grid from a NumPy archive.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The file, with the arrays ``wavelength_aa``, ``m_h``, ``teff_k``,
            ``log_g`` and ``flux_flam`` (m_h, teff, log_g, wavelength) in
            erg/s/cm2/Angstrom, zero where there is no model. Such files hold,
            for instance, the atlas of Castelli & Kurucz 2004
            (2004astro.ph..5087C), which does not come with the package.

        Returns
        -------
        grid : `SpectralGrid`
            The spectra.

        Raises
        ------
        DataFileError
            If the file is not such an archive.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                wave, m_h, teff, log_g, flux = (archive[name] for name in _KEYS)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            msg = f'path must be an archive with the arrays {list(_KEYS)}, got {str(path)!r}'
            raise DataFileError(msg) from error
        return cls(wave * u.AA, m_h, np.log10(teff), log_g, flux * _FLUX)

    @property
    def wavelength(self):
        """
        The wavelengths.
        """
        return self._wave * u.AA

    def match(self, photometry, throughputs):
        """
        Return a grid whose synthetic magnitudes are those of photometric tables.

        The tables are corrected for what model atmospheres lack: below 4500 K
        they follow other models and observed giants, and above 50,000 K black
        bodies. The new grid has the temperatures of the tables. Beyond its own
        temperatures the shape of the last model is multiplied by the ratio of
        two black bodies. Then each spectrum is multiplied by a smooth function,
        whose magnitude is linear in the logarithm of the wavelength between the
        pivots of the filters and constant outside, until the magnitudes in the
        filters are those of the tables. So cool stars get the right colours, but
        the depths of their bands are those of the model atmospheres.

        Parameters
        ----------
        photometry : `Photometry`
            The tables, with what turns their magnitudes into AB magnitudes.

        throughputs : dict of `~specutils.Spectrum`
            The throughputs by filter, for photons, without unit; those of all
            filters of the tables are needed.

        Returns
        -------
        grid : `SpectralGrid`
            A new grid.

        Raises
        ------
        ValueError
            If the throughput of a filter is missing, or the tables do not know
            its AB magnitudes.
        """
        filters = photometry.filters
        missing = [name for name in filters if name not in throughputs]
        if missing:
            msg = f'throughputs must have the filters {list(filters)}, got none of {missing}'
            raise ValueError(msg)
        ab_minus_vega = np.array([photometry.ab_minus_vega[name] for name in filters])
        if np.isnan(ab_minus_vega).any():
            msg = f'photometry must have AB magnitudes of its filters, got none of {list(filters)}'
            raise ValueError(msg)
        bands = [band_weights(self._wave, *_curve(throughputs[name])) for name in filters]
        weights = np.stack([band[0] for band in bands], axis=1)
        flat = np.array([band[1] for band in bands])
        order = np.argsort(photometry.pivots)
        at = np.log(photometry.pivots[order].to_value(u.AA))

        out = object.__new__(type(self))
        out._wave, out._axes = self._wave, photometry._axes
        out._log_shape = np.empty(
            (*map(len, photometry._axes), len(self._wave)), self._log_shape.dtype
        )
        bend = np.stack([np.interp(np.log(self._wave), at, row) for row in np.eye(len(at))])
        for i, m_h in enumerate(photometry._axes[0]):
            log_shape = self._extend(m_h, *photometry._axes[1:])
            for _ in range(_N_BEND):
                have = corrections(np.exp(log_shape) @ weights, flat) + ab_minus_vega
                log_shape += MAG * (photometry._bc[i] - have)[..., order] @ bend
            out._log_shape[i] = log_shape
        return out

    def _extend(self, m_h, log_teff, log_g):
        """Return log shapes (T_eff, log g, wave); beyond the ends ratios of black bodies."""
        inside = np.clip(log_teff, self._axes[1][0], self._axes[1][-1])
        out = self._at(m_h, inside, log_g)
        for i in np.flatnonzero(inside != log_teff):
            change = log_planck(self._wave, log_teff[i]) - log_planck(self._wave, inside[i])
            out[i] += change
        return out

    def _at(self, m_h, log_teff, log_g):
        """Return the log shapes (T_eff, log g, wave) of one metallicity at given values."""
        i, v = _weights(self._axes[0], m_h)
        out = self._log_shape[i] * (1 - v) + self._log_shape[i + 1] * v
        for axis, (nodes, values) in enumerate(zip(self._axes[1:], (log_teff, log_g), strict=True)):
            j, w = _weights(nodes, values)
            w = np.expand_dims(w, [k for k in range(out.ndim) if k != axis])
            out = np.take(out, j, axis) * (1 - w) + np.take(out, j + 1, axis) * w
        return out

    def _sum(self, m_h, log_teff, log_g, luminosity):
        """Return the summed spectrum of stars, in the unit of the luminosities per Angstrom."""
        steps = np.arange((len(self._axes[1]) - 1) * _FINER + 1) / _FINER
        teff_axis = np.interp(steps, np.arange(len(self._axes[1])), self._axes[1])
        log_g_axis = self._axes[2]
        i, v = _weights(teff_axis, log_teff)
        j, w = _weights(log_g_axis, log_g)
        total = np.zeros((len(teff_axis), len(log_g_axis)))
        for a, p in ((i, 1 - v), (i + 1, v)):
            for b, q in ((j, 1 - w), (j + 1, w)):
                np.add.at(total, (a, b), p * q * luminosity)
        used = np.flatnonzero(total.any(axis=1))
        shape = np.exp(self._at(m_h, teff_axis[used], log_g_axis))
        return np.tensordot(total[used], shape, 2)


def stellar_spectrum(
    grid,
    teff,
    luminosity,
    *,
    log_g,
    m_h=0.0,
    distance=None,
    a_v=0 * u.mag,
    law='CCM89',
    r_v=_R_V,
):
    """
    Return the spectrum of a star.

    Parameters
    ----------
    grid : `SpectralGrid`
        The spectra.

    teff, luminosity : `~astropy.units.Quantity`
        The effective temperature and the bolometric luminosity.

    log_g : float
        The decimal logarithm of the surface gravity in cm/s2.

    m_h : float, optional
        The metallicity [M/H].

    distance : `~astropy.units.Quantity`, optional
        The distance; without it the result is the luminosity per wavelength.

    a_v : `~astropy.units.Quantity`, optional
        The extinction at 0.55 micron.

    law : {'CCM89', 'F99', 'F19', 'G23'}, optional
        The extinction law; see `Photometry`.

    r_v : float, optional
        The ratio of total to selective extinction.

    Returns
    -------
    spectrum : `~specutils.Spectrum`
        The flux density in erg/s/cm2/Angstrom, or the luminosity in
        erg/s/Angstrom.

    Raises
    ------
    ValueError
        If the law is unknown or ``r_v`` is outside its range, the extinction is
        negative, or a temperature, luminosity or distance is not positive.
    """
    teff = _positive(teff, u.K, 'teff')
    power = _positive(luminosity, u.erg / u.s, 'luminosity')
    total = grid._sum(m_h, *np.atleast_1d(np.log10(teff), log_g, power))
    return _to_spectrum(grid, total, distance, a_v, law, r_v)


def cluster_spectrum(grid, stars, *, m_h, distance=None, a_v=0 * u.mag, law='CCM89', r_v=_R_V):
    """
    Return the summed spectrum of stars; remnants are dark.

    Parameters
    ----------
    grid : `SpectralGrid`
        The spectra.

    stars : `~astropy.table.QTable`
        The stars, with columns ``log_l``, ``log_teff`` and ``log_g``, as
        `Isochrones.stars` gives them; NaN marks stars without light.

    m_h : float
        The metallicity [M/H].

    distance : `~astropy.units.Quantity`, optional
        The distance; without it the result is the luminosity per wavelength.

    a_v : `~astropy.units.Quantity`, optional
        The extinction at 0.55 micron, the same for all stars.

    law : {'CCM89', 'F99', 'F19', 'G23'}, optional
        The extinction law; see `Photometry`.

    r_v : float, optional
        The ratio of total to selective extinction.

    Returns
    -------
    spectrum : `~specutils.Spectrum`
        The flux density in erg/s/cm2/Angstrom, or the luminosity in
        erg/s/Angstrom.

    Raises
    ------
    ValueError
        If a column is missing, the law is unknown or ``r_v`` is outside its
        range, the extinction is negative, or the distance is not positive.
    """
    missing = [name for name in _COLUMNS if name not in stars.colnames]
    if missing:
        msg = f'stars must have the columns {missing}, got {stars.colnames}'
        raise ValueError(msg)
    log_l, log_teff, log_g = (np.array(stars[name], float) for name in _COLUMNS)
    light = np.isfinite(log_l)
    power = 10 ** log_l[light] * u.solLum.to(u.erg / u.s)
    total = grid._sum(m_h, log_teff[light], log_g[light], power)
    return _to_spectrum(grid, total, distance, a_v, law, r_v)


def synthetic_magnitude(spectrum, throughput, *, reference=None):
    """
    Return the magnitude of a spectrum in a filter.

    Photons are counted. The product of flux, throughput and wavelength is
    linear between the union of the wavelengths of both.

    Parameters
    ----------
    spectrum : `~specutils.Spectrum`
        The flux density.

    throughput : `~specutils.Spectrum`
        The throughput of the whole system for photons, without unit.

    reference : `~specutils.Spectrum`, optional
        The flux density of magnitude zero, such as that of Vega; without it
        the magnitude is AB (Oke & Gunn 1983, ApJ 266, 713).

    Returns
    -------
    magnitude : `~astropy.units.Quantity`
        The magnitude.

    Raises
    ------
    `~astropy.units.UnitsError`
        If a spectrum is no flux density.

    ValueError
        If a spectrum does not cover the filter.
    """
    curve = _curve(throughput)
    counts = _counts(spectrum, curve, 'spectrum')
    if reference is None:
        zero = band_weights(curve[0], *curve)[1]
    else:
        zero = _counts(reference, curve, 'reference')
    return -2.5 * np.log10(counts / zero) * u.mag


def _positive(value, unit, name):
    """Return a positive scalar in a unit."""
    out = float(strip_unit(value, unit, name))
    if not out > 0:
        msg = f'{name} must be positive, got {value}'
        raise ValueError(msg)
    return out


def _to_spectrum(grid, total, distance, a_v, law, r_v):
    """Return a spectrum of luminosities in erg/s/Angstrom, reddened, and at a distance."""
    from specutils import Spectrum

    total = total * transmission(grid._wave, a_v, law, r_v) * _LUMINOSITY
    if distance is not None:
        area = 4 * np.pi * _positive(distance, u.cm, 'distance') ** 2 * u.cm**2
        total = (total / area).to(_FLUX)
    return Spectrum(flux=total, spectral_axis=grid.wavelength)


def _curve(throughput):
    """Return wavelength in Angstrom, increasing, and throughput."""
    wave = throughput.spectral_axis.to_value(u.AA)
    order = np.argsort(wave)
    return np.array(wave)[order], throughput.flux.to_value(u.dimensionless_unscaled)[order]


def _counts(spectrum, curve, name):
    """Return the photons of a spectrum in a filter, up to a constant."""
    wave = np.array(spectrum.spectral_axis.to_value(u.AA))
    order = np.argsort(wave)
    inside = curve[0][curve[1] > 0]
    if wave.min() > inside[0] or wave.max() < inside[-1]:
        msg = (
            f'{name} must cover {inside[0]:g} to {inside[-1]:g} Angstrom, '
            f'got {wave.min():g} to {wave.max():g}'
        )
        raise ValueError(msg)
    flux = spectrum.flux.to(_FLUX, u.spectral_density(spectrum.spectral_axis)).value
    return band_weights(wave[order], *curve)[0] @ flux[order]
