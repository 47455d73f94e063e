# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Fluxes and positions of all stars of an image, fitted together, in plain numbers.
"""

import warnings

import numpy as np

# Half the side of the square around a star in which it is fitted, pixels; what is outside is
# subtracted all the same.
_HALF = 7

# Finer samples of the point spread function per pixel, to be interpolated between.
OVERSAMPLING = 4

# How much the steps of fluxes and positions together are damped, where columns of the matrix have
# length one, and the longest step of a position, pixels.
_DAMPING = 0.1
_MAX_STEP = 0.5

# Two stars nearer than this are one, pixels.
_NEAREST = 1.0

# The boxes in which the background is measured, pixels, and over how many its medians are taken.
_BOX = 48
_N_BOX = 3

# Steps of the solver, and its tolerance.
_N_STEP = 60
_TOLERANCE = 1e-3

# Fits after each search.
_N_FIT = 2

# Places of a star in a pixel at which its image is kept, along each axis; between them it is
# linear: errors of 1e-3 of the peak.
_N_PHASE = 20

_DERIVATIVE = 0.01  # pixels: the step of finite differences


class StarFit:
    """
    The stars of one image.

    Parameters
    ----------
    data : `~numpy.ndarray` with shape (ny, nx)
        The image.

    good : `~numpy.ndarray` with shape (ny, nx)
        Whether a pixel is good.

    epsf : `~numpy.ndarray` with shape (n, n)
        The point spread function with its pixel, four samples per pixel.

    renderer : `~starcnn.images.StarRenderer`
        What draws stars in one filter on such an image.

    sigma : float
        The standard deviation of the noise of the sky in a pixel.
    """

    def __init__(self, data, good, *, epsf, renderer, sigma):
        from photutils.psf import ImagePSF

        self.data, self.good, self.sigma = np.where(good, data, 0), good, sigma
        self.renderer = renderer
        half = (_HALF + 2) * OVERSAMPLING
        epsf = np.pad(epsf, max(half - len(epsf) // 2, 0))
        middle = len(epsf) // 2
        core = epsf[middle - half : middle + half + 1, middle - half : middle + half + 1]
        self.phases = _phases(ImagePSF(core * OVERSAMPLING**2, oversampling=OVERSAMPLING))
        middle = self.phases[:, _N_PHASE // 2, _N_PHASE // 2]
        self.norms = np.sqrt((middle**2).sum(axis=(1, 2)))
        self.peak = core.max() * OVERSAMPLING**2
        self.fwhm = 2 * np.sqrt((core > core.max() / 2).sum() / np.pi) / OVERSAMPLING
        self.x, self.y, self.flux = np.zeros((3, 0))
        self.sky = np.zeros_like(self.data)
        self.measure_sky()

    def run(self, threshold, n_pass):
        """Find and fit stars whose peaks are above a threshold."""
        for _ in range(n_pass):
            self.find(threshold)
            for _ in range(_N_FIT):
                self.fit_positions()
                self.drop(threshold)
            self.fit_fluxes()
            self.measure_sky()
        self.fit_fluxes()

    def residual(self):
        """Return what is left of the image without its stars and its background."""
        ny, nx = self.data.shape
        stars = self.renderer._render(
            self.x - (nx - 1) / 2, self.y - (ny - 1) / 2, self.flux[:, np.newaxis]
        )
        return np.where(self.good, self.data - self.sky - stars[0], 0)

    def find(self, threshold):
        """Add the stars that stand out of the residual."""
        from photutils.detection import DAOStarFinder
        from photutils.utils.exceptions import NoDetectionsWarning
        from scipy.spatial import cKDTree

        finder = DAOStarFinder(threshold, self.fwhm)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NoDetectionsWarning)
            found = finder(self.residual(), mask=~self.good)
        if found is None:
            return
        # The names of these columns have an underscore since photutils 3.
        x, y = (
            np.asarray(found[next(name for name in found.colnames if name in names)])
            for names in (('x_centroid', 'xcentroid'), ('y_centroid', 'ycentroid'))
        )
        if len(self.x):
            distance, _ = cKDTree(np.column_stack([self.x, self.y])).query(np.column_stack([x, y]))
            x, y = x[distance > _NEAREST], y[distance > _NEAREST]
        self.x, self.y = np.append(self.x, x), np.append(self.y, y)
        self.flux = np.append(self.flux, np.zeros(len(x)))
        self.fit_fluxes()

    def fit_fluxes(self):
        """Correct the fluxes by what the residual asks for."""
        from scipy.sparse.linalg import lsqr

        if len(self.x):
            self.flux += lsqr(
                self.design(),
                self.residual().ravel(),
                atol=_TOLERANCE,
                btol=_TOLERANCE,
                iter_lim=_N_STEP,
            )[0]

    def fit_positions(self):
        """Correct fluxes and positions together."""
        from scipy.sparse.linalg import lsqr

        n = len(self.x)
        if not n:
            return
        step = lsqr(
            self.design(derivatives=True),
            self.residual().ravel(),
            damp=_DAMPING,
            atol=_TOLERANCE,
            btol=_TOLERANCE,
            iter_lim=_N_STEP,
        )[0]
        step = step.reshape(3, n) / self.norms[:, np.newaxis]
        self.flux += step[0]
        moved = step[1:] / np.where(self.flux > 0, self.flux, np.inf)
        self.x, self.y = np.stack([self.x, self.y]) + np.clip(moved, -_MAX_STEP, _MAX_STEP)

    def drop(self, threshold):
        """Leave out stars that are too faint, outside, or at the place of a brighter one."""
        from scipy.spatial import cKDTree

        ny, nx = self.data.shape
        keep = self.flux * self.peak > threshold
        keep &= (abs(self.x - (nx - 1) / 2) < nx / 2) & (abs(self.y - (ny - 1) / 2) < ny / 2)
        pairs = cKDTree(np.column_stack([self.x, self.y])).query_pairs(
            _NEAREST, output_type='ndarray'
        )
        if len(pairs):
            fainter = self.flux[pairs[:, 0]] < self.flux[pairs[:, 1]]
            keep[np.where(fainter, pairs[:, 0], pairs[:, 1])] = False
        self.x, self.y, self.flux = self.x[keep], self.y[keep], self.flux[keep]

    def measure_sky(self):
        """Measure the background between the stars."""
        from photutils.background import Background2D, MedianBackground

        box = tuple(min(_BOX, n) for n in self.data.shape)
        background = Background2D(
            self.residual(),
            box,
            mask=~self.good,
            filter_size=_N_BOX,
            exclude_percentile=90,
            bkg_estimator=MedianBackground(),
        )
        self.sky = self.sky + background.background

    def errors(self):
        """Return the standard errors of the fluxes, from the residuals under the stars."""
        if not len(self.x):
            return np.zeros(0)
        matrix = self.design()
        weights = matrix.multiply(matrix)
        norm = np.asarray(weights.sum(axis=0)).ravel()
        variance = weights.T @ self.residual().ravel() ** 2
        return np.sqrt(np.maximum(variance, norm * self.sigma**2)) / norm

    def design(self, *, derivatives=False):
        """
        Return a sparse matrix (pixel, star) of stars of unit flux.

        With derivatives there are three columns for each star, all of about
        length one: it, and its derivatives along x and y.
        """
        from scipy.sparse import csc_array

        ny, nx = self.data.shape
        offset = np.arange(-_HALF, _HALF + 1)
        x, y = np.rint(self.x).astype(int), np.rint(self.y).astype(int)
        rows, columns = np.broadcast_arrays(
            y[:, np.newaxis, np.newaxis] + offset[:, np.newaxis],
            x[:, np.newaxis, np.newaxis] + offset,
        )
        use = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
        use[use] = self.good[rows[use], columns[use]]
        index = (rows * nx + columns)[use]
        stamps = self.stamps_at(self.x - x, self.y - y)
        if derivatives:
            stamps = [stamp / norm for stamp, norm in zip(stamps, self.norms, strict=True)]
        else:
            stamps = stamps[:1]
        n = len(stamps)
        values = np.concatenate([stamp[use] for stamp in stamps])
        ends = np.append(0, np.cumsum(np.tile(use.sum(axis=(1, 2)), n)))
        return csc_array((values, np.tile(index, n), ends), shape=(ny * nx, n * len(x)))

    def stamps_at(self, x, y):
        """Return the images of stars at parts of a pixel from the centre, and their derivatives."""
        i, j = (np.rint(v * _N_PHASE).astype(int) for v in (x, y))
        near = self.phases[:, j + _N_PHASE // 2, i + _N_PHASE // 2]
        dx, dy = x - i / _N_PHASE, y - j / _N_PHASE
        flux = near[0] + near[1] * dx[:, np.newaxis, np.newaxis]
        flux += near[2] * dy[:, np.newaxis, np.newaxis]
        return flux, near[1], near[2]


def _phases(model):
    """Return images (3, n, n, ny, nx) of a star across a pixel, and their derivatives."""
    offset = np.arange(-_HALF, _HALF + 1.0)
    places = np.arange(-_N_PHASE // 2, _N_PHASE // 2 + 1) / _N_PHASE
    y0, x0, y, x = np.meshgrid(places, places, offset, offset, indexing='ij')

    def at(dx, dy):
        return model.evaluate(x, y, 1.0, x0 + dx, y0 + dy)

    along_x, along_y = (
        (at(*step) - at(*np.negative(step))) / (2 * _DERIVATIVE)
        for step in ((_DERIVATIVE, 0), (0, _DERIVATIVE))
    )
    return np.stack([at(0, 0), along_x, along_y])
