# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stars drawn one by one with GalSim.
"""

import numpy as np


def render_galsim(x, y, fluxes, psfs, *, shape, pixel_scale):
    """
    Return the image of stars, each drawn as a GalSim object over the whole frame.

    Positions are in pixels from the centre of the frame, the pixel scale in arcsec,
    fluxes (n_star, n_filter) and the image (n_filter, ny, nx) in electron/s. Stars whose
    PSFs do not reach the frame are left out: GalSim would make large transforms for them.
    """
    import galsim

    ny, nx = shape
    frame = np.zeros((len(psfs), ny, nx))
    for psf, flux, data in zip(psfs, fluxes.T, frame, strict=True):
        image = galsim.Image(data, scale=pixel_scale)  # shares its memory with the frame
        profile = psf.to_galsim()
        method = 'no_pixel' if psf.includes_pixel else 'auto'
        reach = len(psf.epsf(pixel_scale, 1)) // 2 + 1  # pixels, rounded up
        near = (np.abs(x) < nx / 2 + reach) & (np.abs(y) < ny / 2 + reach)
        for x_star, y_star, flux_star in zip(x[near], y[near], flux[near], strict=True):
            # The centre of the first pixel is at (1, 1) in GalSim.
            center = galsim.PositionD(x_star + (nx + 1) / 2, y_star + (ny + 1) / 2)
            # Scaled, since the flux of the profile is the part that its array holds.
            star = profile.withScaledFlux(flux_star)
            star.drawImage(image, method=method, center=center, add_to_image=True)
    return frame
