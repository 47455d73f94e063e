# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From the outputs of a network with a large joint grid to its table of results.

10,000 sources, each with 36 x 16 x 20 cells of age, A_V and mass, and grids of
two single parameters. The bar is 1,000 sources/s on one core, and less memory
beside the outputs than half of them take, and a million joint draws per second,
each of five values. The time of one conversion of the outputs to float64, measured
side by side, is the unit of the others.
"""

import argparse
import statistics
import sys
import time
import tracemalloc

import numpy as np
from _machine import describe

from starcnn.networks import Features, Grid, Parameter, Posterior, Spec
from starcnn.tables import parameter_table

BAR = 1000.0
DRAW_BAR = 1e6


def make_spec():
    """
    Return the spec of a network with a joint grid of 11,520 cells.
    """

    def nodes(low, high, n):
        return tuple((low + (np.arange(n) + 0.5) * (high - low) / n).tolist())

    def parameter(name, unit, low, high, n, *, log):
        bounds = (low, high)
        return Parameter(name=name, unit=unit, bounds=bounds, log=log, grid=nodes(low, high, n))

    joint = Grid(
        name='joint',
        parameters=(
            parameter('age', 'yr', 6.6, 10.2, 36, log=True),
            parameter('a_v', 'mag', 0.0, 3.2, 16, log=False),
            parameter('mass', 'solMass', 3.5, 5.5, 20, log=True),
        ),
    )
    singles = (
        parameter('r_h', 'arcsec', -1.4, -0.4, 25, log=True),
        parameter('visibility', '', -1.0, 3.0, 20, log=True),
    )
    inputs = (Features(name='x', columns=('c',), units=('',), bounds=((0.0, 1.0),)),)
    return Spec(family='bench', variant='grid', inputs=inputs, outputs=(joint, *singles))


def make_outputs(spec, n_source, rng):
    """
    Return peaks of random widths at random places.
    """
    outputs = {}
    for part in spec.outputs:
        array = np.ones((n_source,), dtype=np.float32)
        for k, parameter in enumerate(part.parameters):
            low, high = parameter.bounds
            centre, width = (
                rng.uniform(low, high, (n_source, 1)),
                rng.uniform(0.05, 0.2, (n_source, 1)),
            )
            t = (np.array(parameter.grid) - centre) / (width * (high - low))
            factor = np.exp(-0.5 * t**2).astype(np.float32)
            array = array[..., np.newaxis] * factor.reshape(n_source, *(1,) * k, -1)
        array /= array.sum(axis=tuple(range(1, array.ndim)), keepdims=True)
        outputs[part.name] = array
    return outputs


def measure(function, n_repeats):
    """
    Return the median time in seconds.
    """
    times = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    """
    Measure, print, and fail where the bar is missed.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--sources', type=int, default=10_000)
    parser.add_argument('--repeats', type=int, default=3)
    arguments = parser.parse_args()
    n_source, spec = arguments.sources, make_spec()
    outputs = make_outputs(spec, n_source, np.random.default_rng(0))
    posterior = Posterior.from_outputs(outputs, spec)
    unit = measure(lambda: outputs['joint'].astype(np.float64), arguments.repeats)
    tasks = {
        'table': lambda: parameter_table(outputs, spec),
        'percentiles of age': lambda: posterior.percentile('age', [16, 50, 84]),
        'mean of age': lambda: posterior.mean('age'),
        'unfold age': lambda: posterior.unfold('age'),
        'modes of age and A_V': lambda: posterior.n_modes(('age', 'a_v')),
        'extent in age and A_V': lambda: posterior.extent(('age', 'a_v')),
        '100 draws': lambda: posterior.draw(100, rng=0),
    }
    print(describe())
    for name, task in tasks.items():
        seconds = measure(task, arguments.repeats)
        print(f'{name:22s} {n_source / seconds:9.0f} sources/s  {seconds / unit:6.2f} conversions')
        if name == 'table':
            rate = n_source / seconds
    few = posterior[:1000]
    drawn = 1000 * len(few) / measure(lambda: few.draw(1000, rng=0), arguments.repeats)
    print(f'1,000 draws of a source: {drawn:.2g} draws/s')
    tracemalloc.start()
    parameter_table(outputs, spec)
    memory = tracemalloc.get_traced_memory()[1] / outputs['joint'].nbytes
    print(f'memory for the table: {memory:.3f} of that of the outputs')
    return int(rate < BAR or memory > 1 / 2 or drawn < DRAW_BAR)


if __name__ == '__main__':
    sys.exit(main())
