# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stamps of candidates in, their classes out.
"""

import numpy as np
from astropy.table import Table

from starcnn.files import read_files
from starcnn.networks import Classes
from starcnn.plugins import NetworkBackend
from starcnn.tables import class_table

from ._input import describe_stamps, encode_stamps
from .spec import BIBCODE, NAME

__all__ = ['BACKEND', 'decode', 'encode_bank']

# What a column of the user's table is called where its name is that of a result.
_GIVEN = '_given'


def encode_bank(data, spec):
    """
    Turn stamps into what is stored for training: the same in units of the largest pixel.

    Parameters
    ----------
    data, spec
        As for ``encode_stamps``.

    Returns
    -------
    inputs : dict of `~numpy.ndarray` of float16
        The images, each filter divided by its largest absolute value, as
        networks do not see how bright a source is.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        As from ``encode_stamps``.
    """
    inputs = {}
    for name, array in encode_stamps(data, spec).items():
        largest = np.abs(array).max(axis=(2, 3), keepdims=True)
        inputs[name] = (array / np.where(largest > 0, largest, 1)).astype(np.float16)
    return inputs


def decode(outputs, spec, data):
    """
    Turn the outputs of a network into a table of classes.

    Parameters
    ----------
    outputs : dict of `~numpy.ndarray`
        The outputs that the spec names, one row per candidate.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    data : `~astropy.nddata.NDData`
        What ``encode_stamps`` was given.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per candidate: ``id`` and the columns of ``meta['sources']``, of
        which ``class`` and the like are called ``class_given``; ``class`` and a
        ``prob_<label>`` for each label; and ``flags``: ``FILLED`` where pixels or
        a filter are missing, ``NO_DATA`` where there is no result.
    """
    sources, flags = describe_stamps(data, spec)
    if isinstance(sources, Table):
        sources = sources.copy()
        for name in set(sources.colnames) & _result_names(spec):
            sources.rename_column(name, name + _GIVEN)
    return class_table(outputs, spec, sources=sources, flags=flags)


def _result_names(spec):
    """Return the names of the columns of results."""
    (part,) = (part for part in spec.outputs if isinstance(part, Classes))
    return {'class', 'entropy', 'flags', *(f'prob_{label}' for label in part.labels)}


BACKEND = NetworkBackend(
    name=NAME,
    summary='Classes of star clusters from HST stamps in five filters, or from your own',
    reference=BIBCODE,
    weights=read_files('starcnn.families.phangs_hst', 'classifier'),
    encode=encode_stamps,
    decode=decode,
)
