# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From the cold start of ``starcnn demo`` to the first row of its first table.

Each run is a fresh process; the clock stops at the first line of output that
starts with a row's id. The bar is 3 s.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from _machine import describe

BAR = 3.0


def time_demo():
    """
    Return the seconds to the first row of the table, and to the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, '-m', 'starcnn.cli', 'demo', '--output', folder]
        environment = os.environ | {'PYTHONUNBUFFERED': '1', 'MPLBACKEND': 'agg'}
        start = time.perf_counter()
        first = None
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            for line in process.stdout:
                if first is None and line.strip()[:1].isdigit():
                    first = time.perf_counter() - start
        end = time.perf_counter() - start
    if process.returncode or first is None:
        msg = f'starcnn demo must print a table, got exit status {process.returncode}'
        raise RuntimeError(msg)
    return first, end


def main():
    """
    Measure, print, and fail where the bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--repeats', type=int, default=5)
    arguments = parser.parse_args()
    first, end = zip(*(time_demo() for _ in range(arguments.repeats)), strict=True)
    print(describe())
    print(f'{"starcnn demo":<16}{"median / s":>12}{"least / s":>12}{"most / s":>12}')
    for name, values in {'first table': first, 'the end': end}.items():
        numbers = (statistics.median(values), min(values), max(values))
        print(f'{name:<16}' + ''.join(f'{number:>12.2f}' for number in numbers))
    print(f'the bar for the first table is {BAR:.0f} s')
    return int(statistics.median(first) > BAR)


if __name__ == '__main__':
    sys.exit(main())
