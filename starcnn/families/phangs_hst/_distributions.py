# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Concentration indices, magnitudes and colours of simulated stamps beside those of LEGUS, by class.
"""

import astropy.units as u
import numpy as np

from ._apertures import RADII, RING, concentration
from ._drawing import corrections
from ._galaxies import get_observatory
from ._populations import quantile_table
from .simulator import sample_like_legus, simulate
from .spec import CLASSES, FILTERS

__all__ = ['compare_with_legus', 'measure_stamps']

_V = FILTERS.index('F555W')
_COLOURS = ('nuv_u', 'u_b', 'b_v', 'v_i')

# The box in which sources are centred, pixels.
_BOX = 5

# Percentiles by which the shift of a distribution is told.
_PERCENTILES = (5, 16, 25, 50, 75, 84, 95)


def measure_stamps(stamps, blur, options):
    """
    Measure stamps as LEGUS does its candidates.

    Parameters
    ----------
    stamps : `~astropy.nddata.NDData` with shape (n, n_filter, ny, nx)
        The stamps, electron/s.

    blur : `~numpy.ndarray` with shape (n,)
        How blurred they are, pixels: what the light outside of the aperture
        depends on.

    options : `Options`
        How they were observed.

    Returns
    -------
    measured : dict of `~numpy.ndarray` with shape (n,)
        The concentration index ``ci`` in F555W (apertures of 1 and 3 pixels),
        the magnitude ``v`` (4 pixels, less the median of an annulus of 7 to 8,
        and the mean correction of clusters), and colours; NaN where a flux is
        not positive.
    """
    from starcnn.images._aperture_photometry import measure

    observatory = get_observatory(options)
    n, n_filter, ny, nx = stamps.data.shape
    # side by side, as in a mosaic
    planes = np.moveaxis(np.asarray(stamps.data, float), 0, 2).reshape(n_filter, ny, n * nx)
    x, y = _find_centres(np.asarray(stamps.data[:, _V], float))
    x += nx * np.arange(n)
    flux = []
    for plane in planes:
        bad = np.zeros(plane.shape, bool)
        flux.append(measure(plane, bad, x, y, radii=RADII, ring=RING, time=np.inf).fluxes)
    ci = concentration(*flux[_V][:2])
    factors = {value: corrections(observatory, value) for value in set(np.ravel(blur).tolist())}
    total = np.array(flux)[:, 2].T * [factors[value] for value in np.ravel(blur).tolist()]
    with np.errstate(invalid='ignore', divide='ignore'):
        magnitudes = observatory.zero_points - 2.5 * np.log10(total)
    magnitudes[~np.isfinite(magnitudes)] = np.nan
    colours = dict(zip(_COLOURS, -np.diff(magnitudes, axis=1).T, strict=True))
    return {'ci': ci, 'v': magnitudes[:, _V], **colours}


def _find_centres(planes):
    """Return the centres x and y of the light in a box in the middle of images."""
    (ny, nx), axis = planes.shape[1:], np.arange(_BOX)
    row, column = (ny - _BOX) // 2, (nx - _BOX) // 2
    box = planes[:, row : row + _BOX, column : column + _BOX]
    light = box - box.min(axis=(1, 2), keepdims=True)
    total = light.sum(axis=(1, 2))
    return column + light.sum(axis=1) @ axis / total, row + light.sum(axis=2) @ axis / total


def compare_with_legus(n, *, options, rng=None):
    """
    Simulate each class as LEGUS has it, measure it, and compare.

    Parameters
    ----------
    n : int
        The number of sources of each class.

    options : `Options`
        How they are observed; galaxies are at the distances of those of LEGUS.

    rng : `None`, int or `~numpy.random.Generator`, optional
        The random numbers.

    Returns
    -------
    comparison : dict
        By class and variable (``ci``, ``m_v``, ``nuv_u``, ``u_b``, ``b_v``,
        ``v_i``, ``log_age``, ``log_mass``, ``e_bv``): ``levels`` and the
        ``quantiles`` of the real sources there, the ``simulated`` values, the
        largest difference ``ks`` of the two cumulative distributions, and
        ``shift``, the simulated minus the real 5, 16, 25, 50, 75, 84 and 95th
        percentiles.
    """
    rng = np.random.default_rng(rng)
    labels = np.repeat(CLASSES, n)
    parameters = sample_like_legus(labels, options, rng)
    stamps, truth = simulate(parameters, options, rng)
    values = measure_stamps(stamps, truth['blur'].value, options)
    values['m_v'] = values['v'] - 5 * np.log10(truth['distance'].to_value(u.pc) / 10)
    values['log_age'] = np.log10(truth['age'].to_value(u.yr))
    values['log_mass'] = np.log10(truth['mass'].to_value(u.solMass))
    values['e_bv'] = truth['a_v'].to_value(u.mag) / options.r_v
    names = ('ci', 'm_v', *_COLOURS, 'log_age', 'log_mass', 'e_bv')
    return {
        label: {name: _compare(values[name][labels == label], label, name) for name in names}
        for label in CLASSES
    }


def _compare(values, label, name):
    """Return real quantiles, simulated values, and how they differ."""
    levels, quantiles = quantile_table(label)
    real, values = quantiles[name], np.sort(values[np.isfinite(values)])
    out = {'levels': levels, 'quantiles': real, 'simulated': values}
    if not len(values):
        return out | {'ks': np.nan, 'shift': np.full(len(_PERCENTILES), np.nan)}
    # the parts of the simulated below, and up to, each real quantile: equal values are no distance
    below, up_to = (np.searchsorted(values, real, side=s) / len(values) for s in ('left', 'right'))
    ks = np.maximum(np.maximum(below - levels, levels - up_to), 0).max()
    at = np.interp(np.array(_PERCENTILES) / 100, levels, real)
    return out | {'ks': float(ks), 'shift': np.percentile(values, _PERCENTILES) - at}
