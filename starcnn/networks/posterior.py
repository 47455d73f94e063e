# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What is known about the parameters of each source: their joint distribution.
"""

import astropy.units as u
import numpy as np
from astropy.table import QTable

from starcnn.networks import _on_grids
from starcnn.networks._axes import default_axis, log_jacobian, to_axis, to_quantity
from starcnn.networks._outputs import read_outputs

__all__ = ['Posterior']


class Posterior:
    """
    The distributions of the physical parameters of sources.

    It is made by `starcnn.Estimator.posterior`, or by `from_outputs`. An
    element, a slice or a boolean array selects sources; the selection is again
    a posterior. A source without a result has NaN throughout.

    Parameters
    ----------
    parts : list
        The joint distributions, independent of each other.

    Notes
    -----
    All values are quantities in linear units (years, not the logarithm of
    years), and densities are per linear unit.

    A name that is not a parameter, or not one on a grid where that is needed, and
    values with a wrong shape raise `ValueError`; values without a unit of the
    parameter raise `~astropy.units.UnitsError`.

    Examples
    --------
    >>> import numpy as np
    >>> from starcnn.networks import Features, Parameter, Posterior, Spec
    >>> spec = Spec(
    ...     family='toy', variant='dense',
    ...     inputs=(Features(name='x', columns=('c',), units=('mag',), bounds=((-1, 3),)),),
    ...     outputs=(Parameter(name='age', unit='yr', bounds=(6.0, 10.0), log=True),))
    >>> posterior = Posterior.from_outputs({'age': np.array([[8.0, 0.1]])}, spec)
    >>> posterior.median('age')
    <Quantity [1.e+08] yr>
    """

    def __init__(self, parts):
        self._parts = tuple(parts)
        self._where = {
            parameter.name: (part, k)
            for part in self._parts
            for k, parameter in enumerate(part.parameters)
        }

    @classmethod
    def from_outputs(cls, outputs, spec):
        """
        Make the posterior from what a network returned.

        Parameters
        ----------
        outputs : dict
            The output arrays by name, with one row per source. Those on grids
            are not copied; do not change them afterwards.

        spec : `Spec`
            What the arrays mean. Outputs that are not distributions of
            parameters are passed over.

        Returns
        -------
        posterior : `Posterior`
            The distributions.

        Raises
        ------
        ValueError
            If the spec has no parameters, if an output is missing or has
            another shape, or if its probabilities do not sum to one.
        """
        return cls(read_outputs(outputs, spec))

    def __len__(self):
        return len(self._parts[0])

    def __getitem__(self, key):
        rows = key if isinstance(key, slice) else np.atleast_1d(np.arange(len(self))[key])
        return Posterior([part.take(rows) for part in self._parts])

    def __repr__(self):
        return f'<Posterior of {", ".join(self.parameters)} for {len(self)} sources>'

    @property
    def parameters(self):
        """
        The names of the parameters.
        """
        return tuple(self._where)

    def percentile(self, name, q):
        """
        Return percentiles of a parameter.

        Parameters
        ----------
        name : str
            The parameter.

        q : float or array_like
            The percentiles, between 0 and 100.

        Returns
        -------
        values : `~astropy.units.Quantity` with shape (n_source,) or (n_source, n_q)
            The percentiles.
        """
        part, k = self._find(name)
        q = np.asarray(q, dtype=np.float64)
        if q.ndim > 1 or not ((q > 0) & (q < 100)).all():
            msg = f'q must be one or more numbers between 0 and 100, got {q}'
            raise ValueError(msg)
        x = [part.quantile(k, value / 100) for value in q.ravel()]
        x = np.stack(x, axis=1) if x else np.empty((len(self), 0))
        return to_quantity(x if q.ndim else x[:, 0], part.parameters[k])

    def median(self, name):
        """
        Return the median of a parameter, a `~astropy.units.Quantity` with shape (n_source,).
        """
        return self.percentile(name, 50)

    def mean(self, name):
        """
        Return the mean of a parameter, a `~astropy.units.Quantity` with shape (n_source,).

        It is that of the linear values also where the network works with logarithms.
        """
        part, k = self._find(name)
        return part.mean(k) << u.Unit(part.parameters[k].unit)

    def mode(self, name):
        """
        Return the mode of a parameter, a `~astropy.units.Quantity` with shape (n_source,).

        Its density is largest there, on the axis of the network; on grids, a cell's mean density.
        """
        part, k = self._find(name)
        return to_quantity(part.mode(k), part.parameters[k])

    def unfold(self, name, *, radius=3):
        """
        Return the mean of a parameter around the most probable cell of the grid.

        The point estimate of Bialopetravicius & Narbutis (2020, A&A, 633,
        A148), their section 3.2: the mean of the nodes, weighted by probability,
        over a ball of cells around the most probable cell of the joint grid.

        Parameters
        ----------
        name : str
            The parameter; it must be on a grid.

        radius : float, optional
            The radius of the ball, in cells. The default is 3.

        Returns
        -------
        values : `~astropy.units.Quantity` with shape (n_source,)
            The estimates.
        """
        return _on_grids.unfold(self._on_grids([name]), radius)

    def cdf(self, name, values):
        """
        Return the probability that a parameter is below values.

        Parameters
        ----------
        name : str
            The parameter.

        values : `~astropy.units.Quantity` with shape (n_source,) or (n_source, m)
            The values, for instance the true ones to test coverage.

        Returns
        -------
        probability : `~numpy.ndarray`
            Numbers from 0 to 1, with the shape of ``values``.
        """
        part, k = self._find(name)
        x = self._per_source(to_axis(values, part.parameters[k], 'values'), 'values')
        return part.cdf(k, x).reshape(np.shape(values))

    def marginal(self, name, values=None):
        """
        Return the density of a parameter, whatever the others are.

        Parameters
        ----------
        name : str
            The parameter.

        values : `~astropy.units.Quantity` with shape (m,) or `None`, optional
            Where to give the density. The default is the nodes of the grid,
            or 501 values over the range the network was trained on.

        Returns
        -------
        values : `~astropy.units.Quantity` with shape (m,)
            Where the density is given.

        density : `~astropy.units.Quantity` with shape (n_source, m)
            The density, in the inverse unit of ``values``.
        """
        part, k = self._find(name)
        parameter = part.parameters[k]
        if values is None:
            x = default_axis(parameter)
            values = to_quantity(x, parameter)
        x = to_axis(values, parameter, 'values')
        if x.ndim != 1:
            msg = f'values must have one dimension, got shape {x.shape}'
            raise ValueError(msg)
        log_pdf = _axis_log_pdf(part, k, x) + log_jacobian(x, parameter)
        density = np.exp(log_pdf) << u.Unit(parameter.unit) ** -1
        return values, density.to(getattr(values, 'unit', u.dimensionless_unscaled) ** -1)

    def joint(self, names):
        """
        Return the joint density of some parameters, whatever the others are.

        Parameters
        ----------
        names : sequence of str
            The parameters; they must be on grids.

        Returns
        -------
        axes : tuple of `~astropy.units.Quantity` with shape (k,)
            The nodes of each parameter.

        density : `~astropy.units.Quantity` with shape (n_source, k1, k2, ...)
            The mean density of each node's cell, with one axis per name, in that order.
        """
        return _on_grids.joint(self._on_grids(names))

    def n_modes(self, names, *, dip=0.5, share=0.05):
        """
        Return the number of separate peaks of the density of some parameters.

        A peak counts where the density, on the axes the network works with,
        falls below ``dip`` times the peak on every way to a higher one, and the
        connected cells above that hold at least ``share`` of the probability.

        Parameters
        ----------
        names : str or sequence of str
            The parameters; they must be on grids.

        dip, share : float, optional
            Between 0 and 1. The defaults are 0.5 and 0.05.

        Returns
        -------
        n_modes : `~numpy.ndarray` of int with shape (n_source,)
            At least one; zero for sources without a result.
        """
        names = [names] if isinstance(names, str) else names
        return _on_grids.n_modes(self._on_grids(names), dip=dip, share=share)

    def extent(self, names, *, level=0.68):
        """
        Return how much of the grid the smallest region with a probability covers.

        It is a part of the whole grid, on the axes the network works with, so
        that grids with larger and smaller cells agree.

        Parameters
        ----------
        names : str or sequence of str
            The parameters; they must be on grids.

        level : float, optional
            The probability. The default is 0.68.

        Returns
        -------
        extent : `~numpy.ndarray` with shape (n_source,)
            From 0 (all in one point) to ``level`` (all equally probable).
        """
        names = [names] if isinstance(names, str) else names
        return _on_grids.extent(self._on_grids(names), level=level)

    def log_prob(self, values):
        """
        Return the natural logarithm of the joint density.

        Parameters
        ----------
        values : `~astropy.table.QTable` or dict
            For every parameter a `~astropy.units.Quantity` with shape
            (n_source,) or (n_source, m).

        Returns
        -------
        log_prob : `~numpy.ndarray`
            The logarithm of the density per unit of each parameter, in the
            units of the spec, with the shape of the values.
        """
        total = 0.0
        for part in self._parts:
            columns = []
            for parameter in part.parameters:
                label = f'values[{parameter.name!r}]'
                x = to_axis(values[parameter.name], parameter, label)
                shape = x.shape
                columns.append(self._per_source(x, label))
                total = total + log_jacobian(columns[-1], parameter)
            total = total + part.log_pdf(np.stack(columns, axis=-1))
        return total.reshape(shape)

    def draw(self, n_draws, *, rng=None):
        """
        Draw values of all parameters together, with their correlations.

        Parameters
        ----------
        n_draws : int
            The number of draws for each source.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The source of random numbers.

        Returns
        -------
        draws : `~astropy.table.QTable`
            A row per source, a column per parameter, each with shape (n_source, n_draws).
        """
        rng = np.random.default_rng(rng)
        draws = QTable()
        for part in self._parts:
            x = part.draw(n_draws, rng)
            for k, parameter in enumerate(part.parameters):
                draws[parameter.name] = to_quantity(x[..., k], parameter)
        return draws

    def plot(self, index=0, *, axes=None):
        """
        Plot the density of each parameter and of each pair, for one source.

        Lines mark the 16th, 50th and 84th percentiles; contours hold 68 and 95 %.

        Parameters
        ----------
        index : int, optional
            The source.

        axes : `~numpy.ndarray` of `~matplotlib.axes.Axes` with shape (p, p), optional
            Where to draw. The default is a new figure.

        Returns
        -------
        axes : `~numpy.ndarray` of `~matplotlib.axes.Axes`
            The axes; those above the diagonal are empty.
        """
        from starcnn.networks._corner import plot_corner

        one = self[int(index)]
        return plot_corner([one._find(name) for name in one.parameters], axes)

    def _find(self, name):
        """Return the joint distribution of a parameter, and its place in it."""
        if name not in self._where:
            msg = f'name must be one of {list(self._where)}, got {name!r}'
            raise ValueError(msg)
        return self._where[name]

    def _on_grids(self, names):
        """Return the joint grids of parameters, and their places in them."""
        places = [self._find(name) for name in names]
        _on_grids.check_places(names, places)
        return places

    def _per_source(self, x, label):
        """Return values with shape (n_source, m)."""
        if x.ndim not in (1, 2) or len(x) != len(self):
            msg = f'{label} must have shape ({len(self)},) or ({len(self)}, m), got {x.shape}'
            raise ValueError(msg)
        return x.reshape(len(self), -1) if x.size else x.reshape(len(self), x[:1].size)


def _axis_log_pdf(part, k, x):
    """Return the logarithm of a parameter's density at x, the same for all sources."""
    x = np.broadcast_to(x[:, np.newaxis], (len(part), len(x), 1))
    return part.keep((k,)).log_pdf(x)
