# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the benchmarks share: one line about the machine.
"""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe():
    """
    Return processor, cores and versions in one line.
    """
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text(encoding='utf-8').splitlines() if cpuinfo.exists() else []
    models = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    processor = models[0] if models else platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    names = ('starcnn', 'astropy', 'numpy', 'onnxruntime')
    versions = ', '.join(f'{name} {version(name)}' for name in names)
    return f'{processor}, {cores} cores; Python {platform.python_version()}, {versions}'
