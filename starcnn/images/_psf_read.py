# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Read point spread functions from the files of Tiny Tim, STDPSF files and images.
"""

import re
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits

from starcnn.exceptions import DataFileError, StarcnnWarning
from starcnn.images.instruments import get_band, list_bands
from starcnn.sky._units import strip_unit

_FORMATS = ('tinytim', 'stdpsf', 'image')

# What Tiny Tim calls the cameras.
_CAMERAS = {'ACS_WFC': 'ACS/WFC', 'WFC3_UVIS': 'WFC3/UVIS'}

# The header of Tiny Tim gives pixel scales to four digits of arcsec, with distortion.
_SCALE_TOLERANCE = 0.1

_KERNEL_SHAPE = (3, 3)

_STDPSF_OVERSAMPLING = 4  # Anderson 2016, WFC3 ISR 2016-12


def read_psf(
    path,
    *,
    format=None,  # noqa: A002
    oversampling=None,
    pixel_scale=None,
    includes_pixel=None,
    filter=None,  # noqa: A002
):
    """Return the arguments of a PSF that a file gives, and arguments complete."""
    if format not in (None, *_FORMATS):
        msg = f'format must be one of {list(_FORMATS)}, got {format!r}'
        raise ValueError(msg)
    if pixel_scale is not None:
        pixel_scale = strip_unit(pixel_scale, u.arcsec, 'pixel_scale')
    data, header = _read(path)
    given = {
        'oversampling': oversampling,
        'pixel_scale': pixel_scale,
        'includes_pixel': includes_pixel,
    }
    given = {name: value for name, value in given.items() if value is not None}
    reader = {'tinytim': _tiny_tim, 'stdpsf': _stdpsf, 'image': _image}[format or _guess(header)]
    found = reader(path, data, header, given)
    found['pixel_scale'] = found['pixel_scale'] * u.arcsec
    if found['oversampling'] == 1:
        message = (
            f'{Path(path).name} has one sample per pixel, too few to move stars by parts of a '
            'pixel; they are drawn as a band-limited image would be'
        )
        warnings.warn(message, StarcnnWarning, stacklevel=3)
    name = filter if filter is not None else str(header.get('FILTER', '')).upper()
    return found | {'filter': name}


def write_psf(psf, path):
    """Write a point spread function with keywords that say how it is sampled."""
    hdu = fits.PrimaryHDU(psf.data)
    hdu.header['FILTER'] = psf.filter
    hdu.header['OVERSAMP'] = (psf.oversampling, 'samples per pixel')
    hdu.header['PIXSCALE'] = (psf.pixel_scale.to_value(u.arcsec), 'size of a pixel, arcsec')
    hdu.header['PIXELIN'] = (psf.includes_pixel, 'samples include the pixel')
    hdu.writeto(path)


def _read(path):
    """Return the array and the header of a file."""
    path = Path(path)
    if not path.is_file():
        msg = f'path must be a file, got {str(path)!r}'
        raise DataFileError(msg)
    try:
        if path.suffix == '.npy':
            return np.load(path, allow_pickle=False).astype(float), fits.Header()
        with fits.open(path) as hdus:
            hdu = next((hdu for hdu in hdus if hdu.data is not None and hdu.is_image), None)
            if hdu is not None:
                return np.array(hdu.data, float), hdu.header
    except (OSError, TypeError, ValueError) as error:
        msg = f'path must be a FITS or NPY file, got {str(path)!r}: {error}'
        raise DataFileError(msg) from error
    msg = f'path must hold an image, got {str(path)!r} without one'
    raise DataFileError(msg)


def _guess(header):
    """Return the format that a header speaks of."""
    if 'NXPSFS' in header:
        return 'stdpsf'
    if 'SPHERICL' in header and 'PIXSCALE' in header:
        return 'tinytim'
    return 'image'


def _odd(data, path):
    """Return a square with an odd side about the brightest sample, which is in the middle."""
    if data.ndim != 2:  # noqa: PLR2004
        msg = f'path must hold an image with two axes, got {data.ndim} in {str(path)!r}'
        raise DataFileError(msg)
    peak = np.array(np.unravel_index(np.nanargmax(data), data.shape))
    middle = (np.array(data.shape) - 1) / 2
    if np.abs(peak - middle).max() > 1:
        msg = (
            f'path must hold a point spread function in the middle, got {str(path)!r} '
            f'with its peak at {tuple(map(int, peak))} of {data.shape}'
        )
        raise DataFileError(msg)
    half = int(min(*peak, *(np.array(data.shape) - 1 - peak)))
    y, x = peak
    return data[y - half : y + half + 1, x - half : x + half + 1]


def _image(path, data, header, given):
    """Return the arguments for an image, which come from the caller or the header."""
    names = {'oversampling': 'OVERSAMP', 'pixel_scale': 'PIXSCALE', 'includes_pixel': 'PIXELIN'}
    found = {name: header[key] for name, key in names.items() if key in header} | given
    if missing := [name for name in names if name not in found]:
        msg = (
            f'{" and ".join(missing)} must be given for {str(path)!r}: its header does not say '
            f'({", ".join(names[name] for name in missing)})'
        )
        raise DataFileError(msg)
    return {'data': _odd(data, path), **found}


def _stdpsf(path, data, _, given):
    """Return the arguments for an STDPSF file of one position."""
    if data.ndim == 3 and len(data) == 1:  # noqa: PLR2004
        data = data[0]
    if data.ndim != 2:  # noqa: PLR2004
        msg = (
            f'path must hold one point spread function, got {len(data)} in {str(path)!r}: '
            'read them with PSFGrid.read'
        )
        raise DataFileError(msg)
    found = {'oversampling': _STDPSF_OVERSAMPLING, 'includes_pixel': True} | given
    if 'pixel_scale' not in found:
        msg = f'pixel_scale must be given for the STDPSF file {str(path)!r}'
        raise DataFileError(msg)
    # The samples are the parts of the light in pixels centred on them.
    return {'data': _odd(data, path) / found['oversampling'] ** 2, **found}


def _tiny_tim(path, data, header, given):
    """Return the arguments for an output of Tiny Tim, with charge diffusion."""
    camera = _CAMERAS.get(str(header.get('INSTRUME', '')).rstrip('12'))
    pixel = given.get('pixel_scale')
    if pixel is None:
        if camera is None:
            msg = f'pixel_scale must be given for {str(path)!r}, of {header.get("INSTRUME")!r}'
            raise DataFileError(msg)
        name = next(band for instrument, band in list_bands() if instrument == camera)
        pixel = get_band(camera, name).pixel_scale.to_value(u.arcsec)
    comments = '\n'.join(map(str, header.get('COMMENT', ())))
    ratio = pixel / header['PIXSCALE']
    oversampling = given.get('oversampling', round(ratio))
    if oversampling < 1 or abs(ratio / oversampling - 1) > _SCALE_TOLERANCE:
        msg = (
            f'oversampling of {str(path)!r} must be that of PIXSCALE, {ratio:.2f} to the pixel '
            f'of {pixel:g} arcsec, got {oversampling}'
        )
        raise DataFileError(msg)
    subsampled = 'subsampled' in comments
    if subsampled != (oversampling > 1):
        msg = (
            f'path must be subsampled if and only if its comments say so, got {str(path)!r} with '
            f'PIXSCALE = {header["PIXSCALE"]}'
        )
        raise DataFileError(msg)
    data = _odd(data, path)
    data = data / max(data.sum(), 1)  # its numbers are of single precision
    if subsampled:
        data = _diffuse(data, _kernel(comments, path), oversampling)
    return {
        'data': data,
        'oversampling': oversampling,
        'pixel_scale': pixel,
        'includes_pixel': not subsampled,
    }


def _kernel(comments, path):
    """Return the kernel of charge diffusion from the comments of Tiny Tim."""
    rows = [line.split() for line in comments.splitlines() if re.match(r'\s*0?\.\d', line)]
    try:
        kernel = np.array(rows, float)
    except ValueError:
        kernel = np.empty(0)
    if kernel.shape != _KERNEL_SHAPE:
        msg = f'path must hold the 3x3 kernel of charge diffusion, got {str(path)!r} without it'
        raise DataFileError(msg)
    return kernel / kernel.sum()


def _diffuse(data, kernel, oversampling):
    """
    Return samples of light before the pixel with charge diffusion.

    Tiny Tim integrates over the samples; that is undone, so that a pixel of any size can
    be put in. The kernel acts between whole pixels.
    """
    n = len(data)
    size = n + 2 * oversampling  # room for the kernel
    padded = np.pad(data, oversampling)
    frequency = np.fft.fftfreq(size)  # cycles per sample
    phase = np.exp(-2j * np.pi * oversampling * np.outer(frequency, [-1, 0, 1]))
    window = np.sinc(frequency)
    transfer = (phase @ kernel @ phase.T) / np.outer(window, window)
    return np.fft.ifft2(np.fft.fft2(padded) * transfer).real
