# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The figures of Bialopetravicius & Narbutis (2020), from what a network says about mocks.
"""

from itertools import combinations

import astropy.units as u
import numpy as np
from astropy.nddata import NDData

from ._findings import NAMES, find, to_axes
from ._mocks import OPTIONS
from ._stochastic import SECOND, draw_cases
from .spec import DEFAULT

__all__ = [
    'draw_classes',
    'draw_errors',
    'draw_examples',
    'draw_pairs',
    'draw_stochastic',
]

_LABELS = {
    'age': 'log$_{10}$ age [yr]',
    'a_v': '$A_V$ [mag]',
    'mass': 'log$_{10}$ mass [$M_\\odot$]',
    'r_h': 'log$_{10}$ $r_h$ [arcsec]',
    'visibility': 'log$_{10}$ visibility',
}
_RANGES = {item.name: item.bounds for item in DEFAULT.parameters}
_PANELS = ('age', 'mass', 'a_v', 'r_h')
_BOUND = 95  # % of the errors
_GREY, _RED, _BLUE = '0.6', 'tab:red', 'tab:blue'

# Fig. 9: images of each cluster, at most, and one for so many mocks.
_N_CASES, _MOCKS_PER_CASE = 100, 50

# Fig. 21: the clusters that are nearest to these log ages, A_V and log masses.
_EXAMPLES = ((6.8, 0.5, 3.9), (8.3, 1.0, 5.0), (9.5, 1.5, 5.3))
_EXAMPLE_NAMES = ('age', 'a_v', 'mass')


def _figure(n_rows, n_columns, *, size=3.2):
    """Return a figure and its axes, (n_rows, n_columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size * n_columns, size * n_rows), layout='constrained')
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def draw_errors(column, context):
    """Return Fig. 10, or Fig. 11 of what was found with calibration scatter."""
    figure, axes = _figure(2, 2, size=4)
    found, truth = getattr(context, column), context.truth
    age_error = np.asarray(found['age'] - truth['age'])
    bound = np.percentile(np.abs(age_error), _BOUND)
    for panel, name in zip(axes.flat, _PANELS, strict=True):
        _draw_errors(panel, name, np.asarray(truth[name]), np.asarray(found[name]))
        for colour, is_out in ((_RED, age_error < -bound), (_BLUE, age_error > bound)):
            panel.plot(truth[name][is_out], found[name][is_out], '.', color=colour, ms=3)
    return figure


def _draw_errors(panel, name, true, found):
    """Draw a map of derived against true values, with the lines that hold most of them."""
    low, high = _RANGES[name]
    panel.hexbin(
        true, found, gridsize=40, bins='log', cmap='Greys', extent=(low, high, low, high), mincnt=1
    )
    bound = np.percentile(np.abs(found - true), _BOUND)
    line = np.array([low, high])
    panel.plot(line, line, color='k', lw=0.8)
    for shift in (-bound, bound):
        panel.plot(line, line + shift, 'k--', lw=0.8)
    panel.set(xlabel=f'True {_LABELS[name]}', ylabel=f'Derived {_LABELS[name]}')
    panel.set(xlim=(low, high), ylim=(low, high), title=f'95 % within {bound:.2f}')


def draw_classes(context):
    """Return Fig. 12: probability of a cluster and visibility, of clusters and empty fields."""
    figure, axes = _figure(2, 2, size=4)
    top, true, main, side = axes.flat
    for found, colour, label in (
        (context.empty, _GREY, 'empty fields'),
        (context.found, _RED, 'clusters'),
    ):
        probability, visibility = (np.asarray(found[n]) for n in ('prob_cluster', 'visibility'))
        main.plot(probability, visibility, '.', color=colour, ms=2, label=label)
        top.hist(probability, bins=np.linspace(0, 1, 41), color=colour, histtype='step', log=True)
        bins = np.linspace(*_RANGES['visibility'], 41)
        side.hist(
            visibility, bins=bins, color=colour, histtype='step', log=True, orientation='horizontal'
        )
    main.set(xlabel='Probability of a cluster', ylabel=f'Derived {_LABELS["visibility"]}')
    main.legend()
    top.set(xlabel='Probability of a cluster', ylabel='Number')
    side.set(xlabel='Number', ylabel=f'Derived {_LABELS["visibility"]}')
    names = (context.truth['visibility'], context.found['visibility'])
    _draw_errors(true, 'visibility', *(np.asarray(values) for values in names))
    return figure


def draw_pairs(context):
    """Return Fig. 13: pairs of derived parameters, with the derived visibility as colour."""
    figure, axes = _figure(2, 3, size=4)
    pairs = combinations(NAMES, 2)
    for panel, (x, y) in zip(axes.flat, pairs, strict=True):
        points = panel.scatter(
            context.found[x],
            context.found[y],
            c=context.found['visibility'],
            s=3,
            cmap='viridis',
            vmin=_RANGES['visibility'][0],
            vmax=_RANGES['visibility'][1],
        )
        panel.set(xlabel=_LABELS[x], ylabel=_LABELS[y], xlim=_RANGES[x], ylim=_RANGES[y])
    figure.colorbar(points, ax=axes, label=f'Derived {_LABELS["visibility"]}')
    return figure


