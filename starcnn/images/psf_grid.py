# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Point spread functions that change over a detector.
"""

import astropy.units as u
import numpy as np

from starcnn.images.psf import PSF

__all__ = ['PSFGrid']


class PSFGrid:
    """
    Point spread functions at positions on a rectangular grid.

    Parameters
    ----------
    psfs : sequence of tuple (float, float, `PSF`)
        Positions x and y, pixels, and the point spread functions there, all
        sampled alike.

    Raises
    ------
    ValueError
        If the positions are not a rectangular grid, or the samplings differ.

    Examples
    --------
    >>> import astropy.units as u
    >>> from starcnn.images import PSF, PSFGrid
    >>> blue, red = (
    ...     PSF.model('ACS/WFC', name, pixel_scale=0.05 * u.arcsec) for name in ('F435W', 'F814W')
    ... )
    >>> grid = PSFGrid([(0, 0, blue), (4096, 0, red)])
    >>> bool((grid.at(0, 0).data == blue.data).all())
    True
    """

    def __init__(self, psfs):
        psfs = list(psfs)
        if not psfs:
            msg = 'psfs must hold at least one position, got none'
            raise ValueError(msg)
        self._x, self._y = (np.unique([float(item[i]) for item in psfs]) for i in (0, 1))
        places = {(float(x), float(y)): psf for x, y, psf in psfs}
        if not len(psfs) == len(places) == len(self._x) * len(self._y):
            msg = (
                f'psfs must be on a rectangular grid, got {len(psfs)} positions '
                f'with {len(self._x)} values of x and {len(self._y)} of y'
            )
            raise ValueError(msg)
        self._first = psfs[0][2]
        for x, y, psf in psfs:
            if _sampling(psf) != _sampling(self._first):
                msg = (
                    f'psfs must be sampled alike, got {_sampling(psf)} at ({x}, {y}) '
                    f'and {_sampling(self._first)}'
                )
                raise ValueError(msg)
        self._data = np.array([[places[x, y].data for x in self._x] for y in self._y])

    @classmethod
    def from_model(cls, model, *, pixel_scale, filter=''):  # noqa: A002
        """
        Return the grid of an effective point spread function of photutils.

        Parameters
        ----------
        model : `photutils.psf.GriddedPSFModel`
            The point spread functions, which include the pixel.

        pixel_scale : `~astropy.units.Quantity`
            The size of a detector pixel.

        filter : str, optional
            The filter.

        Returns
        -------
        grid : `PSFGrid`
            The grid.

        Raises
        ------
        ValueError
            If the oversampling differs between x and y, or the positions are
            not a rectangular grid.
        """
        n_y, n_x = (int(n) for n in np.broadcast_to(model.oversampling, 2))
        if n_y != n_x:
            msg = f'model must be oversampled alike along x and y, got {n_x} and {n_y}'
            raise ValueError(msg)
        return cls(
            (
                x,
                y,
                PSF(
                    np.asarray(data, float) / n_x**2,
                    oversampling=n_x,
                    pixel_scale=pixel_scale,
                    filter=filter,
                    includes_pixel=True,
                ),
            )
            for (x, y), data in zip(model.grid_xypos, model.data, strict=True)
        )

    @classmethod
    def read(cls, path, *, pixel_scale, detector_id=None, filter=''):  # noqa: A002
        """
        Read an STDPSF file.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The file.

        pixel_scale : `~astropy.units.Quantity`
            The size of a detector pixel.

        detector_id : int, optional
            The detector, for files of several.

        filter : str, optional
            The filter.

        Returns
        -------
        grid : `PSFGrid`
            The grid.
        """
        from photutils.psf import GriddedPSFModel

        model = GriddedPSFModel.read(path, format='stdpsf', detector_id=detector_id)
        return cls.from_model(model, pixel_scale=pixel_scale, filter=filter)

    def at(self, x, y):
        """
        Return the point spread function at a position.

        Parameters
        ----------
        x, y : float
            The position, pixels; outside the grid the nearest one inside is taken.

        Returns
        -------
        psf : `PSF`
            The samples, interpolated linearly in x and in y.
        """
        (i, v), (j, w) = _weight(self._x, x), _weight(self._y, y)
        k, m = min(i + 1, len(self._x) - 1), min(j + 1, len(self._y) - 1)
        low = self._data[j, i] * (1 - v) + self._data[j, k] * v
        high = self._data[m, i] * (1 - v) + self._data[m, k] * v
        return PSF(
            low * (1 - w) + high * w,
            oversampling=self._first.oversampling,
            pixel_scale=self._first.pixel_scale,
            filter=self._first.filter,
            includes_pixel=self._first.includes_pixel,
        )


def _sampling(psf):
    """Return all that point spread functions of a grid share."""
    scale = psf.pixel_scale.to_value(u.arcsec)
    return psf.data.shape, psf.oversampling, scale, psf.includes_pixel


def _weight(axis, value):
    """Return the node below a position, and the weight of the one above."""
    value = float(np.clip(value, axis[0], axis[-1]))
    i = max(min(int(np.searchsorted(axis, value, side='right')) - 1, len(axis) - 2), 0)
    if len(axis) == 1:
        return 0, 0.0
    return i, (value - axis[i]) / (axis[i + 1] - axis[i])
