# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The options that all simulators of cluster images have, and their checks.
"""

from dataclasses import dataclass, field
from numbers import Real

import astropy.units as u
import numpy as np

from starcnn.images.backgrounds import PARTS
from starcnn.mocks._checks import (
    GAMMA_MIN,
    check_choice,
    check_fraction,
    check_not_negative,
    check_numbers,
    check_quantity,
    check_range,
    check_shape,
    check_within,
)
from starcnn.sky import CHABRIER2003, KROUPA2001, SALPETER1955

__all__ = ['ClusterOptions']

_RANGES = ('log_age', 'log_mass', 'a_v', 'a', 'gamma', 'r_h', 'density')
_POSITIVE = ('a', 'r_h', 'density')
_PER_FILTER = ('instruments', 'exposure_times')
_PER_FILTER_OR_NONE = ('magnitude_limits', 'psfs', 'mosaics')
_SAMPLING = ('nearest', 'poisson')
_IMFS = tuple(imf.name for imf in (CHABRIER2003, KROUPA2001, SALPETER1955))
_Z_MAX = 0.1  # above all isochrones

# Stars per arcsec2: more than the 625 pixels of 0.04 arcsec, so that none could be told apart.
_DENSITY_MAX = 1000.0

# Pixels, arcsec: smaller than those of all cameras of HST, and as large as point spread functions.
_PIXEL_SCALES = (0.005, 1.0)


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """
    What the parameters of clusters are drawn from, and how clusters are observed.

    A family makes a subclass of it, with defaults for the fields that have none
    here.

    Parameters
    ----------
    filters, instruments : tuple of str
        The filters in order, and the instrument of each ('WFC3/UVIS' or
        'ACS/WFC').

    pixel_scale : `~astropy.units.Quantity`
        The angle on the sky of one pixel, from 0.005 to 1 arcsec.

    shape : tuple of int
        The shape (ny, nx) of the images.

    exposure_times : tuple of float
        The exposure time in each filter, s.

    psfs : tuple of str
        The file of the point spread function in each filter, see
        `starcnn.images.PSF.read`; empty for the packaged models. STDPSF files
        are brought to the pixels of the images.

    psf_position : tuple of float
        For STDPSF files of several positions, where on the detector: x and y in
        pixels, the chips of ACS/WFC and WFC3/UVIS one above the other (y from
        0 to 4096). Empty without such files.

    distance : `~astropy.units.Quantity`
        The distance.

    z : float
        The mass fraction of metals. Isochrones are interpolated in [M/H].

    log_age, log_mass, a_v : tuple of float
        The ranges of log age in yr, log mass in solMass, and A_V in mag, which
        are drawn evenly.

    log_age_step, a_v_step : float
        The steps of log age and A_V; 0 for continuous values.

    r_v : float
        The ratio of total to selective extinction.

    law, imf, sampling : str
        The extinction law, the initial mass function, and how stars add up to a
        mass; see `starcnn.sky.ClusterSynthesis`.

    a, gamma, r_h : tuple of float
        The ranges of the scale radius and exponent of the EFF profile, drawn
        evenly in their logarithms, and of the radius of half of the stars that
        follows; radii in arcsec. See `starcnn.sky.draw_eff`.

    r_h_values : tuple of float
        The values that the radius of half of the stars has instead of its
        range, each as often, arcsec; the exponent is then even in its logarithm
        along the line of equal radii. Empty for the range.

    magnitude_limits : tuple of float
        Clusters fainter than this in any filter are not drawn, Vega mag; empty
        for no limits.

    offset : float
        The centre of the cluster is up to so many pixels from that of the
        image, along each axis; inside of the image.

    background_fraction : float
        The fraction of images without a cluster.

    background_radius : float
        The radius of the circle in the middle of an image in which the scatter
        of the background is measured, pixels; 1 at least.

    calibration_scatter : float
        The relative scatter of the flux scale of the background, drawn for each
        image and filter.

    mosaics : tuple of str
        FITS images, one for each filter and on one grid of pixels, from which
        backgrounds are cut; empty for simulated fields. The keyword BUNIT must
        name a unit that converts to electron/s; BACKGRND says what kind they
        are, which is real without it. What is masked (an extension MASK) is
        left out. See `starcnn.images.MosaicBackgrounds`.

    mosaic_share : float
        The fraction of the backgrounds that are cut from the mosaics, each with
        this chance; the others are simulated fields. Of no effect without
        mosaics.

    part : {'training', 'validation', 'test'}
        The part of the mosaics that backgrounds come from; no pixel is in two
        of them. Simulated fields are new at every draw.

    avoid : str
        A table of objects in the mosaics that are not to be in a background,
        with right ascension and declination (ICRS) in columns ``ra`` and
        ``dec``, or ``RAdeg`` and ``DEdeg``; empty for none.

    avoid_radius : `~astropy.units.Quantity`
        What to avoid around each of them.

    density : tuple of float
        The range of the crowding of simulated fields: stars per square arcsec
        that are detectable in the first filter, up to 1000; see
        `starcnn.images.GalaxyField`.

    field_z : float
        The mass fraction of metals in the stars of simulated fields; 0 for that of
        the clusters.

    field_decline : `~astropy.units.Quantity`
        The time in which star formation in simulated fields has fallen by a
        factor e; infinity for a constant mean.

    Raises
    ------
    ValueError
        If an option is out of its range, or has not one entry per filter.

    `~astropy.units.UnitsError`
        If a quantity has no unit, or a wrong one.
    """

    filters: tuple[str, ...]
    instruments: tuple[str, ...]
    pixel_scale: u.Quantity
    shape: tuple[int, int]
    exposure_times: tuple[float, ...]
    psfs: tuple[str, ...] = ()
    psf_position: tuple[float, ...] = ()
    distance: u.Quantity
    z: float
    log_age: tuple[float, float]
    log_age_step: float = 0.0
    log_mass: tuple[float, float]
    a_v: tuple[float, float]
    a_v_step: float = 0.0
    r_v: float = 3.1
    law: str = 'CCM89'
    imf: str = 'kroupa2001'
    sampling: str = 'nearest'
    a: tuple[float, float]
    gamma: tuple[float, float]
    r_h: tuple[float, float]
    r_h_values: tuple[float, ...] = ()
    magnitude_limits: tuple[float, ...] = ()
    offset: float = 1.0
    background_fraction: float = 0.0
    background_radius: float = 25.0
    calibration_scatter: float = 0.0
    mosaics: tuple[str, ...] = ()
    mosaic_share: float = 1.0
    part: str = 'training'
    avoid: str = ''
    avoid_radius: u.Quantity = field(default_factory=lambda: 1.0 * u.arcsec)
    density: tuple[float, float]
    field_z: float = 0.0
    field_decline: u.Quantity = field(default_factory=lambda: np.inf * u.yr)

    def __post_init__(self):
        for name in _RANGES:
            check_range(name, getattr(self, name), positive=name in _POSITIVE)
        for name in ('background_fraction', 'calibration_scatter', 'mosaic_share'):
            check_fraction(name, getattr(self, name))
        for name in ('log_age_step', 'a_v_step', 'offset'):
            check_not_negative(name, getattr(self, name))
        self._check_filters()
        self._check_files()
        check_shape(self.shape)
        check_numbers('r_h_values', self.r_h_values, least=0)
        self._check_bounds()
        check_choice('sampling', self.sampling, _SAMPLING)
        check_choice('imf', self.imf, _IMFS)
        quantities = {
            'pixel_scale': u.arcsec,
            'distance': u.Mpc,
            'avoid_radius': u.arcsec,
            'field_decline': u.yr,
        }
        for name, unit in quantities.items():
            check_quantity(name, getattr(self, name), unit)
        check_within('pixel_scale', self.pixel_scale.to_value(u.arcsec), *_PIXEL_SCALES, ' arcsec')

    @property
    def has_fields(self):
        """
        Whether some of the backgrounds are simulated fields.
        """
        return not self.mosaics or self.mosaic_share < 1

    def _check_bounds(self):
        """Raise if a number is beyond what it can be."""
        if not isinstance(self.z, Real) or not 0 < self.z < _Z_MAX:
            msg = f'z must be a number between 0 and {_Z_MAX}, got {self.z!r}'
            raise ValueError(msg)
        if not isinstance(self.field_z, Real) or not 0 <= self.field_z < _Z_MAX:
            msg = f'field_z must be 0 or a number up to {_Z_MAX:g}, got {self.field_z!r}'
            raise ValueError(msg)
        if self.gamma[0] <= GAMMA_MIN:
            msg = f'gamma must be above {GAMMA_MIN:g}, got {self.gamma!r}'
            raise ValueError(msg)
        check_within('a_v', self.a_v, 0, np.inf)
        check_within('density', self.density, 0, _DENSITY_MAX, ' per arcsec2')
        check_within('background_radius', self.background_radius, 1, np.inf)
        if not isinstance(self.r_v, Real) or not 0 < self.r_v < np.inf:
            msg = f'r_v must be a positive number, got {self.r_v!r}'
            raise ValueError(msg)
        if self.offset > min(self.shape) / 2:
            msg = f'offset must be inside of images of shape {self.shape}, got {self.offset!r}'
            raise ValueError(msg)

    def _check_filters(self):
        """Raise unless everything has one entry per filter."""
        n = len(self.filters)
        if not n or len(set(self.filters)) != n:
            msg = f'filters must be different, and one at least, got {self.filters!r}'
            raise ValueError(msg)
        check_numbers('magnitude_limits', self.magnitude_limits)
        check_numbers('exposure_times', self.exposure_times, least=0)
        sizes = {name: len(getattr(self, name)) for name in _PER_FILTER}
        sizes |= {name: len(getattr(self, name)) or n for name in _PER_FILTER_OR_NONE}
        for name, size in sizes.items():
            if size != n:
                msg = f'{name} must have one entry per filter ({n}), got {size}'
                raise ValueError(msg)

    def _check_files(self):
        """Raise if an option is for files that are not given."""
        check_choice('part', self.part, PARTS)
        check_numbers('psf_position', self.psf_position)
        if self.psf_position and len(self.psf_position) != 2:
            msg = f'psf_position must be x and y, or empty, got {self.psf_position!r}'
            raise ValueError(msg)
        for name, files in (('psf_position', 'psfs'), ('avoid', 'mosaics')):
            if getattr(self, name) and not getattr(self, files):
                msg = f'{name} must be empty where {files} are, got {getattr(self, name)!r}'
                raise ValueError(msg)
