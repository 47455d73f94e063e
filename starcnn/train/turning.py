# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Turn, mirror and cut stamps, in another way in each pass of a training.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

__all__ = ['TurnStamps']

_N_SYMMETRIES = 8


@dataclass(frozen=True, kw_only=True)
class TurnStamps:
    """
    Make the images of a batch of a bank of stamps.

    Wei et al. (2020), section 3.4: flips at random, and rotations by any angle.

    Parameters
    ----------
    shape : tuple of int
        The shape (ny, nx) of the images, which are cut out of the middle of the
        stamps. Stamps that are 1.5 times as large have no empty corners after a
        rotation; otherwise what is inside is mirrored at the edge.

    any_angle : float, optional
        The fraction of images turned by any angle. The others are turned by
        quarters, which changes no pixel: interpolation makes the noise smoother
        than that of the images to be classified.

    shift : float, optional
        The largest shift of the centre along y and x, pixels, of images that
        are turned by any angle.

    zoom : float, optional
        The largest change of the natural logarithm of the size, of the same.

    missing : float, optional
        The fraction of images that lack one filter.
    """

    shape: tuple[int, int]
    any_angle: float = 1.0
    shift: float = 0.0
    zoom: float = 0.0
    missing: float = 0.0

    def __call__(self, inputs, truth, generator):
        """
        Return new images and the truth of each.

        Parameters
        ----------
        inputs : dict of `torch.Tensor`
            ``stamps``, (n, n_filter, ny, nx), not smaller than the shape.

        truth : dict of `torch.Tensor`
            What is returned unchanged.

        generator : `torch.Generator`
            The random numbers.

        Returns
        -------
        inputs, truth : dict of `torch.Tensor`
            ``images``, and the truth.
        """
        stamps = inputs['stamps']
        n, device = len(stamps), stamps.device
        order = torch.randperm(n, generator=generator, device=device)
        n_turned = round(self.any_angle * n)
        parts = []
        if n_turned:
            parts.append(self._turn(stamps[order[:n_turned]], generator))
        cut = self.cut(stamps[order[n_turned:]])
        is_square = self.shape[0] == self.shape[1]
        for k, part in enumerate(cut.chunk(_N_SYMMETRIES) if len(cut) else ()):
            n_quarters = k % 4 if is_square else 2 * (k % 2)
            turned = torch.rot90(part, n_quarters, dims=(2, 3))
            parts.append(turned.flip(3) if k >= _N_SYMMETRIES // 2 else turned)
        images = torch.cat(parts)[order.argsort()]
        if self.missing and images.shape[1] > 1:
            images = self._leave_out(images, generator)
        return {'images': images.contiguous(memory_format=torch.channels_last)}, truth

    def still(self, inputs, truth, generator=None):  # noqa: ARG002 - called as the others are
        """
        Return images as they are classified: the middle of the stamps.

        Parameters
        ----------
        inputs, truth, generator
            As for a call.

        Returns
        -------
        inputs, truth : dict of `torch.Tensor`
            ``images``, and the truth.
        """
        return {'images': self.cut(inputs['stamps'])}, truth

    def cut(self, stamps):
        """
        Return the middle of stamps.

        Parameters
        ----------
        stamps : `torch.Tensor` with shape (n, n_filter, ny, nx)
            The stamps.

        Returns
        -------
        images : `torch.Tensor`
            With the shape of this augmentation.
        """
        # the pixel of the centre stays that of the centre, as where stamps are classified
        low = [n // 2 - wanted // 2 for n, wanted in zip(stamps.shape[2:], self.shape, strict=True)]
        if any(n < wanted for n, wanted in zip(stamps.shape[2:], self.shape, strict=True)):
            msg = f'stamps must be at least {self.shape} pixels, got {tuple(stamps.shape[2:])}'
            raise ValueError(msg)
        (y, x), (ny, nx) = low, self.shape
        return stamps[:, :, y : y + ny, x : x + nx]

    def _turn(self, stamps, generator):
        """Return stamps turned by any angle, mirrored, shifted and zoomed, cut to the shape."""
        n, device = len(stamps), stamps.device

        def draw(*shape):
            return torch.rand(*shape, generator=generator, device=device)

        angle = 2 * math.pi * draw(n)
        scale = torch.exp(self.zoom * (2 * draw(n) - 1))
        mirror = torch.where(draw(n) < 1 / 2, -1.0, 1.0)
        shift = self.shift * (2 * draw(n, 2) - 1)
        sides = torch.tensor(stamps.shape[2:], device=device)
        # grid_sample has places from -1 to 1 along x and y of the whole stamp
        to_y, to_x = 2 / sides
        half_y, half_x = (side / 2 for side in self.shape)
        cos, sin = scale * angle.cos(), scale * angle.sin()
        rows = [
            [cos * mirror * half_x * to_x, -sin * half_y * to_x, shift[:, 0] * to_x],
            [sin * mirror * half_x * to_y, cos * half_y * to_y, shift[:, 1] * to_y],
        ]
        # the middle of the cut is not that of the stamp where one of them is odd
        parities = zip(stamps.shape[2:], self.shape, strict=True)
        offset_y, offset_x = ((wanted % 2 - n % 2) / 2 for n, wanted in parities)
        rows[0][2] = rows[0][2] + offset_x * to_x
        rows[1][2] = rows[1][2] + offset_y * to_y
        matrix = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
        grid = functional.affine_grid(matrix, (n, 1, *self.shape), align_corners=False)
        return functional.grid_sample(
            stamps, grid, mode='bilinear', padding_mode='reflection', align_corners=False
        )

    def _leave_out(self, images, generator):
        """Return images of which some lack one filter."""
        n, n_filters = images.shape[:2]
        device = images.device
        chosen = torch.rand(n, 1, generator=generator, device=device) < self.missing
        which = torch.randint(n_filters, (n, 1), generator=generator, device=device)
        gone = chosen & (torch.arange(n_filters, device=device) == which)
        # one that lacks a filter keeps all others
        gone &= ~images.isnan().flatten(2).any(dim=2).any(dim=1, keepdim=True)
        return torch.where(gone[:, :, None, None], torch.nan, images)
