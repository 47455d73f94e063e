# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Read the isochrone files of the PARSEC web interface CMD, versions 2.7 to 3.7.
"""

import bz2
import gzip
import lzma
from pathlib import Path
from typing import NamedTuple

import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.sky._tracks import find_phases

_OPENERS = {'.gz': gzip.open, '.xz': lzma.open, '.bz2': bz2.open}

# The same column has had several names.
_NAMES = {
    'z': ('Zini', 'Z'),
    'log_age': ('logAge', 'log(age/yr)'),
    'm_ini': ('Mini', 'M_ini'),
    'm_act': ('Mass', 'M_act'),
    'log_l': ('logL', 'logL/Lo'),
    'log_teff': ('logTe',),
}
_SECOND = ('MH', 'log(age/yr)')
_LABEL = 'label'
_BOLOMETRIC = ('mbolmag', 'mbol')
_NOT_MAGNITUDES = ('int_IMF', 'stage')

# CMD's labels: 0 PMS, 1 MS, 2 SGB, 3 RGB, 4 to 6 core helium burning, 7 EAGB, 8 TPAGB, 9 after.
_PHASES = np.array([0, 0, 1, 2, 3, 3, 3, 4, 5])

# CMD may end an isochrone with a remnant of log L = -9.999.
_REMNANT = -9.0

# Bressan et al. 2012, section 2.1: Y = 0.2485 + 1.78 Z, and Z/X of the Sun.
_HELIUM = (0.2485, 1.78)
_SOLAR_Z_X = 0.0207


class RawIsochrone(NamedTuple):
    """One isochrone as it stands in a file; ``values`` are m_act, log_l, log_teff, magnitudes."""

    m_h: float
    log_age: float
    m_ini: np.ndarray
    phase: np.ndarray
    values: np.ndarray


def metallicity(z):
    """Return [M/H] of the mass fraction of metals, as PARSEC defines it."""
    x = 1 - z - (_HELIUM[0] + _HELIUM[1] * z)
    return np.log10(z / x / _SOLAR_Z_X)


def read_text(path):
    """Return the lines of a text file, which may be compressed."""
    path = Path(path)
    with _OPENERS.get(path.suffix, open)(path, 'rt', encoding='utf-8') as file:
        return file.read().splitlines()


def _columns(header, path):
    """Return where the columns are, and the indices and names of the magnitudes."""
    index = {name: i for i, name in reversed(list(enumerate(header)))}
    where = {}
    for name, known in _NAMES.items():
        found = [index[other] for other in known if other in index]
        if not found:
            msg = f'path must be a table of isochrones with column {known[0]!r}, got {str(path)!r}'
            raise DataFileError(msg)
        where[name] = found[0]
    bolometric = [index[name] for name in _BOLOMETRIC if name in index]
    if not bolometric:
        msg = f'path must be a table with magnitudes (column {_BOLOMETRIC[0]!r}), got {str(path)!r}'
        raise DataFileError(msg)
    magnitudes = [
        i for i, name in enumerate(header) if i > bolometric[0] and name not in _NOT_MAGNITUDES
    ]
    return where, index.get(_LABEL), magnitudes


def read_parsec(path):
    """Return the filters and the isochrones of one file."""
    lines = read_text(path)
    headers = [line[1:].split() for line in lines if line.startswith('#')]
    headers = [
        words
        for words in headers
        if len(words) > 1 and words[0] in _NAMES['z'] and words[1] in _SECOND
    ]
    if not headers:
        msg = f'path must be an isochrone table of CMD with named columns, got {str(path)!r}'
        raise DataFileError(msg)
    where, label, magnitudes = _columns(headers[0], path)
    rows = [line.split() for line in lines if line.strip() and not line.startswith('#')]
    try:
        table = np.array(rows, float)
    except ValueError:
        msg = f'path must be a table of numbers with equal rows, got {str(path)!r}'
        raise DataFileError(msg) from None
    keep = table[:, where['log_l']] > _REMNANT
    if label is not None:
        keep &= table[:, label] < len(_PHASES)
    table = table[keep]
    filters = tuple(headers[0][i].removesuffix('mag') for i in magnitudes)
    columns = [where['m_act'], where['log_l'], where['log_teff'], *magnitudes]
    keys = np.stack([table[:, where['z']].round(6), table[:, where['log_age']].round(3)], axis=1)
    isochrones = []
    for z, log_age in np.unique(keys, axis=0):
        part = table[(keys == (z, log_age)).all(axis=1)]
        m_ini, values = part[:, where['m_ini']], part[:, columns]
        if label is None:
            phase = find_phases(m_ini, values[:, 1], values[:, 2])
        else:
            phase = _PHASES[part[:, label].astype(int)]
        isochrones.append(RawIsochrone(metallicity(z), log_age, m_ini, phase, values))
    return filters, isochrones
