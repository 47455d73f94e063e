# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The point spread function of a filter: the packaged models of Hubble, files, other samplings.
"""

from dataclasses import dataclass
from functools import lru_cache

import astropy.units as u
import numpy as np

from starcnn.images._psf_data import interpolation, shipped_names, unpack
from starcnn.images._psf_read import read_psf, write_psf
from starcnn.sky._units import strip_unit

__all__ = ['PSF']

# The models are drawn with samples no wider than this, arcsec.
_FINEST = 0.0125

# Encircled energies are summed over samples no wider than this, arcsec.
_ENERGY_STEP = 0.01

# Pixels of one point spread function that includes them may differ by this factor from those
# asked for: 0.0396 arcsec of WFC3/UVIS and 0.04 arcsec of its mosaics are taken as the same.
_PIXEL_TOLERANCE = 0.02

_SMALLEST = 3  # samples along a side
_ROUNDING = 1e-3  # of the sum of samples


@dataclass(frozen=True, kw_only=True, eq=False)
class PSF:
    """
    A point spread function, sampled on a square grid.

    Parameters
    ----------
    data : `~numpy.ndarray` with shape (n, n), n odd
        The samples, centred on the star. They sum to the part of the light
        that they hold: the star gives 1 in all directions together.

    oversampling : int
        Samples per pixel along a side.

    pixel_scale : `~astropy.units.Quantity`
        The size of a pixel on the sky; samples are ``oversampling`` times as
        narrow.

    filter : str, optional
        The filter.

    includes_pixel : bool
        Whether the samples are what pixels centred on them collect (times the
        squared oversampling), as in STDPSF files, or are of the light before
        the detector, as in the packaged models.

    Raises
    ------
    TypeError, astropy.units.UnitsError
        If the pixel scale has no unit or a wrong one.

    ValueError
        If the data are no square with odd sides, not finite, or hold no light
        or more than there is.
    """

    data: np.ndarray
    oversampling: int
    pixel_scale: u.Quantity
    filter: str = ''
    includes_pixel: bool

    def __init__(self, data, *, oversampling, pixel_scale, filter='', includes_pixel):  # noqa: A002
        data = np.array(data, float)
        _check_data(data)
        scale = _check_scale(pixel_scale)
        oversampling = _check_oversampling(oversampling)
        if not isinstance(includes_pixel, bool | np.bool_):
            msg = f'includes_pixel must be True or False, got {includes_pixel!r}'
            raise TypeError(msg)
        data.setflags(write=False)
        values = data, oversampling, scale * u.arcsec, str(filter), bool(includes_pixel)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def model(cls, instrument, filter, *, pixel_scale):  # noqa: A002
        """
        Return the packaged model of a filter of Hubble.

        Parameters
        ----------
        instrument : {'ACS/WFC', 'WFC3/UVIS'}
            The camera.

        filter : str
            The filter, such as 'F438W'.

        pixel_scale : `~astropy.units.Quantity`
            The size of the pixels of the images to make.

        Returns
        -------
        psf : `PSF`
            The model before the pixel, 3 arcsec across. The light beyond, some
            three per cent, is missing from its sum.

        Raises
        ------
        ValueError
            If there is no model of that camera and filter.

        Notes
        -----
        The model has the pupil and aberrations of Hubble in focus, errors of
        its mirrors, charge diffusion and jitter, for the centre of the chip
        and a spectrum without features; ``tools/build_psfs.py`` made it. Its
        encircled energies are those of Tiny Tim (Krist, Hook & Stoehr 2011,
        Proc. SPIE 8127, 81270J) to 1.3 per cent from 0.05 to 1 arcsec. The
        brightest detector pixel holds up to a fifth less than that of Tiny
        Tim, which spreads charge in steps of a pixel and not continuously.
        F606W was not compared: its charge diffusion and jitter lie between those
        of its neighbours.

        Examples
        --------
        >>> import astropy.units as u
        >>> from starcnn.images import PSF
        >>> psf = PSF.model('WFC3/UVIS', 'F438W', pixel_scale=0.04 * u.arcsec)
        >>> psf.data.shape, psf.oversampling
        ((301, 301), 4)
        """
        name = f'{instrument} {filter}'
        if name not in shipped_names():
            known = ', '.join(shipped_names())
            msg = f'instrument and filter must be one of {known}, got {name!r}'
            raise ValueError(msg)
        samples, step = unpack(name)
        scale = _check_scale(pixel_scale)
        oversampling = int(np.ceil(scale / _FINEST * (1 - 1e-9)))
        data = _resample(samples, step, scale / oversampling, ())
        return cls(
            data,
            oversampling=oversampling,
            pixel_scale=scale * u.arcsec,
            filter=filter,
            includes_pixel=False,
        )

    @classmethod
    def read(cls, path, **options):
        """
        Read a point spread function from a file.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The file: FITS, or NPY with one array.

        format : {'tinytim', 'stdpsf', 'image'}, optional
            What it is: the output of Tiny Tim, an STDPSF file with one
            position, or any image. By default its header tells.

        oversampling : int, optional
            Samples per pixel. An image without a keyword OVERSAMP needs it.

        pixel_scale : `~astropy.units.Quantity`, optional
            The size of a pixel. An image without a keyword PIXSCALE and an
            STDPSF file need it; for Tiny Tim it is that of the camera.

        includes_pixel : bool, optional
            Whether the pixel is in the samples. An image without a keyword
            PIXELIN needs it.

        filter : str, optional
            The filter, by default that of the header.

        Returns
        -------
        psf : `PSF`
            The point spread function. Charge diffusion, which Tiny Tim leaves
            out of subsampled images, is added.

        Raises
        ------
        DataFileError
            If the file does not hold what its format asks for, or neither it
            nor the arguments say how it is sampled.

        ValueError
            If the format is unknown.
        """
        return cls(**read_psf(path, **options))

    def write(self, path):
        """
        Write the point spread function to a FITS file that `read` understands.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The file, which must not exist.
        """
        write_psf(self, path)

    def resample(self, pixel_scale, oversampling):
        """
        Return the point spread function with the pixels of another image.

        Parameters
        ----------
        pixel_scale : `~astropy.units.Quantity`
            The size of a pixel.

        oversampling : int
            Samples per pixel.

        Returns
        -------
        psf : `PSF`
            The point spread function, with the pixel.

        Raises
        ------
        ValueError
            If the pixel is already in the samples and has another size.

        Notes
        -----
        One pixel is convolved with: that of the new image. A mosaic drizzled
        from many dithered frames is blurred by the pixel of the detector and
        the drop besides, a mosaic at the scale of its frames hardly so. Where
        it matters, measure the point spread function on the mosaic.
        """
        scale = _check_scale(pixel_scale)
        return PSF(
            self.epsf(scale, _check_oversampling(oversampling)),
            oversampling=oversampling,
            pixel_scale=scale * u.arcsec,
            filter=self.filter,
            includes_pixel=True,
        )

    def encircled_energy(self, radii):
        """
        Return the part of the light within radii, in the pixels of `pixel_scale`.

        Parameters
        ----------
        radii : `~astropy.units.Quantity`
            The radii.

        Returns
        -------
        energy : `~numpy.ndarray`
            The parts of all light of the star, between 0 and 1.
        """
        radii = strip_unit(radii, u.arcsec, 'radii')
        scale = self.pixel_scale.to_value(u.arcsec)
        n_sample = int(np.ceil(scale / _ENERGY_STEP))
        values, step = self.epsf(scale, n_sample), scale / n_sample
        axis = step * (np.arange(len(values)) - len(values) // 2)
        distance = np.hypot(axis, axis[:, np.newaxis]).ravel()
        order = np.argsort(distance)
        distance, values = distance[order], values.ravel()[order]
        total = np.append(0, np.cumsum(values))
        # A sample on the edge counts by the part of its width inside.
        low, high = (np.searchsorted(distance, radii + s * step / 2) for s in (-1, 1))
        energy = [
            total[i] + values[i:j] @ ((r - distance[i:j]) / step + 1 / 2)
            for i, j, r in zip(np.ravel(low), np.ravel(high), np.ravel(radii), strict=True)
        ]
        return np.reshape(energy, np.shape(radii))

    def to_galsim(self):
        """
        Return the point spread function as a GalSim object.

        Returns
        -------
        profile : `galsim.InterpolatedImage`
            The profile; its flux is the part of the light that the samples
            hold. Draw it with ``method='no_pixel'`` if `includes_pixel`, else
            with the default, which adds the pixel.
        """
        import galsim

        step = self.pixel_scale.to_value(u.arcsec) / self.oversampling
        image = galsim.Image(np.array(self.data), scale=step)
        return galsim.InterpolatedImage(image, x_interpolant='lanczos5', flux=self.data.sum())

    def epsf(self, pixel_scale, oversampling):
        """
        Return samples that include a pixel, as plain numbers for renderers.

        Parameters
        ----------
        pixel_scale : float
            The size of a pixel, arcsec.

        oversampling : int
            Samples per pixel.

        Returns
        -------
        samples : `~numpy.ndarray` with shape (n, n), n odd
            The samples, which sum to the part of the light they hold.
        """
        own = self.pixel_scale.to_value(u.arcsec)
        boxes = () if self.includes_pixel else (pixel_scale,)
        if self.includes_pixel and abs(pixel_scale / own - 1) > _PIXEL_TOLERANCE:
            msg = (
                f'pixel_scale must be {own:g} arcsec, that of the pixels in this point '
                f'spread function, got {pixel_scale:g} arcsec'
            )
            raise ValueError(msg)
        return _resample(self.data, own / self.oversampling, pixel_scale / oversampling, boxes)


def _resample(data, step, new_step, boxes):
    """Return the samples of a point spread function with another step, blurred by boxes."""
    matrix = _matrix(len(data), step, new_step, boxes)
    return matrix @ data @ matrix.T


@lru_cache(maxsize=16)
def _matrix(n, step, new_step, boxes):
    """Return what takes n samples to a new step; shared by the filters of a camera."""
    half = n // 2
    axis = step * (np.arange(n) - half)
    # The small number keeps a whole ratio of steps whole.
    reach = int(np.floor((half * step + sum(boxes) / 2) / new_step + 1e-6))
    target = new_step * np.arange(-reach, reach + 1)
    matrix = interpolation(axis, target, boxes) * (new_step / step)
    matrix.setflags(write=False)
    return matrix


def _check_data(data):
    """Raise if samples cannot be those of a point spread function."""
    if data.ndim != 2 or data.shape[0] != data.shape[1]:  # noqa: PLR2004
        msg = f'data must have shape (n, n), got {data.shape}'
        raise ValueError(msg)
    if len(data) % 2 == 0 or len(data) < _SMALLEST:
        msg = f'data must have an odd side of at least {_SMALLEST} samples, got {len(data)}'
        raise ValueError(msg)
    if not np.isfinite(data).all():
        msg = f'data must be finite, got {np.sum(~np.isfinite(data))} samples that are not'
        raise ValueError(msg)
    total = data.sum()
    if not 0 < total <= 1 + _ROUNDING:
        msg = f'data must sum to the part of the light they hold, at most 1, got {total:g}'
        raise ValueError(msg)


def _check_scale(pixel_scale):
    """Return a pixel scale in arcsec."""
    scale = strip_unit(pixel_scale, u.arcsec, 'pixel_scale')
    if np.ndim(scale) or not np.isfinite(scale) or scale <= 0:
        msg = f'pixel_scale must be one positive angle, got {pixel_scale}'
        raise ValueError(msg)
    return float(scale)


def _check_oversampling(oversampling):
    """Return an oversampling as an integer."""
    if isinstance(oversampling, bool) or int(oversampling) != oversampling or oversampling < 1:
        msg = f'oversampling must be a whole number of at least 1, got {oversampling!r}'
        raise ValueError(msg)
    return int(oversampling)
