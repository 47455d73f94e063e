# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The parts that networks of several families share: first layers, residual blocks, heads.

All of them export to ONNX with standard operators and a free batch axis. First
layers take physical values and heads return them, so that normalisation is a
part of the file.
"""

import contextlib
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

__all__ = [
    'AsinhStretch',
    'GridHead',
    'MixtureHead',
    'NormalHead',
    'PreciseLinear',
    'ResidualBlock',
    'Standardize',
    'full_precision',
]

# The smallest standard deviation, in units of the scale of a head.
FLOOR = 1e-3


class Standardize(nn.Module):
    """
    A first layer: subtract a mean and divide by a scale.

    What is NaN stays NaN.

    Parameters
    ----------
    mean, scale : array_like
        Of the shape of one source, or of its last axes.
    """

    def __init__(self, mean, scale):
        super().__init__()
        scale = torch.as_tensor(np.asarray(scale, dtype=np.float32))
        if not (scale > 0).all():
            msg = f'scale must be above zero, got {scale.tolist()}'
            raise ValueError(msg)
        self.register_buffer('mean', torch.as_tensor(np.asarray(mean, dtype=np.float32)))
        self.register_buffer('scale', scale)

    @classmethod
    def from_bounds(cls, bounds):
        """
        Make the layer that brings the columns of an input to the range from -1 to 1.

        Parameters
        ----------
        bounds : tuple of (float, float)
            The ``bounds`` of `~starcnn.networks.Features` or
            `~starcnn.networks.Stars`.

        Returns
        -------
        layer : `Standardize`
            The layer.
        """
        low, high = np.transpose(bounds)
        return cls((low + high) / 2, (high - low) / 2)

    def forward(self, x):
        """
        Return the standardised values.
        """
        return (x - self.mean) / self.scale


class AsinhStretch(nn.Module):
    """
    A first layer for images: asinh (x / softening), one softening per filter.

    Linear for pixels far below ``softening``, logarithmic far above.

    Parameters
    ----------
    softening : sequence of float
        In the unit of the pixels, one for each filter.
    """

    def __init__(self, softening):
        super().__init__()
        softening = torch.as_tensor(np.asarray(softening, dtype=np.float32))
        if softening.ndim != 1 or not (softening > 0).all():
            msg = f'softening must be one number above zero per filter, got {softening.tolist()}'
            raise ValueError(msg)
        self.register_buffer('softening', softening[:, None, None])

    def forward(self, x):
        """
        Return the stretched images, with shape (n, n_filter, ny, nx) as they had.
        """
        return torch.asinh(x / self.softening)


class PreciseLinear(nn.Linear):
    """
    A linear layer that keeps to float32 where `~starcnn.train.fit` has ``amp`` on.

    For magnitudes, parallaxes and the last layer of a network: bfloat16 has
    three digits.
    """

    def forward(self, x):
        """
        Return the linear function of ``x``, in float32.
        """
        with full_precision(x):
            return super().forward(x.float())


class ResidualBlock(nn.Module):
    """
    Two 3 x 3 convolutions with a way around them [1]_.

    Parameters
    ----------
    n_in, n_out : int
        The number of images before and after.

    stride : int, optional
        2 halves the shape.

    norm : {'group', 'batch'}, optional
        Group norm (of up to 8 groups) does not depend on the other sources of
        a batch; batch norm becomes a part of the convolution in the file and is
        faster there.

    References
    ----------
    .. [1] He et al. 2016, CVPR, 770 (arXiv:1512.03385)
    """

    def __init__(self, n_in, n_out, *, stride=1, norm='group'):
        super().__init__()
        self.stride = stride
        self.first = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.first_norm = _make_norm(norm, n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.second_norm = _make_norm(norm, n_out)
        self.around = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.around = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, bias=False), _make_norm(norm, n_out)
            )

    def forward(self, x):
        """
        Return images with shape (n, n_out, ny / stride, nx / stride).
        """
        y = functional.silu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return functional.silu(y + self.around(thin_out(x, self.stride)))


class GridHead(nn.Module):
    """
    A head for `~starcnn.networks.Grid`, or a parameter with a grid.

    Parameters
    ----------
    n_in : int
        The number of features.

    shape : tuple of int
        The number of nodes along each parameter.
    """

    def __init__(self, n_in, shape):
        super().__init__()
        self.shape = tuple(shape)
        self.linear = PreciseLinear(n_in, math.prod(self.shape))

    def forward(self, x):
        """
        Return probabilities with shape (n, k1, k2, ...).
        """
        return self.linear(x).softmax(dim=1).unflatten(1, self.shape)


class NormalHead(nn.Module):
    """
    A head for a parameter without a grid: mean and standard deviation.

    Parameters
    ----------
    n_in : int
        The number of features.

    offset, scale : float
        About the middle and the half width of the range on the axis of the
        parameter; the network itself works with numbers of order one.
    """

    def __init__(self, n_in, *, offset, scale):
        super().__init__()
        self.offset, self.scale = float(offset), float(scale)
        self.linear = PreciseLinear(n_in, 2)

    def forward(self, x):
        """
        Return mean and standard deviation with shape (n, 2).
        """
        mean, width = self.linear(x).split(1, dim=1)
        sigma = functional.softplus(width) + FLOOR
        return torch.cat([self.offset + self.scale * mean, self.scale * sigma], dim=1)


class MixtureHead(nn.Module):
    """
    A head for `~starcnn.networks.Mixture`: weights, means and Cholesky factors.

    Parameters
    ----------
    n_in : int
        The number of features.

    n_components : int
        The number of normal distributions.

    offset, scale : sequence of float
        For each parameter about the middle and the half width of its range, on
        its axis; the network itself works with numbers of order one.
    """

    def __init__(self, n_in, n_components, *, offset, scale):
        super().__init__()
        p = len(offset)
        self.n_components, self.p = n_components, p
        rows, columns = np.tril_indices(p)
        scale = np.asarray(scale, dtype=np.float32)
        self.register_buffer('offset', torch.as_tensor(np.asarray(offset, dtype=np.float32)))
        self.register_buffer('scale', torch.as_tensor(scale))
        # the factor of the covariance matrix scales with its rows
        self.register_buffer('factor_scale', torch.as_tensor(scale[rows]))
        self.register_buffer('is_diagonal', torch.as_tensor(rows == columns))
        self.linear = PreciseLinear(n_in, n_components * (1 + p + len(rows)))
        # components that begin at one place would stay there
        means = self.linear.bias.detach().view(n_components, -1)[:, 1 : 1 + p]
        means += torch.linspace(-0.5, 0.5, n_components)[:, None]

    def forward(self, x):
        """
        Return a tensor with shape (n, n_components, 1 + p + p (p + 1) / 2).
        """
        y = self.linear(x).unflatten(1, (self.n_components, -1))
        weights = y[..., :1].softmax(dim=1)
        means = self.offset + self.scale * y[..., 1 : 1 + self.p]
        factors = y[..., 1 + self.p :]
        factors = torch.where(self.is_diagonal, functional.softplus(factors) + FLOOR, factors)
        return torch.cat([weights, means, self.factor_scale * factors], dim=-1)


def thin_out(x, step):
    """
    Return every so many rows and columns of images.

    In place of the stride of a convolution with a kernel of 1, whose gradient
    writes beyond its memory on the CPU with torch 2.13 for a stride of 2 and up
    to 8 images; and of slices, whose gradient has another memory format than
    those of convolutions, which makes the layers before take twice the time.

    Parameters
    ----------
    x : `torch.Tensor` with shape (n, n_in, ny, nx)
        The images.

    step : int
        The step along both axes.

    Returns
    -------
    images : `torch.Tensor` with shape (n, n_in, ceil (ny / step), ceil (nx / step))
        The first and every so many.
    """
    return x if step == 1 else functional.avg_pool2d(x, 1, stride=step)


def full_precision(x):
    """
    Return a context in which nothing is computed in bfloat16, whether ``amp`` is on or not.

    For layers that see small differences of large numbers.

    Parameters
    ----------
    x : `torch.Tensor`
        On the device in question.

    Returns
    -------
    context : context manager
        That does nothing while a network is exported.
    """
    if torch.compiler.is_compiling():  # the exporter knows no autocast and needs none
        return contextlib.nullcontext()
    return torch.autocast(x.device.type, enabled=False)


def _make_norm(norm, n):
    """Return a layer that normalises ``n`` images."""
    if norm == 'batch':
        return nn.BatchNorm2d(n)
    if norm == 'group':
        return nn.GroupNorm(math.gcd(8, n), n)
    msg = f"norm must be 'group' or 'batch', got {norm!r}"
    raise ValueError(msg)
