# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The figures of the paper and of our own numbers.
"""

import numpy as np

from starcnn.validation import (
    confusion_matrix,
    confusion_percent,
    plot_accuracies,
    plot_confusions,
    plot_distributions,
    plot_entropy,
    plot_mean_roc,
    plot_reliability,
    plot_roc,
)

from . import _bars as bars
from ._scores import NOTHING, select, summarise
from .spec import CLASSES, FILTERS

__all__ = [
    'draw_confusion',
    'draw_crops',
    'draw_distributions',
    'draw_entropy',
    'draw_filters',
    'draw_folds',
    'draw_reliability',
    'draw_roc',
    'draw_table_confusion',
    'draw_table_entropy',
]

_AXES = {
    'ci': 'CI [mag]',
    'm_v': '$M_V$ [mag]',
    'nuv_u': 'NUV $-$ U',
    'u_b': 'U $-$ B',
    'b_v': 'B $-$ V',
    'v_i': 'V $-$ I',
}


def draw_confusion(context):
    """Return the confusion matrix of single predictions."""
    predicted = np.array(CLASSES)[context.probabilities.argmax(axis=1)]
    counts = confusion_matrix(context.truth, predicted, labels=CLASSES)
    return plot_confusions({'here': confusion_percent(counts)[0]}, labels=CLASSES)


def draw_entropy(context):
    """Return Fig. 5 of single predictions, right ones and wrong ones."""
    truth = np.array([CLASSES.index(label) for label in context.truth.tolist()])
    right = context.probabilities.argmax(axis=1) == truth
    cases = {'right': right, 'wrong': ~right}
    found = {
        name: summarise(truth[rows], context.probabilities[rows])['entropy']
        for name, rows in cases.items()
        if rows.any()
    }
    return plot_entropy(found, n_classes=len(CLASSES))


def draw_reliability(context):
    """Return how often the most probable class is the true one."""
    return plot_reliability({'here': (context.truth, context.probabilities)}, labels=CLASSES)


def draw_roc(context):
    """Return the receiver operating curves."""
    return plot_roc(context.truth, context.probabilities, labels=CLASSES)


def draw_distributions(comparison):
    """Return real and simulated distributions of what LEGUS measures."""
    return plot_distributions(comparison, names=_AXES)


def draw_table_confusion(values, table):
    """Return the confusion matrix of trainings, beside that of the paper if it has one."""
    key = values['network'], values['tested']
    here, scatter = confusion_percent(np.asarray(select(table, **values)['counts']))
    matrices, scatters = {}, {}
    if key in bars.CONFUSION:
        title = 'Wei et al. (2020), real stamps'
        matrices[title], scatters[title] = bars.CONFUSION[key], bars.SCATTER[key]
    title = f'here, {key[0]}, simulated stamps'
    matrices[title], scatters[title] = here, scatter
    return plot_confusions(matrices, labels=CLASSES, scatters=scatters)


def draw_table_entropy(values, table):
    """Return Fig. 5 for all trainings together."""
    counts = np.asarray(select(table, **values)['entropy']).sum(axis=0)
    return plot_entropy({values['network']: counts}, n_classes=len(CLASSES))


def _accuracies(rows):
    """Return the accuracy of each class and its scatter, per cent."""
    mean, scatter = confusion_percent(np.asarray(rows['counts']))
    return np.diagonal(mean), np.diagonal(scatter)


def draw_filters(values, table):
    """Return Fig. 7: accuracies without each filter."""
    series = {'all': _accuracies(select(table, **values, without=NOTHING))}
    for name in FILTERS:
        series[f'no {name}'] = _accuracies(select(table, **values, without=name))
    return plot_accuracies(series, labels=CLASSES, title=values['network'])


def draw_crops(crops, values, table):
    """Return Fig. 6: accuracies with stamps of several sizes."""
    series = {f'{crop} px': _accuracies(select(table, **values, crop=crop)) for crop in crops}
    return plot_accuracies(series, labels=CLASSES, title=values['network'])


def draw_folds(starts, values, table):
    """Return the receiver operating curves of folds, for the starts that were tried."""
    found = set(np.asarray(table['start']).tolist())
    curves = {
        f'start: {text}': select(table, **values, start=start)['roc']
        for start, text in starts.items()
        if start in found
    }
    return plot_mean_roc(curves)
