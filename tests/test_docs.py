# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the documentation, and of what must agree with it.
"""

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml

import starcnn
from starcnn.flags import FLAGS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / 'docs'
PACKAGE = Path(starcnn.__file__).parent

# Public modules that the reference does not list: commands, which have a page
# made from the parser, and the hooks, whose page tests/test_hooks.py checks.
WITHOUT_REFERENCE = {'starcnn.cli', 'starcnn.demo', 'starcnn.plugins.hookspecs'}

FAMILIES = sorted(
    module.name for module in pkgutil.iter_modules([str(PACKAGE / 'families')]) if module.ispkg
)

RESULTS = sorted((DOCS / 'families').glob('*_results.rst'))


def read(path):
    """
    Return the text of a file.
    """
    return path.read_text(encoding='utf-8')


def public_modules():
    """
    Return the names of the public modules outside the families.
    """
    modules = pkgutil.walk_packages([str(PACKAGE)], 'starcnn.')
    return [
        module.name
        for module in modules
        if '._' not in module.name
        and not module.name.startswith('starcnn.families')
        and module.name not in WITHOUT_REFERENCE
    ]


def documented_modules():
    """
    Return the modules that the reference lists.
    """
    pages = [read(path) for path in (DOCS / 'reference').glob('*.rst')]
    return re.findall(r'^\.\. automodapi:: (\S+)', '\n'.join(pages), flags=re.MULTILINE)


def readme_commands():
    """
    Return the commands of README.rst, found as .ci/run finds them.
    """
    return re.findall(r'^   (python -m pip install .*)$', read(ROOT / 'README.rst'), re.MULTILINE)


def exported(module):
    """
    Return the public names of a module, as a star import gives them.
    """
    return set(getattr(module, '__all__', [name for name in vars(module) if name[0] != '_']))


@pytest.mark.parametrize('name', public_modules())
def test_public_names_are_in_the_reference(name):
    """Each public name is exported by a module that the reference lists."""
    if name.startswith(('starcnn.train', 'starcnn.mocks.augment')):
        pytest.importorskip('torch')
    public = getattr(importlib.import_module(name), '__all__', ())
    documented = set()
    for module in documented_modules():
        if module == 'starcnn' or name.startswith(module):
            documented |= exported(importlib.import_module(module))
    assert set(public) <= documented


def test_reference_lists_modules_that_exist():
    """No page of the reference is about a module that is gone, and none is left out of the list."""
    for name in documented_modules():
        path = PACKAGE.parent / name.replace('.', '/')
        assert path.is_dir() or path.with_suffix('.py').is_file(), name
    listed = re.findall(r'^    (\w+)$', read(DOCS / 'reference' / 'index.rst'), re.MULTILINE)
    pages = {path.stem for path in (DOCS / 'reference').glob('*.rst')}
    assert sorted(listed) == sorted(pages - {'index'})


@pytest.mark.parametrize('family', FAMILIES)
def test_family_has_a_page(family):
    """Each family has a page, which is in the index and says what matters."""
    text = read(DOCS / 'families' / f'{family}.rst')
    titles = ('What it eats', 'What it returns', 'How good it is', 'Limits', 'What to cite')
    assert [title for title in titles if f'\n{title}\n---' not in text] == []
    assert f'families/{family}' in read(DOCS / 'index.rst')


@pytest.mark.parametrize('family', FAMILIES)
def test_family_page_names_the_bibcode(family):
    """The page says what to cite: the references of the family's networks."""
    from starcnn import Classifier, Estimator, MassMapper

    lists = [kind.available() for kind in (Estimator, Classifier, MassMapper)]
    references = {row['reference'] for rows in lists for row in rows if row['name'] == family}
    assert references
    page = read(DOCS / 'families' / f'{family}.rst')
    assert [name for name in references if name not in page] == []


def test_readme_has_two_commands():
    """One command installs and runs the main job, the other installs and runs the tests."""
    demo, tests = readme_commands()
    assert demo.endswith('&& starcnn demo')
    assert tests.endswith('&& pytest')


def test_readme_commands_are_what_ci_calls():
    """The workflow runs the first command and .ci/run, which reads the second from README.rst."""
    demo, _ = readme_commands()
    workflow = yaml.safe_load(read(ROOT / '.github' / 'workflows' / 'ci.yml'))
    runs = [step.get('run', '') for step in workflow['jobs']['readme']['steps']]
    assert any(demo in run for run in runs)
    assert '.ci/run' in runs
    script = read(ROOT / '.ci' / 'run')
    assert r"sed -n 's/^   \(python -m pip install .*\)$/\1/p' README.rst" in script
    assert 'tests=$(readme_command 2)' in script


def test_installation_page_has_the_commands_of_the_readme():
    """The page on installation shows the same two commands."""
    page = read(DOCS / 'getting_started' / 'install.rst')
    assert [command for command in readme_commands() if command not in page] == []


def test_installation_page_lists_the_extras():
    """Each extra is in the table, and only those."""
    project = tomllib.loads(read(ROOT / 'pyproject.toml'))['project']
    table = read(DOCS / 'getting_started' / 'install.rst').split('what it adds')[1]
    table = table.split('On Linux')[0]
    assert re.findall(r'^(\w+) ', table, re.MULTILINE) == list(project['optional-dependencies'])


def test_no_upper_bounds():
    """Dependencies have lower bounds only."""
    project = tomllib.loads(read(ROOT / 'pyproject.toml'))['project']
    lists = [project['dependencies'], *project['optional-dependencies'].values()]
    assert [item for items in lists for item in items if re.search('[<~!]|==', item)] == []


