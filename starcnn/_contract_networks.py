# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The checks of network backends; each yields what it finds wrong.
"""

import re
import warnings
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import Column, QTable, Table

from starcnn._contract_compare import (
    KEY,
    choose_sources,
    count_sources,
    is_same,
    is_stack,
    is_star_table,
    largest_difference,
    replace_images,
    scaled_values,
    source_names,
)
from starcnn.exceptions import StarcnnWarning
from starcnn.files import DataFile
from starcnn.flags import FILLED, NO_DATA
from starcnn.networks import Map, Network, Spec
from starcnn.plugins import NetworkBackend
from starcnn.plugins._manager import open_file, run_network

# What sums in another order may change, in parts of each output's scale.
ROUNDING = 1e-6
# What values converted from another unit may change: a few digits of a float32.
CONVERSION = 1e-5

_FACTOR = 1000
_STRETCH = 1.01
_WRONG_UNIT = u.kg * u.K


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    One backend with one of its weights, and data to try it on.
    """

    backend: NetworkBackend
    file: DataFile
    path: Path
    network: Network
    data: Any
    truth: Any

    @property
    def spec(self) -> Spec:
        """What the network eats and returns."""
        return self.network.spec

    def predict(self, data):
        """Return the result for data; the package's own warnings are left out."""
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', StarcnnWarning)
            outputs = run_network(self.backend, self.network, data)
            return self.backend.decode(outputs, self.spec, data)

    def warns(self, name, column):
        """Whether a warning names a column when it is put in the place of another."""
        data = self.data.copy()
        data.replace_column(name, column)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            self.backend.encode(data, self.spec)
        return any(
            issubclass(item.category, StarcnnWarning) and repr(name) in str(item.message)
            for item in caught
        )

    def values(self, data):
        """Return the numbers of the result for data."""
        return scaled_values(self.predict(data), self.spec)

    def outcome(self, data):
        """Return the numbers of the result for data and `None`, or `None` and the error."""
        try:
            return self.values(data), None
        except (KeyError, TypeError, ValueError, u.UnitsError) as error:
            return None, error


def make_case(backend, file, data, truth):
    """Open one of the weights of a backend."""
    path = open_file(file)
    network = Network(path, sha256=file.sha256)
    return Case(backend=backend, file=file, path=path, network=network, data=data, truth=truth)


def check_weights(case):
    """Yield what is wrong with the file and its spec."""
    size = case.path.stat().st_size
    if size != case.file.size:
        yield f'size of {case.file.tag!r} must be {size}, as in the file, got {case.file.size}'
    if case.spec.family != case.backend.name:
        yield f'family of the spec must be {case.backend.name!r}, got {case.spec.family!r}'
    if not case.file.tag.startswith(f'{case.spec.variant}-'):
        yield f'tag must start with the variant {case.spec.variant!r}, got {case.file.tag!r}'


def check_encode(case):
    """Yield what is wrong with the arrays that ``encode`` makes, and with its inputs after."""
    before = deepcopy(case.data)
    inputs = case.backend.encode(case.data, case.spec)
    if not is_same(case.data, before):
        yield 'encode must leave data as they are, got changed ones'
    names = [part.name for part in case.spec.inputs]
    if not isinstance(inputs, dict) or sorted(inputs) != sorted(names):
        yield f'encode must return a dictionary with the names {names}, got {list(inputs)}'
        return
    n_source = count_sources(case.data)
    for part in case.spec.inputs:
        array = inputs[part.name]
        if not isinstance(array, np.ndarray) or array.dtype != np.float32:
            yield f'input {part.name!r} must be a float32 array, got {array!r}'
        elif array.ndim != len(part.dimensions) or any(
            size not in (None, found)
            for size, found in zip((n_source, *part.dimensions[1:]), array.shape, strict=True)
        ):
            shape = (n_source, *part.dimensions[1:])
            yield f'input {part.name!r} must have shape {shape}, got {array.shape}'


def check_decode(case):
    """Yield what is wrong with the result."""
    inputs = case.backend.encode(case.data, case.spec)
    outputs = case.network.run(inputs)
    before, outputs_before = deepcopy(case.data), deepcopy(outputs)
    result = case.backend.decode(outputs, case.spec, case.data)
    if not is_same(case.data, before) or result.meta is case.data.meta:
        yield 'decode must leave data as they are, with a meta of their own, got changed ones'
    if not is_same(outputs, outputs_before):
        yield 'decode must leave outputs as they are, got changed ones'
    if isinstance(result, NDData):
        yield from _problems_of_map(case, result)
    elif isinstance(result, QTable):
        yield from _problems_of_table(case, result)
    else:
        yield f'decode must return a QTable or an NDData, got {type(result).__name__}'


