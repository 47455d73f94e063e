# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The papers' figures, from truths and predictions.

Every function draws into the axes it is given, or into a new figure, and
returns the axes; ``axes.figure.savefig`` writes the figure. New figures are not
registered with pyplot, so nothing has to be closed.
"""

import astropy.units as u
import numpy as np

from starcnn.validation._arrays import to_array, to_arrays
from starcnn.validation.calibration import central_coverage
from starcnn.validation.metrics import bias, r_squared, scatter

__all__ = [
    'confusion',
    'coverage_curve',
    'pit_histogram',
    'residual_histogram',
    'true_against_predicted',
]

# from the colour-blind safe set of Okabe & Ito (2008)
BLUE, ORANGE, GREY = '#0072B2', '#D55E00', '#707070'

# how parameters are written on axes; others are written by their name
SYMBOLS = {
    'a_v': '$A_V$',
    'age': 'age',
    'distance': 'distance',
    'distance_modulus': 'distance modulus',
    'feh': '[Fe/H]',
    'log_age': 'log(age / yr)',
    'mass': 'mass',
    'r_h': '$r_\\mathrm{h}$',
}


def _new_axes(axes, size):
    """Return the axes, or those of a new figure with that size in inches."""
    if axes is not None:
        return axes
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout='constrained').add_subplot()


def _label(prefix, parameter, unit):
    """Return the label of an axis."""
    text = f'{prefix} {SYMBOLS.get(parameter, parameter.replace("_", " "))}'
    shown = '' if unit is None else u.Unit(unit).to_string('unicode')
    return f'{text} [{shown}]' if shown else text


def _scores(truth, predicted, unit, *, log):
    """Return the scores of predictions as lines of text."""
    unit = 'dex' if log else '' if unit is None else u.Unit(unit).to_string('unicode')
    if log:
        truth, predicted = np.log10(truth), np.log10(predicted)
    return (
        f'N = {truth.size}\n'
        f'R² = {r_squared(truth, predicted):.3f}\n'
        f'bias = {bias(truth, predicted):+.3f} {unit}\n'
        f'scatter = {scatter(truth, predicted):.3f} {unit}'
    )


def true_against_predicted(truth, predicted, parameter, *, log=False, axes=None):
    """
    Draw predictions against truths, with the line on which they are equal.

    Parameters
    ----------
    truth, predicted : `~astropy.table.Table`
        The truths and the results of an estimator, row by row the same
        sources. Where ``predicted`` has the columns ``<parameter>_16`` and
        ``<parameter>_84``, they are drawn as error bars.

    parameter : str
        The name of the column.

    log : bool, optional
        Whether to draw logarithmic axes and give the scores in dex.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes.
    """
    axes = _new_axes(axes, (5, 5))
    (x, y), unit = to_arrays({'truth': truth[parameter], 'predicted': predicted[parameter]})
    if {f'{parameter}_16', f'{parameter}_84'} <= set(predicted.colnames):
        ends = [
            to_array(f'{parameter}_{q}', predicted[f'{parameter}_{q}'], unit=unit) for q in (16, 84)
        ]
        axes.vlines(x, *ends, color=BLUE, alpha=0.25, linewidth=0.8, zorder=1)
    axes.plot(x, y, 'o', color=BLUE, alpha=0.5, markersize=3, markeredgewidth=0, zorder=2)
    if log:
        axes.set(xscale='log', yscale='log')
        low, high = np.log10([min(x.min(), y.min()), max(x.max(), y.max())])
        pad = 0.04 * (high - low)
        limits = 10 ** np.array([low - pad, high + pad])
    else:
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        limits = np.array([low, high]) + 0.04 * (high - low) * np.array([-1, 1])
    axes.plot(limits, limits, color=ORANGE, linewidth=1.2, zorder=3)
    axes.set(
        xlim=limits,
        ylim=limits,
        aspect='equal',
        xlabel=_label('True', parameter, unit),
        ylabel=_label('Predicted', parameter, unit),
    )
    axes.text(
        0.04, 0.96, _scores(x, y, unit, log=log), transform=axes.transAxes, va='top', fontsize=9
    )
    return axes


def residual_histogram(truth, predicted, parameter, *, log=False, axes=None):
    """
    Draw the distribution of predicted minus true.

    Parameters
    ----------
    truth, predicted : `~astropy.table.Table`
        The truths and the results of an estimator, row by row the same
        sources.

    parameter : str
        The name of the column.

    log : bool, optional
        Whether to take the difference of the decimal logarithms.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes. Residuals beyond six times the scatter are drawn at the ends.
    """
    axes = _new_axes(axes, (5, 3.5))
    (x, y), unit = to_arrays({'truth': truth[parameter], 'predicted': predicted[parameter]})
    if log:
        x, y, unit = np.log10(x), np.log10(y), 'dex'
    middle, width = bias(x, y), scatter(x, y)
    reach = 6 * width or 1.0
    edges = np.linspace(middle - reach, middle + reach, 61)
    residuals = np.clip(y - x, edges[0], edges[-1])
    axes.hist(residuals, bins=edges, color=BLUE, alpha=0.75)
    axes.axvspan(middle - width, middle + width, color=ORANGE, alpha=0.15, linewidth=0)
    axes.axvline(middle, color=ORANGE, linewidth=1.2)
    axes.axvline(0, color=GREY, linewidth=0.8, linestyle=':')
    name = f'log {SYMBOLS.get(parameter, parameter)}' if log else parameter
    axes.set(
        xlim=(edges[0], edges[-1]),
        xlabel=_label('Predicted $-$ true', name, unit),
        ylabel='Number of sources',
    )
    axes.text(
        0.03, 0.95, _scores(x, y, unit, log=False), transform=axes.transAxes, va='top', fontsize=9
    )
    return axes


def coverage_curve(pit, *, axes=None):
    """
    Draw how many truths lie within the central interval of each level.

    Parameters
    ----------
    pit : dict of str to array-like with shape (n_source,)
        For each parameter what `pit_values` returned.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes. The grey bands hold 68 % and 95 % of the curves of perfect
        posteriors with as many sources as the first parameter has.
    """
    axes = _new_axes(axes, (5, 5))
    levels = np.linspace(0, 1, 201)
    n_sources = np.size(next(iter(pit.values())))
    error = np.sqrt(levels * (1 - levels) / n_sources)
    for n_sigma in (2, 1):
        axes.fill_between(
            levels,
            levels - n_sigma * error,
            levels + n_sigma * error,
            color='0.6',
            alpha=0.3,
            linewidth=0,
        )
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    for name, values in pit.items():
        at = central_coverage(values, [0.68, 0.95])
        shown = SYMBOLS.get(name, name)
        text = f'{shown}: {100 * at[0]:.1f} % and {100 * at[1]:.1f} %'
        axes.plot(levels, central_coverage(values, levels), linewidth=1.6, label=text)
    for level in (0.68, 0.95):
        axes.axvline(level, color=GREY, linewidth=0.6, linestyle=':')
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1),
        aspect='equal',
        xlabel='Probability of the interval',
        ylabel='Fraction of truths inside',
    )
    axes.legend(loc='upper left', fontsize=9, title='inside 68 % and 95 %', title_fontsize=9)
    return axes


def pit_histogram(pit, *, n_bins=20, axes=None):
    """
    Draw the distribution of the probabilities below the truth.

    Parameters
    ----------
    pit : array-like with shape (n_source,)
        What `pit_values` returned.

    n_bins : int, optional
        The number of bins. The default is 20.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes. The grey bands hold 68 % and 95 % of the bins of perfect
        posteriors.
    """
    axes = _new_axes(axes, (5, 3.5))
    pit = to_array('pit', pit, unit=None)
    mean = pit.size / n_bins
    error = np.sqrt(mean * (1 - 1 / n_bins))
    for n_sigma in (2, 1):
        axes.axhspan(
            mean - n_sigma * error, mean + n_sigma * error, color='0.6', alpha=0.3, linewidth=0
        )
    axes.axhline(mean, color=GREY, linewidth=0.8)
    axes.hist(pit, bins=n_bins, range=(0, 1), color=BLUE, histtype='step', linewidth=1.6)
    axes.set(
        xlim=(0, 1),
        ylim=(0, None),
        xlabel='Posterior probability below the truth',
        ylabel='Number of sources',
    )
    return axes


def confusion(counts, *, labels, axes=None):
    """
    Draw a confusion matrix as fractions of each true class, with the counts.

    Parameters
    ----------
    counts : array-like with shape (n_class, n_class)
        What `confusion_matrix` returned: rows are true classes.

    labels : sequence
        The names of the classes in order.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes.
    """
    counts = np.asarray(counts)
    labels = [str(label) for label in labels]
    if counts.shape != (len(labels), len(labels)):
        msg = f'counts must have shape ({len(labels)}, {len(labels)}), got {counts.shape}'
        raise ValueError(msg)
    axes = _new_axes(axes, (4.5, 4.5))
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(fractions, cmap='Blues', vmin=0, vmax=1)
    for (row, column), fraction in np.ndenumerate(fractions):
        axes.text(
            column,
            row,
            f'{100 * fraction:.0f} %\n{counts[row, column]}',
            ha='center',
            va='center',
            color='white' if fraction > 0.5 else 'black',
            fontsize=9,
        )
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel='Predicted class', ylabel='True class')
    return axes
