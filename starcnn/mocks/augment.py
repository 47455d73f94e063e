# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Put clusters on backgrounds, with noise, on the device of the training: every epoch is new.
"""

from dataclasses import dataclass, replace

import torch

__all__ = ['Augment']

_N_SYMMETRIES = 8
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Augment:
    """
    Make mock images of a batch of a bank of clusters and fields.

    Parameters
    ----------
    exposure_times : tuple of float
        The exposure time in each filter, s.

    background : float
        The fraction of images without a cluster.

    symmetries : bool, optional
        Whether clusters and fields are turned and mirrored.

    missing : float, optional
        The fraction of images that lack some of the filters.

    calibration_scatter : float, optional
        The relative scatter of the flux scale of the background, in a third of
        the images.
    """

    exposure_times: tuple[float, ...]
    background: float
    symmetries: bool = True
    missing: float = 0.0
    calibration_scatter: float = 0.0

    def __call__(self, inputs, truth, generator):
        """
        Return new images and the truth of each.

        Parameters
        ----------
        inputs : dict of `torch.Tensor`
            ``clusters`` and ``fields`` (n, n_filter, ny, nx), the latter with
            the ``level`` and the ``scatter`` of each (n, n_filter), and the
            mean ``flux`` of each cluster (n, n_filter), electron/s.

        truth : dict of `torch.Tensor`
            The parameters of the clusters, on their axes.

        generator : `torch.Generator`
            The random numbers.

        Returns
        -------
        inputs, truth : dict of `torch.Tensor`
            ``images``, and the truth with ``visibility`` and ``class``; NaN are
            the parameters of images without a cluster.
        """
        clusters, fields = inputs['clusters'], inputs['fields']
        n, device = len(clusters), clusters.device
        order = torch.randperm(n, generator=generator, device=device)
        level, scatter = inputs['level'][order], inputs['scatter'][order]
        fields = fields[order]
        if self.symmetries:
            clusters = _turn(clusters, generator)
            fields = _turn(fields, generator)
        if self.calibration_scatter:
            scale = self._scales(level, generator)
            fields, level = fields * scale[:, :, None, None], level * scale
            scatter = scatter * scale
        visibility = (inputs['flux'] / torch.clamp(scatter, min=_TINY)).mean(dim=1)
        is_cluster = torch.arange(n, device=device) >= round(self.background * n)
        images = fields + torch.where(
            is_cluster[:, None, None, None], self._expose(clusters, level, generator), 0.0
        )
        if self.missing:
            images = self._leave_out(images, generator)
        truth = {name: torch.where(is_cluster, x, torch.nan) for name, x in truth.items()}
        truth |= {
            'visibility': torch.where(is_cluster, torch.log10(visibility), -torch.inf),
            'class': is_cluster.long(),
        }
        return {'images': images}, truth

    def for_options(self, options):
        """
        Return the same for other options of the simulator.

        Parameters
        ----------
        options : `~starcnn.mocks.ClusterOptions`
            The options.

        Returns
        -------
        augment : `Augment`
            With their exposure times.
        """
        return replace(self, exposure_times=tuple(options.exposure_times))

    def _expose(self, clusters, level, generator):
        """Return clusters with photon noise (Bialopetravicius & Narbutis 2020, section 2.3)."""
        time = torch.tensor(self.exposure_times, device=clusters.device)[:, None, None]
        level = torch.clamp(level, min=0)[:, :, None, None]
        mean = torch.clamp((clusters + level) * time, min=0)
        normal = torch.empty_like(mean).normal_(generator=generator)
        # The square of a normal deviate has the mean, nearly the variance and the skewness of
        # Poisson's numbers, and takes a tenth of their time.
        counts = (torch.sqrt(mean) + normal / 2) ** 2 - 1 / 4
        return counts / time - level

    def _scales(self, level, generator):
        """Return the factors of the fluxes of the fields, (n, n_filter)."""
        n, n_filters = level.shape
        normal = torch.randn(n, n_filters, generator=generator, device=level.device)
        chosen = torch.rand(n, 1, generator=generator, device=level.device) < 1 / 3
        scale = 1 + self.calibration_scatter * normal * chosen
        return torch.clamp(scale, min=0.1)

    def _leave_out(self, images, generator):
        """Return images of which some lack one filter or more, but never all."""
        n, n_filters = images.shape[:2]
        chosen = torch.rand(n, 1, generator=generator, device=images.device) < self.missing
        noise = torch.rand(n, n_filters, generator=generator, device=images.device)
        rank = noise.argsort(dim=1).argsort(dim=1)
        n_kept = torch.randint(
            1, max(n_filters, 2), (n, 1), generator=generator, device=images.device
        )
        gone = chosen & (rank >= n_kept)
        return torch.where(gone[:, :, None, None], torch.nan, images)


def _turn(images, generator):
    """Return images turned by quarters and mirrored, each eighth in another way."""
    n = len(images)
    order = torch.randperm(n, generator=generator, device=images.device)
    parts = []
    for k, rows in enumerate(order.chunk(_N_SYMMETRIES)):
        part = torch.rot90(images[rows], k % 4, dims=(2, 3))
        parts.append(part.flip(3) if k >= _N_SYMMETRIES // 2 else part)
    return torch.cat(parts)[order.argsort()].contiguous(memory_format=torch.channels_last)
