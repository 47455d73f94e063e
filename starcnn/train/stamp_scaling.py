# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The first layer of networks of stamps: every filter from 0 to 1, and one size.
"""

import torch
from torch import nn
from torch.nn import functional

from starcnn.train.blocks import full_precision

__all__ = ['ScaleStamps']

# Steps towards the level of the background, and how far light counts as such, in deviations.
_N_STEPS = 4
_WIDTH = 2.0


class ScaleStamps(nn.Module):
    """
    Scale each filter of each stamp to 0 to 1, and resize it.

    The brightness of a source has no part in its class (Wei et al. 2020, section
    3.4): a stamp that is ten times brighter, or has another level of sky, gives
    the same numbers. Filters that are NaN are missing, and become zero (their
    section 3.2); so does a filter with one value everywhere.

    Parameters
    ----------
    size : int
        The side of the images after it, in pixels. They are resized bilinearly;
        pixels have no gaps and no overlap at any ratio, so that the centre
        stays the centre.

    stretched : bool, optional
        Whether each filter comes twice: as it is, and stretched by asinh with
        the deviation of its background as softening, which shows what is faint
        beside a bright source.
    """

    def __init__(self, size, *, stretched=False):
        super().__init__()
        self.size, self.stretched = int(size), stretched

    def forward(self, images):
        """
        Return images with shape (n, n_filter or 2 n_filter, size, size).
        """
        with full_precision(images):
            known = ~torch.isnan(images).any(dim=3, keepdim=True).any(dim=2, keepdim=True)
            images = _to_unit(torch.where(known, images.float(), 0.0))
            if self.stretched:
                images = torch.cat([images, _to_unit(_stretch(images))], dim=1)
            shape = (self.size, self.size)
            return functional.interpolate(images, size=shape, mode='bilinear', align_corners=False)


def _to_unit(images):
    """Return images from 0 to 1; those with one value are 0."""
    low = images.amin(dim=(2, 3), keepdim=True)
    span = images.amax(dim=(2, 3), keepdim=True) - low
    return (images - low) / torch.where(span > 0, span, 1.0)


def _stretch(images):
    """Return asinh of images in units of the deviation of their background, around its level."""
    light = images
    for _ in range(_N_STEPS):
        level = light.mean(dim=(2, 3), keepdim=True)
        deviation = (light - level).square().mean(dim=(2, 3), keepdim=True).sqrt()
        light = torch.minimum(light, level + _WIDTH * deviation)
    return torch.asinh((images - level) / torch.where(deviation > 0, deviation, 1.0))
