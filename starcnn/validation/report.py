# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Reports on a family's claims: for the screen, for the docs, and as files.
"""

import math
import os
import re
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.table import Table

from starcnn.validation.claims import run_claims

__all__ = ['format_claims', 'reproduce', 'write_rst']


def reproduce(family, *, output, data=None, n_mocks=None):
    """
    Measure all claims of a family, and write the table and the figures.

    Parameters
    ----------
    family : str
        The name of the family, such as 'gaia_cmd'.

    output : str or `~pathlib.Path`
        The folder to write to, made if it does not exist: ``claims.ecsv``,
        ``claims.rst`` and the claims' figures as PNG files. Files of the same
        names are replaced.

    data : str, `~pathlib.Path` or `None`, optional
        The folder with the user's data files; if `None`, the environment
        variable ``STARCNN_DATA_DIR``, if it is set.

    n_mocks : int or `None`, optional
        The number of mock sources, for families that are measured on them;
        `None` is the family's own number. They are kept in ``output/mocks``.

    Returns
    -------
    table : `~astropy.table.QTable`
        The table of `run_claims`. Its ``meta`` has the version of the package
        (``STARCNN``) and the family's weights with their SHA-256
        (``WEIGHTS``).

    Raises
    ------
    ValueError
        If no claims of that family are installed.
    """
    from starcnn.plugins._manager import get_plugin_manager

    hook = get_plugin_manager().hook
    every = [claim for claims in hook.starcnn_claims() for claim in claims]
    chosen = [claim for claim in every if claim.family == family]
    if not chosen:
        families = sorted({claim.family for claim in every})
        msg = f'family must be one with claims: {families}, got {family!r}'
        raise ValueError(msg)
    if data is None:
        data = os.environ.get('STARCNN_DATA_DIR') or None
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    table = run_claims(chosen, data=data, figures=output, n_mocks=n_mocks, folder=output / 'mocks')
    table.meta['WEIGHTS'] = _weights(hook, family)
    table.write(output / 'claims.ecsv', overwrite=True)
    write_rst(table, output / 'claims.rst')
    return table


def _weights(hook, family):
    """Return the tags of a family's released weights, each with its SHA-256."""
    files = {
        file.tag: file.sha256
        for hooked in (
            hook.starcnn_estimators,
            hook.starcnn_classifiers,
            hook.starcnn_mass_mappers,
        )
        for backends in hooked()
        for backend in backends
        if backend.name == family
        for file in backend.weights
    }
    return ', '.join(f'{tag} ({sha256})' for tag, sha256 in files.items())


def format_claims(table):
    """
    Return the table of `run_claims` as text for a terminal.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        What `run_claims` returned.

    Returns
    -------
    text : str
        A line for each claim, one that counts those that pass and fail, and
        one for each reason why claims were not run.
    """
    rows = [_texts(row) for row in table]
    names = ('claim', 'paper', 'here', 'bar', 'status')
    aligned = Table(rows=rows or None, names=names, dtype=[str] * len(names))
    lines = aligned.pformat(
        max_lines=-1, max_width=-1, align=['<', '>', '>', '<', '<'], show_unit=False
    )
    status = table['status'].tolist()
    counts = ', '.join(
        f'{status.count(kind)} {text}'
        for kind, text in (
            ('pass', 'pass'),
            ('fail', 'fail'),
            ('none', 'without a bar'),
            ('not run', 'not run'),
        )
        if kind in status
    )
    notes = sorted({note for note in table['note'].tolist() if note})
    tail = [f'{len(table)} claims: {counts}'] if len(table) else ['no claims']
    return '\n'.join([line.rstrip() for line in lines] + [''] + tail + notes)


def _texts(row):
    """Return name, paper, here, bar and status of a row as a reader expects them."""
    unit = f' {row["unit"]}' if row['unit'] else ''
    paper = '' if np.ma.is_masked(row['paper']) else f'{row["paper"]:g}{unit}'
    here = ''
    if not np.ma.is_masked(row['value']):
        here = _with_error(float(row['value']), float(row['error'])) + unit
    bar = f'{row["bar"]}{unit}' if row['bar'] else ''
    status = '' if row['status'] == 'none' else str(row['status'])
    return str(row['claim']), paper, here, bar, status


# An error that is smaller than this part of the value comes from rounding.
_EXACT = 1e-9


def _with_error(value, error):
    """Return a number with its error, which has two digits, or alone if it has none."""
    if not math.isfinite(error) or error <= _EXACT * abs(value):
        return f'{value:.4g}'
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f'{value:.{digits}f} ± {error:.{digits}f}'


# Figures of pages have so many colours, and are made smaller in steps until the file is, too.
_N_COLOURS = 128
_MAX_BYTES = 150_000
_STEP = 0.9


def write_rst(table, path, *, figures=None):
    """
    Write the table of `run_claims` for the documentation.

    The text depends on the numbers, the version and the weights only, not on
    the day or the machine.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        What `run_claims` or `reproduce` returned.

    path : str or `~pathlib.Path`
        The file to write, in reStructuredText. A page in the same folder can
        include it.

    figures : str, `~pathlib.Path` or `None`, optional
        The folder with the figures that the table names. They are written to a folder
        beside the file, named after it, as PNG files with 128 colours and less than
        150 kB, and follow the table. If `None`, there are none.

    Raises
    ------
    ValueError
        If there are figures, and the name of the file has no ending to leave out.
    """
    path = Path(path)
    if figures is not None and not path.suffix:
        msg = f'path must end in .rst to name the folder of the figures, got {str(path)!r}'
        raise ValueError(msg)
    lines = ['.. list-table::', '   :header-rows: 1', '']
    header = ('Measure', 'Paper', 'Here', 'Bar', 'Status', 'Source')
    for cells in [header, *((*_texts(row), str(row['source'] or '')) for row in table)]:
        for index, cell in enumerate(cells):
            bullet = '   * - ' if index == 0 else '     - '
            lines.append((bullet + _escape(cell)).rstrip())
    weights = table.meta.get('WEIGHTS', '')
    lines += ['', f'Measured with starcnn {table.meta["STARCNN"]}.']
    if weights:
        lines += ['Released weights, with their SHA-256:', '']
        lines += [f'- ``{item}``' for item in weights.split(', ')]
    if figures is not None:
        lines += _copy_figures(table, Path(figures), path.with_suffix(''))
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def _escape(text):
    """Return text without markup."""
    return re.sub(r'([\\*`|_])', r'\\\1', text)


def _copy_figures(table, source, folder):
    """Copy the figures of a table, made small, and return the lines that show them."""
    lines = []
    for row in table:
        if not row['figure']:
            continue
        name, caption = str(row['figure']), _escape(str(row['caption']))
        folder.mkdir(parents=True, exist_ok=True)
        _shrink(source / name, folder / name)
        lines += ['', f'.. figure:: {folder.name}/{name}']
        lines += [f'   :alt: {row["claim"]}', '', f'   {caption}']
    return lines


def _shrink(source, target):
    """Copy a picture with few colours, and smaller if need be."""
    from PIL import Image  # comes with matplotlib

    with Image.open(source) as opened:
        picture = opened.convert('RGB')
    scale = 1.0
    while True:
        size = tuple(round(scale * n) for n in picture.size)
        small = picture.resize(size, Image.Resampling.LANCZOS) if scale < 1 else picture
        buffer = BytesIO()
        small.quantize(_N_COLOURS).save(buffer, 'png', optimize=True)
        if buffer.tell() < _MAX_BYTES:
            target.write_bytes(buffer.getvalue())
            return
        scale *= _STEP
