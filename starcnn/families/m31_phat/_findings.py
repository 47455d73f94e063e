# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What one network says about mock clusters, on the axes of its parameters.
"""

from dataclasses import dataclass

import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable, Table, vstack

from starcnn.networks._axes import to_axis, to_quantity
from starcnn.networks._stacks import take_sources

from .spec import PAPER

__all__ = ['NAMES', 'Findings', 'find', 'from_axes', 'take_band', 'to_axes', 'turn']

_PARAMETERS = PAPER.outputs
NAMES = tuple(parameter.name for parameter in _PARAMETERS)

# How many sources are looked at together: their joint distributions are 50 MB.
_PIECE = 500

_N_TURNS = 3  # by 90, 180 and 270 degrees


@dataclass(frozen=True, kw_only=True)
class Findings:
    """
    What a network says, with the truth.

    Parameters
    ----------
    truth : `~astropy.table.Table`
        The true parameters on their axes.

    found : dict of `~astropy.table.Table`
        What `find` returned, by what the network was shown: ``'all'`` for the
        images in all filters, others for other images of the same clusters, or
        of the first of them.

    groups : `~numpy.ndarray` with shape (n_source,)
        What tells the frames from each other that the backgrounds are of.

    cluster : `~astropy.table.QTable` or `None`, optional
        What it says about a real cluster.

    frame : str, optional
        The folder of the mosaics of the backgrounds; empty for simulated fields.
    """

    truth: Table
    found: dict
    groups: np.ndarray
    cluster: QTable | None = None
    frame: str = ''


def to_axes(table):
    """Return columns of quantities as floats on the axes of the parameters."""
    return Table({item.name: to_axis(table[item.name], item, item.name) for item in _PARAMETERS})


def from_axes(axes):
    """Return columns on axes as quantities."""
    return QTable(
        {item.name: to_quantity(np.asarray(axes[item.name]), item) for item in _PARAMETERS}
    )


def take_band(images, name):
    """Return a stack of images with one of its filters."""
    k = images.meta['filters'].index(name)
    return NDData(
        images.data[:, k : k + 1], unit=images.unit, meta=images.meta | {'filters': (name,)}
    )


def turn(images):
    """Return images turned by 90, 180 and 270 degrees, one after another."""
    data = images.data.copy()
    for k in range(_N_TURNS):
        part = slice(k, None, _N_TURNS)
        data[part] = np.rot90(data[part], k + 1, axes=(2, 3))
    return NDData(data, unit=images.unit, meta=images.meta)


def find(estimator, images, truth=None):
    """
    Return what a network says about each image.

    Parameters
    ----------
    estimator : `~starcnn.Estimator`
        The network.

    images : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx)
        The images.

    truth : `~astropy.table.QTable` or `None`, optional
        The true parameters.

    Returns
    -------
    found : `~astropy.table.Table`
        For each parameter the median on its axis and, with the truth, the
        probability below it (``pit_<name>``).
    """
    tables = []
    for start in range(0, len(images.data), _PIECE):
        rows = slice(start, start + _PIECE)
        posterior = estimator.posterior(take_sources(images, rows))
        table = to_axes({name: posterior.median(name) for name in NAMES})
        if truth is not None:
            for name in NAMES:
                table[f'pit_{name}'] = posterior.cdf(name, truth[name][rows])
        tables.append(table)
    return vstack(tables, metadata_conflicts='silent')