def test_test_extra_has_no_torch():
    """The tests install without torch."""
    extras = tomllib.loads(read(ROOT / 'pyproject.toml'))['project']['optional-dependencies']
    assert [item for item in extras['test'] if re.search(r'torch|train|\ball\b', item)] == []


def test_conda_recipe_has_the_same_dependencies():
    """The recipe's run requirements are those of pyproject.toml."""
    project = tomllib.loads(read(ROOT / 'pyproject.toml'))['project']
    recipe = yaml.safe_load(read(ROOT / 'conda' / 'recipe' / 'recipe.yaml'))
    run = {item.replace(' ', '') for item in recipe['requirements']['run']}
    assert run - {f'python{project["requires-python"]}'} == set(project['dependencies'])


def test_citation_has_the_licence_of_the_package():
    """CITATION.cff is YAML and agrees with pyproject.toml."""
    citation = yaml.safe_load(read(ROOT / 'CITATION.cff'))
    project = tomllib.loads(read(ROOT / 'pyproject.toml'))['project']
    assert citation['title'] == project['name']
    assert citation['license'] == project['license']


def test_changes_are_of_known_types():
    """Each fragment of the changelog has a type that towncrier knows, and text."""
    types = tomllib.loads(read(ROOT / 'pyproject.toml'))['tool']['towncrier']['type']
    names = '|'.join(item['directory'] for item in types)
    fragments = [path for path in (DOCS / 'changes').iterdir() if path.name != 'README.rst']
    pattern = re.compile(rf'\d+\.({names})\.rst')
    assert [path.name for path in fragments if not pattern.fullmatch(path.name)] == []
    assert [path.name for path in fragments if not read(path).strip().endswith('.')] == []


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_results_are_of_the_released_weights(path):
    """The weights that a family's results name are those of its files, with their SHA-256."""
    family = path.stem.removesuffix('_results')
    text = read(PACKAGE / 'families' / family / 'files.toml')
    files = [file for files in tomllib.loads(text).values() for file in files]
    released = {(file['tag'], file['sha256']) for file in files}
    measured = re.findall(r'^- ``(\S+) \((\w{64})\)``$', read(path), re.MULTILINE)
    assert measured
    assert [item for item in measured if item not in released] == []


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_figures_of_results(path):
    """The figures that a family's results show are there, small, and no others."""
    shown = re.findall(r'^\.\. figure:: (\S+)$', read(path), re.MULTILINE)
    pictures = list(path.with_suffix('').glob('*'))
    assert sorted(f'{path.stem}/{picture.name}' for picture in pictures) == sorted(shown)
    assert [picture.name for picture in pictures if picture.stat().st_size > 150_000] == []


def test_flags_are_on_the_page_of_conventions():
    """The table of flags has the bit, name and description of each."""
    text = read(DOCS / 'getting_started' / 'conventions.rst')
    rows = [f'{flag.bit:<5} {flag.name:<12} {flag.description}' for flag in FLAGS]
    assert [row for row in rows if row not in text] == []


def test_glossary_has_the_words_of_the_interface():
    """The names that users meet as columns, attributes and arguments are explained."""
    text = read(DOCS / 'getting_started' / 'conventions.rst')
    glossary = re.findall(r'^    (\S.*)\n        ', text.split('.. glossary::')[1], re.MULTILINE)
    words = {'a_v', 'age', 'cutouts', 'distance', 'feh', 'filters', 'isochrone', 'mass', 'members'}
    words |= {'backend', 'data file', 'family', 'recipe', 'spec', 'tag', 'truth', 'weights', 'r_h'}
    assert sorted(words - set(glossary)) == []
    assert glossary == sorted(glossary)


@pytest.mark.parametrize('path', sorted(DOCS.rglob('*.rst')), ids=lambda path: path.name)
def test_included_files_exist(path):
    """What a page includes is there."""
    found = re.findall(r'^\.\. (?:literal)?include:: (\S+)', read(path), re.MULTILINE)
    assert [name for name in found if not (path.parent / name).is_file()] == []


@pytest.mark.parametrize('name', ['gaia_cone', 'gaia_members'])
def test_queries_ask_for_all_columns(name):
    """The examples ask the Gaia archive for all columns that the family uses."""
    from starcnn.families.gaia_cmd.members import GAIA_UNITS

    query = read(DOCS / 'examples' / f'{name}.py').split('SELECT')[1].split('FROM')[0]
    asked = set(re.findall(r'\w+', query))
    assert set(GAIA_UNITS) - {'prob_member'} <= asked


def test_plain_onnxruntime_example_is_short():
    """The example without starcnn has fifteen lines of code, as the pages say."""
    text = read(DOCS / 'examples' / 'plain_onnxruntime.py').split('"""')[2]
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != '#']
    assert len(lines) <= 15


def test_plain_onnxruntime_example_gives_the_numbers_of_the_package(tmp_path):
    """The example without starcnn prints the medians of the table."""
    from starcnn import Estimator, Simulator

    simulator = Simulator('gaia_cmd')
    members, _ = simulator.simulate(simulator.sample(1, rng=5), rng=5)
    estimator = Estimator('gaia_cmd')
    weights = PACKAGE / 'families' / 'gaia_cmd' / 'data' / estimator.weights.file
    (stars,) = estimator.backend.encode(members, estimator.spec).values()
    np.save(tmp_path / 'stars.npy', stars[0])
    example = DOCS / 'examples' / 'plain_onnxruntime.py'
    run = subprocess.run(
        [sys.executable, str(example), str(weights), str(tmp_path / 'stars.npy')],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = run.stdout.splitlines()
    table = estimator.predict(members)
    for line in lines:
        name, value, unit = line.split()
        np.testing.assert_allclose(float(value), table[name][0].to_value(unit), rtol=1e-4)
    assert [line.split()[0] for line in lines] == ['age', 'a_v', 'distance']
