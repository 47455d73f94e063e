# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The sets of filters that images may have, each with a column of a network's temperatures.
"""

from dataclasses import dataclass

import torch

from starcnn.networks.parts import Images

# The name of the set of a network that knows no others.
_ALL = 'all'


@dataclass(frozen=True, kw_only=True)
class FilterSet:
    """
    A set of filters.

    Parameters
    ----------
    column : int
        That of the temperatures.

    name : str
        The names of the filters, joined by plus signs.

    images : `~starcnn.networks.Images` or `None`, optional
        The input that has them; `None` takes sources as they are.

    filters : tuple of int, optional
        Their places in it.
    """

    column: int
    name: str
    images: Images | None = None
    filters: tuple[int, ...] = ()

    def has(self, inputs):
        """
        Return which sources have at least these filters, (n,), or all.
        """
        values = next(iter(inputs.values()))
        if self.images is None:
            return torch.ones(len(values), dtype=torch.bool)
        return ~inputs[self.images.name][:, self.filters].isnan().flatten(1).any(dim=1)

    def leave(self, inputs):
        """
        Return the inputs with these filters alone.
        """
        if self.images is None:
            return inputs
        images = inputs[self.images.name].clone()
        images[:, [i for i in range(images.shape[1]) if i not in self.filters]] = torch.nan
        return inputs | {self.images.name: images}


def find_sets(network, spec):
    """
    Return the sets of filters that a network has temperatures for, as `FilterSet`.

    Raises
    ------
    ValueError
        If it has none, or not in a shape that the spec explains.
    """
    images = [part for part in spec.inputs if isinstance(part, Images)]
    filters = images[0].filters if len(images) == 1 else ()
    shapes = [(len(spec.outputs), n) for n in sorted({1, 2 ** len(filters)})]
    table = getattr(network, 'temperatures', None)
    shape = None if table is None else tuple(table.shape)
    if shape not in shapes:
        msg = (
            f'network must have temperatures with shape {" or ".join(map(str, shapes))} to be '
            f'calibrated, got {shape}'
        )
        raise ValueError(msg)
    if shape[1] == 1:
        return [FilterSet(column=0, name=_ALL)]
    return [_make_set(column, images[0]) for column in range(1, shape[1])]


def _make_set(column, images):
    """Return the set of the filters whose bits are one."""
    filters = tuple(i for i in range(len(images.filters)) if column >> i & 1)
    name = '+'.join(images.filters[i] for i in filters)
    return FilterSet(column=column, name=name, images=images, filters=filters)
