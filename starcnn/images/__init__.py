# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Observations: what instruments make of stars, and stars as arrays.
"""

from .arrays import *
from .artifacts import *
from .backgrounds import *
from .candidates import *
from .cmd import *
from .cutouts import *
from .dereddening import *
from .galaxy_field import *
from .hst_mosaics import *
from .injection import *
from .instruments import *
from .legus import *
from .mosaics import *
from .noise import *
from .phangs import *
from .psf import *
from .psf_grid import *
from .render import *
from .semi_real import *
from .simulated_backgrounds import *
from .stamp_arrays import *
from .stamp_files import *
from .star_colours import *
from .star_finding import *
