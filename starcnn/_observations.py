# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Observations and results as files: tables as astropy writes them, images as FITS.

A stack of images is the primary array of a FITS file, with the unit in
``BUNIT``, the filters in ``FILTER1``, ``FILTER2``, ..., and the pixel scale and
its unit in ``PIXSCALE`` and ``PIXUNIT``; the mask is in the extension ``MASK``
and what is known about the sources in the table ``SOURCES``.
"""

import os

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.io.registry import IORegistryError, identify_format
from astropy.nddata import CCDData, NDData
from astropy.table import QTable, Table

FITS_SUFFIXES = ('.fits', '.fit', '.fits.gz', '.fit.gz')

_MAP_NDIM = 2
_MAX_KEY = 8  # letters of a FITS keyword
_FILTER, _SCALE, _SCALE_UNIT = 'FILTER', 'PIXSCALE', 'PIXUNIT'


def check_free(*paths, overwrite):
    """Raise if a file exists and must not be replaced, or its folder does not exist."""
    for path in paths:
        if path.exists() and not overwrite:
            msg = f'output must be a new file (or use --overwrite), got {str(path)!r}, which exists'
            raise FileExistsError(msg)
        if not path.parent.is_dir():
            msg = f'output must be in a folder that exists, got {str(path)!r}'
            raise FileNotFoundError(msg)


def check_format(*paths):
    """Raise if astropy cannot tell the format of a file to write from the end of its name."""
    for path in paths:
        if not identify_format('write', QTable, str(path), None, [], {}):
            msg = f'output must end in .fits, .ecsv, .csv or the like, got {str(path)!r}'
            raise ValueError(msg)


def read_observations(path):
    """Return the table, the map or the stack of images in a file."""
    if not path.is_file():
        msg = f'data must be a file, got {str(path)!r}'
        raise FileNotFoundError(msg)
    if path.name.lower().endswith(FITS_SUFFIXES):
        with fits.open(path) as hdus:
            if hdus[0].data is not None:
                return _from_hdus(hdus, path)
    try:
        table = QTable.read(path)
    except IORegistryError:
        msg = f'data must be in a format that astropy knows by the file name, got {str(path)!r}'
        raise ValueError(msg) from None
    table.convert_bytestring_to_unicode()
    return table


def write_observations(data, path):
    """Write a table, a map or a stack of images, whole or not at all."""
    # the suffix stays, as it tells astropy the format
    part = path.with_name(f'.part{os.getpid()}_{path.name}')
    try:
        if isinstance(data, Table):
            data.write(part)
        elif not path.name.lower().endswith(FITS_SUFFIXES):
            msg = f'output must end in .fits for images, got {str(path)!r}'
            raise ValueError(msg)
        elif isinstance(data, CCDData):
            data.write(part)
        else:
            _to_hdus(data).writeto(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _to_hdus(data):
    """Return a stack of images as FITS."""
    meta = dict(data.meta)
    filters, scale = meta.pop('filters', ()), meta.pop('pixel_scale', None)
    sources = meta.pop('sources', None)
    header = fits.Header()
    if data.unit is not None:
        header['BUNIT'] = data.unit.to_string()
    for k, name in enumerate(filters, start=1):
        header[f'{_FILTER}{k}'] = name
    if scale is not None:
        scale = u.Quantity(scale)
        header[_SCALE], header[_SCALE_UNIT] = scale.value, scale.unit.to_string()
    for key, value in meta.items():
        if len(key) > _MAX_KEY or not isinstance(value, str | bool | int | float):
            msg = f'meta must fit into a FITS header to be written, got {key!r}: {value!r}'
            raise ValueError(msg)
        header[key] = value
    hdus = fits.HDUList([fits.PrimaryHDU(np.asarray(data.data), header)])
    if data.mask is not None:
        mask = np.broadcast_to(data.mask, np.shape(data.data)).astype(np.uint8)
        hdus.append(fits.ImageHDU(mask, name='MASK'))
    if sources is not None:
        hdus.append(fits.table_to_hdu(QTable(sources), name='SOURCES'))
    return hdus


def _from_hdus(hdus, path):
    """Return the map or the stack of images in a FITS file."""
    header, images = hdus[0].header, np.array(hdus[0].data)
    if images.ndim == _MAP_NDIM and 'BUNIT' in header:
        return CCDData.read(path)
    filters = []
    while f'{_FILTER}{len(filters) + 1}' in header:
        filters.append(header[f'{_FILTER}{len(filters) + 1}'])
    meta = {'filters': tuple(filters)} if filters else {}
    if _SCALE in header:
        meta['pixel_scale'] = header[_SCALE] * u.Unit(header.get(_SCALE_UNIT, 'arcsec'))
    if 'SOURCES' in hdus:
        meta['sources'] = QTable.read(hdus['SOURCES'])
        meta['sources'].convert_bytestring_to_unicode()
        meta['sources'].meta.pop('EXTNAME', None)
    mask = hdus['MASK'].data.astype(bool) if 'MASK' in hdus else None
    unit = u.Unit(header['BUNIT']) if 'BUNIT' in header else None
    return NDData(images, unit=unit, mask=mask, meta=meta)
