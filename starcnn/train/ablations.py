# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What a classifier needs: how large stamps, which filters, whose labels.
"""

from pathlib import Path

import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from starcnn.train.class_scores import score_classes
from starcnn.train.cross_validation import cross_validate
from starcnn.train.label_recipe import make_labelled_bank
from starcnn.train.labelled import fit_labels, predict_bank

__all__ = ['ablate_crops', 'ablate_filters', 'ablate_labellers']


def ablate_crops(backend, stamps, labels, *, output, crops=(25, 50, 100), **settings):
    """
    Train and test with stamps of several sizes (Wei et al. 2020, section 4.3).

    Parameters
    ----------
    backend, stamps, labels, output
        As for `starcnn.train.cross_validate`.

    crops : sequence of int, optional
        The sides of what is cut out, pixels.

    **settings
        As for `starcnn.train.cross_validate`; the folds are the same for all.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per crop: ``crop``, and the scores of all stamps together, each
        tested in the fold in which it was not trained on.
    """
    rows = []
    for crop in crops:
        folder = Path(output) / f'crop_{crop}'
        table, _ = cross_validate(backend, stamps, labels, output=folder, crop=crop, **settings)
        rows.append({'crop': crop} | _numbers(table.meta))
    return QTable(rows=rows)


def ablate_filters(predict, stamps, labels):
    """
    Test a trained classifier on stamps without each of the filters (Wei et al. 2020, section 4.4).

    Parameters
    ----------
    predict : callable
        ``predict(stamps)`` returns a table with ``prob_<label>``, such as
        `starcnn.Classifier.predict`. It is not trained again.

    stamps : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps.

    labels : sequence of str with shape (n,)
        The true classes.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row with all filters, whose ``missing`` is empty, and one for each
        that is ``missing``, with the scores of `starcnn.train.score_classes` and
        ``drop``, the accuracy that is lost. Stamps without a result do not
        count; ``n`` are left.
    """
    filters = tuple(stamps.meta['filters'])
    truth = np.asarray(labels).astype(str)
    rows = []
    for k, name in ((None, ''), *enumerate(filters)):
        data = np.array(stamps.data, dtype=float)
        if k is not None:
            data[:, k] = np.nan
        changed = NDData(data, unit=stamps.unit, mask=stamps.mask, meta=dict(stamps.meta))
        result = predict(changed)
        names = [column for column in result.colnames if column.startswith('prob_')]
        p = np.stack([np.asarray(result[column]) for column in names], axis=1)
        known = np.isfinite(p).all(axis=1)
        scores = score_classes(p[known], truth[known], [x.removeprefix('prob_') for x in names])
        rows.append({'missing': name, 'n': int(known.sum())} | scores)
    table = QTable(rows=rows)
    table['drop'] = table['accuracy'][0] - table['accuracy']
    return table


def ablate_labellers(backend, stamps, labels, *, output, seed=0, **settings):
    """
    Train on the labels of one person, and test on those of each (Wei et al. 2020, section 4.1).

    Parameters
    ----------
    backend, stamps, output, seed
        As for `starcnn.train.fit_labels`.

    labels : dict of str to sequence of str
        The labels of each person, of the same stamps and with the same classes.

    **settings
        As for `starcnn.train.fit_labels`.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per pair: ``trained`` and ``tested`` on whose labels, and the
        scores on the stamps that were held out.

    Raises
    ------
    ValueError
        If the classes are not the same for all.
    """
    classes = {name: sorted(set(np.asarray(x).astype(str).tolist())) for name, x in labels.items()}
    if len({tuple(x) for x in classes.values()}) != 1:
        msg = f'labels must have the same classes for all, got {classes}'
        raise ValueError(msg)
    rows = []
    for trained, own in labels.items():
        folder = Path(output) / f'labels_{trained}'
        result = fit_labels(backend, stamps, own, output=folder, seed=seed, **settings)
        bank = make_labelled_bank(result.recipe, stamps, own).take(result.held_out)
        p = predict_bank(result.network, result.recipe, bank)
        names = result.spec.outputs[0].labels
        for tested, others in labels.items():
            truth = np.asarray(others).astype(str)[result.held_out]
            rows.append({'trained': trained, 'tested': tested} | score_classes(p, truth, names))
    return QTable(rows=rows)


def _numbers(meta):
    """Return the scores in the meta of a table."""
    return {name: value for name, value in meta.items() if isinstance(value, float)}
