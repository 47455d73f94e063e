# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A real frame of M31 as background: its F475W image, and what its stars are like in other filters.
"""

import hashlib
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable
from astropy.wcs import WCS

from starcnn.exceptions import DataFileError
from starcnn.images import (
    MosaicBackgrounds,
    StarColours,
    extract_cutouts,
    make_semi_real,
    mask_bright_stars,
    measure_completeness,
    measure_stars,
)
from starcnn.mocks import get_setup

from .simulator import Options
from .spec import SHAPE

__all__ = ['REAL_FILTER', 'cut_cluster', 'draw_patches', 'find_stdpsfs', 'make_mosaics']

# The frame, of brick 9 of the survey, and the catalogue of clusters of Johnson et al. 2015,
# ApJ 802, 127, in the user's folder of data.
_FRAME = 'images/m31_phat_b09_f475w.fits'
_CLUSTERS = 'catalogs/phat_johnson2015_clusters.fits'
_STDPSFS = ('psf/STDPSF_WFC3UV_F336W*', 'psf/STDPSF_ACSWFC_F475W*', 'psf/STDPSF_ACSWFC_F814W*')
REAL_FILTER = 'F475W'

# The Vega magnitude of one count of the frame, to 0.1 mag.
_ZERO_POINT = 38.31 * u.mag

# Exposures in each filter, see ``_options.py``.
_N_EXPOSURES = (2, 5, 4)

# What is not background: stars brighter than that, and clusters.
_BRIGHT = 21.5 * u.mag
_RADIUS = 1.5 * u.arcsec

# Magnitudes at which the completeness of stars is measured.
_EDGES = np.arange(23, 28.6, 0.5) * u.mag

# No pixel of this part is in the others, from which a network may have been trained.
_PART = 'test'

_SEED = 20_190_105
_N_SYMMETRIES = 8  # of a square
_MANY = 1000  # more than the blocks of a row


def _find(data, name):
    """Return the path of a file in the folder of data."""
    path = None if data is None else Path(data) / name
    if path is None or not path.is_file():
        msg = f'data must be a folder with {name!r}, got {None if data is None else str(data)!r}'
        raise DataFileError(msg)
    return path


def find_stdpsfs(data):
    """
    Return the STDPSF files of the filters in the folder of data, or none if not all are there.
    """
    if data is None:
        return ()
    found = [sorted(Path(data).glob(f'{name}.fits')) for name in _STDPSFS]
    return tuple(str(paths[0]) for paths in found) if all(found) else ()


def _read_frame(data, band):
    """Return the frame in electron/s, with its WCS."""
    with fits.open(_find(data, _FRAME)) as hdus:
        rate = hdus[0].data * np.float32(band.count_rate(_ZERO_POINT).value)
        return CCDData(rate, unit=u.electron / u.s, wcs=WCS(hdus[0].header))


def _read_clusters(data):
    """Return the identifiers and positions of catalogued clusters."""
    table = QTable.read(_find(data, _CLUSTERS))
    ra, dec = (u.Quantity(table[name], u.deg) for name in ('RAdeg', 'DEdeg'))
    return np.asarray(table['APID']), SkyCoord(ra, dec)


def make_mosaics(data, folder):
    """
    Make the mosaics of all filters, or find those that were made before.

    Parameters
    ----------
    data : `~pathlib.Path` or `None`
        The folder of data with the frame and the catalogue of clusters.

    folder : `~pathlib.Path`
        Where mosaics are kept.

    Returns
    -------
    path : `~pathlib.Path`
        The folder with a FITS file for each filter and the positions of
        clusters. F475W is real, the others semi-real.

    Raises
    ------
    DataFileError
        If a file is missing.
    """
    options = Options()
    frame, (_, clusters) = _find(data, _FRAME), _read_clusters(data)
    key = f'{version("starcnn")} {options!r} {_N_EXPOSURES}'.encode() + frame.read_bytes()
    path = Path(folder) / f'frame-{hashlib.sha256(key).hexdigest()[:16]}'
    done = path / 'clusters.ecsv'  # which is written last
    if not done.exists():
        path.mkdir(parents=True, exist_ok=True)
        for name, mosaic in _make_semi_real(data, options).items():
            mosaic.write(path / f'{name}.fits', overwrite=True)
        QTable({'ra': clusters.ra, 'dec': clusters.dec}).write(done)
    return path


def _make_semi_real(data, options):
    """Return the mosaics of all filters."""
    setup = get_setup(options)
    bands = [
        replace(band, n_exposures=n) for band, n in zip(setup.bands, _N_EXPOSURES, strict=True)
    ]
    k = options.filters.index(REAL_FILTER)
    real = {'band': bands[k], 'psf': setup.psfs[k]}
    mosaic = mask_bright_stars(_read_frame(data, bands[k]), brighter_than=_BRIGHT, **real)
    return make_semi_real(
        mosaic,
        measure_stars(mosaic, **real),
        completeness=measure_completeness(mosaic, _EDGES, **real, rng=_SEED),
        bands=bands,
        psfs=setup.psfs,
        colours=StarColours.phat(),
        rng=_SEED,
    )


@lru_cache(2)
def _read_backgrounds(path, filters):
    """Return what draws patches of the mosaics."""
    positions = QTable.read(path / 'clusters.ecsv')
    return MosaicBackgrounds(
        {name: CCDData.read(path / f'{name}.fits') for name in filters},
        avoid=SkyCoord(positions['ra'], positions['dec']),
        radius=_RADIUS,
    )


def draw_patches(path, n, shape, rng):
    """
    Draw patches of the test part of the mosaics, turned and mirrored.

    Parameters
    ----------
    path : `~pathlib.Path`
        What `make_mosaics` returned.

    n : int
        The number of patches.

    shape : tuple of int
        The shape (ny, nx) of a patch, whose sides are equal.

    rng : `~numpy.random.Generator`
        The random numbers.

    Returns
    -------
    patches : `~numpy.ndarray` with shape (n, n_filter, ny, nx)
        The patches, electron/s.

    groups : `~numpy.ndarray` with shape (n,)
        A number for the block of the mosaic in which each is.
    """
    backgrounds = _read_backgrounds(path, Options().filters)
    patches, places = backgrounds._draw(n, shape, rng, _PART)
    for k, symmetry in enumerate(rng.integers(_N_SYMMETRIES, size=n)):
        patch = np.rot90(patches[k], symmetry, axes=(1, 2))
        patches[k] = patch[:, :, ::-1] if symmetry >= _N_SYMMETRIES // 2 else patch
    rows, columns = (places // backgrounds._block).T
    return patches, rows + columns / _MANY


def cut_cluster(data, number):
    """
    Return the real image of a catalogued cluster, which has one filter.

    Parameters
    ----------
    data : `~pathlib.Path` or `None`
        The folder of data with the frame and the catalogue of clusters.

    number : int
        The number of the cluster in the catalogue.

    Returns
    -------
    cutouts : `~astropy.nddata.NDData` with shape (1, 1, ny, nx)
        The image.

    Raises
    ------
    DataFileError
        If a file is missing.
    """
    setup = get_setup(Options())
    band = setup.bands[Options().filters.index(REAL_FILTER)]
    numbers, positions = _read_clusters(data)
    mosaic = _read_frame(data, band)
    return extract_cutouts({REAL_FILTER: mosaic}, positions[numbers == number], shape=SHAPE)
