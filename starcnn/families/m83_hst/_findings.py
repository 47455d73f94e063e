# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What one network says about mock clusters and empty fields, on the axes of its parameters.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable, Table, vstack

from starcnn.networks import Posterior
from starcnn.plugins._manager import run_network

if TYPE_CHECKING:
    from starcnn import Estimator

__all__ = ['NAMES', 'Findings', 'find', 'from_axes', 'take_bands', 'to_axes']

# The parameters whose errors the paper gives, its Fig. 10.
NAMES = ('age', 'a_v', 'mass', 'r_h')

# How many sources are looked at together: their joint distributions are 25 MB.
_PIECE = 500


@dataclass(frozen=True, kw_only=True)
class Findings:
    """
    What a network says, with the truth.

    Parameters
    ----------
    estimator : `~starcnn.Estimator`
        The network.

    truth, found : `~astropy.table.Table`
        Of the mock clusters: the true parameters on their axes, and what `find`
        returned, row by row.

    empty : `~astropy.table.Table`
        What it says about fields without a cluster.

    scattered : `~astropy.table.Table`
        What it says about the same clusters on badly calibrated backgrounds.

    images : `~astropy.nddata.NDData`
        The mock clusters.

    frames : `~numpy.ndarray` with shape (n_source,)
        What tells the simulated frames on which the clusters are from each other.

    density : `~astropy.units.Quantity` with shape (n_field,)
        The detectable stars per solid angle in the fields without a cluster,
        another one for each frame.

    subsets : dict
        What it says about the same clusters in some of the bands, by their names.
    """

    estimator: 'Estimator'
    truth: Table
    found: Table
    empty: Table
    scattered: Table
    images: NDData
    frames: np.ndarray
    density: u.Quantity
    subsets: dict = field(default_factory=dict)


def to_axes(table, parameters):
    """Return columns of quantities as floats on the axes of the parameters."""
    axes = Table()
    for parameter in parameters:
        x = u.Quantity(table[parameter.name]).to_value(parameter.unit)
        with np.errstate(divide='ignore'):
            axes[parameter.name] = np.log10(x) if parameter.log else x
    return axes


def from_axes(axes, parameters):
    """Return what is on the axes of the parameters, as a result has it: quantities, if they can."""
    table = QTable(axes[[name for name in axes.colnames if not name.startswith('pit_')]])
    for parameter in parameters:
        if parameter.name in axes.colnames:
            x = np.asarray(axes[parameter.name])
            x = 10**x if parameter.log else x
            table[parameter.name] = x << u.Unit(parameter.unit) if parameter.unit else x
    return table


def take_bands(images, filters):
    """Return a stack of images with some of its filters."""
    kept = [index for index, name in enumerate(images.meta['filters']) if name in filters]
    names = tuple(images.meta['filters'][index] for index in kept)
    return NDData(images.data[:, kept], unit=images.unit, meta=images.meta | {'filters': names})


def find(estimator, images, truth=None, *, point, has_shapes=False):
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

    point : {'median', 'unfold'}
        The point estimate: the median of each parameter, or the weighted mean
        around the peak of the joint histogram (Section 3.2 of the paper).

    has_shapes : bool, optional
        Whether the modes are counted, which takes longer than all else.

    Returns
    -------
    found : `~astropy.table.Table`
        For each parameter the point estimate on its axis and, with the truth,
        the probability below it (``pit_<name>``); the probability of a cluster
        (``prob_cluster``), and with shapes the number of modes of age and A_V
        (``n_modes``) and how much of their map 68 % of the probability cover
        (``extent``).
    """
    tables = []
    for start in range(0, len(images.data), _PIECE):
        rows = slice(start, start + _PIECE)
        piece = NDData(images.data[rows], unit=images.unit, meta=images.meta)
        true = None if truth is None else truth[rows]
        tables.append(_find_piece(estimator, piece, true, point, has_shapes))
    return vstack(tables, metadata_conflicts='silent')


def _find_piece(estimator, images, truth, point, has_shapes):
    """Return what `find` does for few sources; the network runs once for all its outputs."""
    outputs = run_network(estimator.backend, estimator._network, images)
    posterior = Posterior.from_outputs(outputs, estimator.spec)
    parameters = estimator.spec.parameters
    points = {item.name: getattr(posterior, point)(item.name) for item in parameters}
    found = to_axes(points, parameters)
    (classes,) = (part for part in estimator.spec.outputs if part.kind == 'classes')
    found['prob_cluster'] = outputs[classes.name][:, classes.labels.index('cluster')]
    if has_shapes:
        found['n_modes'] = posterior.n_modes(('age', 'a_v'))
        found['extent'] = posterior.extent(('age', 'a_v'))
    if truth is not None:
        for name in NAMES:
            found[f'pit_{name}'] = posterior.cdf(name, truth[name])
    return found
