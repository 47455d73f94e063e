# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Cutouts as they would be without the dust in front of them.
"""

from copy import deepcopy
from functools import cache
from importlib.resources import files

import astropy.units as u
import numpy as np
from astropy.nddata import (
    InverseVariance,
    NDData,
    NDDataRef,
    StdDevUncertainty,
    VarianceUncertainty,
)

from starcnn.images.arrays import _check_bands, _read_filters
from starcnn.sky import Photometry
from starcnn.sky._units import strip_unit

__all__ = ['deredden']

# The packaged tables of each camera.
_TABLES = {'ACS/WFC': 'hst_acs_wfc.npz', 'WFC3/UVIS': 'hst_wfc3_uvis.npz'}

# With it the extinctions in F336W, F475W and F814W are nearest to those of whole clusters of all
# ages; measured on `ClusterSynthesis.mean_magnitudes`, see the notes of `deredden`.
_TEFF = 8000 * u.K
_TEFF_RANGE = (2300.0, 50000.0)  # K, of the tables

_UNCERTAINTIES = (StdDevUncertainty, VarianceUncertainty, InverseVariance)
_N_AXES = (3, 4)  # one source, many


def deredden(cutouts, a_v, *, instruments=None, law='CCM89', r_v=3.1, teff=_TEFF):
    """
    Return cutouts brightened by a known extinction.

    Each filter is multiplied by 10**(0.4 A), where A is the extinction in it
    that goes with the one in V. The whole image is, with its background.

    Parameters
    ----------
    cutouts : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx) or (n_filter, ny, nx)
        The cutouts, as `extract_cutouts` returns them: ``meta`` must have
        ``filters``, and the unit must be one of flux, not of magnitudes.

    a_v : `~astropy.units.Quantity`
        The extinction at 0.55 micron, mag: one value, or one per source.

    instruments : dict of str, optional
        The camera of each filter, 'ACS/WFC' or 'WFC3/UVIS'. The default is
        that of ``meta['bands']``, a list of `~starcnn.images.Band`.

    law : str, optional
        The name of the extinction law; see `~starcnn.sky.Photometry`.

    r_v : float, optional
        The ratio of total to selective extinction.

    teff : `~astropy.units.Quantity`, optional
        The effective temperature of a star whose extinction is taken, 2300 K
        to 50,000 K.

    Returns
    -------
    dereddened : `~astropy.nddata.NDData`
        New cutouts. The uncertainty grows with the flux; mask and WCS are as
        they were. ``meta`` has in addition ``dereddened``: a tuple with a dict
        for each correction, of ``a_v``, ``law``, ``r_v``, ``teff`` and
        ``extinction``, mag, with shape (n_filter,) or (n_source, n_filter).

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If an argument is wrong, the camera of a filter is not known, or there
        is no table for it.

    Notes
    -----
    Networks that were trained without extinction need such images of reddened
    clusters. Bialopetravicius et al. (2019, A&A 621, A103, Section 5.4) make
    them so, and say what is wrong with it: the background is brightened with
    the cluster, while that of the mocks of the training is as it is, with the
    dust in it. The noise is brightened as well: it remains that of the faint,
    reddened cluster. Ages and masses from such images are a first look.

    The extinctions are integrals over the filters of the spectra of Castelli &
    Kurucz (2004) behind the dust, from the packaged tables of
    `~starcnn.sky.Photometry`. They depend on the temperature: between 5000 K
    and 20,000 K by 0.02 mag in F336W, 0.05 mag in F475W and 0.015 mag in F814W
    at A_V = 1 mag. For whole clusters of 4 Myr to 3 Gyr with Z = 0.009, in which
    every star is reddened by itself, 8000 K is right to 0.01, 0.02 and 0.01 mag
    for each mag of A_V.

    Examples
    --------
    >>> import astropy.units as u
    >>> import numpy as np
    >>> from astropy.nddata import NDData
    >>> from starcnn.images import deredden
    >>> meta = {'filters': ('F336W', 'F814W'), 'pixel_scale': 0.04 * u.arcsec}
    >>> cutouts = NDData(np.ones((5, 2, 8, 8)), unit='electron / s', meta=meta)
    >>> instruments = {'F336W': 'WFC3/UVIS', 'F814W': 'WFC3/UVIS'}
    >>> brighter = deredden(cutouts, 1 * u.mag, instruments=instruments)
    >>> print(brighter.meta['dereddened'][0]['extinction'].round(2))
    [1.66 0.61] mag
    """
    pixels, filters = _open(cutouts)
    n_sources = len(pixels) if pixels.ndim == max(_N_AXES) else 1
    values = _read_a_v(a_v, n_sources)
    cameras = _find_cameras(cutouts.meta, filters, instruments)
    extinction = _extinctions(np.atleast_1d(values), filters, cameras, _log_teff(teff), law, r_v)
    factor = 10 ** (0.4 * extinction).astype(np.result_type(pixels, np.float32))
    factor = factor[..., np.newaxis, np.newaxis]
    record = {
        'a_v': values * u.mag,
        'law': law,
        'r_v': r_v,
        'teff': teff,
        'extinction': (extinction if values.ndim else extinction[0]) * u.mag,
    }
    return _multiply(cutouts, pixels, factor if pixels.ndim == max(_N_AXES) else factor[0], record)


def _open(cutouts):
    """Return the pixels of cutouts and their filters, if flux can be scaled in them."""
    if not isinstance(cutouts, NDData) or cutouts.unit is None:
        msg = f'cutouts must be NDData with a unit, got {type(cutouts).__name__} without'
        raise TypeError(msg)
    if isinstance(cutouts.unit, u.function.FunctionUnitBase) or cutouts.unit.is_equivalent(u.mag):
        msg = f'cutouts must have a unit of flux, got {cutouts.unit}: subtract the extinction'
        raise u.UnitsError(msg)
    pixels, uncertainty = np.asarray(cutouts.data), cutouts.uncertainty
    if pixels.dtype.kind not in 'iuf':
        msg = f'cutouts must have real numbers as pixels, got {pixels.dtype}'
        raise TypeError(msg)
    if uncertainty is not None and not isinstance(uncertainty, _UNCERTAINTIES):
        names = [kind.__name__ for kind in _UNCERTAINTIES]
        msg = f'cutouts must have an uncertainty of {names}, got {type(uncertainty).__name__}'
        raise TypeError(msg)
    if 'filters' not in cutouts.meta:
        msg = f"cutouts must have 'filters' in meta, got {list(cutouts.meta)}"
        raise ValueError(msg)
    filters = _read_filters(cutouts.meta)
    if pixels.ndim not in _N_AXES or pixels.shape[-3] != len(filters):
        msg = (
            'cutouts must have shape (n_source, n_filter, ny, nx) or (n_filter, ny, nx) with one '
            f'image for each of the filters {list(filters)}, got {pixels.shape}'
        )
        raise ValueError(msg)
    return pixels, filters


def _read_a_v(a_v, n_sources):
    """Return the extinctions in V in mag, one or one per source."""
    values = strip_unit(a_v, u.mag, 'a_v')
    if np.any(getattr(values, 'mask', False)):
        msg = f'a_v must be known for every source, got masked ones in {a_v}'
        raise ValueError(msg)
    values = np.array(getattr(values, 'unmasked', values), float)
    if values.shape not in ((), (n_sources,)):
        msg = f'a_v must be one value or one per source, {n_sources}, got shape {values.shape}'
        raise ValueError(msg)
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        msg = f'a_v must be zero or positive for every source, got {values[bad].flat[0]} mag'
        raise ValueError(msg)
    return values


def _find_cameras(meta, filters, instruments):
    """Return the camera of each filter, if there is a table for it."""
    if not isinstance(instruments, dict | None):
        kind = type(instruments).__name__
        msg = f'instruments must be a dict with the camera of each filter, got {kind}'
        raise TypeError(msg)
    bands = _check_bands(meta.get('bands'), "meta['bands'] of cutouts")
    cameras = {band.filter: band.instrument for band in bands} | (instruments or {})
    for name in filters:
        if cameras.get(name) not in _TABLES:
            msg = (
                f"instruments or meta['bands'] must have the camera of {name}, one of "
                f'{list(_TABLES)}, got {cameras.get(name)!r}'
            )
            raise ValueError(msg)
        known = _read_table(cameras[name]).filters
        if name not in known:
            msg = f'cutouts must have filters of {cameras[name]}, {list(known)}, got {name!r}'
            raise ValueError(msg)
    return cameras


@cache
def _read_table(instrument):
    """Return the extinctions in the filters of a camera."""
    with (files('starcnn.sky') / 'data' / _TABLES[instrument]).open('rb') as file:
        return Photometry.read(file)


def _log_teff(teff):
    """Return the decimal logarithm of a temperature in K, if the tables have it."""
    value, (low, high) = strip_unit(teff, u.K, 'teff'), _TEFF_RANGE
    if np.ndim(value) or not low <= value <= high:
        msg = f'teff must be one value between {low:g} K and {high:g} K, got {teff}'
        raise ValueError(msg)
    return np.log10(value)


def _extinctions(a_v, filters, cameras, log_teff, law, r_v):
    """Return the extinctions (n, n_filter) in mag."""
    stars = np.full(len(a_v), log_teff)
    columns = [
        _read_table(cameras[name]).select([name]).extinction(stars, a_v * u.mag, law=law, r_v=r_v)
        for name in filters
    ]
    return np.concatenate(columns, axis=1).to_value(u.mag)


def _multiply(cutouts, pixels, factor, record):
    """Return cutouts with all pixels multiplied, and a record of it."""
    parts = {'unit': cutouts.unit, 'uncertainty': cutouts.uncertainty, 'mask': cutouts.mask}
    scaled = NDDataRef(pixels, **parts).multiply(factor)
    meta = deepcopy(dict(cutouts.meta))
    meta['dereddened'] = (*meta.get('dereddened', ()), record)
    parts |= {'uncertainty': scaled.uncertainty, 'mask': scaled.mask}
    return NDData(scaled.data, **parts, meta=meta, wcs=cutouts.wcs, psf=cutouts.psf)
