# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Semi-real mosaics: the stars of a real one, as they would look in other filters.
"""

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData

from starcnn.images._mosaic import RATE, read_mosaic, sky_in_pixel
from starcnn.images.backgrounds import KIND_KEY, KINDS
from starcnn.images.render import StarRenderer
from starcnn.sky._units import strip_unit

__all__ = ['make_semi_real']

# Down to this completeness stars are taken as they are; their numbers are corrected for it within
# so many magnitudes brighter than there.
_COMPLETE = 0.8
_COUNTED = 1.0

# Stars fainter than that are drawn to so many magnitudes below; those beyond, which at the slope
# below give a thirtieth of the variance that these do, are part of the sky.
_DEPTH = 3.0

# The numbers of the sample of colours are taken to so many magnitudes brighter than its faintest
# star, where it is complete, and counted in the last half magnitude before; from there on they
# grow by so much per magnitude, decimal logarithm: the slope of the counts of discs of the PARSEC
# isochrones with constant star formation in M31, F475W from 26.5 to 28.5 mag, is 0.2 to 0.4.
_INCOMPLETE = 1.0
_LAST = 0.5
_SLOPE = 0.3

_STEP = 0.05  # mag: the bins in which faint stars are counted

# How many times as many faint stars as in the sample there may be, in how many steps the number is
# found, and the blur of the images that are compared, pixels: their noise is then small.
_MOST = 8.0
_N_STEP = 7
_BLUR = 1.0
_LOW = 16.0  # percentile

# How far beyond the edges faint stars are drawn, whose light comes in; pixels.
_MARGIN = 16


def make_semi_real(
    mosaic,
    stars,
    *,
    completeness,
    bands,
    psfs,
    colours,
    render_reference=False,
    faint=None,
    rng=None,
):
    """
    Make mosaics in several filters of the stars of a real mosaic in one.

    Each star that was measured in the real mosaic gets the magnitudes of a
    real star of that magnitude in the other filters, and is rendered at its
    place with the point spread function and the noise of those filters. Stars
    too faint to be measured are drawn at random.

    Parameters
    ----------
    mosaic : `~astropy.nddata.CCDData`
        The real mosaic, in a unit that converts to electron/s, with a WCS.

    stars : `~astropy.table.QTable`
        Its stars, as `measure_stars` returns them; their filter is
        ``stars.meta['filter']``.

    completeness : `~astropy.table.QTable`
        Which part of the stars is found, as `measure_completeness` returns it.

    bands : sequence of `~starcnn.images.Band`
        The filters to make, with exposure time, sky and noise, in order.

    psfs : sequence of `~starcnn.images.PSF`
        The point spread function of each.

    colours : `~starcnn.images.StarColours`
        The real stars.

    render_reference : bool, optional
        Whether the filter of the real mosaic is rendered as well. By default
        the real mosaic takes its place.

    faint : float, optional
        How many times as many stars too faint to be measured there are as the
        notes say, at most 8. If `None`, the number is found that makes the dark
        parts of the real filter, rendered, as uneven as those of the real
        mosaic; that filter must be one of ``bands``.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness: each seed gives other colours.

    Returns
    -------
    mosaics : dict of `~astropy.nddata.CCDData`
        A mosaic for each of ``bands``, electron/s, on the grid of the real one
        and with its mask. The sky is subtracted: the sigma-clipped median is
        zero, as AstroDrizzle leaves it. ``meta['BACKGRND']`` is 'semi-real' for
        those that were rendered, so that `MosaicBackgrounds` knows what it cuts;
        ``meta['FAINT']`` is ``faint``.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If the mosaic or a table lacks something, the filters do not agree, or
        ``faint`` is not from 0 to 8, the stars are nowhere complete to 80 per
        cent, or the real mosaic is more uneven than 8 times as many faint stars
        would make it.

    Notes
    -----
    **Faint stars.** The light below the detection limit could be the residual
    of the real mosaic, smoothed and multiplied by a mean colour. It is not:
    red giants and clump stars below the limit in a blue filter stand out one
    by one in a red one, and smooth light has none of their noise. Stars
    fainter than 80 per cent completeness (by ``completeness``) are drawn
    instead, at random places, which are not those of the real ones. Their
    numbers are those of ``colours``, scaled to the measured ones within one
    magnitude above that limit, these divided by the completeness; less the
    stars that were measured in spite of it. The sample counts to 1 mag above
    its faintest star; beyond, the numbers grow by 0.3 dex per magnitude, to 3
    mag below the limit. All this is right to a factor of a few, as the counts
    are of another place in the galaxy; ``faint`` is that factor, found from the
    real mosaic: both are blurred by one pixel, and the differences between
    median and 16th percentile made equal. Stars missed above the limit are
    blended with others that were found, whose fluxes hold their light; they
    are not drawn again. Measured stars hold light of faint ones as well: they
    are made fainter by the ``bias`` of the artificial stars.

    **What is not real.** The colour of a star does not depend on those around
    it: a cluster in the mosaic gets the colours of the field. Stars brighter
    than all of ``colours`` have colours of its brightest. The noise of
    neighbouring pixels is independent, in a drizzled mosaic it is not.
    """
    data, good, scale = read_mosaic(mosaic)
    reference = _check(stars, completeness, bands, psfs, colours)
    _check_faint(faint, bands, reference)
    rng = np.random.default_rng(rng)
    real = np.stack([stars[name].value for name in ('x', 'y', 'mag')])
    real[2] -= _interpolate(completeness, 'bias', real[2])
    drawn = _draw_faint(real[2], completeness, colours, reference, data.shape, rng)
    frames = {
        band.filter: _Frame(band, psf, data.shape, scale, good)
        for band, psf in zip(bands, psfs, strict=True)
    }
    if faint is None:
        faint = _match_faint(real, drawn, data, frames[reference])
    n_faint = round(drawn.shape[1] * faint / _MOST)
    x, y, known = np.concatenate([real, drawn[:, :n_faint]], axis=1)
    magnitudes = colours.draw(known * u.mag, reference, rng=rng)
    mosaics = {}
    for (name, frame), noise in zip(frames.items(), rng.spawn(len(frames)), strict=True):
        if name == reference and not render_reference:
            mosaics[name] = mosaic
            continue
        image = frame.expose(x, y, magnitudes[:, colours.filters.index(name)], noise)
        meta = {KIND_KEY: KINDS[1], 'FILTER': name, 'FAINT': float(faint)}
        mask = None if good.all() else ~good
        mosaics[name] = CCDData(image, unit=RATE, wcs=mosaic.wcs, mask=mask, meta=meta)
    return mosaics


class _Frame:
    """What makes images of stars in one filter."""

    def __init__(self, band, psf, shape, scale, good):
        self.band, self.shape, self.good = band, shape, good
        self.sky = sky_in_pixel(band, scale)
        self.renderer = StarRenderer([psf], shape=shape, pixel_scale=scale * u.arcsec)

    def expose(self, x, y, magnitude, rng):
        """Return an image with noise whose sky is subtracted, electron/s."""
        from astropy.stats import sigma_clipped_stats

        ny, nx = self.shape
        flux = self.band.count_rate(magnitude).to_value(RATE)[:, np.newaxis]
        image = self.renderer._render(x - (nx - 1) / 2, y - (ny - 1) / 2, flux)[0]
        time = self.band.exposure_time.to_value(u.s)
        counts = rng.poisson((np.maximum(image, 0) + self.sky) * time)
        noise = self.band.read_noise.to_value(u.electron) * np.sqrt(self.band.n_exposures)
        image = (counts + noise * rng.standard_normal(self.shape)) / time
        _, median, _ = sigma_clipped_stats(image, mask=~self.good, sigma=3.0)
        return (image - median).astype(np.float32)

    def unevenness(self, image):
        """Return how much darker than the median the dark parts of an image are."""
        from scipy.ndimage import gaussian_filter

        image = gaussian_filter(np.where(self.good, image, 0), _BLUR)[self.good]
        low, median = np.percentile(image, (_LOW, 50))
        return median - low


def _check(stars, completeness, bands, psfs, colours):
    """Return the filter of the real mosaic, if tables and filters agree."""
    for name, table, columns in (
        ('stars', stars, ('x', 'y', 'mag')),
        ('completeness', completeness, ('mag', 'completeness', 'bias')),
    ):
        if missing := [column for column in columns if column not in table.colnames]:
            msg = f'{name} must have the columns {missing}, got {table.colnames}'
            raise ValueError(msg)
        strip_unit(table['mag'], u.mag, f"{name}['mag']")
    reference = stars.meta.get('filter')
    if reference not in colours.filters:
        msg = f"stars.meta['filter'] must be one of {list(colours.filters)}, got {reference!r}"
        raise ValueError(msg)
    names = [band.filter for band in bands]
    if unknown := [name for name in names if name not in colours.filters]:
        msg = f'bands must be of {list(colours.filters)}, got {unknown}'
        raise ValueError(msg)
    if [psf.filter for psf in psfs] != names:
        msg = f'psfs must be of {names}, got {[psf.filter for psf in psfs]}'
        raise ValueError(msg)
    return reference


def _check_faint(faint, bands, reference):
    """Raise if a number of faint stars is none, or cannot be found."""
    if faint is None and reference not in [band.filter for band in bands]:
        msg = f'bands must have {reference}, the filter of the mosaic, unless faint is given'
        raise ValueError(msg)
    if faint is not None and not 0 <= faint <= _MOST:
        msg = f'faint must be from 0 to {_MOST:g}, got {faint}'
        raise ValueError(msg)


def _draw_faint(known, completeness, colours, reference, shape, rng):
    """Return x, y and magnitude (3, n) of stars too faint to be measured, as many as may be."""
    limit = _find_limit(completeness)
    counted = known[(known > limit - _COUNTED) & (known <= limit)]
    real = (1 / _interpolate(completeness, 'completeness', counted)).sum()
    sample = colours.count([limit - _COUNTED, limit] * u.mag, reference)[0]
    if not sample > 0:
        msg = f'colours must have stars of {limit - _COUNTED:.2f} to {limit:.2f} mag in {reference}'
        raise ValueError(msg)
    edges = np.arange(limit, limit + _DEPTH + _STEP / 2, _STEP)
    expected = _count(edges, colours, reference) * real / sample
    expected = np.maximum(expected - np.histogram(known, edges)[0], 0)
    size = np.array(shape) + 2 * _MARGIN
    number = rng.poisson(_MOST * expected * size.prod() / np.prod(shape))
    magnitude = np.repeat(edges[:-1], number) + _STEP * rng.random(number.sum())
    y, x = (rng.random((number.sum(), 2)) * size - _MARGIN - 1 / 2).T
    return np.stack([x, y, rng.permutation(magnitude)])


def _match_faint(real, drawn, data, frame):
    """Return how many faint stars make a rendered image as uneven as the real one."""
    target = frame.unevenness(data)

    def excess(faint):
        n = round(drawn.shape[1] * faint / _MOST)
        x, y, magnitude = np.concatenate([real, drawn[:, :n]], axis=1)
        image = frame.expose(x, y, magnitude * u.mag, np.random.default_rng(0))
        return frame.unevenness(image) - target

    low, high = 0.0, _MOST
    if excess(high) < 0:
        msg = (
            f'mosaic must be less uneven than {_MOST:g} times as many faint stars as in the '
            'sample make it, or faint be given'
        )
        raise ValueError(msg)
    for _ in range(_N_STEP):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return (low + high) / 2


def _find_limit(completeness):
    """Return the magnitude at which the completeness falls below the least."""
    part, middle = completeness['completeness'], completeness['mag'].value
    below = np.flatnonzero(np.asarray(part) < _COMPLETE)
    if not len(below) or below[0] == 0:
        msg = (
            f'completeness must fall from above {_COMPLETE} to below it, '
            f'got {np.round(part, 2).tolist()}'
        )
        raise ValueError(msg)
    i = below[0]
    weight = (part[i - 1] - _COMPLETE) / (part[i - 1] - part[i])
    return float(middle[i - 1] + weight * (middle[i] - middle[i - 1]))


def _interpolate(completeness, column, magnitude):
    """Return a column of the completeness at magnitudes; where it is not known, the nearest."""
    values = u.Quantity(completeness[column]).value
    known = np.isfinite(values)
    return np.interp(magnitude, completeness['mag'].value[known], values[known])


def _count(edges, colours, reference):
    """Return the numbers of stars that colours have in bins, continued to fainter ones."""
    number = colours.count(edges * u.mag, reference)
    last = colours.faintest(reference).to_value(u.mag) - _INCOMPLETE
    middle = (edges[1:] + edges[:-1]) / 2
    beyond = edges[1:] > last
    start = last - _LAST
    density = colours.count([start, last] * u.mag, reference)[0] / _LAST
    growth = 10 ** (_SLOPE * (middle - start - _LAST / 2))
    return np.where(beyond, density * growth * np.diff(edges), number)
