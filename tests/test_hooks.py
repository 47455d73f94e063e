# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Each hook has a test here, and a section in the documentation with its signature.
"""

import inspect
import re
from pathlib import Path

import pytest

from starcnn import Classifier, Estimator, MassMapper, Simulator
from starcnn.files import DataFile
from starcnn.plugins import _manager, hookimpl, hookspecs

DOCS = Path(__file__).parents[1] / 'docs' / 'plugins' / 'hooks.rst'


def test_hook_starcnn_simulators(plugin_manager):
    """Simulators are offered by name."""
    assert 'toy' in Simulator.available()['name']
    assert Simulator('toy').backend.name == 'toy'


def test_hook_starcnn_estimators(plugin_manager):
    """Estimators are offered by name."""
    assert 'toy' in Estimator.available()['name']
    assert Estimator('toy').backend.name == 'toy'


def test_hook_starcnn_classifiers(plugin_manager):
    """Classifiers are offered by name."""
    assert 'toy' in Classifier.available()['name'].tolist()
    assert Classifier('toy').backend.name == 'toy'


def test_hook_starcnn_mass_mappers(plugin_manager):
    """Mass mappers are offered by name."""
    assert MassMapper.available()['name'].tolist() == ['toy']
    assert MassMapper('toy').backend.name == 'toy'


@pytest.mark.training
def test_hook_starcnn_recipes(plugin_manager):
    """Recipes are found by the name of the backend."""
    pytest.importorskip('torch')
    assert _manager.find_recipe('toy', None).variant == 'normal'


def test_hook_starcnn_claims(plugin_manager):
    """Claims are collected."""
    every = [claim for claims in plugin_manager.hook.starcnn_claims() for claim in claims]
    assert 'rms of log age' in [claim.name for claim in every]


def test_hook_starcnn_locate_file(plugin_manager, tmp_path):
    """The first answer counts, and the built-in one comes last."""
    file = DataFile(tag='x-1.0.0', file='x.onnx', sha256='0' * 64, size=1)
    assert _manager.find_file(file) is None

    class Site:
        """A site that has its files elsewhere."""

        @hookimpl
        def starcnn_locate_file(self, file):
            """Answer for one file."""
            return tmp_path / file.file if file.tag == 'x-1.0.0' else None

    plugin_manager.register(Site(), 'site')
    assert _manager.find_file(file) == tmp_path / 'x.onnx'
    implementations = plugin_manager.hook.starcnn_locate_file.get_hookimpls()
    assert implementations[0].plugin_name == 'locate'


@pytest.mark.parametrize('name', hookspecs.__all__)
def test_hook_is_tested_and_documented(name):
    """Each hook has a test, and a section with its exact signature."""
    assert f'test_hook_{name}' in globals()
    function = getattr(hookspecs, name)
    signature = str(inspect.signature(function)).replace("'", '')
    text = DOCS.read_text(encoding='utf-8')
    section = re.search(rf'^{name}\n-+\n(.*?)(?=^starcnn_\w+\n-|\Z)', text, re.M | re.S)
    assert section, f'{DOCS} has no section {name}'
    assert f'def {name}{signature}: ...' in section[1]


def test_hooks_are_all():
    """The list of hooks is complete."""
    manager = _manager.build_plugin_manager(discover=False)
    assert sorted(vars(manager.hook)) == sorted(hookspecs.__all__)
