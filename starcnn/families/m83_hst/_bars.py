# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Bialopetravicius & Narbutis (2020), and what ours must reach.
"""

__all__ = [
    'BIMODAL',
    'BIN',
    'BIN_MARGIN',
    'BOUNDS',
    'BOUND_BARS',
    'CALLED',
    'CALLED_BARS',
    'CROWDED',
    'EMPTY_BARS',
    'EXTENDED',
    'GROWTH',
    'GROWTH_BARS',
    'HALF',
    'LEAST_IN_BIN',
    'LEVELS',
    'MARGIN',
    'VISIBLE',
]

# The bounds of 95 % of the errors: Section 4.1 and Fig. 10 of the paper, and our bars.
BOUNDS = {'age': 0.9, 'a_v': 1.4, 'mass': 0.4, 'r_h': 0.2}  # dex, mag, dex, dex
BOUND_BARS = {
    'paper': {'age': 0.8, 'a_v': 1.3, 'mass': 0.35, 'r_h': 0.18},
    'default': {'age': 0.5, 'a_v': 0.8, 'mass': 0.2, 'r_h': 0.1},
}

# Bars of the shares of visible clusters called clusters, and of empty fields called empty.
CALLED_BARS = {'paper': 0.97, 'default': 0.99}
EMPTY_BARS = {'paper': 0.95, 'default': 0.98}
VISIBLE = 3.0
CALLED = 0.5  # probability of a cluster, Section 4.1

# The errors grow by 10 % with the calibration scatter (Section 4.1); ours at most so.
GROWTH, GROWTH_BARS = 1.1, {'paper': None, 'default': 1.1}

# Shares of bimodal and extended distributions, Section 3.3; the first is an upper limit.
BIMODAL, EXTENDED = 0.01, 0.2

# Intervals of the default network: overall and in bins of log age.
LEVELS = (0.68, 0.95)
MARGIN, BIN_MARGIN = 0.02, 0.05
BIN = 0.5  # dex
LEAST_IN_BIN = 30  # clusters; fewer say nothing

# A real frame of M31 (PHAT brick 9, F475W) has 3.3 sources per arcsec2. Standard detection, whose
# threshold rises with the crowding, finds 2.7 in it, and as many in simulated frames in F336W, the
# bluest filter, from eight detectable stars per arcsec2 on: ``benchmarks/bench_fields.py``.
CROWDED = {'by number of stars': 3.3, 'by detection': 8.0}  # detectable stars per arcsec2
HALF = 0.5  # of the fields at least are as crowded
