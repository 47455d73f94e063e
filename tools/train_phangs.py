# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Train the networks that the claims of the family `phangs_hst` compare, and keep what they say.

``stamps`` trains the networks of the paper and ours on simulated galaxies of 4
to 9.5 Mpc, several times, and tests them on other galaxies: near ones, and some
at 19 Mpc, with all filters and without each of them. ``m31`` trains ours on
five parts of the real cutouts of M31, with several starts. ``collect`` makes
the tables of it that the claims read. What is done already is not done again,
so each command can be stopped and repeated::

    python tools/train_phangs.py stamps --work WORK --device cuda
    python tools/train_phangs.py m31 --work WORK --data DATA --device cuda
    python tools/train_phangs.py collect --work WORK --install starcnn/families/phangs_hst
"""

import argparse
import json
import os
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import astropy.units as u
import numpy as np
import torch
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import QTable, vstack
from sklearn.metrics import roc_curve

from starcnn.families.phangs_hst._options import Options
from starcnn.families.phangs_hst._scores import M31, NOTHING, STAMPS, summarise
from starcnn.families.phangs_hst.classifier import BACKEND, encode_bank
from starcnn.families.phangs_hst.network import RECIPES
from starcnn.families.phangs_hst.simulator import BACKEND as SIMULATOR
from starcnn.families.phangs_hst.spec import CLASSES, CROP, CROPS, FILTERS, make_bank_spec
from starcnn.files import DataFile, compute_sha256, to_toml
from starcnn.plugins._manager import open_file
from starcnn.tables import result_meta
from starcnn.train import (
    build_bank,
    cross_validate,
    fit,
    group_positions,
    make_start,
    score_classes,
    still_batches,
)

VERSION = '1.0.0'

NETWORKS = ('default', 'resnet18', 'vgg19_bn')

# The distances of the galaxies of the training, Table 1 of Wei et al. (2020) without the two that
# are half as far as NGC 1559 or more; and that of NGC 1559.
NEAR, FAR = (4.0, 9.5) * u.Mpc, (19.0, 19.0) * u.Mpc

# Section 3.1: the magnitude limit of NGC 1559.
BRIGHT = -7.5

# Galaxies by number: the first, and how many; and stamps.
BANKS = {
    'train': {'galaxies': (0, 200), 'distance': NEAR, 'n': 16_000, 'seed': 1},
    'galaxies': {'galaxies': (200_000, 60), 'distance': NEAR, 'n': 4000, 'seed': 2},
    'far': {'galaxies': (300_000, 60), 'distance': FAR, 'n': 4000, 'seed': 3},
}

M31_FILE = Path('images', 'm31_pandas_g_labelled.npz')
M31_SCALE = 0.187 * u.arcsec
M31_CLASSES = {'cluster': 'cluster', 'extended_cluster': 'cluster', 'galaxy': 'galaxy'}
N_FOLDS = 5


def sample_bright(n, options, rng):
    """Draw sources of a survey with the magnitude limit of NGC 1559."""
    found = []
    while sum(map(len, found)) < n:
        rows = SIMULATOR.sample(2 * n, options, rng)
        modulus = 5 * np.log10(rows['distance'].to_value(u.pc) / 10)
        v = rows[options.filters[FILTERS.index('F555W')]].to_value(u.mag)
        found.append(rows[v - modulus < BRIGHT])
    return vstack(found, metadata_conflicts='silent')[:n]


def make_bank(name, args):
    """Return the bank of the training or of a test."""
    plan = BANKS[name]
    options = Options(galaxies=plan['galaxies'], distance=plan['distance'])
    simulator = replace(SIMULATOR, sample=sample_bright) if name == 'far' else SIMULATOR
    return build_bank(
        simulator,
        encode_bank,
        make_bank_spec(RECIPES[0].spec, side=CROPS[1]),
        n=max(round(plan['n'] * args.scale), args.least),
        seed=plan['seed'],
        folder=args.work / 'banks' / name,
        options=options,
        n_workers=args.workers,
    )


def change_recipe(network, crop, size):
    """Return a recipe for stamps of another size, seen through another number of pixels."""
    (recipe,) = (recipe for recipe in RECIPES if recipe.variant == network)
    (images,), shape = recipe.spec.inputs, (crop, crop)
    spec = replace(recipe.spec, inputs=(replace(images, shape=shape),))
    function = recipe.network if size is None else partial(recipe.network, size=size)
    return replace(
        recipe,
        spec=spec,
        network=function,
        augment=replace(recipe.augment, shape=shape),
        bank_spec=make_bank_spec(spec, side=CROPS[1]),
    )


@torch.no_grad()
def predict(network, recipe, bank, *, device, without=NOTHING):
    """Return what a network says of a bank, of which a filter may be missing."""
    network = network.to(device).eval()
    name, found = recipe.spec.inputs[0].name, []
    for inputs, _ in still_batches(recipe, bank):
        images = inputs[name].clone()
        if without != NOTHING:
            images[:, FILTERS.index(without)] = torch.nan
        found.append(network(images.to(device))[0].float().cpu().numpy())
    return np.concatenate(found)


def make_row(truth, p, labels, **values):
    """Return a row of the table of scores."""
    scores = score_classes(p, np.array(labels)[truth], labels)
    names = {'roc_area': 'roc_auc', 'calibration_error': 'calibration_error'}
    kept = {name: scores[other] for name, other in names.items()}
    return values | {key: x.tolist() for key, x in summarise(truth, p).items()} | kept


def train_stamps(args):
    """Train all networks on simulated stamps, and write what they say of tests."""
    banks = {name: make_bank(name, args) for name in BANKS}
    deadline = time.monotonic() + args.budget
    plan = [(k, network, CROP) for k in range(args.trainings) for network in args.networks]
    plan += [
        (k, network, crop)
        for k in range(args.crop_trainings)
        for network in args.networks
        for crop in CROPS
    ]
    for training, network, crop in plan:
        path = args.work / 'results' / STAMPS / f'{network}_{crop}_{training}.json'
        if path.exists():
            continue
        recipe = change_recipe(network, crop, args.size)
        if not train_one(recipe, banks, training, path, deadline, args):
            print('time is up; the same command goes on')
            return


def train_one(recipe, banks, training, path, deadline, args):
    """Train a network once, and write what it says of tests; return whether it is done."""
    starts = dict(item.split('=', 1) for item in args.start)
    start = starts.get(recipe.variant, 'imagenet' if recipe.variant == 'default' else 'random')
    initial, begun = make_start(recipe, banks['train'], start, seed=training)
    epochs = max(1, round(recipe.epochs * recipe.n_mocks / len(banks['train']) * args.passes))
    result = fit(
        recipe,
        banks['train'],
        output=args.work / 'trainings' / path.stem,
        device=args.device,
        seed=training,
        epochs=epochs,
        validation=None,
        initial=initial,
        max_seconds=max(0.0, deadline - time.monotonic()),
        amp=True,
    )
    if not result.finished:
        return False
    crop, rows = recipe.spec.inputs[0].shape[0], []
    common = {'network': recipe.variant, 'start': begun['start'], 'crop': crop}
    common |= {'training': training, 'n_train': len(banks['train'])}
    for tested in ('galaxies', 'far'):
        for without in (NOTHING, *FILTERS) if tested == 'far' and crop == CROP else (NOTHING,):
            bank = banks[tested]
            p = predict(result.network, recipe, bank, device=args.device, without=without)
            values = common | {'tested': tested, 'without': without}
            rows.append(make_row(np.asarray(bank.truth['class']), p, CLASSES, **values))
    write_json(path, rows)
    print(f'{path.stem}: {100 * np.trace(rows[0]["counts"]) / len(banks["galaxies"]):.1f} %')
    shutil.rmtree(args.work / 'trainings' / path.stem)
    return True


def write_json(path, rows):
    """Write rows, so that the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part')
    part.write_text(json.dumps(rows), encoding='utf-8')
    part.replace(path)


