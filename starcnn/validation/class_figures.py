# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Figures of classes: confusion beside a paper's, entropy, reliability, ROC, and ablations.

Every function draws into a new figure, which it returns.
"""

import math

import numpy as np

from starcnn.validation._arrays import to_array
from starcnn.validation._drawing import new_figure
from starcnn.validation.classes import reliability
from starcnn.validation.figures import BLUE, GREY, ORANGE

__all__ = [
    'plot_accuracies',
    'plot_confusions',
    'plot_distributions',
    'plot_entropy',
    'plot_mean_roc',
    'plot_reliability',
    'plot_roc',
]

_COLOURS = (BLUE, ORANGE, '#009E73', '#CC79A7', '#E69F00', GREY)
_DARK = 50  # per cent, above which text is white


def plot_confusions(matrices, *, labels, scatters=None):
    """
    Draw confusion matrices side by side, rows in per cent.

    Parameters
    ----------
    matrices : dict of str to array-like with shape (n_class, n_class)
        By their titles, what `confusion_percent` returned, or a paper has.

    labels : sequence of str
        The classes in order.

    scatters : dict of str to array-like with shape (n_class, n_class), optional
        Scatters over trainings, by the same titles; NaN is not drawn.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        A panel for each; rows are true classes.
    """
    n = len(labels)
    figure = new_figure(None, (3.6 * len(matrices), 3.8))
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for axes, (title, matrix) in zip(panels, matrices.items(), strict=True):
        matrix = to_array('matrices', matrix, unit=None)
        scatter = np.full((n, n), np.nan) if scatters is None else scatters.get(title)
        scatter = np.full((n, n), np.nan) if scatter is None else np.asarray(scatter)
        if matrix.shape != (n, n) or scatter.shape != (n, n):
            msg = f'matrices must have shape ({n}, {n}), got {matrix.shape} and {scatter.shape}'
            raise ValueError(msg)
        axes.imshow(matrix, cmap='Blues', vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(matrix):
            error = scatter[row, column]
            text = f'{value:.0f}' if math.isnan(error) else f'{value:.0f}\n± {error:.0f}'
            colour = 'white' if value > _DARK else 'black'
            axes.text(column, row, text, ha='center', va='center', color=colour, fontsize=9)
        axes.set_xticks(range(n), labels)
        axes.set_yticks(range(n), labels)
        axes.set(xlabel='Predicted class', ylabel='True class')
        axes.set_title(title, fontsize=9)
    return figure


def plot_entropy(counts, *, n_classes):
    """
    Draw histograms of the entropy of predictions, each with an area of one.

    Wei et al. (2020, MNRAS, 493, 3178), Fig. 5.

    Parameters
    ----------
    counts : dict of str to array-like with shape (n_bin,)
        By label, the numbers of sources in bins of equal width from 0 to the
        largest entropy.

    n_classes : int
        The number of classes, whose natural logarithm is the largest entropy.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The histograms.
    """
    figure = new_figure(None, (5, 3.5))
    axes, most = figure.add_subplot(), math.log(n_classes)
    for (label, values), colour in zip(counts.items(), _cycle(), strict=False):
        values = to_array('counts', values, unit=None)
        edges = np.linspace(0, most, len(values) + 1)
        density = values / max(values.sum() * (edges[1] - edges[0]), 1e-12)
        axes.stairs(density, edges, color=colour, linewidth=1.6, label=label)
    axes.axvline(most, color=GREY, linewidth=0.8, linestyle=':')
    axes.set(xlim=(0, 1.02 * most), xlabel='Entropy', ylabel='Normalized distribution')
    axes.legend(fontsize=9)
    return figure


def plot_reliability(cases, *, labels):
    """
    Draw how often the most probable class is the true one against its probability.

    Parameters
    ----------
    cases : dict of str to (truth, probabilities)
        By name, what `reliability` takes.

    labels : sequence of str
        The classes in order.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        Points with the standard errors of fractions, and the numbers of sources
        of each bin below.
    """
    figure = new_figure(None, (4.8, 5.6))
    axes, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    for (name, (truth, probabilities)), colour in zip(cases.items(), _cycle(), strict=False):
        confidence, accuracy, counts = reliability(truth, probabilities, labels=labels)
        with np.errstate(invalid='ignore', divide='ignore'):
            errors = np.sqrt(confidence * (1 - confidence) / counts)
        axes.errorbar(confidence, accuracy, errors, fmt='o-', color=colour, ms=4, label=name)
        lower.stairs(counts, np.linspace(0, 1, len(counts) + 1), color=colour)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel='Fraction that is right')
    lower.set(xlabel='Probability of the most probable class', ylabel='Sources')
    axes.legend(fontsize=9)
    return figure


def plot_roc(truth, probabilities, *, labels):
    """
    Draw the receiver operating curve of each class against the others.

    Parameters
    ----------
    truth : array-like of str with shape (n_source,)
        The true classes.

    probabilities : array-like with shape (n_source, n_class)
        The probabilities.

    labels : sequence of str
        The classes in order.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The curves, with the areas below them.
    """
    from sklearn.metrics import auc, roc_curve

    figure = new_figure(None, (4.8, 4.8))
    axes = figure.add_subplot()
    truth, p = np.asarray(truth, dtype=str), to_array('probabilities', probabilities, unit=None)
    for k, (label, colour) in enumerate(zip(labels, _cycle(), strict=False)):
        false, true, _ = roc_curve(truth == str(label), p[:, k])
        area = auc(false, true)
        axes.plot(false, true, color=colour, linewidth=1.6, label=f'{label}: {area:.3f}')
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=':')
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect='equal')
    axes.set(xlabel='Others called by the class', ylabel='Sources of the class that are found')
    axes.legend(fontsize=9, title='class: area', title_fontsize=9, loc='lower right')
    return figure


def plot_mean_roc(curves):
    """
    Draw the mean of receiver operating curves of several trainings or folds.

    Parameters
    ----------
    curves : dict of str to array-like with shape (n_training, n_point)
        By name, the fractions of a class that are found where fractions of the
        others, equally spaced from 0 to 1, are called by it.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        The means, with the range of all trainings shaded.
    """
    figure = new_figure(None, (4.8, 4.8))
    axes = figure.add_subplot()
    for (name, values), colour in zip(curves.items(), _cycle(), strict=False):
        values = to_array('curves', values, unit=None)
        x = np.linspace(0, 1, values.shape[-1])
        axes.fill_between(
            x, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, linewidth=0
        )
        axes.plot(x, values.mean(axis=0), color=colour, linewidth=1.6, label=name)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=':')
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect='equal')
    axes.set(xlabel='Others called by the class', ylabel='Sources of the class that are found')
    axes.legend(fontsize=9, loc='lower right')
    return figure


def plot_distributions(comparison, *, names):
    """
    Draw real and simulated distributions of each class as cumulative fractions.

    Parameters
    ----------
    comparison : dict of str to dict of str to dict
        By class and variable: ``levels`` and real ``quantiles`` there, the
        ``simulated`` values, and the largest difference ``ks``.

    names : dict of str to str
        The variables that are drawn, and the labels of their axes.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        A row for each class, a column for each variable.
    """
    n_row, n_column = len(comparison), len(names)
    figure = new_figure(None, (2.0 * n_column, 1.7 * n_row))
    panels = figure.subplots(n_row, n_column, sharex='col', sharey=True, squeeze=False)
    for row, (label, variables) in zip(panels, comparison.items(), strict=True):
        for axes, (name, text) in zip(row, names.items(), strict=True):
            item = variables[name]
            simulated = np.sort(item['simulated'])
            fractions = np.arange(1, len(simulated) + 1) / max(len(simulated), 1)
            axes.plot(item['quantiles'], item['levels'], color=GREY, linewidth=2, label='real')
            axes.step(simulated, fractions, where='post', color=BLUE, label='simulated')
            low, high = np.interp([0.005, 0.995], item['levels'], item['quantiles'])
            pad = 0.15 * (high - low)
            axes.set(xlim=(low - pad, high + pad), ylim=(0, 1))
            axes.text(0.05, 0.9, f'{item["ks"]:.2f}', transform=axes.transAxes, fontsize=8)
            if axes in panels[-1]:
                axes.set_xlabel(text, fontsize=9)
            axes.tick_params(labelsize=7)
        row[0].set_ylabel(f'class {label}', fontsize=9)
    panels[0, -1].legend(fontsize=7, loc='lower right')
    return figure


def plot_accuracies(series, *, labels, title=''):
    """
    Draw the accuracy of each class for several cases.

    Wei et al. (2020, MNRAS, 493, 3178), Fig. 6 and 7.

    Parameters
    ----------
    series : dict of str to (mean, scatter)
        By case, such as a filter that is missing: the accuracy of each class in
        per cent, and its scatter over trainings, which may be NaN.

    labels : sequence of str
        The classes in order.

    title : str, optional
        The title.

    Returns
    -------
    figure : `~matplotlib.figure.Figure`
        Bars, grouped by class.
    """
    figure = new_figure(None, (6, 3.5))
    axes, width = figure.add_subplot(), 0.8 / len(series)
    x = np.arange(len(labels))
    for k, ((name, (mean, scatter)), colour) in enumerate(
        zip(series.items(), _cycle(), strict=False)
    ):
        places = x + width * (k - (len(series) - 1) / 2)
        errors = np.nan_to_num(np.asarray(scatter, dtype=float))
        axes.bar(places, mean, 0.9 * width, yerr=errors, color=colour, label=name)
    axes.set_xticks(x, [f'class {label}' for label in labels])
    axes.set(ylim=(0, 100), ylabel='Classified correctly [%]', title=title)
    axes.legend(fontsize=8, ncols=3)
    return figure


def _cycle():
    """Return colours for more curves than there are colours."""
    return _COLOURS * 4
