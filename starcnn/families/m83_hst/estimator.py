# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From what a network says of cutouts to ages, extinctions, masses and sizes.
"""

import numpy as np

from starcnn.cutout_inputs import CutoutReader
from starcnn.files import read_files
from starcnn.flags import NO_DATA
from starcnn.plugins import NetworkBackend
from starcnn.tables import faint_flags, parameter_table

from .spec import BIBCODE, FILTERS, INSTRUMENT, NAME

__all__ = ['BACKEND', 'READER', 'decode']

READER = CutoutReader(dict.fromkeys(FILTERS, INSTRUMENT))


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
        ``age``, ``a_v``, ``mass``, ``r_h`` and ``visibility`` with their 16th
        and 84th percentiles; and ``flags``.
    """
    sources, flags = READER.describe(data, spec)
    faint = np.where(flags & NO_DATA, 0, faint_flags(outputs, spec))
    return parameter_table(outputs, spec, sources=sources, flags=flags | faint)


BACKEND = NetworkBackend(
    name=NAME,
    summary='Age, A_V, mass and size of clusters from F336W, F438W and F814W cutouts',
    reference=BIBCODE,
    weights=read_files('starcnn.families.m83_hst', 'estimator'),
    encode=READER.encode,
    decode=decode,
)
