# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Distances of double clusters from parallaxes (Luri et al. 2018, 2018A&A...616A...9L).
"""

from starcnn.plugins import hookimpl


@hookimpl
def starcnn_simulators():
    """Offer the simulator."""
    from .simulator import BACKEND

    return [BACKEND]


@hookimpl
def starcnn_estimators():
    """Offer the estimator."""
    from .estimator import BACKEND

    return [BACKEND]
