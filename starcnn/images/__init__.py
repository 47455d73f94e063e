# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Observations: what instruments make of stars, and stars as arrays.
"""

from .backgrounds import *
from .cmd import *
from .cutouts import *
from .galaxy_field import *
from .instruments import *
from .noise import *
from .psf import *
from .psf_grid import *
from .render import *
