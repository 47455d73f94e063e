# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Masses of the remnants of stars: white dwarfs, neutron stars, black holes.
"""

import astropy.units as u
import numpy as np

from ._units import strip_unit

__all__ = ['remnant_mass']

# Cummings et al. 2018, ApJ 866, 21, equations 4 to 6 (PARSEC-based): from which initial mass, and
# final mass = slope * initial mass + constant, solMass.
_WHITE_DWARFS = ((0.0, 0.0873, 0.476), (2.8, 0.181, 0.210), (3.65, 0.0835, 0.565))

# Above it stars leave neutron stars (Cummings et al. 2018, section 1: about 8 solMass), and from
# the second on black holes, of this part of the initial mass: round values in the range of
# Fryer et al. 2012, ApJ 749, 91, figure 4, for solar metallicity.
_NEUTRON_STARS = 8.0
_BLACK_HOLES = 20.0
_NEUTRON_STAR_MASS = 1.4
_BLACK_HOLE_PART = 0.3


def remnant_mass(m_ini):
    """
    Return the masses of the remnants of stars.

    Parameters
    ----------
    m_ini : `~astropy.units.Quantity`
        The initial masses.

    Returns
    -------
    masses : `~astropy.units.Quantity`
        The masses of the white dwarfs (Cummings et al. 2018, ApJ 866, 21,
        equations 4 to 6), of neutron stars from 8 solMass on (1.4 solMass), and
        of black holes from 20 solMass on (0.3 of the initial mass, a round
        value).

    Examples
    --------
    >>> import astropy.units as u
    >>> from starcnn.sky import remnant_mass
    >>> remnant_mass([1, 10] * u.solMass)
    <Quantity [0.5633, 1.4   ] solMass>
    """
    mass = np.asarray(strip_unit(m_ini, u.solMass, 'm_ini'), float)
    out = np.zeros_like(mass)
    for low, slope, constant in _WHITE_DWARFS:
        out = np.where(mass >= low, slope * mass + constant, out)
    out = np.where(mass >= _NEUTRON_STARS, _NEUTRON_STAR_MASS, out)
    return np.where(mass >= _BLACK_HOLES, _BLACK_HOLE_PART * mass, out) * u.solMass
