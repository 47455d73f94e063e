# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How fast batches come from a bank of images on the disk, beside memory and a small network.

Run with ``python benchmarks/bench_reading.py [SIZE in MB]``; the bank is removed at the end.
"""

import sys
import tempfile
import time

import numpy as np
import torch

from starcnn.train import Bank, ResidualBlock
from starcnn.train._batches import Batches, draw_batches

SHAPE = (3, 64, 64)
BATCH, N_BATCHES = 256, 20


def main(megabytes=2000):
    """Print sources per second of three ways, in one run."""
    n = int(megabytes * 1e6 / (2 * np.prod(SHAPE)))
    rng = np.random.default_rng(1)
    image = rng.normal(size=SHAPE).astype(np.float16)
    images = np.broadcast_to(image, (n, *SHAPE))
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, stride=2, padding=1), ResidualBlock(16, 32, stride=2)
    )
    network = network.to(memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        Bank.from_arrays({'x': images}, {'age': np.arange(n)}).save(folder)
        print(f'{n} sources, {megabytes} MB, written and hashed in', _since(begin))
        bank = Bank.open(folder)
        disk, rows = Batches(bank, 'cpu'), torch.arange(n)
        memory = Batches(Bank.from_arrays({'x': images.copy()}, bank.truth), 'cpu')
        _print('disk, first', disk.take, rows)
        _print('disk, again', disk.take, rows)
        _print('memory', memory.take, rows)
        inputs = disk.take(rows[:BATCH])[0]['x']
        _print('network, forward and back', lambda _: network(inputs).sum().backward(), rows)


def _print(name, function, rows):
    """Print how many sources a second a function takes."""
    batches = draw_batches(rows, torch.zeros(len(rows)), BATCH, seed=2)[:N_BATCHES]
    begin = time.perf_counter()
    for batch in batches:
        function(batch)
    seconds = time.perf_counter() - begin
    print(f'{name}: {len(batches) * BATCH / seconds:,.0f} sources per second')


def _since(begin):
    """Return the time since the beginning, as text."""
    return f'{time.perf_counter() - begin:.1f} s'


if __name__ == '__main__':
    main(*map(float, sys.argv[1:]))
