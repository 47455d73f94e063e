# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What comes back of sources that were put into images: completeness, bias and scatter.
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table, vstack

from starcnn.validation._binned import (
    add_scores,
    count_found,
    get_residuals,
    make_edges,
    read_values,
)
from starcnn.validation._drawing import LOG
from starcnn.validation.matching import check_radius, get_points, match_points, match_sources

__all__ = ['Recovery', 'recovery']

# Columns of positions, which are compared by the separations.
_PLACES = ('x', 'y', 'ra', 'dec', 'separation')

_INTERVALS = ('wilson', 'jeffreys')


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """
    What came back of sources, in bins of something that is true of them.

    Parameters
    ----------
    by : str
        The column of the truth that the bins are of.

    parameters : tuple of str
        The parameters that were compared.

    log : tuple of str
        The columns, among these, of which decimal logarithms were taken.

    bins : `~astropy.table.QTable` with shape (n_bin,)
        For each bin ``<by>_low`` and ``<by>_high``, its edges; ``n_injected``,
        ``n_found``, ``completeness`` and its interval ``completeness_low`` to
        ``completeness_high``; and for each parameter ``n_<parameter>``, the
        number of values that were found, ``<parameter>_bias``, the median of
        found minus true, ``<parameter>_bias_error``, its standard error, and
        ``<parameter>_scatter``, the normalised median absolute deviation. In
        dex where logarithms were taken. NaN where there is nothing.

    sources : `~astropy.table.QTable` with shape (n_source,)
        The truth, with ``is_found``, ``found_row`` (-1 for none) and, if the
        match was by position, ``separation`` (NaN for none). The rows of
        several rounds follow one another.

    is_spurious : `~numpy.ndarray` of bool with shape (n_found,)
        Whether each find is neither one of the sources nor known before. Those
        of several rounds follow one another, as do their ``found_row``.

    n_known : int
        The number of finds that were known before.
    """

    by: str
    parameters: tuple[str, ...]
    log: tuple[str, ...]
    bins: QTable
    sources: QTable
    is_spurious: np.ndarray
    n_known: int

    @property
    def n_injected(self):
        """
        The number of sources.
        """
        return len(self.sources)

    @property
    def n_found(self):
        """
        The number of sources that came back.
        """
        return int(np.sum(self.sources['is_found']))

    @property
    def n_spurious(self):
        """
        The number of finds that are neither sources nor known before.
        """
        return int(np.sum(self.is_spurious))

    def limit(self, fraction=0.5):
        """
        Return where the completeness crosses a fraction.

        Parameters
        ----------
        fraction : float, optional
            The fraction. The default is 0.5.

        Returns
        -------
        limit : float or `~astropy.units.Quantity`
            The value of ``by``, on the straight line between the middles of the
            two bins at the crossing (in its logarithm, if it is among ``log``).

        Raises
        ------
        ValueError
            If the completeness does not cross the fraction exactly once.
        """
        edges = [self.bins[f'{self.by}_{end}'] for end in ('low', 'high')]
        unit = getattr(edges[0], 'unit', None)
        low, high = (np.asarray(getattr(edge, 'value', edge)) for edge in edges)
        middle = (np.log10(low * high) if self.by in self.log else low + high) / 2
        is_known = self.bins['n_injected'] > 0
        middle, above = middle[is_known], self.bins['completeness'][is_known] - fraction
        (crossing,) = np.nonzero(np.diff(above >= 0))
        if len(crossing) != 1:
            msg = (
                f'fraction must be crossed once by the completeness, got {fraction}, which is '
                f'crossed {len(crossing)} times: try other bins'
            )
            raise ValueError(msg)
        k = int(crossing[0])
        value = middle[k] - above[k] * (middle[k + 1] - middle[k]) / (above[k + 1] - above[k])
        value = float(10**value if self.by in self.log else value)
        return value if unit is None else u.Quantity(value, unit)


