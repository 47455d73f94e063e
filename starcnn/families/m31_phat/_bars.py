# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Bialopetravicius et al. (2019), and what ours must reach.
"""

import numpy as np

from .spec import LOG_AGE_TEST, LOG_MASS_TEST, R_H_TEST

__all__ = [
    'BIAS_BARS',
    'BINS',
    'CLUSTER',
    'GROWTH_BARS',
    'HIGHEST',
    'HIGH_MASS',
    'LEVELS',
    'LOWEST',
    'LOW_MASS',
    'MARGIN',
    'RATIO',
    'SCATTER',
    'SCATTER_BARS',
]

# Fig. 8: bins of 0.5 dex in age and 0.3 dex in mass, and one for each radius.
_AGE_BIN, _MASS_BIN = 0.5, 0.3
_R_H = np.log10(R_H_TEST)
_MIDDLES = (_R_H[1:] + _R_H[:-1]) / 2


def _edges(limits, width):
    """Return the edges of bins of about a width between limits, the last one included."""
    edges = np.linspace(*limits, round((limits[1] - limits[0]) / width) + 1)
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return edges


BINS = {
    'age': _edges(LOG_AGE_TEST, _AGE_BIN),
    'mass': _edges(LOG_MASS_TEST, _MASS_BIN),
    'r_h': np.array([2 * _R_H[0] - _MIDDLES[0], *_MIDDLES, 2 * _R_H[-1] - _MIDDLES[-1]]),
}
LOWEST, HIGHEST = (tuple(BINS['mass'][ends].tolist()) for ends in ([0, 1], [-2, -1]))

# Section 5.1: the standard deviations of the errors, dex; of masses, in the lowest and the highest
# bin. And our bars.
SCATTER = {'age': 0.1, LOWEST: 0.15, HIGHEST: 0.05}
SCATTER_BARS = {
    'paper': {'age': 0.12, LOWEST: 0.16, HIGHEST: 0.06},
    'default': {'age': 0.09, LOWEST: 0.12, HIGHEST: 0.045},
}

# Section 5.1: there are no significant shifts but at the edges. Ours at most, dex.
BIAS_BARS = {'paper': 0.05, 'default': 0.03}

# Section 5.2: ellipses at the lower of these log masses are three times as large as at the higher.
LOW_MASS, HIGH_MASS = 2.4, 3.6
RATIO = 3.0

# Section 5.3: other point spread functions, shifts and turns have negligible effects.
GROWTH_BARS = {'paper': None, 'default': 1.03}

# Intervals of the default network.
LEVELS = (0.68, 0.95)
MARGIN = 0.02

# AP 3433 in the catalogue of Johnson et al. 2016, ApJ 827, 33: log age in yr, log mass in solMass.
CLUSTER = {'age': 8.3, 'mass': 2.79}
