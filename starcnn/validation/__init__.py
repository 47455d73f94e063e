# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Is it right? Scores, calibration, figures, and the papers' numbers beside ours.
"""

from .bins import *
from .calibration import *
from .claims import *
from .class_figures import *
from .classes import *
from .cluster_figures import *
from .detection import *
from .diagrams import *
from .figures import *
from .matching import *
from .metrics import *
from .node_figures import *
from .posterior_figures import *
from .recovery import *
from .recovery_figures import *
from .report import *
from .resampling import *
from .shapes import *
