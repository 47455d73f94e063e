# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Two ResNet18 side by side, as Wei et al. (2020) classify star clusters.
"""

import torch
from torch import nn

from starcnn.train.blocks import thin_out
from starcnn.train.pretrained import check_names, settle
from starcnn.train.twins import TwinNetwork

__all__ = ['TwinResNet18']

# He et al. 2016, CVPR, 770, table 1: channels and stride of the stages, each of two blocks.
_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
_STEM = 64

# Statistics that weights with folded batch norms lack.
_STATISTICS = ('running_mean', 'running_var')


class TwinResNet18(TwinNetwork):
    """
    Two ResNet18 with six channels together, joined by one linear layer (Wei et al. 2020, 3.3).

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        One `~starcnn.networks.Images` with up to six filters goes in, one
        `~starcnn.networks.Classes` comes out.

    size : int, optional
        The side to which stamps are resized, pixels; 299 in section 3.2 of the
        paper.
    """

    architecture = 'resnet18'

    def __init__(self, spec, *, size=299):
        super().__init__(spec, _ResNet18, n_features=_STAGES[-1][0], size=size)

    @torch.no_grad()
    def load_start(self, weights, images):
        """
        Begin both copies with weights of ImageNet; the last layer stays random.

        Parameters
        ----------
        weights : dict of `torch.Tensor`
            As from `starcnn.train.read_start`: names and shapes of torchvision's
            ResNet18, its last layer ``fc`` included. Where batch norms are
            folded into weights and biases, all their means and variances are
            missing.

        images : `torch.Tensor` with shape (n, n_filter, ny, nx)
            Stamps, to which folded batch norms are fitted.

        Raises
        ------
        ValueError
            If names or shapes are not those of ResNet18.
        """
        own = self.copies[0].expected()
        weights = {name: x for name, x in weights.items() if not name.startswith('fc.')}
        is_folded = not any(name.endswith(_STATISTICS) for name in weights)
        if is_folded:
            own = {name: x for name, x in own.items() if not name.endswith(_STATISTICS)}
            # weights from a codebook are flat
            flat = [name for name in own if name in weights and weights[name].ndim == 1]
            sizes = {name: torch.Size(own[name]).numel() for name in flat}
            weights |= {
                name: weights[name].view(own[name])
                for name in flat
                if weights[name].numel() == sizes[name]
            }
        check_names(weights, own, architecture=self.architecture)
        for copy in self.copies:
            if is_folded:
                copy.reset_norms()
            copy.load_state_dict(weights, strict=False)
        if is_folded:
            settle(self, images)


class _ResNet18(nn.Module):
    """One copy, without the last layer; the names are those of torchvision."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, _STEM, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        n_in = _STEM
        for k, (n_out, stride) in enumerate(_STAGES, start=1):
            blocks = nn.Sequential(_Block(n_in, n_out, stride), _Block(n_out, n_out, 1))
            self.add_module(f'layer{k}', blocks)
            n_in = n_out

    def forward(self, x):
        """Return the features, (n, 512)."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for k in range(1, len(_STAGES) + 1):
            x = getattr(self, f'layer{k}')(x)
        return x.mean(dim=(2, 3))

    def expected(self):
        """Return the shapes of the weights by name."""
        values = self.state_dict().items()
        return {name: tuple(x.shape) for name, x in values if not name.endswith('batches_tracked')}

    def reset_norms(self):
        """Let batch norms do nothing but weight and bias."""
        for norm in self.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.running_mean.zero_()
                norm.running_var.fill_(1 - norm.eps)


class _Block(nn.Module):
    """Two 3 x 3 convolutions with a way around them."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.stride, self.downsample = stride, None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x):
        """Return images with shape (n, n_out, ny / stride, nx / stride)."""
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.downsample is None:
            return torch.relu(y + x)
        return torch.relu(y + self.downsample(thin_out(x, self.stride)))
