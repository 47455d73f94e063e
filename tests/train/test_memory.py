# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train._memory.
"""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from starcnn.train._memory import keep_memory

if sys.argv[1] == 'keep':
    assert keep_memory()
for step in range(12):
    if step == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(2**21) for _ in range(3)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

pytest.importorskip('torch')

pytestmark = pytest.mark.training


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='is for the GNU C library')
def test_memory_is_kept():
    """What is freed is there again without new pages from the kernel."""
    faults = {}
    for name in ('keep', 'give back'):
        command = [sys.executable, '-c', CODE, name]
        faults[name] = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert faults['keep'] < faults['give back'] / 10
