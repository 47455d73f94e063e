# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How fast mock clusters are made for training, in how much memory, and that it can be killed.

Clusters of a family (m83_hst: log mass 3.5 to 5.5, brighter than the limits of its
paper; m31_phat: log mass 2 to 4) and fields are written to a bank in a temporary
folder by worker processes; the bar is 80 clusters per second on two cores. Then a
bank is killed on its way and finished, and must have the SHA-256 of one that was not.
Last, the processor time of one cluster is told by what it goes into, without the start
of processes: that does not depend on what else the machine does.

Run with ``python benchmarks/bench_mocks.py m83_hst --n 4096 --workers 2``.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _machine import describe

from starcnn.mocks import complete_parameters, get_setup, make_clusters
from starcnn.plugins._manager import find_recipe
from starcnn.train import build_bank

MIN_SPEED = 80  # clusters per second on two cores
SEED = 1
_CHUNKS_BEFORE_KILL = 1


def make(family, folder, n, workers, chunk):
    """
    Make a bank, or finish it.
    """
    recipe = find_recipe(family, 'default')
    return build_bank(
        recipe.bank_simulator,
        recipe.bank_encode,
        recipe.bank_spec,
        n=n,
        seed=SEED,
        folder=folder,
        n_workers=workers,
        chunk=chunk,
    )


def kill_and_restart(family, folder, n, workers, chunk):
    """
    Return the SHA-256 of a bank whose making was killed once, and how much there was by then.
    """
    context = multiprocessing.get_context('spawn')
    process = context.Process(target=make, args=(family, folder, n, 1, chunk))
    process.start()
    while process.is_alive() and count_parts(folder) < _CHUNKS_BEFORE_KILL:
        time.sleep(0.05)
    process.kill()
    process.join()
    n_parts = count_parts(folder)
    return make(family, folder, n, workers, chunk).sha256, n_parts


def count_parts(folder):
    """
    Return the number of chunks that are there.
    """
    return len(list((folder / 'parts').glob('[0-9]*.npz')))


def stages(family, n):
    """
    Return the processor time that one cluster takes by what it goes into, ms.
    """
    recipe = find_recipe(family, 'default')
    simulator, options = recipe.bank_simulator, recipe.bank_simulator.options()
    setup, rng = get_setup(options), np.random.default_rng(SEED)
    simulator.simulate(simulator.sample(2, options, rng), options, rng)  # what is made once
    times = [time.process_time()]

    def step(function, *arguments):
        result = function(*arguments)
        times.append(time.process_time())
        return result

    parameters = step(simulator.sample, n, options, rng)
    rows = complete_parameters(parameters, setup, rng)
    step(make_clusters, rows, setup)
    step(setup.draw_backgrounds, n, rng)
    with tempfile.TemporaryDirectory() as folder:
        step(make, family, Path(folder) / 'bank', n, 1, n)
    *parts, whole = np.diff(times) / n * 1e3
    names = ('parameters of bright clusters', 'images of clusters', 'backgrounds')
    return dict(zip(names, parts, strict=True)) | {'all, with truth and storage': whole}


def peak_memory():
    """
    Return the peak memory of this process and of the largest of those it started, MB.
    """
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return [resource.getrusage(kind).ru_maxrss / 1024 for kind in kinds]


def processor_time():
    """
    Return the seconds of processor time of this process and of those that it started.
    """
    return sum(os.times()[:4])


def main(arguments=None):
    """
    Measure; return 1 if a bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('family', nargs='?', default='m83_hst', choices=('m83_hst', 'm31_phat'))
    parser.add_argument('--n', type=int, default=4096, help='clusters in the bank')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--chunk', type=int, default=256)
    options = parser.parse_args(arguments)
    sizes = {'workers': options.workers, 'chunk': options.chunk}
    print(describe())
    print(f'load of the machine at the start: {os.getloadavg()[0]:.1f}')
    with tempfile.TemporaryDirectory() as folder:
        begin, used = time.perf_counter(), processor_time()
        bank = make(options.family, Path(folder) / 'whole', options.n, **sizes)
        seconds = time.perf_counter() - begin
        speed = options.n / seconds
        used = processor_time() - used
        own, worker = peak_memory()
        print(
            f'{options.n} clusters in {seconds:.1f} s, with the start of {options.workers} workers'
        )
        print(f'{speed:.0f} clusters per second, bar {MIN_SPEED}')
        print(f'{options.n / used:.0f} clusters per second of processor time, with all starts')
        print(f'peak memory: {own:.0f} MB, and {worker:.0f} MB in the largest worker')
        killed, n_parts = kill_and_restart(
            options.family, Path(folder) / 'killed', options.n, **sizes
        )
        is_same = killed == bank.sha256
        result = 'the same' if is_same else 'ANOTHER'
        print(f'killed after {n_parts} chunks and finished: {result} bank')
    print('processor time of one cluster without starts:')
    for name, milliseconds in stages(options.family, options.chunk).items():
        print(f'    {name}: {milliseconds:.1f} ms')
    return int(not is_same or speed < MIN_SPEED)


if __name__ == '__main__':
    sys.exit(main())
