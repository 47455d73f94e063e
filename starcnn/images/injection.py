# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Simulated clusters put into mosaics, and the table of what is there.
"""

from copy import deepcopy
from types import SimpleNamespace

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable, Table

from starcnn.images._electrons import RATE, to_electrons
from starcnn.images._places import Grid, check_starts, draw_starts
from starcnn.images._stamps import move, overlap, read_stamps, render_stamps, with_noise
from starcnn.images.arrays import _check_bands
from starcnn.images.backgrounds import _check_grids
from starcnn.images.cutouts import _check_mosaics as _check_scales
from starcnn.images.cutouts import _sources
from starcnn.sky._units import strip_unit

__all__ = ['inject']

_NOISE = ('photons', 'level', 'none')
_EDGES = ('refuse', 'clip')

# The columns that come first in the table of what is there.
_FIRST = ('id', 'ra', 'dec', 'x', 'y')


def inject(
    mosaics,
    clusters,
    positions=None,
    *,
    truth=None,
    exposure_times=None,
    bands=None,
    noise='photons',
    edges='refuse',
    avoid=None,
    radius=10 * u.pix,
    min_separation=None,
    rng=None,
):
    """
    Put images of clusters into mosaics.

    Parameters
    ----------
    mosaics : `~astropy.nddata.NDData` or dict of `~astropy.nddata.NDData`
        A mosaic, or one for each filter (`None` for a filter that there is none
        of), such as `~astropy.nddata.CCDData`. All must be on one pixel grid.
        The unit must convert to electron/s, by way of ``bands`` if need be.

    clusters : `~astropy.nddata.NDData`, `~astropy.units.Quantity` or callable
        The images of clusters without sky and noise, with shape
        (n, n_filter, ny, nx); the sum of an image may not be negative. The
        filters of NDData are those of its ``meta``; a Quantity has those of the
        mosaics, in their order. The cluster is in the middle of its image,
        which is at ((nx - 1) / 2, (ny - 1) / 2).
        Or a function ``clusters(index, dx, dy)`` that returns the image
        (n_filter, ny, nx) of one cluster as a Quantity; the cluster must be
        ``dx``, ``dy`` pixels away from the centre of pixel [ny // 2, nx // 2].

    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`, optional
        Where the clusters are to be, see `extract_cutouts`. The default is at
        random.

    truth : `~astropy.table.Table`, optional
        What is true of each cluster, for the table that is returned.

    exposure_times : `~astropy.units.Quantity`, optional
        The exposure time of the mosaics, for the noise: one, or one per filter.
        The default is that of the bands.

    bands : sequence of `~starcnn.images.Band`, optional
        The bands of the mosaics: for magnitudes, and for other units than
        electron/s.

    noise : {'photons', 'level', 'none'}, optional
        What noise comes with a cluster: that of its own photons; the same and
        once more that of the level (the median) of the mosaic under its image,
        which is what `combine` does; or none.

    edges : {'refuse', 'clip'}, optional
        Whether images must lie inside the mosaics, or what sticks out is lost.
        The cluster itself must lie inside in both cases.

    avoid : `~astropy.coordinates.SkyCoord` or tuple of `~numpy.ndarray`, optional
        Objects near which there are no random positions: on the sky, or x and y
        in pixels.

    radius : `~astropy.units.Quantity`, optional
        How near to these objects, and to pixels that are masked or not finite,
        random positions may be: angle or pixel.

    min_separation : `~astropy.units.Quantity`, optional
        How near random positions may be to one another, angle or pixel. The
        default is the longer side of the images.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The source of randomness. Each cluster has a generator of its own.

    Returns
    -------
    injected : `~astropy.nddata.NDData` or dict of `~astropy.nddata.NDData`
        Copies of the mosaics with the clusters, as ``mosaics`` came. Masks,
        uncertainties, WCS and meta are as they were.

    truth : `~astropy.table.QTable`
        One row per cluster: ``id``, ``ra``, ``dec`` (where there is a WCS),
        ``x``, ``y``, the columns of ``positions`` and ``truth``, and for each
        filter ``flux_<filter>``, the sum of its image in electron/s, and with
        ``bands`` ``mag_<filter>``, the Vega magnitude. Without noise, and of the
        whole image also where it is clipped. For a mosaic that is not in a dict
        the columns are ``flux`` and ``mag``.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If an argument is wrong, a position or, with 'refuse', an image is
        outside, or there are too few random places.

    Notes
    -----
    The mosaics have the noise of their own photons already, so that of the
    clusters' photons alone is right for them: sums of Poisson numbers are
    Poisson numbers. Bialopetravicius et al. (2019, A&A 621, A103, Section 4.3)
    and the networks that follow it were trained with that of the level as well;
    it makes the square of the image slightly noisier than what is around it.

    At random, clusters are placed by whole pixels, so that their images stay as
    they are. To reach given positions, images are moved by a fraction of a pixel
    with quintic splines, which keep flux and centroid; pixels of point sources
    change by up to 3 % of the peak for the undersampled PSFs of Hubble. A
    function renders its clusters in place instead.

    The uncertainty of the mosaics is not changed by the clusters' photons, and their
    noise is drawn pixel by pixel: that of drizzled mosaics is correlated.

    Examples
    --------
    >>> import astropy.units as u
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from starcnn.images import inject
    >>> mosaic = CCDData(np.zeros((100, 100)), unit='electron / s')
    >>> clusters = np.ones((3, 1, 9, 9)) * u.electron / u.s
    >>> injected, truth = inject(mosaic, clusters, exposure_times=500 * u.s, rng=1)
    >>> truth['flux']
    <Quantity [81., 81., 81.] electron / s>
    """
    _check_options(noise, edges, positions, avoid)
    named = mosaics if isinstance(mosaics, dict) else {'': mosaics}
    present = _check_mosaics(named)
    first = next(iter(present.values()))
    bands = _name_bands(bands, named)
    times = _name_times(exposure_times, named, present, bands, noise)
    table, wanted = _read_positions(positions, first)
    n = _count(clusters, wanted, truth)
    place_rng, *noise_rngs = np.random.default_rng(rng).spawn(n + 1)
    images, centres = _read_clusters(clusters, wanted, n, named, bands, first, place_rng)
    shape, clip = images.shape[2:], edges == 'clip'
    if wanted is None:
        places = {'avoid': avoid, 'radius': radius, 'min_separation': min_separation}
        grid = Grid(bad=_bad(present), wcs=first.wcs, scale=_scale(first))
        starts = draw_starts(centres, shape, grid, place_rng, clip=clip, **places)
        table, _ = _read_positions(_as_table(starts + centres), first)
    else:
        starts = wanted - centres
        check_starts(starts, wanted, shape, first.data.shape, clip=clip)
    injected = _add(present, images, starts, noise_rngs, bands, times, noise)
    table = _finish_table(table, truth, images, list(present), bands)
    if not isinstance(mosaics, dict):
        return injected[''], table
    return {name: injected.get(name) for name in named}, table


def _check_options(noise, edges, positions, avoid):
    """Raise unless options are known, and make sense together."""
    for name, value, allowed in (('noise', noise, _NOISE), ('edges', edges, _EDGES)):
        if value not in allowed:
            msg = f'{name} must be one of {list(allowed)}, got {value!r}'
            raise ValueError(msg)
    if positions is not None and avoid is not None:
        msg = 'avoid must be None where positions are given: it is for random ones'
        raise ValueError(msg)


def _check_mosaics(named):
    """Return the mosaics that there are, if they are images on one grid."""
    present = {name: mosaic for name, mosaic in named.items() if mosaic is not None}
    for name, mosaic in present.items():
        label = f'mosaics[{name!r}]' if name else 'mosaics'
        if not isinstance(mosaic, NDData) or mosaic.unit is None:
            msg = f'{label} must be NDData with a unit, got {type(mosaic).__name__}'
            raise TypeError(msg)
        if isinstance(mosaic.unit, u.MagUnit) or mosaic.unit == u.mag:
            msg = f'{label} must have a unit to which light can be added, got {mosaic.unit}'
            raise u.UnitsError(msg)
        data = mosaic.data
        if np.ndim(data) != 2 or data.dtype.kind != 'f':  # noqa: PLR2004 (y, x)
            msg = f'{label} must be an image of floats, got {data.dtype} with shape {data.shape}'
            raise ValueError(msg)
    # plain NDData has no shape
    grids = {name: SimpleNamespace(shape=m.data.shape, wcs=m.wcs) for name, m in present.items()}
    _check_grids(grids)
    return present


def _name_bands(bands, named):
    """Return bands by filter."""
    bands = _check_bands(bands, 'bands')
    if list(named) != ['']:
        return {band.filter: band for band in bands}
    if len(bands) > 1:
        msg = f'bands must be one where mosaics are not a dict, got {len(bands)}'
        raise ValueError(msg)
    return dict.fromkeys([''], bands[0]) if bands else {}


def _name_times(exposure_times, named, present, bands, noise):
    """Return the exposure times by filter, s; none without noise."""
    if noise == 'none':
        return {}
    if exposure_times is None:
        if lacking := [name for name in present if name not in bands]:
            msg = f'exposure_times or bands must be given for noise, got none for {lacking}'
            raise ValueError(msg)
        return {name: band.exposure_time.to_value(u.s) for name, band in bands.items()}
    times = np.asarray(strip_unit(exposure_times, u.s, 'exposure_times'), float)
    if times.shape not in ((), (len(named),)) or not ((times > 0) & np.isfinite(times)).all():
        msg = f'exposure_times must be positive, one or one per filter, got {exposure_times}'
        raise ValueError(msg)
    return dict(zip(named, np.broadcast_to(times, len(named)), strict=True))


def _read_positions(positions, first):
    """Return the table of sources, and their y and x (n, 2); `None` for both if there are none."""
    if positions is None:
        return None, None
    table, _ = _sources(positions, first)
    return table, np.column_stack([table['y'].value, table['x'].value]).astype(float)


def _as_table(places):
    """Return places (n, 2) as a table of positions."""
    return Table({'x': places[:, 1], 'y': places[:, 0]})


def _count(clusters, wanted, truth):
    """Return the number of clusters, if all agree about it."""
    numbers = {'positions': wanted, 'truth': truth}
    if not callable(clusters):
        numbers['clusters'] = getattr(clusters, 'data', clusters)
    numbers = {name: len(value) for name, value in numbers.items() if value is not None}
    if len(set(numbers.values())) != 1 or 0 in numbers.values():
        msg = (
            'clusters, positions and truth must be equally many, at least one; positions or truth '
            f'must be given where clusters is a function; got {numbers}'
        )
        raise ValueError(msg)
    return next(iter(numbers.values()))


def _read_clusters(clusters, wanted, n, named, bands, first, rng):
    """Return images (n, n_filter, ny, nx), electron/s, and the y and x of clusters in them."""
    filters = {name: mosaic is not None for name, mosaic in named.items()}
    if callable(clusters):
        is_random = wanted is None
        fractions = rng.uniform(-0.5, 0.5, (n, 2)) if is_random else wanted - np.rint(wanted)
        images, centres = render_stamps(clusters, fractions, filters, bands)
    else:
        images, centres = read_stamps(clusters, filters, bands, _scale(first))
    n_negative = np.count_nonzero(images.sum(axis=(2, 3), dtype=float) < 0)
    if n_negative:
        msg = f'clusters must have no images with a negative sum, got {n_negative} of them'
        raise ValueError(msg)
    return images, centres


def _scale(mosaic):
    """Return the pixel scale, arcsec, or `None`."""
    _, scale = _check_scales({'': mosaic})
    return None if scale is None else scale.to_value(u.arcsec)


def _bad(present):
    """Return the pixels (ny, nx) that are masked or not finite in any filter."""
    bad = np.zeros(next(iter(present.values())).data.shape, bool)
    for mosaic in present.values():
        bad |= ~np.isfinite(mosaic.data)
        if mosaic.mask is not None:
            bad |= mosaic.mask
    return bad


def _add(present, images, starts, rngs, bands, times, noise):
    """Return copies of mosaics with images whose first rows and columns are given."""
    injected = {name: deepcopy(mosaic) for name, mosaic in present.items()}
    rates = [_rate(name, mosaic, bands) for name, mosaic in present.items()]
    times = [times.get(name) for name in present]
    bad = _bad(present)
    for image, start, rng in zip(images, starts, rngs, strict=True):
        moved, first = move(image, start)
        there, here = overlap(first, moved.shape[1:], bad.shape)
        light = moved[:, *here]
        if noise != 'none' and light.size:
            level = np.zeros(len(light))
            if noise == 'level' and not bad[there].all():
                good = ~bad[there]
                levels = [np.median(mosaic.data[there][good]) for mosaic in present.values()]
                level = levels * np.array(rates)
            light = with_noise(light, level, times, rng)
        for mosaic, plane, rate in zip(injected.values(), light, rates, strict=True):
            mosaic.data[there] += plane / rate
    return injected


def _rate(name, mosaic, bands):
    """Return how many electron/s the unit of a mosaic is."""
    data = NDData(np.ones(1), unit=mosaic.unit, meta={})
    if mosaic.wcs is not None:
        data.meta['pixel_scale'] = _scale(mosaic) * u.arcsec
    return float(to_electrons(data.data, data, bands.get(name), name, RATE)[0])


def _finish_table(table, truth, images, filters, bands):
    """Return the table of sources with what is true of them and the light of their images."""
    columns = dict(table.items())
    parts = [] if truth is None else [QTable(truth)]
    parts.append(_light(images, filters, bands))
    for part in parts:
        if known := sorted(set(part.colnames) & set(columns)):
            msg = f'truth must not have the columns of positions and of light, got {known}'
            raise ValueError(msg)
        columns |= dict(part.items())
    columns = {'id': np.arange(1, len(table) + 1)} | columns
    first = [name for name in _FIRST if name in columns]
    return QTable({name: columns[name] for name in dict.fromkeys([*first, *columns])}, copy=True)


def _light(images, filters, bands):
    """Return the table of the light of images in each filter."""
    light = QTable()
    for name, planes in zip(filters, images.swapaxes(0, 1), strict=True):
        flux = planes.sum(axis=(1, 2), dtype=float) * RATE
        light[f'flux_{name}' if name else 'flux'] = flux
        if name in bands:
            light[f'mag_{name}' if name else 'mag'] = bands[name].magnitude(flux)
    return light
