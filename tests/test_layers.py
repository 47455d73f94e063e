# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The structure of the package: who may import whom, how long, and what is tested where.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'starcnn'
FILES = sorted(PACKAGE.rglob('*.py'))
LICENCE = '# Licensed under a 3-clause BSD style license - see LICENSE.rst\n'

MAX_MODULE = 400
MAX_FUNCTION = 60

# The public classes and their modules.
CLASSES = {
    'Classifier': 'classifier',
    'Estimator': 'estimator',
    'MassMapper': 'mass_mapper',
    'Simulator': 'simulator',
}
DOORS = tuple(CLASSES.values())

# What each part of the package may import from the others; all may import
# exceptions, and what they are themselves part of. Families never import each
# other.
LAYERS = {
    'exceptions': (),
    'files': (),
    'flags': (),
    'sky': (),
    'images': ('sky',),
    'networks': (),
    'tables': ('networks', 'flags'),
    'plugins': ('networks', 'files'),
    'cutout_inputs': ('images', 'tables', 'flags'),
    'mocks': ('sky', 'images', 'files', 'networks', 'plugins'),
    'families': (
        'sky',
        'images',
        'mocks',
        'networks',
        'tables',
        'flags',
        'files',
        'plugins',
        'cutout_inputs',
    ),
    'families/validation': ('validation', *DOORS),
    'families/_figures': ('validation',),
    'families/_measures': ('validation',),
    **dict.fromkeys(DOORS, ('plugins', 'networks', 'tables')),
    'train': ('networks', 'plugins', 'simulator', 'files'),
    'validation': ('networks', 'tables', 'plugins', *DOORS),
}

# The command line, the demo, the contract and the package itself stand on all.
ON_TOP = {
    '__init__',
    '_commands',
    '_contract_compare',
    '_contract_networks',
    '_contract_simulators',
    '_observations',
    '_train_labels',
    'cli',
    'demo',
    'testing',
}

HEAVY = {
    'galsim',
    'matplotlib',
    'onnx',
    'onnxruntime',
    'onnxscript',
    'photutils',
    'reproject',
    'scipy',
    'sklearn',
    'specutils',
    'torch',
}

# Modules that hold several public classes which make one concept.
SEVERAL_CLASSES = {
    'exceptions.py': 'the warnings and errors',
    'networks/parts.py': 'the parts of a spec',
    'plugins/records.py': 'the records',
    'sky/profiles.py': 'the profiles',
    'train/blocks.py': 'the layers of networks',
}

# Public modules whose tests are elsewhere.
TESTED_ELSEWHERE = {
    'plugins/hookspecs.py': 'tests/test_hooks.py',
    'networks/parts.py': 'tests/networks/test_spec.py',
}


def name_of(path):
    """Return the path of a module as these lists have it."""
    return path.relative_to(PACKAGE).as_posix()


def parse(path):
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(encoding='utf-8'))


def is_public(path):
    """Whether a module is public."""
    return not any(part.startswith('_') for part in path.relative_to(PACKAGE).parts)


def is_torch_module(path):
    """Whether a module defines networks or their losses, or changes batches."""
    return name_of(path).startswith(('families/', 'mocks/')) and path.stem.endswith(
        ('network', 'augment', 'losses')
    )


def is_type_checking(node):
    """Whether a node is the block that only type checkers read."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'


def walk(tree):
    """Yield all nodes but those that only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if not is_type_checking(node):
            yield node
            yield from walk(node)


def imported(path, nodes):
    """Yield the dotted names of the modules that nodes import."""
    package = ['starcnn', *path.relative_to(PACKAGE).parent.parts]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = '.'.join([*base, *([node.module] if node.module else [])])
            yield module
            if module in ('starcnn', 'starcnn.families'):
                yield from (f'{module}.{alias.name}' for alias in node.names)


def allowed(path):
    """Return the parts of the package that a module may import."""
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    names = {'exceptions', parts[0], *LAYERS[parts[0]]}
    if is_torch_module(path):
        names.add('train')
    return names.union(LAYERS.get(f'{parts[0]}/{parts[-1]}', ()))


def count_lines(function):
    """Return the length of a function without its docstring, which is as long as it must be."""
    n_lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function):
        n_lines -= function.body[0].end_lineno - function.body[0].lineno + 1
    return n_lines


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_layers(path):
    """A module imports from its own layer and those below it."""
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    if parts[0] in ON_TOP:
        return
    wrong = set()
    for module in imported(path, walk(parse(path))):
        names = module.split('.')
        if names[0] != 'starcnn' or len(names) == 1 or names[1] == '__version__':
            continue
        part = CLASSES.get(names[1], names[1])
        other_family = part == 'families' and len(names) > 2 and names[2] != parts[1]
        if part not in allowed(path) or other_family:
            wrong.add(module)
    assert not wrong


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_heavy_imports(path):
    """Heavy packages are imported inside functions, but for training."""
    if name_of(path).startswith('train/') or is_torch_module(path):
        return
    top = [node for node in parse(path).body if not is_type_checking(node)]
    assert not {name.split('.')[0] for name in imported(path, top)} & HEAVY


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_shape_of_module(path):
    """A module has the licence, a docstring, an end in sight, and says what is public."""
    text, tree = path.read_text(encoding='utf-8'), parse(path)
    assert text.startswith(LICENCE)
    assert ast.get_docstring(tree)
    assert text.count('\n') <= MAX_MODULE
    stars = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.names[0].name == '*']
    assigned = [
        ast.unparse(target)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
    ]
    if is_public(path):
        assert '__all__' in assigned
    if stars:
        assert path.name == '__init__.py'


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_length_of_functions(path):
    """Functions can be seen whole, below their docstrings."""
    functions = [node for node in ast.walk(parse(path)) if isinstance(node, ast.FunctionDef)]
    assert not [node.name for node in functions if count_lines(node) > MAX_FUNCTION]


@pytest.mark.parametrize('path', [path for path in FILES if is_public(path)], ids=name_of)
def test_one_public_class(path):
    """A module has one public class at most, unless it defines networks."""
    classes = [node.name for node in parse(path).body if isinstance(node, ast.ClassDef)]
    public = [name for name in classes if not name.startswith('_')]
    assert len(public) <= 1 or is_torch_module(path) or name_of(path) in SEVERAL_CLASSES


@pytest.mark.parametrize('path', [path for path in FILES if is_public(path)], ids=name_of)
def test_module_has_tests(path):
    """The tests of starcnn/x/y.py are in tests/x/test_y.py."""
    name = name_of(path)
    if name in TESTED_ELSEWHERE or (name.startswith('families/') and path.name == 'spec.py'):
        return  # the spec of a family is numbers alone
    relative = path.relative_to(PACKAGE)
    assert (ROOT / 'tests' / relative.with_name(f'test_{relative.name}')).is_file()


def test_lists_are_current():
    """The exemptions above are of modules that exist."""
    names = {name_of(path) for path in FILES}
    assert {*SEVERAL_CLASSES, *TESTED_ELSEWHERE} <= names
