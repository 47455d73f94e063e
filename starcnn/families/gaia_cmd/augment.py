# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Change training clusters at random: fewer stars, other distances, more dust, unknown errors.
"""

import math

import torch

from starcnn.images.cmd import MIDDLE, UPPER

from .spec import (
    COLOUR_RANGE,
    MAGNITUDE_RANGE,
    N_COLOUR,
    N_MAGNITUDE,
    PICTURE_COLOUR_RANGE,
    PICTURE_SHAPE,
)

__all__ = ['augment_diagrams', 'augment_stars']

# Largest change of the distance modulus and of A_V, mag. Small changes keep more of the real
# diagram than those of Branco & Ferraz (2023, Section Data), who move clusters away and behind
# dust up to a distance modulus of 10 and an A_V of 3.
_MODULUS_STEP = 0.3
_A_V_STEP = 0.3
_FAR_MODULUS = 10.0
_FAR_A_V = 3.0

# A_G, A_BP and A_RP over A_V of a star of 6000 K at A_V = 1 mag, for these small changes.
_RATIOS = (0.84, 1.06, 0.64)

# Common errors of the zero points of magnitudes and parallaxes.
_ZERO_POINT = 0.01
_PARALLAX_ZERO_POINT = 0.02

# The fraction of clusters whose errors, and whose memberships, are made unknown.
_NO_ERRORS = 0.6
_NO_PROBABILITIES = 0.3

# The fraction of clusters whose positions, and whose proper motions, are made unknown.
_NO_PLACES = 0.2

# The fraction of clusters of which some stars have no membership probability.
_PARTLY = 0.5

# The largest fraction of the stars that are taken away, and the fewest that are left.
_FEWER = 0.5
_N_LEFT = 12

# Most batches of large clusters are cut to this number of stars, to save time.
_SHORT = 0.75
_N_SHORT = 192


def augment_stars(inputs, truth, generator, *, far=False):
    """
    Change sets of stars.

    Parameters
    ----------
    inputs : dict of `torch.Tensor`
        ``stars`` with shape (n, n_star, 13).

    truth : dict of `torch.Tensor` with shape (n,)
        ``age``, ``a_v`` and ``distance`` on their axes.

    generator : `torch.Generator`
        The random numbers.

    far : bool, optional
        Whether to move clusters as far as Branco & Ferraz (2023) does; by default they are
        moved by up to 0.3 mag in distance modulus and in A_V.

    Returns
    -------
    inputs, truth : dict of `torch.Tensor`
        Changed copies.
    """
    steps = _far_steps if far else _near_steps
    modulus, dust = steps(truth, generator)
    stars, truth = _move(inputs['stars'].clone(), dict(truth), modulus, dust, generator)
    n, n_star, _ = stars.shape
    there = ~torch.isnan(stars[..., 0])
    keep = 1 - _FEWER * _uniform(stars, generator, n, 1)
    keep = torch.maximum(keep, _N_LEFT / there.sum(dim=1, keepdim=True).clamp(min=1))
    stars[_uniform(stars, generator, n, n_star) > keep] = torch.nan
    unknown = _uniform(stars, generator, n, 1) < _NO_ERRORS
    stars[..., 4:8] = torch.where(unknown[..., None], torch.nan, stars[..., 4:8])
    stars[..., 8] = torch.where(
        _uniform(stars, generator, n, 1) < _NO_PROBABILITIES, torch.nan, stars[..., 8]
    )
    partly = _uniform(stars, generator, n, 1) * (_uniform(stars, generator, n, 1) < _PARTLY)
    # The less likely a member is, the more often its probability is not known.
    doubt = 1.5 - torch.nan_to_num(stars[..., 8], nan=0.5)
    lost = _uniform(stars, generator, n, n_star) < partly * doubt
    stars[..., 8] = torch.where(lost, torch.nan, stars[..., 8])
    for columns in (slice(9, 11), slice(11, 13)):
        unknown = _uniform(stars, generator, n, 1, 1) < _NO_PLACES
        stars[..., columns] = torch.where(unknown, torch.nan, stars[..., columns])
    if n_star > _N_SHORT and float(_uniform(stars, generator, 1)) < _SHORT:
        stars = _shorten(stars, generator)
    return inputs | {'stars': stars}, truth


def augment_diagrams(inputs, truth, generator, *, names, far=False):
    """
    Change sets of stars, and draw their diagrams.

    Parameters
    ----------
    inputs : dict of `torch.Tensor`
        ``stars`` with shape (n, n_star, 13).

    truth : dict of `torch.Tensor` with shape (n,)
        ``age``, ``a_v`` and ``distance`` on their axes.

    generator : `torch.Generator`
        The random numbers.

    names : sequence of str
        What to draw: ``histogram`` with shape (n, 410), ``guesses`` (n, 3) or
        ``picture`` (n, 1, ny, nx), as `encode` makes them.

    far : bool, optional
        As for `augment_stars`.

    Returns
    -------
    inputs : dict of `torch.Tensor`
        What was drawn.

    truth : dict of `torch.Tensor`
        A changed copy.
    """
    inputs, truth = augment_stars(inputs, truth, generator, far=far)
    stars = inputs['stars']
    g, colour, parallax = stars[..., 0], stars[..., 1] - stars[..., 2], stars[..., 3]
    return {name: _DRAWN[name](g, colour, parallax) for name in names}, truth


def _shorten(stars, generator):
    """Return at most `_N_SHORT` stars of each cluster, chosen at random."""
    lottery = _uniform(stars, generator, *stars.shape[:2]) + torch.isnan(stars[..., 0])
    chosen = lottery.argsort(dim=1)[:, :_N_SHORT]
    return stars.gather(1, chosen[..., None].expand(-1, -1, stars.shape[2]))


def _uniform(like, generator, *shape):
    """Return uniform random numbers on the device of a tensor."""
    return torch.rand(*shape, generator=generator, device=like.device)


def _normal(like, generator, *shape):
    """Return normal random numbers on the device of a tensor."""
    return torch.randn(*shape, generator=generator, device=like.device)


def _near_steps(truth, generator):
    """Return small changes of the distance modulus and of A_V."""
    a_v = truth['a_v'].float()
    modulus, dust = (
        step * (2 * _uniform(a_v, generator, len(a_v)) - 1) for step in (_MODULUS_STEP, _A_V_STEP)
    )
    return modulus, torch.maximum(dust, -a_v)


def _far_steps(truth, generator):
    """Return the changes of Branco & Ferraz (2023): further away and behind more dust."""
    a_v = truth['a_v'].float()
    modulus = 5 * truth['distance'].float() - 5
    return tuple(
        _uniform(a_v, generator, len(a_v)) * (limit - now).clamp(min=0)
        for now, limit in ((modulus, _FAR_MODULUS), (a_v, _FAR_A_V))
    )


def _move(stars, truth, modulus, dust, generator):
    """Return clusters at other distances, behind other dust, with other zero points."""
    n = len(stars)
    limit = torch.nan_to_num(stars[..., 0], nan=-math.inf).amax(dim=1, keepdim=True)
    for column, ratio in enumerate(_RATIOS):
        zero_point = _ZERO_POINT * _normal(stars, generator, n)
        stars[..., column] += (modulus + ratio * dust + zero_point)[:, None]
    old = 1e3 / 10 ** truth['distance'].to(modulus)
    shift = old * (10 ** (-0.2 * modulus) - 1)
    stars[..., 3] += (shift + _PARALLAX_ZERO_POINT * _normal(stars, generator, n))[:, None]
    # What has become fainter than the catalogue's limit is not in it.
    stars[stars[..., 0] > limit] = torch.nan
    truth['a_v'] = truth['a_v'] + dust.to(truth['a_v'])
    truth['distance'] = truth['distance'] + modulus.to(truth['distance']) / 5
    return stars, truth


def _cells(values, limits, n):
    """Return positions in cells along one axis; those of stars that are not there are -1."""
    cells = (values - limits[0]) / (limits[1] - limits[0]) * n
    return torch.nan_to_num(cells, nan=-1.0)


def _histogram(g, colour, _):
    """Return what `starcnn.images.cmd_histogram` does, for a batch."""
    x = _cells(colour, COLOUR_RANGE, N_COLOUR)
    y = _cells(g, MAGNITUDE_RANGE, N_MAGNITUDE)
    inside = ((x >= 0) & (x < N_COLOUR) & (y >= 0) & (y < N_MAGNITUDE)).float()
    cell = x.clamp(0, N_COLOUR - 1).long() * N_MAGNITUDE + y.clamp(0, N_MAGNITUDE - 1).long()
    counts = torch.zeros(len(g), N_COLOUR * N_MAGNITUDE, device=g.device)
    counts.scatter_add_(1, cell, inside)
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)


def _picture(g, colour, _):
    """Return what `starcnn.images.cmd_picture` does, for a batch."""
    ny, nx = PICTURE_SHAPE
    x, y = _cells(colour, PICTURE_COLOUR_RANGE, nx), _cells(g, MAGNITUDE_RANGE, ny)
    inside = ((x >= 0) & (x < nx) & (y >= 0) & (y < ny)).float()
    x, y = x - 0.5, y - 0.5
    i, j = x.floor(), y.floor()
    p, q = x - i, y - j
    picture = torch.zeros(len(g), ny * nx, device=g.device)
    for row, weight_y in ((j, 1 - q), (j + 1, q)):
        for column, weight_x in ((i, 1 - p), (i + 1, p)):
            pixel = row.clamp(0, ny - 1).long() * nx + column.clamp(0, nx - 1).long()
            picture.scatter_add_(1, pixel, inside * weight_x * weight_y)
    return picture.reshape(len(g), 1, ny, nx)


def _features(g, colour, parallax):
    """Return what `starcnn.images.cmd_features` does, for a batch."""
    there = ~torch.isnan(g + colour)
    median = torch.nanquantile(torch.where(there, parallax, torch.nan), 0.5, dim=1, keepdim=True)
    absolute = g + 5 * torch.log10(median.clamp(min=1e-6) / 100)
    upper = (there & (absolute < UPPER)).float()
    middle = (there & (absolute >= UPPER) & (absolute < MIDDLE)).float()
    g, colour = torch.where(there, g, 0.0), torch.where(there, colour, 0.0)
    n_upper = upper.sum(1, keepdim=True).clamp(min=1)
    spread = upper * (g - (upper * g).sum(1, keepdim=True) / n_upper)
    slope = (spread * colour).sum(1) / (spread**2).sum(1)
    mean = (middle * colour).sum(1) / middle.sum(1)
    positive = median[:, 0] > 0
    features = torch.stack([slope, mean, median[:, 0]], dim=1)
    features[:, :2] = torch.where(positive[:, None], features[:, :2], torch.nan)
    return torch.where(torch.isinf(features), torch.nan, features)


_DRAWN = {'histogram': _histogram, 'guesses': _features, 'picture': _picture}
