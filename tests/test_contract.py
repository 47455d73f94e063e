# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
All backends of the package, of the toy family and of the example meet the contract.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import NDData

from starcnn.plugins import _manager
from starcnn.testing import check_backend

EXAMPLE = Path(__file__).parent / 'example_plugin'
HOOKS = (
    'starcnn_simulators',
    'starcnn_estimators',
    'starcnn_classifiers',
    'starcnn_mass_mappers',
)


def list_installed():
    """Return hook and name of each backend in the package."""
    manager = _manager.build_plugin_manager(discover=False)
    return [
        (hook, backend.name)
        for hook in HOOKS
        for backends in getattr(manager.hook, hook)()
        for backend in backends
    ]


@pytest.mark.parametrize(('hook', 'name'), list_installed())
def test_families(plugin_manager, hook, name):
    """Each backend of the package meets the contract."""
    backend = _manager.list_backends(hook)[name]
    if not getattr(backend, 'weights', True):
        pytest.skip(f'{name!r} has no released weights to check')
    check_backend(backend)


@pytest.mark.parametrize('hook', HOOKS[:3])
def test_toy(plugin_manager, hook):
    """The toy simulator, estimator and classifier meet the contract."""
    check_backend(_manager.list_backends(hook)['toy'])


@pytest.mark.parametrize('n_maps', [1, 3])
def test_toy_mass_mapper(plugin_manager, n_maps):
    """The toy mass mapper meets the contract with data that are given."""
    maps = np.random.default_rng(1).random((n_maps, 1, 6, 6))
    backend = _manager.list_backends('starcnn_mass_mappers')['toy']
    check_backend(backend, data=NDData(maps, unit='solLum'))


@pytest.mark.parametrize('hook', HOOKS[:2])
def test_example_plugin(plugin_manager, monkeypatch, hook):
    """The example of an out-of-tree plugin meets the contract."""
    monkeypatch.syspath_prepend(EXAMPLE)
    import starcnn_double

    plugin_manager.register(starcnn_double, 'double_cluster')
    check_backend(_manager.list_backends(hook)['double_cluster'])
    monkeypatch.delitem(sys.modules, 'starcnn_double')
