# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.growing, and of training while the bank is made.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch')

import torch
from toy.estimator import encode
from toy.network import RECIPE
from toy.simulator import BACKEND
from toy.spec import SPECS

from starcnn.exceptions import DataFileError
from starcnn.train import Bank, GrowingBank, build_bank, fit
from starcnn.train._batches import WINDOW, split_windows
from starcnn.train._team import join_team

pytestmark = pytest.mark.training

SPEC = SPECS['estimator'][0]

# Three windows of training, and eight chunks.
BANK = {'n': 800, 'seed': 3, 'chunk': 100}
PARTS = replace(RECIPE, accumulate=2)
ENVIRONMENT = os.environ | {'PYTHONPATH': str(Path(__file__).parents[1]), 'OMP_NUM_THREADS': '1'}
N_STEPS = 720 // RECIPE.batch_size


def simulate_slowly(parameters, options, rng):
    """Take a second for a chunk."""
    time.sleep(1)
    return BACKEND.simulate(parameters, options, rng)


def simulate_and_fail(parameters, options, rng):
    """Fail in any process but the first."""
    if os.getpid() != int(os.environ['FIRST']):
        msg = 'no power'
        raise OSError(msg)
    return BACKEND.simulate(parameters, options, rng)


def encode_stars(data, spec):
    """Return a set of one to four stars for each source, as many as its flux has it."""
    images = encode(data, spec)[SPEC.inputs[0].name]
    stars = np.repeat(images.mean(axis=(2, 3))[:, np.newaxis], 4, axis=1)
    stars[np.arange(4) > (1e3 * stars[:, 0, :1]).astype(int) % 4] = np.nan
    return {'stars': stars}


