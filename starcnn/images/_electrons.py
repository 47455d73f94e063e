# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Pixel values of images in any unit as electrons per second.
"""

import astropy.units as u
import numpy as np

RATE = u.electron / u.s


def to_electrons(values, data, band, name, unit):
    """
    Return pixel values of the images in one filter in the unit of a network.

    ``values`` are in the unit of ``data``; ``band`` may be `None` if no
    conversion needs it.
    """
    if data.unit.is_equivalent(unit) and not isinstance(data.unit, u.MagUnit):
        return np.asarray(values) * data.unit.to(unit)
    if not unit.is_equivalent(RATE):
        msg = f'data must have a unit that converts to {unit}, got {data.unit}'
        raise u.UnitsError(msg)
    if band is None:
        msg = f'bands must have {name} to convert {data.unit} to {unit}, got none'
        raise ValueError(msg)
    return _rate(np.asarray(values, float), data, band) * RATE.to(unit)


def _rate(values, data, band):
    """Return pixel values in electron/s."""
    unit = data.unit
    if unit == u.mag:
        system = data.meta.get('magnitude_system')
        if system not in ('AB', 'Vega'):
            msg = (
                "data must say in meta['magnitude_system'] whether magnitudes are 'AB' or "
                f"'Vega', got {system!r}"
            )
            raise ValueError(msg)
        return band.count_rate(values * u.mag, system=system).to_value(RATE)
    if isinstance(unit, u.MagUnit):
        values, unit = unit.to_physical(values), unit.physical_unit
    if unit.is_equivalent(u.electron):
        return values * unit.to(u.electron) / band.exposure_time.to_value(u.s)
    if unit.is_equivalent(u.adu) or unit.is_equivalent(u.adu / u.s):
        rate = values * unit * band.gain
        rate = rate if rate.unit.is_equivalent(RATE) else rate / band.exposure_time
        return rate.to_value(RATE)
    if unit.is_equivalent(u.Jy / u.sr):
        scale = u.Quantity(data.meta['pixel_scale'])
        values, unit = (values * unit * scale**2).to_value(u.Jy), u.Jy
    if unit.is_equivalent(u.Jy):
        # AB magnitude 0 is 3631 Jy (Oke & Gunn 1983, ApJ 266, 713), which is astropy's unit AB.
        return values * unit.to(u.AB) * band.count_rate(0 * u.mag, system='AB').to_value(RATE)
    msg = f'data must have a unit that converts to electron/s, got {unit}'
    raise u.UnitsError(msg)
