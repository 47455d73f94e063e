# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The hooks that a family, or any other plugin, may implement.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from starcnn.files import DataFile
    from starcnn.plugins.records import NetworkBackend, Recipe, SimulatorBackend
    from starcnn.validation import Claim

__all__ = [
    'starcnn_claims',
    'starcnn_classifiers',
    'starcnn_estimators',
    'starcnn_locate_file',
    'starcnn_mass_mappers',
    'starcnn_recipes',
    'starcnn_simulators',
]

_hookspec = pluggy.HookspecMarker('starcnn')


@_hookspec
def starcnn_simulators() -> 'Iterable[SimulatorBackend]':
    """
    Offer simulators; called when a `~starcnn.Simulator` is made or listed.

    Imports stand inside the body, and the records come in a list::

        @hookimpl
        def starcnn_simulators():
            from .simulator import BACKEND

            return [BACKEND]

    Returns
    -------
    backends : list of `~starcnn.plugins.SimulatorBackend`
        The records.
    """


@_hookspec
def starcnn_estimators() -> 'Iterable[NetworkBackend]':
    """
    Offer estimators; called when an `~starcnn.Estimator` is made or listed.

    The backends' ``decode`` returns a table of physical parameters::

        @hookimpl
        def starcnn_estimators():
            from .estimator import BACKEND

            return [BACKEND]

    Returns
    -------
    backends : list of `~starcnn.plugins.NetworkBackend`
        The records.
    """


@_hookspec
def starcnn_classifiers() -> 'Iterable[NetworkBackend]':
    """
    Offer classifiers; called when a `~starcnn.Classifier` is made or listed.

    The backends' ``decode`` returns a table with the columns ``class`` and
    ``prob_<label>``::

        @hookimpl
        def starcnn_classifiers():
            from .classifier import BACKEND

            return [BACKEND]

    Returns
    -------
    backends : list of `~starcnn.plugins.NetworkBackend`
        The records.
    """


@_hookspec
def starcnn_mass_mappers() -> 'Iterable[NetworkBackend]':
    """
    Offer mass mappers; called when a `~starcnn.MassMapper` is made or listed.

    The backends' ``decode`` returns a `~astropy.nddata.CCDData`, or an
    `~astropy.nddata.NDData` for a stack, in units of mass per pixel::

        @hookimpl
        def starcnn_mass_mappers():
            from .mass_mapper import BACKEND

            return [BACKEND]

    Returns
    -------
    backends : list of `~starcnn.plugins.NetworkBackend`
        The records.
    """


@_hookspec
def starcnn_recipes() -> 'Iterable[Recipe]':
    """
    Offer recipes of training; called by ``starcnn train`` and nothing else.

    This one may import torch, inside the body::

        @hookimpl
        def starcnn_recipes():
            from .network import RECIPES

            return list(RECIPES)

    Returns
    -------
    recipes : list of `~starcnn.plugins.Recipe`
        One for each network.
    """


@_hookspec
def starcnn_claims() -> 'Iterable[Claim]':
    """
    Offer a paper's numbers; called by ``starcnn reproduce``.

    Each comes with the function that measures it here::

        @hookimpl
        def starcnn_claims():
            from .validation import CLAIMS

            return list(CLAIMS)

    Returns
    -------
    claims : list of `~starcnn.validation.Claim`
        The claims, in the order in which they are printed.
    """


@_hookspec(firstresult=True)
def starcnn_locate_file(file: 'DataFile') -> 'Path | None':
    """
    Say where a data file is on this machine; called when one is opened or listed.

    The first answer counts, and the built-in one comes last: the folder
    ``data`` of the package, then ``$STARCNN_DATA_DIR``, then the cache of
    downloads. If there is no answer, the file is downloaded. Whatever comes
    back is hashed, so a plugin can move a file but not change it::

        @hookimpl
        def starcnn_locate_file(file):
            path = Path('/software/starcnn') / file.file
            return path if path.exists() else None

    Parameters
    ----------
    file : `~starcnn.files.DataFile`
        The file that is wanted.

    Returns
    -------
    path : `~pathlib.Path` or `None`
        Where it is, or `None` to pass.
    """
