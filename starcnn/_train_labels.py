# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
What ``starcnn train`` does for classifiers: with labelled stamps of one's own, and with mocks.
"""

import warnings

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from starcnn.exceptions import StarcnnWarning
from starcnn.images import read_stamp_arrays, read_stamps
from starcnn.images.stamp_arrays import ARRAY_SUFFIXES

# Columns of positions, without case, as catalogues call them.
_POSITIONS = (('ra', 'dec'), ('raj2000', 'dej2000'), ('ra_deg', 'dec_deg'))

POSITION = 'position'  # the value of --group that takes them

# What has no meaning for labelled stamps.
_OF_MOCKS = ('mocks', 'bank', 'option', 'overlap', 'initial')

_OBJECT = 1 * u.arcsec  # within which stamps without a pixel scale are of one object


def is_classifier(recipe):
    """Return whether a recipe makes probabilities of classes, and nothing else, of stamps."""
    return recipe.task == 'classifier' and hasattr(recipe.augment, 'still')


def read_labelled(path, *, filters=None, pixel_scale=None):
    """Return the stamps of a file and the table of what is known of them."""
    if not path.exists():
        msg = f'--stamps must be a file or a folder that exists, got {str(path)!r}'
        raise FileNotFoundError(msg)
    is_array = path.suffix.lower() in ARRAY_SUFFIXES
    reader = read_stamp_arrays if is_array else read_stamps
    stamps, table = reader(path, filters=filters, pixel_scale=pixel_scale)
    return stamps, table


def choose_filters(stamps, names):
    """Return stamps in some of their filters, in the order in which they are named."""
    from astropy.nddata import NDData

    known = tuple(stamps.meta['filters'])
    if unknown := sorted(set(names) - set(known)):
        msg = f'--filters must be filters of the stamps, {list(known)}, got {unknown}'
        raise ValueError(msg)
    places = [known.index(name) for name in names]
    mask = None if stamps.mask is None else np.asarray(stamps.mask)[:, places]
    data, meta = np.asarray(stamps.data)[:, places], dict(stamps.meta) | {'filters': tuple(names)}
    return NDData(data, unit=stamps.unit, mask=mask, meta=meta)


def find_groups(table, stamps, name):
    """Return what must not be divided: a column, or what is near on the sky; `None` if unknown."""
    from starcnn.train import group_positions

    if name not in (None, POSITION):
        if name not in table.colnames:
            msg = f'--group must be {POSITION!r} or a column of {table.colnames}, got {name!r}'
            raise ValueError(msg)
        return np.asarray(table[name])
    positions = _find_positions(table)
    if positions is None:
        if name == POSITION:
            msg = f'--group must be a column where the stamps have no positions, got {name!r}'
            raise ValueError(msg)
        return None
    scale = stamps.meta.get('pixel_scale')
    radius = _OBJECT if scale is None else max(stamps.data.shape[2:]) * u.Quantity(scale)
    return group_positions(positions, radius)


def _find_positions(table):
    """Return the positions in a table, or `None`."""
    for name in table.colnames:
        if isinstance(table[name], SkyCoord):
            return table[name]
    lower = {name.lower(): name for name in table.colnames}
    for pair in _POSITIONS:
        if set(pair) <= set(lower):
            values = [u.Quantity(table[lower[name]]) for name in pair]
            degrees = [x if x.unit != u.dimensionless_unscaled else x.value * u.deg for x in values]
            return SkyCoord(*degrees)
    return None


def train_labels(args, recipe):
    """Train on labelled stamps, and write an ONNX file; return the scores and the file."""
    from starcnn.train import fit_labels

    if unused := [name for name in _OF_MOCKS if getattr(args, name) not in (None, [], False)]:
        msg = f'--stamps must come without the options of mocks, got --{unused[0]}'
        raise ValueError(msg)
    filters = None if args.filters is None else tuple(args.filters.split(','))
    scale = None if args.pixel_scale is None else u.Quantity(args.pixel_scale)
    stamps, table = _read_with(args.stamps, filters, scale)
    if args.labels not in table.colnames:
        msg = f'--labels must be a column of {table.colnames}, got {args.labels!r}'
        raise ValueError(msg)
    groups = find_groups(table, stamps, args.group)
    if groups is None:
        message = (
            'stamps of one object may be both trained on and held out, as there are neither '
            'positions nor --group'
        )
        warnings.warn(message, StarcnnWarning, stacklevel=2)
    labels = np.asarray(table[args.labels]).astype(str)
    result = fit_labels(
        recipe,
        stamps,
        labels,
        output=args.checkpoints or args.output.with_suffix('.checkpoints'),
        groups=groups,
        start=args.start,
        crop=args.crop,
        size=args.size,
        members=args.members,
        epochs=args.epochs,
        seed=args.seed,
        device=args.device,
        amp=args.amp,
        max_seconds=args.budget,
    )
    if result.network is None:  # time was up
        return None, None
    return result.training['scores'], result.export(args.output, half=args.half)


def _read_with(path, filters, scale):
    """Return stamps and table, in the filters asked for."""
    try:
        stamps, table = read_labelled(path, pixel_scale=scale)
    except ValueError:
        if filters is None:
            raise
        # the file does not name them
        return read_labelled(path, filters=filters, pixel_scale=scale)
    return (stamps if filters is None else choose_filters(stamps, filters)), table


def begin(recipe, bank, args):
    """Return the weights that a classifier begins with on mocks, and where they are from."""
    from starcnn.train import GrowingBank, make_start

    if args.initial is not None:
        return args.initial, {'start': 'checkpoints'}
    if isinstance(bank, GrowingBank):
        if args.start != 'random':
            msg = f"--start must be 'random' with --overlap, got {args.start!r}"
            raise ValueError(msg)
        return None, {'start': 'random'}
    return make_start(recipe, bank, args.start, seed=args.seed)
