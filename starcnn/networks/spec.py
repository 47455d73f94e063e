# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The typed description of what a network eats and returns, in physical units.

A `Spec` travels as JSON inside the ONNX file it describes, so a file can be
used without any code or table beside it.
"""

import json
from dataclasses import dataclass

from starcnn.networks.parts import (
    Classes,
    Features,
    Grid,
    Images,
    Map,
    Mixture,
    Parameter,
    Stars,
)

__all__ = ['Spec']

SCHEMA = 1

_INPUTS = {part.kind: part for part in (Images, Features, Stars)}
_OUTPUTS = {part.kind: part for part in (Parameter, Grid, Mixture, Classes, Map)}


def _tuples(value):
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _part(value, kinds):
    value = dict(value)
    kind = value.pop('kind', None)
    if kind not in kinds:
        msg = f'kind of a part must be one of {sorted(kinds)}, got {kind!r}'
        raise ValueError(msg)
    if 'parameters' in value:
        value['parameters'] = tuple(
            _part(parameter, {'parameter': Parameter}) for parameter in value['parameters']
        )
    try:
        return kinds[kind](**{name: _tuples(item) for name, item in value.items()})
    except TypeError as error:
        msg = f'a part of kind {kind!r} must have the fields of {kinds[kind].__name__}: {error}'
        raise ValueError(msg) from None


@dataclass(frozen=True, kw_only=True)
class Spec:
    """
    What one network eats and returns.

    Parameters
    ----------
    family : str
        The name of the backend the network belongs to.

    variant : str
        The kind of network within the family, such as 'cnn'.

    inputs : tuple of `Images`, `Features` or `Stars`
        The inputs, in order.

    outputs : tuple of `Parameter`, `Grid`, `Mixture`, `Classes` or `Map`
        The outputs, in order.

    Examples
    --------
    >>> from starcnn.networks import Features, Parameter, Spec
    >>> spec = Spec(
    ...     family='toy',
    ...     variant='dense',
    ...     inputs=(Features(name='x', columns=('colour',), units=('mag',),
    ...                      bounds=((-1, 3),)),),
    ...     outputs=(Parameter(name='age', unit='yr', bounds=(6.0, 10.0), log=True),))
    >>> Spec.from_json(spec.to_json()) == spec
    True
    """

    family: str
    variant: str
    inputs: tuple[Images | Features | Stars, ...]
    outputs: tuple[Parameter | Grid | Mixture | Classes | Map, ...]

    def __post_init__(self):
        names = [part.name for part in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):
            msg = f'inputs and outputs must have different names, got {names}'
            raise ValueError(msg)

    @property
    def parameters(self):
        """
        All the `Parameter` objects of the outputs, in order.
        """
        return tuple(
            parameter for part in self.outputs for parameter in getattr(part, 'parameters', ())
        )

    def to_json(self):
        """
        Return the spec as a JSON string.

        Returns
        -------
        text : str
            The JSON, with the number of its schema.
        """
        return json.dumps(
            {
                'schema': SCHEMA,
                'family': self.family,
                'variant': self.variant,
                'inputs': [part.to_dict() for part in self.inputs],
                'outputs': [part.to_dict() for part in self.outputs],
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text):
        """
        Read a spec from a JSON string.

        Parameters
        ----------
        text : str
            What `to_json` wrote.

        Returns
        -------
        spec : `Spec`
            The spec, equal to the one that was written.

        Raises
        ------
        ValueError
            If the text is not JSON, has another schema, or has parts or fields
            that are unknown.
        """
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            msg = f'text must be JSON: {error}'
            raise ValueError(msg) from None
        if not isinstance(value, dict) or value.get('schema') != SCHEMA:
            found = value.get('schema') if isinstance(value, dict) else value
            msg = f'schema of a spec must be {SCHEMA}, got {found!r}'
            raise ValueError(msg)
        missing = {'family', 'variant', 'inputs', 'outputs'} - set(value)
        if missing:
            msg = f'text must describe a spec; missing are {sorted(missing)}'
            raise ValueError(msg)
        return cls(
            family=value['family'],
            variant=value['variant'],
            inputs=tuple(_part(part, _INPUTS) for part in value['inputs']),
            outputs=tuple(_part(part, _OUTPUTS) for part in value['outputs']),
        )
