# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Importing the package is cheap.
"""

import subprocess
import sys

import pytest

from starcnn.testing import HEAVY


def run(code):
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize('module', ['starcnn', 'starcnn.cli', 'starcnn.plugins._manager'])
def test_nothing_heavy(module):
    """Heavy packages stay out of a fresh import."""
    code = f'import {module}, sys; print(*[name for name in {HEAVY!r} if name in sys.modules])'
    assert run(code) == ''


def test_families_import_nothing_heavy():
    """Listing what is installed imports no network and no torch."""
    code = (
        'import astropy.nddata, sys\n'
        'before = set(sys.modules)\n'
        'from starcnn import Classifier, Estimator, MassMapper, Simulator\n'
        'for kind in (Classifier, Estimator, MassMapper, Simulator):\n'
        '    kind.available()\n'
        f'print(*[name for name in {HEAVY!r} if name in set(sys.modules) - before])\n'
    )
    assert run(code) == ''


def test_version_is_immediate():
    """The version needs no plugin and no network."""
    code = (
        'import sys\n'
        'from starcnn.cli import main\n'
        'try:\n'
        '    main(["--version"])\n'
        'except SystemExit as error:\n'
        '    print(error.code)\n'
        'print("starcnn._commands" in sys.modules, "starcnn.families" in sys.modules)\n'
    )
    lines = run(code).splitlines()
    assert lines[0].startswith('starcnn ')
    assert lines[1:] == ['0', 'False False']
