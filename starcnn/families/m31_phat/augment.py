# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Mock images for training, of which some have one filter alone.
"""

from dataclasses import dataclass, replace

import torch

from starcnn.mocks.augment import Augment

__all__ = ['AugmentWithAlone', 'shares_alone']

# The fraction of training images that have one filter alone, by filter: there are real frames in
# this one without the others.
_ALONE = {'F475W': 0.15}


def shares_alone(filters):
    """
    Return the fraction of images that have each filter alone, of those with others.

    Parameters
    ----------
    filters : tuple of str
        The filters in order.

    Returns
    -------
    shares : tuple of float
        One for each; zero where there is no other filter.
    """
    return tuple(_ALONE.get(name, 0.0) if len(filters) > 1 else 0.0 for name in filters)


@dataclass(frozen=True, kw_only=True)
class AugmentWithAlone(Augment):
    """
    As `~starcnn.mocks.augment.Augment`, but with some images in one filter.

    Parameters
    ----------
    alone : tuple of float
        For each filter the fraction of images that have this one alone, beside
        those that ``missing`` leaves with it. None is taken of images that lack
        this filter.
    """

    alone: tuple[float, ...]

    def __call__(self, inputs, truth, generator):
        """
        Return new images and the truth of each.

        Parameters
        ----------
        inputs, truth, generator
            As for `~starcnn.mocks.augment.Augment`.

        Returns
        -------
        inputs, truth : dict of `torch.Tensor`
            ``images``, of which filters that are missing are NaN, and the truth.
        """
        inputs, truth = super().__call__(inputs, truth, generator)
        images = inputs['images']
        number = torch.rand(len(images), 1, generator=generator, device=images.device)
        shares = torch.tensor(self.alone, device=images.device)
        ends = shares.cumsum(dim=0)
        is_chosen = (number >= ends - shares) & (number < ends) & ~images[:, :, 0, 0].isnan()
        gone = is_chosen.any(dim=1, keepdim=True) & ~is_chosen
        return inputs | {'images': torch.where(gone[:, :, None, None], torch.nan, images)}, truth

    def for_options(self, options):
        """
        Return the same for other options of the simulator.

        Parameters
        ----------
        options : `~starcnn.mocks.ClusterOptions`
            The options, with other filters perhaps.

        Returns
        -------
        augment : `AugmentWithAlone`
            With their exposure times, and the share of each filter alone.
        """
        return replace(super().for_options(options), alone=shares_alone(options.filters))