def recovery(
    truth,
    found,
    *,
    by,
    bins=10,
    radius,
    known=None,
    parameters=None,
    log=LOG,
    interval='wilson',
):
    """
    Compare what was found with what is there.

    Parameters
    ----------
    truth : `~astropy.table.Table` or list of `~astropy.table.Table`
        What is there, such as the clusters that `starcnn.images.inject` put
        into mosaics. A list is of several rounds, each matched by itself: with
        few clusters in each, they do not crowd one another.

    found : `~astropy.table.Table` or list of `~astropy.table.Table`
        What was found, one row per find, with any parameters that were measured;
        a list if ``truth`` is one.

    by : str
        The column of the truth to bin by, such as a magnitude, mass or age.

    bins : int, array-like or `~astropy.units.Quantity`, optional
        The number of equal bins between the extremes of the column (equal in
        its logarithm if it is among ``log``), or their edges. A bin holds its
        lower edge. The default is 10.

    radius : `~astropy.units.Quantity` or `None`
        How far a find may be from its source, angle or pixels; `None` for equal
        ``id``. See `match_sources`.

    known : `~astropy.table.Table`, optional
        Objects that were there before, such as what the same method finds in the
        mosaics before anything is put into them. They are matched together with
        the truth, so that a find is whatever is nearest to it; those that are
        known objects are neither recovered nor spurious. The same in all rounds;
        not with identifiers.

    parameters : sequence of str, optional
        The columns of both tables to compare. The default is all columns of
        floats that both have, but positions.

    log : sequence of str, optional
        Columns of which decimal logarithms are taken: parameters are then
        compared in dex. The default is age, mass, size and visibility.

    interval : {'wilson', 'jeffreys'}, optional
        The interval of the completeness, which holds 68.3 %; see
        `astropy.stats.binom_conf_interval`.

    Returns
    -------
    recovery : `Recovery`
        The result.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If a table lacks a column, or an argument makes no sense.

    Examples
    --------
    >>> import astropy.units as u
    >>> import numpy as np
    >>> from astropy.table import QTable, Table, vstack
    >>> from starcnn.validation import recovery
    >>> truth = QTable({'id': np.arange(100), 'mag': np.linspace(20, 24, 100) * u.mag})
    >>> found = truth[truth['mag'] < 22 * u.mag]
    >>> result = recovery(truth, found, by='mag', bins=4, radius=None)
    >>> result.bins['completeness'].tolist()
    [1.0, 1.0, 0.0, 0.0]
    >>> result.limit()
    <Quantity 22. mag>
    """
    if interval not in _INTERVALS:
        msg = f'interval must be one of {list(_INTERVALS)}, got {interval!r}'
        raise ValueError(msg)
    truths, founds = _check_rounds(truth, found)
    if by not in truths[0].colnames:
        msg = f'by must be one of the columns of truth, {truths[0].colnames}, got {by!r}'
        raise ValueError(msg)
    matches = [_match(*tables, radius, known) for tables in zip(truths, founds, strict=True)]
    found, truth, is_spurious, n_known = _stack(founds, matches)
    parameters = _check_parameters(truth, found, parameters)
    log = tuple(name for name in (by, *parameters) if name in log)
    unit = getattr(truth[by], 'unit', None)
    values = read_values(truth[by], f'truth[{by!r}]', unit, is_log=by in log)
    edges = make_edges(bins, values, unit, is_log=by in log)
    rows = truth['found_row']
    number = np.searchsorted(edges, values, side='right') - 1
    table = count_found(number, rows >= 0, edges, interval)
    for name in parameters:
        residuals = get_residuals(truth, found, rows, name, is_log=name in log)
        add_scores(table, name, number, residuals)
    edges = 10**edges if by in log else edges
    edges = edges if unit is None else edges * unit
    table.add_columns([edges[:-1], edges[1:]], [0, 0], [f'{by}_low', f'{by}_high'])
    return Recovery(
        by=by,
        parameters=parameters,
        log=log,
        bins=table,
        sources=truth,
        is_spurious=is_spurious,
        n_known=n_known,
    )


def _check_rounds(truth, found):
    """Return the truths and the finds as lists of tables."""
    if isinstance(truth, Table) and isinstance(found, Table):
        return [truth], [found]
    if isinstance(truth, Table) or isinstance(found, Table) or len(truth) != len(found):
        msg = 'found must be a table, or as many tables as truth has in a list'
        raise ValueError(msg)
    if not len(truth):
        msg = 'truth must have at least one table, got an empty list'
        raise ValueError(msg)
    return list(truth), list(found)


def _stack(founds, matches):
    """Return the finds and the sources of all rounds, spurious finds, and the number known."""
    n_before = 0
    for found, (sources, _, _) in zip(founds, matches, strict=True):
        sources['found_row'][sources['is_found']] += n_before
        n_before += len(found)
    sources, is_spurious, n_known = zip(*matches, strict=True)
    stack = {'metadata_conflicts': 'silent'}
    return (
        vstack([QTable(found) for found in founds], **stack),
        vstack(list(sources), **stack),
        np.concatenate(is_spurious),
        sum(n_known),
    )


def _check_parameters(truth, found, parameters):
    """Return the parameters to compare."""
    if parameters is None:
        both = [name for name in truth.colnames if name in found.colnames and name not in _PLACES]
        return tuple(name for name in both if _is_float(truth[name]) and _is_float(found[name]))
    for label, table in (('truth', truth), ('found', found)):
        if missing := [name for name in parameters if name not in table.colnames]:
            msg = f'parameters must be columns of {label}, got {missing}'
            raise ValueError(msg)
    return tuple(parameters)


def _is_float(column):
    """Whether a column has one float per row."""
    return getattr(column, 'dtype', np.dtype(bool)).kind == 'f' and column.ndim == 1


def _match(truth, found, radius, known):
    """Return the truth with its finds, which finds are spurious, and how many are known."""
    n = len(truth)
    sources = QTable(truth, copy=True)
    sources['found_row'] = np.full(n, -1)
    is_spurious = np.ones(len(found), bool)
    if radius is None:
        if known is not None:
            msg = 'known must be None where sources are matched by identifiers'
            raise ValueError(msg)
        pairs = match_sources(truth, found, radius=None)
        rows, others = pairs['truth_row'], pairs['found_row']
    else:
        check_radius(radius)
        points = [get_points('truth', truth, radius)]
        if known is not None:
            points.append(get_points('known', known, radius))
        rows, others, separation = match_points(
            np.concatenate(points), get_points('found', found, radius), radius
        )
        sources['separation'] = np.full(n, np.nan) * radius.unit
        sources['separation'][rows[rows < n]] = separation[rows < n]
    is_source = rows < n
    sources['found_row'][rows[is_source]] = others[is_source]
    sources['is_found'] = sources['found_row'] >= 0
    is_spurious[others] = False
    return sources, is_spurious, int(np.sum(~is_source))
