# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
How good a network becomes with how many mocks, for as many images drawn from them.

One bank is made, and a network is trained on its first mocks for each number that is given, in as
many passes as give the same number of images. All are scored on the same mocks, which none has
seen. Killed, it goes on where it was. The table is printed, and written to ``ablation.ecsv``.

    python tools/ablate_mocks.py m31_phat --variant default --mocks 2000 8000 32000 \
        --images 64000 --option log_age_step=0 --amp --work ablation
"""

import argparse
import os
from pathlib import Path

import numpy as np
from astropy.table import Table

from starcnn import Simulator
from starcnn._commands import _parse_option
from starcnn.plugins._manager import find_recipe
from starcnn.train import SCORE_SEED, build_bank, fit, score

N_SCORED = 2048
VALIDATION = 0.1
SCORES = ('median_error', 'error_95', 'bias')


def make_banks(args, recipe, simulator):
    """
    Return the bank to train on, and that to score on.
    """
    settings = {
        'folder': args.work / 'bank',
        'n': max(args.mocks),
        'seed': args.seed,
        'n_workers': args.workers,
        'options': simulator.options,
    }
    parts = simulator.backend, recipe.bank_encode, recipe.bank_spec or recipe.spec
    others = {'folder': args.work / 'scored', 'n': N_SCORED, 'seed': SCORE_SEED}
    return build_bank(*parts, **settings), build_bank(*parts, **{**settings, **others})


def main():
    """
    Train with each number of mocks, and compare.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('name', help='a family whose recipe has a simulator of its own')
    parser.add_argument('--variant', required=True)
    parser.add_argument('--mocks', type=int, nargs='+', required=True)
    parser.add_argument('--images', type=int, required=True, help='drawn in each training')
    parser.add_argument('--option', action='append', default=[], help='of the simulator')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--workers', type=int, default=os.cpu_count())
    parser.add_argument('--amp', action='store_true')
    parser.add_argument('--work', type=Path, required=True, help='what is kept')
    args = parser.parse_args()
    recipe = find_recipe(args.name, args.variant)
    defaults = Simulator(recipe.bank_simulator).options
    options = dict(_parse_option(item, defaults) for item in args.option)
    simulator = Simulator(recipe.bank_simulator, **options)
    recipe = recipe.for_options(simulator.options)
    bank, scored = make_banks(args, recipe, simulator)
    rows = []
    for n in sorted(args.mocks):
        result = fit(
            recipe,
            bank.take(np.arange(n)),
            output=args.work / f'{n}',
            device=args.device,
            seed=args.seed,
            epochs=max(1, round(args.images / (n * (1 - VALIDATION)))),
            validation=VALIDATION,
            amp=args.amp,
        )
        scores = score(result.network, recipe, scored)
        row = {'mocks': n, 'passes': result.training['epochs']}
        row['images'] = result.training['samples_drawn']
        for parameter in recipe.spec.parameters:
            row |= {f'{parameter.name}_{key}': scores[parameter.name][key] for key in SCORES}
        rows.append(row)
        Table(rows).pprint_all()
    Table(rows).write(args.work / 'ablation.ecsv', overwrite=True)


if __name__ == '__main__':
    main()
