# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What can be asked of distributions on grids alone: joint maps, peaks, extents.

A place is a joint distribution and the index of one of its parameters. Joint
distributions are independent of each other.
"""

import astropy.units as u
import numpy as np

from starcnn.networks._axes import default_axis, log_jacobian, to_quantity
from starcnn.networks._grid import JointGrid
from starcnn.networks._shapes import count_modes, region_share

# Sources whose maps of cells are looked at together.
_PIECE = 256


def unfold(places, radius):
    """Return the means of a parameter around the highest cells, as a quantity."""
    ((part, k),) = places
    if not radius >= 0:
        msg = f'radius must be a number of cells, zero or more, got {radius}'
        raise ValueError(msg)
    x = [part.take(rows).unfold(k, radius) for rows in _pieces(part)]
    return to_quantity(np.concatenate([*x, []]), part.parameters[k])


def joint(places):
    """Return the nodes, and the density per linear unit, as quantities."""
    density, _, _ = _maps(places)
    axes, unit = [], u.dimensionless_unscaled
    for axis, (part, k) in enumerate(places):
        parameter = part.parameters[k]
        x = default_axis(parameter)
        axes.append(to_quantity(x, parameter))
        unit = unit / u.Unit(parameter.unit)
        slope = np.exp(log_jacobian(x, parameter)) * np.ones_like(x)
        density = density * slope.reshape([-1 if j == axis else 1 for j in range(len(places))])
    return tuple(axes), density << unit


def n_modes(places, *, dip, share):
    """Return the number of separate peaks of each source; see `count_modes`."""
    _check_fractions(dip=dip, share=share)
    counts = [
        count_modes(*_maps(_take(places, rows))[:2], dip=dip, share=share)
        for rows in _pieces(places[0][0])
    ]
    return np.concatenate([*counts, np.zeros(0, dtype=np.int64)])


def extent(places, *, level):
    """Return the part of the grid that the smallest region covers; see `region_share`."""
    _check_fractions(level=level)
    extents = [
        region_share(*_maps(_take(places, rows)), level=level) for rows in _pieces(places[0][0])
    ]
    return np.concatenate([*extents, []])


def check_places(names, places):
    """Raise if the parameters are none, not on grids, or twice the same."""
    if not names or len(set(names)) < len(names):
        msg = f'names must be one or more different parameters, got {list(names)}'
        raise ValueError(msg)
    for name, (part, _) in zip(names, places, strict=True):
        if not isinstance(part, JointGrid):
            msg = f'names must be parameters on grids, got {name!r}'
            raise ValueError(msg)


def _pieces(part):
    """Return slices of sources."""
    return [slice(at, at + _PIECE) for at in range(0, len(part), _PIECE)]


def _take(places, rows):
    """Return the places of some sources, with the parts that are shared still shared."""
    parts = {id(part): part.take(rows) for part, _ in places}
    return [(parts[id(part)], k) for part, k in places]


def _maps(places):
    """Return densities on the axes, probabilities and sizes of cells, an axis for each place."""
    parts = list({id(part): part for part, _ in places}.values())
    cells, sizes, order = np.ones(len(parts[0])), np.ones(()), []
    for part in parts:
        axes = sorted(k for other, k in places if other is part)
        order += [places.index((part, k)) for k in axes]
        new = part.cells(axes)
        ndim = cells.ndim + len(axes)
        cells = cells.reshape(cells.shape + (1,) * len(axes))
        cells = cells * new.reshape(len(new), *(1,) * (ndim - new.ndim), *new.shape[1:])
        for k in axes:
            sizes = sizes[..., np.newaxis] * np.diff(part.edges[k])
    back = np.argsort(order)
    cells, sizes = cells.transpose(0, *(back + 1)), sizes.transpose(back)
    return cells / sizes, cells, sizes


def _check_fractions(**fractions):
    """Raise if a number is not between 0 and 1."""
    for name, value in fractions.items():
        if not 0 < value < 1:
            msg = f'{name} must be between 0 and 1, got {value}'
            raise ValueError(msg)
