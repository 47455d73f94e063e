# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
All that the simulator needs for one set of options: stars, bands, PSFs, renderer, backgrounds.
"""

from functools import cached_property, lru_cache
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData

from starcnn.files import read_files
from starcnn.images import PSF, GalaxyField, MosaicBackgrounds, StarRenderer, get_band
from starcnn.plugins._manager import open_file
from starcnn.sky import ClusterSynthesis, Isochrones, Photometry, get_imf
from starcnn.sky._parsec import metallicity

from .spec import BACKGROUND_RADIUS

# The packaged tables.
_ISOCHRONES = 'parsec-v12s-1.0.0'
_PHOTOMETRY = {'ACS/WFC': 'hst-acs-wfc-1.0.0', 'WFC3/UVIS': 'hst-wfc3-uvis-1.0.0'}

# Frames of simulated fields, in pixels: large enough to hold many cutouts.
_FRAME = 512

# The stars of a cluster that are rendered one by one, at least; the rest share one flux, at no
# more than so many places.
N_BRIGHT = 3000
N_FAINT = 10_000


@lru_cache(8)
def _read_tables(instruments):
    """Return the isochrones and the photometry of instruments."""
    tables = {file.tag: file for file in read_files('starcnn.sky', 'data')}
    photometry = {
        name: Photometry.read(open_file(tables[_PHOTOMETRY[name]])) for name in instruments
    }
    return Isochrones.read(open_file(tables[_ISOCHRONES])), photometry


class Setup:
    """
    What does not change from mock to mock.

    Parameters
    ----------
    options : `Options`
        The options.
    """

    def __init__(self, options):
        self.options = options
        unknown = set(options.instruments) - set(_PHOTOMETRY)
        if unknown:
            msg = f'instruments must be among {list(_PHOTOMETRY)}, got {sorted(unknown)}'
            raise ValueError(msg)
        pairs = list(zip(options.instruments, options.filters, strict=True))
        isochrones, tables = _read_tables(tuple(sorted(set(options.instruments))))
        self.photometry = Photometry.combine(
            [tables[instrument].select([name]) for instrument, name in pairs]
        )
        self.isochrones = isochrones.with_photometry(self.photometry)
        self.synthesis = ClusterSynthesis(
            isochrones=self.isochrones,
            photometry=self.photometry,
            law=options.law,
            imf=options.imf,
            method=options.sampling,
        )
        self.bands = tuple(
            get_band(instrument, name, exposure_time=time * u.s)
            for (instrument, name), time in zip(pairs, options.exposure_times, strict=True)
        )
        self.m_h = float(metallicity(options.z))
        self.zero_points = np.array([band.zero_point_vega.to_value(u.mag) for band in self.bands])
        self.modulus = float(5 * np.log10(options.distance.to_value(u.pc) / 10))
        self.pixel_scale = float(options.pixel_scale.to_value(u.arcsec))
        self.exposure_times = np.array(options.exposure_times, float)

    @cached_property
    def psfs(self):
        """
        The PSF in each filter.
        """
        options = self.options
        if options.psfs:
            return tuple(PSF.read(Path(path)) for path in options.psfs)
        return tuple(
            PSF.model(instrument, name, pixel_scale=options.pixel_scale)
            for instrument, name in zip(options.instruments, options.filters, strict=True)
        )

    @cached_property
    def renderer(self):
        """
        What draws stars.
        """
        options = self.options
        return StarRenderer(self.psfs, shape=options.shape, pixel_scale=options.pixel_scale)

    @cached_property
    def psf_radii(self):
        """
        The radii that hold half of the light of the PSFs, arcsec.
        """
        radii = np.linspace(0.01, 1.0, 200)  # arcsec
        return np.array(
            [
                np.interp(0.5, psf.encircled_energy(radii * u.arcsec), radii)  # half
                for psf in self.psfs
            ]
        )

    @cached_property
    def field(self):
        """
        What draws simulated fields.
        """
        return GalaxyField(
            self.isochrones,
            self.photometry,
            bands=self.bands,
            psfs=self.psfs,
            pixel_scale=self.options.pixel_scale,
            distance=self.options.distance,
            m_h=self.m_h,
            density=self.options.density * u.arcsec**-2,
            imf=get_imf(self.options.imf),
            law=self.options.law,
            r_v=self.options.r_v,
        )

    @cached_property
    def mosaics(self):
        """
        What cuts backgrounds out of the user's mosaics.
        """
        images = {
            name: _read_mosaic(path)
            for name, path in zip(self.options.filters, self.options.mosaics, strict=True)
        }
        return MosaicBackgrounds(images)

    @cached_property
    def aperture(self):
        """
        The pixels in which the scatter of the background is measured, (ny, nx).
        """
        return self.distances() <= BACKGROUND_RADIUS

    def distances(self, x=0.0, y=0.0):
        """
        Return the distances of the pixels from a place near the centre, in pixels, (ny, nx).
        """
        rows, columns = (np.arange(n) - (n - 1) / 2 for n in self.options.shape)
        return np.hypot(rows[:, np.newaxis] - y, columns - x)

    def draw_backgrounds(self, n, rng, part='training'):
        """
        Return backgrounds (n, n_filter, ny, nx), electron/s, and the stars per arcsec2 of each.
        """
        shape = self.options.shape
        if self.options.mosaics:
            patches, _ = self.mosaics._draw(n, shape, rng, part)
            return patches, np.full(n, np.nan)
        if not n:
            return np.zeros((0, len(self.bands), *shape), np.float32), np.zeros(0)
        tiles, densities = [], []
        per_side = [max(_FRAME // size, 1) for size in shape]
        while len(tiles) < n:
            n_missing = n - len(tiles)
            rows = min(per_side[0], int(np.ceil(np.sqrt(n_missing))))
            columns = min(per_side[1], -(-n_missing // rows))
            frame, density = self.field._draw((rows * shape[0], columns * shape[1]), rng, None)
            parts = frame.reshape(len(frame), rows, shape[0], columns, shape[1])
            parts = parts.transpose(1, 3, 0, 2, 4).reshape(-1, len(frame), *shape)[:n_missing]
            tiles.extend(parts)
            densities += [density] * len(parts)
        return np.stack(tiles), np.array(densities)


def _read_mosaic(path):
    """Return the image in a FITS file, whose header must name the unit."""
    try:
        return CCDData.read(path)
    except ValueError as error:  # of astropy, if there is no unit
        msg = f'mosaics must have their unit in the keyword BUNIT, got {str(path)!r}: {error}'
        raise u.UnitsError(msg) from error


def get_setup(options):
    """
    Return the setup of options, kept from the last calls.
    """
    key = repr(options)
    if key not in _SETUPS:
        while len(_SETUPS) >= _N_SETUPS:
            _SETUPS.pop(next(iter(_SETUPS)))
        _SETUPS[key] = Setup(options)
    return _SETUPS[key]


_SETUPS = {}
_N_SETUPS = 4
