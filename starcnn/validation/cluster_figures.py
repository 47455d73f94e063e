# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Figures of the parameters of many clusters, from truths and results.

Every function draws into the figure it is given, or into a new one, and
returns the figure; ``figure.savefig`` writes it. They follow figures 10 to 14
of Bialopetravicius & Narbutis (2020, A&A, 633, A148).
"""

from itertools import combinations

import numpy as np

from starcnn.validation._arrays import to_array, to_arrays
from starcnn.validation._drawing import LOG, axis_label, new_figure
from starcnn.validation.figures import BLUE, GREY, ORANGE
from starcnn.validation.metrics import error_bound

__all__ = ['plot_parameter_pairs', 'plot_true_derived', 'plot_visibility_class']

PARAMETERS = ('age', 'mass', 'a_v', 'r_h')

# number of hexagons along an axis, and the room beyond the outermost points
_GRIDSIZE, _MARGIN = 40, 0.04

# the number of sources of a hexagon that would be white
_WHITE = 0.2


def plot_true_derived(
    truth, predicted, *, parameters=PARAMETERS, log=LOG, outliers='age', level=0.95, figure=None
):
    """
    Draw derived against true parameters as densities, with bounds and outliers.

    Parameters
    ----------
    truth, predicted : `~astropy.table.Table`
        The truths and the results of an estimator, row by row the same
        sources.

    parameters : sequence of str, optional
        The columns, one panel each. The default is age, mass, A_V and size.

    log : sequence of str, optional
        The parameters that are drawn as decimal logarithms. The default is
        age, mass, size and visibility.

    outliers : str or `None`, optional
        The parameter by which outliers are marked in all panels: red dots
        where it comes out below the lower bound, blue ones where above the
        upper. The default is the age.

    level : float, optional
        The fraction of the sources between the dashed lines; see
        `error_bound`. The default is 0.95.

    figure : `~matplotlib.figure.Figure` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The figure.
    """
    columns = min(2, len(parameters))
    rows = -(-len(parameters) // columns)
    figure = new_figure(figure, (4.3 * columns, 4.1 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    low, high = _outliers(truth, predicted, outliers, log, level)
    for ax, name in zip(axes, parameters, strict=False):
        x, y, unit = _pair(truth, predicted, name, log)
        bound = error_bound(x, y, level=level)
        limits = _limits(x, y)
        _draw_density(ax, x, y, limits)
        for shift in (-bound, 0, bound):
            ax.plot(
                limits, limits + shift, color='k', linewidth=0.9, linestyle='--' if shift else '-'
            )
        ax.plot(x[low], y[low], '.', color=ORANGE, markersize=4, markeredgewidth=0)
        ax.plot(x[high], y[high], '.', color=BLUE, markersize=4, markeredgewidth=0)
        ax.set(
            xlim=limits,
            ylim=limits,
            aspect='equal',
            xlabel=axis_label('True', name, unit, log),
            ylabel=axis_label('Derived', name, unit, log),
        )
        shown = 'dex' if name in log else '' if unit is None else f'{unit}'
        text = f'{100 * level:.0f} % within {bound:.2f} {shown}'.rstrip()
        ax.text(0.04, 0.96, text, transform=ax.transAxes, va='top', fontsize=9)
    for ax in axes[len(parameters) :]:
        ax.set_axis_off()
    return figure


def _outliers(truth, predicted, name, log, level):
    """Return which sources come out too low, and which too high."""
    if name is None:
        return (np.zeros(len(truth), dtype=bool),) * 2
    x, y, _ = _pair(truth, predicted, name, log)
    bound = error_bound(x, y, level=level)
    return y - x < -bound, y - x > bound


def plot_visibility_class(clusters, fields, truth, *, label='cluster', level=0.95, figure=None):
    """
    Draw visibilities against class probabilities, of clusters and of empty fields.

    Parameters
    ----------
    clusters, fields : `~astropy.table.Table`
        Results for mock clusters and for fields without: the columns
        ``visibility`` of an estimator and ``prob_<label>`` of a classifier.

    truth : `~astropy.table.Table`
        The truths of the clusters, with the column ``visibility``.

    label : str, optional
        The class whose probability is drawn. The default is 'cluster'.

    level : float, optional
        The fraction of the clusters between the dashed lines of the panel with
        derived against true visibilities. The default is 0.95.

    figure : `~matplotlib.figure.Figure` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The figure; histograms have logarithmic counts.
    """
    figure = new_figure(figure, (7.5, 7))
    axes = figure.subplots(2, 2, width_ratios=[2, 1.3], height_ratios=[1.3, 2])
    (top, corner), (main, right) = axes
    values = [
        (
            to_array('probability', table[f'prob_{label}'], unit=None),
            np.log10(to_array('visibility', table['visibility'], unit=None)),
        )
        for table in (fields, clusters)
    ]
    ends = np.concatenate([visibility for _, visibility in values])
    bins = np.linspace(ends.min(), ends.max() + 1e-6, 41)
    for (probability, visibility), colour, name in zip(
        values, (GREY, ORANGE), ('fields', 'clusters'), strict=True
    ):
        main.plot(probability, visibility, '.', color=colour, markersize=3, alpha=0.5, label=name)
        style = {'histtype': 'step', 'color': colour, 'linewidth': 1.4, 'log': True}
        top.hist(probability, bins=np.linspace(0, 1, 41), **style)
        right.hist(visibility, bins=bins, orientation='horizontal', **style)
    main.axvline(0.5, color=GREY, linewidth=0.8, linestyle=':')
    main.set(xlim=(-0.02, 1.02), xlabel=f'Probability of class {label}', ylabel='log visibility')
    main.legend(loc='lower right', markerscale=3, fontsize=9)
    top.set(xlim=main.get_xlim(), ylabel='Number of images')
    right.set(ylim=main.get_ylim(), xlabel='Number of images')
    _draw_visibilities(corner, truth, clusters, level)
    return figure


def _draw_visibilities(ax, truth, clusters, level):
    """Draw derived against true visibilities."""
    x, y, _ = _pair(truth, clusters, 'visibility', ('visibility',))
    bound = error_bound(x, y, level=level)
    limits = _limits(x, y)
    _draw_density(ax, x, y, limits)
    for shift in (-bound, bound):
        ax.plot(limits, limits + shift, color='k', linewidth=0.9, linestyle='--')
    ax.set(
        xlim=limits,
        ylim=limits,
        aspect='equal',
        xlabel='True log visibility',
        ylabel='Derived log visibility',
    )


def plot_parameter_pairs(
    table, *, parameters=PARAMETERS, colour='visibility', log=LOG, others=None, figure=None
):
    """
    Draw each pair of parameters, coloured by another.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The result of an estimator, or truths.

    parameters : sequence of str, optional
        The columns. The default is age, mass, A_V and size: six panels.

    colour : str, optional
        The column of the colours. The default is the visibility.

    log : sequence of str, optional
        The columns that are drawn as decimal logarithms. The default is age,
        mass, size and visibility.

    others : `~astropy.table.Table` or `None`, optional
        Sources that are drawn as faint grey dots behind, for reference.

    figure : `~matplotlib.figure.Figure` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The figure; sources with the highest values of ``colour`` are on top.
    """
    pairs = list(combinations(parameters, 2))
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = new_figure(figure, (3.6 * columns + 0.8, 3.3 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    values = {name: _column(table, name, log) for name in (*parameters, colour)}
    order = np.argsort(values[colour], kind='stable')
    for ax, (x, y) in zip(axes, pairs, strict=False):
        if others is not None:
            back = [_column(others, name, log) for name in (x, y)]
            ax.plot(*back, '.', color='0.8', markersize=2, markeredgewidth=0, zorder=1)
        points = ax.scatter(
            values[x][order], values[y][order], c=values[colour][order], s=6, lw=0, cmap='viridis'
        )
        units = [getattr(table[name], 'unit', None) for name in (x, y)]
        ax.set(xlabel=axis_label('', x, units[0], log), ylabel=axis_label('', y, units[1], log))
    for ax in axes[len(pairs) :]:
        ax.set_axis_off()
    unit = getattr(table[colour], 'unit', None)
    figure.colorbar(points, ax=list(axes), label=axis_label('', colour, unit, log), aspect=40)
    return figure


def _column(table, name, log):
    """Return a column as an array, as its logarithm if it is drawn so."""
    values = to_array(name, table[name], unit=getattr(table[name], 'unit', None))
    return np.log10(values) if name in log else values


def _pair(truth, predicted, name, log):
    """Return true and derived values, as logarithms if they are drawn so, and the unit."""
    (x, y), unit = to_arrays({'truth': truth[name], 'predicted': predicted[name]})
    if name in log:
        lowest = min(x.min(), y.min())
        if lowest <= 0:
            msg = f'log must name columns of positive values, got {name!r} with {lowest}'
            raise ValueError(msg)
        x, y = np.log10(x), np.log10(y)
    return x, y, unit


def _limits(x, y):
    """Return the ends of both axes."""
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    return np.array([low, high]) + _MARGIN * (high - low) * np.array([-1, 1])


def _draw_density(ax, x, y, limits):
    """Draw the number of sources in hexagons, logarithmic; a single one can be seen, too."""
    extent = (*limits, *limits)
    style = {'bins': 'log', 'mincnt': 1, 'vmin': _WHITE, 'cmap': 'Greys'}
    ax.hexbin(x, y, gridsize=_GRIDSIZE, extent=extent, **style)
