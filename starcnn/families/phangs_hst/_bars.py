# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The numbers of Wei et al. (2020), and what ours must reach.
"""

__all__ = [
    'ACCURACY_BAR',
    'AREA_BAR',
    'CALIBRATION_BAR',
    'CONFUSION',
    'COUNT_BAR',
    'COVERAGE_BAR',
    'COVERAGE_CLASS_BAR',
    'CROP_CHANGE',
    'HUMANS',
    'KEY_FILTER',
    'LEVEL',
    'PREVALENCES',
    'SCATTER',
]

# Tables 4 to 7: rows are true classes, per cent; means and standard deviations of ten trainings.
# 'galaxies' are other sources of the galaxies of the training; 'far' is NGC 1559, at 19 Mpc.
CONFUSION = {
    ('resnet18', 'galaxies'): (
        (76.0, 17.9, 1.7, 4.4),
        (19.4, 58.2, 7.9, 14.6),
        (0.3, 16.3, 59.9, 23.4),
        (7.0, 6.9, 15.2, 70.9),
    ),
    ('vgg19_bn', 'galaxies'): (
        (70.9, 23.0, 1.1, 5.0),
        (13.3, 63.8, 9.4, 13.6),
        (0.5, 14.0, 59.8, 25.6),
        (6.5, 8.1, 16.3, 69.1),
    ),
    ('resnet18', 'far'): (
        (72.8, 11.2, 1.4, 14.6),
        (23.8, 38.1, 9.0, 29.2),
        (1.0, 9.8, 40.1, 49.1),
        (4.6, 6.5, 14.1, 74.8),
    ),
    ('vgg19_bn', 'far'): (
        (73.8, 10.4, 3.1, 12.7),
        (20.9, 42.3, 13.3, 23.5),
        (0.7, 8.3, 52.2, 38.9),
        (6.1, 8.3, 18.3, 67.3),
    ),
}
SCATTER = {
    ('resnet18', 'galaxies'): (
        (4.2, 4.4, 0.7, 1.4),
        (3.5, 5.3, 3.5, 3.0),
        (0.5, 5.4, 6.8, 5.6),
        (2.1, 2.9, 3.1, 4.8),
    ),
    ('vgg19_bn', 'galaxies'): (
        (6.2, 4.8, 0.7, 1.9),
        (4.3, 4.8, 2.9, 2.6),
        (0.7, 6.3, 7.5, 7.4),
        (2.4, 2.6, 3.8, 6.8),
    ),
    ('resnet18', 'far'): (
        (7.6, 3.8, 0.6, 5.1),
        (4.3, 5.9, 4.0, 4.7),
        (0.5, 4.2, 7.1, 6.1),
        (1.4, 1.8, 3.1, 3.5),
    ),
    ('vgg19_bn', 'far'): (
        (4.8, 3.5, 1.3, 4.4),
        (6.4, 7.9, 2.6, 8.0),
        (0.6, 3.3, 5.9, 7.5),
        (2.4, 3.3, 3.0, 6.8),
    ),
}

# Section 2.1: how often the mode of three people agrees with one person in NGC 4656, per cent.
HUMANS = {'1': 66.0, '2': 37.0, '3': 40.0, '4': 61.0}

# Section 4.3: stamps of 25, 50 and 100 pixels differ by about so much, per cent.
CROP_CHANGE = 5.0

# Section 4.4 and Fig. 7: the filter without which most is lost.
KEY_FILTER = 'F555W'

# Our bars. Calibration, on galaxies that were held out.
CALIBRATION_BAR = 0.03

# Sets of classes: how often they hold the truth, and at least in each class.
LEVEL = 0.9
COVERAGE_BAR = (0.89, 0.91)
COVERAGE_CLASS_BAR = 0.85

# The fraction of clusters (classes 1 to 3), and how well probabilities count them.
PREVALENCES = (0.5, 0.05)
COUNT_BAR = (0.9, 1.1)

# Real stamps of M31 in one filter: the area below the receiver operating curve, and the accuracy
# in per cent, of networks that began with weights of other images.
AREA_BAR = 0.97
ACCURACY_BAR = 92.0
