# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The default network: the stars of a cluster as an unordered set, its posterior as a mixture.

Every operation on a star is the same for all stars, and stars meet only in
sums, so their order does not matter (Zaheer et al. 2017, "Deep Sets"; the
attention pooling is that of Lee et al. 2019, "Set Transformer").
"""

import math

import torch
from torch import nn

from starcnn.train.blocks import MixtureHead, PreciseLinear

__all__ = ['SetNetwork']

# Parallaxes of DR2 are too small by 0.029 mas (Lindegren et al. 2018, A&A 616, A2); a corrected
# parallax below the floor says nothing about the distance.
_ZERO_POINT = 0.029
_FLOOR = 0.08

# The error of a parallax whose error is not given: see `starcnn.images.gaia_parallax_error`.
_ERROR = (40.0, 800.0, 30.0)
_ERROR_FACTOR = 1.24e-3

# Hat functions that share each star between cells of colour and of magnitude, mag.
_COLOURS = (-0.4, 3.4, 24)
_MAGNITUDES = (6.0, 18.5, 18)
_ABSOLUTE = (-6.0, 9.0, 18)

# Periods of the sines and cosines of colour and magnitude, mag.
_PERIODS = (4.0, 1.5, 0.6)

_NEGATIVE = -1e4

# Distances from the centre of a cluster below which stars are not told apart: rad, mas/yr.
_SMALLEST_ANGLE = 1e-5
_SMALLEST_MOTION = 0.02

# From equatorial to Galactic coordinates, transposed (ESA 1997, SP-1200, Volume 1, Eq. 1.5.11).
_TO_GALACTIC = (
    (-0.0548755604, 0.4941094279, -0.8676661490),
    (-0.8734370902, -0.4448296300, -0.1980763734),
    (-0.4838350155, 0.7469822445, 0.4559837762),
)


def _known(values, otherwise):
    """Return values with those that are NaN replaced, and whether they were known, as 1 or 0."""
    missing = torch.isnan(values)
    return torch.where(missing, torch.full_like(values, otherwise), values), 1 - missing.float()


def _waves(values):
    """Return sines and cosines of values, as more columns."""
    phases = [2 * math.pi * values / period for period in _PERIODS]
    return [f(phase) for phase in phases for f in (torch.sin, torch.cos)]


def _concentration(points, weight, least):
    """Return the centre (n, k) of points, the log distance of each to it, and the mean of that."""
    points = torch.where((weight > 0).unsqueeze(-1), points, torch.zeros_like(points))
    near = weight
    for _ in range(4):
        total = near.sum(dim=1, keepdim=True) + 1e-6
        centre = (near.unsqueeze(-1) * points).sum(dim=1) / total
        square = ((points - centre.unsqueeze(1)) ** 2).sum(dim=-1)
        # In units of the least distance: the exporter drops the sum with so small a number.
        log_r = 0.5 * torch.log(square / least**2 + 1) + math.log(least)
        spread = (weight * log_r).sum(dim=1, keepdim=True) / (
            weight.sum(dim=1, keepdim=True) + 1e-6
        )
        near = weight / (1 + torch.exp(2 * torch.clamp(log_r - spread, -10.0, 10.0)))
    return centre, log_r, spread


class _Cells(nn.Module):
    """Hat functions on an even grid: a value is shared between its two neighbours."""

    def __init__(self, low, high, n):
        super().__init__()
        self.register_buffer('centres', torch.linspace(low, high, n))
        self.low, self.high, self.width = low, high, (high - low) / (n - 1)

    def forward(self, values):
        clipped = torch.clamp(values, self.low, self.high).unsqueeze(-1)
        return torch.relu(1 - torch.abs(clipped - self.centres) / self.width)


class _Pool(nn.Module):
    """Attention of learned queries to all stars of a cluster."""

    def __init__(self, width, n_queries, n_values):
        super().__init__()
        self.scores = nn.Linear(width, n_queries)
        self.values = nn.Linear(width, n_values)

    def forward(self, stars, bias):
        weights = torch.softmax(self.scores(stars) + bias, dim=1)
        return torch.matmul(weights.transpose(1, 2), self.values(stars)).flatten(1)


class _Exchange(nn.Module):
    """Tell every star what all stars of its cluster look like."""

    def __init__(self, width, n_queries, n_values):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.pool = _Pool(width, n_queries, n_values)
        self.context = nn.Sequential(
            nn.Linear(n_queries * n_values, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, stars, bias):
        normed = self.norm(stars)
        context = self.context(self.pool(normed, bias)).unsqueeze(1)
        return stars + self.second(nn.functional.silu(self.first(normed) + context))


class SetNetwork(nn.Module):
    """
    From the stars of a cluster to the joint posterior of age, A_V and distance.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        The spec of the network: one `~starcnn.networks.Stars` input and one
        `~starcnn.networks.Mixture` output.

    width : int, optional
        The number of features per star.

    n_layers : int, optional
        How often stars exchange what they know.

    dropout : float, optional
        The dropout of the last layers.
    """

    def __init__(self, spec, *, width=96, n_layers=3, dropout=0.1):
        super().__init__()
        n_queries, n_values = 16, 32
        self.colours = _Cells(*_COLOURS)
        self.magnitudes = _Cells(*_MAGNITUDES)
        self.absolute = _Cells(*_ABSOLUTE)
        n_features = 24 + 3 * 2 * len(_PERIODS)
        self.embed = nn.Sequential(
            PreciseLinear(n_features, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.layers = nn.ModuleList(_Exchange(width, n_queries, n_values) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)
        self.pool = _Pool(width, n_queries, n_values)
        # How much of a member of the cluster a star is: the weights of the diagram.
        self.member = nn.Linear(width, 1)
        n_cells = _COLOURS[2] * (_MAGNITUDES[2] + _ABSOLUTE[2])
        self.diagram = nn.Linear(n_cells, 128)
        self.head = nn.Sequential(
            nn.Linear(n_queries * n_values + 128 + 9, 256),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(256, 256),
            nn.SiLU(),
            nn.Dropout(dropout),
        )
        mixture = spec.outputs[0]
        self.mixture = MixtureHead(
            256, mixture.n_components, offset=(8.3, 1.4, 0.0), scale=(0.7, 0.8, 0.3)
        )
        self.register_buffer('to_galactic', torch.tensor(_TO_GALACTIC))
        self.register_buffer('distance_axis', torch.tensor([0.0, 0.0, 1.0]))
        # Widths of the posterior in units of the trained ones: set by calibration.
        self.register_buffer('widths', torch.ones(3))

    def forward(self, stars):
        """
        Return the mixture, with shape (n, n_component, 10), in a tuple.
        """
        g, bp, rp, parallax = (stars[..., i] for i in range(4))
        colour = bp - rp
        present = 1 - torch.isnan(g + colour).float()
        g, colour, blue = (
            torch.where(present > 0, x, torch.zeros_like(x)) for x in (g, colour, bp - g)
        )
        probability, has_probability = _known(stars[..., 8], 0.9)
        parallax, has_parallax = _known(parallax, 0.0)
        error = self._parallax_error(g, stars[..., 7])
        trust = present * (0.05 + probability)
        mean, scatter = self._parallax(parallax, error, trust * has_parallax)
        log_distance = 3 - torch.log10(torch.clamp(mean + _ZERO_POINT, _FLOOR, 20.0))
        absolute = g - 5 * log_distance + 5
        residual = has_parallax * torch.tanh((parallax - mean) / (3 * error))
        places, galactic = self._places(stars[..., 9:], trust, log_distance)
        blue_error, has_error = _known(stars[..., 5], 0.0)
        red_error, _ = _known(stars[..., 6], 0.0)
        columns = [
            (g - 15) / 3,
            (colour - 1.3) / 0.8,
            blue - 0.5,
            (absolute - 3) / 3,
            residual,
            has_parallax,
            torch.log(error) + 3,
            probability,
            has_probability,
            has_error,
            has_error * torch.log(blue_error + 1e-3),
            has_error * torch.log(red_error + 1e-3),
            (mean + torch.zeros_like(g)) / 3,
            (log_distance + torch.zeros_like(g)) - 3,
            *places,
            *_waves(g),
            *_waves(colour),
            *_waves(absolute),
        ]
        features = torch.stack(columns, dim=-1) * present.unsqueeze(-1)
        bias = ((1 - present) * _NEGATIVE).unsqueeze(-1)
        h = self.embed(features)
        for layer in self.layers:
            h = layer(h, bias)
        h = self.norm(h)
        pooled = self.pool(h, bias)
        member = present * torch.sigmoid(self.member(h)).squeeze(-1)
        n_stars = present.sum(dim=1, keepdim=True)
        summary = torch.cat(
            [
                torch.log(n_stars + 1) - 5,
                mean,
                log_distance - 3,
                torch.log(scatter + 1e-3),
                galactic,
            ],
            dim=1,
        )
        diagram = self._diagram(colour, g, absolute, member)
        raw = self.head(torch.cat([pooled, self.diagram(diagram), summary], dim=1))
        return (self._shift(self.mixture(raw), log_distance),)

    def _places(self, places, weight, log_distance):
        """Return ten features of each star from its place and motion, and five of the cluster."""
        ra, dec, pmra, pmdec = (places[..., i] * math.pi / 180 for i in range(4))
        has_place = weight * (1 - torch.isnan(ra + dec).float())
        vectors = torch.stack(
            [torch.cos(dec) * torch.cos(ra), torch.cos(dec) * torch.sin(ra), torch.sin(dec)], dim=-1
        )
        centre, log_r, spread_r = _concentration(vectors, has_place, _SMALLEST_ANGLE)
        has_motion = weight * (1 - torch.isnan(pmra + pmdec).float())
        motions = torch.stack([pmra, pmdec], dim=-1) * 180 / math.pi
        _, log_m, spread_m = _concentration(motions, has_motion, _SMALLEST_MOTION)
        to_pc = math.log(10) * log_distance
        stars = []
        for log_x, spread, has, middle in (
            (log_r, spread_r, has_place, -6.0),
            (log_m, spread_m, has_motion, -1.0),
        ):
            known = (has > 0).float()
            stars += [
                known,
                known * torch.tanh((log_x - spread) / 2),
                known * (log_x - middle) / 3,
                known * (spread - middle) / 3,
                known * (log_x + to_pc - middle - 7) / 3,
            ]
        galactic = torch.matmul(centre, self.to_galactic)
        height = torch.exp(to_pc) * galactic[:, 2:] / 300
        return stars, torch.cat([galactic, torch.tanh(height), spread_m / 3], dim=1)

    def _parallax_error(self, g, given):
        """Return errors of parallaxes in mas, from G where they are not given."""
        c0, c1, c2 = _ERROR
        z = torch.exp(math.log(10) * 0.4 * (torch.clamp(g, 13.0, 21.0) - 15))
        relation = _ERROR_FACTOR * torch.sqrt(c0 + c1 * z + c2 * z * z)
        return torch.where(torch.isnan(given), relation, torch.clamp(given, 0.005, 5.0))

    def _parallax(self, parallax, error, weight):
        """Return a robust mean parallax (n, 1) and the scatter around it, in mas."""
        variance = error * error + 0.03**2
        weight = weight / variance
        mean = (weight * parallax).sum(dim=1, keepdim=True) / (
            weight.sum(dim=1, keepdim=True) + 1e-6
        )
        for _ in range(3):
            robust = weight / (1 + (parallax - mean) ** 2 / (4 * variance))
            total = robust.sum(dim=1, keepdim=True) + 1e-6
            mean = (robust * parallax).sum(dim=1, keepdim=True) / total
        square = (robust * (parallax - mean) ** 2).sum(dim=1, keepdim=True) / total
        return mean, torch.sqrt(torch.clamp(square, min=1e-8))

    def _diagram(self, colour, g, absolute, weight):
        """Return square roots of smooth histograms of colour against both magnitudes."""
        colours = (self.colours(colour) * weight.unsqueeze(-1)).transpose(1, 2)
        rows = torch.cat([self.magnitudes(g), self.absolute(absolute)], dim=-1)
        counts = torch.matmul(colours, rows)
        total = weight.sum(dim=1).reshape(-1, 1, 1) + 1e-3
        return torch.sqrt(counts / total + 1e-6).flatten(1)

    def _shift(self, mixture, log_distance):
        """Return the mixture with its distances counted from the parallax's, and calibrated."""
        p = len(self.distance_axis)
        weights, means, factors = mixture[..., :1], mixture[..., 1 : 1 + p], mixture[..., 1 + p :]
        means = means + self.distance_axis * log_distance.unsqueeze(1)
        middle = (weights * means).sum(dim=1, keepdim=True)
        means = middle + self.widths * (means - middle)
        rows = torch.repeat_interleave(self.widths, torch.arange(1, p + 1, device=means.device))
        return torch.cat([weights, means, rows * factors], dim=-1)
