# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The figure of a posterior: the density of each parameter and of each pair.
"""

import numpy as np

_N_POINTS = 121
_FRACTIONS = (0.95, 0.68)
_PERCENTILES = (0.16, 0.5, 0.84)
_COLOUR = 'C0'


def plot_corner(places, axes=None):
    """
    Plot the distributions of one source.

    Parameters
    ----------
    places : list of (`JointGrid` or `JointMixture`, int)
        For each parameter its joint distribution, with one row, and its place
        in it.

    axes : `~numpy.ndarray` of `~matplotlib.axes.Axes` with shape (p, p), optional
        Where to draw. The default is a new figure.

    Returns
    -------
    axes : `~numpy.ndarray` of `~matplotlib.axes.Axes`
        The axes.
    """
    p = len(places)
    if axes is None:
        import matplotlib.pyplot as plt

        size = 1.2 + 1.9 * p
        _, axes = plt.subplots(p, p, figsize=(size, size), squeeze=False, layout='constrained')
    if np.shape(axes) != (p, p):
        msg = f'axes must be an array with shape ({p}, {p}), got {np.shape(axes)}'
        raise ValueError(msg)
    ranges = [_range(part, k) for part, k in places]
    for row, (part, k) in enumerate(places):
        for column in range(p):
            ax = axes[row, column]
            if column > row:
                ax.set_axis_off()
            elif np.isnan(ranges[row] + ranges[column]).any():
                ax.text(0.5, 0.5, 'no result', ha='center', transform=ax.transAxes)
            elif column == row:
                _plot_density(ax, part, k, ranges[row])
            else:
                _plot_pair(ax, places[column], places[row], ranges[column], ranges[row])
            if row == p - 1:
                first, j = places[column]
                ax.set_xlabel(_label(first.parameters[j]))
            if column == 0 and row:
                ax.set_ylabel(_label(part.parameters[k]))
            ax.tick_params(labelbottom=row == p - 1, labelleft=column == 0 < row, labelsize=8)
    return axes


def _plot_density(ax, part, k, limits):
    """Draw the density of one parameter, and its percentiles."""
    x = np.linspace(*limits, 4 * _N_POINTS)
    density = np.exp(part.keep((k,)).log_pdf(x[np.newaxis, :, np.newaxis]))[0]
    ax.plot(x, density, color=_COLOUR)
    ax.fill_between(x, density, alpha=0.2, color=_COLOUR, linewidth=0)
    for q in _PERCENTILES:
        ax.axvline(part.quantile(k, q)[0], color='0.3', linewidth=0.8, linestyle='--')
    ax.set_xlim(limits)
    ax.set_ylim(0, 1.1 * density.max())
    ax.set_yticks([])


def _plot_pair(ax, first, second, x_limits, y_limits):
    """Draw the density of two parameters, with contours that hold given fractions."""
    x, y = np.linspace(*x_limits, _N_POINTS), np.linspace(*y_limits, _N_POINTS)
    density = _pair_density(first, second, x, y)
    ranked = np.sort(density, axis=None)[::-1]
    held = ranked.cumsum() / ranked.sum()
    levels = [ranked[np.searchsorted(held, fraction)] for fraction in _FRACTIONS]
    ax.pcolormesh(x, y, density, cmap='Blues', shading='gouraud', rasterized=True)
    if 0 < levels[0] < levels[1] < ranked[0]:
        ax.contour(x, y, density, levels=levels, colors=[_COLOUR], linewidths=[0.8, 1.4])
    ax.plot(first[0].quantile(first[1], 0.5), second[0].quantile(second[1], 0.5), '+', color='0.3')
    ax.set_xlim(x_limits)
    ax.set_ylim(y_limits)


def _pair_density(first, second, x, y):
    """Return the density of two parameters on a mesh, (n_y, n_x)."""
    (part, i), (other, j) = first, second
    if part is other:
        mesh = np.stack(np.meshgrid(x, y), axis=-1).reshape(1, -1, 2)
        return np.exp(part.keep((i, j)).log_pdf(mesh)).reshape(len(y), len(x))
    in_x = part.keep((i,)).log_pdf(x[np.newaxis, :, np.newaxis])
    in_y = other.keep((j,)).log_pdf(y[np.newaxis, :, np.newaxis])
    return np.exp(in_y.T + in_x)


def _range(part, k):
    """Return what part of the axis to show."""
    low, high = part.quantile(k, 0.001)[0], part.quantile(k, 0.999)[0]
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _label(parameter):
    """Return the label of an axis."""
    unit = f' / {parameter.unit}' if parameter.unit else ''
    return f'log10({parameter.name}{unit})' if parameter.log else f'{parameter.name}{unit}'
