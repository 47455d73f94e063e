# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the figures of clusters share.
"""

import astropy.units as u

from starcnn.validation.figures import SYMBOLS

# parameters that are drawn as decimal logarithms
LOG = ('age', 'mass', 'r_h', 'visibility')


def new_figure(figure, size):
    """Return the figure, or a new one of that size in inches."""
    if figure is not None:
        return figure
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout='constrained')


def axis_label(prefix, name, unit, log):
    """Return the label of an axis, which may be a logarithm."""
    text = SYMBOLS.get(name, name.replace('_', ' '))
    shown = '' if unit is None else u.Unit(unit).to_string('unicode').replace('″', 'arcsec')
    if name in log:
        text = f'log({text} / {shown})' if shown else f'log {text}'
    elif shown:
        text = f'{text} [{shown}]'
    text = f'{prefix} {text}'.strip()
    return text if text.startswith('log') else text[0].upper() + text[1:]
