# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Teach the package another paper.

A family is a module whose functions are named like the hooks in
`starcnn.plugins.hookspecs` and marked with `hookimpl`. It implements those it
has something for, and each returns a list of records::

    from starcnn.plugins import hookimpl

    @hookimpl
    def starcnn_estimators():
        from .estimator import BACKEND

        return [BACKEND]

with, in ``estimator.py``::

    BACKEND = NetworkBackend(
        name='ngc_new',
        summary='Age and mass of clusters in NGC new from 80x80 cutouts',
        reference='2027A&A...000A...1A',
        weights=read_files('starcnn_ngc_new', 'estimator'),
        encode=encode,  # observations to float32 arrays
        decode=decode,  # float32 arrays to a table
    )

A folder in ``starcnn/families`` is found by itself. Another distribution names
its module in its ``pyproject.toml``::

    [project.entry-points.starcnn]
    ngc_new = "starcnn_ngc_new"

`starcnn.testing.check_backend` tells whether a record is right.
"""

import pluggy

from .records import NetworkBackend, Recipe, SimulatorBackend

__all__ = ['NetworkBackend', 'Recipe', 'SimulatorBackend', 'hookimpl']

#: The decorator that marks a function as the implementation of a hook.
hookimpl = pluggy.HookimplMarker('starcnn')
