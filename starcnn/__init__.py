# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Physical parameters of star clusters from images and catalogues, by neural networks.
"""

from importlib.metadata import PackageNotFoundError, version

from .classifier import Classifier
from .estimator import Estimator
from .mass_mapper import MassMapper
from .simulator import Simulator

__all__ = ['Classifier', 'Estimator', 'MassMapper', 'Simulator', '__version__']

try:
    __version__ = version('starcnn')
except PackageNotFoundError:  # run from a folder of sources
    __version__ = 'not installed'
