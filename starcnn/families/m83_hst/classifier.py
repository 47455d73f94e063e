# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Whether there is a cluster in a cutout at all.
"""

from starcnn.files import read_files
from starcnn.plugins import NetworkBackend
from starcnn.tables import class_table

from .estimator import READER
from .spec import BIBCODE, NAME

__all__ = ['BACKEND', 'decode']


def decode(outputs, spec, data):
    """
    Turn the outputs of a network into a table of classes.

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
        ``class``, ``prob_background`` and ``prob_cluster``; and ``flags``.
    """
    sources, flags = READER.describe(data, spec)
    return class_table(outputs, spec, sources=sources, flags=flags)


BACKEND = NetworkBackend(
    name=NAME,
    summary='Cluster or background, from F336W, F438W and F814W cutouts',
    reference=BIBCODE,
    weights=read_files('starcnn.families.m83_hst', 'classifier'),
    encode=READER.encode,
    decode=decode,
)
