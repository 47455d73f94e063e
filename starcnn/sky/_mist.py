# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Read the isochrone files of MIST with magnitudes (``.iso.cmd``).
"""

from itertools import pairwise

import numpy as np

from starcnn.exceptions import DataFileError
from starcnn.sky._parsec import RawIsochrone, read_text

_FE_H = '[Fe/H]'
_NAMES = {
    'log_age': ('log10_isochrone_age_yr', 'isochrone_age_yr'),
    'm_ini': ('initial_mass',),
    'm_act': ('star_mass',),
    'log_l': ('log_L',),
    'log_teff': ('log_Teff',),
    'phase': ('phase',),
}
_LAST_BEFORE_MAGNITUDES = ('[Fe/H]', '[Fe/H]_init', 'log_L')

# MIST's phases: -1 PMS, 0 MS, 2 SGB and RGB, 3 core helium burning, 4 EAGB, 5 TPAGB;
# 6 (after the AGB) and 9 (Wolf-Rayet) are left out.
_PHASES = {-1: 0, 0: 0, 2: 2, 3: 3, 4: 4, 5: 5}


def _metallicity(lines, path):
    """Return [Fe/H] from the header, where it stands below its name."""
    for names, values in pairwise(lines):
        if names.startswith('#') and _FE_H in names and 'Zinit' in names:
            return float(values[1:].split()[names[1:].split().index(_FE_H)])
    msg = f'path must be an isochrone table of MIST, with [Fe/H] in its header, got {str(path)!r}'
    raise DataFileError(msg)


def _columns(lines, path):
    """Return the names of the columns, where the known ones are, and the magnitudes."""
    headers = [line[1:].split() for line in lines if line.startswith('#') and ' EEP' in line]
    headers = [words for words in headers if words[0] == 'EEP']
    where = {}
    for name, known in _NAMES.items():
        found = [headers[0].index(other) for other in known if headers and other in headers[0]]
        if not found:
            msg = f'path must be a table of isochrones with column {known[0]!r}, got {str(path)!r}'
            raise DataFileError(msg)
        where[name] = found[0]
    header = headers[0]
    first = 1 + max(header.index(name) for name in _LAST_BEFORE_MAGNITUDES if name in header)
    return header, where, range(first, where['phase'])


def read_mist(path):
    """Return the filters and the isochrones of one file."""
    lines = read_text(path)
    m_h = _metallicity(lines, path)
    header, where, magnitudes = _columns(lines, path)
    rows = [line.split() for line in lines if line.strip() and not line.startswith('#')]
    try:
        table = np.array(rows, float)
    except ValueError:
        msg = f'path must be a table of numbers with equal rows, got {str(path)!r}'
        raise DataFileError(msg) from None
    table = table[np.isin(table[:, where['phase']], list(_PHASES))]
    columns = [where['m_act'], where['log_l'], where['log_teff'], *magnitudes]
    ages = table[:, where['log_age']]
    if header[where['log_age']] == 'isochrone_age_yr':
        ages = np.log10(ages)
    ages = ages.round(3)
    isochrones = []
    for log_age in np.unique(ages):
        part = table[ages == log_age]
        phase = np.array([_PHASES[int(code)] for code in part[:, where['phase']]])
        isochrones.append(
            RawIsochrone(m_h, log_age, part[:, where['m_ini']], phase, part[:, columns])
        )
    return tuple(header[i] for i in magnitudes), isochrones
