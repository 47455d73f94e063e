# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How good a classifier is on objects that it has never seen, fold by fold.
"""

from pathlib import Path

import numpy as np
from astropy.table import QTable

from starcnn.plugins._manager import find_recipe
from starcnn.train.class_calibration import calibrate_classes
from starcnn.train.class_scores import score_classes
from starcnn.train.folds import divide_groups
from starcnn.train.label_recipe import make_label_recipe, make_labelled_bank
from starcnn.train.labelled import fit_rows, predict_bank, still_batches
from starcnn.train.starting import IMAGENET

__all__ = ['cross_validate']


def cross_validate(
    backend,
    stamps,
    labels,
    *,
    output,
    groups=None,
    n_folds=5,
    variant='default',
    start=IMAGENET,
    crop=None,
    size=None,
    calibration=0.2,
    members=1,
    epochs=None,
    seed=0,
    device='cpu',
    amp=False,
):
    """
    Train and test a classifier in folds: each group of stamps is tested once.

    Parameters
    ----------
    backend, stamps, labels, output, groups, variant, start, crop, size, members, epochs, seed
        As for `starcnn.train.fit_labels`.

    device, amp
        As for `starcnn.train.fit`.

    n_folds : int, optional
        The number of folds.

    calibration : float, optional
        The part of the stamps of the other folds that calibrates the
        probabilities, and is not trained on. Zero trains on all of them, and
        leaves the probabilities as they are.

    Returns
    -------
    scores : `~astropy.table.QTable`
        One row per fold: ``fold``, ``n_train``, ``n_test``, and the scores of
        `starcnn.train.score_classes`. The same of all stamps together are in its
        ``meta``, with the recipe, the start and the seed.

    predictions : `~astropy.table.QTable`
        One row per stamp, in order: ``fold`` (in which it was tested), ``label``,
        ``class`` and ``prob_<label>``.

    Raises
    ------
    TypeError, ValueError
        As from `starcnn.train.fit_labels`, or if there are fewer groups than
        folds.
    """
    recipe = find_recipe(backend, variant) if isinstance(backend, str) else backend
    labels = np.asarray(labels).astype(str)
    recipe = make_label_recipe(recipe, stamps, labels, crop=crop, size=size)
    bank = make_labelled_bank(recipe, stamps, labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    folds = divide_groups(groups, labels, n_folds, seed=seed)
    names = recipe.spec.outputs[0].labels
    settings = {'start': start, 'members': members, 'epochs': epochs, 'seed': seed,
                'device': device, 'amp': amp, 'max_seconds': None}  # fmt: skip
    probabilities, rows = np.empty((len(labels), len(names))), []
    for k in range(n_folds):
        others, tested = np.flatnonzero(folds != k), np.flatnonzero(folds == k)
        folder = Path(output) / f'fold_{k}'
        network = _fit(recipe, bank, others, groups, labels, calibration, folder, settings)
        probabilities[tested] = predict_bank(network, recipe, bank.take(tested))
        scores = score_classes(probabilities[tested], labels[tested], names)
        rows.append({'fold': k, 'n_train': len(others), 'n_test': len(tested)} | scores)
    table = QTable(rows=rows)
    table.meta = {
        'recipe': f'{recipe.name}/{recipe.variant}',
        'start': str(start),
        'seed': seed,
        **score_classes(probabilities, labels, names),
    }
    return table, _make_predictions(folds, labels, probabilities, names)


def _fit(recipe, bank, rows, groups, labels, calibration, folder, settings):
    """Return a network trained on some rows, calibrated on a part of them."""
    held_out = rows[:0]
    if calibration:
        n_parts = round(1 / calibration)
        parts = divide_groups(groups[rows], labels[rows], n_parts, seed=settings['seed'])
        rows, held_out = rows[parts > 0], rows[parts == 0]
    network, _ = fit_rows(recipe, bank, rows, output=folder, **settings)
    if len(held_out):
        calibrate_classes(network, recipe.spec, still_batches(recipe, bank.take(held_out)))
    return network


def _make_predictions(folds, labels, probabilities, names):
    """Return the table of what each stamp was taken for."""
    best = np.array(names)[probabilities.argmax(axis=1)]
    columns = {f'prob_{name}': probabilities[:, k] for k, name in enumerate(names)}
    return QTable({'fold': folds, 'label': labels, 'class': best} | columns)
