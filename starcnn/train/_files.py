# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Write files whole or not at all.
"""

import json
import os
from pathlib import Path


def write_whole(path, write):
    """
    Call ``write`` with a stream, and put the file in place when all is written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with part.open('wb') as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path, value):
    """
    Write a value as JSON, whole or not at all.
    """
    text = json.dumps(value, indent=1, sort_keys=True) + '\n'
    write_whole(path, lambda stream: stream.write(text.encode()))
