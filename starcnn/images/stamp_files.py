# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stamps of candidates as FITS files with an extension for each filter.
"""

import os
import warnings
from pathlib import Path

import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable, Table

from starcnn.exceptions import StarcnnWarning
from starcnn.images._fits_headers import SCALE, SCALE_UNIT
from starcnn.images._stamp_reading import SOURCES, list_files, read_files

__all__ = ['read_stamps', 'write_stamps']

_NDIM = 4  # n_source, n_filter, y, x
_SUFFIXES = ('.fits', '.fit', '.fits.gz')
_UNSAFE = '/\\:*?"<>|'  # what file names do not have everywhere


def read_stamps(path, *, filters=None, pixel_scale=None, unit=None):
    """
    Read stamps of candidates in several filters, and what is known of the candidates.

    Parameters
    ----------
    path : str, `~pathlib.Path` or a list of them
        A FITS file of one candidate or of many, a folder of them, or a list.

    filters : sequence of str, optional
        The filters of the image extensions in order, for files that do not name them.

    pixel_scale : `~astropy.units.Quantity`, optional
        The size of the pixels, angle, for files that do not have it.

    unit : str or `~astropy.units.Unit`, optional
        The unit of the pixels, for files that do not name it.

    Returns
    -------
    stamps : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx)
        The stamps, float32, masked where they are NaN. ``meta`` has ``filters``,
        ``sources``, and ``pixel_scale`` if it is known; the unit is `None` if it is not.

    table : `~astropy.table.QTable`
        What is known of the candidates; the same as ``meta['sources']``. Of
        files without a table it is ``id``, their names.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or the folder has none.

    DataFileError
        If a file is no FITS file or has no such stamps.

    TypeError, ValueError, `~astropy.units.UnitsError`
        If an argument is wrong.

    See Also
    --------
    write_stamps : the layout of the files

    Notes
    -----
    The name of a filter is that of the keyword FILTER (of ACS: FILTER1 or FILTER2),
    or of the extension. A stamp of nothing but zeros, which stands for a filter
    without observation (Wei et al. 2020, Section 3.2), becomes NaN. So does that of
    a filter that only some of the files have.
    """
    files = list_files(path)
    return read_files(files, filters=filters, pixel_scale=pixel_scale, unit=unit)


def write_stamps(path, cutouts, table=None, *, overwrite=False):
    """
    Write stamps of candidates in several filters.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        A name that ends in .fits: one file of all candidates. Any other: a
        folder with a file for each, named by its ``id``.

    cutouts : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx)
        The stamps, as `extract_cutouts` returns them; a linear unit or none.
        Masked pixels are written as NaN, and what has no pixel at all as zeros.

    table : `~astropy.table.Table`, optional
        What is known of the candidates, such as their ``class``: a row for each.
        The default is ``meta['sources']``.

    overwrite : bool, optional
        Whether a file may be replaced; a folder never is.

    Returns
    -------
    path : `~pathlib.Path`
        What was written.

    Raises
    ------
    FileExistsError, FileNotFoundError
        If the file or folder exists, or there is no folder to write it into.

    TypeError, ValueError
        If the stamps have no filters or another shape, or the table has another
        length or ids that cannot be names of files.

    See Also
    --------
    read_stamps

    Notes
    -----
    The layout is that of Wei et al. (2020, MNRAS 493, 3178, Section 3.2), with a
    table added. A file of one candidate has an image extension (ny, nx) for each
    filter, named by it; the keywords FILTER and BUNIT have the name as it is and the
    unit of the pixels, PIXSCALE and PIXUNIT of the primary header their size. A
    filter without observation is all zeros. The table ``SOURCES`` comes last, with
    one row. A file of many candidates is the same with cubes (n_source, ny, nx) and
    as many rows. All else of ``meta`` is left out.

    Files appear under their names when they are whole.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import NDData
    >>> from astropy.table import QTable
    >>> from starcnn.images import read_stamps, write_stamps
    >>> cutouts = NDData(np.ones((2, 3, 50, 50)), unit='electron / s',
    ...                  meta={'filters': ('F336W', 'F438W', 'F814W')})
    >>> table = QTable({'id': [7, 9], 'class': ['1', '4']})
    >>> folder = getfixture('tmp_path')
    >>> path = write_stamps(folder / 'stamps.fits', cutouts, table)
    >>> stamps, known = read_stamps(path)
    >>> stamps.data.shape
    (2, 3, 50, 50)
    >>> known['class'].tolist()
    ['1', '4']
    """
    path = Path(path)
    images, filters = _check_cutouts(cutouts)
    table = _check_table(table, cutouts, len(images))
    is_file = path.name.lower().endswith(_SUFFIXES)
    if path.exists() and not (overwrite and is_file and path.is_file()):
        hint = 'a new file (or overwrite must be set)' if is_file else 'a new folder'
        msg = f'path must be {hint}, got {str(path)!r}, which exists'
        raise FileExistsError(msg)
    if not path.parent.is_dir():
        msg = f'path must be in a folder that exists, got {str(path)!r}'
        raise FileNotFoundError(msg)
    if not is_file:
        names = _file_names(table, len(images))
        return _write_folder(path, names, images, filters, cutouts, table)
    part = path.with_name(f'.part{os.getpid()}_{path.name}')
    try:
        _to_hdus(images, filters, cutouts, table).writeto(part, overwrite=True)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _check_cutouts(cutouts):
    """Return the pixels of stamps, NaN where they are masked, and their filters."""
    if not isinstance(cutouts, NDData):
        msg = f'cutouts must be NDData, got {type(cutouts).__name__}'
        raise TypeError(msg)
    images, filters = np.asarray(cutouts.data), cutouts.meta.get('filters')
    if images.ndim != _NDIM or filters is None or len(filters) != images.shape[1]:
        msg = (
            "cutouts must have shape (n_source, n_filter, ny, nx) and meta['filters'], "
            f'got {images.shape} and {filters!r}'
        )
        raise ValueError(msg)
    if len({name.upper() for name in filters}) != len(filters):
        msg = f"cutouts must have different names in meta['filters'], got {filters!r}"
        raise ValueError(msg)
    if cutouts.unit is not None and not hasattr(cutouts.unit, 'bases'):
        msg = f'cutouts must have a linear unit or none, got {cutouts.unit}'
        raise ValueError(msg)
    if cutouts.uncertainty is not None:
        warnings.warn('the uncertainty of cutouts is not written', StarcnnWarning, stacklevel=3)
    images = images.astype(np.float32)
    if cutouts.mask is not None:
        images[np.broadcast_to(cutouts.mask, images.shape)] = np.nan
    images[~np.isfinite(images).any(axis=(2, 3))] = 0
    return images, tuple(filters)


def _check_table(table, cutouts, n_source):
    """Return the table of candidates, or `None` if nothing is known of them."""
    if table is None:
        table = cutouts.meta.get('sources')
    if table is None:
        return None
    if not isinstance(table, Table):
        msg = f'table must be a Table, got {type(table).__name__}'
        raise TypeError(msg)
    if len(table) != n_source:
        msg = f'table must have a row for each of {n_source} stamps, got {len(table)}'
        raise ValueError(msg)
    table = QTable(table, copy=False)
    table.meta = {}  # belongs to the whole, not to the stamps
    return table


def _file_names(table, n_source):
    """Return the names of the files of a folder, from the ids of the candidates."""
    if table is None or 'id' not in table.colnames:
        return [f'{i}.fits' for i in range(1, n_source + 1)]
    names = [str(value) for value in table['id']]
    bad = [name for name in names if not name.strip('. ') or set(name) & set(_UNSAFE)]
    if bad or len({name.lower() for name in names}) != n_source:
        what = repr(bad[0]) if bad else 'some twice'
        msg = f'table must have ids that can be names of files, all different, got {what}'
        raise ValueError(msg)
    return [f'{name}.fits' for name in names]


def _write_folder(path, names, images, filters, cutouts, table):
    """Write a file for each candidate; the folder appears when it is whole."""
    import shutil

    part = path.with_name(f'.part{os.getpid()}_{path.name}')
    part.mkdir()
    try:
        for i, name in enumerate(names):
            row = None if table is None else table[i : i + 1]
            _to_hdus(images[i], filters, cutouts, row).writeto(part / name)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return path


def _to_hdus(images, filters, cutouts, table):
    """Return stamps of one (n_filter, ny, nx) or of many candidates as FITS."""
    import astropy.units as u
    from astropy.io import fits

    header, scale = fits.Header(), cutouts.meta.get('pixel_scale')
    if scale is not None:
        scale = u.Quantity(scale)
        header[SCALE], header[SCALE_UNIT] = scale.value, scale.unit.to_string()
    hdus = fits.HDUList([fits.PrimaryHDU(header=header)])
    for name, image in zip(filters, np.moveaxis(images, -3, 0), strict=True):
        hdu = fits.ImageHDU(np.ascontiguousarray(image), name=name)
        hdu.header['FILTER'] = name
        if cutouts.unit is not None:
            hdu.header['BUNIT'] = cutouts.unit.to_string()
        hdus.append(hdu)
    if table is not None:
        hdus.append(fits.table_to_hdu(table, name=SOURCES))
    return hdus
