# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The estimator of ages, extinctions, masses and sizes.
"""

from starcnn.cutout_inputs import CutoutReader
from starcnn.files import read_files
from starcnn.plugins import NetworkBackend

from .spec import BIBCODE, FILTERS, INSTRUMENT, NAME

__all__ = ['BACKEND', 'READER']

READER = CutoutReader(dict.fromkeys(FILTERS, INSTRUMENT))

BACKEND = NetworkBackend(
    name=NAME,
    summary='Age, A_V, mass and size of clusters from F336W, F438W and F814W cutouts',
    reference=BIBCODE,
    weights=read_files('starcnn.families.m83_hst', 'estimator'),
    encode=READER.encode,
    decode=READER.decode,
)
