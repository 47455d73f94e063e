# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Observations in, a table of classes and their probabilities out.
"""

import numpy as np
from astropy.table import Column, Table

from starcnn.networks import Classes, change_prevalence, conformal_sets, entropy
from starcnn.plugins._manager import list_backends, open_network
from starcnn.plugins._pieces import predict_in_pieces
from starcnn.tables import result_meta

__all__ = ['Classifier']

_HOOK = 'starcnn_classifiers'

# Of the sets of classes where none is asked for.
_CONFIDENCE = 0.9

# Between the labels of a set.
_SEPARATOR = '|'


class Classifier:
    """
    Tell star clusters from other objects, and their classes, with a trained network.

    Parameters
    ----------
    backend : str or `~starcnn.plugins.NetworkBackend`
        The family, e.g. ``'m83_hst'``. See `available` for the installed
        ones.

    weights : str, `~pathlib.Path` or `None`, optional
        The tag of released weights, or the path of an ONNX file written by
        `starcnn.train.export`. If `None`, the family's first released weights
        are used. Released files are checked against their SHA-256 every time
        they are opened.

    device : {'cpu', 'cuda'}, optional
        Where the network runs. The default is ``'cpu'``.

    batch_size : int, optional
        The number of sources given to a GPU at once. It changes memory use,
        not results. The default is 128.

    Attributes
    ----------
    backend : `~starcnn.plugins.NetworkBackend`
        The record of the family.

    weights : `~starcnn.files.DataFile` or `None`
        The released weights; `None` for a file of the user's own.

    spec : `~starcnn.networks.Spec`
        What the network eats and returns, as the file itself says.

    Raises
    ------
    ValueError
        If there is no such backend or tag, if the file is of another family,
        or if onnxruntime cannot use the device.

    DataFileError
        If the file cannot be found, has another hash, or is refused.

    See Also
    --------
    Estimator, MassMapper, Simulator

    Examples
    --------
    >>> from starcnn import Classifier
    >>> Classifier.available().colnames
    ['name', 'weights', 'summary', 'reference']
    """

    def __init__(self, backend, *, weights=None, device='cpu', batch_size=128):
        self.backend, self.weights, self._network = open_network(
            _HOOK, backend, weights=weights, device=device, batch_size=batch_size
        )
        self.spec = self._network.spec
        self._tag = weights.name if self.weights is None else self.weights.tag

    def __repr__(self):
        return f'<Classifier {self.backend.name} with {self._tag}>'

    @classmethod
    def available(cls):
        """
        List the installed classifiers.

        Returns
        -------
        table : `~astropy.table.Table`
            The columns are ``name``, ``weights`` (the tags, the default
            first), ``summary`` and ``reference`` (the ADS bibcode of the
            paper).
        """
        rows = [
            (name, ', '.join(file.tag for file in item.weights), item.summary, item.reference)
            for name, item in list_backends(_HOOK).items()
        ]
        names = ('name', 'weights', 'summary', 'reference')
        return Table(rows=rows or None, names=names, dtype=[str] * len(names))

    def predict(self, data, *, confidence=None, prevalence=None):
        """
        Tell the classes of sources.

        Parameters
        ----------
        data : `~astropy.nddata.NDData` or `~astropy.table.Table`
            For images, a stack with shape (n_filter, ny, nx) or (n_source,
            n_filter, ny, nx), whose ``meta['filters']`` names the filters; for
            catalogues, a table of stars with the columns that the page of the
            family lists. Units are needed and converted.

        confidence : float, tuple of float or `None`, optional
            How often the sets of classes hold the true one, such as 0.95, or
            several of them. `None` takes 0.9, or no sets where the file of the
            weights has nothing to make them of.

        prevalence : dict of str to float, optional
            The fraction of each class among the sources, where it is not that
            which the network was calibrated for: ``{'cluster': 0.05,
            'galaxy': 0.95}``. The probabilities, the entropy and the most
            probable class change by it, see
            `starcnn.networks.change_prevalence`; the sets of classes do not, as
            they hold for each class alone.

        Returns
        -------
        table : `~astropy.table.QTable`
            One row per source: ``id``, what is known about the source,
            ``class`` (the most probable label), ``prob_<label>`` for each
            label, ``entropy`` of the probabilities (natural logarithm),
            ``classes_90`` (the labels of the set with a confidence of 90 %, such
            as ``'1|2'``; empty if the source is unlike all classes), and
            ``flags``. Sources without usable input get empty labels and NaN. The
            ``meta`` says which version, backend and weights made it, which paper
            to cite, and the prevalence, if one was given, as ``PREVAL``.

        Raises
        ------
        TypeError, ValueError, `~astropy.units.UnitsError`
            If ``data`` is not what the network takes, or the file of the weights
            has not what ``confidence`` or ``prevalence`` need; the message says
            which part of it.
        """
        part = next(part for part in self.spec.outputs if isinstance(part, Classes))
        confidences = _read_confidence(confidence, part)
        nothing = np.empty((0, len(part.labels)))
        for value in confidences:
            conformal_sets(nothing, part, value)  # before the work, not after it
        if prevalence is not None:
            change_prevalence(nothing, part, prevalence)
        result = predict_in_pieces(self.backend, self._network, data)
        _add_columns(result, part, confidences, prevalence)
        result.meta.update(
            result_meta(
                backend=self.backend.name,
                weights=self._tag,
                sha256=self._network.sha256,
                bibcode=self.backend.reference,
            )
        )
        if prevalence is not None:
            shares = (f'{label}={prevalence[label]:g}' for label in part.labels)
            result.meta['PREVAL'] = ', '.join(shares)
        return result


def _read_confidence(confidence, part):
    """Return the confidences of the sets of classes."""
    if confidence is None:
        return () if part.conformal is None else (_CONFIDENCE,)
    return tuple(confidence) if isinstance(confidence, tuple | list) else (confidence,)


def _add_columns(table, part, confidences, prevalence):
    """Put entropy and sets of classes into a table, and other probabilities if asked."""
    names = [f'prob_{label}' for label in part.labels]
    given = np.stack([np.asarray(table[name]) for name in names], axis=1)
    known = np.isfinite(given).all(axis=1)
    p = given if prevalence is None else change_prevalence(given, part, prevalence)
    if prevalence is not None:
        for name, values in zip(names, p.T, strict=True):
            table[name][:] = values
        best = np.array(part.labels)[np.where(known, p.argmax(axis=1), 0)]
        table['class'] = Column(np.where(known, best, ''), description='the most probable class')
    columns = {'entropy': Column(entropy(p), description='entropy of the probabilities')}
    for value in confidences:
        is_member = conformal_sets(given, part, value)
        text = f'the set of classes that holds the true one in {100 * value:g} % of the cases'
        columns[f'classes_{100 * value:g}'] = Column(
            _join(is_member, part.labels), description=text
        )
    if taken := sorted(set(columns) & set(table.colnames)):
        msg = f'sources must not have columns with the names of results, got {taken}'
        raise ValueError(msg)
    at = table.colnames.index('flags')
    table.add_columns(list(columns.values()), indexes=[at] * len(columns), names=list(columns))


def _join(is_member, labels):
    """Return the labels of each set as one string."""
    sets = [
        _SEPARATOR.join(label for label, is_in in zip(labels, row, strict=True) if is_in)
        for row in is_member
    ]
    return np.array(sets, dtype=str)
