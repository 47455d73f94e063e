# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Observations in, a table of physical parameters out.
"""

import numpy as np
from astropy.table import Table

from starcnn.networks import Posterior
from starcnn.plugins._manager import list_backends, open_network
from starcnn.plugins._pieces import estimate_with_backgrounds, predict_in_pieces, run_in_pieces
from starcnn.tables import result_meta, scatter_table

__all__ = ['Estimator']

_HOOK = 'starcnn_estimators'


class Estimator:
    """
    Estimate physical parameters of star clusters with a trained network.

    Parameters
    ----------
    backend : str or `~starcnn.plugins.NetworkBackend`
        The family, e.g. ``'gaia_cmd'``. See `available` for the installed
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
    Classifier, MassMapper, Simulator

    Notes
    -----
    A network knows only the range of clusters it was trained on. Rows outside
    it are returned and marked in the ``flags`` column, whose bits
    `starcnn.flags.decode_flags` names.

    Examples
    --------
    >>> from starcnn import Estimator, Simulator
    >>> simulator = Simulator('gaia_cmd')
    >>> stars, truth = simulator.simulate(simulator.sample(3, rng=1), rng=1)
    >>> estimator = Estimator('gaia_cmd')
    >>> result = estimator.predict(stars)
    >>> result['age'].unit
    Unit("yr")
    >>> estimator.posterior(stars).percentile('a_v', [5, 95]).shape
    (3, 2)
    """

    def __init__(self, backend, *, weights=None, device='cpu', batch_size=128):
        self.backend, self.weights, self._network = open_network(
            _HOOK, backend, weights=weights, device=device, batch_size=batch_size
        )
        self.spec = self._network.spec
        self._tag = weights.name if self.weights is None else self.weights.tag

    def __repr__(self):
        return f'<Estimator {self.backend.name} with {self._tag}>'

    @classmethod
    def available(cls):
        """
        List the installed estimators.

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
        Estimate the parameters of sources.

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
            One row per source: ``id``, what is known about the source, for
            each parameter its median (``age``) and its 16th and 84th
            percentiles (``age_16``, ``age_84``), and ``flags``. Sources
            without usable input get NaN. The ``meta`` says which version,
            backend and weights made it, and which paper to cite.

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

    def posterior(self, data):
        """
        Return all that the network says about the parameters of sources.

        Parameters
        ----------
        data : `~astropy.nddata.NDData` or `~astropy.table.Table`
            For images, a stack with shape (n_filter, ny, nx) or (n_source,
            n_filter, ny, nx), whose ``meta['filters']`` names the filters; for
            catalogues, a table of stars with the columns that the page of the
            family lists. Units are needed and converted.

        Returns
        -------
        posterior : `~starcnn.networks.Posterior`
            The joint distribution for each source: percentiles, modes,
            densities, draws and plots. Sources without usable input get NaN.

        Raises
        ------
        TypeError, ValueError, `~astropy.units.UnitsError`
            If ``data`` is not what the network takes; the message says which
            part of it.
        """
        outputs = run_in_pieces(self.backend, self._network, data)
        return Posterior.from_outputs(outputs, self.spec)

    def background_scatter(self, data, backgrounds, *, n=100, point='median', rng=None):
        """
        Measure how much the estimates depend on what lies behind the clusters.

        Each source is estimated ``n`` times, every time with another
        background added to its image, less the median of that background in
        each filter (Bialopetravicius & Narbutis 2020, A&A, 633, A148, their
        section 3.3).

        Parameters
        ----------
        data : `~astropy.nddata.NDData`
            Images, as for `predict`.

        backgrounds : `~astropy.nddata.NDData` with shape (n_background, n_filter, ny, nx)
            Cutouts without clusters, with the filters, the shape and the kind
            of unit of ``data``. Masked pixels, and those that are not finite,
            add nothing.

        n : int, optional
            The number of backgrounds for each source, drawn without repeats if
            there are enough. The default is 100.

        point : {'median', 'mode', 'unfold'}, optional
            The estimate: a method of `~starcnn.networks.Posterior`. The paper's
            is ``'unfold'``, which needs parameters on grids.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The source of random numbers.

        Returns
        -------
        table : `~astropy.table.QTable`
            As of `predict`, but for each parameter the median (``age``) and
            the 16th and 84th percentiles (``age_16``, ``age_84``) are those of
            the ``n`` estimates. The meta has ``n`` as ``N_BACKGR``.

        Raises
        ------
        TypeError, ValueError, `~astropy.units.UnitsError`
            If the network does not take images, or if the backgrounds do not
            fit ``data``.

        Notes
        -----
        The image of a real cluster has its own background already, so that
        the scatter is larger than that from one background.
        """
        estimates = estimate_with_backgrounds(
            self.backend,
            self._network,
            data,
            backgrounds,
            n=n,
            point=point,
            rng=np.random.default_rng(rng),
        )
        result = scatter_table(self.predict(data), estimates, self.spec)
        result.meta['N_BACKGR'] = n
        return result
