# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the checks of backends share: count, choose and compare sources.

A table with a column ``cluster`` has one row per star, and any other table one
row per source. An `~astropy.nddata.NDData` with four axes is a stack of
sources, and any other is one source.
"""

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import Table, vstack

KEY = 'cluster'
_STACK_NDIM = 4
_TINY = 1e-300


def is_stack(data):
    """Whether data are images of several sources."""
    return isinstance(data, NDData) and np.ndim(data.data) == _STACK_NDIM


def is_star_table(data):
    """Whether data are a table with one row per star."""
    return isinstance(data, Table) and KEY in data.colnames


def source_names(table):
    """Return the clusters of a table of stars, in order of appearance."""
    return list(dict.fromkeys(np.asarray(table[KEY]).tolist()))


def count_sources(data):
    """Return the number of sources."""
    if is_star_table(data):
        return len(source_names(data))
    if isinstance(data, Table):
        return len(data)
    return len(data.data) if is_stack(data) else 1


def choose_sources(data, order):
    """Return a copy of data with the sources at these places, in this order."""
    if is_star_table(data):
        names = np.array(source_names(data))[order]
        return vstack([data[data[KEY] == name] for name in names], metadata_conflicts='silent')
    if isinstance(data, Table):
        return data[list(order)]
    if not is_stack(data):
        return replace_images(data, np.array(data.data))
    order = list(order)
    meta = dict(data.meta)
    if isinstance(meta.get('sources'), Table):
        meta['sources'] = meta['sources'][order]
    mask = None if data.mask is None else np.asarray(data.mask)[order]
    return NDData(np.array(data.data)[order], unit=data.unit, mask=mask, psf=data.psf, meta=meta)


def replace_images(data, images, **changes):
    """Return images in place of those of data; mask and uncertainty are left out."""
    given = {'unit': data.unit, 'wcs': data.wcs, 'psf': data.psf, 'meta': data.meta} | changes
    return type(data)(images, **given)


def scaled_values(result, spec):
    """
    Return the numbers of a result with shape (n_source, n_value).

    They are in parts of each output's scale: the width of the bounds of a
    parameter on its axis, one for probabilities, the largest value of each map.
    Rows of stars' tables are in the order of the names of the clusters.
    """
    if isinstance(result, NDData):
        maps = np.asarray(result.data, dtype=np.float64)
        maps = maps.reshape(len(maps) if maps.ndim > 2 else 1, -1)
        return maps / np.fmax.reduce(np.abs(maps), axis=1, keepdims=True, initial=_TINY)
    if 'class' in result.colnames:
        names = [name for name in result.colnames if name.startswith('prob_')]
        values = [np.asarray(result[name], dtype=np.float64) for name in names]
    else:
        values = []
        for parameter in spec.parameters:
            for suffix in ('', '_16', '_84'):
                x = u.Quantity(result[parameter.name + suffix]).to_value(parameter.unit)
                x = np.log10(x) if parameter.log else x
                values.append(x / np.ptp(parameter.bounds))
    values = np.stack(values, axis=1)
    return values[np.argsort(np.asarray(result[KEY]))] if KEY in result.colnames else values


def largest_difference(values, others):
    """Return the largest difference of two arrays; NaN equals NaN, and nothing else."""
    if values.shape != others.shape or (np.isnan(values) != np.isnan(others)).any():
        return np.inf
    return np.nanmax(np.abs(values - others), initial=0)


def is_same(data, other):
    """Whether two tables, images or values are equal throughout, NaN being equal to NaN."""
    if type(data) is not type(other):
        return False
    if isinstance(data, Table):
        return (
            data.colnames == other.colnames
            and len(data) == len(other)
            and all(_is_same_array(data[name], other[name]) for name in data.colnames)
            and is_same(dict(data.meta), dict(other.meta))
        )
    if isinstance(data, NDData):
        return (
            _is_same_array(data.data, other.data)
            and data.unit == other.unit
            and _is_same_array(data.mask, other.mask)
            and is_same(dict(data.meta), dict(other.meta))
        )
    if isinstance(data, dict):
        return list(data) == list(other) and all(is_same(data[key], other[key]) for key in data)
    return _is_same_array(data, other)


def _is_same_array(array, other):
    """Whether two arrays, quantities or columns are equal, with their units and masks."""
    pair = (array, other)
    units = [getattr(item, 'unit', None) for item in pair]
    masks = [np.asarray(getattr(item, 'mask', False)) for item in pair]
    values = [np.asarray(getattr(item, 'unmasked', item)) for item in pair]
    is_float = all(item.dtype.kind in 'fc' for item in values)
    return (
        units[0] == units[1]
        and np.array_equal(*masks)
        and np.array_equal(*values, equal_nan=is_float)
    )
