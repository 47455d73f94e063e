# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Point spread functions of files, in the pixels of the images to make.
"""

from pathlib import Path

import astropy.units as u
from astropy.io import fits

from starcnn.images import PSF, PSFGrid
from starcnn.images.psf import _resample

# Positions in STDPSF files of cameras with two chips (ACS/WFC and WFC3/UVIS), and the rows of a
# chip: Anderson 2016, WFC3 ISR 2016-12.
_TWO_CHIPS = (90, 56)
_N_ROWS = 2048

# Pixels that differ less than this are taken as the same, as by `PSF`.
_TOLERANCE = 0.02


def read_psfs(paths, bands, pixel_scale, position):
    """Return the point spread functions of files for images of a pixel scale."""
    counts = [_count_positions(Path(path)) for path in paths]
    if position and max(counts) < 2:
        msg = f'psf_position must be empty without STDPSF files of many positions, got {position}'
        raise ValueError(msg)
    return tuple(
        _read_stdpsf(Path(path), n, band, pixel_scale, position) if n else PSF.read(Path(path))
        for path, n, band in zip(paths, counts, bands, strict=True)
    )


def _count_positions(path):
    """Return the number of positions in an STDPSF file, and zero for all other files."""
    if path.suffix == '.npy' or not path.is_file():  # `PSF.read` says what is wrong
        return 0
    with fits.open(path) as hdus:
        header = hdus[0].header
        return header.get('NXPSFS', 0) * header.get('NYPSFS', 0)


def _read_stdpsf(path, n_positions, band, pixel_scale, position):
    """Return the point spread function of a place on the detector."""
    settings = {'pixel_scale': band.pixel_scale, 'filter': band.filter}
    if n_positions == 1:
        psf = PSF.read(path, **settings)
    elif not position:
        msg = f'psf_position must be given for {str(path)!r}, which has {n_positions} positions'
        raise ValueError(msg)
    else:
        x, y = position
        chip = int(n_positions in _TWO_CHIPS and y >= _N_ROWS)
        grid = PSFGrid.read(path, detector_id=chip + 1, **settings)
        psf = grid.at(x, y - chip * _N_ROWS)
    return _bring_to(psf, pixel_scale)


def _bring_to(psf, pixel_scale):
    """
    Return a point spread function that includes the detector's pixel, in pixels of another size.

    Images whose frames were interpolated to another grid are blurred by the pixels of the
    detector: each of their pixels holds the light at its centre, by its area.
    """
    own, new = (scale.to_value(u.arcsec) for scale in (psf.pixel_scale, pixel_scale))
    if abs(new / own - 1) <= _TOLERANCE:
        return psf
    step = own / psf.oversampling
    data = _resample(psf.data, step, new / psf.oversampling, ())
    return PSF(
        data,
        oversampling=psf.oversampling,
        pixel_scale=pixel_scale,
        filter=psf.filter,
        includes_pixel=True,
    )
