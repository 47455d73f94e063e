# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The frozen records that a family hands over through its hooks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starcnn.files import DataFile
from starcnn.networks.spec import Spec

if TYPE_CHECKING:
    from astropy.nddata import NDData
    from astropy.table import QTable
    from numpy.random import Generator

__all__ = ['NetworkBackend', 'Recipe', 'SimulatorBackend']


@dataclass(frozen=True, kw_only=True)
class SimulatorBackend:
    """
    How a family draws parameters and makes mock observations of them.

    Parameters
    ----------
    name : str
        What the user types.

    summary : str
        One line for `starcnn.Simulator.available`.

    reference : str
        The ADS bibcode of the paper.

    options : type
        The family's frozen dataclass of options, all with defaults.

    sample : callable
        ``sample(n, options, rng)`` returns a `~astropy.table.QTable` of ``n``
        rows of parameters.

    simulate : callable
        ``simulate(parameters, options, rng)`` returns the mock observations
        (`~astropy.nddata.NDData` or `~astropy.table.QTable`) and a
        `~astropy.table.QTable` with the truth of each.
    """

    name: str
    summary: str
    reference: str
    options: type
    sample: 'Callable[[int, Any, Generator], QTable]'
    simulate: 'Callable[[QTable, Any, Generator], tuple[NDData | QTable, QTable]]'


@dataclass(frozen=True, kw_only=True)
class NetworkBackend:
    """
    How a family turns observations into arrays, and arrays into results.

    Parameters
    ----------
    name : str
        What the user types.

    summary : str
        One line for the ``available`` tables.

    reference : str
        The ADS bibcode of the paper.

    weights : tuple of `~starcnn.files.DataFile`
        The released weights; the first is the default.

    encode : callable
        ``encode(data, spec)`` returns a dictionary with one float32 array for
        each input the spec names, all with one row per source.

    decode : callable
        ``decode(outputs, spec, data)`` returns the result: a
        `~astropy.table.QTable` with one row per source, or an
        `~astropy.nddata.NDData`.
    """

    name: str
    summary: str
    reference: str
    weights: tuple[DataFile, ...]
    encode: Callable[[Any, Spec], dict]
    decode: 'Callable[[dict, Spec, Any], QTable | NDData]'


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """
    How to train one network.

    Parameters
    ----------
    name : str
        The backend the network is for.

    variant : str
        The first part of the weights' tag, such as 'cnn'.

    task : {'estimator', 'classifier', 'mass_mapper'}
        Which public class uses the network.

    spec : `~starcnn.networks.Spec`
        What the network eats and returns.

    network : callable
        ``network(spec)`` returns the `torch.nn.Module`, which takes the inputs
        of the spec in order, in physical units, and returns a tuple of the
        outputs of the spec in order, in physical units.

    loss : callable
        ``loss(outputs, truth)`` returns a scalar tensor, both arguments being
        dictionaries of tensors by name.

    epochs, batch_size : int, optional
        The length of the training and the number of sources per step.

    learning_rate, weight_decay : float, optional
        Of the AdamW optimiser.

    augment : callable, optional
        ``augment(inputs, truth, generator)`` returns changed copies of a batch
        (dictionaries of tensors), drawn with a `torch.Generator`.

    n_mocks : int, optional
        The number of mock observations to train on.

    bank_spec : `~starcnn.networks.Spec` or `None`, optional
        The spec whose inputs are stored for training, where ``augment`` makes
        those of the network from them; `None` stores the network's own.
    """

    name: str
    variant: str
    task: str
    spec: Spec
    network: Callable[[Spec], Any]
    loss: Callable[[dict, dict], Any]
    epochs: int = 50
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    augment: Callable | None = None
    n_mocks: int = 10_000
    bank_spec: Spec | None = None
