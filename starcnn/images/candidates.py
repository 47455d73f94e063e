# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Candidates of clusters in mosaics, and how concentrated their light is.
"""

import inspect
import warnings
from numbers import Integral

import astropy.units as u
import numpy as np
from astropy.coordinates import Distance
from astropy.table import QTable

from starcnn.images._aperture_photometry import measure
from starcnn.images._mosaic import read_mosaic
from starcnn.images.cutouts import _sources
from starcnn.images.instruments import Band
from starcnn.sky._units import strip_unit

__all__ = ['find_candidates', 'measure_concentration']

# Detections are made in one of these, as PHANGS-HST does (Wei et al. 2020, Section 3.1).
_DETECTION = ('F555W', 'F606W')

# The circles of the concentration index, pixels (Wei et al. 2020, footnote 6).
_SMALL, _LARGE = 1.0, 3.0

# The circle and the ring of the photometry, pixels (Adamo et al. 2017, ApJ 841, 131, who choose
# the circle by galaxy; that of all galaxies of PHANGS-HST is this).
_RADIUS, _RING = 4.0, (7.0, 8.0)

# The width of what is looked for, pixels: between a star (1.8, Wei et al. 2020, footnote 4) and
# a cluster of 3 pc at 5 Mpc.
_WIDTH = 2.5

_LIMITS = {'min_ci': u.mag, 'max_abs_mag': u.mag, 'max_error': u.mag}
_N_SAMPLE = 2**20  # pixels that are enough for the noise
_LAG = 3  # pixels over which the noise of drizzled mosaics is not correlated


def find_candidates(
    mosaics,
    *,
    bands,
    distance,
    min_ci,
    max_abs_mag=-6 * u.mag,
    max_error=0.3 * u.mag,
    n_filters=4,
    aperture_correction=None,
    n_sigma=5.0,
    detection=None,
):
    """
    Find candidates of clusters in mosaics.

    As Wei et al. (2020, Section 3.1) select them: sources of the V mosaic
    (`~photutils.detection.DAOStarFinder`) that are less concentrated than stars,
    have errors of less than 0.3 mag in four filters, and are brighter
    than -6 mag in V.

    Parameters
    ----------
    mosaics : dict of `~astropy.nddata.CCDData`
        The mosaics by filter, in a unit that converts to electron/s, with WCS, as
        `read_mosaics` returns them. They need not be on one grid.

    bands : dict of `~starcnn.images.Band`
        Their bands: zero points and exposure times.

    distance : `~astropy.units.Quantity`
        That of the galaxy, length.

    min_ci : `~astropy.units.Quantity`
        The least concentration index (see `measure_concentration`), mag. It is
        between those of stars and clusters and has to be found for each galaxy and
        camera; in LEGUS it is 1.2 to 1.4.

    max_abs_mag : `~astropy.units.Quantity`, optional
        The absolute Vega magnitude in V that candidates are brighter than. It was
        -7.5 mag for NGC 1559 at 19 Mpc.

    max_error : `~astropy.units.Quantity`, optional
        What the errors of magnitudes must be below.

    n_filters : int, optional
        In how many filters they must be.

    aperture_correction : dict of `~astropy.units.Quantity`, optional
        What to add to the magnitudes in circles of 4 pixels to make them total
        ones, by filter, mag; negative. Without it magnitudes are those in the circles.

    n_sigma : float, optional
        How far above its surroundings the peak of a source must stand, in standard
        deviations of the noise of neighbouring pixels.

    detection : str, optional
        The filter to find sources in: by default F555W, or F606W.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per candidate, by the brightness in V: ``id``, ``x`` and ``y`` (pixels
        of the V mosaic), ``ra``, ``dec``, ``ci``, ``abs_mag`` (in V), ``n_filters``
        with small errors, and ``mag_<filter>``, ``mag_<filter>_err``: Vega
        magnitudes, NaN where there is no light or no image.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If an argument is wrong, or there is no V mosaic.

    See Also
    --------
    extract_cutouts : the stamps of candidates

    Notes
    -----
    Magnitudes are those in circles of 4 pixels above the median of a ring of 7 to
    8 pixels (Adamo et al. 2017, ApJ 841, 131). They are not corrected for extinction. Errors are
    those of photons and of the scatter in the ring; the noise of drizzled mosaics
    is correlated, which makes them too small. Of peaks within 3 pixels of each other
    the highest is the source. With mosaics of 4000 x 4000
    pixels in five filters it takes about 20 s of one core.
    """
    limits = {'min_ci': min_ci, 'max_abs_mag': max_abs_mag, 'max_error': max_error}
    limits = {name: strip_unit(limits[name], unit, name) for name, unit in _LIMITS.items()}
    bands = _check_bands(mosaics, bands)
    name = _detection(mosaics, detection)
    corrections = _corrections(mosaics, aperture_correction)
    modulus = Distance(_check_distance(distance)).distmod.to_value(u.mag)
    if isinstance(n_filters, bool) or not isinstance(n_filters, Integral) or n_filters < 1:
        msg = f'n_filters must be a positive integer, got {n_filters!r}'
        raise ValueError(msg)
    if not n_sigma > 0:
        msg = f'n_sigma must be positive, got {n_sigma!r}'
        raise ValueError(msg)
    data, bad = _read(mosaics[name], name)
    x, y, peak = _find(data, bad, n_sigma)
    photometry = _measure(data, bad, x, y, bands[name])
    ci = _concentration(photometry)
    magnitude, error = photometry.magnitudes(2, bands[name])
    absolute = magnitude + corrections[name] - modulus
    use = _highest(x, y, peak) & (ci >= limits['min_ci']) & (absolute < limits['max_abs_mag'])
    del data, bad
    table = QTable({'x': x[use] * u.pix, 'y': y[use] * u.pix})
    sky = mosaics[name].wcs.pixel_to_world(x[use], y[use])
    table['ra'], table['dec'] = sky.icrs.ra.to(u.deg), sky.icrs.dec.to(u.deg)
    table['ci'], table['abs_mag'] = ci[use] * u.mag, absolute[use] * u.mag
    measured = {name: (magnitude[use], error[use])}
    for other in mosaics:
        if other != name:
            measured[other] = _photometry_at(mosaics[other], other, sky, bands[other])
    return _select(table, {key: measured[key] for key in mosaics}, corrections, limits, n_filters)


def measure_concentration(mosaic, positions):
    """
    Measure how concentrated sources are.

    The concentration index is the magnitude in a circle of 1 pixel minus that in
    one of 3 pixels, above the median of a ring of 7 to 8 pixels. That of a star is
    the least; measure it for isolated ones to find the limit between stars and
    clusters. It varies by about 0.1 mag with where in a pixel the centre of a star is.

    Parameters
    ----------
    mosaic : `~astropy.nddata.CCDData`
        The mosaic, in a unit that converts to electron/s, with a WCS.

    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        The positions. A table has columns ``ra`` and ``dec``, or ``x`` and ``y``,
        zero-based pixels.

    Returns
    -------
    ci : `~astropy.units.Quantity` with shape (n_source,)
        The indices, mag; NaN where pixels are missing or there is no light.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If an argument is wrong.

    References
    ----------
    .. [1] Adamo et al. 2017, ApJ, 841, 131
    .. [2] Wei et al. 2020, MNRAS, 493, 3178
    """
    data, bad = _read(mosaic, 'mosaic')
    x, y = _places(mosaic, positions)
    known = np.isfinite(x) & np.isfinite(y)
    ci = np.full(len(x), np.nan)
    radii = (_SMALL, _LARGE)
    ci[known] = _concentration(
        measure(data, bad, x[known], y[known], radii=radii, ring=_RING, time=np.inf)
    )
    return ci * u.mag


def _check_bands(mosaics, bands):
    """Return the bands of mosaics by filter, if all are there."""
    if not isinstance(mosaics, dict) or not mosaics:
        msg = f'mosaics must be a dict with a mosaic for each filter, got {mosaics!r}'
        raise TypeError(msg)
    if not isinstance(bands, dict) or not all(isinstance(x, Band) for x in bands.values()):
        msg = f'bands must be a dict of Band by filter, got {bands!r}'
        raise TypeError(msg)
    if lacking := [name for name in mosaics if name not in bands]:
        msg = f'bands must have all filters of mosaics, got none for {lacking}'
        raise ValueError(msg)
    return bands


def _detection(mosaics, detection):
    """Return the filter to find sources in."""
    wanted = _DETECTION if detection is None else (detection,)
    found = [name for name in wanted if mosaics.get(name) is not None]
    if not found:
        msg = f'mosaics must have {" or ".join(wanted)} to find sources in, got {list(mosaics)}'
        raise ValueError(msg)
    return found[0]


def _corrections(mosaics, given):
    """Return the aperture corrections by filter, mag."""
    given = {} if given is None else given
    if unknown := sorted(set(given) - set(mosaics)):
        msg = f'aperture_correction must have filters of {list(mosaics)}, got {unknown}'
        raise ValueError(msg)
    return {
        name: strip_unit(given.get(name, 0 * u.mag), u.mag, f'aperture_correction[{name!r}]')
        for name in mosaics
    }


def _check_distance(distance):
    """Return a distance, if it is a positive length."""
    value = strip_unit(distance, u.pc, 'distance')
    if not (np.ndim(value) == 0 and np.isfinite(value) and value > 0):
        msg = f'distance must be one positive length, got {distance}'
        raise ValueError(msg)
    return value * u.pc


def _read(mosaic, name):
    """Return the pixels of a mosaic, electron/s, and which are bad."""
    data, good, _ = read_mosaic(mosaic, name)
    return data, ~good


def _find(data, bad, n_sigma):
    """Return the x and y of the sources of an image, and their peaks."""
    from photutils.detection import DAOStarFinder
    from photutils.utils.exceptions import NoDetectionsWarning

    options = {'sharplo': -np.inf, 'sharphi': np.inf, 'roundlo': -np.inf, 'roundhi': np.inf}
    if 'sharpness_range' in inspect.signature(DAOStarFinder).parameters:  # since photutils 3
        options = dict.fromkeys(('sharpness_range', 'roundness_range'), (-np.inf, np.inf))
    noise = _noise(data, bad)
    finder = DAOStarFinder(n_sigma * noise, _WIDTH, min_separation=0, **options)
    filled = np.where(bad, np.median(data[~bad]), data)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NoDetectionsWarning)
        found = finder(filled, mask=bad)
    if found is None:
        return np.zeros((3, 0))
    # The names of these columns have an underscore since photutils 3.
    return tuple(
        np.asarray(found[next(name for name in found.colnames if name in names)], float)
        for names in (('x_centroid', 'xcentroid'), ('y_centroid', 'ycentroid'), ('peak',))
    )


def _highest(x, y, peak):
    """Which of the sources have the highest peak within the larger circle of the index."""
    from scipy.spatial import cKDTree

    keep = np.ones(len(x), bool)
    if len(x):
        pairs = cKDTree(np.column_stack([x, y])).query_pairs(_LARGE, output_type='ndarray')
        first, second = pairs.T
        keep[np.where(peak[first] >= peak[second], second, first)] = False
    return keep


def _noise(data, bad):
    """Return the noise of an image, from the differences of pixels near each other."""
    from astropy.stats import mad_std

    step = max(1, int(np.sqrt(data.size / _N_SAMPLE)))
    rows = slice(None, None, step)
    difference = (data[rows, _LAG:] - data[rows, :-_LAG]) / np.sqrt(2)
    good = ~(bad[rows, _LAG:] | bad[rows, :-_LAG])
    noise = mad_std(difference[good]) if good.any() else 0
    if not noise > 0:
        msg = 'mosaics must have noise in the filter of the detection, got none'
        raise ValueError(msg)
    return noise


def _measure(data, bad, x, y, band):
    """Return the photometry in all circles."""
    time = band.exposure_time.to_value(u.s)
    return measure(data, bad, x, y, radii=(_SMALL, _LARGE, _RADIUS), ring=_RING, time=time)


def _concentration(photometry):
    """Return the concentration indices, mag."""
    small, large = np.where(photometry.fluxes[:2] > 0, photometry.fluxes[:2], np.nan)
    return -2.5 * np.log10(small / large)


def _photometry_at(mosaic, name, sky, band):
    """Return the magnitudes of sources in a mosaic and their errors; NaN without a mosaic."""
    if mosaic is None:
        return np.full((2, len(sky)), np.nan)
    data, bad = _read(mosaic, f'mosaics[{name!r}]')
    x, y = mosaic.wcs.world_to_pixel(sky)
    return _measure(data, bad, x, y, band).magnitudes(2, band)


def _select(table, measured, corrections, limits, n_filters):
    """Return the candidates with small errors in enough filters, the brightest first."""
    errors = np.stack([error for _, error in measured.values()])
    table['n_filters'] = (errors < limits['max_error']).sum(axis=0)
    for name, (magnitude, error) in measured.items():
        table[f'mag_{name}'] = (magnitude + corrections[name]) * u.mag
        table[f'mag_{name}_err'] = error * u.mag
    table = table[table['n_filters'] >= n_filters]
    table.sort('abs_mag')
    table.add_column(np.arange(1, len(table) + 1), name='id', index=0)
    table.meta['filters'] = list(measured)
    return table


def _places(mosaic, positions):
    """Return the pixels of positions."""
    table, _ = _sources(positions, mosaic)
    return table['x'].value, table['y'].value
