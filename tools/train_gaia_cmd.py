# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Make all weights of the family `gaia_cmd`, with the networks of the cross-validation.

A network is trained on simulated clusters first, and then six times on real
ones: five times without a fifth of the clusters, for the cross-validation,
and once on all. The widths of the posteriors are calibrated on clusters that
networks have not seen. What is done already is not done again, so the command
can be stopped and repeated::

    python tools/train_gaia_cmd.py --data DATA --work WORK
"""

import argparse
import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from starcnn import Estimator
from starcnn.families.gaia_cmd.catalogue import N_FOLDS, fold_of, read_catalogue
from starcnn.families.gaia_cmd.estimator import encode
from starcnn.families.gaia_cmd.network import RECIPES
from starcnn.families.gaia_cmd.set_network import SetNetwork
from starcnn.families.gaia_cmd.simulator import BACKEND as SIMULATOR
from starcnn.families.gaia_cmd.spec import SET
from starcnn.files import DataFile, compute_sha256, to_toml
from starcnn.tables import result_meta
from starcnn.train import Bank, build_bank, export, fit, truth_arrays

VERSION = '1.0.0'

# The default comes first.
VARIANTS = ('set', 'mixed', 'ann', 'cnn')

# On real clusters: passes, learning rate, batch, weight decay.
REAL = {
    'set': {
        'epochs': 15,
        'learning_rate': 4e-4,
        'batch_size': 32,
        'weight_decay': 3e-2,
        'network': partial(SetNetwork, dropout=0.3),
    },
    'ann': {'epochs': 80, 'learning_rate': 4e-4, 'batch_size': 32, 'weight_decay': 3e-2},
    'cnn': {'epochs': 30, 'learning_rate': 4e-4, 'batch_size': 32, 'weight_decay': 3e-2},
    'mixed': {'epochs': 30, 'learning_rate': 4e-4, 'batch_size': 32, 'weight_decay': 3e-2},
}

LEVELS = (0.68, 0.95)

# Columns of stars that may be unknown together: parallax, errors, membership, positions, motions,
# both, and all but magnitudes.
UNKNOWN = tuple(
    slice(*ends) for ends in ((3, 4), (4, 8), (8, 9), (9, 11), (11, 13), (9, 13), (3, 13))
)


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0].strip())
    parser.add_argument('--data', type=Path, help='real data; default $STARCNN_DATA_DIR')
    parser.add_argument('--work', type=Path, required=True, help='banks, checkpoints and weights')
    parser.add_argument('--variants', nargs='+', default=VARIANTS, choices=VARIANTS)
    parser.add_argument(
        '--far', action='store_true', help='move real clusters as far as Branco & Ferraz (2023) do'
    )
    parser.add_argument('--scale', type=float, default=1.0, help='of the mocks, to rehearse')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument(
        '--install', type=Path, help='the folder of the family to put the weights in'
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    mocks = build_bank(
        SIMULATOR,
        encode,
        SET,
        n=round(max(recipe.n_mocks for recipe in RECIPES) * arguments.scale),
        seed=arguments.seed,
        folder=arguments.work / 'bank',
        n_workers=arguments.workers,
    )
    members, labels = read_catalogue(arguments.data)
    for recipe in RECIPES:
        if recipe.variant in arguments.variants:
            _make(recipe, mocks, members, labels, arguments)
    if arguments.install:
        _install(arguments.work / 'weights', arguments.install)


def _make(recipe, mocks, members, labels, arguments):
    """Train, cross-validate, calibrate and export one network."""
    work = arguments.work / recipe.variant
    n_mocks = round(recipe.n_mocks * arguments.scale)
    bank = mocks if n_mocks == len(mocks) else mocks.take(np.arange(n_mocks))
    common = {'device': arguments.device, 'seed': arguments.seed, 'validation': None}
    start = fit(recipe, bank, output=work / 'mocks', amp=True, **common)
    real = Bank.from_arrays(
        encode(members, SET), truth_arrays(labels, SET), meta={'data': 'Cantat-Gaudin et al. 2020'}
    )
    inputs = encode(members, recipe.spec)
    folds = fold_of(labels['cluster'])
    recipe = replace(recipe, **REAL[recipe.variant])
    if arguments.far:
        recipe = replace(recipe, augment=partial(recipe.augment, far=True))
    results = []
    for fold in (*range(N_FOLDS), None):
        rows = np.flatnonzero(folds != fold) if fold is not None else np.arange(len(folds))
        name = 'all' if fold is None else f'fold{fold}'
        weights = start.network.state_dict()
        result = fit(recipe, real.take(rows), output=work / name, initial=weights, **common)
        result.training['mocks'] = start.training
        result.training['package'] = result_meta(backend='', weights='', sha256='', bibcode='')[
            'STARCNN'
        ]
        result.training['held_out'] = None if fold is None else f'fold {fold} of {N_FOLDS}'
        results.append(result)
    _calibrate(recipe, results, inputs, members, labels, folds, arguments.work)


def _calibrate(recipe, results, inputs, members, labels, folds, work):
    """Export all networks, with widths that held-out clusters ask for."""
    (work / 'weights').mkdir(exist_ok=True)
    held = _predict_held_out(recipe, results, inputs, members, labels, folds, work / 'raw')
    for fold, result in enumerate(results):
        others = folds != fold
        _set_widths(result.network, held, others)
        scores = {name: round(value, 5) for name, value in _scores(held, others).items()}
        result.training['calibrated_on'] = int(others.sum())
        result.training['scores_cross_validation'] = scores
        name = f'{recipe.variant}-{VERSION}' + ('' if fold == N_FOLDS else f'-fold{fold}')
        path = work / 'weights' / f'{name}.onnx'
        _export(result, recipe, path, inputs)
        print(path.name, path.stat().st_size, json.dumps(scores))


def _export(result, recipe, path, inputs):
    """Write one network."""
    examples = _examples(inputs)
    return export(
        result.network,
        recipe.spec,
        path,
        training=result.training,
        examples=examples,
        half=True,
    )


def _examples(inputs):
    """Return real clusters to compare torch and onnxruntime on, some with little known of them."""
    examples = {name: array[:64].copy() for name, array in inputs.items()}
    for row, columns in enumerate(UNKNOWN):
        for name in {'stars'} & set(examples):
            examples[name][row, :, columns] = np.nan
    if 'stars' in examples:
        examples['stars'][len(UNKNOWN), 1:] = np.nan
    return examples


def _predict_held_out(recipe, results, inputs, members, labels, folds, folder):
    """Return the posterior of every cluster from the network that has not seen it."""
    folder.mkdir(exist_ok=True)
    held = {}
    for fold, result in enumerate(results[:N_FOLDS]):
        path = folder / f'{recipe.variant}-fold{fold}.onnx'
        _export(result, recipe, path, inputs)
        names = labels['cluster'][folds == fold]
        stars = members[np.isin(members['cluster'], names)]
        posterior = Estimator('gaia_cmd', weights=path).posterior(stars)
        for parameter in recipe.spec.parameters:
            unit = parameter.unit
            truth = labels[parameter.name][folds == fold].to(unit)
            quantiles = [50 + 50 * sign * level for level in LEVELS for sign in (-1, 1)]
            values = posterior.percentile(parameter.name, [50, *quantiles]).to_value(unit)
            truth = truth.value
            if parameter.log:
                values, truth = np.log10(values), np.log10(truth)
            entry = held.setdefault(parameter.name, np.full((len(folds), 6), np.nan))
            entry[folds == fold] = np.column_stack([truth, values])
    return held


def _set_widths(network, held, rows):
    """Scale the distributions so that the intervals cover what they say on these clusters."""
    widths = []
    for values in held.values():
        truth, median, *ends = values[rows].T
        candidates = np.geomspace(0.3, 3.0, 231)
        errors = np.zeros(len(candidates))
        for level, low, high in zip(LEVELS, ends[::2], ends[1::2], strict=True):
            # How many times wider the interval must be for each cluster to be inside.
            side = np.where(truth > median, high - median, median - low)
            need = np.abs(truth - median) / np.maximum(side, 1e-9)
            covered = (need[:, np.newaxis] <= candidates).mean(axis=0)
            errors += np.abs(covered - level)
        widths.append(candidates[errors.argmin()])
    if hasattr(network, 'widths'):
        network.widths[:] = torch.tensor(widths, dtype=torch.float32)
    else:
        network.point.deviations[:] = torch.tensor(
            [
                np.percentile(np.abs(values[rows, 0] - values[rows, 1]), 100 * LEVELS[0])
                for values in held.values()
            ],
            dtype=torch.float32,
        )


def _scores(held, rows):
    """Return R2 and scatter of each parameter on clusters that networks had not seen."""
    out = {}
    for name, values in held.items():
        truth, median = values[rows, 0], values[rows, 1]
        residual = median - truth
        out[f'r2_{name}'] = 1 - (residual**2).sum() / ((truth - truth.mean()) ** 2).sum()
        out[f'scatter_{name}'] = np.ptp(np.percentile(residual, [16, 84])) / 2
        if name == 'distance':
            linear, known = 10**median, 10**truth
            out['r2_kpc'] = 1 - ((linear - known) ** 2).sum() / ((known - known.mean()) ** 2).sum()
    return {name: float(value) for name, value in out.items()}


def _install(weights, family):
    """Copy the weights to the folder of the family, and describe its data files."""
    folder = family / 'data'
    for old in folder.glob('*.onnx'):
        old.unlink()
    for path in weights.glob('*.onnx'):
        shutil.copy(path, folder / path.name)
    names = [f'{variant}-{VERSION}.onnx' for variant in VARIANTS]
    finals = [folder / name for name in names if (folder / name).exists()]
    others = sorted({*folder.glob('*-fold?.onnx'), folder / 'demo.fits'})
    blocks = [to_toml(_describe(path), 'estimator') for path in finals]
    blocks += [to_toml(_describe(path), 'data') for path in others]
    (family / 'files.toml').write_text('\n'.join(blocks))


def _describe(path):
    """Return the data file of a path."""
    tag = path.stem if path.suffix == '.onnx' else f'{path.stem}-{VERSION}'
    return DataFile(
        tag=tag,
        file=path.name,
        sha256=compute_sha256(path),
        size=path.stat().st_size,
        license='BSD-3-Clause',
    )


if __name__ == '__main__':
    main()
