# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the toy networks eat and return.

A cluster of mass m (solMass) and age t (yr) has the fluxes f1 = m / 100 and
f2 = f1 (t / 1e7)^0.5, in electron / s.
"""

from starcnn.networks import Classes, Grid, Images, Map, Mixture, Parameter, Spec

FILTERS = ('F438W', 'F814W')
SHAPE = (6, 6)
PIXEL_SCALE = 0.05  # arcsec
UNIT = 'electron / s'
LABELS = ('cluster', 'star')

IMAGES = Images(name='images', filters=FILTERS, shape=SHAPE, pixel_scale=PIXEL_SCALE, unit=UNIT)
AGE = Parameter(name='age', unit='yr', bounds=(6.0, 9.0), log=True)
MASS = Parameter(name='mass', unit='solMass', bounds=(2.0, 5.0), log=True)
AGE_GRID = Parameter(
    name='age', unit='yr', bounds=(6.0, 9.0), log=True, grid=(6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0)
)
MASS_GRID = Parameter(
    name='mass', unit='solMass', bounds=(2.0, 5.0), log=True, grid=(2.0, 2.75, 3.5, 4.25, 5.0)
)
LUMINOSITY = Images(
    name='luminosity', filters=('V',), shape=SHAPE, pixel_scale=PIXEL_SCALE, unit='solLum'
)


def _spec(variant, inputs, *outputs):
    return Spec(family='toy', variant=variant, inputs=(inputs,), outputs=outputs)


SPECS = {
    'estimator': (
        _spec('normal', IMAGES, AGE, MASS),
        _spec('grid', IMAGES, Grid(name='joint', parameters=(AGE_GRID, MASS_GRID))),
        _spec('mixture', IMAGES, Mixture(name='joint', parameters=(AGE, MASS), n_components=1)),
    ),
    'classifier': (_spec('dense', IMAGES, Classes(name='class', labels=LABELS)),),
    'mass_mapper': (_spec('scale', LUMINOSITY, Map(name='mass', unit='solMass', shape=SHAPE)),),
}
