# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Train a classifier on labelled stamps of one's own.
"""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from starcnn.files import DataFile
from starcnn.networks import Spec
from starcnn.plugins._manager import find_recipe
from starcnn.train.class_calibration import calibrate_classes
from starcnn.train.class_ensemble import ClassEnsemble
from starcnn.train.class_scores import score_classes
from starcnn.train.export import export
from starcnn.train.folds import divide_groups
from starcnn.train.label_recipe import make_label_recipe, make_labelled_bank
from starcnn.train.loop import fit
from starcnn.train.starting import IMAGENET, make_start

__all__ = [
    'LabelledResult',
    'calibrate_on_mocks',
    'fit_labels',
    'fit_rows',
    'predict_bank',
    'still_batches',
]

# Passes over few stamps at most, where the recipe is one for many mocks.
_MOST_EPOCHS = 100

_MAX_SIZE = 1_000_000_000  # of a file, bytes: two of VGG19 in float16 have 560 MB

_BATCH = 256  # sources at once where nothing is learnt
_N_EXAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class LabelledResult:
    """
    What a training on labelled stamps gave.

    Parameters
    ----------
    network : `starcnn.train.ClassEnsemble`
        The calibrated network, on the CPU; `None` if time was up before the end.

    spec : `~starcnn.networks.Spec`
        What it eats and returns, with prevalence and conformal probabilities.

    recipe : `~starcnn.plugins.Recipe`
        The recipe with the classes and filters of the stamps.

    held_out : `~numpy.ndarray` of int
        The rows that it was calibrated and scored on, and not trained on.

    training : dict
        The provenance, with the ``scores`` on the stamps that were held out.

    examples : dict
        Inputs to compare torch and onnxruntime on.
    """

    network: Any
    spec: Spec
    recipe: object
    held_out: np.ndarray
    training: dict
    examples: dict

    def export(self, path, *, half=False) -> DataFile:
        """
        Write the network to an ONNX file, which `starcnn.Classifier` opens.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The file.

        half : bool, optional
            Whether to store large arrays as float16, half the size.

        Returns
        -------
        file : `~starcnn.files.DataFile`
            Tag, name, SHA-256 and size.
        """
        spec, training = self.spec, self.training
        return export(
            self.network,
            spec,
            path,
            training=training,
            examples=self.examples,
            half=half,
            max_size=_MAX_SIZE,
        )


def fit_labels(
    backend,
    stamps,
    labels,
    *,
    output,
    groups=None,
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
    max_seconds=None,
):
    """
    Train a classifier on labelled stamps.

    A part of the groups is held out. The others are trained on for a fixed
    number of epochs, so that those held out choose nothing but what
    `starcnn.train.calibrate_classes` finds.

    Parameters
    ----------
    backend : str or `~starcnn.plugins.Recipe`
        The family, such as 'phangs_hst', or a recipe of a classifier.

    stamps : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps in any filters, of any unit that is linear.

    labels : sequence of str with shape (n,)
        The class of each; their sorted names become those of the network.

    output : str or `~pathlib.Path`
        The folder for checkpoints; the same call goes on from them.

    groups : array_like with shape (n,), optional
        What must not be divided, such as the galaxy or the object of each
        stamp, see `starcnn.train.group_positions`. The default is each stamp by
        itself, which is wrong where an object has several.

    variant : str, optional
        The network of the family.

    start : str or `~pathlib.Path`, optional
        As for `starcnn.train.make_start`.

    crop : int, optional
        The side of what is cut out of the stamps, pixels. The default is that of
        the family where they have its pixel scale, or else all of the stamp.

    size : int, optional
        The side to which it is resized in the network, instead of the recipe's.

    calibration : float, optional
        The part of the stamps that is held out, nearly.

    members : int, optional
        How many networks are trained, from different seeds; the file has their
        mean.

    epochs : int, optional
        Passes over the stamps. The default are as many batches as the recipe
        has, but 100 epochs at most.

    seed : int, optional
        The seed of all random numbers.

    device, amp
        As for `starcnn.train.fit`.

    max_seconds : float, optional
        Stop before this time; the same call goes on.

    Returns
    -------
    result : `LabelledResult`
        The calibrated network, and its scores.

    Raises
    ------
    TypeError, ValueError
        If the stamps, labels or groups do not fit each other or the network.
    """
    recipe = find_recipe(backend, variant) if isinstance(backend, str) else backend
    labels = np.asarray(labels).astype(str)
    recipe = make_label_recipe(recipe, stamps, labels, crop=crop, size=size)
    bank = make_labelled_bank(recipe, stamps, labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    parts = divide_groups(groups, labels, _count_parts(calibration), seed=seed)
    rows, held_out = np.flatnonzero(parts), np.flatnonzero(parts == 0)
    network, provenance = fit_rows(
        recipe, bank, rows, output=output, start=start, members=members, epochs=epochs,
        seed=seed, device=device, amp=amp, max_seconds=max_seconds,
    )  # fmt: skip
    held = bank.take(held_out)
    spec, scores = recipe.spec, {}
    if network is not None:
        spec = calibrate_classes(network, spec, still_batches(recipe, held))
        scores = score_classes(predict_bank(network, recipe, held), labels[held_out], _labels(spec))
        provenance |= {'temperature': float(network.temperature), 'scores': scores}
    provenance |= {'n_train': len(rows), 'n_held_out': len(held_out)}
    provenance['n_groups'] = len(np.unique(groups))
    examples, _ = next(still_batches(recipe, held.take(np.arange(len(held))[:_N_EXAMPLES])))
    return LabelledResult(
        network=network,
        spec=spec,
        recipe=recipe,
        held_out=held_out,
        training=provenance,
        examples={name: values.numpy() for name, values in examples.items()},
    )


def fit_rows(recipe, bank, rows, *, output, start, members, epochs, seed, device, amp, max_seconds):
    """
    Train some networks on some rows of a bank.

    Parameters
    ----------
    recipe, bank
        As from `starcnn.train.make_label_recipe` and
        `starcnn.train.make_labelled_bank`.

    rows : `~numpy.ndarray` of int
        Which stamps.

    output, start, members, epochs, seed, device, amp, max_seconds
        As for `fit_labels`.

    Returns
    -------
    network : `starcnn.train.ClassEnsemble` or `None`
        The mean of the networks, not calibrated; `None` if time was up.

    provenance : dict
        How it was trained, as JSON values.
    """
    deadline = math.inf if max_seconds is None else time.monotonic() + max_seconds
    n_epochs = epochs
    if epochs is None:
        n_epochs = max(1, round(recipe.epochs * recipe.n_mocks / len(rows)))
        n_epochs = min(_MOST_EPOCHS, n_epochs)
    recipe = replace(recipe, batch_size=min(recipe.batch_size, len(rows)))
    chosen, networks, provenance = bank.take(rows), [], {}
    for k in range(members):
        initial, begun = make_start(recipe, chosen, start, seed=seed + k)
        result = fit(
            recipe,
            chosen,
            output=Path(output) / f'member_{k}',
            device=device,
            seed=seed + k,
            epochs=n_epochs,
            validation=None,
            initial=initial,
            amp=amp,
            max_seconds=None if max_seconds is None else max(0.0, deadline - time.monotonic()),
        )
        if not provenance:
            provenance = result.training | begun | {'members': members}
        if not result.finished:
            return None, provenance
        networks.append(result.network)
    return ClassEnsemble(networks, len(_labels(recipe.spec))).eval(), provenance


def calibrate_on_mocks(network, recipe, bank):
    """
    Calibrate a classifier on one half of a bank, and score it on the other.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network of a `starcnn.train.FitResult`.

    recipe : `~starcnn.plugins.Recipe`
        The recipe it was trained with.

    bank : `~starcnn.train.Bank`
        Mocks of another seed, which have other galaxies. The first half
        calibrates, the second is scored.

    Returns
    -------
    ensemble : `starcnn.train.ClassEnsemble`
        The calibrated network.

    spec : `~starcnn.networks.Spec`
        Its spec.

    scores : dict of float
        Of `starcnn.train.score_classes`.
    """
    labels = np.array(_labels(recipe.spec))
    ensemble = ClassEnsemble([network], len(labels)).eval()
    first, second = np.array_split(np.arange(len(bank)), 2)
    spec = calibrate_classes(ensemble, recipe.spec, still_batches(recipe, bank.take(first)))
    scored = bank.take(second)
    truth = labels[scored.truth[recipe.spec.outputs[0].name]]
    return ensemble, spec, score_classes(predict_bank(ensemble, recipe, scored), truth, labels)


@torch.no_grad()
def predict_bank(network, recipe, bank):
    """
    Return what a network says of the stamps of a bank, as they are.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network, on the CPU.

    recipe : `~starcnn.plugins.Recipe`
        Whose augmentation cuts the stamps.

    bank : `~starcnn.train.Bank`
        The stamps.

    Returns
    -------
    probabilities : `~numpy.ndarray` with shape (n, n_class)
        The probabilities of the classes.
    """
    network.eval()
    name = recipe.spec.inputs[0].name
    return np.concatenate(
        [network(inputs[name])[0].numpy() for inputs, _ in still_batches(recipe, bank)]
    )


def still_batches(recipe, bank):
    """
    Yield inputs and truth of a bank, as they are classified: neither turned nor mirrored.

    Parameters
    ----------
    recipe : `~starcnn.plugins.Recipe`
        Whose augmentation cuts the stamps.

    bank : `~starcnn.train.Bank`
        The stamps.

    Yields
    ------
    inputs, truth : dict of `torch.Tensor`
        Of some of the stamps, in order.
    """
    for rows in np.array_split(np.arange(len(bank)), max(1, len(bank) // _BATCH)):
        inputs, truth = bank.batch(rows)
        tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
        images, _ = recipe.augment.still(tensors, truth)
        yield images, {name: torch.from_numpy(array) for name, array in truth.items()}


def _labels(spec):
    """Return the labels of the classes."""
    return spec.outputs[0].labels


def _count_parts(fraction):
    """Return how many parts there are if one is held out."""
    if not 0 < fraction <= 1 / 2:
        msg = f'calibration must be a fraction above 0 and at most 0.5, got {fraction!r}'
        raise ValueError(msg)
    return round(1 / fraction)