def read_cutouts(data):
    """
    Return the real cutouts of M31, their labels, and groups that share no object.

    Extended clusters are clusters. Cutouts that overlap are in one group: the
    same object may be there more than once.
    """
    with np.load(Path(data) / M31_FILE, allow_pickle=False) as stored:
        images, labels = stored['image'], stored['label'].tolist()
        positions = SkyCoord(stored['ra'], stored['dec'], unit='deg')
    stamps = NDData(
        images[:, np.newaxis].astype(np.float32), meta={'filters': ('g',), 'pixel_scale': M31_SCALE}
    )
    groups = group_positions(positions, images.shape[1] * M31_SCALE)
    return stamps, np.array([M31_CLASSES[label] for label in labels]), groups


def find_start(start, args):
    """Return what `starcnn.train.make_start` takes, for one of the starts of the comparison."""
    if start != 'ours':
        return start
    if args.ours is not None:
        return args.ours
    for file in BACKEND.weights:
        if file.tag.startswith('default-'):
            return open_file(file)
    msg = '--ours must be the ONNX file of the default network, of which none is released'
    raise ValueError(msg)


def train_m31(args):
    """Train our network on the cutouts of M31 in five folds, begun in several ways."""
    stamps, labels, groups = read_cutouts(args.data)
    if args.scale < 1:
        rows = np.random.default_rng(0).permutation(len(labels))[: round(args.scale * len(labels))]
        stamps, labels, groups = (
            NDData(stamps.data[rows], meta=stamps.meta),
            labels[rows],
            groups[rows],
        )
    print(f'{len(labels)} cutouts, {len(np.unique(groups))} groups')
    for start in args.starts:
        path = args.work / 'results' / M31 / f'{args.network}_{start}.json'
        if path.exists():
            continue
        scores, predictions = cross_validate(
            BACKEND.name,
            stamps,
            labels,
            output=args.work / 'trainings' / f'm31_{args.network}_{start}',
            groups=groups,
            n_folds=N_FOLDS,
            variant=args.network,
            start=find_start(start, args),
            crop=args.crop,
            size=args.size,
            calibration=0.0,
            members=args.members,
            epochs=args.epochs,
            seed=args.seed,
            device=args.device,
            amp=True,
        )
        write_json(path, m31_rows(scores, predictions, stamps, start, args))
        found = (scores.meta[name] for name in ('accuracy', 'roc_auc'))
        print('{}: accuracy {:.4f}, area {:.4f} of all folds together'.format(start, *found))


