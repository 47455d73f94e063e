# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Observations: what instruments make of stars, and stars as arrays.
"""

from .cmd import *
from .noise import *
