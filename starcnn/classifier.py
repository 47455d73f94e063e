# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Observations in, a table of classes and their probabilities out.
"""

from astropy.table import Table

from starcnn.plugins._manager import list_backends, open_network
from starcnn.plugins._pieces import predict_in_pieces
from starcnn.tables import result_meta

__all__ = ['Classifier']

_HOOK = 'starcnn_classifiers'


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

    def predict(self, data):
        """
        Tell the classes of sources.

        Parameters
        ----------
        data : `~astropy.nddata.NDData` or `~astropy.table.Table`
            For images, a stack with shape (n_filter, ny, nx) or (n_source,
            n_filter, ny, nx), whose ``meta['filters']`` names the filters; for
            catalogues, a table of stars with the columns that the page of the
            family lists. Units are needed and converted.

        Returns
        -------
        table : `~astropy.table.QTable`
            One row per source: ``id``, what is known about the source,
            ``class`` (the most probable label), ``prob_<label>`` for each
            label, and ``flags``. Sources without usable input get an empty
            label and NaN. The ``meta`` says which version, backend and weights
            made it, and which paper to cite.

        Raises
        ------
        TypeError, ValueError, `~astropy.units.UnitsError`
            If ``data`` is not what the network takes; the message says which
            part of it.
        """
        result = predict_in_pieces(self.backend, self._network, data)
        result.meta.update(
            result_meta(
                backend=self.backend.name,
                weights=self._tag,
                sha256=self._network.sha256,
                bibcode=self.backend.reference,
            )
        )
        return result
