# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Open clusters in Gaia's colour-magnitude diagrams: age, extinction and distance.

The networks of Branco & Ferraz (2023, report, University of Lisbon), who follow
Cantat-Gaudin et al. (2020, 2020A&A...640A...1C): a dense network on a binned
diagram ('ann'), a convolutional one on a picture of it ('cnn'), both together
('mixed'); and ours, which takes the stars themselves ('set').
"""

from starcnn.plugins import hookimpl


@hookimpl
def starcnn_simulators():
    """
    Offer the simulator of member tables.
    """
    from .simulator import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_estimators():
    """
    Offer the estimator, with the weights of all four networks.
    """
    from .estimator import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_recipes():
    """
    Offer the recipes of all four networks.
    """
    from .network import RECIPES

    return list(RECIPES)


@hookimpl
def starcnn_claims():
    """
    Offer the numbers of the papers, and how they are measured here.
    """
    from .validation import CLAIMS

    return list(CLAIMS)
