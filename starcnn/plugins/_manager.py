# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Build the plugin manager, list what the plugins offer, open files and networks.
"""

import functools
import os
import pkgutil
import warnings
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pluggy

from starcnn.exceptions import DataFileError, PluginWarning
from starcnn.files import verify
from starcnn.networks import MAX_SIZE, Network
from starcnn.plugins import _locate, hookspecs
from starcnn.plugins.records import NetworkBackend, Recipe, SimulatorBackend

GROUP = 'starcnn'
DISABLED = 'STARCNN_DISABLED_PLUGINS'

# The largest file in bytes of a user's own, as are networks of papers: protocol buffers end there.
_OWN_MAX_SIZE = 2_000_000_000

# What each hook returns a list of, and the function that tells its module.
_RECORDS = {
    'starcnn_simulators': (SimulatorBackend, 'simulate'),
    'starcnn_estimators': (NetworkBackend, 'encode'),
    'starcnn_classifiers': (NetworkBackend, 'encode'),
    'starcnn_mass_mappers': (NetworkBackend, 'encode'),
    'starcnn_recipes': (Recipe, 'network'),
}


@functools.cache
def get_plugin_manager():
    """Return the plugin manager, built on first use."""
    return build_plugin_manager()


def build_plugin_manager(*, discover=True):
    """Build a plugin manager; other distributions are looked up if ``discover``."""
    manager = pluggy.PluginManager('starcnn')
    manager.add_hookspecs(hookspecs)
    for name in os.environ.get(DISABLED, '').split(','):
        if name.strip():
            manager.set_blocked(name.strip())
    _register(manager, _locate, 'locate')
    families = import_module('starcnn.families')
    for name in sorted(found.name for found in pkgutil.iter_modules(families.__path__)):
        if not manager.is_blocked(name):
            _register(manager, import_module(f'starcnn.families.{name}'), name)
    if discover:
        _load_entry_points(manager)
    return manager


def _register(manager, plugin, name):
    """Register a plugin, or leave no trace of it and raise."""
    if manager.has_plugin(name):
        msg = f'name of a plugin must be free, got {name!r}, the name of {manager.get_plugin(name)}'
        raise ValueError(msg)
    try:
        manager.register(plugin, name)
        manager.check_pending()
    except pluggy.PluginValidationError:
        manager.unregister(name=name)
        raise


def _load_entry_points(manager):
    """Register the plugins of other distributions; those that fail become warnings."""
    found = sorted(entry_points(group=GROUP), key=lambda entry: (entry.dist.name, entry.name))
    for entry in found:
        if manager.is_blocked(entry.name):
            continue
        try:
            _register(manager, entry.load(), entry.name)
        except Exception as error:  # noqa: BLE001 - foreign code may raise anything on import
            message = (
                f'plugin {entry.name!r} from {entry.dist.name}=={entry.dist.version} failed to '
                f'load and is ignored: {type(error).__name__}: {error}'
            )
            warnings.warn(message, PluginWarning, stacklevel=2)


def list_records(hook):
    """Return all records that the plugins offer through a hook."""
    kind, _ = _RECORDS[hook]
    records = []
    for offered in getattr(get_plugin_manager().hook, hook)():
        if not isinstance(offered, list | tuple) or not all(
            isinstance(record, kind) for record in offered
        ):
            msg = f'{hook} must return a list of {kind.__name__} records, got {offered!r}'
            raise TypeError(msg)
        records += offered
    return records


def list_backends(hook):
    """Return the backends that the plugins offer through a hook, by name, sorted."""
    function = _RECORDS[hook][1]
    backends = {}
    for backend in list_records(hook):
        other = backends.setdefault(backend.name, backend)
        if other is not backend:
            modules = sorted(getattr(item, function).__module__ for item in (other, backend))
            msg = f'name of a backend must be given once per hook, got {backend.name!r} in '
            msg += f'{modules[0]} and {modules[1]} for {hook}'
            raise ValueError(msg)
    return dict(sorted(backends.items()))


def find_backend(hook, backend):
    """Return the backend of that name; a record is returned as it is."""
    kind, _ = _RECORDS[hook]
    if isinstance(backend, kind):
        return backend
    if not isinstance(backend, str):
        msg = f'backend must be a name or a {kind.__name__}, got {backend!r}'
        raise TypeError(msg)
    backends = list_backends(hook)
    if backend not in backends:
        task = hook.removeprefix('starcnn_').replace('_', ' ')
        msg = f'backend must be one of the installed {task} {list(backends)}, got {backend!r}'
        raise ValueError(msg)
    return backends[backend]


def find_recipe(backend, variant):
    """Return the recipe of a backend's variant; `None` takes the only one."""
    recipes = [recipe for recipe in list_records('starcnn_recipes') if recipe.name == backend]
    found = [recipe for recipe in recipes if variant in (None, recipe.variant)]
    if not recipes:
        msg = f'backend must be one with a recipe, got {backend!r}'
        raise ValueError(msg)
    if len(found) != 1:
        names = [recipe.variant for recipe in recipes]
        msg = f'variant must be one of {names}, got {variant!r}'
        raise ValueError(msg)
    return found[0]


def find_file(file):
    """Return where a data file is on this machine, or `None`; nothing is downloaded."""
    return get_plugin_manager().hook.starcnn_locate_file(file=file)


def open_file(file):
    """Return the path of a data file, downloaded if need be, after checking its hash."""
    path = find_file(file)
    if path is None:
        path = _locate.download(file)
    try:
        return verify(path, file)
    except DataFileError:
        _locate.forget(file, path)
        raise


def open_network(hook, backend, *, weights, device, batch_size):
    """Return the backend, the data file (`None` for a user's own) and the open network."""
    backend = find_backend(hook, backend)
    file = None if isinstance(weights, Path) else _find_weights(backend, weights)
    path = weights if file is None else open_file(file)
    network = Network(
        path,
        sha256=None if file is None else file.sha256,
        device=device,
        batch_size=batch_size,
        max_size=_OWN_MAX_SIZE if file is None else MAX_SIZE,
    )
    if network.spec.family != backend.name:
        found = network.spec.family
        msg = f'weights must be of the family {backend.name!r}, got {found!r} in {path}'
        raise ValueError(msg)
    return backend, file, network


def _find_weights(backend, tag):
    """Return the data file with that tag; `None` takes the first."""
    tags = [file.tag for file in backend.weights]
    if tag is None and tags:
        return backend.weights[0]
    if tag is not None and not isinstance(tag, str):
        msg = f'weights must be a tag, a pathlib.Path or None, got {tag!r}'
        raise TypeError(msg)
    if tag not in tags:
        msg = f'weights of {backend.name!r} must be one of the tags {tags} or a pathlib.Path, '
        msg += f'got {tag!r}'
        raise ValueError(msg)
    return backend.weights[tags.index(tag)]


def run_network(backend, network, data):
    """Return the outputs for observations; a source without any input gets NaN."""
    inputs = backend.encode(data, network.spec)
    outputs = network.run(inputs)
    is_empty = np.logical_and.reduce(
        [np.isnan(array).all(axis=tuple(range(1, array.ndim))) for array in inputs.values()]
    )
    for array in outputs.values():
        array[is_empty] = np.nan
    return outputs
