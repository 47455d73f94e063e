# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the plugin manager.
"""

import warnings
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from toy.simulator import BACKEND, Options, sample, simulate

from starcnn import Estimator, Simulator
from starcnn.exceptions import DataFileError, PluginWarning
from starcnn.files import DataFile
from starcnn.plugins import _manager, hookimpl


def make_plugin(**hooks):
    """Return a module with hook implementations."""
    module = ModuleType('other')
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


def make_entry(name, load, dist='some-dist', version='1.2'):
    """Return what stands for an entry point."""
    return SimpleNamespace(name=name, load=load, dist=SimpleNamespace(name=dist, version=version))


def build(monkeypatch, *entries):
    """Build a manager that discovers these entry points and no others."""
    monkeypatch.setattr(_manager, 'entry_points', lambda group: entries)
    return _manager.build_plugin_manager()


def test_families_are_registered():
    """The families and the built-in locator are registered, families in the order of names."""
    names = [name for name, _ in _manager.build_plugin_manager(discover=False).list_name_plugin()]
    assert names[0] == 'locate'
    assert 'gaia_cmd' in names
    assert names[1:] == sorted(names[1:])


def test_is_built_once():
    """The manager is built on first use and kept."""
    assert _manager.get_plugin_manager() is _manager.get_plugin_manager()


def test_entry_points_in_order(monkeypatch):
    """Entry points are registered by distribution, then by name."""
    plugins = {name: make_plugin() for name in ('x', 'y', 'z')}
    manager = build(
        monkeypatch,
        make_entry('z', lambda: plugins['z'], dist='a'),
        make_entry('y', lambda: plugins['y'], dist='b'),
        make_entry('x', lambda: plugins['x'], dist='b'),
    )
    names = [name for name, _ in manager.list_name_plugin()]
    assert names[-3:] == ['z', 'x', 'y']


def fail_to_import():
    """Fail as an import does."""
    msg = "No module named 'nothing'"
    raise ModuleNotFoundError(msg)


def fail_by_itself():
    """Fail as only this plugin does."""

    class OwnError(Exception):
        """An error of the plugin's own."""

    msg = 'bad day'
    raise OwnError(msg)


@pytest.mark.parametrize(
    ('load', 'text'),
    [
        (fail_to_import, "ModuleNotFoundError: No module named 'nothing'"),
        (fail_by_itself, 'OwnError: bad day'),
        (lambda: make_plugin(starcnn_estimator=lambda: None), 'PluginValidationError'),
        (lambda: make_plugin(starcnn_estimators=lambda extra: []), 'PluginValidationError'),
    ],
)
def test_broken_entry_point(monkeypatch, load, text):
    """A plugin that cannot be loaded is a warning, leaves nothing behind, and others work."""
    good = make_plugin()
    with pytest.warns(PluginWarning, match=rf"plugin 'bad' from some-dist==1.2 .*{text}"):
        manager = build(monkeypatch, make_entry('bad', load), make_entry('good', lambda: good))
    assert manager.get_plugin('good') is good
    assert not manager.has_plugin('bad')
    assert len(manager.hook.starcnn_estimators.get_hookimpls()) == len(
        _manager.build_plugin_manager(discover=False).hook.starcnn_estimators.get_hookimpls()
    )


def test_entry_point_with_the_name_of_a_family(monkeypatch):
    """A plugin cannot take the name of a family."""
    with pytest.warns(PluginWarning, match="name of a plugin must be free, got 'gaia_cmd'"):
        manager = build(monkeypatch, make_entry('gaia_cmd', make_plugin))
    assert manager.get_plugin('gaia_cmd').__name__ == 'starcnn.families.gaia_cmd'


def test_disabled(monkeypatch):
    """Plugins named in the environment variable are neither imported nor registered."""
    monkeypatch.setenv('STARCNN_DISABLED_PLUGINS', 'gaia_cmd, bad')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        manager = build(monkeypatch, make_entry('bad', fail_to_import))
    assert not manager.has_plugin('gaia_cmd')
    assert not manager.has_plugin('bad')


def test_backends_are_sorted(plugin_manager):
    """Backends are listed by name, whatever the order of the plugins."""
    other = replace(BACKEND, name='alpha')
    plugin_manager.register(make_plugin(starcnn_simulators=lambda: [other]), 'other')
    names = list(_manager.list_backends('starcnn_simulators'))
    assert names == sorted(names)
    assert {'alpha', 'toy'} <= set(names)


