# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Physics: stars of clusters, their masses, magnitudes and reddening.
"""

from .clusters import *
from .extinction import *
from .imf import *
from .isochrones import *
from .photometry import *
from .profiles import *
from .remnants import *
from .spectra import *
from .synthesis import *
