# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Star clusters in HST images of nearby galaxies, sorted into the four classes of LEGUS and PHANGS.

The networks of Wei et al. (2020, 2020MNRAS.493.3178W), which begin with weights
of other images, and ours, which is calibrated.
"""

from starcnn.plugins import hookimpl


@hookimpl
def starcnn_simulators():
    """
    Offer the simulator of labelled stamps.
    """
    from .simulator import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_classifiers():
    """
    Offer the classifier.
    """
    from .classifier import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_recipes():
    """
    Offer the recipes of the networks of the paper and of ours.
    """
    from .network import RECIPES

    return list(RECIPES)


@hookimpl
def starcnn_claims():
    """
    Offer the numbers of the paper, and how they are measured here.
    """
    from .validation import CLAIMS

    return list(CLAIMS)