def _problems_of_map(case, result):
    """Yield what is wrong with a map."""
    parts = [part for part in case.spec.outputs if isinstance(part, Map)]
    if not parts:
        yield 'decode must return a table, as the spec has no map, got an NDData'
        return
    shape = (count_sources(case.data), *parts[0].shape)[0 if is_stack(case.data) else 1 :]
    if result.data.shape != shape:
        yield f'result must have shape {shape}, got {result.data.shape}'
    if result.unit is None or not result.unit.is_equivalent(parts[0].unit):
        yield f'result must have a unit like {parts[0].unit!r}, got {result.unit}'


def _problems_of_table(case, result):
    """Yield what is wrong with a table of parameters or of classes."""
    n_source = count_sources(case.data)
    if len(result) != n_source:
        yield f'result must have {n_source} rows, one per source, got {len(result)}'
    names = result.colnames
    if names[:1] != ['id'] or names[-1:] != ['flags'] or result['flags'].dtype.kind not in 'iu':
        yield f'columns must start with id and end with integer flags, got {names}'
    if is_star_table(case.data) and KEY not in names:
        yield f'columns must have {KEY!r}, as data do, got {names}'
    if 'class' in names:
        labels = [label for part in case.spec.outputs for label in getattr(part, 'labels', ())]
        expected = ['class', *(f'prob_{label}' for label in labels)]
    else:
        suffixes = ('', '_16', '_84')
        expected = [item.name + suffix for item in case.spec.parameters for suffix in suffixes]
    at = names.index(expected[0]) if expected and expected[0] in names else 0
    if not expected or names[at : at + len(expected)] != expected:
        yield f'columns must have {expected} in this order, got {names}'
    elif 'class' in names:
        total = sum(np.asarray(result[name]) for name in expected[1:])
        if np.nanmax(np.abs(total - 1), initial=0) > CONVERSION:
            yield f'probabilities of the classes must sum to one, got {total}'
    else:
        yield from _problems_of_percentiles(case, result)


def _problems_of_percentiles(case, result):
    """Yield which parameters have wrong units or percentiles out of order."""
    for parameter in case.spec.parameters:
        names = [parameter.name + suffix for suffix in ('_16', '', '_84')]
        for name in names:
            unit = u.Quantity(result[name]).unit
            if unit != u.Unit(parameter.unit):
                yield f'column {name!r} must have the unit {parameter.unit!r}, got {str(unit)!r}'
                return
        low, median, high = (u.Quantity(result[name]).value for name in names)
        if (low > median).any() or (median > high).any():
            yield f'percentiles of {parameter.name!r} must be in order, got {low, median, high}'


def check_batches(case):
    """Yield whether the numbers of a source depend on how many run at once."""
    inputs = case.backend.encode(case.data, case.spec)
    outputs = case.network.run(inputs)
    single = Network(case.path, batch_size=1, n_threads=1)
    others = {
        'in one thread': single.run(inputs),
        'in reverse order': case.network.run({k: v[::-1].copy() for k, v in inputs.items()}),
    }
    others['in reverse order'] = {k: v[::-1] for k, v in others['in reverse order'].items()}
    alone = [single.run({k: v[i : i + 1] for k, v in inputs.items()}) for i in range(2)]
    for name, output in outputs.items():
        for what, other in others.items():
            if not np.array_equal(output, other[name], equal_nan=True):
                yield f'output {name!r} must be the same {what}, got other numbers'
        for i, other in enumerate(alone[: len(output)]):
            if not np.array_equal(output[i : i + 1], other[name], equal_nan=True):
                yield f'output {name!r} of source {i} must be the same alone, got other numbers'


def check_order(case):
    """Yield whether results depend on the order of sources, or of stars."""
    values = case.values(case.data)
    n_source = count_sources(case.data)
    order = np.arange(n_source)[::-1]
    other = case.values(choose_sources(case.data, order))
    if not is_star_table(case.data):  # their values are in the order of their names
        other = other[::-1]
    if largest_difference(values, other) > 0:
        yield 'results must be the same for sources in reverse order, got other numbers'
    if is_star_table(case.data):
        shuffled = case.data[np.random.default_rng(0).permutation(len(case.data))]
        difference = largest_difference(values, case.values(shuffled))
        if difference > ROUNDING:
            yield (
                f'results must be within {ROUNDING} for stars in another order, '
                f'got a difference of {difference}'
            )


def check_nan(case):
    """Yield whether a source of NaN spoils others, or goes without a flag."""
    if isinstance(case.data, NDData):
        images = np.array(case.data.data, dtype=float)
        images[0 if is_stack(case.data) else ...] = np.nan
        data, is_spoilt = replace_images(case.data, images), np.arange(count_sources(case.data)) < 1
    else:
        data = case.data.copy()
        names = data[KEY] if is_star_table(data) else np.arange(len(data))
        for name in data.colnames:
            if name != KEY and data[name].dtype.kind == 'f':
                data[name][names == names[0]] = np.nan
        listed = sorted(source_names(data)) if is_star_table(data) else range(len(data))
        is_spoilt = np.array([name == names[0] for name in listed])
    before, result = case.predict(case.data), case.predict(data)
    values, others = (scaled_values(item, case.spec) for item in (before, result))
    if largest_difference(values[~is_spoilt], others[~is_spoilt]) > 0:
        yield 'a source of NaN must leave the other results as they are, got other numbers'
    if isinstance(result, Table):
        flags = np.asarray(result['flags'])
        is_own = result[KEY] == names[0] if is_star_table(data) else is_spoilt
        if not (flags[is_own] & (FILLED | NO_DATA)).all():
            yield f'flags of a source of NaN must say so, got {flags[is_own]}'


