# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Simulated frames of a galaxy's disc: stars, smooth light, dust and noise in several filters at once.
"""

from dataclasses import KW_ONLY, dataclass

import astropy.units as u
import numpy as np
from astropy.nddata import NDData

from starcnn.images._disc import N_SIGMA, Disc
from starcnn.images.backgrounds import KIND_KEY, KINDS
from starcnn.sky import IMF, KROUPA2001, Isochrones, Photometry
from starcnn.sky._units import strip_unit

__all__ = ['GalaxyField', 'cutouts_from_frame', 'measure_density']

# The ranges and lengths of a field, and their units.
_RANGES = {
    'density': u.arcsec**-2,
    'scale_length': u.arcsec,
    'a_v': u.mag,
    'association_size': u.pc,
}
_POSITIVE = {'pixel_scale': u.arcsec, 'distance': u.pc, 'cloud_size': u.pc, 'decline': u.yr}


@dataclass(frozen=True, eq=False)
class GalaxyField:
    """
    A recipe for frames of a galaxy's disc as a space telescope sees it.

    Every frame has its own star density, history of star formation, gradient,
    dust and associations, all drawn at random. Stars that can be detected, and
    those that are `depth` fainter, are drawn one by one; all fainter ones, of
    the same population, are smooth light.

    Parameters
    ----------
    isochrones : `~starcnn.sky.Isochrones`
        The isochrones; their magnitudes, if any, are not used.

    photometry : `~starcnn.sky.Photometry`
        The photometry of the filters, in the order of the frames.

    bands : sequence of `~starcnn.images.Band`
        The band of each filter: zero point, exposure, noise and sky.

    psfs : sequence of `~starcnn.images.PSF`
        The point spread function of each filter.

    pixel_scale : `~astropy.units.Quantity`
        The size of a pixel, angle.

    distance : `~astropy.units.Quantity`
        The distance, length.

    m_h : float
        The metallicity [M/H].

    density : `~astropy.units.Quantity` with shape (2,), optional
        The range of the mean number of detectable stars per solid angle, from
        which that of each frame is drawn log-uniformly. A star is detectable
        if its central pixel, without dust, is at least five standard
        deviations of an empty sky (its photon noise and the read noise) in
        ``detection_filter``.

    detection_filter : str, optional
        The filter that says which stars are detectable; '' is the first.

    depth : `~astropy.units.Quantity`, optional
        How much fainter than detectable (in any filter) stars are still drawn
        one by one, mag; up to 2 mag less in frames so crowded that
        there are more than 100 of them in a square arcsecond.

    imf : `~starcnn.sky.IMF`, optional
        The initial mass function.

    burst : float, optional
        The scatter of the star formation rate between ages that differ by
        0.1 dex, standard deviation of its decimal logarithm.

    decline : `~astropy.units.Quantity`, optional
        The time in which the mean star formation rate has fallen by a factor e,
        for 14 Gyr; with infinity, the default, it has been constant.

    scale_length : `~astropy.units.Quantity` with shape (2,), optional
        The range of the length in which the density changes by a factor e in a
        random direction, angle; log-uniform.

    a_v : `~astropy.units.Quantity` with shape (2,), optional
        The range of the mean extinction of a frame in V, log-uniform.

    a_v_scatter : float, optional
        The standard deviation of the natural logarithm of the extinction
        within a frame.

    cloud_size : `~astropy.units.Quantity`, optional
        The wavelength of the largest structures of the dust, length.

    front : float, optional
        The fraction of the stars and of the smooth light that is before the
        dust.

    clustered : float, optional
        The largest fraction of the stars up to 100 Myr old that are in
        associations; uniform from 0.

    association_size : `~astropy.units.Quantity` with shape (2,), optional
        The range of the standard deviation of positions in an association in
        each direction, length; log-uniform.

    association_stars : float, optional
        The mean number of stars that are drawn of an association. The numbers
        follow a power law of slope -2.

    law : str, optional
        The extinction law.

    r_v : float, optional
        The ratio of total to selective extinction.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If an option is not what it must be, or no star can be detected.

    Notes
    -----
    The frames stand in for the mosaics from which Bialopetravicius & Narbutis
    (2020, A&A 633, A148) cut their backgrounds. The ranges of the options are
    choices of ours.
    """

    isochrones: Isochrones
    photometry: Photometry
    _: KW_ONLY
    bands: tuple
    psfs: tuple
    pixel_scale: u.Quantity
    distance: u.Quantity
    m_h: float
    density: u.Quantity = (0.3, 100.0) * u.arcsec**-2
    detection_filter: str = ''
    depth: u.Quantity = 2.0 * u.mag
    imf: IMF = KROUPA2001
    burst: float = 0.4
    decline: u.Quantity = np.inf * u.yr
    scale_length: u.Quantity = (5.0, 100.0) * u.arcsec
    a_v: u.Quantity = (0.05, 1.0) * u.mag
    a_v_scatter: float = 0.8
    cloud_size: u.Quantity = 300.0 * u.pc
    front: float = 0.5
    clustered: float = 0.6
    association_size: u.Quantity = (10.0, 60.0) * u.pc
    association_stars: float = 30.0
    law: str = 'CCM89'
    r_v: float = 3.1

    def __post_init__(self):
        for name, unit in _POSITIVE.items():
            if not strip_unit(getattr(self, name), unit, name) > 0:
                msg = f'{name} must be positive, got {getattr(self, name)}'
                raise ValueError(msg)
        for name, unit in _RANGES.items():
            low, high = strip_unit(getattr(self, name), unit, name)
            if not 0 < low <= high:
                msg = f'{name} must be positive and increase, got {getattr(self, name)}'
                raise ValueError(msg)
        for name in ('bands', 'psfs'):
            if len(getattr(self, name)) != len(self.filters):
                n = len(getattr(self, name))
                msg = f'{name} must be one for each of {self.filters}, got {n}'
                raise ValueError(msg)
        if tuple(band.filter for band in self.bands) != self.filters:
            msg = f'bands must be of {self.filters}, got {[band.filter for band in self.bands]}'
            raise ValueError(msg)
        if self.detection_filter not in ('', *self.filters):
            msg = f'detection_filter must be one of {self.filters}, got {self.detection_filter!r}'
            raise ValueError(msg)
        strip_unit(self.depth, u.mag, 'depth')
        object.__setattr__(self, '_disc', Disc(self))

    @property
    def filters(self):
        """
        The filters in order.
        """
        return tuple(self.photometry.filters)

    @property
    def limits(self):
        """
        The magnitudes of the faintest detectable stars in each filter.
        """
        return self._disc.limits * u.mag

    def draw(self, shape, *, density=None, rng=None):
        """
        Draw one frame.

        Parameters
        ----------
        shape : tuple of int
            The shape (ny, nx).

        density : `~astropy.units.Quantity`, optional
            The mean number of detectable stars per solid angle. By default it
            is drawn from the range of the recipe.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The source of randomness.

        Returns
        -------
        frame : `~astropy.nddata.NDData` with shape (n_filter, ny, nx)
            The frame in electron/s, with its sky and noise. ``meta`` has
            ``filters``, ``pixel_scale``, ``BACKGRND`` ('simulated', as
            `MosaicBackgrounds` reads it) and ``density``, that of the
            detectable stars which are in the frame.

        Raises
        ------
        ValueError
            If ``density`` is not positive.
        """
        if density is not None:
            density = float(strip_unit(density, u.arcsec**-2, 'density'))
            if not density > 0:
                msg = f'density must be positive, got {density:g} per arcsec2'
                raise ValueError(msg)
        data, found = self._draw(shape, np.random.default_rng(rng), density)
        meta = {
            'filters': self.filters,
            'pixel_scale': self.pixel_scale,
            KIND_KEY: KINDS[2],
            'density': found / u.arcsec**2,
        }
        return NDData(data, unit=u.electron / u.s, meta=meta)

    def _draw(self, shape, rng, density=None):
        """Return a frame in electron/s and the density of its detectable stars per arcsec2."""
        if density is None:
            density = np.exp(rng.uniform(*np.log(self._disc.density)))
        return self._disc.draw(shape, density, rng)


def cutouts_from_frame(frame, shape, n, *, rng=None):
    """
    Cut a frame into tiles that do not overlap.

    Parameters
    ----------
    frame : `~numpy.ndarray` with shape (n_filter, ny, nx)
        The frame.

    shape : tuple of int
        The shape (ny, nx) of the tiles.

    n : int
        The number of tiles.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness: which tiles, and where their grid begins.

    Returns
    -------
    cutouts : `~numpy.ndarray` with shape (n, n_filter, ny, nx)
        The tiles in random order.

    Raises
    ------
    ValueError
        If the frame has fewer tiles.
    """
    rng = np.random.default_rng(rng)
    rows, columns = (size // side for size, side in zip(frame.shape[-2:], shape, strict=True))
    if not 0 <= n <= rows * columns:
        msg = f'n must be at most {rows * columns}, the tiles of the frame, got {n}'
        raise ValueError(msg)
    y, x = (rng.integers(v % s + 1) for v, s in zip(frame.shape[-2:], shape, strict=True))
    tiles = frame[:, y : y + rows * shape[0], x : x + columns * shape[1]]
    tiles = tiles.reshape(len(frame), rows, shape[0], columns, shape[1]).transpose(1, 3, 0, 2, 4)
    chosen = rng.permutation(rows * columns)[:n]
    return np.ascontiguousarray(tiles[chosen // columns, chosen % columns])


def measure_density(image, *, pixel_scale):
    """
    Measure how many sources per solid angle an image has.

    A source is a pixel that is brighter than its eight neighbours
    (`~photutils.detection.find_peaks`) and more than five standard deviations
    above the median of the image. The deviation is that of the noise: of the
    difference between a pixel and the mean of its four nearest neighbours,
    where that mean is below its median, from the median absolute deviation.

    Parameters
    ----------
    image : `~numpy.ndarray` with shape (ny, nx)
        The image in one filter, in any unit. NaN is left out.

    pixel_scale : `~astropy.units.Quantity`
        The size of a pixel, angle.

    Returns
    -------
    density : `~astropy.units.Quantity`
        The number of sources per square arcsecond.

    Raises
    ------
    ValueError
        If the image is not two-dimensional or has no finite pixels.

    Notes
    -----
    The noise of neighbouring pixels of a drizzled image is correlated, which
    makes this deviation too small and the density too large, never too small.
    Detection with a matched filter and a deviation that includes confusion
    finds fewer sources the more crowded an image is; this recipe does not.
    """
    from astropy.stats import mad_std
    from photutils.detection import find_peaks

    scale = strip_unit(pixel_scale, u.arcsec, 'pixel_scale')
    image = np.asarray(image, float)
    known = np.isfinite(image)
    if image.ndim != 2 or not known.any():  # noqa: PLR2004
        msg = f'image must have shape (ny, nx) and finite pixels, got {image.shape}'
        raise ValueError(msg)
    around = (image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:]) / 4
    # The deviation of white noise: of a pixel, and of a mean of four that is below its median.
    step = (image[1:-1, 1:-1] - around) / np.sqrt(1 + (1 - 2 / np.pi) / 4)
    quiet = step[around < np.nanmedian(around)]
    median = np.median(image[known])
    above = np.where(known, image - median, -np.inf)
    threshold = N_SIGMA * mad_std(quiet, ignore_nan=True)
    any_above = (above > threshold).any()  # photutils warns if not
    n_source = len(find_peaks(above, threshold, box_size=3)) if any_above else 0
    return n_source / (known.sum() * scale**2) / u.arcsec**2
