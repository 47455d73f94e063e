# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
From cutouts to the images that networks take, and from what they say to tables: for families.
"""

from dataclasses import dataclass

import numpy as np

from starcnn.flags import NO_DATA
from starcnn.images import find_bands, missing_pixels, to_array
from starcnn.tables import faint_flags, missing_flags, parameter_table

__all__ = ['CutoutReader']


@dataclass(frozen=True)
class CutoutReader:
    """
    Read the cutouts of a family, and tell what its networks say of them.

    Parameters
    ----------
    instruments : dict of str
        The camera of each filter, whose zero points are used where ``data``
        has none.
    """

    instruments: dict

    def encode(self, data, spec):
        """
        Turn cutouts into the array that a network takes.

        Parameters
        ----------
        data : `~astropy.nddata.NDData` of (n_source, n_filter, ny, nx) or (n_filter, ny, nx)
            The cutouts, with a unit, ``meta['filters']`` and
            ``meta['pixel_scale']``; see `starcnn.images.to_array`. The default
            networks take any of their filters; those of the papers need all.
            Fluxes in Jy and magnitudes are converted with the zero points of
            ``meta['bands']``, a list of `~starcnn.images.Band`, or else those
            of the family's cameras; counts need ``meta['bands']``, which have
            exposure times.

        spec : `~starcnn.networks.Spec`
            The spec of the network.

        Returns
        -------
        inputs : dict of `~numpy.ndarray` of float32
            The images; NaN where most pixels are missing in every filter.

        Raises
        ------
        TypeError, ValueError, `~astropy.units.UnitsError`
            If ``data`` is not such a stack.
        """
        array, missing = self._read(to_array, data, spec)
        array[(missing_flags(missing) & NO_DATA) > 0] = np.nan
        return {spec.inputs[0].name: array}

    def describe(self, data, spec):
        """
        Return what is known about cutouts, and their quality bits.

        Parameters
        ----------
        data : `~astropy.nddata.NDData`
            The cutouts.

        spec : `~starcnn.networks.Spec`
            The spec of the network.

        Returns
        -------
        sources : `~astropy.table.QTable` or `None`
            ``meta['sources']``.

        flags : `~numpy.ndarray` of int with shape (n_source,)
            Bits of `starcnn.flags`: ``FILLED`` where some pixels, or some
            filters, are missing, ``NO_DATA`` where most are.
        """
        missing = self._read(missing_pixels, data, spec)
        return data.meta.get('sources'), missing_flags(missing)

    def decode(self, outputs, spec, data):
        """
        Turn the outputs of a network into a table.

        Parameters
        ----------
        outputs : dict of `~numpy.ndarray`
            The outputs that the spec names, one row per cutout.

        spec : `~starcnn.networks.Spec`
            The spec of the network.

        data : `~astropy.nddata.NDData`
            What `encode` was given.

        Returns
        -------
        table : `~astropy.table.QTable`
            One row per cutout: ``id`` and the columns of ``meta['sources']``;
            each parameter of the spec with its 16th and 84th percentiles; and
            ``flags``. Networks that say how visible a cluster is have the bit
            ``FAINT``, too: what light in a crowded field belongs to a cluster
            cannot be told without.
        """
        sources, flags = self.describe(data, spec)
        faint = np.where(flags & NO_DATA, 0, faint_flags(outputs, spec))
        return parameter_table(outputs, spec, sources=sources, flags=flags | faint)

    def _read(self, function, data, spec):
        """Return what a function makes of cutouts; all but a paper's network take any filters."""
        part = spec.inputs[0]
        bands = find_bands(data, part, self.instruments)
        return function(data, part, bands=bands, allow_missing=spec.variant != 'paper')
