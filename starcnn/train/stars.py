# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Sets of stars as tensors: leave stars out at random.
"""

import torch

__all__ = ['draw_stars']


def draw_stars(stars, n_kept, *, generator):
    """
    Keep a random part of the stars of each source; for a recipe's ``augment``.

    Parameters
    ----------
    stars : `torch.Tensor` with shape (n_source, n_star, n_column)
        The stars, padded with rows of NaN.

    n_kept : `torch.Tensor` of int with shape (n_source,)
        How many stars to keep at most; a source with fewer keeps all.

    generator : `torch.Generator`
        On the device of ``stars``.

    Returns
    -------
    kept : `torch.Tensor` with shape (n_source, n_largest, n_column)
        The stars that are kept, in random order, padded no more than needed.
    """
    is_there = ~stars.isnan().all(dim=2)
    chance = torch.rand(stars.shape[:2], generator=generator, device=stars.device)
    order = chance.masked_fill(~is_there, 2.0).argsort(dim=1)
    n_left = torch.minimum(is_there.sum(dim=1), n_kept.to(stars.device))
    order = order[:, : max(1, int(n_left.max()))]
    kept = stars.gather(1, order[..., None].expand(-1, -1, stars.shape[2]))
    place = torch.arange(order.shape[1], device=stars.device)
    return torch.where((place < n_left[:, None])[..., None], kept, torch.nan)
