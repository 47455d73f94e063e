# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Fit a recipe of a classifier to labelled stamps of one's own, and store them as a bank.
"""

import math
from dataclasses import replace
from functools import partial

import astropy.units as u
import numpy as np

from starcnn.plugins._manager import list_backends
from starcnn.train.bank import Bank
from starcnn.train.data import truth_arrays

__all__ = ['make_label_recipe', 'make_labelled_bank']

# How much larger than the images the stored stamps are, for rotations, where the user's are.
_MARGIN = 1.5

_SCALE_TOLERANCE = 0.02  # of pixel scales, as in `starcnn.images.to_array`
_FORBIDDEN = '|'  # what separates labels in sets of classes


def make_label_recipe(recipe, stamps, labels, *, crop=None, size=None):
    """
    Return a recipe for the classes and filters of labelled stamps.

    Parameters
    ----------
    recipe : `~starcnn.plugins.Recipe`
        A recipe of a classifier: images go in, classes come out.

    stamps, labels, crop, size
        As for `starcnn.train.fit_labels`.

    Returns
    -------
    recipe : `~starcnn.plugins.Recipe`
        With another spec, and an augmentation that cuts to its shape.

    Raises
    ------
    TypeError, ValueError
        If the stamps are no stack of images, have another length than the
        labels or a logarithmic unit, or there are less than two classes.
    """
    shape = np.shape(getattr(stamps, 'data', None))
    if len(shape) != 4 or shape[0] != len(labels):
        msg = f'stamps must be NDData with shape ({len(labels)}, n_filter, ny, nx), got {shape}'
        raise ValueError(msg)
    filters = stamps.meta.get('filters')
    if filters is None or len(filters) != shape[1]:
        msg = f"stamps must have {shape[1]} names of filters in meta['filters'], got {filters!r}"
        raise ValueError(msg)
    images, (classes,) = recipe.spec.inputs[0], recipe.spec.outputs
    scale = _read_scale(stamps.meta.get('pixel_scale'))
    sides = _choose_sides(shape, images, scale, crop)
    unit = _read_unit(stamps.unit)
    images = replace(
        images, filters=tuple(filters), shape=sides, pixel_scale=scale, unit=unit, sizes=None
    )
    classes = replace(classes, labels=_choose_labels(labels, classes.labels))
    spec = replace(recipe.spec, inputs=(images,), outputs=(classes,))
    stored = tuple(
        min(side, math.ceil(_MARGIN * cut)) for side, cut in zip(shape[2:], sides, strict=True)
    )
    bank_images = replace(images, name=recipe.bank_spec.inputs[0].name, shape=stored)
    network = recipe.network if size is None else partial(recipe.network, size=size)
    return replace(
        recipe,
        spec=spec,
        network=network,
        augment=replace(recipe.augment, shape=sides),
        bank_spec=replace(spec, variant='bank', inputs=(bank_images,)),
    )


def make_labelled_bank(recipe, stamps, labels):
    """
    Return labelled stamps as a bank to train on.

    Parameters
    ----------
    recipe : `~starcnn.plugins.Recipe`
        As from `make_label_recipe`.

    stamps, labels
        As for `starcnn.train.fit_labels`.

    Returns
    -------
    bank : `~starcnn.train.Bank`
        The bank, in memory.

    Raises
    ------
    ValueError
        If a stamp has no usable image.
    """
    from astropy.table import Table

    encode = recipe.bank_encode or list_backends('starcnn_classifiers')[recipe.name].encode
    inputs = encode(stamps, recipe.bank_spec)
    for array in inputs.values():
        empty = np.flatnonzero(np.isnan(array).all(axis=(1, 2, 3)))
        if len(empty):
            msg = f'stamps must have images to train on, got none in the rows {empty[:5].tolist()}'
            raise ValueError(msg)
    (part,) = recipe.spec.outputs
    truth = truth_arrays(Table({part.name: np.asarray(labels).astype(str)}), recipe.spec)
    return Bank.from_arrays(inputs, truth, meta={'stamps': len(labels), 'labels': _count(labels)})


def _count(labels):
    """Return how many stamps each class has."""
    names, counts = np.unique(labels, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _choose_labels(labels, known):
    """Return the labels of a network: those of the family, if they are, or the user's."""
    names = sorted(set(np.asarray(labels).tolist()))
    wrong = [name for name in names if not name or _FORBIDDEN in name]
    if len(names) < 2 or wrong:
        msg = f'labels must be two names or more, without {_FORBIDDEN!r}, got {names}'
        raise ValueError(msg)
    return tuple(known) if names == sorted(known) else tuple(names)


def _choose_sides(shape, images, scale, crop):
    """Return the shape (ny, nx) of what a network sees of stamps."""
    is_like_family = (
        scale is not None
        and images.pixel_scale is not None
        and abs(scale / images.pixel_scale - 1) <= _SCALE_TOLERANCE
    )
    if crop is None:
        most = images.shape if is_like_family else shape[2:]
        return tuple(min(side, largest) for side, largest in zip(shape[2:], most, strict=True))
    if not isinstance(crop, int) or not 1 <= crop <= min(shape[2:]):
        msg = f'crop must be from 1 to the side of the stamps, {min(shape[2:])}, got {crop!r}'
        raise ValueError(msg)
    return (crop, crop)


def _read_unit(unit):
    """Return the name of the unit of stamps, which is linear."""
    if unit == u.mag or isinstance(unit, u.LogUnit):
        msg = f'stamps must have a linear unit, got {unit}'
        raise u.UnitsError(msg)
    return '' if unit is None else unit.to_string()


def _read_scale(value):
    """Return a pixel scale in arcsec, or `None`."""
    return None if value is None else float(u.Quantity(value).to_value(u.arcsec))
