# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the networks are trained on: clusters and fields apart, which training puts together.
"""

from dataclasses import replace

from starcnn.mocks import simulate_bank

from .simulator import BACKEND

__all__ = ['BANK']

BANK = replace(BACKEND, summary='Clusters and fields apart, for training', simulate=simulate_bank)
