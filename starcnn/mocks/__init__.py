# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock observations of clusters, which families give their numbers: parameters, stars, images.
"""

from .bank import *
from .chunks import *
from .clusters import *
from .options import *
from .parameters import *
from .recipes import *
from .setup import *
from .simulator import *
