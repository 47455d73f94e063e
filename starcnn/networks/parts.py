# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The inputs and outputs a `Spec` is made of.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

from starcnn.networks._checks import check_classes, check_columns, check_side_range, check_units

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
    # fields that are written only if they are not `None`, so that files without stay as they were
    additions: ClassVar[tuple[str, ...]] = ()

    def to_dict(self):
        """
        Return the part as a dictionary of JSON values.
        """
        out = {'kind': self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in self.additions:
                continue
            if field.name == 'parameters':
                value = [parameter.to_dict() for parameter in value]
            out[field.name] = value
        return out


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

    sizes : tuple of int or `None`, optional
        The least and the largest number of pixels along y and x, for networks
        that take images of any of these sizes; ``shape`` is then the usual one.
        `None` takes ``shape`` alone.

    Raises
    ------
    ValueError
        If astropy does not read the unit, or the sizes do not hold the shape.
    """

    kind: ClassVar[str] = 'images'
    additions: ClassVar[tuple[str, ...]] = ('sizes',)
    name: str
    filters: tuple[str, ...]
    shape: tuple[int, int]
    pixel_scale: float | None
    unit: str
    sizes: tuple[int, int] | None = None

    def __post_init__(self):
        check_units(self.name, [self.unit])
        check_side_range(self)

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        shape = self.shape if self.sizes is None else (None, None)
        return (None, len(self.filters), *shape)


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
        check_columns(self)

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
        check_columns(self)

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
        check_units(self.name, [self.unit])
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

    prevalence : tuple of float or `None`, optional
        The fraction of each class among the sources that the probabilities are
        calibrated on; they sum to one.

    conformal : tuple of tuple of float or `None`, optional
        For each class the probabilities that the network gave to it for held
        out sources of this class, the largest first: what sets of classes at
        any confidence are made of, see `starcnn.networks.conformal_sets`.

    Raises
    ------
    ValueError
        If there is not one entry per class, or one is no probability.
    """

    kind: ClassVar[str] = 'classes'
    additions: ClassVar[tuple[str, ...]] = ('prevalence', 'conformal')
    name: str
    labels: tuple[str, ...]
    prevalence: tuple[float, ...] | None = None
    conformal: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self):
        check_classes(self)

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
        check_units(self.name, [self.unit])

    @property
    def dimensions(self):
        """
        The dimensions of the tensor; `None` where the file leaves them free.
        """
        return (None, *self.shape)
