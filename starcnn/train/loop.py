# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The training loop: one for all networks, on CPU or GPU, seeded and resumable.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from starcnn.train._checkpoint import load_checkpoint
from starcnn.train._training import Training

__all__ = ['FitResult', 'fit']

N_EXAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """
    What a training gave.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network on the CPU, with the running mean of its weights: those of
        the best epoch, or of the last step where nothing was validated.

    finished : bool
        Whether all epochs are done; if not, the same call goes on.

    history : tuple of dict
        For each epoch ``epoch``, ``training_loss``, ``validation_loss``,
        ``learning_rate`` and ``seconds``.

    training : dict
        The provenance, for `~starcnn.train.export`.

    examples : dict
        Inputs of up to 64 sources, held out if any are, for
        `~starcnn.train.export` to compare torch with onnxruntime on.
    """

    network: torch.nn.Module
    finished: bool
    history: tuple[dict, ...]
    training: dict
    examples: dict


def fit(
    recipe,
    bank,
    *,
    output,
    device='cpu',
    seed=0,
    epochs=None,
    validation=0.1,
    resume=True,
    initial=None,
    max_seconds=None,
    amp=False,
):
    """
    Train a network.

    AdamW with a cosine schedule after a warm-up, clipped gradients, and a
    running mean of the weights. Every random number comes from ``seed`` and the
    number of the step, so on the CPU a training that was interrupted and
    resumed ends with the same bits.

    Parameters
    ----------
    recipe : `~starcnn.plugins.Recipe`
        How to train.

    bank : `Bank`
        What to train on. Inputs that it lacks are made by the recipe's
        ``augment`` from others that it holds, on validation with the same
        random numbers each time.

    output : str or `~pathlib.Path`
        The folder for the checkpoints ``last`` and ``best``, in files below 16
        MiB, and ``log.jsonl`` with one line per epoch.

    device : str, optional
        'cpu', 'cuda' or 'cuda:1' and so on. A GPU gets the whole bank if it
        fits.

    seed : int, optional
        The seed of weights, order, augmentation and dropout.

    epochs : int, optional
        Instead of the recipe's.

    validation : `Bank`, float or `None`, optional
        Sources to validate on after each epoch, or the fraction of ``bank`` to
        hold out for it. With `None` the last weights are taken.

    resume : bool, optional
        Whether to go on from a checkpoint in ``output``.

    initial : dict, str, `~pathlib.Path` or `None`, optional
        Weights to start from: a ``state_dict``, or the folder of a training.

    max_seconds : float, optional
        Stop after this time with a checkpoint; the same call goes on.

    amp : bool, optional
        Whether to compute in bfloat16 where torch holds it to be safe. That
        has three digits: layers that see magnitudes should be
        `~starcnn.train.PreciseLinear`.

    Returns
    -------
    result : `FitResult`
        The network, the history and the provenance.

    Raises
    ------
    FloatingPointError
        If the loss is not finite; the message names epoch and step.

    ValueError
        If ``output`` holds another training, or torch has no such device.
    """
    training = Training(
        recipe if epochs is None else replace(recipe, epochs=epochs),
        bank,
        output=Path(output),
        device=_open_device(device),
        seed=seed,
        validation=validation,
        initial=_read_initial(initial),
        amp=amp,
    )
    devices = [training.device] if training.device.type == 'cuda' else []
    with torch.random.fork_rng(devices=devices):
        training.start(resume=resume)
        training.run(math.inf if max_seconds is None else time.monotonic() + max_seconds)
    return FitResult(
        network=training.final_network(),
        finished=training.epoch == training.recipe.epochs,
        history=tuple(training.history),
        training=_describe(training),
        examples=training.examples(N_EXAMPLES),
    )


def _open_device(device):
    """Return the device, which torch must have."""
    try:
        opened = torch.device(device)
        torch.zeros(1, device=opened)
    except (RuntimeError, AssertionError) as error:
        msg = f'device must be one that torch can use here, got {device!r}: {error}'
        raise ValueError(msg) from None
    return opened


def _read_initial(initial):
    """Return the weights to start from, or `None`."""
    if initial is None or isinstance(initial, Mapping):
        return initial
    checkpoint = load_checkpoint(initial, 'best')
    if checkpoint is None:
        msg = f'initial must be weights or the folder of a training, got {str(initial)!r}'
        raise ValueError(msg)
    return checkpoint['network']


def _describe(training):
    """Return the provenance of the network, as JSON values."""
    from starcnn import __version__

    losses = {line['epoch']: line['validation_loss'] for line in training.history}
    has_validation = bool(losses) and len(training.held_rows) > 0
    best = min(losses, key=losses.get) if has_validation else None
    device = training.device
    return training.identity | {
        'data': training.bank.meta,
        'device': torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type,
        'starcnn': __version__,
        'torch': torch.__version__,
        'amp': training.amp,
        'epochs_done': training.epoch,
        'best_epoch': best,
        'validation_loss': losses.get(best),
    }
