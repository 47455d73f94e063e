# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Drizzled mosaics of Hubble from their files, in electrons per second.
"""

import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData

from starcnn.exceptions import DataFileError, StarcnnWarning
from starcnn.images._electrons import RATE, to_electrons
from starcnn.images._fits_headers import parse_unit, read_filter, read_wcs
from starcnn.images.instruments import Band, get_band, list_bands

__all__ = ['read_mosaics']

_NDIM = 2
_FLAM = u.erg / u.s / u.cm**2 / u.AA


def read_mosaics(paths, *, bands=None, unit=None, blank=0):
    """
    Read drizzled mosaics of one field in several filters.

    Parameters
    ----------
    paths : list of str or `~pathlib.Path`, or dict of them
        The FITS files, one for each filter. A dict has the filters as keys, for
        files whose headers do not name them.

    bands : dict of `~starcnn.images.Band`, optional
        The bands of filters whose headers lack the camera, the exposure time or
        the zero point, or are not to be believed.

    unit : str or `~astropy.units.Unit`, optional
        The unit of the pixels, for files that do not name it.

    blank : float or `None`, optional
        The value of pixels where nothing was exposed, which are masked.

    Returns
    -------
    mosaics : dict of `~astropy.nddata.CCDData`
        The mosaics in electron/s, with WCS, float32. Those of a list come in the order
        of the names of their filters. Pixels that are blank, not finite, or of
        no weight (in an extension WHT) are masked.

    bands : dict of `~starcnn.images.Band`
        The band of each filter: camera, exposure time and zero points.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    DataFileError
        If a file is no FITS file, or has no image with coordinates on the sky.

    TypeError, ValueError, `~astropy.units.UnitsError`
        If an argument is wrong, two files have one filter, or a header lacks
        what has to be given.

    Notes
    -----
    The image is that of the extension SCI, or else the first there is. The
    keywords are FILTER (of ACS: FILTER1 and FILTER2), INSTRUME, DETECTOR, EXPTIME,
    BUNIT, PHOTFLAM and PHOTPLAM, of the primary header or that of the image.
    Counts are divided by EXPTIME. The AB zero point is the AB magnitude of the flux
    PHOTFLAM, that of 1 electron/s, at the wavelength PHOTPLAM (ACS Data Handbook,
    Section 5.1.2). That of Vega follows with the difference of the two in
    `get_band`. Without these keywords the zero points are those of `get_band`, with
    a warning.

    See Also
    --------
    reproject_mosaics, find_candidates, extract_cutouts
    """
    given = _check_bands(bands)
    named = isinstance(paths, dict)
    if isinstance(paths, str | Path) or not len(paths):
        msg = f'paths must be a list of files or a dict of them by filter, got {paths!r}'
        raise TypeError(msg)
    unit = None if unit is None else parse_unit(unit)
    mosaics, found = {}, {}
    for item in paths.items() if named else ((None, path) for path in paths):
        name, mosaic, band = _read(*item, given, unit, blank)
        if name in mosaics:
            msg = f'paths must be of different filters, got {name} twice'
            raise ValueError(msg)
        mosaics[name], found[name] = mosaic, band
    order = list(mosaics) if named else sorted(mosaics)
    return {name: mosaics[name] for name in order}, {name: found[name] for name in order}


def _check_bands(bands):
    """Return the bands that are given, by filter."""
    bands = {} if bands is None else bands
    if not isinstance(bands, dict) or not all(isinstance(x, Band) for x in bands.values()):
        msg = f'bands must be a dict of Band, got {bands!r}'
        raise TypeError(msg)
    return bands


def _read(name, path, given, unit, blank):
    """Return filter, mosaic and band of a file."""
    path = Path(path)
    if not path.is_file():
        msg = f'paths must be files, got {str(path)!r}'
        raise FileNotFoundError(msg)
    header, image, weight = _open(path)
    name = name or read_filter(header)
    if name is None:
        msg = f'paths must be a dict by filter, as {path.name!r} does not name one'
        raise ValueError(msg)
    unit = _unit(header, unit, path)
    band = given.get(name) or _band(header, name, unit, path)
    data = to_electrons(image, SimpleNamespace(unit=unit), band, name, RATE).astype(np.float32)
    bad = ~np.isfinite(data)
    if blank is not None:
        bad |= image == blank
    if weight is not None:
        bad |= weight == 0
    wcs = read_wcs(header)
    if wcs is None:
        msg = f'paths must be images with coordinates on the sky, but {str(path)!r} has none'
        raise DataFileError(msg)
    meta = {'FILTER': name, 'FILENAME': path.name}
    return name, CCDData(data, unit=RATE, wcs=wcs, mask=bad, meta=meta), band


def _open(path):
    """Return the headers of a file as one, the image, and its weights or `None`."""
    from astropy.io import fits

    try:
        with fits.open(path, memmap=False) as hdus:
            header, data, weight = _choose(hdus)
    except (OSError, TypeError, ValueError) as error:
        msg = f'paths must be FITS images, but {str(path)!r} cannot be read: {error}'
        raise DataFileError(msg) from error
    if data is None:
        msg = f'paths must be images, but {str(path)!r} has none'
        raise DataFileError(msg)
    if weight is not None and weight.shape != data.shape:
        msg = f'WHT must have shape {data.shape} in {str(path)!r}, got {weight.shape}'
        raise DataFileError(msg)
    return header, data, weight


def _choose(hdus):
    """Return the headers of an open file as one, the image or `None`, and its weights or `None`."""
    images = [hdu for hdu in hdus if hdu.is_image and hdu.header['NAXIS'] == _NDIM]
    image = next((hdu for hdu in images if hdu.name == 'SCI'), next(iter(images), None))
    weight = next((hdu.data for hdu in images if hdu.name == 'WHT'), None)
    header = hdus[0].header.copy()
    if image is None:
        return header, None, None
    if image is not hdus[0]:
        header.extend(image.header, update=True, strip=True)
    return header, image.data, weight


def _unit(header, given, path):
    """Return the unit of the pixels: that of the header, or else the one that is given."""
    if not header.get('BUNIT'):
        if given is None:
            msg = f'unit must be given, as {path.name!r} does not name one (BUNIT)'
            raise ValueError(msg)
        return given
    try:
        return parse_unit(header['BUNIT'])
    except ValueError as error:
        msg = f'paths must be in a unit that is known, got {header["BUNIT"]!r} in {path.name!r}'
        raise DataFileError(msg) from error


def _band(header, name, unit, path):
    """Return the band of a mosaic."""
    keys = [str(header.get(key, '')).strip() for key in ('INSTRUME', 'DETECTOR')]
    camera = '/'.join(keys).upper()
    if (camera, name) not in list_bands() or not header.get('EXPTIME', 0) > 0:
        msg = (
            f'bands must have {name}, as {path.name!r} is not of a camera that is known '
            f'or has no exposure time: got {camera!r} and EXPTIME = {header.get("EXPTIME")}'
        )
        raise ValueError(msg)
    band = get_band(camera, name, exposure_time=header['EXPTIME'] * u.s)
    if not (header.get('PHOTFLAM', 0) > 0 and header.get('PHOTPLAM', 0) > 0):
        message = f'{path.name} has no PHOTFLAM and PHOTPLAM: its zero point is that of get_band'
        warnings.warn(message, StarcnnWarning, stacklevel=4)
        return band
    zero_point = _zero_point(header)
    if unit.is_equivalent(u.adu) or unit.is_equivalent(u.adu / u.s):  # PHOTFLAM is of 1 DN/s
        zero_point += 2.5 * np.log10(band.gain.to_value(u.electron / u.adu)) * u.mag
    vega = zero_point + band.zero_point_vega - band.zero_point_ab
    return replace(band, zero_point_ab=zero_point, zero_point_vega=vega)


def _zero_point(header):
    """Return the AB magnitude of 1 in the unit of PHOTFLAM."""
    at = u.spectral_density(header['PHOTPLAM'] * u.AA)
    return (header['PHOTFLAM'] * _FLAM).to(u.ABmag, at).value * u.mag