def m31_rows(scores, predictions, stamps, start, args):
    """Return a row of the table of scores for each fold."""
    names = tuple(sorted(set(M31_CLASSES.values())))
    p = np.stack([np.asarray(predictions[f'prob_{name}']) for name in names], axis=1)
    truth = np.array([names.index(label) for label in predictions['label']])
    folds = np.asarray(predictions['fold'])
    common = {'network': args.network, 'start': start, 'crop': args.crop or stamps.data.shape[2]}
    common |= {'tested': 'm31', 'without': NOTHING}
    rows = []
    for k, n in zip(scores['fold'], scores['n_train'], strict=True):
        here = folds == k
        values = common | {'training': int(k), 'n_train': int(n)}
        row = make_row(truth[here], p[here], names, **values)
        rows.append(row | {'roc': draw_curve(truth[here] == 0, p[here, 0])})
    return rows


def draw_curve(is_cluster, probability):
    """Return the fractions of clusters found, for each hundredth of the galaxies called so."""
    false, true, _ = roc_curve(is_cluster, probability)
    return np.round(np.interp(np.linspace(0, 1, 101), false, true), 4).tolist()


def collect(args):
    """Write the tables that the claims read, and print what to list in ``files.toml``."""
    for name in (STAMPS, M31):
        rows = [
            row
            for path in sorted((args.work / 'results' / name).glob('*.json'))
            for row in json.loads(path.read_text(encoding='utf-8'))
        ]
        if not rows:
            continue
        table = QTable(rows=rows)
        for column in ('roc_area', 'calibration_error'):
            table[column] = np.round(table[column], 5)
        made = result_meta(backend=BACKEND.name, weights='', sha256='', bibcode=BACKEND.reference)
        table.meta = {key: made[key] for key in ('STARCNN', 'BACKEND', 'BIBCODE')}
        path = args.work / f'{name}-{VERSION}.ecsv'
        table.write(path, format='ascii.ecsv', overwrite=True)
        if args.install is not None:
            shutil.copy(path, args.install / 'data')
        file = DataFile(
            tag=path.stem,
            file=path.name,
            sha256=compute_sha256(path),
            size=path.stat().st_size,
            notes='what trained networks say of tests; tools/train_phangs.py',
        )
        print(to_toml(file, 'data'))


def _add_common(parser):
    """Add the options of both kinds of training."""
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--scale', type=float, default=1.0, help='of the stamps, to rehearse')
    parser.add_argument('--size', type=int, help='pixels within the networks')


def _read_arguments():
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0].strip())
    commands = parser.add_subparsers(dest='command', required=True)
    stamps = commands.add_parser('stamps', help='train on simulated stamps')
    _add_common(stamps)
    stamps.add_argument('--networks', nargs='+', default=NETWORKS, choices=NETWORKS)
    stamps.add_argument('--trainings', type=int, default=3)
    stamps.add_argument('--crop-trainings', type=int, default=1, help='with other crops')
    stamps.add_argument('--start', nargs='*', default=[], metavar='NETWORK=FILE')
    stamps.add_argument('--passes', type=float, default=1.0, help='over the stamps, to rehearse')
    stamps.add_argument('--least', type=int, default=64, help='stamps of a bank')
    stamps.add_argument('--workers', type=int, default=2)
    stamps.add_argument('--budget', type=float, default=float('inf'), help='seconds of training')
    m31 = commands.add_parser('m31', help='train on the real cutouts of M31')
    _add_common(m31)
    m31.add_argument('--data', type=Path, default=os.environ.get('STARCNN_DATA_DIR'))
    m31.add_argument('--network', default='default', choices=NETWORKS)
    starts = ('imagenet', 'random', 'ours')
    m31.add_argument('--starts', nargs='+', default=starts, choices=starts)
    m31.add_argument('--ours', type=Path, help='ONNX file, if not the released one')
    m31.add_argument('--crop', type=int, help='pixels that are cut out (default: all)')
    m31.add_argument('--members', type=int, default=1)
    m31.add_argument('--epochs', type=int, default=30)
    m31.add_argument('--seed', type=int, default=0)
    collecting = commands.add_parser('collect', help='make the tables that claims read')
    collecting.add_argument('--install', type=Path, help='the folder of the family')
    for command in (stamps, m31, collecting):
        command.add_argument('--work', type=Path, required=True, help='banks and results')
    args = parser.parse_args()
    if args.command == 'm31' and args.data is None:
        parser.error('give --data or set STARCNN_DATA_DIR')
    return args


def main():
    """Run a command."""
    args = _read_arguments()
    if args.command != 'collect':
        torch.set_num_threads(args.threads)
    {'stamps': train_stamps, 'm31': train_m31, 'collect': collect}[args.command](args)


if __name__ == '__main__':
    main()
