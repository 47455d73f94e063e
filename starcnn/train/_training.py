# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The steps of a training, and its state.
"""

import copy
import json
import math
import time
from contextlib import nullcontext

import numpy as np
import torch

from starcnn.train._batches import WINDOW, Batches, draw_batches, split_windows
from starcnn.train._checkpoint import load_checkpoint, remove_checkpoints, save_checkpoint
from starcnn.train._files import write_whole
from starcnn.train._identity import check_same, describe, describe_data, name_device
from starcnn.train._log import Log
from starcnn.train._optimize import (
    learning_rate,
    make_optimizer,
    restore_optimizer,
    update_mean,
)
from starcnn.train.bank import Bank
from starcnn.train.growing import GrowingBank

SAVE_SECONDS = 300.0  # between checkpoints within an epoch
CHECK_STEPS = 50  # between looks at the loss on a GPU, as each look waits for it, and in logs

# Seeds for different uses must differ.
_WEIGHTS, _ORDER, _STEP, _VALIDATION = range(4)


class Training:
    """
    The state of a training, which `~starcnn.train.fit` drives.
    """

    def __init__(
        self, recipe, bank, *, output, device, seed, validation, initial, amp, team, log_dir
    ):
        self.recipe, self.bank, self.output = recipe, bank, output
        self.device, self.seed, self.initial, self.amp = device, seed, initial, amp
        self.team, self.log_dir = team, log_dir if team.is_main else None
        self.name = f'{recipe.name}/{recipe.variant}'
        self.rows, self.held_out, self.held_rows = _divide(bank, validation, seed)
        # whether the inputs are made by ``augment``, from others that the bank holds
        missing = sorted({part.name for part in recipe.spec.inputs} - set(bank.inputs))
        self.is_drawn = bool(missing)
        if missing and recipe.augment is None:
            msg = f'bank must hold the inputs of the spec, or augment make them, got no {missing}'
            raise ValueError(msg)
        self.n_steps = max(1, len(self.rows) // recipe.batch_size)
        self.n_parts = _count_parts(recipe, team, len(self.rows))
        self.epoch = self.step = self.n_checked = 0
        self.losses = torch.zeros(self.n_steps)
        self.history, self.devices = [], []
        self.save_seconds = 0.0
        self.identity = describe(self)

    def start(self, *, resume):
        """Make the network and the optimiser, and go back to the last checkpoint."""
        torch.manual_seed(draw_seed(self.seed, _WEIGHTS))
        network = self.recipe.network(self.recipe.spec)
        if self.initial is not None:
            network.load_state_dict(self.initial)
        self.mean = copy.deepcopy(network)
        state = load_checkpoint(self.output, 'last') if resume else None
        if state is not None:
            identity = json.loads(state['identity'])
            if self.is_growing and 'data_sha256' in identity:
                self.finish_bank()
            check_same(self.output, identity, self.identity)
            self.epoch, self.step = state['epoch'], state['step']
            self.losses, self.history = state['losses'], state['history']
            self.devices, self.n_checked = state['devices'], self.step
            network.load_state_dict(state['network'])
            self.mean.load_state_dict(state['mean'])
        self.team.wait()
        if state is None and self.team.is_main:
            remove_checkpoints(self.output)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        if self.team.size > 1 and self.device.type == 'cuda':
            self.network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(self.network)
        self.mean = self.mean.to(self.device, memory_format=torch.channels_last)
        self.losses = self.losses.to(self.device)
        self.optimizer = make_optimizer(self.network, self.recipe)
        if state is not None:
            restore_optimizer(self.optimizer, state['optimizer'])

    @property
    def n_done(self):
        """The number of steps done."""
        return self.epoch * self.n_steps + self.step

    @property
    def validation_seed(self):
        """The seed of what ``augment`` makes of the held out sources."""
        return draw_seed(self.seed, _VALIDATION)

    @property
    def is_growing(self):
        """Whether the bank is still being made, as far as this training knows."""
        return isinstance(self.bank, GrowingBank)

    def finish_bank(self):
        """Wait until the bank is whole, and take it."""
        bank = self.bank.finish()
        self.held_out = bank if self.held_out is self.bank else self.held_out
        self.bank = bank
        self.identity |= describe_data(self)

    def open_batches(self):
        """Get ready to take sources from the whole bank."""
        self.batches = Batches(self.bank, self.device)
        self.held_batches = (
            self.batches if self.held_out is self.bank else Batches(self.held_out, self.device)
        )

    def run(self, deadline):
        """Train until all epochs are done or time is up."""
        from tqdm import tqdm

        if self.epoch == self.recipe.epochs:
            return
        self.model = self.team.wrap(self.network)
        name = name_device(self.device)
        self.devices += [name] * (name not in self.devices)
        if not self.is_growing:
            self.open_batches()
        self.log = Log(self.log_dir, self.n_done)
        total = self.recipe.epochs * self.n_steps
        disable = None if self.team.is_main else True
        try:
            with tqdm(
                total=total, initial=self.n_done, unit='step', delay=2, disable=disable
            ) as bar:
                while self.epoch < self.recipe.epochs:
                    if not self.run_epoch(deadline, bar):
                        return
        finally:
            self.log.close()

    def run_epoch(self, deadline, bar):
        """Train to the end of an epoch; return whether it was reached in time."""
        begin = saved = time.monotonic()
        order = self.draw_order(deadline)
        while self.step < self.n_steps:
            rows = next(order, None)
            if rows is None:
                self.check_losses()
                self.save()
                return False
            self.losses[self.step] = self.run_step(rows)
            self.step += 1
            bar.update()
            is_look = self.device.type == 'cpu' or self.step % CHECK_STEPS == 0
            if is_look:
                self.check_losses()
                self.show(bar)
            if self.step < self.n_steps and (is_look or self.team.size == 1):
                now = time.monotonic()
                is_over = now + self.save_seconds > deadline
                # all processes do the same
                due = self.team.largest(2 * is_over or int(now - saved > SAVE_SECONDS))
                if due:
                    self.check_losses()
                    self.save()
                    saved = time.monotonic()
                if due > 1:
                    return False
        self.check_losses()
        if self.is_growing:
            self.finish_bank()
            self.open_batches()
        self.end_epoch(time.monotonic() - begin)
        self.show(bar)
        return not self.team.largest(int(time.monotonic() > deadline))

    def draw_order(self, deadline):
        """Yield the rows of the steps that are left of an epoch, as far as they come in time."""
        key, size = (self.seed, _ORDER, self.epoch), self.recipe.batch_size
        if not self.is_growing:
            order = draw_batches(self.rows, self.batches.n_stars, size, seed=draw_seed(*key))
            yield from order[self.step :]
            return
        windows = split_windows(self.rows, size)
        for i in range(self.step // WINDOW, len(windows)):
            is_there = self.bank.wait(windows[i], deadline=deadline - self.save_seconds)
            if self.team.largest(int(not is_there)):
                return
            self.batches = Batches(self.bank.take(windows[i]), self.device)
            rows, seed = torch.arange(len(windows[i])), draw_seed(*key, i)
            order = draw_batches(rows, self.batches.n_stars, size, seed=seed)
            yield from order[self.step - i * WINDOW :]

    def show(self, bar):
        """Show the losses on the screen, and log them."""
        recent = self.losses[max(0, self.step - CHECK_STEPS) : self.step]
        if len(recent) and self.step % CHECK_STEPS == 0:
            rate = self.optimizer.param_groups[0]['lr']
            self.log.write(self.n_done, loss=float(recent.mean()), learning_rate=rate)
        if not bar.disable:
            losses = {'loss': float(recent.mean())} if len(recent) else {}
            if self.history and self.history[-1]['validation_loss'] is not None:
                losses['validation'] = self.history[-1]['validation_loss']
            bar.set_postfix(losses, refresh=False)

    def run_step(self, rows):
        """Change the weights once; return the loss before, of the parts of this process."""
        n_done = self.n_done
        for group in self.optimizer.param_groups:
            group['lr'] = learning_rate(self.recipe, n_done, self.recipe.epochs * self.n_steps)
        self.network.train()
        self.optimizer.zero_grad()
        parts = rows.tensor_split(self.n_parts)
        n_mine = self.n_parts // self.team.size
        first = self.team.rank * n_mine
        total = 0.0
        for i in range(first, first + n_mine):
            is_last = i == first + n_mine - 1
            sync = nullcontext() if is_last or self.team.size == 1 else self.model.no_sync()
            with sync:
                # gradients are averaged over processes
                share = len(parts[i]) / len(rows) * self.team.size
                loss = share * self.run_part(parts[i], i)
                loss.backward()
            total = total + loss.detach()
        if self.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.optimizer.step()
        update_mean(self.mean, self.network, n_done, decay=self.recipe.mean_decay)
        return total

    def run_part(self, rows, index):
        """Return the loss of one part of a batch."""
        key = (self.seed, _STEP, self.epoch, self.step)
        seed = draw_seed(*key) if self.n_parts == 1 else draw_seed(*key, index)
        torch.manual_seed(seed)
        inputs, truth = self.batches.take(rows)
        if self.recipe.augment is not None:
            inputs, truth = self.augment(inputs, truth, seed)
        return self.compute_loss(self.model, inputs, truth)

    def augment(self, inputs, truth, seed):
        """Return a changed batch; the seed decides how."""
        generator = torch.Generator(self.device).manual_seed(seed)
        return self.recipe.augment(inputs, truth, generator)

    def compute_loss(self, network, inputs, truth):
        """Return the loss of a batch."""
        spec = self.recipe.spec
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.amp):
            outputs = network(*(inputs[part.name] for part in spec.inputs))
        if not isinstance(outputs, tuple) or len(outputs) != len(spec.outputs):
            msg = f'network must return a tuple of {len(spec.outputs)}, got {type(outputs)}'
            raise TypeError(msg)
        named = {
            part.name: output.float() for part, output in zip(spec.outputs, outputs, strict=True)
        }
        return self.recipe.loss(named, truth)

    def check_losses(self):
        """Raise if a loss of this epoch is not finite."""
        new = slice(self.n_checked, self.step)
        self.losses[new] = self.team.mean(self.losses[new])
        self.n_checked = self.step
        finite = self.losses[: self.step].isfinite()
        if not finite.all():
            step = int(finite.int().argmin())
            msg = (
                f'loss of {self.name} must be finite, got {float(self.losses[step])} '
                f'in epoch {self.epoch + 1}, step {step + 1} of {self.n_steps}'
            )
            raise FloatingPointError(msg)

    def end_epoch(self, seconds):
        """Validate, note, save."""
        loss = self.validate() if len(self.held_rows) else None
        is_best = loss is None or all(loss < line['validation_loss'] for line in self.history)
        self.history.append(
            {
                'epoch': self.epoch + 1,
                'training_loss': float(self.losses.double().mean()),
                'validation_loss': loss,
                'learning_rate': self.optimizer.param_groups[0]['lr'],
                'seconds': round(seconds, 3),
            }
        )
        self.epoch, self.step, self.n_checked = self.epoch + 1, 0, 0
        self.log.write(
            self.n_done,
            validation_loss=loss,
            training_loss=self.history[-1]['training_loss'],
        )
        if is_best and self.team.is_main:
            save_checkpoint(self.output, 'best', {'network': self.mean.state_dict()})
        self.save()
        if not self.team.is_main:
            return
        text = ''.join(json.dumps(line) + '\n' for line in self.history)
        write_whole(self.output / 'log.jsonl', lambda stream: stream.write(text.encode()))

    @torch.no_grad()
    def validate(self):
        """Return the mean loss of the held out sources, with the running mean of the weights."""
        self.mean.eval()
        rows = self.held_rows[self.held_batches.n_stars[self.held_rows].argsort(stable=True)]
        total = 0.0
        for batch in rows.split(self.recipe.batch_size):
            inputs, truth = self.held_batches.take(batch)
            if self.is_drawn:
                inputs, truth = self.augment(inputs, truth, self.validation_seed)
            loss = self.compute_loss(self.mean, inputs, truth)
            total += float(loss) * len(batch)
        if not math.isfinite(total):
            msg = (
                f'loss of {self.name} must be finite, got {total} on validation '
                f'after epoch {self.epoch + 1}'
            )
            raise FloatingPointError(msg)
        return total / len(rows)

    def save(self):
        """Write the checkpoint from which the training goes on."""
        if not self.team.is_main:
            return
        begin = time.monotonic()
        state = {
            'identity': json.dumps(self.identity),
            'epoch': self.epoch,
            'step': self.step,
            'losses': self.losses,
            'history': self.history,
            'devices': self.devices,
            'network': self.network.state_dict(),
            'mean': self.mean.state_dict(),
            'optimizer': self.optimizer.state_dict(),
        }
        save_checkpoint(self.output, 'last', state)
        self.save_seconds = time.monotonic() - begin

    def final_network(self):
        """Return the network that was best on validation, or else the last, on the CPU."""
        self.team.wait()
        network = copy.deepcopy(self.mean).to('cpu', memory_format=torch.contiguous_format)
        best = load_checkpoint(self.output, 'best') if len(self.held_rows) else None
        if best is not None:
            network.load_state_dict(best['network'])
        return network.requires_grad_(requires_grad=False).eval()


def draw_seed(*key):
    """
    Return a seed that differs for each key of integers.
    """
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def _divide(bank, validation, seed):
    """Return the rows to train on, the bank to validate on, and its rows."""
    if validation is None:
        rows, held_out, held_rows = np.arange(len(bank)), bank, np.arange(0)
    elif isinstance(validation, Bank):
        rows, held_out, held_rows = np.arange(len(bank)), validation, np.arange(len(validation))
    else:
        held_out = bank
        rows, held_rows = bank.split(validation, seed=seed)
    if not len(rows):
        msg = f'bank must have sources to train on, got {len(bank)}, validation={validation!r}'
        raise ValueError(msg)
    return torch.from_numpy(rows), held_out, torch.from_numpy(held_rows)


def _count_parts(recipe, team, n):
    """Return the number of parts of a batch, over all processes."""
    n_parts = max(recipe.accumulate, team.size)
    if n_parts % team.size or recipe.batch_size % n_parts or n < n_parts:
        msg = (
            f'accumulate must be a multiple of the processes ({team.size}), and batch_size of '
            f'both, got accumulate={recipe.accumulate} and batch_size={recipe.batch_size} '
            f'for {n} sources'
        )
        raise ValueError(msg)
    return n_parts
