# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Toy images in, classes out.
"""

from starcnn.plugins import NetworkBackend
from starcnn.tables import class_table

from .estimator import encode


def decode(outputs, spec, data):
    """
    Return the table of classes.
    """
    return class_table(outputs, spec, sources=data.meta.get('sources'))


def make_backend(weights):
    """
    Return the backend with its files.
    """
    return NetworkBackend(
        name='toy',
        summary='Cluster or star from two fluxes',
        reference='2018A&A...616A...9L',
        weights=weights,
        encode=encode,
        decode=decode,
    )
