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

__all__ = ['NAMES', 'Findings', 'find', 'from_axes', 'take_bands', 'take_rows', 'to_axes']

# The parameters whose errors the paper gives, its Fig. 10.
NAMES = ('age', 'a_v', 'mass', 'r_h')

# What is before the name of a parameter in columns that say something else of it.
_PREFIXES = ('pit_', 'width_', 'median_', 'unfold_')

# The ends of the 68 % intervals, as users get them.
_ENDS = (16, 84)

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

    step : int, optional
        One in so many clusters was tried in some of the bands, too.

    subsets : dict
        What it says about those in some of the bands, by their names.
    """

    estimator: 'Estimator'
    truth: Table
    found: Table
    empty: Table
    scattered: Table
    images: NDData
    frames: np.ndarray
    density: u.Quantity
    step: int = 1
    subsets: dict = field(default_factory=dict)

    def select(self, subset=None):
        """
        Return the truth, what was found and the frames of clusters in all bands, or in a subset.
        """
        if subset is None:
            return self.truth, self.found, self.frames
        return self.truth[:: self.step], self.subsets[subset], self.frames[:: self.step]


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
    table = QTable(axes[[name for name in axes.colnames if not name.startswith(_PREFIXES)]])
    for parameter in parameters:
        if parameter.name in axes.colnames:
            x = np.asarray(axes[parameter.name])
            x = 10**x if parameter.log else x
            table[parameter.name] = x << u.Unit(parameter.unit) if parameter.unit else x
    return table


def take_rows(images, rows):
    """Return some images of a stack."""
    return NDData(images.data[rows], unit=images.unit, meta=images.meta)


def take_bands(images, filters):
    """Return a stack of images with some of its filters."""
    kept = [index for index, name in enumerate(images.meta['filters']) if name in filters]
    names = tuple(images.meta['filters'][index] for index in kept)
    return NDData(images.data[:, kept], unit=images.unit, meta=images.meta | {'filters': names})


def find(estimator, images, truth=None, *, point, others=(), has_shapes=False):
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

    others : sequence of str, optional
        Other point estimates that are given beside it.

    has_shapes : bool, optional
        Whether the modes are counted, which takes longer than all else.

    Returns
    -------
    found : `~astropy.table.Table`
        For each parameter the point estimate on its axis, others beside it
        (``<point>_<name>``) and, with the truth, the probability below it
        (``pit_<name>``) and the distance from the 16th to the 84th percentile
        on the axis (``width_<name>``); the probability of a cluster
        (``prob_cluster``), and with shapes the number of modes of age and A_V
        (``n_modes``) and how much of their map 68 % of the probability cover
        (``extent``).
    """
    tables = []
    for start in range(0, len(images.data), _PIECE):
        rows = slice(start, start + _PIECE)
        piece = take_rows(images, rows)
        true = None if truth is None else truth[rows]
        tables.append(_find_piece(estimator, piece, true, (point, *others), has_shapes))
    return vstack(tables, metadata_conflicts='silent')


def _find_piece(estimator, images, truth, points, has_shapes):
    """Return what `find` does for few sources; the network runs once for all its outputs."""
    outputs = run_network(estimator.backend, estimator._network, images)
    posterior = Posterior.from_outputs(outputs, estimator.spec)
    found, *others = (_estimate(posterior, point, estimator.spec.parameters) for point in points)
    for point, table in zip(points[1:], others, strict=True):
        for name in NAMES:
            found[f'{point}_{name}'] = table[name]
    (classes,) = (part for part in estimator.spec.outputs if part.kind == 'classes')
    found['prob_cluster'] = outputs[classes.name][:, classes.labels.index('cluster')]
    if has_shapes:
        found['n_modes'] = posterior.n_modes(('age', 'a_v'))
        found['extent'] = posterior.extent(('age', 'a_v'))
    if truth is not None:
        low, high = (
            _estimate(posterior, 'percentile', estimator.spec.parameters, end) for end in _ENDS
        )
        for name in NAMES:
            found[f'pit_{name}'] = posterior.cdf(name, truth[name])
            found[f'width_{name}'] = high[name] - low[name]
    return found


def _estimate(posterior, point, parameters, *given):
    """Return what a method of the distributions says of each parameter, on their axes."""
    values = {item.name: getattr(posterior, point)(item.name, *given) for item in parameters}
    return to_axes(values, parameters)
