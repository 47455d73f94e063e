# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The convolutions of the 50-layer networks for cutouts of clusters.

Those of Bialopetravicius et al. (2019, A&A 621, A103, Fig. 4) and of
Bialopetravicius & Narbutis (2020, A&A 633, A148, Fig. 6) are the same: 49 of
the layers of both networks. They follow ResNet-50 of He et al. (2016, CVPR, 770),
with fewer channels and without the strides of its first layer.
"""

import torch
from torch import nn

from starcnn.train.blocks import thin_out

__all__ = ['Bottleneck', 'make_bottlenecks', 'make_stem']

# Both figures: channels inside and after the bottlenecks of each stage, how many there are, and
# the stride of the first.
_STAGES = ((64, 128, 3, 1), (64, 256, 4, 2), (128, 512, 6, 2), (256, 1024, 3, 2))
_STEM = 64


class Bottleneck(nn.Module):
    """
    1 x 1, 3 x 3 and 1 x 1 convolutions with a way around them (He et al. 2016, CVPR, 770).

    Parameters
    ----------
    n_in, n_inside, n_out : int
        The number of images before, between and after.

    stride : int, optional
        2 halves the shape.
    """

    def __init__(self, n_in, n_inside, n_out, *, stride=1):
        super().__init__()
        self.stride = stride
        self.inside = nn.Sequential(
            *_convolution(n_in, n_inside, 1),
            nn.ReLU(),
            *_convolution(n_inside, n_inside, 3, stride=stride),
            nn.ReLU(),
            *_convolution(n_inside, n_out, 1),
        )
        self.around = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.around = nn.Sequential(*_convolution(n_in, n_out, 1))

    def forward(self, x):
        """
        Return images with shape (n, n_out, ny / stride, nx / stride).
        """
        around = self.around(thin_out(x, self.stride))
        return torch.relu(self.inside(x) + around)


def make_stem(n_filters):
    """
    Return the first layers: conv1, 7 x 7 without a stride, and the pool that halves the shape.

    Parameters
    ----------
    n_filters : int
        The number of filters of the cutouts.

    Returns
    -------
    layers : `torch.nn.Sequential`
        From (n, n_filter, ny, nx) to (n, 64, ny / 2, nx / 2).
    """
    return nn.Sequential(
        *_convolution(n_filters, _STEM, 7), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)
    )


def make_bottlenecks():
    """
    Return the 16 bottlenecks of the four stages, conv2_x to conv5_x.

    Returns
    -------
    layers : `torch.nn.Sequential`
        From (n, 64, ny, nx) to (n, 1024, ny / 8, nx / 8).
    """
    layers, n_in = [], _STEM
    for n_inside, n_out, n_blocks, stride in _STAGES:
        for k in range(n_blocks):
            layers.append(Bottleneck(n_in, n_inside, n_out, stride=stride if k == 0 else 1))
            n_in = n_out
    return nn.Sequential(*layers)


def _convolution(n_in, n_out, size, *, stride=1):
    """Return a convolution and its batch norm."""
    return (
        nn.Conv2d(n_in, n_out, size, stride=stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(n_out),
    )
