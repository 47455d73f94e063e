# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The papers' numbers beside the ones measured here.

A family lists its `Claim` records in its ``validation.py`` and offers them by
the hook ``starcnn_claims``; `run_claims` measures them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.table import MaskedColumn, QTable
from tqdm import tqdm

from starcnn.exceptions import DataFileError
from starcnn.validation.resampling import Measurement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ['Claim', 'run_claims']

BETTER = ('higher', 'lower', 'within')


@dataclass(frozen=True, kw_only=True)
class Claim:
    """
    One published number, and how it is measured here.

    Parameters
    ----------
    family : str
        The family the claim is about, such as 'gaia_cmd'.

    name : str
        What is measured, such as 'R² of ann, mean'; unique in the family.

    source : str
        Where the number stands: paper, and table or section.

    prepare : callable
        ``prepare(data)`` returns the context that measurements start from,
        such as out-of-fold predictions; ``data`` is the `~pathlib.Path` of the
        folder with the user's data files, or `None`. Claims that share the
        function share the context, which is made once per run.

    measure : callable
        ``measure(context)`` returns a `Measurement`, as a `bootstrap` does;
        bare numbers in it are in ``unit``.

    paper : float or `None`, optional
        The published value, in ``unit``; `None` if there is none.

    bar : float, tuple of (float, float) or `None`, optional
        What the value must reach, in ``unit``, bar included; for 'within', the
        ends of the range it must lie in; `None` if it is only reported.

    better : {'higher', 'lower', 'within'}, optional
        Which values are better. The default is 'higher'.

    unit : str, optional
        The unit of the values; '' for pure numbers.

    figure : callable or `None`, optional
        ``figure(context)`` returns the `matplotlib.figure.Figure` that shows
        the claim.

    caption : str, optional
        What the figure shows, in a sentence or two. The default is the name and the
        source of the claim.

    n_mocks : int or `None`, optional
        The number of mock sources that the claim is measured on. If it is
        given, ``prepare`` draws them and is called as ``prepare(data,
        n_mocks=n_mocks, folder=folder)``, where the folder is the place to
        keep them, or `None`.
    """

    family: str
    name: str
    source: str
    prepare: Callable[..., Any]
    measure: Callable[[Any], Measurement]
    paper: float | None = None
    bar: float | tuple[float, float] | None = None
    better: str = 'higher'
    unit: str = ''
    figure: 'Callable[[Any], Figure] | None' = None
    caption: str = ''
    n_mocks: int | None = None

    def __post_init__(self):
        u.Unit(self.unit)
        if self.better not in BETTER:
            msg = f'better of {self.name!r} must be one of {list(BETTER)}, got {self.better!r}'
            raise ValueError(msg)
        pair = isinstance(self.bar, tuple) and len(self.bar) == 2 and self.bar[0] < self.bar[1]
        if self.bar is not None and pair != (self.better == 'within'):
            msg = (
                f'bar of {self.name!r} must be a number, or for better="within" a pair of '
                f'increasing numbers, got {self.bar!r} for better={self.better!r}'
            )
            raise ValueError(msg)
        _check_number(self.n_mocks, f'n_mocks of {self.name!r}')

    def judge(self, value):
        """
        Say whether a value reaches the bar.

        Parameters
        ----------
        value : float
            The value, in ``unit``.

        Returns
        -------
        status : {'pass', 'fail', 'none'}
            'none' if there is no bar; NaN fails.
        """
        if self.bar is None:
            return 'none'
        if self.better == 'within':
            reached = self.bar[0] <= value <= self.bar[1]
        else:
            reached = value >= self.bar if self.better == 'higher' else value <= self.bar
        return 'pass' if reached else 'fail'

    @property
    def bar_text(self):
        """
        The bar as a reader expects it, such as '≥ 0.93'.
        """
        if self.bar is None:
            return ''
        if self.better == 'within':
            return f'{self.bar[0]:g} to {self.bar[1]:g}'
        return f'{"≥" if self.better == "higher" else "≤"} {self.bar:g}'


