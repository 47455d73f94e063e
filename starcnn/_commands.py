# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the commands do: a few lines each over the public classes.
"""

import json
import os
import sys
import time
from contextlib import nullcontext
from dataclasses import fields, is_dataclass, replace
from functools import partial
from operator import itemgetter
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table
from tqdm import tqdm

from starcnn import Classifier, Estimator, MassMapper, Simulator
from starcnn._observations import check_format, check_free, read_observations, write_observations
from starcnn._train_labels import begin as begin_classifier
from starcnn._train_labels import is_classifier, train_labels
from starcnn.files import read_files, to_toml
from starcnn.plugins._manager import find_file, find_recipe, list_backends, open_file

TASKS = {
    'estimator': ('starcnn_estimators', Estimator),
    'classifier': ('starcnn_classifiers', Classifier),
    'mass_mapper': ('starcnn_mass_mappers', MassMapper),
}

# The settings of a recipe that ``starcnn train --recipe`` changes, beside those of ``augment``.
_SETTINGS = (
    'batch_size',
    'accumulate',
    'learning_rate',
    'final_learning_rate',
    'weight_decay',
    'optimizer',
    'schedule',
    'warm_up',
    'mean_decay',
    'clip',
)


def list_families(args):  # noqa: ARG001 - all commands are called alike
    """Print what is installed."""
    rows = [
        (backend.name, 'simulator', '', '', '', backend.summary)
        for backend in list_backends('starcnn_simulators').values()
    ]
    for task, (hook, _) in TASKS.items():
        for backend in list_backends(hook).values():
            for file in backend.weights:
                here = 'no' if find_file(file) is None else 'yes'
                size = f'{file.size / 1e3:,.0f} kB'
                rows.append((backend.name, task, file.tag, size, here, backend.summary))
    names = ('name', 'task', 'weights', 'size', 'here', 'summary')
    table = Table(
        rows=sorted(rows, key=itemgetter(0, 1)) or None, names=names, dtype=[str] * len(names)
    )
    _print_table(table)


def fetch(args):
    """Download and check the files of families."""
    files = {}
    for hook in ('starcnn_simulators', *(hook for hook, _ in TASKS.values())):
        for backend in list_backends(hook).values():
            listed = (*getattr(backend, 'weights', ()), *_data_files(backend))
            files.setdefault(backend.name, {}).update({file.sha256: file for file in listed})
    names = sorted(files) if args.names == ['all'] else args.names
    unknown = [name for name in names if name not in files]
    if unknown:
        msg = f'NAME must be "all" or one of {sorted(files)}, got {unknown}'
        raise ValueError(msg)
    wanted = {sha256: file for name in names for sha256, file in files[name].items()}
    for file in tqdm(wanted.values(), unit='file', leave=False, disable=None):
        print(f'{file.tag}: {open_file(file)}')


def _data_files(backend):
    """Return the data files of the package that a backend is in."""
    function = getattr(backend, 'simulate', None) or backend.encode
    package = sys.modules[function.__module__].__package__
    return read_files(package, 'data') if package else ()


def demo(args):
    """Run the main job."""
    from starcnn.demo import run

    run(members=args.members, real=args.real, output=args.output)


def simulate(args):
    """Write observations and their truth."""
    path, truth_path = args.output, args.truth
    if truth_path is None:
        truth_path = path.with_name(f'{path.stem}_truth.ecsv')
    check_format(path, truth_path)
    check_free(path, truth_path, overwrite=args.overwrite)
    defaults = Simulator(args.name).options
    simulator = Simulator(args.name, **dict(_parse_option(item, defaults) for item in args.option))
    rng = np.random.default_rng(args.seed)
    observations, truth = simulator.simulate(simulator.sample(args.n, rng=rng), rng=rng)
    write_observations(observations, path)
    write_observations(truth, truth_path)
    print(f'{path}: {args.n} sources\n{truth_path}: the truth')


def _parse_option(text, defaults):
    """Return name and value of an option of a simulator."""
    return _parse_item(text, _fields(defaults), 'option')


def _parse_item(text, defaults, what):
    """Return name and value of KEY=VALUE; the default tells the kind of the value."""
    name, equals, value = text.partition('=')
    if not equals or name not in defaults:
        msg = f'{what} must be KEY=VALUE with a KEY among {list(defaults)}, got {text!r}'
        raise ValueError(msg)
    default = defaults[name]
    if isinstance(default, u.Quantity):
        return name, u.Quantity(value)
    if isinstance(default, str):
        return name, value
    try:
        value = json.loads(value)
    except json.JSONDecodeError:
        msg = f'{what} {name!r} must be like {default!r}, got {value!r}'
        raise ValueError(msg) from None
    return name, tuple(value) if isinstance(value, list) else value


def _fields(record):
    """Return the fields of a dataclass and their values; none if it is something else."""
    names = [field.name for field in fields(record)] if is_dataclass(record) else []
    return {name: getattr(record, name) for name in names}


def predict(args):
    """Run a network and write, or print, the result."""
    if args.output is not None:
        check_format(args.output)
        check_free(args.output, overwrite=args.overwrite)
    weights = args.weights
    if weights is not None and weights.endswith('.onnx'):
        weights = Path(weights)
    model = _find_class(args.name, args.task)(
        args.name, weights=weights, device=args.device, batch_size=args.batch_size
    )
    data = read_observations(args.data)
    try:
        result = model.predict(data)
    except u.UnitsError as error:
        if args.data.suffix.lower() != '.csv':
            raise
        msg = f'{error}; a CSV file has no units, use an ECSV, FITS or VOTable file with units'
        raise u.UnitsError(msg) from None
    if args.output is not None:
        write_observations(result, args.output)
        print(f'{args.output}: {model}')
    elif isinstance(result, Table):
        _print_table(result)
    else:
        msg = 'output must be given for a map, got none'
        raise ValueError(msg)


def _find_class(name, task):
    """Return the public class for the task of a family; `None` takes the only one."""
    tasks = [key for key, (hook, _) in TASKS.items() if name in list_backends(hook)]
    if not tasks:
        names = sorted({name for hook, _ in TASKS.values() for name in list_backends(hook)})
        msg = f'NAME must be one of the families with a network {names}, got {name!r}'
        raise ValueError(msg)
    if task is None and len(tasks) > 1:
        msg = f'--task must be given, as {name!r} has {tasks}, got none'
        raise ValueError(msg)
    if task is not None and task not in tasks:
        msg = f'--task must be one of those of {name!r}: {tasks}, got {task!r}'
        raise ValueError(msg)
    return TASKS[task or tasks[0]][1]


def train(args):
    """Simulate, train, and write an ONNX file."""
    from starcnn.train._team import join_team

    check_free(args.output, overwrite=args.overwrite)
    if args.stamps is not None:
        _train_labels(args)
        return
    recipe = find_recipe(args.name, args.variant)
    simulator = recipe.bank_simulator or args.name
    defaults = Simulator(simulator).options
    options = dict(_parse_option(item, defaults) for item in args.option)
    simulator = Simulator(simulator, **options)
    if recipe.for_options is not None:
        recipe = recipe.for_options(simulator.options)
    recipe = _change_recipe(recipe, args.recipe)
    with join_team() as team:
        _train(args, recipe, simulator, team)


def _train_labels(args):
    """Train on labelled stamps, and write an ONNX file."""
    if args.labels is None:
        msg = '--labels must name the column of the classes of --stamps, got none'
        raise ValueError(msg)
    recipe = find_recipe(args.name, args.variant or 'default')
    if not is_classifier(recipe):
        msg = f'NAME must be a family with a classifier of stamps for --stamps, got {args.name!r}'
        raise ValueError(msg)
    scores, file = train_labels(args, _change_recipe(recipe, args.recipe))
    if scores is None:
        print('stopped before the end; the same command goes on')
        return
    _print_table(Table(rows=list(scores.items()), names=('score', 'held out')))
    print(f'\n{args.output}: {file.size / 1e6:.1f} MB')


def _change_recipe(recipe, items):
    """Return a recipe with other settings, its own or those of its augmentation."""
    own = {name: getattr(recipe, name) for name in _SETTINGS}
    augment = _fields(recipe.augment)
    changes = dict(_parse_item(item, own | augment, 'recipe') for item in items)
    chosen = {name: value for name, value in changes.items() if name in augment}
    if chosen:
        recipe = replace(recipe, augment=replace(recipe.augment, **chosen))
    return replace(recipe, **{name: changes[name] for name in changes.keys() & own.keys()})


def _train(args, recipe, simulator, team):
    """Train, and write an ONNX file, in one or several processes."""
    from starcnn.train import fit

    begin = time.monotonic()
    bank, scored = _build_banks(args, recipe, simulator, team)
    if bank is None:
        print('stopped before all mocks were made; the same command goes on')
        return
    initial, begun = args.initial, {}
    if is_classifier(recipe):
        initial, begun = begin_classifier(recipe, bank, args)
    spent = time.monotonic() - begin
    with bank if args.overlap else nullcontext():
        result = fit(
            recipe,
            bank,
            output=args.checkpoints or args.output.with_suffix('.checkpoints'),
            device=args.device,
            seed=args.seed,
            epochs=args.epochs,
            validation=args.validation,
            initial=initial,
            max_seconds=None if args.budget is None else args.budget - spent,
            amp=args.amp,
            deterministic=args.deterministic,
            log_dir=args.log_dir,
        )
    if not team.is_main:
        return
    if not result.finished:
        print(f'stopped after {len(result.history)} epochs; the same command goes on')
        return
    _finish(args, recipe, result, scored, begun)


def _finish(args, recipe, result, scored, begun):
    """Score a network, write it, and print what to note."""
    from starcnn.train import calibrate_on_mocks, export, score

    training, scores = result.training | begun, {}
    network, spec = result.network, recipe.spec
    if scored is not None:
        if is_classifier(recipe):
            network, spec, values = calibrate_on_mocks(network, recipe, scored)
            scores = {spec.outputs[0].name: values}
        else:
            scores = score(network, recipe, scored)
        provenance = {'scores_n': len(scored), 'scores_sha256': scored.sha256}
        training = training | {'scores': scores} | provenance
    file = export(
        network,
        spec,
        args.output,
        training=training,
        examples=result.examples,
        half=args.half,
    )
    _print_scores(scores)
    print(f'{args.output}: put it into the folder data, and this into files.toml\n')
    print(to_toml(file, recipe.task), end='')


def _build_banks(args, recipe, simulator, team):
    """Return the bank to train on, `None` if time was up, and that to score on, if there is one."""
    from starcnn.train import SCORE_SEED, Bank, GrowingBank

    seed = args.seed if args.bank_seed is None else args.bank_seed
    if args.scores and seed == SCORE_SEED:
        msg = f'seed of the mocks must not be that of those to score on, got {seed}'
        raise ValueError(msg)
    deadline = None if args.budget is None else time.monotonic() + args.budget
    make = partial(_build_bank, args, recipe, simulator, deadline=deadline)
    folder, bank, scored = args.bank or args.output.with_suffix('.bank'), None, None
    if team.is_main:
        # first, as a folder that holds others is an error, and not one for the end of a training
        if args.scores:
            beside = folder.with_name(f'{folder.name}.validation')
            scored = make(n=args.scores, seed=SCORE_SEED, folder=beside)
        if scored is not None or not args.scores:
            n = recipe.n_mocks if args.mocks is None else args.mocks
            bank = make(n=n, seed=seed, folder=folder, wait=not args.overlap)
    is_made = team.largest(int(bank is not None))
    if bank is None and is_made:
        bank = GrowingBank(folder) if args.overlap else Bank.open(folder)
    return bank, scored


def _build_bank(args, recipe, simulator, *, n, seed, folder, deadline, wait=True):
    """Return a bank of mocks, or `None` if time was up before they were made."""
    from starcnn.train import build_bank

    return build_bank(
        simulator.backend,
        recipe.bank_encode or list_backends(TASKS[recipe.task][0])[args.name].encode,
        recipe.bank_spec or recipe.spec,
        n=n,
        seed=seed,
        folder=folder,
        n_workers=args.workers or os.cpu_count() or 1,
        options=simulator.options,
        max_seconds=deadline - time.monotonic() if wait and deadline is not None else None,
        wait=wait,
    )


def _print_scores(scores):
    """Print the scores of a network, a table for each kind of output."""
    for names in dict.fromkeys(tuple(values) for values in scores.values()):
        rows = [{'output': k} | values for k, values in scores.items() if tuple(values) == names]
        _print_table(Table(rows=rows, names=('output', *names)))
        print()


def reproduce(args):
    """Print a paper's numbers beside those measured here."""
    from starcnn import validation

    output = args.output or Path(f'{args.name}_claims')
    table = validation.reproduce(args.name, output=output, data=args.data, n_mocks=args.mocks)
    if args.rst is not None:
        validation.write_rst(table, args.rst, figures=output)
    print(validation.format_claims(table))


def _print_table(table):
    """Print a whole table, numbers with five digits."""
    table = table.copy()
    for column in table.itercols():
        if column.dtype.kind == 'f':
            column.info.format = '.5g'
    lines = table.pformat(max_lines=-1, max_width=-1, align='<')
    print('\n'.join(line.rstrip() for line in lines))


COMMANDS = {
    'list': list_families,
    'fetch': fetch,
    'demo': demo,
    'simulate': simulate,
    'predict': predict,
    'train': train,
    'reproduce': reproduce,
}
