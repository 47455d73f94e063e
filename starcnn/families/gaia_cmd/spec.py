# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the networks of the family eat and return.
"""

from starcnn.networks.parts import Features, Images, Mixture, Parameter, Stars
from starcnn.networks.spec import Spec

__all__ = ['ANN', 'CNN', 'MIXED', 'SET']

NAME = 'gaia_cmd'

# Cantat-Gaudin et al. 2020: the catalogue, the labels and the network that Branco & Ferraz (2023)
# (Branco & Ferraz 2023, unpublished report) starts from.
BIBCODE = '2020A&A...640A...1C'

# The packaged tables: photometric system and isochrones.
PHOTOMETRY = 'gaia-dr2-1.0.0'
ISOCHRONES = 'parsec-v12s-1.0.0'

# Ranges of the training clusters: log age in yr, A_V in mag, log distance in pc.
LOG_AGE_RANGE = (6.0, 10.1)
A_V_RANGE = (0.0, 6.0)
LOG_DISTANCE_RANGE = (1.9, 4.1)

# How much lower the A_V of the catalogue are than those of Dias et al. (2021, +0.28), Hunt &
# Reffert (2024, +0.20) and Cavallo et al. (2024, +0.36): the mean of the median differences for
# its 779 clusters with members here (tools/label_floor.py), mag.
A_V_OFFSET = 0.28

# The range of the number of stars: more are thinned out evenly in brightness.
N_STARS_MIN = 10
N_STARS_MAX = 1024

AGE = Parameter(name='age', unit='yr', bounds=LOG_AGE_RANGE, log=True)
A_V = Parameter(name='a_v', unit='mag', bounds=A_V_RANGE)
DISTANCE = Parameter(name='distance', unit='pc', bounds=LOG_DISTANCE_RANGE, log=True)
PARAMETERS = (AGE, A_V, DISTANCE)

# The colour-magnitude diagram of Branco & Ferraz (2023): BP - RP from 0 to 4 in bins of 0.1, G
# from 10 to 18 in bins of 0.8. Its 410 cells are 41 by 10: the last column holds 4.0 to 4.1.
COLOUR_RANGE = (0.0, 4.1)
MAGNITUDE_RANGE = (10.0, 18.0)
N_COLOUR = 41
N_MAGNITUDE = 10

# The picture of the same diagram: 180 by 180 pixels, BP - RP from 0 to 4.
PICTURE_SHAPE = (180, 180)
PICTURE_COLOUR_RANGE = (0.0, 4.0)

HISTOGRAM_INPUT = Features(
    name='histogram',
    columns=tuple(f'cell_{i}' for i in range(N_COLOUR * N_MAGNITUDE)),
    units=('',) * (N_COLOUR * N_MAGNITUDE),
    bounds=((0.0, 1.0),) * (N_COLOUR * N_MAGNITUDE),
)
GUESSES_INPUT = Features(
    name='guesses',
    columns=('slope', 'mean_colour', 'parallax'),
    units=('', 'mag', 'mas'),
    bounds=((-2.0, 2.0), (-0.5, 5.0), (0.0, 15.0)),
)
PICTURE_INPUT = Images(
    name='picture', filters=('stars',), shape=PICTURE_SHAPE, pixel_scale=None, unit=''
)
STARS_INPUT = Stars(
    name='stars',
    columns=(
        'phot_g_mean_mag',
        'phot_bp_mean_mag',
        'phot_rp_mean_mag',
        'parallax',
        'phot_g_mean_mag_error',
        'phot_bp_mean_mag_error',
        'phot_rp_mean_mag_error',
        'parallax_error',
        'prob_member',
        'ra',
        'dec',
        'pmra',
        'pmdec',
    ),
    units=(
        *('mag', 'mag', 'mag', 'mas'),
        *('mag', 'mag', 'mag', 'mas'),
        *('', 'deg', 'deg', 'mas / yr', 'mas / yr'),
    ),
    bounds=(
        (2.0, 19.5),
        (2.0, 24.0),
        (2.0, 19.5),
        (-3.0, 15.0),
        (0.0, 0.1),
        (0.0, 1.0),
        (0.0, 1.0),
        (0.0, 1.0),
        (0.0, 1.0),
        (0.0, 360.0),
        (-90.0, 90.0),
        (-100.0, 100.0),
        (-100.0, 100.0),
    ),
    n_max=N_STARS_MAX,
)

ANN = Spec(family=NAME, variant='ann', inputs=(HISTOGRAM_INPUT, GUESSES_INPUT), outputs=PARAMETERS)
CNN = Spec(family=NAME, variant='cnn', inputs=(PICTURE_INPUT,), outputs=PARAMETERS)
MIXED = Spec(
    family=NAME, variant='mixed', inputs=(PICTURE_INPUT, GUESSES_INPUT), outputs=PARAMETERS
)
SET = Spec(
    family=NAME,
    variant='set',
    inputs=(STARS_INPUT,),
    outputs=(Mixture(name='posterior', parameters=PARAMETERS, n_components=8),),
)