def run_claims(claims, *, data=None, figures=None, n_mocks=None, folder=None):
    """
    Measure claims and put the results beside the papers' numbers.

    Parameters
    ----------
    claims : iterable of `Claim`
        What to measure, in the order of the rows.

    data : str, `~pathlib.Path` or `None`, optional
        The folder with the user's data files, which the claims' ``prepare``
        functions are given.

    figures : str, `~pathlib.Path` or `None`, optional
        The folder that the claims' figures are written to as PNG files, named
        after the claims; `None` draws none.

    n_mocks : int or `None`, optional
        The number of mock sources for claims that are measured on them; `None`
        is the number that each claim has.

    folder : str, `~pathlib.Path` or `None`, optional
        Where mock sources are kept, so that they are drawn once; `None` keeps
        none.

    Returns
    -------
    table : `~astropy.table.QTable`
        One row per claim: ``family``, ``claim``, ``paper`` (masked if there is
        none), ``value``, ``error`` (masked if not measured), ``unit``,
        ``n_sources``, ``bar``, ``status`` ('pass', 'fail', 'none' without a
        bar, 'not run' if a data file is missing), ``source``, ``note``,
        which says which file is missing, ``figure``, the name of the figure's
        file (empty if none was drawn), and its ``caption``.

    Raises
    ------
    ValueError
        If ``n_mocks`` is not a positive integer.
    """
    _check_number(n_mocks, 'n_mocks')
    claims = tuple(claims)
    data = None if data is None else Path(data)
    contexts = {}
    rows = [
        _run(claim, contexts, partial(_prepare, data, n_mocks, folder), figures)
        for claim in tqdm(claims, desc='claims', leave=False, disable=None)
    ]
    return _to_table(claims, rows)


def _check_number(n_mocks, name):
    """Raise unless a number of mocks is positive, or not given."""
    is_number = isinstance(n_mocks, Integral) and not isinstance(n_mocks, bool)
    if n_mocks is not None and not (is_number and n_mocks > 0):
        msg = f'{name} must be a positive integer or None, got {n_mocks!r}'
        raise ValueError(msg)


def _prepare(data, n_mocks, folder, claim):
    """Return the context of a claim."""
    if claim.n_mocks is None:
        return claim.prepare(data)
    n_mocks = claim.n_mocks if n_mocks is None else n_mocks
    return claim.prepare(data, n_mocks=n_mocks, folder=folder)


def _run(claim, contexts, prepare, figures):
    """Return value, error, number of sources, status, note and figure of one claim."""
    try:
        if claim.prepare not in contexts:
            contexts[claim.prepare] = prepare(claim)
        context = contexts[claim.prepare]
        measured = claim.measure(context)
    except DataFileError as error:
        return None, None, 0, 'not run', str(error), ''
    figure = ''
    if figures is not None and claim.figure is not None:
        figure = f'{_slug(claim)}.png'
        claim.figure(context).savefig(Path(figures) / figure, dpi=150, metadata={'Software': None})
    value, error = (_to_unit(item, claim) for item in (measured.value, measured.error))
    return value, error, measured.n_sources, claim.judge(value), '', figure


def _to_unit(number, claim):
    """Return a number or quantity as a float in the unit of a claim."""
    return float(number.to_value(claim.unit) if isinstance(number, u.Quantity) else number)


def _slug(claim):
    """Return the name of a claim as the name of a file."""
    text = f'{claim.family} {claim.name}'.lower().replace('²', '2').replace('%', ' percent')
    return re.sub('[^a-z0-9]+', '_', text).strip('_')


def _to_table(claims, rows):
    """Return the table of `run_claims`."""
    values, errors, counts, status, notes, figures = zip(*rows, strict=True) if rows else ((),) * 6
    table = QTable()
    table['family'] = np.array([claim.family for claim in claims], dtype=str)
    table['claim'] = np.array([claim.name for claim in claims], dtype=str)
    table['paper'] = _masked([claim.paper for claim in claims])
    table['value'], table['error'] = _masked(values), _masked(errors)
    table['unit'] = np.array([claim.unit for claim in claims], dtype=str)
    table['n_sources'] = np.array(counts, dtype=int)
    table['bar'] = np.array([claim.bar_text for claim in claims], dtype=str)
    table['status'] = np.array(status, dtype=str)
    table['source'] = np.array([claim.source for claim in claims], dtype=str)
    table['note'] = np.array(notes, dtype=str)
    table['figure'] = np.array(figures, dtype=str)
    captions = [
        (claim.caption or f'{claim.name}. {claim.source}') if figure else ''
        for claim, figure in zip(claims, figures, strict=True)
    ]
    table['caption'] = np.array(captions, dtype=str)
    table.meta['STARCNN'] = version('starcnn')
    return table


def _masked(values):
    """Return floats as a column that is masked where they are `None`."""
    missing = [value is None for value in values]
    filled = [np.nan if value is None else value for value in values]
    return MaskedColumn(filled, mask=missing, dtype=float)
