# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Figures of the errors of clusters in bins, and of clusters that differ only by chance.

Every function draws into the figure it is given, or into a new one, and
returns the figure. They follow figures 7 to 11 of Bialopetravicius, Narbutis &
Vansevicius (2019, A&A, 621, A103).
"""

import astropy.units as u
import numpy as np

from starcnn.validation._arrays import to_array
from starcnn.validation._drawing import LOG, axis_label, new_figure
from starcnn.validation.figures import BLUE, GREY, ORANGE

__all__ = ['ellipse_size', 'plot_cluster_grid', 'plot_error_boxes', 'plot_nodes']

PARAMETERS = ('age', 'mass', 'r_h')

# the percentiles of the whiskers of Fig. 8
_WHISKERS = (2, 98)

# decimals to which the parameters of one node are equal, on the axes
_DIGITS = 6

# images are shown as asinh of the deviation from the median of all, in units of their scatter
_SOFTENING, _BRIGHTEST = 3.0, 99.8
_GAP = 2  # pixels between images


def ellipse_size(x, y):
    """
    Return the mean half-axis of the ellipse of one standard deviation of points.

    Parameters
    ----------
    x, y : array-like with shape (n,)
        The points, three or more.

    Returns
    -------
    size : float
        The geometric mean of the half-axes: the fourth root of the determinant
        of the covariance. Of a normal distribution the ellipse holds 39 %.
    """
    x, y = (to_array(name, values, unit=None) for name, values in (('x', x), ('y', y)))
    if x.shape != y.shape or x.ndim != 1 or len(x) < 3:
        msg = f'x and y must be three points or more, got shapes {x.shape} and {y.shape}'
        raise ValueError(msg)
    return float(max(np.linalg.det(np.cov(x, y)), 0) ** 0.25)


def plot_nodes(truth, found, *, names=('mass', 'r_h'), log=LOG, figure=None):
    """
    Draw how chance scatters the estimates of clusters with the same parameters.

    Parameters
    ----------
    truth, found : `~astropy.table.Table`
        The true and the derived parameters, row by row. Clusters with the same
        truth make a node.

    names : sequence of str, optional
        The parameters along x and y, two of age, mass and size; each value of
        the third has a panel. The default is mass and size.

    log : sequence of str, optional
        The parameters that are drawn as decimal logarithms. The default is
        age, mass, size and visibility.

    figure : `~matplotlib.figure.Figure` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        For each node a dot at the truth, an ellipse of one standard deviation of
        the estimates, which holds 39 % of a normal distribution, and an arrow
        from the dot to its centre, the mean.

    Raises
    ------
    ValueError
        If the names are not two of the parameters, or a node has fewer than
        three clusters.
    """
    names = tuple(names)
    if len(set(names)) != 2 or not set(names) <= set(PARAMETERS):
        msg = f'names must be two of {list(PARAMETERS)}, got {list(names)}'
        raise ValueError(msg)
    (panel,) = set(PARAMETERS) - set(names)
    order = (panel, *names)
    x = np.column_stack([_values(truth, name, log) for name in order])
    y = np.column_stack([_values(found, name, log) for name in names])
    nodes, numbers = np.unique(np.round(x, _DIGITS), axis=0, return_inverse=True)
    values = np.unique(nodes[:, 0])
    figure = new_figure(figure, (3.6 * len(values), 3.6))
    axes = figure.subplots(1, len(values), sharex=True, sharey=True, squeeze=False)[0]
    for k, node in enumerate(nodes):
        _draw_node(axes[np.searchsorted(values, node[0])], node[1:], y[numbers == k])
    for ax, value in zip(axes, values, strict=True):
        ax.set(
            title=f'{_label(truth, panel, log)} = {value:.2f}', xlabel=_label(truth, names[0], log)
        )
    axes[0].set_ylabel(_label(truth, names[1], log))
    return figure


def _draw_node(ax, node, points):
    """Draw one node: dot, ellipse and arrow."""
    from matplotlib.patches import Ellipse

    if len(points) < 3:
        msg = f'truth must have three clusters or more at each node, got {len(points)} at {node}'
        raise ValueError(msg)
    centre = points.mean(axis=0)
    squares, vectors = np.linalg.eigh(np.cov(points.T))
    width, height = 2 * np.sqrt(np.maximum(squares, 0))
    angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
    ax.add_patch(Ellipse(centre, width, height, angle=angle, facecolor='0.8', edgecolor=GREY))
    ax.annotate('', centre, node, arrowprops={'arrowstyle': '->', 'color': ORANGE})
    ax.plot(*node, 'o', color='k', markersize=4)
    ax.update_datalim([centre - np.hypot(width, height) / 2, centre + np.hypot(width, height) / 2])
    ax.autoscale_view()


def plot_error_boxes(truth, found, *, bins, log=LOG, figure=None):
    """
    Draw the errors of each parameter in bins of the truth of each.

    Parameters
    ----------
    truth, found : `~astropy.table.Table`
        The true and the derived parameters, row by row.

    bins : dict of array-like
        For each parameter the edges of its bins, increasing, in the unit of its
        column.

    log : sequence of str, optional
        The parameters that are drawn as decimal logarithms. The default is
        age, mass, size and visibility.

    figure : `~matplotlib.figure.Figure` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        A row of panels for the errors of each parameter, a column for each
        truth. Boxes go from the first to the third quartile, with a line at the
        median, whiskers from the 2nd to the 98th percentile, and dots beyond.
        They are half as wide as the bins.
    """
    names = tuple(bins)
    figure = new_figure(figure, (3.4 * len(names), 2.5 * len(names)))
    axes = figure.subplots(len(names), len(names), sharex='col', sharey='row', squeeze=False)
    for row, name in enumerate(names):
        errors = _values(found, name, log, unit=truth[name].unit) - _values(truth, name, log)
        for column, other in enumerate(names):
            edges = to_array('bins', bins[other], unit=None)
            edges = np.log10(edges) if other in log else edges
            _draw_boxes(axes[row, column], _values(truth, other, log), errors, edges)
            axes[-1, column].set_xlabel(axis_label('True', other, truth[other].unit, log))
        unit = u.dex if name in log else truth[name].unit
        axes[row, 0].set_ylabel(axis_label('Error of', name, unit, ()))
    return figure


def _draw_boxes(ax, x, errors, edges):
    """Draw the boxes of one panel."""
    numbers = np.digitize(x, edges) - 1
    full = [k for k in range(len(edges) - 1) if (numbers == k).any()]
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    ax.axhline(0, color=GREY, linewidth=0.8, linestyle=':')
    ax.boxplot(
        [errors[numbers == k] for k in full],
        positions=middles[full],
        widths=widths[full] / 2,
        whis=_WHISKERS,
        manage_ticks=False,
        boxprops={'color': BLUE},
        medianprops={'color': ORANGE},
        flierprops={'marker': '.', 'markersize': 2, 'markeredgecolor': GREY},
    )
    ax.set_xlim(edges[0], edges[-1])


def plot_cluster_grid(images, truth, *, names=('mass', 'r_h'), log=LOG, figure=None):
    """
    Draw images of clusters in the order of their parameters.

    Parameters
    ----------
    images : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx)
        The images. Three filters make a colour image: the last is red, the
        first blue. Of any other number the last is drawn.

    truth : `~astropy.table.Table`
        The parameters, one row for each image and one image for each set of
        values.

    names : sequence of str, optional
        The parameters along x and y, two of age, mass and size; each value of
        the third has a panel. The default is mass and size.

    log : sequence of str, optional
        The parameters whose decimal logarithms are written. The default is
        age, mass, size and visibility.

    figure : `~matplotlib.figure.Figure` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The figure. All images have the same scale of brightness, an arcsinh.
    """
    names = tuple(names)
    (panel,) = set(PARAMETERS) - set(names)
    data = np.asarray(images.data, dtype=float)
    if data.ndim != 4 or len(data) != len(truth):
        msg = f'images must have shape ({len(truth)}, n_filter, ny, nx), got {data.shape}'
        raise ValueError(msg)
    values, numbers = zip(
        *(
            np.unique(np.round(_values(truth, name, log), _DIGITS), return_inverse=True)
            for name in (panel, *names)
        ),
        strict=True,
    )
    pictures = _colour(data)
    ny, nx = data.shape[2:]
    steps = np.array([ny, nx]) + _GAP
    shape = (len(values[0]), len(values[2]) * steps[0], len(values[1]) * steps[1], 3)
    montage = np.ones(shape)
    for picture, k, column, row in zip(pictures, *numbers, strict=True):
        y, x = row * steps[0], column * steps[1]
        montage[k, y : y + ny, x : x + nx] = picture
    n_columns = min(2, len(values[0]))
    n_rows = -(-len(values[0]) // n_columns)
    figure = new_figure(figure, (5 * n_columns, 5 * n_rows))
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, picture, value in zip(axes, montage, values[0], strict=False):
        ax.set_axis_on()
        ax.imshow(picture, origin='lower')
        ax.set_title(f'{_label(truth, panel, log)} = {value:.2f}')
        for axis, name, nodes, step in zip(
            (ax.xaxis, ax.yaxis), names, values[1:], steps[::-1], strict=True
        ):
            axis.set_ticks(step * (np.arange(len(nodes)) + 0.5), [f'{node:.2f}' for node in nodes])
            axis.set_label_text(_label(truth, name, log))
    return figure


def _colour(data):
    """Return images (n, ny, nx, 3) from 0 to 1, each filter with one scale for all images."""
    shown = []
    for plane in np.moveaxis(data, 1, 0)[-3:] if data.shape[1] == 3 else [data[:, -1]] * 3:
        low, middle, high = np.nanpercentile(plane, [16, 50, 84])
        stretched = np.arcsinh((plane - middle) / (_SOFTENING * ((high - low) / 2 or 1)))
        bottom, top = np.nanpercentile(stretched, [1, _BRIGHTEST])
        shown.append(np.nan_to_num(np.clip((stretched - bottom) / (top - bottom or 1), 0, 1)))
    return np.stack(shown[::-1], axis=-1)


def _values(table, name, log, *, unit=None):
    """Return a column as an array, as its logarithm if it is drawn so."""
    values = to_array(name, table[name], unit=unit or getattr(table[name], 'unit', None))
    return np.log10(values) if name in log else values


def _label(table, name, log):
    """Return the label of a parameter."""
    return axis_label('', name, getattr(table[name], 'unit', None), log)
