# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Stars as cubic B-splines on a fine grid, and the filter that makes PSFs of them.
"""

import numpy as np

# A cubic B-spline covers four cells in each direction.
_N_TAP = 4

# Samples of the PSF per cell of the fine grid. Twice the number of cells keeps what the
# sampling of the PSF folds back away from the frequencies of the grid.
_N_SAMPLE = 2


class FastFrame:
    """
    A frame of a fixed shape, with the transfer functions of its PSFs.

    Stars are deposited on a grid of ``oversampling`` cells per pixel that extends
    beyond the frame as far as the PSFs reach, so that nothing wraps round into the
    frame. One Fourier transform per filter, one product with the transfer function
    of the PSF over that of the B-spline, and a transform back on the grid of the
    pixels make the image.
    """

    # Stars deposited at a time: the weights of a part take about 50 MB.
    n_part = 2**18

    def __init__(self, psfs, shape, pixel_scale, oversampling):
        from scipy import fft

        epsfs = [psf.epsf(pixel_scale, _N_SAMPLE * oversampling) for psf in psfs]
        # How far the PSFs reach, pixels.
        self.reach = max(len(epsf) // 2 for epsf in epsfs) / (_N_SAMPLE * oversampling)
        self.shape = shape
        self.oversampling = oversampling
        # Pixels before the first of the frame; stars half a pixel outside of the reach and
        # the spline, which covers less than a pixel on either side, are still on the grid.
        self.before = int(np.ceil(self.reach)) + 2
        # Odd numbers of pixels are as good as even ones, since only columns are halved.
        self.n_pixel = tuple(fft.next_fast_len(n + 2 * self.before, real=True) for n in shape)
        self.n_cell = tuple(n * oversampling for n in self.n_pixel)
        self.transfer = np.stack([self._make_transfer(epsf) for epsf in epsfs])

    def _make_transfer(self, epsf):
        """Return the transfer function from deposits to pixels, (n_cell_y, n_cell_x // 2 + 1)."""
        n_y, n_x = self.n_cell
        step = _N_SAMPLE * self.oversampling
        offset = (np.arange(len(epsf)) - len(epsf) // 2) / step  # pixels
        k_y = np.fft.fftfreq(n_y, 1 / self.oversampling)  # cycles per pixel
        k_x = np.fft.rfftfreq(n_x, 1 / self.oversampling)
        left = np.exp(-2j * np.pi * np.outer(k_y, offset))
        right = np.exp(-2j * np.pi * np.outer(offset, k_x))
        window = np.outer(
            np.sinc(k_y / self.oversampling) ** _N_TAP, np.sinc(k_x / self.oversampling) ** _N_TAP
        )
        return (left @ epsf @ right / window).astype(np.complex64)

    def render(self, x, y, fluxes, faint=None):
        """
        Return the image of stars, electron/s.

        Positions are in pixels from the centre of the frame, fluxes (n_star, n_filter)
        in electron/s; ``faint`` is x, y and the sum of the fluxes in each filter of
        stars that share it equally.
        """
        grid = np.ascontiguousarray(self._deposit(x, y, fluxes).T)
        if faint is not None and len(faint[0]):
            x, y, total = faint
            places = self._deposit(x, y, None)[:, 0]
            for plane, flux in zip(grid, np.divide(total, len(x), dtype=np.float32), strict=True):
                plane += places * flux
        return self._convolve(grid.reshape(-1, *self.n_cell))

    def _deposit(self, x, y, fluxes):
        """Return the grid of stars, (n_cell_y * n_cell_x, n_filter); of ones without fluxes."""
        ny, nx = self.shape
        inside = np.flatnonzero(
            (np.abs(x) < nx / 2 + self.reach) & (np.abs(y) < ny / 2 + self.reach)
        )
        n_filter = 1 if fluxes is None else fluxes.shape[1]
        grid = None
        for start in range(0, max(len(inside), 1), self.n_part):
            part = inside[start : start + self.n_part]
            matrix = self._make_matrix(x[part], y[part])
            flux = np.ones((len(part), n_filter)) if fluxes is None else fluxes[part]
            deposit = matrix @ flux.astype(np.float32)
            grid = deposit if grid is None else np.add(grid, deposit, out=grid)
        return grid

    def _make_matrix(self, x, y):
        """Return the weight of each star in each cell as a sparse matrix (n_cell, n_star)."""
        from scipy.sparse import csc_array

        ny, nx = self.shape
        n_y, n_x = self.n_cell
        column, weight_x = _weigh((x + (nx - 1) / 2 + self.before) * self.oversampling)
        row, weight_y = _weigh((y + (ny - 1) / 2 + self.before) * self.oversampling)
        first = row * n_x + column
        offset = np.add.outer(np.arange(_N_TAP) * n_x, np.arange(_N_TAP)).ravel()
        cells = first[:, None] + offset.astype(np.int32)
        weights = weight_y.T[:, :, None] * weight_x.T[:, None, :]
        starts = np.arange(len(x) + 1, dtype=np.int32) * _N_TAP**2
        return csc_array((weights.ravel(), cells.ravel(), starts), shape=(n_y * n_x, len(x)))

    def _convolve(self, grid):
        """Return the images of grids, (n_filter, n_cell_y, n_cell_x)."""
        from scipy import fft

        ny, nx = self.shape
        spectrum = fft.rfft2(grid)
        spectrum *= self.transfer
        folded = _fold(spectrum, self.n_pixel, self.oversampling)
        image = fft.irfft2(folded, s=self.n_pixel, overwrite_x=True)
        return image[:, self.before : self.before + ny, self.before : self.before + nx].copy()


def _weigh(position):
    """Return the first cell that each star's spline covers, and its weights (4, n_star)."""
    cell = np.floor(position)
    d = (position - cell).astype(np.float32)
    e = 1 - d
    weights = np.stack([e**3 / 6, 2 / 3 - d**2 * (1 + e) / 2, 2 / 3 - e**2 * (1 + d) / 2, d**3 / 6])
    return cell.astype(np.int32) - 1, weights


def _fold(spectrum, n_pixel, oversampling):
    """
    Return the half spectrum of every ``oversampling``-th sample of a signal.

    Sampling a signal adds up what its spectrum holds at the same frequency of the
    coarse grid. Columns of the half that a real transform leaves out are the
    conjugates of columns in the other half.
    """
    n_y, n_x = n_pixel
    rows = spectrum[:, :n_y].copy()
    for i in range(1, oversampling):
        rows += spectrum[:, i * n_y : (i + 1) * n_y]
    n_column, n_cell = n_x // 2 + 1, oversampling * n_x
    folded = rows[:, :, :n_column].copy()
    mirrored = -np.arange(n_y) % n_y
    for i in range(1, oversampling):
        start = i * n_x
        n_direct = min(max(n_cell // 2 + 1 - start, 0), n_column)
        folded[:, :, :n_direct] += rows[:, :, start : start + n_direct]
        # Column start + k is the conjugate of n_cell - start - k.
        others = rows[:, :, n_cell - start - np.arange(n_direct, n_column)]
        folded[:, :, n_direct:] += others[:, mirrored].conj()
    return folded
