# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Colour-magnitude diagrams of star tables as arrays: histograms, pictures and summary features.
"""

import numpy as np

__all__ = ['cmd_features', 'cmd_histogram', 'cmd_picture']

# Distance-corrected magnitudes that divide the diagram into its upper and its middle part
# (Cantat-Gaudin et al. 2020, A&A 640, A1, Section 3.1; Branco & Ferraz (2023), Section ANN).
UPPER = 4.0
MIDDLE = 5.0


def cmd_histogram(colour, magnitude, *, colour_range, magnitude_range, shape):
    """
    Count the stars in the cells of a colour-magnitude diagram.

    Parameters
    ----------
    colour, magnitude : `~numpy.ndarray` with shape (n_star,)
        The colours and the magnitudes, mag.

    colour_range, magnitude_range : tuple of float
        The ends of the diagram, mag. Stars outside are left out.

    shape : tuple of int
        The number of cells in colour and in magnitude.

    Returns
    -------
    histogram : `~numpy.ndarray` with shape (n_colour * n_magnitude,)
        The fraction of the stars of the diagram in each cell, colour running
        slowest; zeros if there are none.
    """
    counts, _, _ = np.histogram2d(
        colour, magnitude, bins=shape, range=(colour_range, magnitude_range)
    )
    return counts.ravel() / max(counts.sum(), 1)


def cmd_picture(colour, magnitude, *, colour_range, magnitude_range, shape):
    """
    Draw a colour-magnitude diagram as a picture.

    Every star is a spot of total weight one, shared between the four pixels
    whose centres are nearest, so that the picture keeps positions finer than
    its pixels.

    Parameters
    ----------
    colour, magnitude : `~numpy.ndarray` with shape (n_star,)
        The colours and the magnitudes, mag.

    colour_range, magnitude_range : tuple of float
        The ends of the picture, mag. Stars outside are left out.

    shape : tuple of int
        The shape (ny, nx) of the picture.

    Returns
    -------
    picture : `~numpy.ndarray` with shape (ny, nx)
        The number of stars per pixel, the brightest stars in the first row.
    """
    ny, nx = shape
    x = (colour - colour_range[0]) / np.ptp(colour_range) * nx
    y = (magnitude - magnitude_range[0]) / np.ptp(magnitude_range) * ny
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    x, y = x[inside] - 0.5, y[inside] - 0.5
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    p, q = x - i, y - j
    picture = np.zeros((ny, nx))
    for row, weight_y in ((j, 1 - q), (j + 1, q)):
        for column, weight_x in ((i, 1 - p), (i + 1, p)):
            where = np.clip(row, 0, ny - 1), np.clip(column, 0, nx - 1)
            np.add.at(picture, where, weight_x * weight_y)
    return picture


def cmd_features(colour, magnitude, parallax):
    """
    Return three guesses at age, extinction and distance.

    Parameters
    ----------
    colour, magnitude : `~numpy.ndarray` with shape (n_star,)
        The colours and the apparent magnitudes, mag.

    parallax : `~numpy.ndarray` with shape (n_star,)
        The parallaxes, mas; NaN where there is none.

    Returns
    -------
    features : `~numpy.ndarray` with shape (3,)
        The slope of colour against magnitude for stars whose distance-corrected
        magnitude is brighter than 4, the mean colour of those between 4 and 5,
        and the median parallax; NaN where the diagram has too few stars for it.
        The magnitude is corrected with the median parallax.

    Notes
    -----
    The guesses of Cantat-Gaudin et al. (2020, A&A 640, A1), as Branco & Ferraz (2023)
    describes them.
    """
    known = parallax[np.isfinite(parallax)]
    median = np.median(known) if len(known) else np.nan
    features = np.array([np.nan, np.nan, median])
    if not median > 0:
        return features
    absolute = magnitude + 5 * np.log10(median / 100)
    upper = absolute < UPPER
    spread = magnitude[upper] - magnitude[upper].mean() if upper.any() else np.zeros(0)
    if (spread**2).sum() > 0:
        features[0] = (spread * colour[upper]).sum() / (spread**2).sum()
    middle = (absolute >= UPPER) & (absolute < MIDDLE)
    if middle.any():
        features[1] = colour[middle].mean()
    return features
