# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of where data files are looked for.
"""

import hashlib

import pytest

from starcnn.exceptions import DataFileError
from starcnn.files import DataFile
from starcnn.plugins import _locate, _manager

CONTENT = b'the bytes that were released'

pytestmark = pytest.mark.usefixtures('cache')


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of downloads."""
    (tmp_path / 'cache' / 'starcnn').mkdir(parents=True)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


def make_file(**changes):
    """Return the record of the released file."""
    given = {'tag': 'table-1.0.0', 'file': 'table.npz', 'size': len(CONTENT)}
    return DataFile(sha256=hashlib.sha256(CONTENT).hexdigest(), **given | changes)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with the file in its folder ``data``."""
    folder = tmp_path / 'packages' / 'with_data'
    (folder / 'data').mkdir(parents=True)
    (folder / '__init__.py').touch()
    (folder / 'data' / 'table.npz').write_bytes(CONTENT)
    monkeypatch.syspath_prepend(folder.parent)
    return folder


def test_packaged_first(package, plugin_manager, monkeypatch, tmp_path):
    """The file of the package comes before that of the user."""
    monkeypatch.setenv('STARCNN_DATA_DIR', str(tmp_path))
    (tmp_path / 'table.npz').write_bytes(CONTENT)
    file = make_file(package='with_data')
    assert _manager.open_file(file) == package / 'data' / 'table.npz'


def test_folder_of_the_user(plugin_manager, monkeypatch, tmp_path):
    """The folder of the environment variable is looked through."""
    file = make_file()
    monkeypatch.setenv('STARCNN_DATA_DIR', str(tmp_path))
    assert _manager.find_file(file) is None
    (tmp_path / 'table.npz').write_bytes(CONTENT)
    assert _manager.open_file(file) == tmp_path / 'table.npz'


def test_download(plugin_manager, tmp_path):
    """A file that is nowhere is downloaded once, and found in the cache afterwards."""
    source = tmp_path / 'source.npz'
    source.write_bytes(CONTENT)
    file = make_file(urls=(source.as_uri(),))
    assert _manager.find_file(file) is None
    path = _manager.open_file(file)
    assert path.read_bytes() == CONTENT
    source.unlink()
    assert _manager.find_file(file) == path
    assert _manager.open_file(file) == path


def test_mirror(plugin_manager, tmp_path):
    """The next URL is tried if the first does not answer."""
    source = tmp_path / 'source.npz'
    source.write_bytes(CONTENT)
    file = make_file(urls=((tmp_path / 'gone.npz').as_uri(), source.as_uri()))
    assert _manager.open_file(file).read_bytes() == CONTENT


def test_download_fails(plugin_manager, tmp_path):
    """A download that fails is an error with the URLs."""
    file = make_file(urls=((tmp_path / 'gone.npz').as_uri(),))
    with pytest.raises(DataFileError, match=r'must be downloadable from .*gone\.npz'):
        _manager.open_file(file)


def test_wrong_download_is_dropped(plugin_manager, tmp_path):
    """A download with another hash is an error and leaves the cache, so the next may do."""
    source = tmp_path / 'source.npz'
    source.write_bytes(b'something else')
    file = make_file(urls=(source.as_uri(),))
    with pytest.raises(DataFileError, match='must hold a file with SHA-256'):
        _manager.open_file(file)
    assert _manager.find_file(file) is None
    source.write_bytes(CONTENT)
    assert _manager.open_file(file).read_bytes() == CONTENT


def test_forget_leaves_other_files(tmp_path):
    """Only what is in the cache is dropped."""
    source = tmp_path / 'source.npz'
    source.write_bytes(CONTENT)
    file = make_file(urls=(source.as_uri(),))
    path = _locate.download(file)
    _locate.forget(file, source)
    assert source.exists()
    assert path.exists()
    _locate.forget(file, path)
    assert not path.exists()
