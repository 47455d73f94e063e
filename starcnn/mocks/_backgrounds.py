# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Where backgrounds come from: simulated fields, mosaics, or both.
"""

from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import CCDData
from astropy.table import QTable

from starcnn.images import MosaicBackgrounds, SimulatedBackgrounds

# Columns of right ascension and declination (ICRS) in a table of objects.
_SKY = (('ra', 'dec'), ('RA', 'DEC'), ('RAdeg', 'DEdeg'))


def choose_source(options, field):
    """
    Return where the backgrounds of options come from.

    A source has its ``kind`` and ``draw(n, rng)``, which returns backgrounds (n, n_filter, ny,
    nx), electron/s, and the detectable stars per arcsec2 of each. ``field`` is what draws
    simulated fields, `None` if there are to be none.
    """
    if not options.mosaics:
        return _Simulated(field, options.shape)
    mosaics = _Mosaics(options)
    if field is None:
        return mosaics
    return _Mixed(mosaics, _Simulated(field, options.shape), options.mosaic_share)


class _Simulated:
    """Patches of simulated frames, many of each."""

    def __init__(self, field, shape):
        self.shape = shape
        self._patches = SimulatedBackgrounds(field)
        self.kind = self._patches.kind

    def draw(self, n, rng):
        """Return backgrounds and the density of their stars."""
        return self._patches._draw(n, self.shape, rng)


class _Mosaics:
    """Patches of the user's mosaics, whose crowding is not known."""

    def __init__(self, options):
        self.shape, self.part = options.shape, options.part
        images = {
            name: _read_mosaic(path)
            for name, path in zip(options.filters, options.mosaics, strict=True)
        }
        self._patches = MosaicBackgrounds(
            images,
            avoid=_read_positions(options.avoid) if options.avoid else None,
            radius=options.avoid_radius,
        )
        self.kind = self._patches.kind

    def draw(self, n, rng):
        """Return backgrounds, and NaN for the density of their stars."""
        patches, _ = self._patches._draw(n, self.shape, rng, self.part)
        return patches, np.full(n, np.nan)


class _Mixed:
    """Patches of mosaics, and others of simulated frames."""

    kind = 'semi-real'

    def __init__(self, mosaics, simulated, share):
        self.sources, self.share = (simulated, mosaics), share

    def draw(self, n, rng):
        """Return backgrounds and the density of their stars, NaN where it is not known."""
        is_cut = rng.random(n) < self.share
        parts = [
            source.draw(np.count_nonzero(is_cut == k), rng) for k, source in enumerate(self.sources)
        ]
        order = np.argsort(np.argsort(is_cut, kind='stable'), kind='stable')
        return tuple(np.concatenate(arrays)[order] for arrays in zip(*parts, strict=True))


def _read_mosaic(path):
    """Return the image in a FITS file, whose header must name the unit."""
    try:
        return CCDData.read(path)
    except ValueError as error:  # of astropy, if there is no unit
        msg = f'mosaics must have their unit in the keyword BUNIT, got {str(path)!r}: {error}'
        raise u.UnitsError(msg) from error


def _read_positions(path):
    """Return the sky positions of a table."""
    table = QTable.read(Path(path))
    for names in _SKY:
        if set(names) <= set(table.colnames):
            try:
                return SkyCoord(*(table[name] for name in names))
            except u.UnitsError as error:
                msg = f'avoid must have units for {list(names)}, got {path!r}: {error}'
                raise u.UnitsError(msg) from error
    msg = f'avoid must have the columns of one of {_SKY}, got {table.colnames} in {path!r}'
    raise ValueError(msg)
