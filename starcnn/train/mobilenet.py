# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
MobileNetV2 for stamps: small, fast, and begun with weights of ImageNet that may be shipped.
"""

import torch
from torch import nn
from torch.nn import functional

from starcnn.networks import Classes
from starcnn.train.blocks import PreciseLinear
from starcnn.train.pretrained import check_names, settle
from starcnn.train.stamp_scaling import ScaleStamps

__all__ = ['MobileNetV2']

# Sandler et al. 2018, CVPR, 4510, table 2: expansion, channels, repeats and stride of the
# bottlenecks, and the channels of the first and the last convolution.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_FIRST, _LAST = 32, 1280

_N_COLOURS = 3
_DROPOUT = 0.2  # of the same paper's ImageNet training


class MobileNetV2(nn.Module):
    """
    MobileNetV2 (Sandler et al. 2018, CVPR, 4510) for stamps in any number of filters.

    Each filter goes in twice, see `ScaleStamps`. What the last convolution gives
    is averaged over the image and over its middle, and one linear layer makes
    the probabilities of the classes.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        One `~starcnn.networks.Images` goes in, one `~starcnn.networks.Classes`
        comes out.

    size : int, optional
        The side to which stamps are resized, pixels.
    """

    architecture = 'mobilenet_v2'

    def __init__(self, spec, *, size=128):
        super().__init__()
        self.scale = ScaleStamps(size, stretched=True)
        layers, n_in = [_Convolution(2 * len(spec.inputs[0].filters), _FIRST, 3, stride=2)], _FIRST
        for expansion, n_out, n_blocks, stride in _STAGES:
            for k in range(n_blocks):
                layers.append(_Bottleneck(n_in, n_out, expansion, stride if k == 0 else 1))
                n_in = n_out
        layers.append(_Convolution(n_in, _LAST, 1))
        self.convolutions = nn.Sequential(*layers)
        self.dropout = nn.Dropout(_DROPOUT)
        (classes,) = (part for part in spec.outputs if isinstance(part, Classes))
        self.head = PreciseLinear(2 * _LAST, len(classes.labels))

    def forward(self, images):
        """
        Return the probabilities of the classes, (n, n_class), in a tuple.
        """
        x = self.convolutions(2 * self.scale(images) - 1)  # ImageNet: -1 to 1
        low_y, low_x = (x.shape[2] - 1) // 2, (x.shape[3] - 1) // 2
        middle = x[:, :, low_y : x.shape[2] - low_y, low_x : x.shape[3] - low_x]
        features = torch.cat([x.mean(dim=(2, 3)), middle.mean(dim=(2, 3))], dim=1)
        return (self.head(self.dropout(features)).softmax(dim=1),)

    @torch.no_grad()
    def load_start(self, weights, images):
        """
        Take the convolutions of a network trained on ImageNet, and leave the last layer as it is.

        Parameters
        ----------
        weights : dict of `torch.Tensor`
            As from `starcnn.train.read_start`: ``<k>.weight`` and ``<k>.bias``
            of the 52 convolutions in order, with batch norms folded into them.
            The first one's colours are given to the filters in turn; filters of
            a network of stamps, to those of the same place, or to all alike.

        images : `torch.Tensor` with shape (n, n_filter, ny, nx)
            Stamps, to which the batch norms are fitted, so that the network
            computes the same as without them.

        Raises
        ------
        ValueError
            If names or shapes are not those of MobileNetV2.
        """
        found = [part for part in self.modules() if isinstance(part, _Convolution)]
        expected = {}
        for k, layer in enumerate(found):
            shape = tuple(layer.convolution.weight.shape)
            expected[f'{k}.weight'] = shape
            expected[f'{k}.bias'] = shape[:1]
        if '0.weight' in weights and weights['0.weight'].ndim == len(expected['0.weight']):
            weights = weights | {
                '0.weight': _give_filters(weights['0.weight'], expected['0.weight'])
            }
        check_names(weights, expected, architecture=self.architecture)
        for k, layer in enumerate(found):
            layer.convolution.weight.copy_(weights[f'{k}.weight'])
            layer.norm.bias.copy_(weights[f'{k}.bias'])
            layer.norm.running_var.fill_(1 - layer.norm.eps)
        settle(self, images)


class _Convolution(nn.Module):
    """A convolution, its batch norm, and a ReLU that ends at 6 if asked for."""

    def __init__(self, n_in, n_out, size, *, stride=1, groups=1, bounded=True):
        super().__init__()
        self.stride, self.size, self.bounded = stride, size, bounded
        self.convolution = nn.Conv2d(n_in, n_out, size, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x):
        """Return images with shape (n, n_out, ny / stride, nx / stride)."""
        # TensorFlow's padding, of whose weights we begin: the odd pixel at the end
        pads = []
        for side in (x.shape[3], x.shape[2]):
            pad = max((-(-side // self.stride) - 1) * self.stride + self.size - side, 0)
            pads += [pad // 2, pad - pad // 2]
        x = functional.pad(x, pads) if any(pads) else x
        x = self.norm(self.convolution(x))
        return functional.relu6(x) if self.bounded else x


class _Bottleneck(nn.Module):
    """Few channels, many, and few again, with a way around."""

    def __init__(self, n_in, n_out, expansion, stride):
        super().__init__()
        n = expansion * n_in
        layers = [_Convolution(n_in, n, 1)] if expansion > 1 else []
        layers.append(_Convolution(n, n, 3, stride=stride, groups=n))
        layers.append(_Convolution(n, n_out, 1, bounded=False))
        self.layers = nn.Sequential(*layers)
        self.has_way_around = stride == 1 and n_in == n_out

    def forward(self, x):
        """Return images with shape (n, n_out, ny / stride, nx / stride)."""
        return x + self.layers(x) if self.has_way_around else self.layers(x)


def _give_filters(weights, shape):
    """Return the first kernels for other filters, which see a grey image as those given do."""
    n_given, n = weights.shape[1], shape[1]
    if n_given == n:
        return weights
    if n_given != _N_COLOURS:
        # of a network of stamps: each filter as it is, and each stretched
        halves = [half.sum(dim=1, keepdim=True) for half in weights.chunk(2, dim=1)]
        return torch.cat([half.expand(-1, n // 2, -1, -1) / (n // 2) for half in halves], dim=1)
    if n < _N_COLOURS:
        return weights.sum(dim=1, keepdim=True).expand(-1, n, -1, -1) / n
    places = torch.arange(n) % _N_COLOURS
    counts = torch.bincount(places, minlength=_N_COLOURS)
    return weights[:, places] / counts[places][:, None, None]
