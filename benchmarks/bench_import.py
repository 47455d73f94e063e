# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The cost of ``import starcnn`` over that of the parts of astropy it stands on.

Each import runs in a fresh process, the two in turns, so that whatever else the
machine does falls on both. The bar is a difference of 0.15 s.
"""

import argparse
import statistics
import subprocess
import sys

from _machine import describe

BAR = 0.15

CODE = """
import sys, time
start = time.perf_counter()
import {modules}
print(time.perf_counter() - start)
"""

MODULES = {
    'astropy': 'astropy.table, astropy.nddata, astropy.units',
    'starcnn': 'starcnn',
}


def time_import(modules):
    """
    Return the seconds that an import takes in a fresh process.
    """
    code = CODE.format(modules=modules)
    out = subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True)
    return float(out.stdout)


def main():
    """
    Measure, print, and fail where the bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--repeats', type=int, default=9)
    arguments = parser.parse_args()
    for modules in MODULES.values():  # fill the caches of the file system
        time_import(modules)
    times = {name: [] for name in MODULES}
    for _ in range(arguments.repeats):
        for name, modules in MODULES.items():
            times[name].append(time_import(modules))
    print(describe())
    print(f'{"import":<10}{"median / s":>12}{"least / s":>12}')
    for name, values in times.items():
        print(f'{name:<10}{statistics.median(values):>12.3f}{min(values):>12.3f}')
    astropy, starcnn = (statistics.median(times[name]) for name in MODULES)
    extra = starcnn - astropy
    print(f'starcnn costs {extra:+.3f} s (bar {BAR} s): {starcnn / astropy:.2f} times astropy')
    return int(extra > BAR)


if __name__ == '__main__':
    sys.exit(main())
