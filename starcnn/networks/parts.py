# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The inputs and outputs a `Spec` is made of.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

import astropy.units as u

__all__ = [
    'Classes',
    'Features',
    'Grid',
    'Images',
    'Map',
    'Mixture',
    'Parameter',
    'Stars',
]


class _Part:
    """
    What the parts of a `Spec` share: JSON, and checks of their units.
    """

    kind: ClassVar[str]

    def to_dict(self):
        """
        Return the part as a dictionary of JSON values.
        """
        out = {'kind': self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == 'parameters':
                value = [parameter.to_dict() for parameter in value]
            out[field.name] = value
        return out


def _check_units(owner, units):
    for unit in units:
        try:
            u.Unit(unit)
        except ValueError:
            msg = f'units of {owner!r} must be unit strings that astropy reads, got {unit!r}'
            raise ValueError(msg) from None


def _check_columns(part):
    _check_units(part.name, part.units)
    for name in ('units', 'bounds'):
        if len(getattr(part, name)) != len(part.columns):
            msg = (
                f'{name} of {part.name!r} must have one entry per column '
                f'({len(part.columns)}), got {len(getattr(part, name))}'
            )
            raise ValueError(msg)


@dataclass(frozen=True, kw_only=True)
class Images(_Part):
    """
    An input tensor with shape (n_source, n_filter, ny, nx).

    Parameters
    ----------
    name : str
        The name of the ONNX tensor.

    filters : tuple of str
        The filters in order, named as the observatory names them.

    shape : tuple of int
        The shape (ny, nx) of one image.

    pixel_scale : float or `None`
        Arcseconds per pixel; `None` for pictures that are not of the sky.

    unit : str
        The unit of the pixel values.
    """

    kind: ClassVar[str] = 'images'
    name: str
    filters: tuple[str, ...]
    shape: tuple[int, int]
    pixel_scale: float | None
    unit: str

    def __post_init__(self):
        _check_units(self.name, [self.unit])

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        return (None, len(self.filters), *self.shape)


@dataclass(frozen=True, kw_only=True)
class Features(_Part):
    """
    An input tensor with shape (n_source, n_column).

    Parameters
    ----------
    name : str
        The name of the ONNX tensor.

    columns, units : tuple of str
        What each column holds and its unit ('' for pure numbers).

    bounds : tuple of (float, float)
        The range of each column that the network was trained on.
    """

    kind: ClassVar[str] = 'features'
    name: str
    columns: tuple[str, ...]
    units: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]

    def __post_init__(self):
        _check_columns(self)

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        return (None, len(self.columns))


@dataclass(frozen=True, kw_only=True)
class Stars(_Part):
    """
    An input tensor with shape (n_source, n_star, n_column): an unordered set.

    A value that is not known is NaN; a star that is not there is a row of
    NaN. The star axis is free in the file, so a source is given to the network
    with its own number of stars.

    Parameters
    ----------
    name : str
        The name of the ONNX tensor.

    columns, units : tuple of str
        What each column holds and its unit ('' for pure numbers).

    bounds : tuple of (float, float)
        The range of each column that the network was trained on.

    n_max : int
        The largest number of stars per source.
    """

    kind: ClassVar[str] = 'stars'
    name: str
    columns: tuple[str, ...]
    units: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]
    n_max: int

    def __post_init__(self):
        _check_columns(self)

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        return (None, None, len(self.columns))


@dataclass(frozen=True, kw_only=True)
class Parameter(_Part):
    """
    One physical parameter; as an output of its own, its distribution.

    With a ``grid``, the output has shape (n_source, n_grid) and holds
    probabilities that sum to one; without, it has shape (n_source, 2) and
    holds mean and standard deviation.

    Parameters
    ----------
    name : str
        The name of the ONNX tensor and of the result's column.

    unit : str
        The linear unit of the result, such as 'yr'.

    bounds : tuple of float
        The range the network was trained on, on the axis that ``log`` names.

    log : bool, optional
        Whether the axis is the decimal logarithm of the value in ``unit``.

    grid : tuple of float or `None`, optional
        The nodes of the grid, increasing, on the same axis.
    """

    kind: ClassVar[str] = 'parameter'
    name: str
    unit: str
    bounds: tuple[float, float]
    log: bool = False
    grid: tuple[float, ...] | None = None

    def __post_init__(self):
        _check_units(self.name, [self.unit])
        if self.grid is not None and any(
            b <= a for a, b in zip(self.grid[:-1], self.grid[1:], strict=True)
        ):
            msg = f'grid of {self.name!r} must be increasing, got {self.grid}'
            raise ValueError(msg)

    @property
    def parameters(self):
        """
        The parameter itself, in a tuple, as joint outputs have it.
        """
        return (self,)

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        return (None, 2 if self.grid is None else len(self.grid))

    def to_dict(self):
        """
        Return the part as a dictionary of JSON values.
        """
        names = ('name', 'unit', 'bounds', 'log', 'grid')
        return {'kind': self.kind} | {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True)
class Grid(_Part):
    """
    An output with shape (n_source, k1, k2, ...): one joint distribution.

    The values are probabilities over the product of the parameters' grids and
    sum to one for each source.

    Parameters
    ----------
    name : str
        The name of the ONNX tensor.

    parameters : tuple of `Parameter`
        The parameters in the order of the axes, each with its grid.
    """

    kind: ClassVar[str] = 'grid'
    name: str
    parameters: tuple[Parameter, ...]

    def __post_init__(self):
        for parameter in self.parameters:
            if parameter.grid is None:
                msg = f'parameter {parameter.name!r} of grid {self.name!r} must have a grid'
                raise ValueError(msg)

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        return (None, *(len(parameter.grid) for parameter in self.parameters))


@dataclass(frozen=True, kw_only=True)
class Mixture(_Part):
    """
    An output with shape (n_source, n_component, 1 + p + p (p + 1) / 2).

    One joint distribution of ``p`` parameters as a mixture of normal
    distributions, for parameters whose ranges are too wide for a grid. The
    last axis holds the weight of the component (they sum to one), the ``p``
    means, and the rows of the lower triangular Cholesky factor of the
    covariance matrix, without the zeros.

    Parameters
    ----------
    name : str
        The name of the ONNX tensor.

    parameters : tuple of `Parameter`
        The parameters in order; their ``log`` says on which axis.

    n_components : int
        The number of normal distributions.
    """

    kind: ClassVar[str] = 'mixture'
    name: str
    parameters: tuple[Parameter, ...]
    n_components: int

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        p = len(self.parameters)
        return (None, self.n_components, 1 + p + p * (p + 1) // 2)


@dataclass(frozen=True, kw_only=True)
class Classes(_Part):
    """
    An output with shape (n_source, n_class): probabilities that sum to one.

    Parameters
    ----------
    name : str
        The name of the ONNX tensor.

    labels : tuple of str
        The classes in order.
    """

    kind: ClassVar[str] = 'classes'
    name: str
    labels: tuple[str, ...]

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        return (None, len(self.labels))


@dataclass(frozen=True, kw_only=True)
class Map(_Part):
    """
    An output with shape (n_source, ny, nx): an image.

    Parameters
    ----------
    name : str
        The name of the ONNX tensor.

    unit : str
        The unit of the pixel values.

    shape : tuple of int
        The shape (ny, nx) of one image.
    """

    kind: ClassVar[str] = 'map'
    name: str
    unit: str
    shape: tuple[int, int]

    def __post_init__(self):
        _check_units(self.name, [self.unit])

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        return (None, *self.shape)
