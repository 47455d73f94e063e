# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What headers of FITS images say of their pixels: filter, unit and size.
"""

import re
import warnings

import astropy.units as u

# How the pipelines of Hubble and others spell units that astropy does not know; without case.
_UNITS = {
    'electrons/s': u.electron / u.s,
    'electron/s': u.electron / u.s,
    'electrons/sec': u.electron / u.s,
    'e/s': u.electron / u.s,
    'e-/s': u.electron / u.s,
    'electrons': u.electron,
    'electron': u.electron,
    'e-': u.electron,
    'counts/s': u.adu / u.s,
    'counts/sec': u.adu / u.s,
    'dn/s': u.adu / u.s,
    'counts': u.adu,
    'dn': u.adu,
}

# The filters of a wheel that is open (ACS has two wheels: ACS Data Handbook, Section 2.4).
_OPEN = re.compile(r'CLEAR|N/A|^$', re.IGNORECASE)

SCALE, SCALE_UNIT = 'PIXSCALE', 'PIXUNIT'


def parse_unit(text):
    """Return the unit that a header or a user names, or raise ValueError."""
    if isinstance(text, u.UnitBase):
        return text
    known = _UNITS.get(str(text).strip().lower())
    return u.Unit(str(text).strip()) if known is None else known


def read_filter(header):
    """Return the filter of an image, or `None` if its header does not name one."""
    if 'FILTER' in header:
        return str(header['FILTER']).strip() or None
    names = [str(header[key]).strip() for key in ('FILTER1', 'FILTER2') if key in header]
    names = [name for name in names if not _OPEN.search(name)]
    return names[0] if len(names) == 1 else None


def read_scale(header):
    """Return the size of the pixels of an image, or `None` if its header does not say."""
    if SCALE in header:
        return header[SCALE] * u.Unit(header.get(SCALE_UNIT, 'arcsec'))
    wcs = read_wcs(header)
    if wcs is None:
        return None
    return (wcs.proj_plane_pixel_area() ** 0.5).to(u.arcsec)


def read_wcs(header):
    """Return the coordinates of an image on the sky, or `None` if it has none."""
    from astropy.wcs import WCS, FITSFixedWarning

    if not str(header.get('CTYPE1', '')).startswith(('RA', 'DEC', 'GLON', 'GLAT')):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', FITSFixedWarning)  # dates
        return WCS(header, naxis=2).celestial
