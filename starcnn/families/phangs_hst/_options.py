# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The options of the simulator: galaxies, and what is in them, as LEGUS and PHANGS-HST see them.
"""

from dataclasses import dataclass, field
from numbers import Integral

import astropy.units as u
import numpy as np

from starcnn.mocks._checks import (
    check_not_negative,
    check_numbers,
    check_quantity,
    check_range,
    check_shape,
    check_within,
)

from .spec import CLASSES, CROPS, FILTERS, PIXEL_SCALE, TWINS

__all__ = ['KINDS', 'Options']

# The kinds of class 4, in the order of their concentration indices.
KINDS = ('star', 'cosmic_ray', 'hot_pixel', 'pair', 'group', 'galaxy', 'saturated')

# Parts of class 4; choices of ours. In LEGUS 2 per cent of class 4 are brighter than 18.7 mag,
# where stars saturate; other kinds have such magnitudes, too.
_KIND_SHARES = (0.30, 0.04, 0.03, 0.26, 0.24, 0.12, 0.01)

# About those of LEGUS, s: one orbit and a half for F275W, and half an orbit for each of the others
# (Calzetti et al. 2015, AJ 149, 51, Section 4). PHANGS-HST (Lee et al. 2022, ApJS 258, 10) is
# similar.
_EXPOSURE_TIMES = (2400.0, 1100.0, 950.0, 1100.0, 950.0)


@dataclass(frozen=True, kw_only=True)
class Options:
    """
    What `sample` draws from, and how `simulate` observes.

    Parameters
    ----------
    filters : tuple of str
        The filters in the order of the family: F435W may stand for F438W, and
        F606W for F555W.

    instruments : tuple of str
        The camera of each filter, 'WFC3/UVIS' or 'ACS/WFC'.

    pixel_scale : `~astropy.units.Quantity`
        The size of a pixel.

    shape : tuple of int
        The shape (ny, nx) of the stamps.

    exposure_times : tuple of float
        The exposure time in each filter, s.

    psfs : tuple of str
        The file of the point spread function in each filter, see
        `starcnn.images.PSF.read`; empty for the packaged models.

    classes : tuple of str
        The classes that are drawn.

    shares : tuple of float
        How often each of them is drawn, in any unit.

    kind_shares : tuple of float
        How often each kind of class 4 is drawn, in any unit: stars, residue of
        cosmic rays, hot pixels, pairs, chance groups, galaxies, saturated stars.

    galaxies : tuple of int
        The first galaxy, and the number of them. A number stands for the same
        distance, dust, surface brightness and blur in every call with the same
        ranges; stars and sources are new.

    stamps_per_galaxy : int
        About how many stamps of a call are from one galaxy. Fewer take longer.

    distance : `~astropy.units.Quantity` with shape (2,)
        The range of the distances of galaxies.

    surface_brightness : tuple of float
        The range of the mean surface brightness of galaxies in F555W without
        dust, mag/arcsec2 (Vega).

    field_a_v : tuple of float
        The range of the mean extinction in galaxies, mag.

    blur : tuple of float
        The range of the standard deviation of a Gaussian that blurs the images
        of a galaxy besides the point spread function, pixels: focus, jitter,
        and the interpolation of drizzled mosaics.

    z : float
        The mass fraction of metals.

    r_v : float
        The ratio of total to selective extinction.

    law, imf : str
        The extinction law and the initial mass function; see
        `starcnn.sky.ClusterSynthesis`.

    Raises
    ------
    ValueError
        If an option is out of its range, or has not one entry per filter.

    `~astropy.units.UnitsError`
        If a quantity has no unit, or a wrong one.
    """

    filters: tuple[str, ...] = FILTERS
    instruments: tuple[str, ...] = ('WFC3/UVIS',) * len(FILTERS)
    pixel_scale: u.Quantity = field(default_factory=lambda: PIXEL_SCALE * u.arcsec)
    shape: tuple[int, int] = (CROPS[1], CROPS[1])
    exposure_times: tuple[float, ...] = _EXPOSURE_TIMES
    psfs: tuple[str, ...] = ()
    classes: tuple[str, ...] = CLASSES
    shares: tuple[float, ...] = (1.0,) * len(CLASSES)
    kind_shares: tuple[float, ...] = _KIND_SHARES
    galaxies: tuple[int, int] = (0, 100)
    stamps_per_galaxy: int = 128
    distance: u.Quantity = field(default_factory=lambda: (3.0, 20.0) * u.Mpc)
    surface_brightness: tuple[float, float] = (20.5, 24.0)
    field_a_v: tuple[float, float] = (0.05, 0.8)
    blur: tuple[float, float] = (0.5, 0.75)
    z: float = 0.012
    r_v: float = 3.1
    law: str = 'CCM89'
    imf: str = 'kroupa2001'

    def __post_init__(self):
        self._check_filters()
        check_shape(self.shape)
        self._check_shares()
        self._check_galaxies()
        check_quantity('pixel_scale', self.pixel_scale, u.arcsec)
        for name in ('surface_brightness', 'field_a_v', 'blur'):
            check_range(name, getattr(self, name), positive=name != 'blur')
        check_within('blur', self.blur, 0, np.inf)
        check_not_negative('z', self.z)

    def _check_filters(self):
        """Raise unless the filters are those of the family, with one entry each."""
        names = tuple(TWINS.get(name, name) for name in self.filters)
        if names != FILTERS:
            msg = f'filters must be {FILTERS} in order, or {TWINS} for them, got {self.filters}'
            raise ValueError(msg)
        check_numbers('exposure_times', self.exposure_times, least=0)
        for name in ('instruments', 'exposure_times', 'psfs'):
            n = len(getattr(self, name))
            if n != len(FILTERS) and (n or name != 'psfs'):
                msg = f'{name} must have one entry per filter ({len(FILTERS)}), got {n}'
                raise ValueError(msg)

    def _check_shares(self):
        """Raise unless classes are known, and shares are numbers of which one is positive."""
        unknown = sorted(set(self.classes) - set(CLASSES))
        if unknown or not self.classes or len(set(self.classes)) != len(self.classes):
            msg = f'classes must be different ones of {list(CLASSES)}, got {self.classes!r}'
            raise ValueError(msg)
        for name, n in (('shares', len(self.classes)), ('kind_shares', len(KINDS))):
            values = getattr(self, name)
            check_numbers(name, values)
            if len(values) != n or min(values) < 0 or not 0 < sum(values) < np.inf:
                msg = f'{name} must be {n} numbers from 0, one of them positive, got {values!r}'
                raise ValueError(msg)

    def _check_galaxies(self):
        """Raise unless galaxies are whole numbers, and distances increase."""
        numbers = (*self.galaxies, self.stamps_per_galaxy)
        is_whole = all(isinstance(n, Integral) for n in numbers)
        if len(self.galaxies) != 2 or not is_whole or self.galaxies[0] < 0 or self.galaxies[1] < 1:  # noqa: PLR2004
            msg = f'galaxies must be a first number and how many, got {self.galaxies!r}'
            raise ValueError(msg)
        if self.stamps_per_galaxy < 1:
            msg = f'stamps_per_galaxy must be positive, got {self.stamps_per_galaxy!r}'
            raise ValueError(msg)
        distance = self.distance
        if not isinstance(distance, u.Quantity) or not distance.unit.is_equivalent(u.Mpc):
            msg = f'distance must be a Quantity that converts to Mpc, got {distance!r}'
            raise u.UnitsError(msg)
        if distance.shape != (2,) or not 0 < distance[0] <= distance[1] < np.inf * u.Mpc:
            msg = f'distance must be two positive values that increase, got {distance}'
            raise ValueError(msg)
