# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Store arrays of isochrone nodes in few bytes, and read them back.

Masses are stored as fractions of the range of their section, all else as whole
multiples of a step. Both are differenced along the nodes, which compresses well.
"""

import json
from zipfile import BadZipFile

import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.sky._tracks import NODE_SECTIONS

_STEPS = {'log_l': 2.5e-4, 'log_teff': 5e-5}
_LOG_TEFF_OFFSET = 3.0
_FRACTION_STEPS = 65535
_STARTS = np.flatnonzero(np.diff(NODE_SECTIONS, prepend=-1))
_ENDS = np.append(_STARTS[1:], len(NODE_SECTIONS)) - 1


def _difference(values):
    """Return 16-bit differences along the last axis; they wrap round, and so do the sums."""
    return np.diff(values.astype(np.uint16), axis=-1, prepend=np.uint16(0))


def _sum(values):
    return np.cumsum(values, axis=-1, dtype=np.uint16)


def pack(nodes):
    """Return the arrays to store of nodes with shape (..., n_node, 4)."""
    log_m, m_act, log_l, log_teff = np.moveaxis(nodes, -1, 0)
    start, end = log_m[..., _STARTS], log_m[..., _ENDS]
    span = np.where(end > start, end - start, 1)
    fraction = (log_m - start[..., NODE_SECTIONS]) / span[..., NODE_SECTIONS]
    kept = np.minimum(m_act / 10**log_m, 1)
    scaled = {
        'mass_fraction': fraction * _FRACTION_STEPS,
        'mass_kept': kept * _FRACTION_STEPS,
        'log_l': log_l / _STEPS['log_l'],
        'log_teff': (log_teff - _LOG_TEFF_OFFSET) / _STEPS['log_teff'],
    }
    out = {name: _difference(np.rint(value).astype(np.int64)) for name, value in scaled.items()}
    return out | {'log_m_start': start, 'log_m_end': end}


def unpack(table):
    """Return the nodes with shape (..., n_node, 4) of the arrays stored by `pack`."""
    start, end = table['log_m_start'], table['log_m_end']
    fraction = _sum(table['mass_fraction']) / _FRACTION_STEPS
    log_m = start[..., NODE_SECTIONS] + fraction * (end - start)[..., NODE_SECTIONS]
    m_act = 10**log_m * (_sum(table['mass_kept']) / _FRACTION_STEPS)
    log_l = _sum(table['log_l']).view(np.int16) * _STEPS['log_l']
    log_teff = _LOG_TEFF_OFFSET + _sum(table['log_teff']) * _STEPS['log_teff']
    return np.stack([log_m, m_act, log_l, log_teff], axis=-1)


def write_table(path, arrays, meta):
    """Write arrays with a description, a dictionary, as a compressed NumPy archive."""
    np.savez_compressed(path, meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)


def read_table(path, kind):
    """Return the arrays and the description of an archive that must be of the given kind."""
    meta = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            table = {name: archive[name] for name in archive.files}
            meta = json.loads(str(table.pop('meta', '{}')))
    except (AttributeError, TypeError, ValueError, BadZipFile):
        pass  # not an archive, or one of other things: reported below
    if meta.get('kind') != kind:
        msg = f'path must be a table of {kind} of this package, got {str(path)!r}'
        raise DataFileError(msg)
    return table, meta
