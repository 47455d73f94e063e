# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock HST images of the star clusters of M83, or of another galaxy.
"""

from starcnn.mocks import sample_clusters, simulate_clusters
from starcnn.plugins import SimulatorBackend

from ._options import Options
from .spec import BIBCODE, NAME

__all__ = ['BACKEND', 'Options']

BACKEND = SimulatorBackend(
    name=NAME,
    summary='HST images of star clusters on the disc of a galaxy',
    reference=BIBCODE,
    options=Options,
    sample=sample_clusters,
    simulate=simulate_clusters,
)
