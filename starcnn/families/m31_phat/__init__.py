# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Star clusters of M31 in HST images: age, mass and size of faint, semi-resolved clusters.

After Bialopetravicius, Narbutis & Vansevicius (2019, 2019A&A...621A.103B), who
trained a network on mock clusters on fields of the PHAT survey, and tested it on
mock clusters of down to 250 solar masses.
"""

from starcnn.plugins import hookimpl


@hookimpl
def starcnn_simulators():
    """
    Offer the simulator of images.
    """
    from .simulator import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_estimators():
    """
    Offer the estimator, with the weights of both networks.
    """
    from .estimator import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_recipes():
    """
    Offer the recipes of both networks.
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
