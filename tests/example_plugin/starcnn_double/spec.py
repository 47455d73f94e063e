# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the network eats and returns.
"""

from starcnn.networks import Parameter, Spec, Stars

NAME = 'double_cluster'
SUMMARY = 'Distance of a double cluster from the parallaxes of its stars'
REFERENCE = '2018A&A...616A...9L'

SPEC = Spec(
    family=NAME,
    variant='mean',
    inputs=(
        Stars(
            name='stars',
            columns=('parallax', 'parallax_error'),
            units=('mas', 'mas'),
            bounds=((0.2, 20.0), (0.01, 1.0)),
            n_max=1000,
        ),
    ),
    outputs=(Parameter(name='distance', unit='pc', bounds=(2.0, 3.5), log=True),),
)