def test_duplicate_backends(plugin_manager):
    """Two backends of one name are an error that names both modules."""

    def other_simulate(parameters, options, rng):
        return simulate(parameters, options, rng)

    other = replace(BACKEND, simulate=other_simulate)
    plugin_manager.register(make_plugin(starcnn_simulators=lambda: [other]), 'other')
    with pytest.raises(ValueError, match=rf"got 'toy' in {__name__} and toy\.simulator"):
        Simulator('toy')


@pytest.mark.parametrize('offered', [BACKEND, (b for b in [BACKEND]), ['toy'], {'toy': BACKEND}])
def test_hook_returns_something_else(plugin_manager, offered):
    """A hook returns a list of records and nothing else."""
    plugin_manager.register(make_plugin(starcnn_simulators=lambda: offered), 'other')
    with pytest.raises(TypeError, match='starcnn_simulators must return a list of Simulator'):
        Simulator.available()


def test_unknown_backend(plugin_manager):
    """An unknown name is an error that lists the installed ones."""
    with pytest.raises(ValueError, match=r"installed estimators \[.*'toy'.*\], got 'm32'"):
        Estimator('m32')
    with pytest.raises(TypeError, match='backend must be a name or a NetworkBackend, got 3'):
        Estimator(3)


def test_record_in_place_of_a_name():
    """A record needs not be installed."""
    assert _manager.find_backend('starcnn_simulators', BACKEND) is BACKEND


def test_find_recipe(monkeypatch):
    """A recipe is found by backend and variant."""
    recipes = [SimpleNamespace(name='toy', variant=variant) for variant in ('normal', 'grid')]
    monkeypatch.setattr(_manager, 'list_records', lambda hook: recipes)
    assert _manager.find_recipe('toy', 'normal') is recipes[0]
    with pytest.raises(ValueError, match=r"variant must be one of \['normal', 'grid'\], got N"):
        _manager.find_recipe('toy', None)
    with pytest.raises(ValueError, match="backend must be one with a recipe, got 'other'"):
        _manager.find_recipe('other', None)


def test_open_file_checks_the_hash(plugin_manager, toy, tmp_path):
    """A file that a plugin points to must be the one that was released."""
    (file, *_) = toy.files['estimator']
    assert _manager.open_file(file) == toy.folder / file.file
    changed = tmp_path / file.file
    changed.write_bytes((toy.folder / file.file).read_bytes() + b'x')
    plugin = make_plugin(starcnn_locate_file=lambda file: changed)
    plugin_manager.register(plugin, 'other')
    with pytest.raises(DataFileError, match=rf'{file.tag}.*{file.sha256}.*{file.file}'):
        _manager.open_file(file)


def test_open_file_that_is_nowhere(plugin_manager):
    """A file that cannot be found is an error that says where it was looked for."""
    file = DataFile(tag='lost-1.0.0', file='lost.onnx', sha256='0' * 64, size=1)
    with pytest.raises(DataFileError, match=r"'lost-1.0.0' must be in .*STARCNN_DATA_DIR"):
        _manager.open_file(file)


@pytest.mark.parametrize('tag', ['', 'normal', 'normal-2.0.0'])
def test_unknown_weights(plugin_manager, tag):
    """An unknown tag is an error that lists the known ones."""
    with pytest.raises(ValueError, match=r"one of the tags \['normal-1.0.0', 'grid-1.0.0'"):
        Estimator('toy', weights=tag)


def test_weights_of_another_kind(plugin_manager):
    """Weights are a tag or a path."""
    with pytest.raises(TypeError, match=r'weights must be a tag, a pathlib\.Path or None, got 3'):
        Estimator('toy', weights=3)


def test_weights_of_another_family(plugin_manager, toy):
    """A file of another family is refused."""
    backend = replace(toy.starcnn_estimators()[0], name='other')
    with pytest.raises(ValueError, match="must be of the family 'other', got 'toy'"):
        Estimator(backend, weights=toy.folder / toy.files['estimator'][0].file)


def test_backend_without_weights(plugin_manager, toy):
    """A family without released weights needs a file."""
    backend = replace(toy.starcnn_estimators()[0], weights=())
    with pytest.raises(ValueError, match=r'one of the tags \[\] or a pathlib.Path, got None'):
        Estimator(backend)


def test_source_without_input_gets_nan(plugin_manager, toy):
    """A source whose input is all NaN has NaN outputs, whatever the network says."""
    rng = np.random.default_rng(5)
    images, _ = simulate(sample(3, Options(), rng), Options(), rng)
    images.data[1] = np.nan
    hook = 'starcnn_estimators'
    backend, file, network = _manager.open_network(
        hook, 'toy', weights=None, device='cpu', batch_size=8
    )
    assert file.tag == 'normal-1.0.0'
    for output in _manager.run_network(backend, network, images).values():
        assert np.isnan(output).all(axis=1).tolist() == [False, True, False]
