# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Which row of one table is which row of another: by position or by name.
"""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from starcnn.validation._arrays import to_array

__all__ = ['match_sources']


def match_sources(truth, found, *, radius):
    """
    Match sources one to one.

    All pairs within the radius are taken in the order of their separation, the
    nearest first, if neither of the two has a partner yet.

    Parameters
    ----------
    truth, found : `~astropy.table.Table`
        Two tables of sources.

    radius : `~astropy.units.Quantity` or `None`
        The largest separation: an angle, for which the tables have columns
        ``ra`` and ``dec`` with units; or in pixels, with columns ``x`` and
        ``y``. `None` matches rows whose column ``id`` is the same.

    Returns
    -------
    pairs : `~astropy.table.QTable`
        The columns ``truth_row`` and ``found_row``, in the order of ``truth``,
        and ``separation`` (not for identifiers).

    Raises
    ------
    ValueError
        If a table lacks the columns, a position is not finite, an identifier
        is not unique, or the radius is not positive.

    TypeError, `~astropy.units.UnitsError`
        If the radius or a position has no unit or a wrong one.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astropy.table import Table
    >>> from starcnn.validation import match_sources
    >>> truth = Table({'x': [10.0, 20.0, 30.0], 'y': [5.0, 5.0, 5.0]})
    >>> found = Table({'x': [30.5, 11.0], 'y': [5.0, 5.0]})
    >>> pairs = match_sources(truth, found, radius=2 * u.pix)
    >>> pairs['truth_row'].tolist(), pairs['found_row'].tolist()
    ([0, 2], [1, 0])
    """
    if radius is None:
        ids = [get_column(name, table, 'id') for name, table in _name(truth, found)]
        rows = _match_identifiers(*ids)
    else:
        check_radius(radius)
        points = [get_points(name, table, radius) for name, table in _name(truth, found)]
        rows = match_points(*points, radius)
    names = ('truth_row', 'found_row', 'separation')[: len(rows)]
    pairs = QTable(dict(zip(names, rows, strict=True)))
    return pairs[np.argsort(pairs['truth_row'])]


def _name(truth, found):
    """Return the tables with the names that errors give them."""
    return ('truth', truth), ('found', found)


def check_radius(radius):
    """Raise unless a radius is one positive angle, or one positive number of pixels."""
    if not isinstance(radius, u.Quantity):
        msg = f'radius must be a Quantity, or None for identifiers, got {type(radius).__name__}'
        raise TypeError(msg)
    if not any(radius.unit.is_equivalent(unit) for unit in (u.deg, u.pix)):
        msg = f'radius must be an angle or in pixels, got {radius.unit}'
        raise u.UnitsError(msg)
    if not (radius.isscalar and radius > 0 and np.isfinite(radius)):
        msg = f'radius must be one positive length, got {radius}'
        raise ValueError(msg)


def get_column(label, table, name):
    """Return a column of a table."""
    if name not in table.colnames:
        msg = f'{label} must have the column {name!r}, got {table.colnames}'
        raise ValueError(msg)
    return table[name]


def get_points(label, table, radius):
    """Return positions (n, 2): ra and dec in deg, or x and y in pixels, as the radius is."""
    on_sky = radius.unit.is_equivalent(u.deg)
    points = np.empty((len(table), 2))
    for i, name in enumerate(('ra', 'dec') if on_sky else 'xy'):
        column = get_column(label, table, name)
        unit = u.deg if on_sky else u.pix
        if not on_sky and getattr(column, 'unit', None) is None:
            unit = None  # pixels may come without
        if len(table):
            points[:, i] = to_array(f'{label}[{name!r}]', column, unit=unit)
    return points


def match_points(first, second, radius):
    """Return the rows of matched positions in both arrays (n, 2), and their separations."""
    if not (len(first) and len(second)):
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0) * radius.unit
    if radius.unit.is_equivalent(u.deg):
        from astropy.coordinates import search_around_sky

        sky = [SkyCoord(*points.T, unit=u.deg) for points in (first, second)]
        rows, others, separation, _ = search_around_sky(*sky, radius)
        return _pair(rows, others, separation.to(radius.unit))
    from scipy.spatial import KDTree

    near = KDTree(first).sparse_distance_matrix(
        KDTree(second), radius.to_value(u.pix), output_type='coo_matrix'
    )
    return _pair(near.row, near.col, (near.data * u.pix).to(radius.unit))


def _match_identifiers(truth, found):
    """Return the rows with equal identifiers."""
    truth, found = np.asarray(truth), np.asarray(found)
    for name, ids in _name(truth, found):
        if len(np.unique(ids)) < len(ids):
            msg = f'{name} must have different identifiers in its {len(ids)} rows'
            raise ValueError(msg)
    return np.intersect1d(truth, found, return_indices=True)[1:]


def _pair(first, second, separation):
    """Return the pairs that remain if each row has one partner, the nearest first."""
    taken, others, keep = set(), set(), []
    for k in np.lexsort((second, first, separation.value)).tolist():
        i, j = int(first[k]), int(second[k])
        if i not in taken and j not in others:
            taken.add(i)
            others.add(j)
            keep.append(k)
    keep = np.array(keep, int)
    return first[keep], second[keep], separation[keep]
