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
    from .simulator import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_estimators():
    from .estimator import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_recipes():
    from .network import RECIPES

    return list(RECIPES)
