# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Train networks and write them to ONNX files; needs torch, imported by nothing at inference.
"""

from .bank import *
from .blocks import *
from .bottleneck import *
from .calibration import *
from .cutout_network import *
from .data import *
from .export import *
from .growing import *
from .likelihoods import *
from .loop import *
from .scoring import *
from .stars import *