def check_kind(case):
    """Yield whether data that are neither images nor a table are taken."""
    _, error = case.outcome([1, 2, 3])
    if not isinstance(error, TypeError):
        yield f'data must be refused by a TypeError if they are a list, got {error!r}'


def check_columns(case):
    """Yield which columns of a table may be missing, or have a wrong unit, unnoticed."""
    if not isinstance(case.data, Table):
        return
    values = case.values(case.data)
    n_refused = 0
    for name in case.data.colnames:
        data = case.data.copy()
        data.remove_column(name)
        _, error = case.outcome(data)
        n_refused += error is not None
        yield from _unclear(error, name, f'column {name!r} is missing')
        unit = getattr(case.data[name], 'unit', None)
        if unit is not None and unit != u.dimensionless_unscaled:
            yield from _problems_of_unit(case, name, unit, values)
    if not n_refused:
        yield 'data must be refused if a column that is needed is missing, got none that is'


def _problems_of_unit(case, name, unit, values):
    """Yield whether a column that is used is taken in a wrong unit, or not converted."""
    x = np.array(u.Quantity(case.data[name]).value)

    def try_column(column):
        data = case.data.copy()
        data.replace_column(name, column)
        return case.outcome(data)

    found, error = try_column(_STRETCH * x << unit)
    if error is None and largest_difference(values, found) == 0:
        return  # the network does without this column
    for what, column in (('has a wrong unit', x << _WRONG_UNIT), ('has no unit', Column(x))):
        _, error = try_column(column)
        # A column that only helps may be left out, if the user is told.
        if error is None and not (what == 'has no unit' and case.warns(name, column)):
            yield f'data must be refused if column {name!r} {what}, got a result'
        yield from _unclear(error, name, f'column {name!r} {what}')
    found, error = try_column(x / _FACTOR << u.Unit(_FACTOR * unit))
    if error is not None or largest_difference(values, found) > CONVERSION:
        yield f'column {name!r} must be converted from {_FACTOR} {unit}, got {error or "others"!r}'


def check_images(case):
    """Yield which wrong units, shapes and filters of images are taken."""
    if not isinstance(case.data, NDData):
        return
    data, images = case.data, np.array(case.data.data)
    # one pixel less than the least that is taken
    sizes = getattr(case.spec.inputs[0], 'sizes', None)
    side = -1 if sizes is None else sizes[0] - 1
    wrong = {
        'unit': [{'unit': None}, {'unit': _WRONG_UNIT}],
        'shape': [
            {'images': images[..., :side, :side]},
            {'images': images[np.newaxis, np.newaxis]},
        ],
        'filters': [],
    }
    filters = data.meta.get('filters')
    if filters is not None:
        bare = {name: value for name, value in data.meta.items() if name != 'filters'}
        others = [('none', *filters[1:]), *([filters[::-1]] if len(filters) > 1 else [])]
        wrong['filters'] = [{'meta': bare}] + [{'meta': bare | {'filters': x}} for x in others]
    for word, changes in wrong.items():
        for change in changes:
            changed = replace_images(data, change.pop('images', images), **change)
            _, error = case.outcome(changed)
            if error is None:
                yield f'data must be refused if their {word} is wrong, got a result'
            yield from _unclear(error, word, f'{word} of data is wrong')
    other = replace_images(data, images / _FACTOR, unit=u.Unit(_FACTOR * data.unit))
    if largest_difference(case.values(data), case.values(other)) > CONVERSION:
        yield 'results must be the same for data in another unit, got others'


def _unclear(error, word, what):
    """Yield whether an error does not say what is wrong."""
    if isinstance(error, KeyError) or not re.search(rf'\b{re.escape(word)}\b', str(error or word)):
        yield f'the error must be clear and have the word {word!r} if {what}, got {error!r}'


def check_truth(case):
    """Yield which parameters the truth of the simulator lacks."""
    if case.truth is None or isinstance(case.predict(case.data), NDData):
        return
    for parameter in case.spec.parameters:
        if parameter.name not in case.truth.colnames:
            yield f'truth must have the column {parameter.name!r}, got {case.truth.colnames}'
            continue
        unit = getattr(case.truth[parameter.name], 'unit', None) or u.dimensionless_unscaled
        if not unit.is_equivalent(parameter.unit):
            yield f'truth must have {parameter.name!r} in {parameter.unit!r}, got {str(unit)!r}'


CHECKS = (
    check_weights,
    check_encode,
    check_decode,
    check_batches,
    check_order,
    check_nan,
    check_kind,
    check_columns,
    check_images,
    check_truth,
)
