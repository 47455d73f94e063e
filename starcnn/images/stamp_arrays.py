# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Labelled stamps in the files of arrays that people exchange: ``.npz`` and HDF5.
"""

from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from starcnn.exceptions import DataFileError

__all__ = ['read_stamp_arrays']

_HDF5 = ('.h5', '.hdf5')
ARRAY_SUFFIXES = ('.npz', *_HDF5)

# What the array of the images may be called, and the axes without and with that of the filters.
_NAMES = ('images', 'image', 'stamps', 'cutouts')
_NDIM = (3, 4)

# What tells of all stamps, and is no column.
_COMMON = ('filters', 'pixel_scale', 'unit')

_TEXT = 'SUO'  # kinds of arrays that hold text
_NUMBERS = 'biuf'


def read_stamp_arrays(path, *, filters=None, pixel_scale=None, unit=None):
    """
    Read stamps, and what is known of each, from a file of arrays.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        A file ``.npz`` of numpy, or ``.h5`` or ``.hdf5`` (which needs h5py), with
        an array ``images``, ``image``, ``stamps`` or ``cutouts``, whose shape is
        (n, ny, nx) or (n, n_filter, ny, nx). Every other array of length n with
        one axis becomes a column. ``filters``, ``pixel_scale`` (arcsec) and
        ``unit`` are those of all stamps, if they are there.

    filters : sequence of str, optional
        The filters in order, for files that do not name them.

    pixel_scale : `~astropy.units.Quantity`, optional
        The size of the pixels, angle, for files that do not have it.

    unit : str or `~astropy.units.Unit`, optional
        The unit of the pixels, for files that do not name it. Without any, the
        pixels are pure numbers, as those of pictures of 8 bits.

    Returns
    -------
    stamps : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps, float32; ``meta`` has ``filters``, ``sources``, and
        ``pixel_scale`` if it is known.

    table : `~astropy.table.QTable`
        The columns; the same as ``meta['sources']``.

    Raises
    ------
    DataFileError
        If the file cannot be read, or has no such array.

    ValueError
        If the filters are not one for each image of a stamp.
    """
    path = Path(path)
    arrays = _read_hdf5(path) if path.suffix.lower() in _HDF5 else _read_npz(path)
    name = next((name for name in _NAMES if name in arrays), None)
    if name is None or arrays[name].ndim not in _NDIM or arrays[name].dtype.kind not in _NUMBERS:
        found = {key: array.shape for key, array in arrays.items()}
        msg = f'path must have an array of stamps with one of the names {list(_NAMES)} and shape '
        msg += f'(n, ny, nx) or (n, n_filter, ny, nx), got {found} in {str(path)!r}'
        raise DataFileError(msg)
    images = np.asarray(arrays.pop(name), dtype=np.float32)
    images = images if images.ndim == _NDIM[1] else images[:, np.newaxis]
    common = {key: arrays.pop(key) for key in _COMMON if key in arrays}
    table = QTable({key: x for key, x in arrays.items() if x.ndim == 1 and len(x) == len(images)})
    meta = {'filters': _choose_filters(filters, common, images), 'sources': table}
    if pixel_scale is None and 'pixel_scale' in common:
        pixel_scale = float(common['pixel_scale']) * u.arcsec
    if pixel_scale is not None:
        meta['pixel_scale'] = u.Quantity(pixel_scale).to(u.arcsec)
    if unit is None:
        unit = str(common.get('unit', ''))
    return NDData(images, unit=u.Unit(unit), meta=meta), table


def _choose_filters(filters, common, images):
    """Return the names of the filters."""
    if filters is None:
        filters = np.atleast_1d(common.get('filters', ())).tolist()
    filters = tuple(str(name) for name in filters)
    if len(filters) != images.shape[1]:
        msg = f'filters must name the {images.shape[1]} images of each stamp, got {list(filters)}'
        raise ValueError(msg)
    return filters


def _read_npz(path):
    """Return the arrays of a file of numpy."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError) as error:
        msg = f'path must be a file of arrays that numpy reads, got {str(path)!r}: {error}'
        raise DataFileError(msg) from None


def _read_hdf5(path):
    """Return the arrays at the top of an HDF5 file; text as text."""
    try:
        import h5py
    except ImportError:
        msg = f'path must be a .npz file where h5py is not installed, got {str(path)!r}'
        raise DataFileError(msg) from None
    try:
        with h5py.File(path, 'r') as stored:
            arrays = {name: x[()] for name, x in stored.items() if isinstance(x, h5py.Dataset)}
    except OSError as error:
        msg = f'path must be an HDF5 file, got {str(path)!r}: {error}'
        raise DataFileError(msg) from None
    return {
        name: np.asarray(x).astype(str) if np.asarray(x).dtype.kind in _TEXT else np.asarray(x)
        for name, x in arrays.items()
    }
