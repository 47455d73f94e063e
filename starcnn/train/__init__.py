# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Train networks and write them to ONNX files; needs torch, imported by nothing at inference.
"""

from .ablations import *
from .bank import *
from .blocks import *
from .bottleneck import *
from .calibration import *
from .class_calibration import *
from .class_ensemble import *
from .class_scores import *
from .cross_validation import *
from .cutout_network import *
from .data import *
from .export import *
from .folds import *
from .growing import *
from .label_recipe import *
from .labelled import *
from .likelihoods import *
from .loop import *
from .mobilenet import *
from .pretrained import *
from .resnet import *
from .scoring import *
from .stamp_scaling import *
from .stars import *
from .starting import *
from .turning import *
from .twins import *
from .vgg import *
