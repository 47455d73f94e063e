# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A claim that the toy family makes.
"""

import numpy as np

from starcnn import Estimator, Simulator
from starcnn.validation import Claim, Measurement


def prepare(data):
    """
    Return true and estimated ages of twenty clusters, in dex.
    """
    simulator = Simulator('toy')
    images, truth = simulator.simulate(simulator.sample(20, rng=1), rng=1)
    found = Estimator('toy').predict(images)
    return [np.log10(table['age'].to_value('yr')) for table in (truth, found)]


def measure(context):
    """
    Return the rms error of log age.
    """
    true, found = context
    value = np.sqrt(np.mean((true - found) ** 2))
    return Measurement(value=value, error=0.0, lower=value, upper=value, n_sources=len(true))


CLAIMS = [
    Claim(
        family='toy',
        name='rms of log age',
        source='Sect. 1',
        prepare=prepare,
        measure=measure,
        bar=0.2,
        better='lower',
        unit='dex',
    )
]
