# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The checks of simulators; each yields what it finds wrong.
"""

from copy import deepcopy
from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable, Table

from starcnn._contract_compare import count_sources, is_same

_N_SOURCES = 4
_SEED = 1


def _rng(seed=_SEED):
    return np.random.default_rng(seed)


def check_options(backend):
    """Yield what is wrong with the dataclass of options."""
    if not isinstance(backend.options, type) or not is_dataclass(backend.options):
        yield f'options must be a dataclass, got {backend.options!r}'
        return
    try:
        options = backend.options()
    except TypeError as error:
        yield f'options must have defaults for all fields, got {error}'
        return
    for field in fields(options)[:1]:
        try:
            setattr(options, field.name, getattr(options, field.name))
        except FrozenInstanceError:
            continue
        yield f'options must be frozen, got {backend.options!r}'


def check_sample(backend):
    """Yield what is wrong with the parameters that are drawn."""
    options = backend.options()
    for n in (0, 1, _N_SOURCES):
        parameters = backend.sample(n, options, _rng())
        if not isinstance(parameters, QTable):
            yield f'sample must return a QTable, got {type(parameters).__name__}'
        elif len(parameters) != n:
            yield f'sample must return {n} rows, got {len(parameters)}'
        elif not parameters.colnames:
            yield 'sample must return columns, got none'
    if not is_same(parameters, backend.sample(_N_SOURCES, options, _rng())):
        yield 'sample must return the same for the same rng, got something else'
    if is_same(parameters, backend.sample(_N_SOURCES, options, _rng(_SEED + 1))):
        yield 'sample must return something else for another rng, got the same'


def check_simulate(backend):
    """Yield what is wrong with the observations and their truth."""
    options = backend.options()
    parameters = backend.sample(_N_SOURCES, options, _rng())
    before = deepcopy(parameters)
    made = backend.simulate(parameters, options, _rng())
    if not is_same(parameters, before):
        yield 'simulate must leave its parameters as they are, got changed ones'
    if not isinstance(made, tuple) or len(made) != 2:
        yield f'simulate must return observations and truth, got {type(made).__name__}'
        return
    observations, truth = made
    if not isinstance(observations, NDData | Table):
        yield f'observations must be NDData or a table, got {type(observations).__name__}'
        return
    if not isinstance(truth, QTable) or len(truth) != _N_SOURCES:
        yield f'truth must be a QTable of {_N_SOURCES} rows, got {truth!r}'
    n_found = count_sources(observations)
    if n_found != _N_SOURCES:
        yield f'observations must be of {_N_SOURCES} sources, got {n_found}'
    if isinstance(observations, NDData) and observations.unit is None:
        yield 'observations must have a unit, got None'
    again = backend.simulate(parameters, options, _rng())
    if not (is_same(observations, again[0]) and is_same(truth, again[1])):
        yield 'simulate must return the same for the same rng, got something else'
    if is_same(observations, backend.simulate(parameters, options, _rng(_SEED + 1))[0]):
        yield 'simulate must return something else for another rng, got the same'


CHECKS = (check_options, check_sample, check_simulate)
