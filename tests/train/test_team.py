# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of training in several processes, as torchrun starts them.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch')

import torch

from starcnn.networks import Features, Parameter, Spec
from starcnn.plugins import Recipe
from starcnn.train import Bank, NormalHead, fit, normal_nll

pytestmark = pytest.mark.training

SPEC = Spec(
    family='toy',
    variant='dense',
    inputs=(Features(name='x', columns=('b_v',), units=('mag',), bounds=((0, 1),)),),
    outputs=(Parameter(name='age', unit='yr', bounds=(6, 10), log=True),),
)


def make_network(spec):
    """Return a network without norms, as those of batches depend on the parts."""
    return Dense()


class Dense(torch.nn.Module):
    """A hidden layer with dropout."""

    def __init__(self):
        super().__init__()
        self.layer, self.dropout = torch.nn.Linear(1, 16), torch.nn.Dropout(0.1)
        self.head = NormalHead(16, offset=8, scale=2)

    def forward(self, x):
        """Return mean and deviation of the age."""
        return (self.head(self.dropout(self.layer(x).relu())),)


def compute_loss(outputs, truth):
    """Return the mean negative log likelihood."""
    return normal_nll(outputs['age'], truth['age']).mean()


def augment(inputs, truth, generator):
    """Add noise."""
    return {'x': inputs['x'] + 0.01 * torch.randn(inputs['x'].shape, generator=generator)}, truth


RECIPE = Recipe(
    name='toy',
    variant='dense',
    task='estimator',
    spec=SPEC,
    network=make_network,
    loss=compute_loss,
    augment=augment,
    epochs=3,
    batch_size=32,
    learning_rate=1e-2,
    accumulate=2,
)


def make_bank():
    """Return 200 sources whose feature tells the age."""
    rng = np.random.default_rng(2)
    age = rng.uniform(6, 10, 200).astype(np.float32)
    return Bank.from_arrays({'x': (age[:, np.newaxis] - 6) / 4}, {'age': age})


def run_together(folder, *, max_seconds='inf'):
    """Train in two processes; return what the first has to tell."""
    torchrun = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2']
    done = subprocess.run(
        [*torchrun, __file__, str(folder), max_seconds],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / 'result.json').read_text())


@pytest.mark.slow
def test_two_processes_are_as_good_as_one(tmp_path):
    """The losses are those of one process with the same global batch, also in stretches."""
    alone = fit(RECIPE, make_bank(), output=tmp_path / 'alone')
    together = run_together(tmp_path / 'together')
    assert together['training']['processes'] == 2
    for found, wanted in zip(together['history'], alone.history, strict=True):
        for name in ('training_loss', 'validation_loss'):
            assert found[name] == pytest.approx(wanted[name], rel=1e-5)
    # a stretch of one step, and the rest
    assert not run_together(tmp_path / 'parts', max_seconds='0')['finished']
    parts = run_together(tmp_path / 'parts')
    assert parts['finished']
    assert parts['history'][-1]['training_loss'] == together['history'][-1]['training_loss']


def test_parts_of_a_batch(tmp_path):
    """The step of a batch in parts is that of the whole batch, without noise."""
    recipe = replace(RECIPE, augment=None, network=lambda spec: Dense().eval(), clip=None)
    recipe = replace(recipe, network=make_plain)
    whole = fit(replace(recipe, accumulate=1), make_bank(), output=tmp_path / 'whole')
    parts = fit(replace(recipe, accumulate=4), make_bank(), output=tmp_path / 'parts')
    for first, second in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def make_plain(spec):
    """Return a network without dropout."""
    network = Dense()
    network.dropout = torch.nn.Identity()
    return network


def main(folder, max_seconds):
    """Train, as one of the processes."""
    from starcnn.train._team import join_team

    torch.set_num_threads(1)
    with join_team() as team:
        result = fit(RECIPE, make_bank(), output=folder, max_seconds=float(max_seconds))
        if team.is_main:
            told = {
                'finished': result.finished,
                'history': result.history,
                'training': result.training,
            }
            (folder / 'result.json').write_text(json.dumps(told))


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2])
