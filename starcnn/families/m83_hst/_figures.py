# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Figures 9 to 13 and 21 of the paper, of our mocks.
"""

import numpy as np
from astropy.nddata import NDData

from starcnn.validation import (
    plot_colours,
    plot_examples,
    plot_parameter_pairs,
    plot_stochastic,
    plot_true_derived,
    plot_visibility_class,
)

from ._findings import from_axes
from ._mocks import OPTIONS
from ._stochastic import SECOND, VARIED, draw_cases
from .spec import DEFAULT

__all__ = ['draw_classes', 'draw_errors', 'draw_examples', 'draw_pairs', 'draw_stochastic']

# Fig. 9: images of each cluster, at most, and one for so many mocks.
_N_CASES, _MOCKS_PER_CASE = 100, 50

# Fig. 21: the clusters that are nearest to these log ages, A_V and log masses.
_EXAMPLES = ((6.8, 0.5, 3.9), (8.3, 1.0, 5.0), (9.5, 1.5, 5.3))
_EXAMPLE_NAMES = ('age', 'a_v', 'mass')


def draw_errors(column, context):
    """Return Fig. 10, or Fig. 11 of what was found with calibration scatter."""
    return plot_true_derived(*map(_quantities, (context.truth, getattr(context, column))))


def draw_classes(context):
    """Return Fig. 12: probability of a cluster and visibility, of clusters and empty fields."""
    return plot_visibility_class(*map(_quantities, (context.found, context.empty, context.truth)))


def draw_pairs(context):
    """Return Fig. 13: pairs of derived parameters."""
    return plot_parameter_pairs(_quantities(context.found))


def draw_stochastic(context):
    """Return Fig. 9: the same clusters with other stars, on other backgrounds, and their images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 12), layout='constrained')
    n = int(np.clip(len(context.truth) // _MOCKS_PER_CASE, 2, _N_CASES))
    *rows, pictures = figure.subplots(3, 2)
    for row, vary in zip(rows, VARIED, strict=True):
        for axes, picture, second in zip(row, pictures, SECOND, strict=True):
            cases = draw_cases(second, vary, n, options=OPTIONS)
            if vary == VARIED[0]:
                _draw_clusters(picture, cases, n, second)
            posterior = context.estimator.posterior(cases.images)
            parts = [posterior[k : k + n] for k in range(0, len(posterior), n)]
            spec = context.estimator.spec
            plot_stochastic(parts, cases.truth[::n], spec, names=('age', second), axes=axes)
            axes.set_title(f'other {vary}', fontsize=10)
    return figure


def _draw_clusters(axes, cases, n, second):
    """Draw the first image of each of nine clusters, older ones to the right."""
    # The cases are in the order of age, and of the second parameter at each age.
    first = np.arange(0, len(cases.truth), n).reshape(3, 3).T.ravel()
    texts = [f'{float(f"{value:.2g}"):g}' for value in cases.truth['visibility'][first]]
    images = NDData(cases.images.data[first], meta=cases.images.meta)
    plot_colours(images, n_columns=3, texts=texts, axes=axes)
    axes.set(xlabel='older', ylabel={'a_v': 'more $A_V$', 'mass': 'more mass'}[second])
    axes.set_title('visibility', fontsize=10)


def draw_examples(context):
    """Return Fig. 21: three clusters, in colour and in each filter, and what is known of them."""
    x = np.column_stack([context.truth[name] for name in _EXAMPLE_NAMES])
    widths = np.ptp(x, axis=0)
    rows = [int((((x - target) / widths) ** 2).sum(axis=1).argmin()) for target in _EXAMPLES]
    images = NDData(context.images.data[rows], unit=context.images.unit, meta=context.images.meta)
    posterior = context.estimator.posterior(images)
    truth = _quantities(context.truth)[rows]
    return plot_examples(images, posterior, context.estimator.spec, truth=truth)


def _quantities(table):
    """Return columns on axes as quantities."""
    return from_axes(table, DEFAULT.parameters)
