# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Figures of what came back of sources that were put into images.

Every function draws into the axes it is given, or into a new figure, and
returns the axes; ``axes.figure.savefig`` writes the figure.
"""

import astropy.units as u
import numpy as np

from starcnn.validation._drawing import axis_label
from starcnn.validation.figures import BLUE, GREY, ORANGE, _new_axes

__all__ = ['plot_completeness', 'plot_recovered']


def plot_completeness(recovery, *, axes=None):
    """
    Draw the fraction of sources that came back.

    Parameters
    ----------
    recovery : `Recovery`
        What `starcnn.validation.recovery` returned.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes. Points are in the middle of their bins, with the 68.3 %
        interval; grey steps are the number of sources, on the right.
    """
    axes = _new_axes(axes, (5, 3.5))
    middle, half, edges = _bins(axes, recovery)
    bins = recovery.bins
    counts = axes.twinx()
    counts.stairs(bins['n_injected'], edges, color=GREY, alpha=0.6)
    counts.set(ylim=(0, 1.15 * max(bins['n_injected'].max(), 1)), ylabel='Number of sources')
    counts.yaxis.label.set_color(GREY)
    errors = [
        bins['completeness'] - bins['completeness_low'],
        bins['completeness_high'] - bins['completeness'],
    ]
    axes.errorbar(middle, bins['completeness'], errors, half, fmt='o', color=BLUE, markersize=4)
    axes.set(ylim=(-0.03, 1.03), ylabel='Completeness')
    axes.set_zorder(counts.get_zorder() + 1)
    axes.patch.set_visible(False)
    return axes


def plot_recovered(recovery, parameter, *, axes=None):
    """
    Draw found minus true of a parameter.

    Parameters
    ----------
    recovery : `Recovery`
        What `starcnn.validation.recovery` returned.

    parameter : str
        The parameter, which must be among those that were compared.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes. Points are medians with their standard errors, the shaded
        steps one scatter above and below them.
    """
    if parameter not in recovery.parameters:
        msg = f'parameter must be one of {list(recovery.parameters)}, got {parameter!r}'
        raise ValueError(msg)
    axes = _new_axes(axes, (5, 3.5))
    middle, half, edges = _bins(axes, recovery)
    bias, error, scatter = (
        np.asarray(getattr(column, 'value', column))
        for column in (
            recovery.bins[f'{parameter}_{end}'] for end in ('bias', 'bias_error', 'scatter')
        )
    )
    axes.stairs(bias + scatter, edges, baseline=bias - scatter, fill=True, color=ORANGE, alpha=0.25)
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle=':')
    axes.errorbar(middle, bias, error, half, fmt='o', color=BLUE, markersize=4)
    is_log = parameter in recovery.log
    unit = u.dex if is_log else getattr(recovery.bins[f'{parameter}_bias'], 'unit', None)
    prefix = 'Found $-$ true log' if is_log else 'Found $-$ true'
    axes.set_ylabel(axis_label(prefix, parameter, unit, ()))
    return axes


def _bins(axes, recovery):
    """Return the middles, halves and edges of the bins, drawn along the axis as they are."""
    name = recovery.by
    ends = [recovery.bins[f'{name}_{end}'] for end in ('low', 'high')]
    unit = getattr(ends[0], 'unit', None)
    low, high = (np.asarray(getattr(end, 'value', end)) for end in ends)
    if name in recovery.log:
        low, high = np.log10(low), np.log10(high)
    edges = np.append(low, high[-1])
    axes.set(xlabel=axis_label('True', name, unit, recovery.log), xlim=(edges[0], edges[-1]))
    return (low + high) / 2, (high - low) / 2, edges
