# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Colour-magnitude diagrams of clusters with the isochrone of an estimate.
"""

import numpy as np

__all__ = ['cmd_with_isochrone']

COLUMNS = ('phot_g_mean_mag', 'phot_bp_mean_mag', 'phot_rp_mean_mag')

# star, isochrone and band; the first two are of the set of Okabe & Ito (2008)
STAR, LINE, BAND = '#1f3a5f', '#D55E00', '#f7cfb0'


def cmd_with_isochrone(stars, isochrone, *, band=(), title='', text='', axes=None):
    """
    Draw the members of a cluster and the isochrone of an estimate over them.

    Parameters
    ----------
    stars : `~astropy.table.Table`
        The members of one cluster, with the columns ``phot_g_mean_mag``,
        ``phot_bp_mean_mag`` and ``phot_rp_mean_mag``, and optionally
        ``prob_member``: less likely members are paler. Stars that lack a
        magnitude are not drawn.

    isochrone : `~astropy.table.Table`
        Apparent magnitudes along the isochrone at the estimate, in order of
        initial mass, distance and extinction included, in columns of the same
        names. The line breaks where a value is not finite.

    band : iterable of `~astropy.table.Table`, optional
        Isochrones at draws from the central part of the posterior, such as the
        68 % region; together they show how well the isochrone is known.

    title, text : str, optional
        The title, and what is written into the lower left corner, where
        clusters have no stars.

    axes : `~matplotlib.axes.Axes` or `None`, optional
        Where to draw; `None` makes a new figure.

    Returns
    -------
    axes : `~matplotlib.axes.Axes`
        The axes, bright stars up, scaled to the stars.

    Raises
    ------
    ValueError
        If a column is missing, or no star has all three magnitudes.
    """
    colour, magnitude = _colour_magnitude('stars', stars)
    known = np.isfinite(colour) & np.isfinite(magnitude)
    if not known.any():
        msg = 'stars must have at least one row with all three magnitudes, got none'
        raise ValueError(msg)
    if axes is None:
        from matplotlib.figure import Figure

        axes = Figure(figsize=(4.8, 5.6), layout='constrained').add_subplot()
    _draw_band(axes, [_colour_magnitude('band', curve) for curve in band])
    _draw_stars(axes, colour[known], magnitude[known], _opacities(stars)[known])
    axes.plot(*_colour_magnitude('isochrone', isochrone), color=LINE, linewidth=1.5, zorder=3)
    _set_limits(axes, colour[known], magnitude[known])
    axes.set(title=title, xlabel='$G_\\mathrm{BP} - G_\\mathrm{RP}$ [mag]', ylabel='$G$ [mag]')
    _write(axes, text)
    return axes


def _colour_magnitude(name, table):
    """Return the colours and G magnitudes of a table as plain arrays in mag."""
    missing = [column for column in COLUMNS if column not in table.colnames]
    if missing:
        msg = f'{name} must have the columns {list(COLUMNS)}, missing are {missing}'
        raise ValueError(msg)
    g, bp, rp = (_plain(table[column]) for column in COLUMNS)
    return bp - rp, g


def _plain(column):
    """Return a column as a float array, NaN where it is masked."""
    values = np.array(getattr(column, 'value', column), dtype=float)
    values[np.broadcast_to(getattr(column, 'mask', False), values.shape)] = np.nan
    return values


def _opacities(stars):
    """Return how opaque each star is drawn; those of unknown membership like the likely."""
    many = np.interp(len(stars), [100, 1000], [0.85, 0.55])
    if 'prob_member' not in stars.colnames:
        return np.full(len(stars), many)
    probability = np.nan_to_num(_plain(stars['prob_member']), nan=1.0)
    return many * np.clip(probability, 0.2, 1)


def _draw_stars(axes, colour, magnitude, alpha):
    """Draw the stars: bright ones larger, all smaller if there are many."""
    scale = np.interp(magnitude.size, [50, 1000], [1.6, 0.8])
    sizes = scale * np.interp(magnitude - magnitude.min(), [0, 8], [22, 6])
    axes.scatter(colour, magnitude, s=sizes, color=STAR, alpha=alpha, linewidth=0, zorder=2)


def _write(axes, text):
    """Write into the lower left corner."""
    axes.text(
        0.04,
        0.03,
        text,
        transform=axes.transAxes,
        fontsize=9,
        linespacing=1.4,
        bbox={'facecolor': 'white', 'edgecolor': 'none', 'alpha': 0.8, 'pad': 3},
        zorder=4,
    )


def _draw_band(axes, curves):
    """Draw isochrones in one flat colour, so that together they make a band."""
    from matplotlib.collections import LineCollection

    lines = [np.column_stack(curve) for curve in curves]
    axes.add_collection(
        LineCollection(lines, colors=BAND, linewidths=2, capstyle='round', zorder=1),
        autolim=False,
    )


def _set_limits(axes, colour, magnitude):
    """Scale the axes to the stars, bright ones up, without the reddest and bluest few."""
    blue, red = np.percentile(colour, [0.5, 99.5])
    bright, faint = magnitude.min(), magnitude.max()
    axes.set(
        xlim=(blue - 0.25, max(red, blue + 0.8) + 0.35),
        ylim=(max(faint, bright + 2) + 0.4, bright - 0.8),
    )
    axes.tick_params(direction='in', top=True, right=True)
