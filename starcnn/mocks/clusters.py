# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Images of clusters without background and noise, and how visible they are.
"""

from typing import NamedTuple

import astropy.units as u
import numpy as np

from starcnn.mocks._stars import N_FAINT, draw_places, draw_stars, integrate

__all__ = ['Clusters', 'background_statistics', 'make_clusters', 'visibilities']

_LEAST_SCATTER = 1e-12  # electron/s: below all noise


class Clusters(NamedTuple):
    """
    Images of clusters without background, electron/s, and their light.

    Parameters
    ----------
    images : `~numpy.ndarray` with shape (n, n_filter, ny, nx)
        The images, electron/s.

    flux : `~numpy.ndarray` with shape (n, n_filter)
        The mean of the pixels within r_h and the point spread function, added
        in quadrature, electron/s.

    magnitudes : `~numpy.ndarray` with shape (n, n_filter)
        The integrated apparent magnitudes (Vega); infinite where there is no
        light.
    """

    images: np.ndarray
    flux: np.ndarray
    magnitudes: np.ndarray


def make_clusters(rows, setup, *, track=iter):
    """
    Draw the stars of clusters, and make their images.

    Parameters
    ----------
    rows : `~astropy.table.QTable`
        The parameters, as `complete_parameters` returns them. Each cluster
        depends on its row alone.

    setup : `Setup`
        How to observe.

    track : callable, optional
        What shows the progress: a function of the rows that yields them.

    Returns
    -------
    clusters : `Clusters`
        The images and their light.
    """
    n, n_filters = len(rows), len(setup.bands)
    made = Clusters(
        np.zeros((n, n_filters, *setup.options.shape), np.float32),
        np.zeros((n, n_filters)),
        np.zeros((n, n_filters)),
    )
    for i, row in enumerate(track(rows)):
        for array, values in zip(made, _make_cluster(row, setup), strict=True):
            array[i] = values
    return made


def _make_cluster(row, setup):
    """Return the image, the mean fluxes and the magnitudes of a cluster."""
    stars = draw_stars(row, setup)
    rates = 10 ** (-0.4 * (setup.modulus - setup.zero_points))
    n_bright = len(stars.bright)
    x, y, centre = draw_places(row, n_bright + min(stars.n_faint, N_FAINT), setup)
    image = setup.renderer._render(
        x[:n_bright],
        y[:n_bright],
        stars.bright * rates,
        (x[n_bright:], y[n_bright:], stars.faint * rates),
    )
    r_h = row['r_h'].to_value(u.arcsec)
    flux = _mean_flux(image, r_h, setup.distances(*centre), setup)
    return image, flux, integrate(stars, setup)


def _mean_flux(image, r_h, distances, setup):
    """Return the mean of the pixels within r_h,obs: r_h and the PSF, added in quadrature."""
    radii = np.hypot(r_h, setup.psf_radii) / setup.pixel_scale
    radii = np.maximum(radii, distances.min())  # one pixel at least
    return np.array(
        [plane[distances <= radius].mean() for plane, radius in zip(image, radii, strict=True)]
    )


def background_statistics(fields, setup):
    """
    Measure backgrounds.

    Parameters
    ----------
    fields : `~numpy.ndarray` with shape (n, n_filter, ny, nx)
        The backgrounds.

    setup : `Setup`
        The options, which say what the middle is.

    Returns
    -------
    level, scatter : `~numpy.ndarray` with shape (n, n_filter)
        The median of all pixels, and the standard deviation of those in the
        middle.
    """
    near = fields[:, :, setup.aperture]
    n_pixels = fields.shape[2] * fields.shape[3]
    return np.median(fields.reshape(*fields.shape[:2], n_pixels), axis=2), near.std(axis=2)


def visibilities(flux, scatter):
    """
    Return how visible clusters are on their backgrounds.

    Parameters
    ----------
    flux : `~numpy.ndarray` with shape (n, n_filter)
        The mean fluxes of the clusters.

    scatter : `~numpy.ndarray` with shape (n, n_filter)
        The scatters of the backgrounds, in the same unit.

    Returns
    -------
    visibility : `~numpy.ndarray` with shape (n,)
        The mean ratio of the two over the filters.

    References
    ----------
    Bialopetravicius & Narbutis (2020), A&A 633, A148, Equation 2.
    """
    return (flux / np.maximum(scatter, _LEAST_SCATTER)).mean(axis=1)
