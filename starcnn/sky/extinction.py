# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Redden stars: add the extinction that each suffers in each filter.
"""

import numpy as np

__all__ = ['extinction_ratio', 'redden']

_R_V = 3.1


def redden(stars, a_v, photometry, *, law='CCM89', r_v=_R_V):
    """
    Return stars with the extinction added to their magnitudes.

    The extinction depends on the temperature of the star, since a filter's
    effective wavelength does.

    Parameters
    ----------
    stars : `~astropy.table.QTable`
        Stars with a column ``log_teff`` and magnitudes, as `Isochrones` gives
        them.

    a_v : `~astropy.units.Quantity`
        The extinction in V: one value, or one per star.

    photometry : `Photometry`
        The extinctions of the photometric system.

    law : str, optional
        The name of the extinction law, one of ``photometry.laws``.

    r_v : float, optional
        The ratio of total to selective extinction.

    Returns
    -------
    stars : `~astropy.table.QTable`
        A new table with the same columns.

    Raises
    ------
    ValueError
        If ``law`` is unknown, ``r_v`` is out of range, ``a_v`` is, or the
        stars have no magnitude in any of the filters.
    """
    filters = [name for name in photometry.filters if name in stars.colnames]
    if not filters:
        msg = f'stars must have a column of {list(photometry.filters)}, got {stars.colnames}'
        raise ValueError(msg)
    extinctions = photometry.extinction(stars['log_teff'], a_v, law=law, r_v=r_v)
    out = stars.copy()
    for name in filters:
        out[name] = stars[name] + extinctions[:, photometry.filters.index(name)]
    return out


def extinction_ratio(photometry, *, log_teff=3.762, law='CCM89', r_v=_R_V):
    """
    Return the ratios of extinction in the filters to that in V, for little dust.

    Parameters
    ----------
    photometry : `Photometry`
        The extinctions of the photometric system.

    log_teff : float, optional
        The decimal logarithm of the star's effective temperature in K. The
        default is the Sun's.

    law : str, optional
        The name of the extinction law, one of ``photometry.laws``.

    r_v : float, optional
        The ratio of total to selective extinction.

    Returns
    -------
    ratios : dict of float
        The ratio by filter.

    Raises
    ------
    ValueError
        If ``law`` is unknown, ``r_v`` is out of range.
    """
    small = 1e-6  # mag: the limit of little dust
    ratios = photometry._extinctions(np.array([log_teff]), small, law, r_v)[0] / small
    return dict(zip(photometry.filters, ratios.tolist(), strict=True))
