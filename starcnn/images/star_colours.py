# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Magnitudes of real stars in several filters, from which those of other stars are drawn.
"""

from functools import cache
from importlib.resources import files

import astropy.units as u
import numpy as np

from starcnn.sky._table import read_table
from starcnn.sky._units import strip_unit

__all__ = ['StarColours']

_KIND = 'magnitudes of stars'
_FILE = 'phat_stars.npz'

# A star is like one of so many real stars, half of which are next brighter, half next fainter.
_N_NEAREST = 50


class StarColours:
    """
    A sample of real stars with magnitudes in several filters.

    A star of which one magnitude is known gets all others from one real star
    of about that magnitude. So the colours keep their joint distribution, and
    its change with magnitude.

    Parameters
    ----------
    magnitudes : `~astropy.units.Quantity` with shape (n_star, n_filter)
        The apparent magnitudes of real stars, mag.

    filters : sequence of str
        The filters.

    weights : `~numpy.ndarray` with shape (n_star,), optional
        How many stars each one stands for, if not the same number.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If the shapes do not agree, there are fewer than 50 stars, or a value
        is not finite.

    Examples
    --------
    >>> import astropy.units as u
    >>> from starcnn.images import StarColours
    >>> colours = StarColours.phat()
    >>> colours.filters
    ('F275W', 'F336W', 'F475W', 'F814W', 'F110W', 'F160W')
    >>> colours.draw([25, 26] * u.mag, 'F475W', rng=0).shape
    (2, 6)
    """

    def __init__(self, magnitudes, *, filters, weights=None):
        values = np.asarray(strip_unit(magnitudes, u.mag, 'magnitudes'), float)
        filters = tuple(filters)
        if values.ndim != 2 or values.shape[1] != len(filters) or len(values) < _N_NEAREST:  # noqa: PLR2004
            msg = (
                f'magnitudes must have shape (n_star, {len(filters)}) with at least '
                f'{_N_NEAREST} stars, got {values.shape}'
            )
            raise ValueError(msg)
        weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
        if weights.shape != (len(values),) or not (weights > 0).all():
            msg = f'weights must be {len(values)} positive numbers, got shape {weights.shape}'
            raise ValueError(msg)
        if not np.isfinite(values).all():
            msg = f'magnitudes must be finite, got {np.sum(~np.isfinite(values))} that are not'
            raise ValueError(msg)
        self.filters = filters
        self._magnitudes, self._weights = values, weights

    @classmethod
    def phat(cls):
        """
        Return the packaged sample: 3608 stars of M31 in the six filters of PHAT.

        Returns
        -------
        colours : `StarColours`
            Apparent Vega magnitudes in F275W and F336W (WFC3/UVIS), F475W and
            F814W (ACS/WFC), F110W and F160W (WFC3/IR).

        Notes
        -----
        The stars are of two catalogues of the PHAT survey (Dalcanton et al.
        2012, ApJS 200, 18; Williams et al. 2014, ApJS 215, 9) that are
        distributed with the BEAST (Gordon et al. 2016, ApJ 826, 104). Those
        fainter than 24.3 mag in F814W are from fields of brick 15. That
        catalogue has none brighter, so the 163 brighter ones are from the
        cluster AP 95 in that brick, with weights such that their part at each
        magnitude is that in the cluster: 0.79, 0.61, 0.46 and 0.24 in the half
        magnitudes of F475W from 24.5 mag on. For discs of the PARSEC isochrones
        it is 0.2 to 0.9, 0.1 to 0.9, 0.2 to 0.8 and 0 to 0.8, by age,
        metallicity and dust. So the colours of red giants are real, but their
        share at a magnitude is known to a factor of two only.

        Fluxes below three standard errors, which are most of F275W and three
        quarters of F336W, are replaced by the mean of 40 stars alike in
        F475W and F475W - F814W: the light of faint stars is right, its scatter
        between them too small. No star is fainter than 27.6 mag in F475W.
        """
        return _phat()

    def draw(self, magnitude, filter, *, rng=None):  # noqa: A002
        """
        Draw the magnitudes in all filters of stars of which one is known.

        Parameters
        ----------
        magnitude : `~astropy.units.Quantity` with shape (n,)
            The known magnitudes.

        filter : str
            Their filter.

        rng : `None`, int or `~numpy.random.Generator`, optional
            The source of randomness.

        Returns
        -------
        magnitudes : `~astropy.units.Quantity` with shape (n, n_filter)
            The magnitudes in the order of ``filters``: those of one of the 25
            next brighter and 25 next fainter real stars, all shifted by the
            difference in the known filter. Beyond the ends of the sample the
            colours are those of its 50 brightest or faintest stars.

        Raises
        ------
        ValueError
            If there is no such filter, or a magnitude is not finite.
        """
        rng = np.random.default_rng(rng)
        known = np.atleast_1d(strip_unit(magnitude, u.mag, 'magnitude'))
        if known.ndim != 1 or not np.isfinite(known).all():
            msg = f'magnitude must be finite, with shape (n,), got shape {known.shape}'
            raise ValueError(msg)
        index = self._index(filter)
        order = np.argsort(self._magnitudes[:, index], kind='stable')
        stars, weights = self._magnitudes[order], self._weights[order]
        start = np.searchsorted(stars[:, index], known) - _N_NEAREST // 2
        start = np.clip(start, 0, len(stars) - _N_NEAREST)
        total = np.append(0, np.cumsum(weights))
        low, high = total[start], total[start + _N_NEAREST]
        place = low + (high - low) * rng.random(len(known))
        chosen = stars[np.clip(np.searchsorted(total, place) - 1, start, start + _N_NEAREST - 1)]
        return (chosen + (known - chosen[:, index])[:, np.newaxis]) * u.mag

    def count(self, magnitudes, filter):  # noqa: A002
        """
        Return how many stars the sample stands for in bins of magnitude.

        Parameters
        ----------
        magnitudes : `~astropy.units.Quantity` with shape (n + 1,)
            The edges of the bins.

        filter : str
            The filter.

        Returns
        -------
        number : `~numpy.ndarray` with shape (n,)
            The sums of the weights.
        """
        edges = strip_unit(magnitudes, u.mag, 'magnitudes')
        values = self._magnitudes[:, self._index(filter)]
        return np.histogram(values, edges, weights=self._weights)[0]

    def faintest(self, filter):  # noqa: A002
        """
        Return the magnitude of the faintest star of the sample.

        Parameters
        ----------
        filter : str
            The filter.

        Returns
        -------
        magnitude : `~astropy.units.Quantity`
            The magnitude.
        """
        return self._magnitudes[:, self._index(filter)].max() * u.mag

    def _index(self, name):
        """Return the place of a filter."""
        if name not in self.filters:
            msg = f'filter must be one of {list(self.filters)}, got {name!r}'
            raise ValueError(msg)
        return self.filters.index(name)


@cache
def _phat():
    with (files('starcnn.images') / 'data' / _FILE).open('rb') as file:
        table, meta = read_table(file, _KIND)
    magnitudes = table['millimag'].astype(float) / 1000
    return StarColours(magnitudes * u.mag, filters=meta['filters'], weights=table['weight'])
