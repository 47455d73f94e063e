# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Member stars to arrays, and arrays to ages, extinctions and distances.
"""

import warnings

import numpy as np
from astropy.table import Column, QTable

from starcnn.exceptions import StarcnnWarning
from starcnn.files import read_files
from starcnn.flags import FILLED, NO_DATA, OUTSIDE
from starcnn.images.cmd import cmd_features, cmd_histogram, cmd_picture
from starcnn.plugins import NetworkBackend
from starcnn.tables import parameter_table

from .members import Members
from .spec import (
    BIBCODE,
    COLOUR_RANGE,
    GUESSES_INPUT,
    HISTOGRAM_INPUT,
    MAGNITUDE_RANGE,
    N_COLOUR,
    N_MAGNITUDE,
    N_STARS_MIN,
    NAME,
    PICTURE_COLOUR_RANGE,
    PICTURE_INPUT,
    PICTURE_SHAPE,
    STARS_INPUT,
)

__all__ = ['BACKEND', 'decode', 'encode']

# sigma(m) = 1.0857 / (flux over error): 2.5 / ln 10.
_POGSON = 2.5 / np.log(10)

# The columns of errors among those of the stars.
_ERRORS = slice(4, 8)

# A cluster is outside the training range if fewer of its stars than this are inside it.
_INSIDE = 0.9


def encode(data, spec):
    """
    Turn member stars into the arrays that a network takes.

    Parameters
    ----------
    data : `~astropy.table.Table`
        One row per star, with a ``cluster`` column and the Gaia archive's
        ``phot_g_mean_mag``, ``phot_bp_mean_mag``, ``phot_rp_mean_mag`` and
        ``parallax``; ``phot_*_mean_flux_over_error``, ``parallax_error`` and
        ``prob_member`` are used where there are any.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    Returns
    -------
    inputs : dict of `~numpy.ndarray` of float32
        The inputs that the spec names, one row per cluster in the order in
        which the clusters first appear; NaN for clusters without usable stars.

    Raises
    ------
    TypeError, ValueError, `~astropy.units.UnitsError`
        If ``data`` is not such a table.
    """
    members = Members.from_table(data)
    return {part.name: _ENCODERS[part.name](members) for part in spec.inputs}


def decode(outputs, spec, data):
    """
    Turn the outputs of a network into a table.

    Parameters
    ----------
    outputs : dict of `~numpy.ndarray`
        The outputs that the spec names, one row per cluster.

    spec : `~starcnn.networks.Spec`
        The spec of the network.

    data : `~astropy.table.Table`
        What `encode` was given.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per cluster: ``id``, ``cluster``, ``n_stars`` (the number of
        usable stars), ``age``, ``a_v`` and ``distance`` with their 16th and
        84th percentiles, and ``flags``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', StarcnnWarning)  # encode has given it
        members = Members.from_table(data, ordered=False)
    sources = QTable(
        {
            'cluster': Column(members.clusters, description='name of the cluster'),
            'n_stars': Column(members.n_stars, description='number of usable stars'),
        }
    )
    return parameter_table(outputs, spec, sources=sources, flags=_flags(members))


def _flags(members):
    """Return the bits that are known from the stars alone."""
    columns = members.columns
    inside = np.ones(len(columns['parallax']), dtype=bool)
    for name, (low, high) in zip(STARS_INPUT.columns[:4], STARS_INPUT.bounds[:4], strict=True):
        inside &= ~((columns[name] < low) | (columns[name] > high))
    n = members.n_stars
    n_inside, n_parallax = (
        np.add.reduceat(np.append(values, 0), members.starts[:-1]) * (n > 0) if len(n) else n
        for values in (inside.astype(int), np.isfinite(columns['parallax']).astype(int))
    )
    outside = (n < N_STARS_MIN) | (n_inside < _INSIDE * n) | (n_parallax == 0)
    return (
        np.where(outside, OUTSIDE, 0)
        | np.where(members.n_left_out > 0, FILLED, 0)
        | np.where(n == 0, NO_DATA, 0)
    )


def _histograms(members):
    """Return the cells of the diagrams, with shape (n_cluster, n_cell)."""
    out = np.full((len(members), N_COLOUR * N_MAGNITUDE), np.nan, np.float32)
    for i in np.flatnonzero(members.n_stars):
        g, colour, _ = members.stars(i)
        out[i] = cmd_histogram(
            colour,
            g,
            colour_range=COLOUR_RANGE,
            magnitude_range=MAGNITUDE_RANGE,
            shape=(N_COLOUR, N_MAGNITUDE),
        )
    return out


def _pictures(members):
    """Return the pictures of the diagrams, with shape (n_cluster, 1, ny, nx)."""
    out = np.full((len(members), 1, *PICTURE_SHAPE), np.nan, np.float32)
    for i in np.flatnonzero(members.n_stars):
        g, colour, _ = members.stars(i)
        out[i, 0] = cmd_picture(
            colour,
            g,
            colour_range=PICTURE_COLOUR_RANGE,
            magnitude_range=MAGNITUDE_RANGE,
            shape=PICTURE_SHAPE,
        )
    return out


def _guesses(members):
    """Return the three guesses, with shape (n_cluster, 3)."""
    out = np.full((len(members), 3), np.nan, np.float32)
    for i in np.flatnonzero(members.n_stars):
        g, colour, parallax = members.stars(i)
        out[i] = cmd_features(colour, g, parallax)
    return out


def _stars(members):
    """Return the stars themselves, with shape (n_cluster, n_star, n_column), padded with NaN."""
    columns = members.columns
    errors = [_POGSON / columns[f'phot_{band}_mean_flux_over_error'] for band in ('g', 'bp', 'rp')]
    first = [columns[name] for name in STARS_INPUT.columns[:4]]
    last = [columns[name] for name in STARS_INPUT.columns[7:]]
    table = np.stack([*first, *errors, *last], axis=1)
    low, high = np.array(STARS_INPUT.bounds[_ERRORS]).T
    table[:, _ERRORS] = np.clip(table[:, _ERRORS], low, high)
    n_kept = np.minimum(members.n_stars, STARS_INPUT.n_max)
    out = np.full((len(members), max(n_kept.max(initial=0), 1), table.shape[1]), np.nan, np.float32)
    for i, (start, n, kept) in enumerate(
        zip(members.starts[:-1], members.n_stars, n_kept, strict=True)
    ):
        # More stars than the network takes are thinned out evenly in brightness.
        rows = ((np.arange(kept) + 0.5) * n / max(kept, 1)).astype(int)
        out[i, :kept] = table[start + rows]
    return out


_ENCODERS = {
    HISTOGRAM_INPUT.name: _histograms,
    GUESSES_INPUT.name: _guesses,
    PICTURE_INPUT.name: _pictures,
    STARS_INPUT.name: _stars,
}

BACKEND = NetworkBackend(
    name=NAME,
    summary='Age, A_V and distance of open clusters from their Gaia members',
    reference=BIBCODE,
    weights=read_files('starcnn.families.gaia_cmd', 'estimator'),
    encode=encode,
    decode=decode,
)
