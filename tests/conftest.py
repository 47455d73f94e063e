# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Fixtures that all tests share; the plugin manager is built without discovery.
"""

import pytest
from toy import Toy

from starcnn.plugins import _manager


@pytest.fixture(scope='session')
def toy(tmp_path_factory):
    """The toy plugin, with its network files in a temporary folder."""
    return Toy(tmp_path_factory.mktemp('toy'))


@pytest.fixture
def plugin_manager(monkeypatch, toy):
    """The families of the package and the toy family, and no other plugin."""
    monkeypatch.delenv('STARCNN_DISABLED_PLUGINS', raising=False)
    manager = _manager.build_plugin_manager(discover=False)
    manager.register(toy, 'toy')
    monkeypatch.setattr(_manager, 'get_plugin_manager', lambda: manager)
    return manager
