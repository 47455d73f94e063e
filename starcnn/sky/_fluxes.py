# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Arithmetic of spectra: photons in bands, dust, black bodies.
"""

import astropy.constants as const
import astropy.units as u
import numpy as np

from starcnn.sky._units import strip_unit
from starcnn.sky.photometry import _weights

# Natural logarithm of the flux ratio of 1 mag.
MAG = 0.4 * np.log(10)

_AB_FLUX = 3.631e-20  # erg/s/cm2/Hz of magnitude zero (Oke & Gunn 1983, ApJ 266, 713)
_SOLAR_M_BOL = 4.74  # IAU 2015 resolution B2
_TEN_PC = 10 * u.pc  # the distance of absolute magnitudes
_RADIATION = (const.h * const.c / const.k_B).to_value(u.AA * u.K)
_LAWS = {'CCM89': 'O94', 'F99': 'F99', 'F19': 'F19', 'G23': 'G23'}  # names in dust_extinction


def transmission(wave, a_v, law, r_v):
    """Return what dust lets through; outside the law's range as at its ends."""
    a_v = float(strip_unit(a_v, u.mag, 'a_v'))
    if law not in _LAWS:
        msg = f'law must be one of {list(_LAWS)}, got {law!r}'
        raise ValueError(msg)
    if not a_v >= 0:
        msg = f'a_v must be at least 0 mag, got {a_v:g}'
        raise ValueError(msg)
    if a_v == 0:
        return np.ones(len(wave))
    import dust_extinction.parameter_averages as models

    model = getattr(models, _LAWS[law])
    low, high = model.Rv_range
    if not low <= r_v <= high:
        msg = f'r_v must be between {low:g} and {high:g} for {law}, got {r_v}'
        raise ValueError(msg)
    x = np.clip(u.micron.to(u.AA) / wave, *model.x_range)
    return np.exp(-MAG * a_v * model(Rv=r_v)(x / u.micron))


def band_weights(wave, band_wave, throughput):
    """Return weights of the flux at each wavelength, and the photons of an AB magnitude of zero."""
    union = np.union1d(wave, band_wave)
    union = union[(union >= band_wave[0]) & (union <= band_wave[-1])]
    step = np.diff(union)
    trapezoid = np.append(step, 0) / 2 + np.append(0, step) / 2
    value = np.interp(union, band_wave, throughput) * union * trapezoid
    i, above = _weights(wave, union)
    weights = np.bincount(i, value * (1 - above), len(wave))
    weights += np.bincount(i + 1, value * above, len(wave))
    slope = np.diff(throughput) / np.diff(band_wave)
    start = throughput[:-1] - slope * band_wave[:-1]
    over_wave = (start * np.diff(np.log(band_wave)) + np.diff(throughput)).sum()
    return weights, _AB_FLUX * const.c.to_value(u.AA / u.s) * over_wave


def corrections(counts, flat):
    """Return bolometric corrections to AB magnitudes of shapes, from their counts."""
    area = 4 * np.pi * _TEN_PC.to_value(u.cm) ** 2
    magnitude = -2.5 * np.log10(u.solLum.to(u.erg / u.s) / area * counts / flat)
    return _SOLAR_M_BOL - magnitude


def fill_gravities(flux):
    """Give models that the grid lacks the flux of the nearest higher gravity."""
    flux = np.array(flux)
    for k in reversed(range(flux.shape[2] - 1)):
        missing = flux[:, :, k].max(axis=-1) == 0
        flux[:, :, k][missing] = flux[:, :, k + 1][missing]
    return flux


def log_planck(wave, log_teff):
    """Return the logarithm of a black body's share of power in each Angstrom, up to a constant."""
    x = _RADIATION / wave / 10**log_teff
    return -x - np.log(-np.expm1(-x)) - 4 * np.log(10) * log_teff
