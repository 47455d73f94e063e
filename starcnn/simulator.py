# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Parameters in, mock observations out.
"""

from dataclasses import fields

import numpy as np
from astropy.table import Table

from starcnn.plugins._manager import find_backend, list_backends

__all__ = ['Simulator']

_HOOK = 'starcnn_simulators'

# What the extra `simulate` installs, as it is imported.
_EXTRA = ('dust_extinction', 'galsim', 'photutils', 'scipy', 'specutils')


class Simulator:
    """
    Simulate observations of star clusters, as the networks are trained on them.

    Parameters
    ----------
    backend : str or `~starcnn.plugins.SimulatorBackend`
        The family, e.g. ``'gaia_cmd'``. See `available` for the installed
        ones.

    **options
        The options of the family: the fields of its ``Options``, which have
        defaults.

    Attributes
    ----------
    backend : `~starcnn.plugins.SimulatorBackend`
        The record of the family.

    options : object
        The family's frozen dataclass with all options.

    Raises
    ------
    ValueError
        If there is no such simulator.

    TypeError
        If the family has no such option.

    See Also
    --------
    Estimator, Classifier, MassMapper

    Examples
    --------
    >>> from starcnn import Simulator
    >>> simulator = Simulator('gaia_cmd')
    >>> parameters = simulator.sample(2, rng=1)
    >>> parameters['age'].unit
    Unit("yr")
    >>> stars, truth = simulator.simulate(parameters, rng=1)
    >>> len(truth)
    2
    """

    def __init__(self, backend, **options):
        self.backend = find_backend(_HOOK, backend)
        allowed = [field.name for field in fields(self.backend.options)]
        unknown = sorted(set(options) - set(allowed))
        if unknown:
            msg = f'options of {self.backend.name!r} must be among {allowed}, got {unknown}'
            raise TypeError(msg)
        self.options = self.backend.options(**options)

    def __repr__(self):
        return f'<Simulator {self.backend.name} with {self.options}>'

    @classmethod
    def available(cls):
        """
        List the installed simulators.

        Returns
        -------
        table : `~astropy.table.Table`
            The columns are ``name``, ``summary`` and ``reference`` (the ADS
            bibcode of the paper).
        """
        names = ('name', 'summary', 'reference')
        rows = [
            tuple(getattr(backend, name) for name in names)
            for backend in list_backends(_HOOK).values()
        ]
        return Table(rows=rows or None, names=names, dtype=[str] * len(names))

    def sample(self, n, *, rng=None):
        """
        Draw parameters from the range the family's networks are trained on.

        Parameters
        ----------
        n : int
            The number of sources.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The random numbers. The same seed gives the same parameters.

        Returns
        -------
        parameters : `~astropy.table.QTable`
            One row per source.

        Raises
        ------
        TypeError, ValueError
            If ``n`` is not an integer, or is negative.

        ImportError
            If the family needs the extra ``simulate``, which is not installed.
        """
        if not isinstance(n, int | np.integer) or isinstance(n, bool):
            msg = f'n must be an integer, got {n!r}'
            raise TypeError(msg)
        if n < 0:
            msg = f'n must be zero or positive, got {n}'
            raise ValueError(msg)
        return _call(self.backend.sample, int(n), self.options, np.random.default_rng(rng))

    def simulate(self, parameters, *, rng=None):
        """
        Simulate observations of sources.

        Parameters
        ----------
        parameters : `~astropy.table.QTable`
            One row per source, with the columns of `sample`.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The random numbers. The same seed gives the same observations.

        Returns
        -------
        observations : `~astropy.nddata.NDData` or `~astropy.table.QTable`
            What the networks of the family take.

        truth : `~astropy.table.QTable`
            What they should find, one row per source.

        Raises
        ------
        TypeError
            If ``parameters`` is not a table.

        ImportError
            If the family needs the extra ``simulate``, which is not installed.
        """
        if not isinstance(parameters, Table):
            msg = f'parameters must be a table, got {type(parameters).__name__}'
            raise TypeError(msg)
        return _call(self.backend.simulate, parameters, self.options, np.random.default_rng(rng))


def _call(function, *args):
    """Call a function of a family; say what to install if that is missing."""
    try:
        return function(*args)
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] not in _EXTRA:
            raise
        msg = (
            f'{error.name} must be installed, which comes with the extra "simulate": '
            'python -m pip install "starcnn[simulate]"'
        )
        raise ImportError(msg) from error
