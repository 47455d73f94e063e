# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The contract that every backend meets, for the tests of the package and of plugins.
"""

import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields

from starcnn._contract_networks import CHECKS as NETWORK_CHECKS
from starcnn._contract_networks import make_case
from starcnn._contract_simulators import CHECKS as SIMULATOR_CHECKS
from starcnn.plugins import NetworkBackend, SimulatorBackend
from starcnn.plugins._manager import list_backends

__all__ = ['ContractError', 'check_backend']

# Packages that are imported by the functions that need them, and by nothing else.
HEAVY = (
    'galsim',
    'matplotlib',
    'onnx',
    'onnxruntime',
    'photutils',
    'reproject',
    'scipy',
    'sklearn',
    'specutils',
    'torch',
)

_N_SOURCES = 6
_SEED = 20180425

# https://ui.adsabs.harvard.edu/help/actions/bibcode
_BIBCODE = re.compile(r'\d{4}[A-Za-z&.]{5}[A-Za-z0-9.]{9}[A-Z.:]')


class ContractError(ValueError):
    """
    A backend breaks the contract; the message names the check and what it found.
    """


def check_backend(backend, *, data=None):
    """
    Check that a backend is right.

    Of every backend: the record is complete, its functions have docstrings,
    and importing it imports nothing heavy.

    Of a simulator: the options are a frozen dataclass with defaults, the
    observations and the truth belong together, the same ``rng`` gives the same
    of both, and nothing that is given is changed.

    Of a network, for each of its weights: they are the ones that are listed;
    ``encode`` gives what the spec names; ``decode`` gives the promised columns
    and units; results do not depend on the number of sources at once, on
    their order or, for stars, on the order of the stars; a source of NaN
    spoils its own row alone, and is flagged; what is missing or has a wrong
    unit, shape or filter raises an error that names it; the truth of the
    simulator has the parameters; and nothing that is given is changed.

    Parameters
    ----------
    backend : `~starcnn.plugins.SimulatorBackend` or `~starcnn.plugins.NetworkBackend`
        What to check.

    data : `~astropy.nddata.NDData`, `~astropy.table.Table` or `None`, optional
        Observations of at least two sources for a network. If `None`, they are
        made by the installed simulator of the same name.

    Raises
    ------
    ContractError
        If a check fails.

    TypeError, ValueError
        If ``backend`` is not a record, or if there is no simulator to make
        data with.

    Examples
    --------
    >>> from starcnn import Simulator
    >>> from starcnn.testing import check_backend
    >>> check_backend(Simulator('gaia_cmd').backend)
    """
    if not isinstance(backend, NetworkBackend | SimulatorBackend):
        msg = f'backend must be a NetworkBackend or a SimulatorBackend, got {backend!r}'
        raise TypeError(msg)
    for check in (check_record, check_docstrings, check_imports):
        _apply(check, backend, backend)
    if isinstance(backend, SimulatorBackend):
        for check in SIMULATOR_CHECKS:
            _apply(check, backend, backend)
        return
    truth = None
    if data is None:
        data, truth = _simulate(backend)
    for file in backend.weights:
        case = make_case(backend, file, data, truth)
        for check in NETWORK_CHECKS:
            _apply(check, backend, case)


def _apply(check, backend, subject):
    """Raise if a check yields problems."""
    problems = list(check(subject))
    if problems:
        msg = f'backend {backend.name!r} must pass {check.__name__}: {"; ".join(problems)}'
        raise ContractError(msg)


def _simulate(backend):
    """Make observations with the simulator of the same name."""
    import numpy as np

    simulators = list_backends('starcnn_simulators')
    if backend.name not in simulators:
        msg = f'data must be given, as no simulator is named {backend.name!r}, got None'
        raise ValueError(msg)
    simulator = simulators[backend.name]
    options, rng = simulator.options(), np.random.default_rng(_SEED)
    return simulator.simulate(simulator.sample(_N_SOURCES, options, rng), options, rng)


def check_record(backend):
    """Yield what is wrong with the values of a record."""
    if not re.fullmatch('[a-z][a-z0-9_]*', backend.name):
        yield f'name must be lower case letters, digits and underscores, got {backend.name!r}'
    if not backend.summary.strip() or '\n' in backend.summary or backend.summary.endswith('.'):
        yield f'summary must be one line without a full stop, got {backend.summary!r}'
    if not _BIBCODE.fullmatch(backend.reference):
        yield f'reference must be an ADS bibcode of 19 characters, got {backend.reference!r}'
    for name, function in _functions(backend):
        if not callable(function):
            yield f'{name} must be a function, got {function!r}'
    if isinstance(backend, NetworkBackend):
        tags = [file.tag for file in backend.weights]
        if not tags or len(set(tags)) != len(tags):
            yield f'weights must be at least one file, each tag once, got {tags}'
        for tag in tags:
            if not re.fullmatch(r'[a-z0-9_]+-\d+\.\d+\.\d+', tag):
                yield f'tag of weights must be like "cnn-1.2.0", got {tag!r}'


def check_docstrings(backend):
    """Yield which functions of a record have no docstring."""
    for name, function in _functions(backend):
        if not inspect.getdoc(function):
            yield f'{name} must have a docstring, got none for {function.__qualname__}'


def check_imports(backend):
    """Yield which heavy packages come with the import of a backend's module."""
    _, function = _functions(backend)[-1]
    code = (
        'import importlib, sys, astropy.nddata, astropy.table\n'
        'before = set(sys.modules)\n'
        'importlib.import_module(sys.argv[1])\n'
        'print(*[name for name in sys.argv[2:] if name in set(sys.modules) - before])\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, function.__module__, *HEAVY],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        yield f'module {function.__module__} must be importable, got {done.stderr.splitlines()[-1]}'
    elif done.stdout.strip():
        yield f'module {function.__module__} must import nothing heavy, got {done.stdout.strip()}'


def _functions(backend):
    """Return the names and functions of a record."""
    names = [field.name for field in fields(backend)]
    wanted = ('options', 'sample', 'simulate', 'encode', 'decode')
    return [(name, getattr(backend, name)) for name in wanted if name in names]
