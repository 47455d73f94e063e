# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Random maps of extinction: clouds and lanes of dust.
"""

import numpy as np


def lognormal_field(shape, *, slope, largest, scatter, rng):
    """
    Return a random map of mean one: the exponential of a Gaussian field.

    The field's power falls with the wave number to the power ``-slope``, and
    does not rise further beyond the wavelength ``largest`` (pixels). It is made
    twice as large as needed, so that opposite edges are not alike.
    """
    from scipy import fft

    size = tuple(fft.next_fast_len(2 * n, real=True) for n in shape)
    k2 = np.add.outer(np.fft.fftfreq(size[0]) ** 2, np.fft.rfftfreq(size[1]) ** 2)
    amplitude = (k2 + 1 / largest**2) ** (-slope / 4)
    amplitude[0, 0] = 0
    spectrum = fft.rfft2(rng.standard_normal(size, dtype=np.float32)) * amplitude
    field = fft.irfft2(spectrum, size)
    field *= scatter / field.std()
    return np.exp(field[: shape[0], : shape[1]] - scatter**2 / 2)
