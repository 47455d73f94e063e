# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The warnings and errors of the package, and which error to use when.

================================  ==========================================
what is wrong                     what to raise
================================  ==========================================
the kind of an argument           `TypeError`
the value of an argument          `ValueError`
the unit of an argument           `~astropy.units.UnitsError`
a file: lost, changed, refused    `DataFileError`
an optional package is missing    `ImportError`, with the extra if it is known
nothing; something else was done  a warning, a subclass of `StarcnnWarning`
================================  ==========================================

A message starts with the name of the argument, says what it must be and what
was given, and ends without a full stop.
"""

from astropy.utils.exceptions import AstropyUserWarning

__all__ = ['DataFileError', 'PluginWarning', 'StarcnnWarning']


class StarcnnWarning(AstropyUserWarning):
    """
    The base of all warnings of the package.
    """


class PluginWarning(StarcnnWarning):
    """
    A plugin could not be loaded and is ignored.
    """


class DataFileError(OSError):
    """
    A data file cannot be found, is not the one that was released, or is refused.
    """
