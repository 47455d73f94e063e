# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Arrays in, arrays out: open ONNX files, run them, read their distributions.
"""

from .class_sets import *
from .parts import *
from .posterior import *
from .session import *
from .spec import *
