# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of data files and of the lists of them.
"""

import hashlib
import sys
import tomllib
from dataclasses import FrozenInstanceError, replace

import pytest

from starcnn.exceptions import DataFileError
from starcnn.files import (
    KINDS,
    DataFile,
    compute_sha256,
    packaged_path,
    read_files,
    to_toml,
    verify,
)

BYTES = b'an immutable file'
FILE = DataFile(
    tag='cnn-1.0.0',
    file='cnn.onnx',
    sha256=hashlib.sha256(BYTES).hexdigest(),
    size=len(BYTES),
    urls=('https://example.org/cnn.onnx', 'https://example.com/cnn.onnx'),
    doi='10.5281/zenodo.1',
    license='CC-BY-4.0',
    notes='of "Author" \\ \t trained on\n200 Mocks of a\x7f\u00e9\u2609',
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that makes a package with a ``files.toml`` and a data folder."""

    def make(text):
        name = f'package_{len(list(tmp_path.iterdir()))}'
        (tmp_path / name / 'data').mkdir(parents=True)
        (tmp_path / name / '__init__.py').write_text('')
        (tmp_path / name / 'data' / 'cnn.onnx').write_bytes(BYTES)
        if text is not None:
            (tmp_path / name / 'files.toml').write_text(text, encoding='utf-8')
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return make


@pytest.mark.parametrize('kind', KINDS)
def test_round_trip(package, kind):
    """What `to_toml` writes is what `read_files` reads."""
    other = replace(FILE, tag='cnn-1.1.0', urls=(), notes='')
    name = package(to_toml(FILE, kind) + '\n' + to_toml(other, kind))
    assert read_files(name, kind) == (replace(FILE, package=name), replace(other, package=name))
    for empty in set(KINDS) - {kind}:
        assert read_files(name, empty) == ()


def test_to_toml():
    """Defaults are left out."""
    block = tomllib.loads(to_toml(replace(FILE, urls=(), doi='', license='', notes=''), 'data'))
    assert set(block['data'][0]) == {'tag', 'file', 'sha256', 'size'}


def test_no_list(package):
    """A package without a list has no files."""
    assert read_files(package(None), 'estimator') == ()


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        ('[[estimator]', 'files.toml of package_0 must be TOML'),
        ('[[estimators]]', r"only the tables \['estimator', .*, got \['estimators'\]"),
        ('[[estimator]]\nhash = "1"', r"must have only the keys .* got \['hash'\]"),
        ('[[estimator]]\npackage = "os"', r"must have only the keys .* got \['package'\]"),
        ('[[estimator]]\ntag = "1"', 'must describe data files: .* missing 3 required'),
        ('estimator = [1]', 'must have only the keys .* got 1'),
        (to_toml(FILE, 'estimator') * 2, "must give each tag once under 'estimator'"),
    ],
)
def test_wrong_list(package, text, match):
    """A list with unknown, missing or wrong keys raises."""
    with pytest.raises(DataFileError, match=match):
        read_files(package(text), 'estimator')


@pytest.mark.parametrize('change', ['read', 'write'])
def test_kind(package, change):
    """An unknown kind raises."""
    with pytest.raises(ValueError, match=r"kind must be one of \['estimator', .* got 'weights'"):
        read_files(package(None), 'weights') if change == 'read' else to_toml(FILE, 'weights')


@pytest.mark.parametrize(
    ('field', 'value', 'error', 'match'),
    [
        ('tag', '', ValueError, 'tag must be a name and version'),
        ('file', '../cnn.onnx', ValueError, 'must be a file name without folders'),
        ('file', 'a\\b', ValueError, 'must be a file name without folders'),
        ('file', '..', ValueError, 'must be a file name without folders'),
        ('sha256', 'AB' * 32, ValueError, 'must be 64 hexadecimal digits in lower case'),
        ('size', -1, ValueError, 'must be a number of bytes, got -1'),
        ('size', 1.5, TypeError, 'size of a data file must be of type int, got 1.5'),
        ('urls', ['a'], TypeError, 'urls of a data file must be of type tuple'),
        ('urls', (1,), TypeError, "urls of 'cnn-1.0.0' must be strings"),
        ('notes', None, TypeError, 'notes of a data file must be of type str, got None'),
    ],
)
def test_fields(field, value, error, match):
    """Wrong values of the fields raise."""
    with pytest.raises(error, match=match):
        replace(FILE, **{field: value})


def test_frozen():
    """A data file does not change."""
    with pytest.raises(FrozenInstanceError):
        FILE.tag = 'other'


def test_packaged_path(package):
    """A file is found in the data folder of its package, or not at all."""
    path = packaged_path(replace(FILE, package=package(None)))
    assert path.read_bytes() == BYTES
    assert packaged_path(replace(FILE, package=package(None), file='other.onnx')) is None
    assert packaged_path(FILE) is None


def test_verify(tmp_path):
    """A file with the right bytes passes; path, tag and both hashes are named otherwise."""
    path = tmp_path / 'cnn.onnx'
    with pytest.raises(DataFileError, match=r"path of 'cnn-1.0.0' must be a file, got '.*cnn.onnx"):
        verify(path, FILE)
    path.write_bytes(BYTES)
    assert verify(str(path), FILE) == path
    assert compute_sha256(path) == FILE.sha256
    path.write_bytes(BYTES[:-1] + b'E')
    with pytest.raises(DataFileError) as caught:
        verify(path, FILE)
    for part in (str(path), 'cnn-1.0.0', FILE.sha256, compute_sha256(path)):
        assert part in str(caught.value)
