# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the networks of the family eat and return.
"""

import math
from dataclasses import replace

from starcnn.networks.parts import Grid, Images, Parameter
from starcnn.networks.spec import Spec

__all__ = ['DEFAULT', 'PAPER', 'make_default', 'make_paper']

NAME = 'm31_phat'

# Bialopetravicius, Narbutis & Vansevicius 2019, A&A 621, A103, whose sections are named below.
BIBCODE = '2019A&A...621A.103B'

# Section 2: filters, with the camera of each; the common grid of pixels. Section 4.3: the shape.
FILTERS = ('F336W', 'F475W', 'F814W')
INSTRUMENTS = ('WFC3/UVIS', 'ACS/WFC', 'ACS/WFC')
PIXEL_SCALE = 0.05  # arcsec
SHAPE = (80, 80)

# Section 2: distance (McConnachie et al. 2005), metallicity.
DISTANCE = 0.785  # Mpc
Z = 0.009

# Section 4.3: the ranges of the parameters.
LOG_AGE_RANGE = (6.6, 9.5)  # yr
LOG_AGE_STEP = 0.05
LOG_MASS_RANGE = (2.0, 4.0)  # solMass
A_V_RANGE = (0.0, 0.0)  # mag: no extinction
A_RANGE = (0.05, 6.4)  # arcsec, scale radius of the EFF profile
GAMMA_RANGE = (2.05, 8.0)
R_H_RANGE = (0.1, 1.6)  # arcsec

# Section 5 and Fig. 6: the sizes of the test clusters; section 5.1: their ages and masses.
R_H_TEST = (0.16, 0.25, 0.4, 0.63, 1.0)  # arcsec
LOG_AGE_TEST = (6.75, 9.25)
LOG_MASS_TEST = (2.25, 3.75)

# What the scatter of a background is measured in is ours, and so are these limits: of 400 clusters
# drawn from the options, 98 % are between them.
LOG_VISIBILITY_RANGE = (-2.0, 4.0)

# The widest cells of the default network, on the axes.
_CELL = {'age': 0.08, 'a_v': 0.15, 'mass': 0.06, 'r_h': 0.06, 'visibility': 0.2}


def _even_grid(parameter):
    """Return a parameter with a grid of equal cells that fill its range."""
    low, high = parameter.bounds
    n = max(2, math.ceil(round((high - low) / _CELL[parameter.name], 6)))
    nodes = (round(low + (i + 0.5) * (high - low) / n, 6) for i in range(n))
    return replace(parameter, grid=tuple(nodes))


def _images(filters, shape, pixel_scale):
    return Images(
        name='images',
        filters=tuple(filters),
        shape=tuple(shape),
        pixel_scale=pixel_scale,
        unit='electron / s',
    )


def _parameters(log_age, log_mass, a_v, r_h):
    """Return the parameters: age, A_V if it has a range, mass and size."""
    log_r_h = tuple(round(math.log10(value), 6) for value in r_h)
    parameters = (
        Parameter(name='age', unit='yr', bounds=tuple(log_age), log=True),
        Parameter(name='a_v', unit='mag', bounds=tuple(a_v)),
        Parameter(name='mass', unit='solMass', bounds=tuple(log_mass), log=True),
        Parameter(name='r_h', unit='arcsec', bounds=log_r_h, log=True),
    )
    return tuple(p for p in parameters if p.name != 'a_v' or a_v[0] < a_v[1])


def make_paper(
    *,
    filters=FILTERS,
    shape=SHAPE,
    pixel_scale=PIXEL_SCALE,
    log_age=LOG_AGE_RANGE,
    log_mass=LOG_MASS_RANGE,
    a_v=A_V_RANGE,
    r_h=R_H_RANGE,
):
    """
    Return the spec of the network of the paper, for clusters like those of M31 or others.

    Parameters
    ----------
    filters : tuple of str, optional
        The filters in order.

    shape : tuple of int, optional
        The shape (ny, nx) of the cutouts.

    pixel_scale : float, optional
        Arcseconds per pixel.

    log_age, log_mass : tuple of float, optional
        The ranges of log age in yr and log mass in solMass.

    a_v : tuple of float, optional
        The range in mag. If both ends are equal, as for the paper, the network
        does not estimate it.

    r_h : tuple of float, optional
        The range in arcsec.

    Returns
    -------
    spec : `~starcnn.networks.Spec`
        With age, mass and size as outputs of their own (Fig. 4): the point
        estimates of the paper, and the scatter of their errors.
    """
    return Spec(
        family=NAME,
        variant='paper',
        inputs=(_images(filters, shape, pixel_scale),),
        outputs=_parameters(log_age, log_mass, a_v, r_h),
    )


def make_default(
    *,
    filters=FILTERS,
    shape=SHAPE,
    pixel_scale=PIXEL_SCALE,
    log_age=LOG_AGE_RANGE,
    log_mass=LOG_MASS_RANGE,
    a_v=A_V_RANGE,
    r_h=R_H_RANGE,
):
    """
    Return the spec of the default network, for clusters like those of M31 or others.

    Parameters
    ----------
    filters, shape, pixel_scale, log_age, log_mass, a_v, r_h
        As for `make_paper`.

    Returns
    -------
    spec : `~starcnn.networks.Spec`
        With 37 by 34 by 21 cells of age, mass and size together, for the
        ranges of M31. Where A_V has a range, the three that are together are
        age, A_V and mass, which stand for each other in the colours (as in
        Bialopetravicius & Narbutis 2020, A&A 633, A148), and size, which hardly
        does, is by itself. Last is the visibility: the mean light of the
        cluster in parts of the scatter of its background.
    """
    *joint, r_h = map(_even_grid, _parameters(log_age, log_mass, a_v, r_h))
    visibility = Parameter(name='visibility', unit='', bounds=LOG_VISIBILITY_RANGE, log=True)
    if 'a_v' in [parameter.name for parameter in joint]:
        outputs = (Grid(name='age_a_v_mass', parameters=tuple(joint)), r_h)
    else:
        outputs = (Grid(name='age_mass_r_h', parameters=(*joint, r_h)),)
    return Spec(
        family=NAME,
        variant='default',
        inputs=(_images(filters, shape, pixel_scale),),
        outputs=(*outputs, _even_grid(visibility)),
    )


PAPER = make_paper()
DEFAULT = make_default()
