# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Write the lower bounds of the package and of its tests as a requirements file.

Usage: ``python tools/oldest_dependencies.py FILE``. The bounds are read from
``pyproject.toml``, so they have one home.
"""

import argparse
import re
import tomllib
from pathlib import Path

REQUIREMENT = re.compile(r'(?P<name>[\w.-]+)(\[(?P<extras>[\w,]+)\])?(>=(?P<version>[\w.]+))?$')


def oldest(project, requirements):
    """
    Yield one ``name==version`` for each requirement; extras of the package itself are followed.
    """
    for requirement in requirements:
        match = REQUIREMENT.match(requirement)
        if match is None:
            msg = f'requirement must be a name with a lower bound, got {requirement!r}'
            raise ValueError(msg)
        if match['name'] == project['name']:
            for extra in match['extras'].split(','):
                yield from oldest(project, project['optional-dependencies'][extra])
        else:
            yield f'{match["name"]}=={match["version"]}'


def main():
    """
    Read ``pyproject.toml`` and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('file', type=Path)
    arguments = parser.parse_args()
    pyproject = Path(__file__).parents[1] / 'pyproject.toml'
    project = tomllib.loads(pyproject.read_text(encoding='utf-8'))['project']
    requirements = [*project['dependencies'], *project['optional-dependencies']['test']]
    lines = sorted(set(oldest(project, requirements)))
    arguments.file.write_text('\n'.join(lines) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
