# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What the cameras of Hubble make of magnitudes: zero points, pixels, noise and sky.
"""

from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np

from starcnn.sky._units import strip_unit

__all__ = ['Band', 'get_band', 'list_bands']

_RATE = u.electron / u.s

# By filter: the zero points in Vega and AB magnitudes, and the average sky, electron/s/pixel.
#
# Where the zero points come from is told by `get_band`.
#
# The sky is zodiacal light of V = 22.7 mag/arcsec2, the average of the handbooks of both
# cameras (WFC3 Instrument Handbook, Section 9.7), with the spectrum of the Sun.
_ACS_WFC = {
    'F435W': (25.789, 25.673, 0.0230),
    'F475W': (26.175, 26.068, 0.0425),
    'F555W': (25.729, 25.718, 0.0392),
    'F606W': (26.401, 26.486, 0.0887),
    'F814W': (25.504, 25.937, 0.0642),
}
_WFC3_UVIS = {
    'F275W': (22.664, 24.144, 0.0002),
    'F336W': (23.481, 24.644, 0.0018),
    'F438W': (24.994, 24.829, 0.0070),
    'F475W': (25.795, 25.689, 0.0195),
    'F555W': (25.813, 25.784, 0.0261),
    'F606W': (25.994, 26.077, 0.0387),
    'F814W': (24.659, 25.087, 0.0188),
}

# By instrument: the filters, the mean size of a pixel (arcsec), the gain (electron/DN) and
# the read-out noise (electron) of one exposure.
# ACS/WFC: ACS Instrument Handbook, Section 3.5 (0.05 arcsec before, 0.0495 arcsec after the
# correction of distortion; noise 3.75 to 5.65 electrons by amplifier and gain; 4.2 is the mean
# at gain 2 since 2009, Section 4.3).
# WFC3/UVIS: Dressel 2012, WFC3 Instrument Handbook for Cycle 21, Section 5 (0.0395 arcsec
# nominally, 0.0396 in calibrated mosaics; gain 1.55; noise 3.1 electrons).
_INSTRUMENTS = {
    'ACS/WFC': (_ACS_WFC, 0.0495, 2.0, 4.2),
    'WFC3/UVIS': (_WFC3_UVIS, 0.0396, 1.55, 3.1),
}

# Typical of surveys of nearby galaxies, about half an orbit in each filter; not a property of
# the camera: set it to that of the frames.
_EXPOSURE_TIME = 1000.0  # s
_N_EXPOSURES = 2

_SYSTEMS = ('Vega', 'AB')

_UNITS = {
    'pixel_scale': u.arcsec,
    'zero_point_vega': u.mag,
    'zero_point_ab': u.mag,
    'exposure_time': u.s,
    'gain': u.electron / u.adu,
    'read_noise': u.electron,
    'sky': _RATE,
}


@dataclass(frozen=True, kw_only=True)
class Band:
    """
    A filter of a camera.

    Parameters
    ----------
    filter, instrument : str
        The names, such as 'F438W' and 'WFC3/UVIS'.

    pixel_scale : `~astropy.units.Quantity`
        The size of a detector pixel on the sky.

    zero_point_vega, zero_point_ab : `~astropy.units.Quantity`
        The magnitudes of a star that gives 1 electron/s.

    exposure_time : `~astropy.units.Quantity`
        The time of all exposures together.

    gain : `~astropy.units.Quantity`
        Electrons per data number.

    read_noise : `~astropy.units.Quantity`
        The standard deviation of the read-out noise of one exposure, electron.

    n_exposures : int
        The number of exposures, each of which is read out.

    sky : `~astropy.units.Quantity`
        The dark sky in each pixel of that size, electron/s.

    Raises
    ------
    TypeError, astropy.units.UnitsError
        If a value has no unit or a wrong one.

    ValueError
        If a value is not positive; the sky and the noise may be zero.
    """

    filter: str
    instrument: str
    pixel_scale: u.Quantity
    zero_point_vega: u.Quantity
    zero_point_ab: u.Quantity
    exposure_time: u.Quantity
    gain: u.Quantity
    read_noise: u.Quantity
    n_exposures: int
    sky: u.Quantity

    def __post_init__(self):
        for name, unit in _UNITS.items():
            value = strip_unit(getattr(self, name), unit, name)
            may_be_zero = name in ('read_noise', 'sky')
            if not np.isfinite(value) or value < 0 or (value == 0 and not may_be_zero):
                kind = 'zero or positive' if may_be_zero else 'positive'
                msg = f'{name} must be {kind}, got {getattr(self, name)}'
                raise ValueError(msg)
        if isinstance(self.n_exposures, bool) or not isinstance(self.n_exposures, int | np.integer):
            msg = f'n_exposures must be a whole number, got {self.n_exposures!r}'
            raise TypeError(msg)
        if self.n_exposures < 1:
            msg = f'n_exposures must be positive, got {self.n_exposures}'
            raise ValueError(msg)

    def count_rate(self, magnitude, *, system='Vega'):
        """
        Return the electrons per second that stars give.

        Parameters
        ----------
        magnitude : `~astropy.units.Quantity`
            The apparent magnitudes.

        system : {'Vega', 'AB'}, optional
            What the magnitudes are relative to.

        Returns
        -------
        count_rate : `~astropy.units.Quantity`
            The rates in an infinite aperture, electron/s.

        Raises
        ------
        ValueError
            If the system is neither.

        Examples
        --------
        >>> import astropy.units as u
        >>> from starcnn.images import get_band
        >>> get_band('WFC3/UVIS', 'F814W').count_rate(24.659 * u.mag)
        <Quantity 1. electron / s>
        """
        magnitude = strip_unit(magnitude, u.mag, 'magnitude')
        return 10 ** (0.4 * (self._zero_point(system) - magnitude)) * _RATE

    def magnitude(self, count_rate, *, system='Vega'):
        """
        Return the magnitudes of stars that give some electrons per second.

        Parameters
        ----------
        count_rate : `~astropy.units.Quantity`
            The rates in an infinite aperture.

        system : {'Vega', 'AB'}, optional
            What the magnitudes are relative to.

        Returns
        -------
        magnitude : `~astropy.units.Quantity`
            The apparent magnitudes, NaN for rates that are not positive.

        Raises
        ------
        ValueError
            If the system is neither.
        """
        rate = strip_unit(count_rate, _RATE, 'count_rate')
        rate = np.where(rate > 0, rate, np.nan)
        return (self._zero_point(system) - 2.5 * np.log10(rate)) * u.mag

    def _zero_point(self, system):
        """Return the magnitude of 1 electron/s as a number."""
        if system not in _SYSTEMS:
            msg = f'system must be one of {list(_SYSTEMS)}, got {system!r}'
            raise ValueError(msg)
        return getattr(self, f'zero_point_{system.lower()}').to_value(u.mag)


def list_bands():
    """
    Return the cameras and filters that are known.

    Returns
    -------
    bands : tuple of tuple of str
        Pairs of instrument and filter.
    """
    return tuple((name, band) for name, (bands, *_) in _INSTRUMENTS.items() for band in bands)


def get_band(instrument, filter, **changes):  # noqa: A002
    """
    Return a filter of a camera of Hubble.

    Parameters
    ----------
    instrument : {'ACS/WFC', 'WFC3/UVIS'}
        The camera.

    filter : str
        The filter, such as 'F438W'.

    **changes
        Fields of `Band` that differ from those of the camera, such as
        ``exposure_time``: the default of 1000 s in two exposures is only typical.

    Returns
    -------
    band : `Band`
        The filter.

    Raises
    ------
    TypeError
        If there is no such field.

    ValueError
        If there is no such camera or filter.

    Notes
    -----
    The zero points are the magnitudes of a star that gives 1 electron/s in an infinite
    aperture: integrals over the total throughputs, for a collecting area of
    45,238.93 cm2 (the value of stsynphot), of the Vega spectrum alpha_lyr_stis_011
    (Bohlin 2014, AJ 147, 127) and of 3631 Jy. Those of STScI differ by up to 0.04 mag,
    and change with the years: the cameras lose about 0.1 to 0.2 per cent of their
    sensitivity a year (Bohlin 2016, ACS ISR 2016-03; Calamida et al. 2022, AJ 164,
    32). The header of a frame knows best: give its zero point as ``zero_point_vega``
    or ``zero_point_ab``.

    Examples
    --------
    >>> import astropy.units as u
    >>> from starcnn.images import get_band
    >>> band = get_band('WFC3/UVIS', 'F438W', exposure_time=1.5 * u.hour)
    >>> band.zero_point_vega
    <Quantity 24.994 mag>
    """
    if instrument not in _INSTRUMENTS:
        msg = f'instrument must be one of {list(_INSTRUMENTS)}, got {instrument!r}'
        raise ValueError(msg)
    bands, pixel_scale, gain, read_noise = _INSTRUMENTS[instrument]
    if filter not in bands:
        msg = f'filter must be one of {list(bands)} for {instrument}, got {filter!r}'
        raise ValueError(msg)
    if unknown := set(changes) - set(Band.__dataclass_fields__):
        msg = f'changes must be fields of Band, got {sorted(unknown)}'
        raise TypeError(msg)
    vega, ab, sky = bands[filter]
    band = Band(
        filter=filter,
        instrument=instrument,
        pixel_scale=pixel_scale * u.arcsec,
        zero_point_vega=vega * u.mag,
        zero_point_ab=ab * u.mag,
        exposure_time=_EXPOSURE_TIME * u.s,
        gain=gain * u.electron / u.adu,
        read_noise=read_noise * u.electron,
        n_exposures=_N_EXPOSURES,
        sky=sky * _RATE,
    )
    return replace(band, **changes)
