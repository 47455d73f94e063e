# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Patches of mosaics, real or semi-real, to put simulated clusters on.
"""

import astropy.units as u
import numpy as np

from starcnn.images._mosaic import mark_circles, pixel_size
from starcnn.sky._units import strip_unit

__all__ = ['MosaicBackgrounds']

PARTS = ('training', 'validation', 'test')

# The kinds of backgrounds, and the keyword of a mosaic's meta that holds its kind.
KINDS = ('real', 'semi-real', 'simulated')
KIND_KEY = 'BACKGRND'

# How closely the world coordinates of mosaics must agree, pixels.
_TOLERANCE = 0.05

# How far the sum of the fractions may be from one: rounding.
_ROUNDING = 1e-6

# How often a patch is sought in vain in a block before the block is left out.
_N_TRIES = 200


class MosaicBackgrounds:
    """
    Patches of mosaics in several filters, at random places.

    The mosaics are divided into square blocks, each of which belongs to one
    part: training, validation or test. A patch never leaves its block, so that
    patches of different parts share no pixel. Patches do not touch pixels that
    are masked or not finite in any filter, nor objects that are to be avoided.

    Parameters
    ----------
    mosaics : dict of `~astropy.nddata.CCDData`
        A mosaic for each filter, all on one pixel grid, in a unit that
        converts to electron/s.

    avoid : `~astropy.coordinates.SkyCoord` or tuple of `~numpy.ndarray`, optional
        Positions of objects: on the sky, or x and y in pixels.

    radius : `~astropy.units.Quantity`, optional
        What to avoid around every object, angle or pixel: one value, or one
        for each.

    block : int, optional
        The side of a block, pixels; 0 is four blocks across the shorter side
        of the mosaics.

    fractions : dict of float, optional
        The part of the blocks that is for training, validation and test.

    seed : int, optional
        Which blocks belong to which part.

    Attributes
    ----------
    filters : tuple of str
        The filters, in the order of ``mosaics``.

    kind : {'real', 'semi-real', 'simulated'}
        What the mosaics are, by ``meta['BACKGRND']`` of each; without that a
        mosaic is real. Of several kinds together it is 'semi-real'.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If the mosaics do not have one pixel grid, or their unit is wrong.

    See Also
    --------
    mask_bright_stars, reproject_mosaics, make_semi_real, SimulatedBackgrounds

    Notes
    -----
    The light of one star may reach two blocks; the pixels are those of one.
    """

    def __init__(
        self, mosaics, *, avoid=None, radius=1 * u.arcsec, block=0, fractions=None, seed=0
    ):
        self.filters = tuple(mosaics)
        first = _check_grids(mosaics)
        self.kind = _find_kind(mosaics)
        self._data = np.stack([_electrons(name, ccd) for name, ccd in mosaics.items()])
        bad = ~np.isfinite(self._data).all(axis=0)
        for ccd in mosaics.values():
            if ccd.mask is not None:
                bad |= ccd.mask
        if avoid is not None:
            x, y = _positions(avoid, first.wcs)
            mark_circles(bad, x, y, _in_pixels(radius, first.wcs, np.size(x)))
        self._bad = np.pad(bad.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))  # summed area
        self._block = block or min(first.shape) // 4
        if not 0 < self._block <= min(first.shape):
            msg = f'block must fit into the mosaics of shape {first.shape}, got {block}'
            raise ValueError(msg)
        self._blocks = self._split(first.shape, fractions, seed)

    def _split(self, shape, fractions, seed):
        """Return the corners (n_block, 2) of the blocks of each part."""
        fractions = fractions or {'training': 0.6, 'validation': 0.2, 'test': 0.2}
        if set(fractions) != set(PARTS) or abs(sum(fractions.values()) - 1) > _ROUNDING:
            msg = f'fractions must be of {PARTS} and sum to one, got {fractions}'
            raise ValueError(msg)
        n = [size // self._block for size in shape]
        corners = np.indices(n).reshape(2, -1).T * self._block
        corners = np.random.default_rng(seed).permutation(corners)
        edges = np.cumsum([fractions[part] for part in PARTS])[:-1]
        found = np.split(corners, np.rint(edges * len(corners)).astype(int))
        return dict(zip(PARTS, found, strict=True))

    def draw(self, n, shape, *, rng=None, part='training'):
        """
        Draw patches at random places.

        Parameters
        ----------
        n : int
            The number of patches. They may overlap one another.

        shape : tuple of int
            The shape (ny, nx) of a patch.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The source of randomness.

        part : {'training', 'validation', 'test'}, optional
            The part of the mosaics.

        Returns
        -------
        patches : `~astropy.units.Quantity` with shape (n, n_filter, ny, nx)
            The patches, electron/s.

        Raises
        ------
        ValueError
            If there is no such part, or no place for such patches in it.
        """
        patches, _ = self._draw(n, shape, np.random.default_rng(rng), part)
        return patches * (u.electron / u.s)

    def _draw(self, n, shape, rng, part='training'):
        """Return patches as an array in electron/s, and the first row and column of each."""
        if part not in PARTS:
            msg = f'part must be one of {PARTS}, got {part!r}'
            raise ValueError(msg)
        room = self._block - np.array(shape)
        corners = self._blocks[part]
        if not len(corners):
            n_block = sum(map(len, self._blocks.values()))
            msg = f'part must have some of the {n_block} blocks of the mosaics, got {part!r}'
            raise ValueError(msg)
        places = np.empty((0, 2), int)
        for _ in range(_N_TRIES):
            if len(places) >= n or (room < 0).any():
                break
            chosen = corners[rng.integers(len(corners), size=2 * n)]
            chosen = chosen + rng.integers(room + 1, size=(2 * n, 2))
            places = np.concatenate([places, chosen[self._is_clean(chosen, shape)]])
        if len(places) < n:
            msg = (
                f'shape must fit between the edges, gaps and avoided objects of the {part} '
                f'blocks of {self._block} pixels, got {tuple(shape)}'
            )
            raise ValueError(msg)
        y, x = (
            places[:n, i].reshape(-1, 1, 1) + np.arange(shape[i]).reshape(1, *((-1, 1), (1, -1))[i])
            for i in range(2)
        )
        return self._data[:, y, x].swapaxes(0, 1), places[:n]

    def _is_clean(self, corner, shape):
        """Whether patches have no bad pixel."""
        (y0, x0), (y1, x1) = corner.T, (corner + shape).T
        bad = self._bad
        return bad[y1, x1] - bad[y0, x1] - bad[y1, x0] + bad[y0, x0] == 0


def _check_grids(mosaics):
    """Return the first mosaic, if all have its shape and coordinates."""
    if not mosaics:
        msg = 'mosaics must have at least one filter, got none'
        raise ValueError(msg)
    (name, first), *others = mosaics.items()
    for other, ccd in others:
        if ccd.shape != first.shape:
            msg = (
                f'mosaics must have one shape, got {first.shape} in {name}, {ccd.shape} in {other}'
            )
            raise ValueError(msg)
        if not _same_grid(first, ccd):
            msg = f'mosaics must have one pixel grid, but the WCS of {name} and {other} differ'
            raise ValueError(msg)
    return first


def _same_grid(first, second):
    """Whether the corners of one image are the corners of the other."""
    if first.wcs is None or second.wcs is None:
        return first.wcs is second.wcs
    ny, nx = first.shape
    x, y = np.array([0, nx - 1, 0, nx - 1]), np.array([0, 0, ny - 1, ny - 1])
    there = second.wcs.world_to_pixel(first.wcs.pixel_to_world(x, y))
    return np.allclose(there, [x, y], atol=_TOLERANCE, rtol=0)


def _electrons(name, ccd):
    """Return the data of a mosaic in electron/s."""
    if ccd.unit is None or not ccd.unit.is_equivalent(u.electron / u.s):
        msg = f'mosaics must have a unit that converts to electron/s, got {ccd.unit} in {name}'
        raise u.UnitsError(msg)
    return np.asarray(ccd.data, np.float32) * np.float32(ccd.unit.to(u.electron / u.s))


def _positions(avoid, wcs):
    """Return the x and y of positions, pixels."""
    if isinstance(avoid, tuple):
        return avoid
    if wcs is None:
        msg = 'avoid must be x and y in pixels where mosaics have no WCS, got sky positions'
        raise ValueError(msg)
    return wcs.world_to_pixel(avoid)


def _in_pixels(radius, wcs, n):
    """Return angles or lengths in pixels as numbers of pixels, one or n."""
    if isinstance(radius, u.Quantity) and radius.unit.is_equivalent(u.pix):
        number = radius.to_value(u.pix)
    else:
        number = strip_unit(radius, u.arcsec, 'radius')
        if wcs is None:
            msg = f'radius must be in pixels where mosaics have no WCS, got {radius}'
            raise ValueError(msg)
        number = number / pixel_size(wcs)
    if np.shape(number) not in ((), (n,)) or not (np.asarray(number) >= 0).all():
        msg = f'radius must be one or {n} lengths that are not negative, got {radius}'
        raise ValueError(msg)
    return number


def _find_kind(mosaics):
    """Return what mosaics are together."""
    kinds = set()
    for name, ccd in mosaics.items():
        kind = str(ccd.meta.get(KIND_KEY, KINDS[0])).strip()
        if kind not in KINDS:
            msg = f'mosaics must have one of {KINDS} as {KIND_KEY}, got {kind!r} in {name}'
            raise ValueError(msg)
        kinds.add(kind)
    return kinds.pop() if len(kinds) == 1 else KINDS[1]
