# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Samples of point spread functions: moved to other grids, blurred by pixels, packed and unpacked.
"""

from functools import cache
from importlib.resources import files

import numpy as np

from starcnn.sky._table import read_table

_KIND = 'point spread functions'


def interpolation(axis, target, boxes):
    """
    Return the matrix that takes band-limited samples on an axis to a target, blurred by boxes.

    The axis has even steps; boxes are widths in its unit. The samples are taken as
    one period, with as much again of zeros.
    """
    step = axis[1] - axis[0]
    n = 2 * len(axis)
    frequency = np.fft.rfftfreq(n, step)
    window = np.prod([np.sinc(frequency * width) for width in boxes], axis=0) * np.ones_like(
        frequency
    )
    window[1:] *= 2
    window[-1] /= 2
    phase = 2 * np.pi * frequency
    cos = np.cos(np.outer(target, phase)) * window @ np.cos(np.outer(phase, axis))
    sin = np.sin(np.outer(target, phase)) * window @ np.sin(np.outer(phase, axis))
    return (cos + sin) / n


def pack(name, samples):
    """Return the arrays to store of a point spread function; half the bits go to the wings."""
    peak = samples.max()
    roots = np.sqrt(np.maximum(samples, 0) / peak).astype(np.float16)
    total = samples.sum()
    return {name: roots, f'{name} total': np.float64(total)}


@cache
def _table():
    with (files('starcnn.images') / 'data' / 'psf_hst.npz').open('rb') as file:
        return read_table(file, _KIND)


def shipped_names():
    """Return the names of the shipped point spread functions: instrument and filter."""
    return tuple(name for name in _table()[0] if not name.endswith(' total'))


def unpack(name):
    """Return the samples of a shipped point spread function, which sum to its light, and the step.

    The light is before the pixel; the step is in arcsec.
    """
    table, meta = _table()
    samples = table[name].astype(float) ** 2
    return samples * (table[f'{name} total'] / samples.sum()), float(meta['step'])
