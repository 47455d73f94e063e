# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The training loop: one for all networks, on CPU or GPU, seeded and resumable.
"""

import math
import os
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from starcnn.train._batches import Batches
from starcnn.train._checkpoint import load_checkpoint
from starcnn.train._filter_sets import find_sets
from starcnn.train._identity import name_device
from starcnn.train._memory import keep_memory
from starcnn.train._team import join_team
from starcnn.train._training import Training
from starcnn.train.calibration import calibrate

__all__ = ['FitResult', 'fit']

N_EXAMPLES = 64

# Images for the calibration, at most: those of held out sources with each set of filters. They
# take a minute of one core for the joint grids of the families.
N_CALIBRATION = 7 * 2048


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """
    What a training gave.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network on the CPU, with the running mean of its weights: those of
        the best epoch, or of the last step where nothing was validated.
        Calibrated, if all epochs are done and the recipe says so.

    finished : bool
        Whether all epochs are done; if not, the same call goes on.

    history : tuple of dict
        For each epoch ``epoch``, ``training_loss``, ``validation_loss``,
        ``learning_rate`` and ``seconds``.

    training : dict
        The provenance, for `~starcnn.train.export`.

    examples : dict
        Inputs of up to 64 sources, held out if any are, for
        `~starcnn.train.export` to compare torch with onnxruntime on; none
        within the first epoch on a bank that is being made.
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
    deterministic=False,
    log_dir=None,
):
    """
    Train a network.

    Adam or AdamW with a falling learning rate after a warm-up, clipped
    gradients, and a running mean of the weights, as the recipe says. Every
    random number comes from ``seed`` and the number of the step, so on the CPU,
    and with ``deterministic`` on a GPU, a training that was interrupted and
    resumed ends with the same bits.

    Called by the processes that ``torchrun`` starts, all train one network
    together, each on its part of each batch.

    On the CPU, the GNU C library is told to keep the memory that is freed, up
    to 2 GB, until the process ends: this takes up to a quarter off the time.

    Parameters
    ----------
    recipe : `~starcnn.plugins.Recipe`
        How to train.

    bank : `Bank` or `GrowingBank`
        What to train on. Inputs that it lacks are made by the recipe's
        ``augment`` from others that it holds, on validation with the same
        random numbers each time. The sources of a `GrowingBank` come in the
        order in which they are made in the first epoch, shuffled within 16
        batches; each step waits until they are there.

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
        Stop before this time with a checkpoint, after one step at least; the
        same call goes on.

    amp : bool, optional
        Whether to compute in bfloat16 where torch holds it to be safe. That
        has three digits: layers that see magnitudes should be
        `~starcnn.train.PreciseLinear`.

    deterministic : bool, optional
        Whether to make a GPU give the same bits each time, which is slower.

    log_dir : str, `~pathlib.Path` or `None`, optional
        A folder for logs that TensorBoard reads; needs the extra ``log``.

    Returns
    -------
    result : `FitResult`
        The network, the history and the provenance.

    Raises
    ------
    FloatingPointError
        If the loss is not finite; the message names epoch and step.

    ValueError
        If ``output`` holds another training, torch has no such device, or the
        recipe asks for a calibration and nothing is held out, or the network
        has no temperatures.
    """
    deadline = math.inf if max_seconds is None else time.monotonic() + max_seconds
    recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
    with join_team() as team, _torch_as(deterministic=deterministic):
        training = Training(
            recipe,
            bank,
            output=Path(output),
            device=_open_device(team.place(device)),
            seed=seed,
            validation=validation,
            initial=_read_initial(initial),
            amp=amp,
            team=team,
            log_dir=log_dir,
        )
        if recipe.calibrate and not len(training.held_rows):
            msg = f'validation must hold sources out for the calibration, got {validation!r}'
            raise ValueError(msg)
        devices = [training.device] if training.device.type == 'cuda' else []
        if not devices:
            keep_memory()
        with torch.random.fork_rng(devices=devices):
            training.start(resume=resume)
            if recipe.calibrate:
                find_sets(training.network, recipe.spec)  # or the end would be a surprise
            training.run(deadline)
        network = training.final_network()
        finished = training.epoch == training.recipe.epochs
        provenance = _describe(training, deterministic=deterministic)
        if finished and recipe.calibrate:
            provenance['temperatures'] = _calibrate(training, network)
        return FitResult(
            network=network,
            finished=finished,
            history=tuple(training.history),
            training=provenance,
            examples=_take_examples(training),
        )


@contextmanager
def _torch_as(*, deterministic):
    """Set torch to repeat itself, or to look for the fastest way; set it back afterwards."""
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), cudnn.benchmark
    if deterministic:
        # what cuBLAS asks for
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    try:
        torch.use_deterministic_algorithms(deterministic or before[0])
        cudnn.benchmark = not deterministic
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        cudnn.benchmark = before[1]


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


def _take(training, bank, rows, generator):
    """Return inputs and truth of some sources on the CPU, as they are validated."""
    inputs, truth = Batches(bank.take(rows.numpy()), 'cpu').take(torch.arange(len(rows)))
    if training.is_drawn:
        inputs, truth = training.recipe.augment(inputs, truth, generator)
    return inputs, truth


def _take_examples(training):
    """Return the inputs of some sources, held out if any are, as arrays."""
    if training.is_growing:
        return {}
    bank, rows = training.held_out, training.held_rows
    if not len(rows):
        bank, rows = training.bank, training.rows
    generator = torch.Generator().manual_seed(training.validation_seed)
    inputs, _ = _take(training, bank, rows[:N_EXAMPLES], generator)
    return {
        part.name: inputs[part.name].contiguous().numpy() for part in training.recipe.spec.inputs
    }


def _calibrate(training, network):
    """Scale the distributions of a network on held out sources; return the temperatures."""
    recipe = training.recipe
    n_sets = len(find_sets(network, recipe.spec))
    rows = training.held_rows[: N_CALIBRATION // n_sets].sort().values
    # one for all, as noise and flux scales must not be those of the first batch in each
    generator = torch.Generator().manual_seed(training.validation_seed)
    batches = (
        _take(training, training.held_out, part, generator)
        for part in rows.split(recipe.batch_size)
    )
    return calibrate(network, recipe.spec, batches)


def _describe(training, *, deterministic):
    """Return the provenance of the network, as JSON values."""
    from starcnn import __version__

    losses = {line['epoch']: line['validation_loss'] for line in training.history}
    has_validation = bool(losses) and len(training.held_rows) > 0
    best = min(losses, key=losses.get) if has_validation else None
    n_batch = min(training.recipe.batch_size, len(training.rows))
    return training.identity | {
        'data': training.bank.meta,
        'device': ', '.join(training.devices) or name_device(training.device),
        'processes': training.team.size,
        'starcnn': __version__,
        'torch': torch.__version__,
        'amp': training.amp,
        'deterministic': deterministic,
        'epochs_done': training.epoch,
        'samples_drawn': training.n_done * n_batch,
        'best_epoch': best,
        'validation_loss': losses.get(best),
    }
