# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Noise: photons in images, and the measurement errors of Gaia DR2.
"""

import astropy.units as u
import numpy as np

from starcnn.sky._units import strip_unit

__all__ = ['combine', 'gaia_magnitude_error', 'gaia_parallax_error']

# Number of field-of-view transits of a source in the 22 months of DR2: 70 in 60 months
# (Jordi et al. 2010, A&A 523, A48, Section 6) times 22 / 60.
_N_TRANSITS = 26

# Calibration floors of Gaia DR2, mag (Evans et al. 2018, A&A 616, A4, Section 5.2).
_FLOOR = {'Gaia_G': 0.0003, 'Gaia_BP': 0.002, 'Gaia_RP': 0.002}

# Polynomials in V - I of the logarithmic coefficients of z^2, z and 1, by increasing power
# (the Gaia science performance relation of Jordi et al. 2010, as in PyGaia 1.x).
_BP_RP = {
    'Gaia_BP': (
        (1.043270, 0.355123, 0.044390, -0.000562),
        (1.465592, 0.195768, 0.018878, -0.000400),
        (-1.866968, -0.205807, 0.060769, 0.000262),
    ),
    'Gaia_RP': (
        (1.615927, -0.636628, 0.114126, -0.007597),
        (1.783906, -0.318499, 0.057112, -0.003803),
        (-3.042268, -0.091569, 0.027352, -0.001923),
    ),
}

# BP - RP = c0 + c1 (V - I) + c2 (V - I)^2 (Evans et al. 2018, Table A.2), valid to V - I = 5.
_COLOUR = (-0.04212, 1.286, -0.09494)
_V_I_RANGE = (-0.4, 5.0)

# sigma(parallax) = f sqrt(40 + 800 z + 30 z^2) microarcsec, z = 10^(0.4 (max(G, 13) - 15)): the
# Gaia science performance relation for DR3, with f = 1.24 for the 21 months of DR2 (PyGaia 3).
_PARALLAX = (40.0, 800.0, 30.0)
_DR2_FACTOR = 1.24


def _z(magnitude, bright):
    return 10 ** (0.4 * (np.maximum(magnitude, bright) - 15))


def combine(cluster, background, *, exposure_time, rng=None):
    """
    Put clusters without noise on backgrounds that have theirs.

    The median of each background is added to the cluster, the sum is taken as
    the mean of the photons that arrive in the exposure time, of which a Poisson
    number does; the median is subtracted, and the background added.

    Parameters
    ----------
    cluster : `~astropy.units.Quantity` with shape (..., n_filter, ny, nx)
        The images of clusters, electron/s.

    background : `~astropy.units.Quantity` with shape (..., n_filter, ny, nx)
        The images of backgrounds, electron/s, with their sky.

    exposure_time : `~astropy.units.Quantity`
        The exposure time: one value, or one per filter.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness.

    Returns
    -------
    image : `~astropy.units.Quantity` with shape (..., n_filter, ny, nx)
        The images, electron/s.

    Raises
    ------
    ValueError
        If the shapes do not agree, a pixel is not finite, or an exposure time
        is not positive.

    Notes
    -----
    Section 2.3 of Bialopetravicius & Narbutis (2020, A&A 633, A148). Where the
    background is so negative that the mean would be too (a sky was subtracted
    from it), the mean is zero.
    """
    rate = u.electron / u.s
    cluster = strip_unit(cluster, rate, 'cluster')
    background = strip_unit(background, rate, 'background')
    time = np.asarray(strip_unit(exposure_time, u.s, 'exposure_time'), float)
    if cluster.shape != background.shape or cluster.ndim < 3:  # noqa: PLR2004 (filter, y, x)
        msg = f'background must have the shape of cluster, {cluster.shape}, got {background.shape}'
        raise ValueError(msg)
    if not (time > 0).all() or time.shape not in ((), (cluster.shape[-3],)):
        msg = f'exposure_time must be positive, one or one per filter, got {exposure_time}'
        raise ValueError(msg)
    for name, values in (('cluster', cluster), ('background', background)):
        n_bad = np.count_nonzero(~np.isfinite(values))
        if n_bad:
            msg = f'{name} must be finite, got {n_bad} pixels that are not'
            raise ValueError(msg)
    return _combine(cluster, background, time, np.random.default_rng(rng)) * rate


def _combine(cluster, background, time, rng):
    """Return clusters on backgrounds; arrays in electron/s, and a time or one per filter in s."""
    time = np.reshape(time, (-1, 1, 1))
    median = np.median(background, axis=(-2, -1), keepdims=True)
    counts = rng.poisson(np.maximum(cluster + median, 0) * time)
    return (counts / time - median + background).astype(background.dtype)


def gaia_magnitude_error(filter_name, g, bp_rp):
    """
    Return the standard error of a mean magnitude in Gaia DR2.

    Parameters
    ----------
    filter_name : {'Gaia_G', 'Gaia_BP', 'Gaia_RP'}
        The passband.

    g, bp_rp : `~astropy.units.Quantity` with shape (n_star,)
        The G magnitude and the colour BP - RP.

    Returns
    -------
    error : `~astropy.units.Quantity` with shape (n_star,)
        The standard error.

    Raises
    ------
    ValueError
        If the passband is not one of Gaia's.

    Notes
    -----
    The pre-launch relation for one transit (Jordi et al. 2010, A&A 523, A48),
    divided by the square root of the 26 transits of DR2, with the calibration
    floors of Evans et al. (2018, A&A 616, A4).
    """
    if filter_name not in _FLOOR:
        msg = f'filter_name must be one of {list(_FLOOR)}, got {filter_name!r}'
        raise ValueError(msg)
    error = _magnitude_error(
        filter_name, strip_unit(g, u.mag, 'g'), strip_unit(bp_rp, u.mag, 'bp_rp')
    )
    return error * u.mag


def gaia_parallax_error(g):
    """
    Return the standard error of a parallax in Gaia DR2.

    Parameters
    ----------
    g : `~astropy.units.Quantity` with shape (n_star,)
        The G magnitude.

    Returns
    -------
    error : `~astropy.units.Quantity` with shape (n_star,)
        The standard error, averaged over the sky.

    Notes
    -----
    The Gaia science performance relation for DR3, times 1.24 for the shorter
    time base of DR2, as in PyGaia 3.
    """
    return _parallax_error(strip_unit(g, u.mag, 'g')) * u.mas


def _magnitude_error(filter_name, g, bp_rp):
    """Return the standard error of a magnitude, mag."""
    floor = _FLOOR[filter_name]
    if filter_name == 'Gaia_G':
        z = _z(g, 12)
        variance = 0.04895 * z**2 + 1.8633 * z + 0.0001985
    else:
        c0, c1, c2 = _COLOUR
        root = np.maximum(c1**2 - 4 * c2 * (c0 - bp_rp), 0)
        v_i = np.clip((-c1 + np.sqrt(root)) / (2 * c2), *_V_I_RANGE)
        a, b, c = (10 ** np.polynomial.polynomial.polyval(v_i, p) for p in _BP_RP[filter_name])
        z = _z(g, 11)
        variance = a * z**2 + b * z + c
    return np.sqrt(1e-6 * variance / _N_TRANSITS + floor**2)


def _parallax_error(g):
    """Return the standard error of a parallax, mas."""
    c0, c1, c2 = _PARALLAX
    z = _z(g, 13)
    return 1e-3 * _DR2_FACTOR * np.sqrt(c0 + c1 * z + c2 * z**2)
