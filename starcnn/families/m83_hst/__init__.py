# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Star clusters of M83 in HST images: age, extinction and mass jointly; size; cluster or not.

The network of Bialopetravicius & Narbutis (2020, 2020A&A...633A.148B), trained
on mock clusters ('paper'), and ours, which keeps the fluxes and takes any of
the filters ('default'). Other galaxies are other options of the simulator.
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
def starcnn_classifiers():
    """
    Offer the classifier, which is another output of the same networks.
    """
    from .classifier import BACKEND

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