def draw_stochastic(point, context):
    """Return Fig. 9: the same clusters with other stars (above), on other backgrounds (below)."""
    figure, axes = _figure(2, 2, size=4.5)
    n = int(np.clip(len(context.truth) // _MOCKS_PER_CASE, 2, _N_CASES))
    for row, vary in zip(axes, ('stars', 'background'), strict=True):
        for panel, second in zip(row, SECOND, strict=True):
            cases = draw_cases(second, vary, n, options=OPTIONS)
            found = find(context.estimator, cases.images, point=point)
            posterior = context.estimator.posterior(_take(cases.images, slice(None, None, n)))
            _draw_maps(panel, second, posterior)
            panel.plot(found[second], found['age'], '.', color='magenta', ms=3)
            parameters = [item for item in DEFAULT.parameters if item.name in ('age', second)]
            true = to_axes(cases.truth[::n], parameters)
            panel.plot(true[second], true['age'], 'o', color='cyan', mec='k')
            panel.set(xlabel=_LABELS[second], ylabel=_LABELS['age'], title=f'varied: {vary}')
            panel.set(xlim=_RANGES[second], ylim=_RANGES['age'])
    return figure


def _take(images, rows):
    """Return some of the images of a stack."""
    return NDData(images.data[rows], unit=images.unit, meta=images.meta)


def _draw_maps(panel, second, posterior):
    """Draw the joint maps of several clusters on each other, each as bright as the others."""
    axes, density = posterior.joint(('age', second))
    parameters = {item.name: item for item in DEFAULT.parameters}
    y, x = (
        _nodes(values, parameters[name]) for values, name in zip(axes, ('age', second), strict=True)
    )
    # per axis, not per unit: equal probabilities are equally bright
    density = np.asarray(density.value) * (10 ** y[:, np.newaxis])
    if parameters[second].log:
        density = density * 10**x
    density = density / density.max(axis=(1, 2), keepdims=True)
    panel.pcolormesh(x, y, density.max(axis=0), cmap='Greys', rasterized=True)


def _nodes(values, parameter):
    """Return the nodes of a grid on the axis of its parameter."""
    x = u.Quantity(values).to_value(parameter.unit)
    return np.log10(x) if parameter.log else x


def draw_examples(context):
    """Return Fig. 21: three clusters, in colour and in each filter, and what is known of them."""
    truth = context.truth
    axes_of = np.column_stack([truth[name] for name in _EXAMPLE_NAMES])
    widths = np.ptp(axes_of, axis=0)
    rows = [
        int(np.argmin((((axes_of - target) / widths) ** 2).sum(axis=1))) for target in _EXAMPLES
    ]
    filters = context.images.meta['filters']
    figure, axes = _figure(len(rows), 1 + len(filters) + 5, size=2.2)
    for panels, row in zip(axes, rows, strict=True):
        image = np.arcsinh(_normalise(context.images.data[row]))
        limits = np.percentile(image, [1, 99.8])
        colour = np.clip((image[::-1] - limits[0]) / np.ptp(limits), 0, 1)
        panels[0].imshow(np.moveaxis(colour, 0, -1), origin='lower')
        for panel, plane, name in zip(panels[1:], image, filters, strict=False):
            panel.imshow(plane, origin='lower', cmap='gray', vmin=limits[0], vmax=limits[1])
            panel.set_title(name)
        for panel in panels[: 1 + len(filters)]:
            panel.set(xticks=[], yticks=[])
        _draw_example(panels[1 + len(filters) :], row, context)
    return figure


def _normalise(image):
    """Return images of which each has mean 0 and standard deviation 1."""
    mean, deviation = (f(image, axis=(1, 2), keepdims=True) for f in (np.mean, np.std))
    return (image - mean) / deviation


def _draw_example(panels, row, context):
    """Draw the distributions of one cluster: map of age and A_V, age, mass, size, visibility."""
    posterior = context.estimator.posterior(_take(context.images, slice(row, row + 1)))
    _draw_maps(panels[0], 'a_v', posterior)
    for table, colour in ((context.truth, 'cyan'), (context.found, 'magenta')):
        panels[0].plot(table['a_v'][row], table['age'][row], 'o', color=colour, mec='k')
    panels[0].set(xlabel=_LABELS['a_v'], ylabel=_LABELS['age'])
    _shade(panels[0], 'a_v', panels[0].axvspan)
    _shade(panels[0], 'age', panels[0].axhspan)
    parameters = {item.name: item for item in context.estimator.spec.parameters}
    for panel, name in zip(panels[1:], ('age', 'mass', 'r_h', 'visibility'), strict=True):
        nodes = np.array(parameters[name].grid)
        edges = nodes[0] + (np.arange(len(nodes) + 1) - 0.5) * (nodes[1] - nodes[0])
        below = posterior.cdf(name, _quantity(edges, parameters[name])[np.newaxis])[0]
        panel.stairs(np.diff(below), edges, color='k')
        for table, colour in ((context.truth, 'cyan'), (context.found, 'magenta')):
            panel.axvline(table[name][row], color=colour)
        panel.set(xlabel=_LABELS[name], yticks=[])
        _shade(panel, name, panel.axvspan)


def _quantity(x, parameter):
    """Return values on the axis of a parameter as a quantity."""
    return (10**x if parameter.log else x) << u.Unit(parameter.unit)


def _shade(panel, name, span):
    """Shade where no cluster of the training was."""
    low, high = _RANGES[name]
    limits = panel.get_xlim() if span == panel.axvspan else panel.get_ylim()
    for start, end in ((limits[0], low), (high, limits[1])):
        if end > start:
            span(start, end, color=_RED, alpha=0.15, lw=0)
