# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Nothing in the package reads a pickle, which could run any code.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / 'starcnn').rglob('*.py'), *(ROOT / 'tools').rglob('*.py')])
FORBIDDEN = {'_pickle', 'cloudpickle', 'dill', 'joblib', 'marshal', 'pickle', 'shelve'}

# Functions that read pickles unless they are told not to.
NEEDED = {'np.load': ('allow_pickle', False), 'torch.load': ('weights_only', True)}


def find_pickles(tree):
    """Yield the places of a syntax tree that may read or write a pickle."""
    for node in ast.walk(tree):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or '']
        for module in modules:
            if module.split('.')[0] in FORBIDDEN:
                yield f'line {node.lineno}: import of {module}'
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).replace('numpy.', 'np.')
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            word, value = NEEDED.get(name, (None, None))
            if word is not None and given.get(word) != str(value):
                yield f'line {node.lineno}: {name} without {word}={value}'
            if given.get('allow_pickle') == 'True' or name.endswith('read_pickle'):
                yield f'line {node.lineno}: {name} reads pickles'


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pickle(path):
    """A module neither imports pickle nor calls what reads pickles."""
    assert list(find_pickles(ast.parse(path.read_text(encoding='utf-8')))) == []


@pytest.mark.parametrize(
    'code',
    [
        'import pickle',
        'from pickle import loads',
        'import joblib.parallel',
        'np.load(path)',
        'numpy.load(path, allow_pickle=True)',
        'torch.load(path)',
        'read(path, allow_pickle=True)',
    ],
)
def test_pickles_are_found(code):
    """The search finds what it is for."""
    assert list(find_pickles(ast.parse(code)))
