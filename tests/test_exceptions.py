# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.exceptions.
"""

import pytest
from astropy.utils.exceptions import AstropyUserWarning

from starcnn import exceptions
from starcnn.exceptions import DataFileError, PluginWarning, StarcnnWarning


def test_warnings_can_be_filtered_together():
    """All warnings of the package share a base, which is one of astropy's."""
    assert issubclass(PluginWarning, StarcnnWarning)
    assert issubclass(StarcnnWarning, AstropyUserWarning)


def test_data_file_error_is_an_os_error():
    """A lost file can be caught like any other lost file."""
    msg = 'path must be a file, got nothing'
    with pytest.raises(OSError, match='must be a file'):
        raise DataFileError(msg)


@pytest.mark.parametrize('name', exceptions.__all__)
def test_all_are_documented(name):
    """Each says in a sentence what is wrong."""
    assert getattr(exceptions, name).__doc__.strip().endswith('.')
