# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The built-in answer to "where is this file?", and the cache of downloads.
"""

import os
import sys
import warnings
from pathlib import Path

from starcnn.exceptions import DataFileError
from starcnn.files import packaged_path
from starcnn.plugins import hookimpl

_CACHE = 'starcnn'  # the name of the cache in astropy's folder of caches


@hookimpl(trylast=True)
def starcnn_locate_file(file):
    """Look in the package, then in ``$STARCNN_DATA_DIR``, then in the cache."""
    path = packaged_path(file)
    if path is not None:
        return path
    folder = os.environ.get('STARCNN_DATA_DIR')
    if folder and (Path(folder) / file.file).is_file():
        return Path(folder) / file.file
    return _find_download(file)


def _find_download(file):
    """Return the path of a file in the cache, or `None`."""
    if not file.urls:
        return None
    from astropy.utils.data import CacheMissingWarning, cache_contents

    with warnings.catch_warnings():
        warnings.simplefilter('ignore', CacheMissingWarning)  # there has been no download yet
        path = cache_contents(_CACHE).get(file.urls[0])
    return None if path is None else Path(path)


def download(file):
    """Download a file to the cache and return its path there."""
    if not file.urls:
        msg = (
            f'file {file.tag!r} must be in the folder data of {file.package or "its package"!r} '
            f'or in $STARCNN_DATA_DIR, as it has no URL; {file.file!r} is in neither'
        )
        raise DataFileError(msg)
    from astropy.utils.data import download_file

    try:
        path = download_file(
            file.urls[0],
            cache=True,
            sources=list(file.urls),
            pkgname=_CACHE,
            show_progress=sys.stdout.isatty(),
        )
    except (OSError, ValueError) as error:
        msg = f'file {file.tag!r} must be downloadable from {list(file.urls)}: {error}'
        raise DataFileError(msg) from error
    return Path(path)


def forget(file, path):
    """Drop a path from the cache, if it is there, so that it is downloaded again."""
    if path == _find_download(file):
        from astropy.utils.data import clear_download_cache

        clear_download_cache(file.urls[0], pkgname=_CACHE)
