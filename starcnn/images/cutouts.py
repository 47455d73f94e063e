# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Cutouts of mosaics at positions.
"""

from numbers import Integral, Real

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import QTable, Table

__all__ = ['extract_cutouts']

# How much the scales and the directions of the axes of mosaics may differ.
_TOLERANCE = 0.02

_N_AXES = 2  # y and x


def extract_cutouts(mosaics, positions, *, shape, blank=None):
    """
    Cut images of sources out of mosaics.

    The centre of a cutout is as near to its position as whole pixels allow,
    in each filter for itself. What is beyond the edge of a mosaic, or masked,
    is NaN.

    Parameters
    ----------
    mosaics : dict of `~astropy.nddata.CCDData`
        A mosaic for each filter, or `None` for a filter that there is none of.
        All must have the same unit, pixel scale and orientation; they need not
        begin at the same place.

    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        The positions. A table has columns ``ra`` and ``dec``, or ``x`` and
        ``y``: zero-based pixels of the first mosaic. Where one is masked or
        not finite, the cutout is NaN.

    shape : tuple of int
        The shape (ny, nx) of a cutout.

    blank : float or `None`, optional
        The value of pixels that have no data, which become NaN: 0 for drizzled
        mosaics, which have it where nothing was exposed. To a network zeros are
        a dark sky, with an edge that looks like light.

    Returns
    -------
    cutouts : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx)
        The cutouts, float32, masked where they are NaN. ``meta`` has
        ``filters``, ``pixel_scale`` and ``sources``: a table with the columns
        of ``positions``, and ``ra``, ``dec`` (if the first mosaic has a WCS),
        ``x`` and ``y`` (pixels of the first mosaic).

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If an argument is wrong, the mosaics do not belong together, or positions
        lack columns.

    Examples
    --------
    >>> import astropy.units as u
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from astropy.table import QTable
    >>> from starcnn.images import extract_cutouts
    >>> mosaic = CCDData(np.zeros((100, 100)), unit='electron / s')
    >>> positions = QTable({'x': [40.2, 70.0], 'y': [50.0, 97.0]})
    >>> cutouts = extract_cutouts({'F438W': mosaic}, positions, shape=(16, 16))
    >>> cutouts.data.shape
    (2, 1, 16, 16)
    """
    _check_shape(shape)
    if blank is not None and not isinstance(blank, Real):
        msg = f'blank must be a number or None, got {blank!r}'
        raise TypeError(msg)
    present = _present(mosaics)
    first, scale = _check_mosaics(present)
    sources, sky = _sources(positions, first)
    data = np.full((len(sources), len(mosaics), *shape), np.nan, np.float32)
    for i, ccd in enumerate(mosaics.values()):
        if ccd is not None:
            x, y = _pixels(ccd, first, sources, sky)
            data[:, i] = _cut(ccd, x, y, shape)
    if blank is not None:
        data[data == np.float32(blank)] = np.nan
    meta = {'filters': tuple(mosaics), 'sources': sources}
    if scale is not None:
        meta['pixel_scale'] = scale
    return NDData(data, unit=first.unit, mask=~np.isfinite(data), meta=meta)


def _check_shape(shape):
    """Raise unless this is the shape of an image."""
    is_pair = isinstance(shape, tuple | list | np.ndarray) and len(shape) == _N_AXES
    if not is_pair or not all(isinstance(size, Integral) and size > 0 for size in shape):
        msg = f'shape must be two positive integers (ny, nx), got {shape!r}'
        raise ValueError(msg)


def _present(mosaics):
    """Return the mosaics that there are, if all are images."""
    if not isinstance(mosaics, dict):
        msg = f'mosaics must be a dict with a mosaic for each filter, got {type(mosaics).__name__}'
        raise TypeError(msg)
    present = {name: ccd for name, ccd in mosaics.items() if ccd is not None}
    if not present:
        msg = f'mosaics must have an image in at least one filter, got {list(mosaics)}'
        raise ValueError(msg)
    for name, ccd in present.items():
        if not isinstance(ccd, NDData):
            msg = f'mosaics[{name!r}] must be CCDData or other NDData, got {type(ccd).__name__}'
            raise TypeError(msg)
        if np.ndim(ccd.data) != _N_AXES:
            msg = f'mosaics[{name!r}] must have shape (ny, nx), got {np.shape(ccd.data)}'
            raise ValueError(msg)
    return present


def _check_mosaics(mosaics):
    """Return the first mosaic and the pixel scale, if all mosaics belong together."""
    (name, first), *others = mosaics.items()
    for other, ccd in others:
        if ccd.unit != first.unit:
            msg = f'mosaics must have one unit, got {first.unit} in {name}, {ccd.unit} in {other}'
            raise u.UnitsError(msg)
        if (ccd.wcs is None) != (first.wcs is None) or (
            ccd.wcs is None and ccd.shape != first.shape
        ):
            msg = (
                f'mosaics must all have a WCS, or none and one shape, but {name} and {other} differ'
            )
            raise ValueError(msg)
    if first.wcs is None:
        return first, None
    matrix = first.wcs.pixel_scale_matrix
    scale = np.sqrt(abs(np.linalg.det(matrix)))  # deg
    for other, ccd in others:
        if (abs(ccd.wcs.pixel_scale_matrix - matrix) > _TOLERANCE * scale).any():
            msg = (
                f'mosaics must have one pixel scale and orientation, but {name} and {other} '
                'differ: resample them to one grid'
            )
            raise ValueError(msg)
    return first, (scale * u.deg).to(u.arcsec)


def _sources(positions, first):
    """Return the table of sources with all their positions, and the sky positions or `None`."""
    if isinstance(positions, SkyCoord):
        table, sky = QTable(), positions.reshape(-1)
        if getattr(sky, 'masked', False):
            angles = {'ra': sky.icrs.ra, 'dec': sky.icrs.dec}
            sky = SkyCoord(*(_angle(angles, name) for name in angles))
    else:
        table, sky = _as_table(positions), None
        if {'ra', 'dec'} <= set(table.colnames):
            sky = SkyCoord(_angle(table, 'ra'), _angle(table, 'dec'))
        elif not {'x', 'y'} <= set(table.colnames):
            msg = f'positions must have columns ra and dec, or x and y, got {table.colnames}'
            raise ValueError(msg)
    if sky is None:
        for name in 'xy':
            table[name] = _pixel_column(table, name)
        if first.wcs is not None:
            sky = first.wcs.pixel_to_world(table['x'].value, table['y'].value)
    elif first.wcs is None:
        msg = 'positions must be x and y where mosaics have no WCS, got sky positions'
        raise ValueError(msg)
    else:
        table['x'], table['y'] = first.wcs.world_to_pixel(sky) * u.pix
    if sky is not None:
        table['ra'], table['dec'] = sky.icrs.ra.to(u.deg), sky.icrs.dec.to(u.deg)
    return table, sky


def _as_table(positions):
    """Return a copy of a table of positions, which may be a row of one or a dict of columns."""
    names = getattr(getattr(positions, 'dtype', None), 'names', None)
    if not isinstance(positions, Table | dict) and not names:
        msg = f'positions must be SkyCoord or a table, got {type(positions).__name__}'
        raise TypeError(msg)
    return QTable(positions, copy=True)


def _angle(table, name):
    """Return a column of angles, NaN where it is masked."""
    unit = getattr(table[name], 'unit', None)
    if unit is None:
        msg = f'positions must have a unit in the column {name!r}, such as deg'
        raise u.UnitsError(msg)
    if not unit.is_equivalent(u.deg):
        msg = f'positions must have angles in the column {name!r}, got {str(unit)!r}'
        raise u.UnitsError(msg)
    return _fill(table[name], name) * unit


def _pixel_column(table, name):
    """Return a column of pixels, NaN where it is masked."""
    column = table[name]
    unit = getattr(column, 'unit', None)
    if unit is not None and not unit.is_equivalent(u.pix):
        msg = f'positions must have pixels in the column {name!r}, got {str(unit)!r}'
        raise u.UnitsError(msg)
    return u.Quantity(_fill(column, name) * (unit or u.pix), u.pix)


def _fill(column, name):
    """Return the values of a column as plain numbers, NaN where they are masked."""
    values = getattr(column, 'value', column)
    if np.asarray(values).dtype.kind not in 'iuf':
        msg = f'positions must have numbers in the column {name!r}, got {values.dtype}'
        raise TypeError(msg)
    return values.astype(float).filled(np.nan) if hasattr(values, 'filled') else np.asarray(values)


def _pixels(ccd, first, sources, sky):
    """Return the positions of sources in a mosaic, pixels."""
    if ccd is first or ccd.wcs is None:
        return sources['x'].value, sources['y'].value
    return ccd.wcs.world_to_pixel(sky)


def _cut(ccd, x, y, shape):
    """Return cutouts of one mosaic, NaN where it has no good pixels."""
    data = np.asarray(ccd.data, np.float32)
    if ccd.mask is not None:
        data = np.where(ccd.mask, np.float32(np.nan), data)
    known = np.isfinite(x) & np.isfinite(y)
    index, inside = [], []
    for position, n, size in zip((y, x), shape, data.shape, strict=True):
        start = np.ceil(np.where(known, position, -n) - n / 2)
        start = np.clip(start, -n, size).astype(int)  # all of it outside is far enough
        pixel = start[:, np.newaxis] + np.arange(n)
        index.append(np.clip(pixel, 0, size - 1))
        inside.append((pixel >= 0) & (pixel < size))
    cutouts = data[index[0][:, :, np.newaxis], index[1][:, np.newaxis, :]]
    cutouts[~(inside[0][:, :, np.newaxis] & inside[1][:, np.newaxis, :])] = np.nan
    return cutouts
