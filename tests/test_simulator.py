# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the simulator.
"""

from copy import deepcopy
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from astropy.table import Table
from toy.simulator import BACKEND

from starcnn import Simulator
from starcnn._contract_compare import is_same


@pytest.fixture
def simulator(plugin_manager):
    """The toy simulator."""
    return Simulator('toy')


def test_available(plugin_manager):
    """The table of simulators has a row for each, sorted by name."""
    table = Simulator.available()
    assert table.colnames == ['name', 'summary', 'reference']
    assert table['name'].tolist() == sorted(table['name'])
    row = table[table['name'] == 'toy'][0]
    assert row['summary'] == BACKEND.summary


def test_available_without_plugins(plugin_manager):
    """Without simulators the table is empty."""
    for name, plugin in plugin_manager.list_name_plugin():
        if name != 'locate':
            plugin_manager.unregister(plugin)
    table = Simulator.available()
    assert len(table) == 0
    assert table.colnames == ['name', 'summary', 'reference']


def test_options(plugin_manager):
    """Options are kept in the family's frozen dataclass."""
    simulator = Simulator('toy', noise=0.5)
    assert simulator.options.noise == 0.5
    with pytest.raises(FrozenInstanceError):
        simulator.options.noise = 1
    assert repr(simulator) == '<Simulator toy with Options(noise=0.5)>'


def test_unknown_option(plugin_manager):
    """An unknown option is an error that lists the known ones."""
    with pytest.raises(TypeError, match=r"must be among \['noise'\], got \['nois'\]"):
        Simulator('toy', nois=0.5)


def test_backend_without_installation():
    """The record itself may be given."""
    assert len(Simulator(BACKEND).sample(3, rng=1)) == 3


def test_same_seed_same_mocks(simulator):
    """A seed and a generator of that seed give the same parameters and images."""
    parameters = simulator.sample(4, rng=1)
    assert is_same(parameters, simulator.sample(4, rng=np.random.default_rng(1)))
    images, truth = simulator.simulate(parameters, rng=2)
    again, truth_again = simulator.simulate(parameters, rng=np.random.default_rng(2))
    assert is_same(images, again)
    assert is_same(truth, truth_again)
    assert not is_same(images, simulator.simulate(parameters, rng=3)[0])


def test_noise_has_an_effect(plugin_manager):
    """Options reach the simulation."""
    parameters = Simulator('toy').sample(4, rng=1)
    quiet, loud = (
        Simulator('toy', noise=noise).simulate(parameters, rng=2)[0] for noise in (0, 10)
    )
    assert np.std(loud.data - quiet.data) == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize('n', [1.5, '3', True, None])
def test_kind_of_n(simulator, n):
    """The number of sources is an integer."""
    with pytest.raises(TypeError, match='n must be an integer, got'):
        simulator.sample(n)


def test_negative_n(simulator):
    """The number of sources is not negative; zero gives an empty table."""
    with pytest.raises(ValueError, match='n must be zero or positive, got -1'):
        simulator.sample(-1)
    assert len(simulator.sample(0)) == 0
    assert len(simulator.sample(np.int64(2))) == 2


def test_kind_of_parameters(simulator):
    """Parameters are a table."""
    with pytest.raises(TypeError, match='parameters must be a table, got dict'):
        simulator.simulate({'age': [1]})


def test_nothing_changes(simulator):
    """Simulating changes neither the simulator nor its parameters."""
    parameters = simulator.sample(3, rng=1)
    before, state = deepcopy(parameters), dict(vars(simulator))
    simulator.simulate(parameters, rng=1)
    assert is_same(parameters, before)
    assert vars(simulator) == state


def test_missing_package(plugin_manager):
    """Where a package of an extra is missing, the error says which extra to install."""

    def fail(*_):
        raise ModuleNotFoundError('No module named ' + repr(name), name=name)

    simulator = Simulator(replace(BACKEND, sample=fail, simulate=fail))
    name = 'scipy.fft'
    with pytest.raises(
        ImportError, match=r'scipy\.fft must be .*pip install "starcnn\[simulate\]"'
    ):
        simulator.sample(1)
    with pytest.raises(ImportError, match='the extra "simulate"'):
        simulator.simulate(Table({'x': [1.0]}))
    name = 'other'
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'other'"):
        simulator.sample(1)
