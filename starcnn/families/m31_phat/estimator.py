# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The estimator of ages, masses and sizes.
"""

from starcnn.cutout_inputs import CutoutReader
from starcnn.files import read_files
from starcnn.plugins import NetworkBackend

from .spec import BIBCODE, FILTERS, INSTRUMENTS, NAME

__all__ = ['BACKEND', 'READER']

READER = CutoutReader(dict(zip(FILTERS, INSTRUMENTS, strict=True)))

BACKEND = NetworkBackend(
    name=NAME,
    summary='Age, mass and size of faint clusters from F336W, F475W and F814W cutouts',
    reference=BIBCODE,
    weights=read_files('starcnn.families.m31_phat', 'estimator'),
    encode=READER.encode,
    decode=READER.decode,
)
