# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Bad pixels of images, filled from those around them.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Of the boxes around a pixel, one after the other.
_REACHES = (2, 4, 8)

_PIECE = 2**20  # pixels of boxes that are in memory together


def fill(images, bad):
    """
    Return images whose bad pixels have the median of the good ones around them.

    It is that of the 5 x 5 pixels around a bad one, or of 9 x 9 or 17 x 17 if
    there is no good one among them, or else of the whole image.

    Parameters
    ----------
    images : `~numpy.ndarray` with shape (n, ny, nx)
        The images; what is in bad pixels does not matter.

    bad : `~numpy.ndarray` of bool with shape (n, ny, nx)
        Which pixels are bad.

    Returns
    -------
    filled : `~numpy.ndarray` of float32 with shape (n, ny, nx)
        The images; NaN where all pixels of one are bad.
    """
    out = np.where(bad, np.nan, images).astype(np.float32)
    rows = np.flatnonzero(bad.any(axis=(1, 2)) & ~bad.all(axis=(1, 2)))
    for reach in _REACHES:
        good, todo = np.where(bad[rows], np.float32(np.nan), out[rows]), np.isnan(out[rows])
        row, y, x = np.nonzero(_is_near(bad[rows], todo, reach))
        out[rows[row], y, x] = _box_medians(good, row, y, x, reach)
        rows = rows[np.isnan(out[rows]).any(axis=(1, 2))]
    for i in rows:
        out[i][np.isnan(out[i])] = np.median(out[i][~bad[i]])
    return out


def _is_near(bad, todo, reach):
    """Which of the pixels to be filled have a good one in the box around them."""
    if reach == _REACHES[0]:  # nearly all have
        return todo
    for axis in (1, 2):
        padding = [(0, 0)] * 3
        padding[axis] = (reach, reach)
        padded = np.pad(bad, padding, constant_values=True)
        bad = sliding_window_view(padded, 2 * reach + 1, axis=axis).all(axis=-1)
    return todo & ~bad


def _box_medians(images, row, y, x, reach):
    """Return the medians of the boxes around places, without their NaN."""
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)), constant_values=np.nan)
    box = np.arange(2 * reach + 1)
    row, y, x = (index[:, np.newaxis, np.newaxis] for index in (row, y, x))
    medians, step = np.empty(len(row), np.float32), max(1, _PIECE // len(box) ** 2)
    for at in range(0, len(row), step):
        piece = slice(at, at + step)
        values = padded[row[piece], y[piece] + box[:, np.newaxis], x[piece] + box]
        medians[piece] = _medians(values.reshape(len(values), -1))
    return medians


def _medians(values):
    """Return the medians of rows without their NaN, or NaN where there is nothing else."""
    values.sort(axis=1)  # NaN come last
    n_good = (~np.isnan(values)).sum(axis=1, keepdims=True)
    middle = np.hstack([np.maximum(n_good - 1, 0) // 2, n_good // 2])
    middle = middle.clip(max=values.shape[1] - 1)
    return np.take_along_axis(values, middle, axis=1).mean(axis=1)
