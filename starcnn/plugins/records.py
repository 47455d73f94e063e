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

_CHOICES = {'optimizer': ('adamw', 'adam'), 'schedule': ('cosine', 'exponential', 'halving')}


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
        Of the optimiser; weights of one axis, as biases, do not decay.

    augment : callable, optional
        ``augment(inputs, truth, generator)`` returns changed copies of a batch
        (dictionaries of tensors on the training device, the inputs float32),
        drawn with a `torch.Generator`.

    n_mocks : int, optional
        The number of mock observations to train on.

    bank_spec : `~starcnn.networks.Spec` or `None`, optional
        The spec whose inputs are stored for training, where ``augment`` makes
        those of the network from them; `None` stores the network's own.

    bank_simulator : `SimulatorBackend` or `None`, optional
        What makes the sources to train on; `None` takes the family's simulator.

    bank_encode : callable or `None`, optional
        ``bank_encode(data, bank_spec)`` returns what is stored of them, float32,
        float16 or uint8; `None` takes the family's ``encode``.

    for_options : callable or `None`, optional
        ``for_options(options)`` returns the recipe for other options of the
        simulator, as of another galaxy; `None` if it is the same for all.

    optimizer : {'adamw', 'adam'}, optional
        AdamW (Loshchilov & Hutter 2019) or Adam (Kingma & Ba 2015).

    schedule : {'cosine', 'exponential', 'halving'}, optional
        How the learning rate falls, after a linear rise: smoothly, or by half
        after each epoch.

    final_learning_rate : float, optional
        The learning rate at the end, in units of ``learning_rate``; of no use to
        'halving'.

    warm_up : float, optional
        The part of the steps in which the learning rate rises.

    accumulate : int, optional
        The number of equal parts of a batch that are computed one after the
        other, to save memory; the step is that of the whole batch. Batch norms
        see the parts.

    mean_decay : float, optional
        Of the running mean of weights and batch norms, which is validated and
        exported: its memory is ``1 / (1 - mean_decay)`` steps, shorter at first.
        Zero takes the weights themselves.

    clip : float or `None`, optional
        The largest norm of the gradient; `None` does not clip.

    calibrate : bool, optional
        Whether distributions on grids are scaled after the training, so that
        intervals hold the truth of held out sources as often as they say, see
        `starcnn.train.calibrate`.

    Raises
    ------
    ValueError
        If a setting of the training cannot be.
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
    bank_simulator: SimulatorBackend | None = None
    bank_encode: Callable | None = None
    for_options: Callable | None = None
    optimizer: str = 'adamw'
    schedule: str = 'cosine'
    final_learning_rate: float = 0.01
    warm_up: float = 0.05
    accumulate: int = 1
    mean_decay: float = 0.999
    clip: float | None = 1.0
    calibrate: bool = False

    def __post_init__(self):
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                msg = f'{name} must be one of {list(allowed)}, got {getattr(self, name)!r}'
                raise ValueError(msg)
        if self.accumulate < 1 or self.batch_size % self.accumulate:
            msg = (
                f'accumulate must be at least 1 and divide batch_size ({self.batch_size}), '
                f'got {self.accumulate!r}'
            )
            raise ValueError(msg)
        for name in ('warm_up', 'mean_decay'):
            if not 0 <= getattr(self, name) < 1:
                msg = f'{name} must be from 0 to below 1, got {getattr(self, name)!r}'
                raise ValueError(msg)
        if not 0 < self.final_learning_rate <= 1:
            msg = (
                f'final_learning_rate must be above 0 and at most 1, in units of learning_rate, '
                f'got {self.final_learning_rate!r}'
            )
            raise ValueError(msg)
