# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Patches of simulated fields, drawn as those of mosaics are, and as crowded as a real frame.
"""

import astropy.units as u
import numpy as np

from starcnn.images.backgrounds import KINDS, PARTS
from starcnn.sky._units import strip_unit

__all__ = ['SimulatedBackgrounds', 'match_density']

# Histories of star formation and stars of each, by which densities are compared.
_N_HISTORY = 200
_N_STAR = 500


class SimulatedBackgrounds:
    """
    Patches of simulated fields of a galaxy, many of each field.

    They are drawn as those of `MosaicBackgrounds` are, so that either can be
    given to a simulator. Every call makes new fields; parts share none.

    Parameters
    ----------
    field : `~starcnn.images.GalaxyField`
        What draws the fields.

    frame : int, optional
        The side of a field, pixels. A patch larger than that has a field for
        itself.

    Attributes
    ----------
    filters : tuple of str
        The filters.

    kind : str
        ``'simulated'``.

    Raises
    ------
    ValueError
        If the side of a field is not positive.
    """

    kind = KINDS[2]

    def __init__(self, field, *, frame=512):
        if not frame > 0:
            msg = f'frame must be a positive number of pixels, got {frame}'
            raise ValueError(msg)
        self.filters = field.filters
        self._field, self._frame = field, int(frame)

    def draw(self, n, shape, *, rng=None, part='training'):
        """
        Draw patches.

        Parameters
        ----------
        n : int
            The number of patches. They do not overlap.

        shape : tuple of int
            The shape (ny, nx) of a patch.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The source of randomness. Fields of one seed differ from part to
            part.

        part : {'training', 'validation', 'test'}, optional
            What they are for.

        Returns
        -------
        patches : `~astropy.units.Quantity` with shape (n, n_filter, ny, nx)
            The patches, electron/s, with their sky and noise.

        Raises
        ------
        ValueError
            If there is no such part.
        """
        if part not in PARTS:
            msg = f'part must be one of {PARTS}, got {part!r}'
            raise ValueError(msg)
        rng = np.random.default_rng(rng).spawn(len(PARTS))[PARTS.index(part)]
        return self._draw(n, shape, rng)[0] * (u.electron / u.s)

    def _draw(self, n, shape, rng):
        """Return patches as an array in electron/s, and the stars per arcsec2 of their fields."""
        patches = np.empty((n, len(self.filters), *shape), np.float32)
        densities = np.empty(n)
        per_side = [max(self._frame // size, 1) for size in shape]
        start = 0
        while start < n:
            rows = min(per_side[0], int(np.ceil(np.sqrt(n - start))))
            columns = min(per_side[1], -(-(n - start) // rows))
            frame, density = self._field._draw((rows * shape[0], columns * shape[1]), rng)
            tiles = frame.reshape(len(frame), rows, shape[0], columns, shape[1])
            tiles = tiles.transpose(1, 3, 0, 2, 4).reshape(-1, *patches.shape[1:])
            stop = min(start + len(tiles), n)
            patches[start:stop], densities[start:stop] = tiles[: stop - start], density
            start = stop
        return patches, densities


def match_density(field, density, *, brighter_than, filter, rng=None):  # noqa: A002
    """
    Return how dense simulated fields must be to have as many bright stars as a real frame.

    Parameters
    ----------
    field : `~starcnn.images.GalaxyField`
        What draws the fields.

    density : `~astropy.units.Quantity`
        The number of stars per solid angle in the real frame that are brighter
        than the limit, as `measure_stars` finds them.

    brighter_than : `~astropy.units.Quantity`
        The limit, Vega magnitude: where the frame is complete.

    filter : str
        The filter of the limit.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness.

    Returns
    -------
    density : `~astropy.units.Quantity`
        What `GalaxyField.draw` takes as ``density``: its stars are counted to
        their own limit, without dust. It is the mean over histories of star
        formation and extinctions of the field.

    Raises
    ------
    ValueError
        If there is no such filter, the density is not positive, or the limit is
        so faint that the field does not draw all such stars.
    """
    if filter not in field.filters:
        msg = f'filter must be one of {list(field.filters)}, got {filter!r}'
        raise ValueError(msg)
    target = float(strip_unit(density, u.arcsec**-2, 'density'))
    if not target > 0:
        msg = f'density must be positive, got {density}'
        raise ValueError(msg)
    limit = strip_unit(brighter_than, u.mag, 'brighter_than')
    index = field.filters.index(filter)
    faintest = field.limits[index] + field.depth
    if not limit <= faintest.to_value(u.mag):
        msg = f'brighter_than must be at most {faintest:.2f}, to which stars are drawn, got {limit}'
        raise ValueError(msg)
    modulus = 5 * np.log10(field.distance.to_value(u.pc) / 10)
    part = _part_brighter(field._disc, index, limit - modulus, np.random.default_rng(rng))
    return target / part / u.arcsec**2


def _part_brighter(disc, index, limit, rng):
    """Return the stars brighter than a limit behind their dust, per detectable star without."""
    stars = disc.levels[0].bright
    parts = []
    for _ in range(_N_HISTORY):
        rates = disc.draw_rates(rng)
        drawn = stars.draw(_N_STAR, rates, rng)
        a_v = np.exp(rng.uniform(*np.log(disc.a_v)))
        a_v *= np.exp(disc.a_v_scatter * rng.standard_normal(_N_STAR) - disc.a_v_scatter**2 / 2)
        a_v *= rng.random(_N_STAR) >= disc.front
        a_v = np.minimum(a_v, disc.photometry.a_v_max.to_value(u.mag))
        extinction = disc.photometry._extinctions(drawn.log_teff, a_v, disc.law, disc.r_v)
        bright = drawn.magnitudes[:, index] + extinction[:, index] < limit
        parts.append(bright.mean() * stars.count(rates) / disc.detectable.count(rates))
    return np.mean(parts)
