# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What a classifier says about sources whose classes are known.
"""

from dataclasses import dataclass, field

import numpy as np
from astropy.nddata import NDData

from starcnn.networks import Classes

__all__ = ['Findings', 'classify', 'cut_middle', 'leave_out']


@dataclass(frozen=True, kw_only=True)
class Findings:
    """
    What a classifier says, with the truth.

    Parameters
    ----------
    truth : `~numpy.ndarray` of str with shape (n,)
        The true classes.

    groups : `~numpy.ndarray` with shape (n,)
        The galaxies: errors come from drawing them anew.

    probabilities : `~numpy.ndarray` with shape (n, n_class)
        The probabilities.

    sets : `~numpy.ndarray` of str or `None`, optional
        The sets of classes that hold the true one in 90 % of the cases.

    part : `~starcnn.networks.Classes` or `None`, optional
        What the file of the network says of its classes.

    others : dict of `~numpy.ndarray`, optional
        Probabilities of the first of the sources, changed in some way, by the
        name of the change.
    """

    truth: np.ndarray
    groups: np.ndarray
    probabilities: np.ndarray
    sets: np.ndarray | None = None
    part: Classes | None = None
    others: dict = field(default_factory=dict)


def classify(classifier, images):
    """
    Return the probabilities of the classes of stamps, and sets of classes if there are any.

    Parameters
    ----------
    classifier : `~starcnn.Classifier`
        The network.

    images : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps.

    Returns
    -------
    probabilities : `~numpy.ndarray` with shape (n, n_class)
        In the order of the labels of the network.

    sets : `~numpy.ndarray` of str or `None`
        The column ``classes_90``.
    """
    table = classifier.predict(images)
    (part,) = (part for part in classifier.spec.outputs if isinstance(part, Classes))
    columns = [np.asarray(table[f'prob_{label}']) for label in part.labels]
    sets = np.asarray(table['classes_90']) if 'classes_90' in table.colnames else None
    return np.stack(columns, axis=1), sets


def leave_out(images, name):
    """
    Return stamps without one filter, whose pixels are NaN.

    Parameters
    ----------
    images : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps.

    name : str
        The filter.

    Returns
    -------
    images : `~astropy.nddata.NDData`
        New stamps.
    """
    data = np.array(images.data)
    data[:, images.meta['filters'].index(name)] = np.nan
    return NDData(data, unit=images.unit, meta=images.meta)


def cut_middle(images, side):
    """
    Return the middle of stamps.

    Parameters
    ----------
    images : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps.

    side : int
        The side of what is kept, pixels.

    Returns
    -------
    images : `~astropy.nddata.NDData`
        New stamps.
    """
    ny, nx = images.data.shape[2:]
    y, x = (ny - side) // 2, (nx - side) // 2
    data = images.data[:, :, y : y + side, x : x + side]
    return NDData(data, unit=images.unit, meta=images.meta)
