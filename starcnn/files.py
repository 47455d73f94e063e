# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Data files: named, hashed, immutable.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from starcnn.exceptions import DataFileError

__all__ = [
    'KINDS',
    'DataFile',
    'compute_sha256',
    'packaged_path',
    'read_files',
    'to_toml',
    'verify',
]

KINDS = ('estimator', 'classifier', 'mass_mapper', 'data')


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """
    One immutable file: network weights, a table of isochrones, a PSF.

    Parameters
    ----------
    tag : str
        The name and version, such as 'cnn-1.2.0'. The bytes of a tag never
        change.

    file : str
        The name of the file, without folders.

    sha256 : str
        The SHA-256 of the file, 64 hexadecimal digits in lower case.

    size : int
        The size in bytes.

    urls : tuple of str, optional
        Where it can be downloaded, in order of preference.

    doi, license, notes : str, optional
        The DOI, the licence and remarks.

    package : str, optional
        The dotted name of the package whose ``data`` folder may hold it.
    """

    tag: str
    file: str
    sha256: str
    size: int
    urls: tuple[str, ...] = ()
    doi: str = ''
    license: str = ''
    notes: str = ''
    package: str = ''

    def __post_init__(self):
        _check_kinds(self)
        if not self.tag:
            msg = 'tag must be a name and version, got an empty string'
            raise ValueError(msg)
        if self.file in ('', '.', '..') or re.search(r'[/\\]', self.file):
            msg = f'file of {self.tag!r} must be a file name without folders, got {self.file!r}'
            raise ValueError(msg)
        if not re.fullmatch('[0-9a-f]{64}', self.sha256):
            msg = (
                f'sha256 of {self.tag!r} must be 64 hexadecimal digits in lower case, '
                f'got {self.sha256!r}'
            )
            raise ValueError(msg)
        if self.size < 0:
            msg = f'size of {self.tag!r} must be a number of bytes, got {self.size!r}'
            raise ValueError(msg)


def _check_kinds(file):
    """Raise if a field of a `DataFile` has the wrong type."""
    for field in fields(file):
        value = getattr(file, field.name)
        kind = {'size': int, 'urls': tuple}.get(field.name, str)
        if not isinstance(value, kind) or isinstance(value, bool):
            msg = f'{field.name} of a data file must be of type {kind.__name__}, got {value!r}'
            raise TypeError(msg)
    if not all(isinstance(url, str) for url in file.urls):
        msg = f'urls of {file.tag!r} must be strings, got {file.urls!r}'
        raise TypeError(msg)


def _check_kind(kind):
    """Raise if there is no such table in ``files.toml``."""
    if kind not in KINDS:
        msg = f'kind must be one of {list(KINDS)}, got {kind!r}'
        raise ValueError(msg)


def read_files(package, kind):
    """
    Read the data files that a package lists in its ``files.toml``.

    Parameters
    ----------
    package : str
        The dotted name of the package, such as ``'starcnn.families.gaia_cmd'``.

    kind : {'estimator', 'classifier', 'mass_mapper', 'data'}
        Which table to read.

    Returns
    -------
    files : tuple of `DataFile`
        The files in order of preference; empty if the package has no
        ``files.toml``, or none of that kind.

    Raises
    ------
    DataFileError
        If ``files.toml`` cannot be read or has unknown, missing or wrong
        keys.
    """
    _check_kind(kind)
    source = files(package) / 'files.toml'
    if not source.is_file():
        return ()
    try:
        tables = tomllib.loads(source.read_text(encoding='utf-8'))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f'files.toml of {package} must be TOML: {error}'
        raise DataFileError(msg) from None
    unknown = sorted(set(tables) - set(KINDS))
    if unknown:
        msg = f'files.toml of {package} must have only the tables {list(KINDS)}, got {unknown}'
        raise DataFileError(msg)
    found = tuple(_from_table(table, package) for table in tables.get(kind, ()))
    tags = [file.tag for file in found]
    if len(set(tags)) != len(tags):
        msg = f'files.toml of {package} must give each tag once under {kind!r}, got {tags}'
        raise DataFileError(msg)
    return found


def _from_table(table, package):
    """Make a `DataFile` of one table of ``files.toml``."""
    names = {field.name for field in fields(DataFile)} - {'package'}
    if not isinstance(table, dict) or set(table) - names:
        found = sorted(set(table) - names) if isinstance(table, dict) else table
        msg = f'files.toml of {package} must have only the keys {sorted(names)}, got {found!r}'
        raise DataFileError(msg)
    try:
        return DataFile(**table | {'urls': tuple(table.get('urls', ())), 'package': package})
    except (TypeError, ValueError) as error:
        msg = f'files.toml of {package} must describe data files: {error}'
        raise DataFileError(msg) from None


def to_toml(file, kind):
    """
    Return the block of ``files.toml`` that lists a file.

    Parameters
    ----------
    file : `DataFile`
        The file.

    kind : {'estimator', 'classifier', 'mass_mapper', 'data'}
        The table it belongs to.

    Returns
    -------
    text : str
        The block, ready to paste; fields left at their defaults are omitted.
    """
    _check_kind(kind)
    lines = [f'[[{kind}]]']
    for field in fields(file):
        value = getattr(file, field.name)
        if field.name != 'package' and value != field.default:
            value = list(value) if isinstance(value, tuple) else value
            # JSON's strings, numbers and lists of strings are TOML's, except for DEL
            text = json.dumps(value, ensure_ascii=False).replace('\x7f', '\\u007f')
            lines.append(f'{field.name} = {text}')
    return '\n'.join(lines) + '\n'


def packaged_path(file):
    """
    Return where the package that lists a file holds it.

    Parameters
    ----------
    file : `DataFile`
        The file.

    Returns
    -------
    path : `~pathlib.Path` or `None`
        The path, or `None` if the file is not shipped with its package.
    """
    if not file.package:
        return None
    path = files(file.package) / 'data' / file.file
    return Path(path) if isinstance(path, Path) and path.is_file() else None


def compute_sha256(path):
    """
    Return the SHA-256 of a file, which is read in pieces.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.

    Returns
    -------
    sha256 : str
        64 hexadecimal digits in lower case.
    """
    with Path(path).open('rb') as stream:
        return hashlib.file_digest(stream, 'sha256').hexdigest()


def verify(path, file):
    """
    Check that a path holds the bytes of a data file.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        What to check.

    file : `DataFile`
        What it must be.

    Returns
    -------
    path : `~pathlib.Path`
        The same path.

    Raises
    ------
    DataFileError
        If there is no such file, or if its SHA-256 differs from the listed
        one; the message has the path, the tag and both hashes.
    """
    path = Path(path)
    if not path.is_file():
        msg = f'path of {file.tag!r} must be a file, got {str(path)!r}'
        raise DataFileError(msg)
    found = compute_sha256(path)
    if found != file.sha256:
        msg = (
            f'path of {file.tag!r} must hold a file with SHA-256 {file.sha256}, '
            f'got {found} for {str(path)!r}'
        )
        raise DataFileError(msg)
    return path
