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


@pytest.mark.parametrize('family', ['m31_phat', 'm83_hst'])
def test_predicting_needs_the_core_alone(family):
    """Cutouts with gaps are measured without any package that is in an extra."""
    code = (
        'import sys\n'
        f'sys.modules.update(dict.fromkeys(set({HEAVY!r}) - {{"onnxruntime"}}))\n'
        'import numpy as np\n'
        'from astropy.nddata import NDData\n'
        'from starcnn import Estimator\n'
        f'estimator = Estimator("{family}")\n'
        'part = estimator.spec.inputs[0]\n'
        'meta = {"filters": part.filters, "pixel_scale": f"{part.pixel_scale} arcsec"}\n'
        'images = np.random.default_rng(1).random((2, *part.dimensions[1:]))\n'
        'images[:, :, 5:25, 7:30] = np.nan\n'
        'table = estimator.predict(NDData(images, unit=part.unit, meta=meta))\n'
        'print(len(table), np.isfinite(table["age"]).all())\n'
    )
    assert run(code) == '2 True'


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
