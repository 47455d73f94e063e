# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Files of stamps: which there are, what is in one, and many as one stack.
"""

import re
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable, vstack
from astropy.utils.exceptions import AstropyUserWarning

from starcnn.exceptions import DataFileError
from starcnn.images._fits_headers import parse_unit, read_filter, read_scale
from starcnn.sky._units import strip_unit

SOURCES = 'SOURCES'  # the name of the table of candidates

_NDIMS = (2, 3)  # of the images of one candidate, and of many
_TOLERANCE = 1e-3  # how much pixel scales of files may differ


def list_files(path):
    """Return the FITS files that a path, a folder or a list of paths stands for."""
    if isinstance(path, list | tuple):
        found = [Path(item) for item in path]
    elif Path(path).is_dir():
        found = [item for item in Path(path).iterdir() if _is_fits(item)]
        found.sort(key=lambda item: [int(x) if x.isdigit() else x for x in _split(item.name)])
    else:
        found = [Path(path)]
    if not found:
        msg = f'path must have FITS files, got {str(path)!r} without'
        raise FileNotFoundError(msg)
    for item in found:
        if not item.is_file():
            msg = f'path must be a FITS file or a folder of them, got {str(item)!r}'
            raise FileNotFoundError(msg)
    return found


def read_files(files, *, filters=None, pixel_scale=None, unit=None):
    """Return the stamps of files as one stack, and the table of their candidates."""
    unit = None if unit is None else parse_unit(unit)
    if pixel_scale is not None:
        pixel_scale = strip_unit(pixel_scale, u.arcsec, 'pixel_scale') * u.arcsec
    read = [_read_file(file, filters, unit) for file in files]
    names = _join_names(files, read)
    shapes = {image.shape[1:] for planes, *_ in read for image in planes.values()}
    if len(shapes) > 1:
        msg = f'stamps must have one shape, got {sorted(shapes)} in {str(files[0].parent)!r}'
        raise DataFileError(msg)
    data = np.concatenate([_stack(planes, names) for planes, *_ in read])
    data[(data == 0).all(axis=(2, 3))] = np.nan
    tables = [item[1] for item in read]
    table = tables[0] if len(tables) == 1 else vstack(tables, metadata_conflicts='silent')
    meta = {'filters': names, 'sources': table}
    scale = _one(files, [item[2] for item in read], 'pixel scale')
    if scale is not None or pixel_scale is not None:
        meta['pixel_scale'] = pixel_scale if scale is None else scale
    unit = _one(files, [item[3] for item in read], 'unit')
    return NDData(data, unit=unit, mask=~np.isfinite(data), meta=meta), table


def _is_fits(path):
    """Whether a file of a folder is one of stamps, by its name."""
    name = path.name.lower()
    return name.endswith(('.fits', '.fit', '.fits.gz')) and not name.startswith('.')


def _split(name):
    """Return the numbers in a name, and what is between them."""
    return re.split(r'(\d+)', name)


def _read_file(path, filters, unit):
    """Return images (n, ny, nx) by filter, the table, pixel scale and unit of a file."""
    header, images, table = _open(path)
    names = _names(path, images, filters)
    planes, unit = _planes(path, images, names, unit)
    scales = [read_scale(item) for item in (header, *(item for _, item, _ in images))]
    scale = next((item for item in scales if item is not None), None)
    return planes, _check_table(path, table, len(next(iter(planes.values())))), scale, unit


def _open(path):
    """Return the primary header, the (name, header, pixels) of the images, and the table."""
    from astropy.io import fits

    try:
        with warnings.catch_warnings(), fits.open(path, memmap=False) as hdus:
            warnings.filterwarnings('error', 'File may have been truncated', AstropyUserWarning)
            images = [(hdu.name, hdu.header, hdu.data) for hdu in hdus if _is_image(hdu)]
            table = QTable.read(hdus[SOURCES]) if SOURCES in hdus else None
            header = hdus[0].header
    except (OSError, ValueError, TypeError, AstropyUserWarning) as error:
        msg = f'path must be a FITS file of stamps, but {str(path)!r} cannot be read: {error}'
        raise DataFileError(msg) from error
    if not images:
        msg = f'path must have an image extension for each filter, got none in {str(path)!r}'
        raise DataFileError(msg)
    return header, images, table


def _is_image(hdu):
    """Whether a part of a file is a stamp, or one for each of many candidates."""
    return getattr(hdu, 'is_image', False) and hdu.data is not None and hdu.data.ndim in _NDIMS


def _names(path, images, filters):
    """Return the filters of the images of a file."""
    if filters is not None:
        if isinstance(filters, str) or len(filters) != len(images):
            msg = f'filters must be {len(images)} names for {str(path)!r}, got {filters!r}'
            raise ValueError(msg)
        return tuple(filters)
    names = [read_filter(header) or name for name, header, _ in images]
    if '' in names or len(set(names)) != len(names):
        msg = (
            'path must be of files whose extensions name one filter each (or filters must be '
            f'given), got {names} in {str(path)!r}'
        )
        raise DataFileError(msg)
    return tuple(names)


def _planes(path, images, names, given):
    """Return the images of a file by filter, (n, ny, nx) and float32, in their one unit."""
    planes, units = {}, [_unit(path, header, given) for _, header, _ in images]
    first = units[0]
    for name, unit, (_, _, data) in zip(names, units, images, strict=True):
        same = unit is first if None in (unit, first) else unit.is_equivalent(first)
        if not same:
            msg = f'stamps must have one unit, got {first} and {unit} in {str(path)!r}'
            raise DataFileError(msg)
        image = np.array(data, np.float32) * np.float32(1 if unit is None else unit.to(first))
        planes[name] = image if image.ndim == max(_NDIMS) else image[np.newaxis]
    if len({image.shape for image in planes.values()}) > 1:
        shapes = {name: image.shape for name, image in planes.items()}
        msg = f'stamps must have one shape, got {shapes} in {str(path)!r}'
        raise DataFileError(msg)
    return planes, first


def _unit(path, header, given):
    """Return the unit of an image: its own, or else the one that is given."""
    text = header.get('BUNIT')
    if not text:
        return given
    try:
        return parse_unit(text)
    except ValueError as error:
        msg = f'stamps must have a unit that astropy knows, got {text!r} in {str(path)!r}'
        raise DataFileError(msg) from error


def _check_table(path, table, n_source):
    """Return the table of a file; if it has none, the name of the file as ``id``."""
    if table is None:
        stem = path.name.split('.fit')[0]
        ids = [stem] if n_source == 1 else [f'{stem}_{i}' for i in range(1, n_source + 1)]
        return QTable({'id': ids})
    if len(table) != n_source:
        msg = (
            f'{SOURCES} must have a row for each of {n_source} stamps in {str(path)!r}, '
            f'got {len(table)}'
        )
        raise DataFileError(msg)
    table.convert_bytestring_to_unicode()
    table.meta = {}
    return table


def _join_names(files, read):
    """Return the filters of all files: those of the one that has the most."""
    names = max((tuple(planes) for planes, *_ in read), key=len)
    for file, (planes, *_) in zip(files, read, strict=True):
        if not set(planes) <= set(names):
            msg = f'stamps must have filters of {list(names)}, got {list(planes)} in {str(file)!r}'
            raise DataFileError(msg)
    return names


def _stack(planes, names):
    """Return the images of a file as (n, n_filter, ny, nx), NaN in a filter that it lacks."""
    empty = np.full_like(next(iter(planes.values())), np.nan)
    return np.stack([planes.get(name, empty) for name in names], axis=1)


def _one(files, values, what):
    """Return the value that all files share, or raise."""
    first = values[0]
    for file, value in zip(files, values, strict=True):
        same = value == first
        if isinstance(value, u.Quantity) and isinstance(first, u.Quantity):
            same = abs((value / first).to_value(u.one) - 1) < _TOLERANCE
        if not same:
            msg = f'stamps must have one {what}, got {first} and {value} in {str(file)!r}'
            raise DataFileError(msg)
    return first
