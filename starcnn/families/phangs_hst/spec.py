# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the networks of the family eat and return.
"""

from dataclasses import replace

from starcnn.networks.parts import Classes, Images
from starcnn.networks.spec import Spec

__all__ = ['make_bank_spec', 'make_spec']

NAME = 'phangs_hst'

# Wei et al. 2020, MNRAS 493, 3178, whose sections are named below.
BIBCODE = '2020MNRAS.493.3178W'

# Section 2: the filters, and those of ACS that stand for two of them.
FILTERS = ('F275W', 'F336W', 'F438W', 'F555W', 'F814W')
TWINS = {'F435W': 'F438W', 'F606W': 'F555W'}

# The camera of each filter (section 3.2), whose zero points make fluxes of magnitudes. Each filter
# is scaled to 0 to 1, so that those of the twins would do as well.
INSTRUMENTS = dict.fromkeys(FILTERS, 'WFC3/UVIS')

PIXEL_SCALE = 0.04  # arcsec

# Section 3.2: the side of the stamps, and what is cut out of them; pixels.
CROP = 50
CROPS = (25, 100)

CLASSES = ('1', '2', '3', '4')

# Section 3.2: a candidate without an observation in more than one filter is left out.
MAX_MISSING = 1

# The side of what is stored for training: images are turned by any angle before they are cut.
BANK_SIDE = 75


def make_spec(variant, *, crop=CROP, labels=CLASSES):
    """
    Return the spec of a network of the family.

    Parameters
    ----------
    variant : str
        The kind of network.

    crop : int, optional
        The side of what is cut out of stamps, pixels: 50 in section 3.2 of the
        paper, where 25 and 100 are tried as well. Stamps may be smaller, to 25
        pixels.

    labels : tuple of str, optional
        The classes.

    Returns
    -------
    spec : `~starcnn.networks.Spec`
        Images in five filters go in, probabilities of the classes come out.
    """
    images = Images(
        name='images',
        filters=FILTERS,
        shape=(crop, crop),
        pixel_scale=PIXEL_SCALE,
        unit='electron / s',
        sizes=CROPS,
    )
    classes = Classes(name='class', labels=tuple(labels))
    return Spec(family=NAME, variant=variant, inputs=(images,), outputs=(classes,))


def make_bank_spec(spec, *, side=BANK_SIDE):
    """
    Return the spec of what is stored for training.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        The spec of a network.

    side : int, optional
        The side of the stamps; smaller ones are stored as they are.

    Returns
    -------
    spec : `~starcnn.networks.Spec`
        With ``stamps`` in the place of ``images``.
    """
    stamps = replace(spec.inputs[0], name='stamps', shape=(side, side))
    return replace(spec, variant='bank', inputs=(stamps,))
