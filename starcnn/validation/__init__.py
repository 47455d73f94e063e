# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Is it right? Scores, calibration, figures, and the papers' numbers beside ours.
"""

from .calibration import *
from .claims import *
from .diagrams import *
from .figures import *
from .metrics import *
from .report import *
from .resampling import *
