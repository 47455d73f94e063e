# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Draw toy clusters and their images.
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from starcnn.plugins import SimulatorBackend

from .spec import AGE, FILTERS, MASS, PIXEL_SCALE, SHAPE, UNIT


@dataclass(frozen=True, kw_only=True)
class Options:
    """
    The options of the toy simulator.

    Parameters
    ----------
    noise : float, optional
        The standard deviation of the noise in electron / s.
    """

    noise: float = 1e-3


def sample(n, options, rng):
    """
    Draw ages and masses, uniform in the logarithm.
    """
    table = QTable()
    for parameter in (AGE, MASS):
        table[parameter.name] = 10 ** rng.uniform(*parameter.bounds, n) << u.Unit(parameter.unit)
    return table


def simulate(parameters, options, rng):
    """
    Spread each cluster's flux over its image, and add noise.
    """
    mass = parameters['mass'].to_value('solMass')
    blue = mass / 100
    red = blue * np.sqrt(parameters['age'].to_value('yr') / 1e7)
    images = np.stack([blue, red], axis=1)[:, :, np.newaxis, np.newaxis] / np.prod(SHAPE)
    images = images + rng.normal(0, options.noise, (len(mass), len(FILTERS), *SHAPE))
    sources = QTable({'id': np.arange(1, len(mass) + 1)})
    meta = {'filters': FILTERS, 'pixel_scale': PIXEL_SCALE * u.arcsec, 'sources': sources}
    truth = parameters.copy()
    truth['class'] = np.where(mass > 1000, 'cluster', 'star')
    return NDData(images.astype(np.float32), unit=u.Unit(UNIT), meta=meta), truth


BACKEND = SimulatorBackend(
    name='toy',
    summary='Images of one flux per filter',
    reference='2018A&A...616A...9L',
    options=Options,
    sample=sample,
    simulate=simulate,
)
