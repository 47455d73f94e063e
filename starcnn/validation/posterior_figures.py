# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Figures of posteriors on grids: what single clusters look like to a network.

They follow figures 9 and 21 of Bialopetravicius & Narbutis (2020, A&A, 633,
A148).
"""

import numpy as np

from starcnn.validation._drawing import axis_label, new_figure

__all__ = ['plot_colours', 'plot_examples', 'plot_stochastic']

TRUE, DERIVED, SHADE = 'c', 'm', '#f4b6b6'

_N_COLOURS = 3

# images are shown as asinh of the deviation from their median, in units of their scatter
_SOFTENING, _BRIGHTEST = 3.0, 99.8


def plot_stochastic(posteriors, truth, spec, *, names=('age', 'a_v'), axes=None):
    """
    Draw how chance scatters the estimates of clusters, over maps of the posterior.

    Parameters
    ----------
    posteriors : sequence of `~starcnn.networks.Posterior`
        For each cluster the posteriors of its realisations, such as other draws of its
        stars, or the same on other backgrounds.

    truth : `~astropy.table.Table`
        The true parameters, one row per cluster.

    spec : `~starcnn.networks.Spec`
        The spec of the network, which says what axes are logarithmic.

    names : sequence of str, optional
        The parameters along x and y. The default is age and A_V.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes: in grey the posterior of the first realisation of each
        cluster, scaled to its peak; in magenta the unfolded estimates; in cyan
        the truth.
    """
    if len(posteriors) != len(truth):
        msg = f'truth must have a row for each of {len(posteriors)} clusters, got {len(truth)}'
        raise ValueError(msg)
    if axes is None:
        axes = new_figure(None, (4.6, 4)).add_subplot()
    parameters = _find(spec, names)
    total = 0
    for posterior in posteriors:
        nodes, density = _map(posterior[0], parameters)
        total = np.maximum(total, density / density.max())
    axes.pcolormesh(*nodes, total.T, cmap='Greys', vmin=0, vmax=1, shading='nearest')
    for posterior in posteriors:
        points = [_on_axis(posterior.unfold(p.name), p) for p in parameters]
        axes.plot(*points, 'o', color=DERIVED, markersize=2.5, alpha=0.6, markeredgewidth=0)
    points = [_on_axis(truth[p.name], p) for p in parameters]
    axes.plot(*points, 'o', color=TRUE, markersize=7, fillstyle='none', markeredgewidth=1.5)
    _finish_map(axes, parameters, nodes)
    return axes


def plot_colours(data, *, n_columns, texts=None, axes=None):
    """
    Draw sources in colour, side by side.

    Parameters
    ----------
    data : `~astropy.nddata.NDData` with shape (n_source, 3, ny, nx)
        The images: the last filter is red, the first blue. Each is stretched by
        itself, from its median and scatter.

    n_columns : int
        The number of images in a row. The first row is at the bottom.

    texts : sequence of str or `None`, optional
        What to write into the lower left corner of each.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes, in units of one image.

    Raises
    ------
    ValueError
        If the images have not three filters, or do not fill the rows.
    """
    images = np.asarray(data.data, dtype=float)
    if images.ndim != 4 or images.shape[1] != _N_COLOURS or len(images) % n_columns:
        msg = f'data must have shape (a multiple of {n_columns}, 3, ny, nx), got {images.shape}'
        raise ValueError(msg)
    if axes is None:
        axes = new_figure(None, (4, 4)).add_subplot()
    for i, planes in enumerate(images):
        row, column = divmod(i, n_columns)
        rgb = np.stack([_stretch(plane) for plane in planes[::-1]], axis=-1)
        axes.imshow(rgb, origin='lower', extent=(column, column + 1, row, row + 1))
        if texts is not None:
            axes.text(column + 0.04, row + 0.04, texts[i], color='yellow', fontsize=8)
    axes.set(xlim=(0, n_columns), ylim=(0, len(images) // n_columns), xticks=[], yticks=[])
    return axes


def plot_examples(data, posterior, spec, *, names=('age', 'a_v'), truth=None, figure=None):
    """
    Draw a few sources: their images, and what is known about their parameters.

    Parameters
    ----------
    data : `~astropy.nddata.NDData` with shape (n_source, n_filter, ny, nx)
        The images; ``meta['filters']`` names the filters. With three, there
        is a colour image, too: the last filter is red, the first blue.

    posterior : `~starcnn.networks.Posterior`
        The posteriors of these sources.

    spec : `~starcnn.networks.Spec`
        The spec of the network, which says what axes are logarithmic, and what
        part of the grids lies beyond the range of the training.

    names : sequence of str, optional
        The parameters of the map; the others are drawn one by one. The default
        is age and A_V.

    truth : `~astropy.table.Table` or `None`, optional
        True or published values, one row per source, in the columns of this
        that are names of parameters.

    figure : `~matplotlib.figure.Figure` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        One row per source: images, histograms of the probabilities, and the
        map. Truths are cyan, unfolded estimates magenta, and parts of the
        grids beyond the training red.
    """
    images = np.asarray(data.data, dtype=float)
    if images.ndim != 4 or len(images) != len(posterior):
        msg = f'data must have shape ({len(posterior)}, n_filter, ny, nx), got {images.shape}'
        raise ValueError(msg)
    filters = [str(name) for name in data.meta.get('filters', range(images.shape[1]))]
    pair = _find(spec, names)
    singles = [p for p in spec.parameters if p.name not in names and p.grid is not None]
    n_pictures = len(filters) + (len(filters) == len('rgb'))
    n_columns = n_pictures + len(singles) + 1
    figure = new_figure(figure, (1.75 * n_columns, 1.9 * len(images)))
    widths = [1] * n_pictures + [1.2] * len(singles) + [1.7]
    axes = figure.subplots(len(images), n_columns, squeeze=False, width_ratios=widths)
    for row, line in enumerate(axes):
        _draw_pictures(line[:n_pictures], images[row], filters if row == 0 else None)
        values = {} if truth is None else truth[[row]]
        for ax, parameter in zip(line[n_pictures:-1], singles, strict=True):
            _draw_histogram(ax, posterior[row], parameter, values)
        _draw_map(line[-1], posterior[row], pair, values)
        for ax in line[n_pictures:]:
            ax.tick_params(labelsize=7)
            ax.xaxis.label.set_visible(row == len(axes) - 1)
    return figure


def _draw_pictures(axes, images, titles):
    """Draw the images of one source, in colour first if there are three."""
    shown = [_stretch(image) for image in images]
    if len(axes) > len(shown):
        axes[0].imshow(np.stack(shown[::-1], axis=-1), origin='lower')
    for ax, image in zip(axes[len(axes) - len(shown) :], shown, strict=True):
        ax.imshow(image, origin='lower', cmap='Greys_r', vmin=0, vmax=1)
    for k, ax in enumerate(axes):
        ax.set(xticks=[], yticks=[])
        if titles is not None and k >= len(axes) - len(titles):
            ax.set_title(titles[k - len(axes)], fontsize=9)


def _stretch(image):
    """Return an image from 0 to 1; pixels without a value are at 0."""
    known = np.isfinite(image)
    if not known.any():
        return np.zeros(image.shape)
    low, middle, high = np.percentile(image[known], [16, 50, 84])
    stretched = np.arcsinh((image - middle) / (_SOFTENING * ((high - low) / 2 or 1)))
    bottom, top = np.percentile(stretched[known], [1, _BRIGHTEST])
    return np.nan_to_num(np.clip((stretched - bottom) / (top - bottom or 1), 0, 1))


def _draw_histogram(ax, posterior, parameter, values):
    """Draw the probabilities of the cells of one parameter."""
    (nodes,), density = _map(posterior, [parameter])
    ax.bar(nodes, density / density.max(), width=np.gradient(nodes), color='0.4')
    _shade(ax.axvspan, parameter, nodes)
    if parameter.name in getattr(values, 'colnames', ()):
        ax.axvline(_on_axis(values[parameter.name], parameter)[0], color=TRUE, linewidth=1.5)
    ax.axvline(_on_axis(posterior.unfold(parameter.name), parameter)[0], color=DERIVED)
    ax.set(xlim=_ends(nodes), ylim=(0, 1.05), yticks=[], xlabel=_label(parameter))


def _draw_map(ax, posterior, parameters, values):
    """Draw the joint density of two parameters."""
    nodes, density = _map(posterior, parameters)
    ax.pcolormesh(*nodes, density.T, cmap='Greys', vmin=0, shading='nearest')
    if {p.name for p in parameters} <= set(getattr(values, 'colnames', ())):
        points = [_on_axis(values[p.name], p) for p in parameters]
        ax.plot(*points, 'o', color=TRUE, markersize=8, fillstyle='none', markeredgewidth=1.5)
    points = [_on_axis(posterior.unfold(p.name), p) for p in parameters]
    ax.plot(*points, 'o', color=DERIVED, markersize=4)
    _finish_map(ax, parameters, nodes)


def _finish_map(ax, parameters, nodes):
    """Shade what is beyond the training, and set limits and labels."""
    for span, parameter, x in zip((ax.axvspan, ax.axhspan), parameters, nodes, strict=True):
        _shade(span, parameter, x)
    labels = [_label(parameter) for parameter in parameters]
    ax.set(xlim=_ends(nodes[0]), ylim=_ends(nodes[1]), xlabel=labels[0], ylabel=labels[1])


def _shade(span, parameter, nodes):
    """Shade the parts of a grid beyond the bounds of the parameter."""
    ends = _ends(nodes)
    for inner, outer in zip(parameter.bounds, ends, strict=True):
        if (outer - inner) * (1 if outer == ends[1] else -1) > 0:
            span(*sorted((inner, outer)), color=SHADE, alpha=0.5, linewidth=0)


def _map(posterior, parameters):
    """Return the nodes on the axes, and the density per unit of the axes, of one source."""
    axes, density = posterior.joint([parameter.name for parameter in parameters])
    density = density.value[0]
    nodes = []
    for k, (axis, parameter) in enumerate(zip(axes, parameters, strict=True)):
        nodes.append(_on_axis(axis, parameter))
        if parameter.log:
            density = np.moveaxis(np.moveaxis(density, k, -1) * axis.value, -1, k)
    return nodes, density


def _on_axis(values, parameter):
    """Return values on the axis of a parameter."""
    values = values.to_value(parameter.unit) if hasattr(values, 'to_value') else values
    return np.log10(values) if parameter.log else np.asarray(values)


def _ends(nodes):
    """Return the outer edges of the cells."""
    return (1.5 * nodes[0] - 0.5 * nodes[1], 1.5 * nodes[-1] - 0.5 * nodes[-2])


def _label(parameter):
    """Return the label of the axis of a parameter."""
    log = (parameter.name,) if parameter.log else ()
    return axis_label('', parameter.name, parameter.unit, log)


def _find(spec, names):
    """Return the parameters of these names."""
    found = {parameter.name: parameter for parameter in spec.parameters}
    unknown = [name for name in names if name not in found]
    if unknown or len(names) != len(('x', 'y')):
        msg = f'names must be two of {list(found)}, got {list(names)}'
        raise ValueError(msg)
    return [found[name] for name in names]
