# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Score a trained network on sources that it has never seen, as values for its file.
"""

import numpy as np
import torch

from starcnn.networks import Classes, Map, Posterior
from starcnn.networks._axes import to_axis, to_quantity
from starcnn.train._batches import Batches

__all__ = ['SCORE_SEED', 'score']

# Of the mocks that ``starcnn train`` scores on, and of what ``augment`` makes of them: one that
# nobody types, and the same for all trainings, so that their scores can be compared.
SCORE_SEED = 7_401_962_853_117

# Sources at once. ``augment`` depends on it, so it is not that of the recipe.
_BATCH = 256

_DIGITS = 4
_LEVELS = {'coverage_68': 0.68, 'coverage_95': 0.95}
_LEAST = 1e-20  # a probability whose logarithm is still finite


@torch.no_grad()
def score(network, recipe, bank):
    """
    Score a network on sources, through the distributions that users get.

    Where the bank lacks inputs of the spec, the recipe's ``augment`` makes them,
    as in training: with its backgrounds, missing filters and scatters. The
    random numbers are the same each time.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network, on the CPU, in evaluation mode.

    recipe : `~starcnn.plugins.Recipe`
        The recipe it was trained with: its spec and its ``augment`` are used.

    bank : `Bank`
        The sources, which were neither trained on nor validated on.

    Returns
    -------
    scores : dict of dict
        JSON values, numbers with four digits, for each parameter, each set of
        classes and each map of the spec. Each has ``n``, how many were
        compared: sources, or pixels.

        A parameter has ``unit``, which is 'dex' where its axis is logarithmic,
        and on that axis, with the medians of the distributions as estimates,
        ``median_error`` and ``error_95``, the absolute errors that half and
        95 % of the sources stay below, and ``bias``, the median of estimate
        minus truth; ``coverage_68`` and ``coverage_95`` are the fractions of
        truths within the central intervals. Sources whose truth is not finite
        do not count.

        Maps have the same without coverages, of pixels. Classes have
        ``accuracy``, how often the most probable one is right, and
        ``log_loss``, the mean of minus the natural logarithm of the probability
        of the right one.

    Raises
    ------
    ValueError
        If the bank lacks inputs that nothing makes, or truths, or has none that
        are finite; if the network gives no result for a source.
    """
    compared = {}
    for inputs, truth in _take_batches(recipe, bank):
        outputs = network(*(inputs[part.name] for part in recipe.spec.inputs))
        named = zip(recipe.spec.outputs, outputs, strict=True)
        outputs = {part.name: output.numpy() for part, output in named}
        truth = {name: values.numpy() for name, values in truth.items()}
        for name, values in _compare(outputs, truth, recipe.spec).items():
            compared.setdefault(name, []).append(values)
    parts = {part.name: part for part in (*recipe.spec.parameters, *recipe.spec.outputs)}
    return {
        name: _summarize(parts[name], np.concatenate(values, axis=1))
        for name, values in compared.items()
    }


def _take_batches(recipe, bank):
    """Yield inputs and truth of the sources, as the network takes them."""
    missing = sorted({part.name for part in recipe.spec.inputs} - set(bank.inputs))
    if missing and recipe.augment is None:
        msg = f'bank must hold the inputs of the spec, or augment make them, got no {missing}'
        raise ValueError(msg)
    batches = Batches(bank, 'cpu')
    for k, rows in enumerate(torch.arange(len(bank)).split(_BATCH)):
        inputs, truth = batches.take(rows)
        if missing:
            # anew for each batch: what one draws does not change the next
            generator = torch.Generator().manual_seed(SCORE_SEED + k)
            inputs, truth = recipe.augment(inputs, truth, generator)
        yield inputs, truth


def _compare(outputs, truth, spec):
    """Return for each parameter, class and map what its score is made of, (n_value, n)."""
    classes = [part for part in spec.outputs if isinstance(part, Classes)]
    maps = [part for part in spec.outputs if isinstance(part, Map)]
    missing = sorted({part.name for part in (*spec.parameters, *classes, *maps)} - set(truth))
    if missing:
        msg = f'bank must hold the truth of all that the spec names, got no {missing}'
        raise ValueError(msg)
    posterior = Posterior.from_outputs(outputs, spec) if spec.parameters else None
    compared = {p.name: _compare_parameter(posterior, p, truth[p.name]) for p in spec.parameters}
    for part in classes:
        probabilities, wanted = outputs[part.name], truth[part.name]
        is_right = probabilities.argmax(axis=1) == wanted
        chosen = np.take_along_axis(probabilities, wanted[:, np.newaxis], axis=1)[:, 0]
        compared[part.name] = np.stack([is_right, -np.log(np.maximum(chosen, _LEAST))])
    for part in maps:
        errors = outputs[part.name] - truth[part.name]
        compared[part.name] = errors[np.isfinite(truth[part.name])][np.newaxis]
    return compared


def _compare_parameter(posterior, parameter, truth):
    """Return errors of the medians on the axis, and the probabilities below the truth."""
    known = np.isfinite(truth)
    # any value will do where there is none: it does not count
    truth = np.where(known, truth, parameter.bounds[0]).astype(np.float64)
    below = posterior.cdf(parameter.name, to_quantity(truth, parameter))
    median = to_axis(posterior.median(parameter.name), parameter, parameter.name)
    return np.stack([median - truth, below])[:, known]


def _summarize(part, values):
    """Return the scores of a parameter, a set of classes or a map."""
    n, n_bad = values.shape[1], int((~np.isfinite(values)).any(axis=0).sum())
    if not n:
        msg = f'bank must have sources with a finite {part.name!r} to score it, got none'
        raise ValueError(msg)
    if n_bad:
        msg = f'network must give {part.name!r} of all sources, got none for {n_bad} of {n}'
        raise ValueError(msg)
    if isinstance(part, Classes):
        is_right, losses = values
        return {'n': n, 'accuracy': _round(is_right.mean()), 'log_loss': _round(losses.mean())}
    errors = values[0]
    scores = {
        'unit': 'dex' if getattr(part, 'log', False) else part.unit,
        'n': n,
        'median_error': _round(np.median(np.abs(errors))),
        'error_95': _round(np.quantile(np.abs(errors), 0.95)),
        'bias': _round(np.median(errors)),
    }
    if not isinstance(part, Map):
        distance = np.abs(2 * values[1] - 1)
        scores |= {name: _round(np.mean(distance <= level)) for name, level in _LEVELS.items()}
    return scores


def _round(value):
    """Return a number with a few digits."""
    return float(f'{value:.{_DIGITS}g}')
