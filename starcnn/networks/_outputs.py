# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From the output arrays of a network to joint distributions.
"""

import numpy as np

from starcnn.networks._grid import JointGrid
from starcnn.networks._mixture import JointMixture
from starcnn.networks.parts import Grid, Mixture, Parameter


def read_outputs(outputs, spec):
    """Return the joint distributions in the outputs, after checking the arrays."""
    parts = []
    for part in spec.outputs:
        if not isinstance(part, Grid | Mixture | Parameter):
            continue
        if part.name not in outputs:
            msg = f'outputs must have {part.name!r}, got {sorted(outputs)}'
            raise ValueError(msg)
        shape = np.shape(outputs[part.name])
        if shape[1:] != part.dimensions[1:] or not shape:
            expected = str(part.dimensions).replace('None', 'n')
            msg = f'outputs[{part.name!r}] must have shape {expected}, got {shape}'
            raise ValueError(msg)
        is_mixture = isinstance(part, Mixture) or getattr(part, 'grid', ()) is None
        kind = JointMixture if is_mixture else JointGrid
        parts.append(kind.from_output(outputs[part.name], part))
    if not parts:
        msg = f'spec must have an output with parameters, got {spec.outputs}'
        raise ValueError(msg)
    if len({len(part) for part in parts}) > 1:
        msg = f'outputs must have equally many sources, got {[len(part) for part in parts]}'
        raise ValueError(msg)
    return parts
