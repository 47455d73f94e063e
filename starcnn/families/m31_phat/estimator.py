# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From what a network says of cutouts to ages, masses and sizes.
"""

import numpy as np

from starcnn.cutout_inputs import CutoutReader
from starcnn.files import read_files
from starcnn.flags import NO_DATA
from starcnn.plugins import NetworkBackend
from starcnn.tables import faint_flags, parameter_table

from .spec import BIBCODE, FILTERS, INSTRUMENTS, NAME

__all__ = ['BACKEND', 'READER', 'decode']

READER = CutoutReader(dict(zip(FILTERS, INSTRUMENTS, strict=True)))


def decode(outputs, spec, data):
    """
    Turn the outputs of a network into a table.

    Parameters
    ----------
    outputs : dict of `~numpy.ndarray`
        The outputs that the spec names, one row per cutout.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    data : `~astropy.nddata.NDData`
        What ``encode`` was given.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per cutout: ``id`` and the columns of ``meta['sources']``;
        ``age``, ``mass`` and ``r_h``, and ``a_v`` if the network was trained
        for it, with their 16th and 84th percentiles, which for the network of
        the paper are as far from the estimates as its errors scatter; for the
        default network ``visibility``; and ``flags``. Only networks that say how
        visible a cluster is have the bit ``FAINT``: what light in a crowded
        field belongs to a cluster cannot be told without one.
    """
    sources, flags = READER.describe(data, spec)
    faint = np.where(flags & NO_DATA, 0, faint_flags(outputs, spec))
    return parameter_table(outputs, spec, sources=sources, flags=flags | faint)


BACKEND = NetworkBackend(
    name=NAME,
    summary='Age, mass and size of faint clusters from F336W, F475W and F814W cutouts',
    reference=BIBCODE,
    weights=read_files('starcnn.families.m31_phat', 'estimator'),
    encode=READER.encode,
    decode=decode,
)
