# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the networks of the family eat and return.
"""

import math

from starcnn.networks.parts import Classes, Grid, Images, Parameter
from starcnn.networks.spec import Spec

__all__ = ['DEFAULT', 'PAPER', 'make_default', 'make_paper']

NAME = 'm83_hst'

# Bialopetravicius & Narbutis 2020, A&A 633, A148; the sections below are of this paper.
BIBCODE = '2020A&A...633A.148B'

# Section 2.1: filters and pixel scale of the mosaics; section 2.4: size of the cutouts.
FILTERS = ('F336W', 'F438W', 'F814W')
INSTRUMENT = 'WFC3/UVIS'
PIXEL_SCALE = 0.04  # arcsec
SHAPE = (64, 64)

# Section 2.2: distance (Thim et al. 2003), metallicity (Hernandez et al. 2019), extinction law.
DISTANCE = 4.5  # Mpc
Z = 0.03
R_V = 3.1

# Section 2.2: the ranges of the parameters and the steps of the discrete ones.
LOG_AGE_RANGE = (6.6, 10.1)  # yr
LOG_AGE_STEP = 0.05
LOG_MASS_RANGE = (3.5, 5.5)  # solMass
A_V_RANGE = (0.0, 3.0)  # mag
A_V_STEP = 0.1
A_RANGE = (0.04, 1.2)  # arcsec, scale radius of the EFF profile
GAMMA_RANGE = (2.05, 8.0)
R_H_RANGE = (0.04, 0.4)  # arcsec

# Section 2.2: fainter clusters are left out (Vega mag, one for each filter).
MAGNITUDE_LIMITS = (24.0, 23.5, 23.0)

# Section 2.3: the aperture of the scatter of the background, in pixels.
BACKGROUND_RADIUS = 25.0

# Visibilities are on a logarithmic axis; those of empty fields, zero, are at its lower end.
LOG_VISIBILITY_RANGE = (-1.0, 4.6)

LABELS = ('background', 'cluster')
N_PAPER = {'age': 20, 'a_v': 10, 'mass': 14, 'r_h': 14, 'visibility': 20}

# The paper's grids reach beyond the ranges of the parameters (its Fig. 21, which gives no
# numbers): here by a twentieth of the range on either side.
MARGIN = 0.05


def _nodes(low, high, n):
    """Return the middles of n equal cells between two values."""
    width = (high - low) / n
    return tuple(round(low + (i + 0.5) * width, 6) for i in range(n))


def _wide(bounds, n):
    """Return the nodes of a grid that reaches beyond the bounds."""
    margin = MARGIN * (bounds[1] - bounds[0])
    return _nodes(bounds[0] - margin, bounds[1] + margin, n)


def _log(bounds):
    return tuple(round(math.log10(value), 6) for value in bounds)


def _images(filters, shape, pixel_scale):
    return Images(
        name='images',
        filters=tuple(filters),
        shape=tuple(shape),
        pixel_scale=pixel_scale,
        unit='electron / s',
    )


def _parameters(nodes, *, log_age, log_mass, a_v, r_h):
    """Return the parameters in the order of the paper's outputs, with grids."""
    units = {
        'age': ('yr', log_age, True),
        'a_v': ('mag', a_v, False),
        'mass': ('solMass', log_mass, True),
        'r_h': ('arcsec', _log(r_h), True),
        'visibility': ('', LOG_VISIBILITY_RANGE, True),
    }
    return [
        Parameter(name=name, unit=unit, bounds=bounds, log=log, grid=nodes[name](bounds))
        for name, (unit, bounds, log) in units.items()
    ]


def _spec(variant, images, parameters):
    age, a_v, mass, r_h, visibility = parameters
    joint = Grid(name='age_a_v_mass', parameters=(age, a_v, mass))
    classes = Classes(name='class', labels=LABELS)
    outputs = (joint, r_h, classes, visibility)
    return Spec(family=NAME, variant=variant, inputs=(images,), outputs=outputs)


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
    Return the spec of the network of the paper, for clusters like those of M83 or others.

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

    a_v, r_h : tuple of float, optional
        The ranges in mag and arcsec.

    Returns
    -------
    spec : `~starcnn.networks.Spec`
        With the grids of Fig. 6: 20 by 10 by 14 cells of age, A_V and mass, 14
        of size, 20 of visibility, which reach beyond each range by a twentieth
        of it on either side.
    """
    nodes = {name: lambda bounds, n=n: _wide(bounds, n) for name, n in N_PAPER.items()}
    ranges = {'log_age': log_age, 'log_mass': log_mass, 'a_v': a_v, 'r_h': r_h}
    return _spec('paper', _images(filters, shape, pixel_scale), _parameters(nodes, **ranges))


# The cells of the default network, on the axes.
_CELL = {'age': 0.1, 'a_v': 0.15, 'mass': 0.05, 'r_h': 0.02, 'visibility': 0.2}


def _fine(name):
    """Return a function from bounds to the nodes of the default network's grid."""

    def nodes(bounds):
        n = math.ceil(round((bounds[1] - bounds[0]) / _CELL[name], 6))
        return _nodes(bounds[0], bounds[0] + n * _CELL[name], n)

    return nodes


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
    Return the spec of the default network, for clusters like those of M83 or others.

    Parameters
    ----------
    filters, shape, pixel_scale, log_age, log_mass, a_v, r_h
        As for `make_paper`.

    Returns
    -------
    spec : `~starcnn.networks.Spec`
        With 35 by 20 by 40 cells of age, A_V and mass, 50 of size and 28 of
        visibility for the ranges of M83.
    """
    nodes = {name: _fine(name) for name in _CELL}
    ranges = {'log_age': log_age, 'log_mass': log_mass, 'a_v': a_v, 'r_h': r_h}
    return _spec('default', _images(filters, shape, pixel_scale), _parameters(nodes, **ranges))


PAPER = make_paper()
DEFAULT = make_default()