def begin_bank(folder, n_chunks, *, encode=encode):
    """Make some chunks of the bank in this process, as an interruption leaves them."""
    calls = count()

    def simulate(parameters, options, rng):
        if next(calls) == n_chunks:
            raise KeyboardInterrupt
        return BACKEND.simulate(parameters, options, rng)

    with pytest.raises(KeyboardInterrupt):
        build_bank(replace(BACKEND, simulate=simulate), encode, SPEC, folder=folder, **BANK)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The folder of the bank, which was made before."""
    folder = tmp_path_factory.mktemp('whole')
    build_bank(BACKEND, encode, SPEC, folder=folder, **BANK)
    return folder


@pytest.fixture(scope='module')
def wanted(folder, tmp_path_factory):
    """What a training on it gives, taken as one that is being made."""
    bank = build_bank(BACKEND, encode, SPEC, folder=folder, wait=False, **BANK)
    return fit(RECIPE, bank, output=tmp_path_factory.mktemp('wanted'), seed=1)


def is_same(first, second):
    """Whether two trainings gave the same bits and provenance."""
    weights = [result.network.state_dict() for result in (first, second)]
    losses = [[line['validation_loss'] for line in result.history] for result in (first, second)]
    return (
        all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        and losses[0] == losses[1]
        and first.training == second.training
    )


@pytest.mark.parametrize('n', [7, 16, 255, 256, 271, 272, 600, 1024])
def test_windows(n):
    """They have all rows in order, and together as many batches as all at once."""
    windows = split_windows(torch.arange(n), 16)
    np.testing.assert_array_equal(torch.cat(windows), np.arange(n))
    assert all(len(window) == WINDOW * 16 for window in windows[:-1])
    assert sum(max(1, len(window) // 16) for window in windows) == max(1, n // 16)


@pytest.mark.parametrize('encode', [encode, encode_stars])
def test_part_of_a_bank(encode, tmp_path):
    """The chunks that are there are those of the whole bank, for sets of stars as well."""
    bank = build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'whole', **BANK)
    begin_bank(tmp_path / 'part', 3, encode=encode)
    part = GrowingBank(tmp_path / 'part')
    rows = np.array([0, 99, 100, 102, 299])
    assert part.take(rows).sha256 == bank.take(rows).sha256
    assert part.begin_sha256 == GrowingBank(tmp_path / 'whole').begin_sha256
    assert len(part) == 800
    assert set(part.inputs) == set(bank.inputs)
    for found, expected in zip(part.split(0.1, seed=2), bank.split(0.1, seed=2), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert part.wait(rows)
    assert not part.wait(np.array([299, 300]), deadline=time.monotonic())
    assert '800 sources' in repr(part)


def test_beginnings_differ(tmp_path):
    """Another seed, or other contents of the first chunk, are another beginning."""
    found = set()
    for i, (seed, simulate) in enumerate([(1, BACKEND.simulate), (2, BACKEND.simulate), (1, None)]):

        def simulate_brighter(parameters, options, rng):
            images, truth = BACKEND.simulate(parameters, options, rng)
            images.data[-1] *= 2
            return images, truth

        backend = replace(BACKEND, simulate=simulate or simulate_brighter)
        folder = tmp_path / f'{i}'
        build_bank(backend, encode, SPEC, n=20, seed=seed, folder=folder)
        found.add(GrowingBank(folder).begin_sha256)
    assert len(found) == 3


def test_wrong_arguments(tmp_path):
    """There is something to begin with, and the end of the time is that of the training."""
    with pytest.raises(DataFileError, match='folder must hold the beginning of a bank, got'):
        GrowingBank(tmp_path / 'nothing')
    with pytest.raises(ValueError, match='max_seconds must be None without wait, got 3'):
        build_bank(BACKEND, encode, SPEC, folder=tmp_path, wait=False, max_seconds=3, **BANK)


def test_first_epoch_is_in_order(folder, tmp_path):
    """The first epoch takes the sources window by window, the second all at random."""
    seen = []

    def look(inputs, truth, generator):
        seen.append(truth['age'])
        return inputs, truth

    whole = Bank.open(folder)
    fit(replace(RECIPE, augment=look), GrowingBank(folder), output=tmp_path, seed=1)
    ages = torch.from_numpy(whole.truth['age'][whole.split(0.1, seed=1)[0]])
    for epoch, is_in_order in ((0, True), (1, False)):
        found = torch.cat(seen[epoch * N_STEPS : (epoch + 1) * N_STEPS])
        assert torch.equal(found.sort()[0], ages.sort()[0])
        for window in (slice(0, 256), slice(256, 512), slice(512, 720)):
            assert torch.equal(found[window].sort()[0], ages[window].sort()[0]) == is_in_order
            assert not torch.equal(found[window], ages[window])


def test_provenance(folder, wanted, tmp_path):
    """It has the hash of the whole bank in the end, and that of its beginning."""
    plain = fit(RECIPE, Bank.open(folder), output=tmp_path, seed=1)
    assert not is_same(plain, wanted)
    assert set(wanted.training) - set(plain.training) == {'begin_sha256'}
    assert wanted.training['begin_sha256'] == GrowingBank(folder).begin_sha256
    for name in ('data', 'data_sha256', 'validation_sha256', 'samples_drawn'):
        assert wanted.training[name] == plain.training[name]
    assert {name: len(array) for name, array in wanted.examples.items()} == {'images': 64}


@pytest.mark.parametrize('kinds', [(Bank.open, GrowingBank), (GrowingBank, Bank.open)])
def test_training_with_another_order(kinds, folder, tmp_path):
    """A training on a whole bank does not go on as one on a growing bank, or the other way."""
    fit(RECIPE, kinds[0](folder), output=tmp_path)
    with pytest.raises(ValueError, match=r"output must be empty .*'begin_sha256'"):
        fit(RECIPE, kinds[1](folder), output=tmp_path)


def test_training_goes_on_with_the_bank(wanted, tmp_path):
    """In time for the chunks that are there, a training stops, and goes on with the others."""
    arguments = {'output': tmp_path / 'fit', 'seed': 1}
    for n_chunks, n_steps in ((1, 0), (4, WINDOW)):
        begin_bank(tmp_path / 'bank', n_chunks)
        for _ in range(n_steps + 1):
            bank = GrowingBank(tmp_path / 'bank')
            result = fit(RECIPE, bank, max_seconds=0.0, **arguments)
        assert (result.finished, result.history, result.examples) == (False, (), {})
        assert result.training['samples_drawn'] == n_steps * RECIPE.batch_size
        assert 'data_sha256' not in result.training
    build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'bank', **BANK)
    while not result.finished:
        result = fit(RECIPE, GrowingBank(tmp_path / 'bank'), max_seconds=0.0, **arguments)
    assert is_same(result, wanted)


def test_other_bank_in_the_end(folder, tmp_path):
    """After the first epoch the hash of the whole bank counts."""
    fit(RECIPE, GrowingBank(folder), output=tmp_path / 'fit', seed=1)
    begin_bank(tmp_path / 'bank', 7)

    def simulate(parameters, options, rng):
        return BACKEND.simulate(parameters, replace(options, noise=2e-3), rng)

    backend = replace(BACKEND, simulate=simulate)
    build_bank(backend, encode, SPEC, folder=tmp_path / 'bank', **BANK)
    with pytest.raises(ValueError, match=r"other values in .* \{'data_sha256'"):
        fit(RECIPE, GrowingBank(tmp_path / 'bank'), output=tmp_path / 'fit', seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(('simulate', 'n_workers'), [(BACKEND.simulate, 1), (simulate_slowly, 2)])
def test_result_does_not_depend_on_the_making(simulate, n_workers, wanted, tmp_path):
    """Slow or fast, by one process or two: the bits are those of a bank made before."""
    backend = replace(BACKEND, simulate=simulate)
    arguments = {'folder': tmp_path / 'bank', 'n_workers': n_workers, 'wait': False, **BANK}
    with build_bank(backend, encode, SPEC, **arguments) as bank:
        assert not bank.wait(np.arange(800), deadline=time.monotonic())
        result = fit(RECIPE, bank, output=tmp_path / 'fit', seed=1)
    assert is_same(result, wanted)
    assert sorted(path.name for path in (tmp_path / 'bank').iterdir()) == [
        'inputs',
        'truth',
        'zarr.json',
    ]


@pytest.mark.slow
def test_error_of_a_worker(tmp_path, monkeypatch):
    """What a worker raises ends the training, with the place where it was raised."""
    monkeypatch.setenv('FIRST', str(os.getpid()))
    backend = replace(BACKEND, simulate=simulate_and_fail)
    arguments = {'folder': tmp_path / 'bank', 'n_workers': 2, 'wait': False, **BANK}
    with (
        pytest.raises(OSError, match='no power') as error,
        build_bank(backend, encode, SPEC, **arguments) as bank,
    ):
        fit(RECIPE, bank, output=tmp_path / 'fit', seed=1)
    assert 'simulate_and_fail' in error.value.__notes__[0]


@pytest.mark.slow
def test_close(wanted, tmp_path):
    """At the end of the statement nothing is made any more; the same call goes on."""
    with begin_slowly(tmp_path) as bank:
        bank.wait(np.arange(200))
    assert_nothing_is_made(tmp_path / 'bank')
    with pytest.raises(ChildProcessError, match='bank must be made to its end, but the process'):
        bank.take(np.arange(800))
    bank = build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'bank', **BANK)
    assert bank.sha256 == wanted.training['data_sha256']


@pytest.mark.slow
def test_killed_training_and_bank(wanted, tmp_path):
    """A kill ends the workers as well, and the same call comes to the same bits."""
    command = [sys.executable, __file__, str(tmp_path), 'alone']
    process = subprocess.Popen(command, env=ENVIRONMENT)
    # the steps of the first window are done, or will be
    while process.poll() is None and count_chunks(tmp_path / 'bank') < 4:
        time.sleep(0.02)
    process.kill()
    assert process.wait() < 0
    assert (tmp_path / 'fit' / 'last.json').exists()
    assert_nothing_is_made(tmp_path / 'bank')
    with build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'bank', wait=False, **BANK) as bank:
        result = fit(RECIPE, bank, output=tmp_path / 'fit', seed=1)
    assert is_same(result, wanted)


@pytest.mark.slow
def test_two_processes_that_train(folder, tmp_path):
    """They train on one bank that the first of them makes, as one process would."""
    torchrun = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2']
    command = [*torchrun, __file__, str(tmp_path), 'together']
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    alone = fit(PARTS, GrowingBank(folder), output=tmp_path / 'alone', seed=1)
    lines = (tmp_path / 'fit' / 'log.jsonl').read_text(encoding='utf-8').splitlines()
    for line, expected in zip(map(json.loads, lines), alone.history, strict=True):
        for name in ('training_loss', 'validation_loss'):
            assert line[name] == pytest.approx(expected[name], rel=1e-5)


def assert_nothing_is_made(folder):
    """Assert that a bank is neither whole nor growing, soon."""
    time.sleep(0.5)
    before = count_chunks(folder)
    time.sleep(1.5)
    assert before == count_chunks(folder) < BANK['n'] // BANK['chunk']


def count_chunks(folder):
    """Return the number of chunks that are there."""
    return len(list((folder / 'parts').glob('*.npz')))


def train_alone(folder):
    """Train in stretches of one step, until someone stops it."""
    with begin_slowly(folder) as bank:
        while True:
            fit(RECIPE, bank, output=folder / 'fit', seed=1, max_seconds=0.0)


def train_together(folder):
    """Train as one of the processes that torchrun starts."""
    with join_team() as team:
        bank = begin_slowly(folder) if team.is_main else None
        team.wait()
        with bank or GrowingBank(folder / 'bank') as bank:
            fit(PARTS, bank, output=folder / 'fit', seed=1)


def begin_slowly(folder):
    """Return a bank that two processes begin to make."""
    slow = replace(BACKEND, simulate=simulate_slowly)
    arguments = {'folder': folder / 'bank', 'n_workers': 2, 'wait': False, **BANK}
    return build_bank(slow, encode, SPEC, **arguments)


if __name__ == '__main__':
    torch.set_num_threads(1)
    {'alone': train_alone, 'together': train_together}[sys.argv[2]](Path(sys.argv[1]))
