# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
All that simulators need for one set of options: stars, bands, PSFs, renderer, backgrounds.
"""

from functools import cached_property, lru_cache
from pathlib import Path

import astropy.units as u
import numpy as np

from starcnn.files import read_files
from starcnn.images import PSF, GalaxyField, StarRenderer, get_band
from starcnn.mocks._backgrounds import choose_source
from starcnn.mocks._checks import check_choice, check_within
from starcnn.mocks._psfs import read_psfs
from starcnn.plugins._manager import open_file
from starcnn.sky import ClusterSynthesis, Isochrones, Photometry, get_imf
from starcnn.sky._parsec import _HELIUM, _SOLAR_Z_X, metallicity

__all__ = ['Setup', 'get_setup']

# The packaged tables.
_ISOCHRONES = 'parsec-v12s-1.0.0'
_PHOTOMETRY = {'ACS/WFC': 'hst-acs-wfc-1.0.0', 'WFC3/UVIS': 'hst-wfc3-uvis-1.0.0'}

_N_SETUPS = 4  # that are kept

_ROUNDING = 1e-6  # of limits of the tables


@lru_cache(8)
def _read_tables(instruments):
    """Return the isochrones and the photometry of instruments."""
    tables = {file.tag: file for file in read_files('starcnn.sky', 'data')}
    photometry = {
        name: Photometry.read(open_file(tables[_PHOTOMETRY[name]])) for name in instruments
    }
    return Isochrones.read(open_file(tables[_ISOCHRONES])), photometry


def _check_limits(options, isochrones, photometry):
    """Raise unless the stars that options ask for are in the tables."""
    why = ', as the isochrones have it'
    low, high = isochrones.log_ages[[0, -1]]
    check_within('log_age', options.log_age, low - _ROUNDING, high + _ROUNDING, why)
    low, high = _metals(isochrones.m_h[[0, -1]])
    check_within('z', options.z, low * (1 - _ROUNDING), high * (1 + _ROUNDING), why)
    if options.field_z and options.has_fields:
        check_within('field_z', options.field_z, low * (1 - _ROUNDING), high * (1 + _ROUNDING), why)
    why = ', as the tables of extinctions have it'
    check_within('a_v', options.a_v, 0, photometry.a_v_max.to_value(u.mag) + _ROUNDING, why)
    check_within('r_v', options.r_v, *photometry.r_v_range, why)
    check_choice('law', options.law, photometry.laws)


def _metals(m_h):
    """Return the mass fractions of metals of [M/H], the inverse of `metallicity`."""
    ratio = _SOLAR_Z_X * 10**m_h  # Z / X
    return (1 - _HELIUM[0]) * ratio / (1 + (1 + _HELIUM[1]) * ratio)


class Setup:
    """
    What does not change from mock to mock.

    Parameters
    ----------
    options : `ClusterOptions`
        The options.

    Raises
    ------
    ValueError
        If there are no tables for an instrument, or an option is beyond them.
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
        _check_limits(options, isochrones, self.photometry)
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
        self.magnitude_limits = np.array(
            options.magnitude_limits or (np.inf,) * len(options.filters)
        )

    @cached_property
    def psfs(self):
        """
        The PSF in each filter.
        """
        options = self.options
        if options.psfs:
            return read_psfs(options.psfs, self.bands, options.pixel_scale, options.psf_position)
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
            m_h=float(metallicity(self.options.field_z or self.options.z)),
            decline=self.options.field_decline,
            density=self.options.density * u.arcsec**-2,
            imf=get_imf(self.options.imf),
            law=self.options.law,
            r_v=self.options.r_v,
        )

    @cached_property
    def backgrounds(self):
        """
        Where backgrounds come from; its ``kind`` says it in a word.
        """
        return choose_source(self.options, self.field if self.options.has_fields else None)

    @cached_property
    def aperture(self):
        """
        The pixels in which the scatter of the background is measured, (ny, nx).
        """
        return self.distances() <= self.options.background_radius

    def distances(self, x=0.0, y=0.0):
        """
        Return the distances of the pixels from a place near the centre, in pixels, (ny, nx).
        """
        rows, columns = (np.arange(n) - (n - 1) / 2 for n in self.options.shape)
        return np.hypot(rows[:, np.newaxis] - y, columns - x)

    def draw_backgrounds(self, n, rng):
        """
        Return backgrounds (n, n_filter, ny, nx), electron/s, and the stars per arcsec2 of each.
        """
        return self.backgrounds.draw(n, rng)


def get_setup(options):
    """
    Return the setup of options, kept from the last calls unless a file has changed since.

    Parameters
    ----------
    options : `ClusterOptions`
        The options.

    Returns
    -------
    setup : `Setup`
        The setup.
    """
    key, versions = repr(options), _file_versions(options)
    if key in _SETUPS and _SETUPS[key][0] != versions:
        del _SETUPS[key]
    if key not in _SETUPS:
        while len(_SETUPS) >= _N_SETUPS:
            _SETUPS.pop(next(iter(_SETUPS)))
        _SETUPS[key] = versions, Setup(options)
    return _SETUPS[key][1]


def _file_versions(options):
    """Return when the files of options were written, and how large they are."""
    paths = map(Path, filter(None, (*options.psfs, *options.mosaics, options.avoid)))
    # whoever reads a file that is not there says so
    found = [path.stat() if path.exists() else None for path in paths]
    return [stat and (stat.st_mtime_ns, stat.st_size) for stat in found]


_SETUPS = {}  # versions of files and setup, by options
