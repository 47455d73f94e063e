# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the command line.
"""

import multiprocessing
import subprocess
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from astropy.table import QTable

from starcnn import Estimator, Simulator, __version__, _commands
from starcnn._contract_compare import is_same
from starcnn._observations import read_observations, write_observations
from starcnn.cli import build_parser, main
from starcnn.exceptions import StarcnnWarning
from starcnn.files import DataFile
from starcnn.networks import Network


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, plugin_manager):
    """An empty folder to work in, with the toy family installed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mocks(capsys):
    """The file with images of three toy clusters."""
    assert main(['simulate', 'toy', '-n', '3', '-o', 'mocks.fits', '--seed', '1']) == 0
    capsys.readouterr()
    return Path('mocks.fits')


def list_files():
    """Return the names of the files that are there."""
    return sorted(path.name for path in Path().iterdir())


def fail(capsys, *argv):
    """Run a command that fails and return its only line on the standard error."""
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert out == ''
    assert err.count('\n') == 1
    assert err.startswith('starcnn: error: ')
    return err


def test_version(capsys):
    """The version is printed."""
    with pytest.raises(SystemExit, match='0'):
        main(['--version'])
    assert capsys.readouterr().out == f'starcnn {__version__}\n'


@pytest.mark.parametrize('argv', [[], ['nothing'], ['predict'], ['simulate', 'toy']])
def test_usage(argv, capsys):
    """Wrong usage exits with 2."""
    with pytest.raises(SystemExit, match='2'):
        main(argv)
    assert 'usage: starcnn' in capsys.readouterr().err


def test_all_commands_are_described():
    """Each command of the parser has a function, and a help text."""
    (actions,) = (a for a in build_parser()._actions if a.dest == 'command')
    assert sorted(actions.choices) == sorted(_commands.COMMANDS)
    for parser in actions.choices.values():
        assert parser.description.endswith('.')


def test_runs_as_module():
    """The command runs in a process of its own."""
    done = subprocess.run(
        [sys.executable, '-m', 'starcnn.cli', 'predict', 'nothing', 'none.fits'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ''
    assert done.stderr.startswith('starcnn: error: NAME must be one of the families')
    assert done.stderr.count('\n') == 1


def test_list(capsys):
    """Families, tasks and weights are listed, with what is here."""
    assert main(['list']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ['name', 'task', 'weights', 'size', 'here', 'summary']
    toys = [line.split()[1:3] for line in lines if line.startswith('toy')]
    assert ['estimator', 'normal-1.0.0'] in toys
    assert ['classifier', 'dense-1.0.0'] in toys
    assert any('normal-1.0.0' in line and ' yes ' in line for line in lines)


def test_list_what_is_not_here(capsys, monkeypatch):
    """A file that is nowhere is listed as such, and nothing is downloaded."""
    monkeypatch.setattr(_commands, 'find_file', lambda file: None)
    assert main(['list']) == 0
    assert ' no ' in capsys.readouterr().out


@pytest.mark.parametrize('name', ['toy', 'all'])
def test_fetch(name, capsys, toy):
    """The files of a family are opened, and their paths printed."""
    assert main(['fetch', name]) == 0
    lines = capsys.readouterr().out.splitlines()
    file = toy.files['estimator'][0]
    assert f'{file.tag}: {toy.folder / file.file}' in lines


def test_fetch_data_files(capsys):
    """The tables that a simulator needs are fetched as well."""
    names = {file.tag for file in _commands._data_files(Simulator('gaia_cmd').backend)}
    assert main(['fetch', 'gaia_cmd']) == 0
    assert names <= {line.split(':')[0] for line in capsys.readouterr().out.splitlines()}


@pytest.mark.parametrize('seed', ['-1', '1.5', 'x'])
def test_wrong_seed(seed, capsys):
    """A seed is a whole number; the usage names the option."""
    with pytest.raises(SystemExit, match='2'):
        main(['simulate', 'toy', '-o', 'x.fits', '--seed', seed])
    assert (
        f"argument --seed: must be a whole number from 0, got '{seed}'" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    'argv',
    [
        ['simulate', 'nothing', '-o', 'x.xyz'],
        ['simulate', 'nothing', '-o', 'x.fits', '--truth', 'x.xyz'],
        ['predict', 'nothing', 'none.fits', '-o', 'x.xyz'],
    ],
)
def test_output_of_unknown_format(argv, capsys):
    """A file name that tells no format is refused before any work."""
    text = fail(capsys, *argv)
    assert "output must end in .fits, .ecsv, .csv or the like, got 'x.xyz'" in text


def test_images_need_fits(capsys):
    """Images are not written under the name of a table."""
    text = fail(capsys, 'simulate', 'toy', '-n', '1', '-o', 'x.ecsv')
    assert "output must end in .fits for images, got 'x.ecsv'" in text
    assert list_files() == []


@pytest.mark.parametrize('command', [['predict', 'gaia_cmd'], ['demo', '--members']])
def test_data_of_unknown_format(command, capsys):
    """A file that is no table is one line."""
    Path('junk.txt').write_text('junk', encoding='utf-8')
    assert 'in a format that astropy' in fail(capsys, *command, 'junk.txt')


def test_csv_has_no_units(capsys):
    """The error of a table without units says which files have them."""
    names = ('phot_g_mean_mag', 'phot_bp_mean_mag', 'phot_rp_mean_mag', 'parallax')
    table = QTable({'cluster': ['a'], **{name: [1.0] for name in names}})
    table.write('members.csv')
    text = fail(capsys, 'predict', 'gaia_cmd', 'members.csv')
    assert "data['phot_g_mean_mag'] must have a unit like mag, got none; a CSV file has no" in text
    table.write('members.ecsv')
    assert 'CSV' not in fail(capsys, 'predict', 'gaia_cmd', 'members.ecsv')


def test_fetch_unknown(capsys):
    """An unknown family is an error."""
    assert 'NAME must be "all" or one of' in fail(capsys, 'fetch', 'nothing')


def test_simulate(mocks):
    """The file has what the simulator makes of the same seed, and the truth stands beside."""
    simulator, rng = Simulator('toy'), np.random.default_rng(1)
    images, truth = simulator.simulate(simulator.sample(3, rng=rng), rng=rng)
    found = read_observations(mocks)
    np.testing.assert_array_equal(found.data, images.data)
    assert found.unit == images.unit
    assert found.meta['filters'] == images.meta['filters']
    assert found.meta['pixel_scale'] == images.meta['pixel_scale']
    assert is_same(found.meta['sources'], images.meta['sources'])
    assert (QTable.read('mocks_truth.ecsv')['age'] == truth['age']).all()


def test_simulate_options(capsys):
    """Options reach the simulator."""
    argv = ['simulate', 'toy', '-n', '2', '-o', 'loud.fits', '--option', 'noise=100']
    assert main(argv) == 0
    assert np.std(read_observations(Path('loud.fits')).data) > 50


@pytest.mark.parametrize(
    ('option', 'text'),
    [
        ('noise', "option must be KEY=VALUE with a KEY among ['noise'], got 'noise'"),
        ('nois=1', "option must be KEY=VALUE with a KEY among ['noise'], got 'nois=1'"),
        ('noise=loud', "option 'noise' must be like 0.001, got 'loud'"),
    ],
)
def test_wrong_options(option, text, capsys):
    """Wrong options are errors, and nothing is written."""
    assert text in fail(capsys, 'simulate', 'toy', '-o', 'x.fits', '--option', option)
    assert list_files() == []


def test_existing_file(mocks, capsys):
    """A file is replaced only if that is asked for."""
    before = mocks.read_bytes()
    argv = ['simulate', 'toy', '-n', '2', '-o', str(mocks)]
    assert 'must be a new file (or use --overwrite)' in fail(capsys, *argv)
    assert mocks.read_bytes() == before
    assert main([*argv, '--overwrite']) == 0
    assert len(read_observations(mocks).data) == 2


def test_missing_folder(capsys):
    """The folder of the output exists, or it is an error before the work starts."""
    text = fail(capsys, 'simulate', 'toy', '-o', 'nowhere/x.fits')
    assert 'must be in a folder that exists' in text


def test_nothing_half_written(mocks, monkeypatch, capsys):
    """A failure while writing leaves neither a file nor a part of one."""

    def write(self, path, *args):
        """Write a part, then fail."""
        Path(path).write_bytes(b'part')
        msg = 'disk full'
        raise OSError(msg)

    monkeypatch.setattr(QTable, 'write', write)
    before = list_files()
    argv = ['predict', 'toy', str(mocks), '--task', 'classifier', '-o', 'result.ecsv']
    assert 'disk full' in fail(capsys, *argv)
    assert list_files() == before


def test_predict(mocks, capsys):
    """The table has what the estimator gives."""
    argv = ['predict', 'toy', str(mocks), '--task', 'estimator', '-o', 'result.ecsv']
    assert main(argv) == 0
    assert capsys.readouterr().out == 'result.ecsv: <Estimator toy with normal-1.0.0>\n'
    expected = Estimator('toy').predict(read_observations(mocks))
    found = QTable.read('result.ecsv')
    assert found.colnames == expected.colnames
    assert (found['age'] == expected['age']).all()
    assert found.meta['WEIGHTS'] == 'normal-1.0.0'


def test_predict_to_the_screen(mocks, capsys):
    """Without an output the table is printed."""
    argv = ['predict', 'toy', str(mocks), '--task', 'estimator', '--weights', 'grid-1.0.0']
    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        'id', 'age', 'age_16', 'age_84', 'mass', 'mass_16', 'mass_84', 'flags'
    ]  # fmt: skip
    assert len(lines) == 6


def test_predict_with_own_file(mocks, capsys, toy):
    """Weights that end in .onnx are a file."""
    path = toy.folder / toy.files['estimator'][1].file
    argv = ['predict', 'toy', str(mocks), '--task', 'estimator', '--weights', str(path)]
    assert main([*argv, '-o', 'result.ecsv']) == 0
    assert QTable.read('result.ecsv').meta['WEIGHTS'] == path.name


def test_predict_a_map(capsys):
    """A map gives a map."""
    light = CCDData(np.ones((6, 6)), unit='solLum', meta={'OBJECT': 'M 83'})
    light.write('light.fits')
    argv = ['predict', 'toy', 'light.fits', '--task', 'mass_mapper']
    assert 'output must be given for a map' in fail(capsys, *argv)
    assert main([*argv, '-o', 'mass.fits']) == 0
    mass = CCDData.read('mass.fits')
    assert mass.unit == u.solMass
    np.testing.assert_allclose(mass.data, 2)
    assert mass.meta['OBJECT'] == 'M 83'


@pytest.mark.parametrize(
    ('argv', 'text'),
    [
        (['nothing', 'mocks.fits'], 'NAME must be one of the families with a network ['),
        (['toy', 'mocks.fits'], "--task must be given, as 'toy' has ['estimator', 'classifier'"),
        (['gaia_cmd', 'x', '--task', 'classifier'], "--task must be one of those of 'gaia_cmd'"),
        (['toy', 'none.fits', '--task', 'estimator'], "data must be a file, got 'none.fits'"),
        (
            ['toy', 'mocks.fits', '--task', 'estimator', '--weights', 'x-1.0.0'],
            "weights of 'toy' must be one of the tags",
        ),
        (['toy', 'mocks.fits', '--task', 'estimator', '--device', 'tpu'], 'device must be one of'),
        (['toy', 'mocks.fits', '--task', 'mass_mapper', '-o', 'x.fits'], 'luminosity must have'),
    ],
)
def test_wrong_predictions(argv, text, mocks, capsys):
    """What cannot be done is one line on the standard error."""
    assert text in fail(capsys, 'predict', *argv)


def test_table_from_fits():
    """A table in a FITS file is read with its units, and text as text."""
    table = QTable({'cluster': ['a', 'b'], 'parallax': [1.0, 2.0] * u.mas})
    write_observations(table, Path('stars.fits'))
    found = read_observations(Path('stars.fits'))
    assert found['cluster'].tolist() == ['a', 'b']
    assert found['parallax'].unit == u.mas


def test_images_with_mask():
    """Masks and plain keywords survive, and a missing unit stays missing."""
    mask = np.zeros((2, 1, 3, 3), bool)
    mask[1, 0, 2, 2] = True
    data = NDData(np.ones((2, 1, 3, 3), np.float32), mask=mask, meta={'OBJECT': 'M 83'})
    write_observations(data, Path('images.fits'))
    found = read_observations(Path('images.fits'))
    np.testing.assert_array_equal(found.mask, mask)
    assert found.unit is None
    assert fits.getheader('images.fits')['OBJECT'] == 'M 83'


def test_images_with_meta_that_does_not_fit():
    """What cannot be kept is an error."""
    data = NDData(np.ones((2, 1, 3, 3)), unit='adu', meta={'a_long_name': 1})
    with pytest.raises(ValueError, match=r"meta must fit into a FITS header .* 'a_long_name'"):
        write_observations(data, Path('images.fits'))
    assert list_files() == []


@pytest.mark.parametrize(
    ('argv', 'expected'),
    [
        ([], {'members': None, 'real': False, 'output': Path('starcnn_demo')}),
        (
            ['--members', 'x.csv', '--output', 'here'],
            {'members': Path('x.csv'), 'real': False, 'output': Path('here')},
        ),
        (['--real'], {'members': None, 'real': True, 'output': Path('starcnn_demo')}),
    ],
)
def test_demo(argv, expected, monkeypatch):
    """The demo gets its arguments."""
    from starcnn import demo

    calls = []
    monkeypatch.setattr(demo, 'run', lambda **given: calls.append(given))
    assert main(['demo', *argv]) == 0
    assert calls == [expected]


def test_reproduce(capsys):
    """Claims are measured, printed and written."""
    assert main(['reproduce', 'toy', '--rst', 'toy.rst']) == 0
    assert 'rms of log age' in capsys.readouterr().out
    assert Path('toy_claims/claims.ecsv').is_file()
    assert 'rms of log age' in Path('toy.rst').read_text(encoding='utf-8')


def test_reproduce_mocks(monkeypatch):
    """The number of mocks gets through, and is the family's own by default."""
    from starcnn import validation

    calls = []

    def reproduce(name, **given):
        """Remember the arguments."""
        calls.append((name, given['n_mocks'], given['output']))
        return validation.run_claims([])

    monkeypatch.setattr(validation, 'reproduce', reproduce)
    assert main(['reproduce', 'toy', '--mocks', '40', '--output', 'here']) == 0
    assert main(['reproduce', 'toy']) == 0
    assert calls == [('toy', 40, Path('here')), ('toy', None, Path('toy_claims'))]


def test_reproduce_unknown(capsys):
    """A family without claims is an error."""
    assert 'family must be one with claims' in fail(capsys, 'reproduce', 'nothing')


@pytest.mark.training
def test_train(mocks, capsys):
    """A network is trained, and its file used at once."""
    pytest.importorskip('torch')
    argv = ['train', 'toy', '--mocks', '48', '--epochs', '1', '--workers', '1', '--seed', '2']
    assert main([*argv, '-o', 'normal-2.0.0.onnx']) == 0
    lines = capsys.readouterr().out.splitlines()
    first = lines.index('[[estimator]]')
    assert lines[first + 1] == 'tag = "normal-2.0.0"'
    header = 'output unit n median_error error_95 bias coverage_68 coverage_95'.split()
    table = [line.split() for line in lines[:first]]
    assert header in table
    training = Network(Path('normal-2.0.0.onnx')).training
    for row in table[table.index(header) + 2 :][:2]:  # after a line of dashes
        values = training['scores'][row[0]]
        assert row[1:3] == ['dex', '1024']
        assert [float(text) for text in row[3:]] == [values[name] for name in header[3:]]
    argv = ['predict', 'toy', str(mocks), '--task', 'estimator']
    assert main([*argv, '--weights', 'normal-2.0.0.onnx']) == 0


@pytest.mark.training
def test_train_in_parts(capsys):
    """A training that runs out of time is resumed by the same command."""
    pytest.importorskip('torch')
    argv = ['train', 'toy', '--mocks', '48', '--workers', '1', '-o', 'normal-2.0.0.onnx']
    argv += ['--scores', '64']
    assert main([*argv, '--budget', '0s']) == 0
    assert 'stopped after 0 epochs; the same command goes on' in capsys.readouterr().out
    assert not Path('normal-2.0.0.onnx').exists()
    assert main(argv) == 0
    assert Path('normal-2.0.0.onnx').exists()


@pytest.fixture
def provenances(monkeypatch):
    """What would be in the files of networks; writing them takes long."""
    pytest.importorskip('torch')
    from starcnn import train

    found = []

    def export(network, spec, path, *, training, examples, half):
        """Remember the provenance."""
        found.append(training)
        return DataFile(tag=path.stem, file=path.name, sha256='0' * 64, size=0)

    monkeypatch.setattr(train, 'export', export)
    return found


@pytest.mark.training
def test_train_scores(provenances, capsys):
    """All trainings are scored on the same mocks, which are made once, and in parts if need be."""
    from starcnn.train import SCORE_SEED, Bank

    argv = ['train', 'toy', '--mocks', '48', '--workers', '1', '--scores', '300']
    first, second = ([*argv, '--seed', seed, '-o', f'normal-{seed}.0.0.onnx'] for seed in '23')
    assert main([*first, '--budget', '0s']) == 0
    assert 'stopped before all mocks were made' in capsys.readouterr().out
    assert list_files() == ['normal-2.0.0.bank.validation']
    assert main(first) == 0
    path = Path('normal-2.0.0.bank.validation')
    before = {file: file.stat().st_mtime_ns for file in path.rglob('*') if file.is_file()}
    bank = Bank.open(path)
    assert (bank.meta['seed'], len(bank)) == (SCORE_SEED, 300)
    # again, and another training on the same mocks, and on others
    assert main(first) == 0
    assert main([*second, '--bank', 'normal-2.0.0.bank', '--bank-seed', '2']) == 0
    assert main([*second, '--checkpoints', 'new']) == 0
    one, again, *others = provenances
    assert (one['scores_n'], one['scores_sha256']) == (300, bank.sha256)
    assert one['scores']['age']['n'] == 300
    assert again == one
    assert others[0]['data_sha256'] == one['data_sha256'] != others[1]['data_sha256']
    for other in others:
        assert other['scores_sha256'] == bank.sha256
        assert other['scores'] != one['scores']
    assert before == {file: file.stat().st_mtime_ns for file in path.rglob('*') if file.is_file()}


@pytest.mark.training
def test_train_without_scores(provenances, capsys):
    """Scores can be left out."""
    argv = ['train', 'toy', '--mocks', '48', '--epochs', '1', '--workers', '1']
    assert main([*argv, '-o', 'normal-2.0.0.onnx', '--scores', '0']) == 0
    assert 'median_error' not in capsys.readouterr().out
    assert not [name for name in provenances[0] if name.startswith('scores')]
    assert list_files() == ['normal-2.0.0.bank', 'normal-2.0.0.checkpoints']


@pytest.mark.training
def test_train_refuses_scores(capsys):
    """What cannot be scored is said before the training."""
    pytest.importorskip('torch')
    from starcnn.train import SCORE_SEED

    argv = ['train', 'toy', '--mocks', '48', '--workers', '1', '-o', 'normal-2.0.0.onnx']
    text = fail(capsys, *argv, '--bank-seed', str(SCORE_SEED))
    assert 'seed of the mocks must not be that of those to score on' in text
    assert list_files() == []
    assert main([*argv, '--budget', '0s', '--scores', '32']) == 0
    capsys.readouterr()
    text = fail(capsys, *argv, '--scores', '64')
    assert "folder must be empty or hold the same bank, got other ['n']" in text
    with pytest.raises(SystemExit, match='2'):
        main([*argv, '--scores=-1'])
    assert "must be a whole number from 0, got '-1'" in capsys.readouterr().err


@pytest.mark.training
def test_train_on_growing_bank(capsys):
    """The mocks may be made meanwhile; it is another training than one after they were made."""
    pytest.importorskip('torch')
    argv = ['train', 'toy', '--mocks', '48', '--workers', '1', '-o', 'normal-2.0.0.onnx']
    argv += ['--scores', '64']
    assert main([*argv, '--overlap', '--budget', '0s']) == 0
    assert 'stopped after 0 epochs; the same command goes on' in capsys.readouterr().out
    assert "'begin_sha256'" in fail(capsys, *argv)
    assert main([*argv, '--overlap']) == 0
    assert 'begin_sha256' in Network(Path('normal-2.0.0.onnx')).training


@pytest.mark.training
@pytest.mark.slow
def test_train_while_mocks_are_made():
    """Processes make the mocks, and none is left when time is up."""
    pytest.importorskip('torch')
    from starcnn.train import GrowingBank

    argv = ['train', 'toy', '--mocks', '900', '--workers', '2', '-o', 'normal-2.0.0.onnx']
    argv += ['--scores', '64']
    assert main([*argv, '--overlap', '--budget', '0s']) == 0
    assert not multiprocessing.active_children()
    assert not Path('normal-2.0.0.onnx').exists()
    assert main([*argv, '--overlap']) == 0
    assert not multiprocessing.active_children()
    training = Network(Path('normal-2.0.0.onnx')).training
    bank = GrowingBank('normal-2.0.0.bank')
    assert training['begin_sha256'] == bank.begin_sha256
    assert training['data_sha256'] == bank.finish().sha256


@pytest.mark.training
def test_train_with_options(plugin_manager, toy, monkeypatch):
    """Options reach the mocks and the recipe, which may have a simulator of its own."""
    pytest.importorskip('torch')
    from toy.network import RECIPE

    from starcnn.train import Bank

    seen = []

    def for_options(options):
        seen.append(options.noise)
        return replace(RECIPE, epochs=1)

    backend = replace(Simulator('toy').backend, name='bright')
    recipe = replace(RECIPE, bank_simulator=backend, for_options=for_options)
    monkeypatch.setattr(_commands, 'find_recipe', lambda name, variant: recipe)
    argv = ['train', 'toy', '--mocks', '48', '--workers', '1', '-o', 'normal-2.0.0.onnx']
    assert main([*argv, '--option', 'noise=0.5', '--log-dir', 'log']) == 0
    assert seen == [0.5]
    meta = Bank.open('normal-2.0.0.bank').meta
    assert (meta['simulator'], meta['options']) == ('bright', {'noise': 0.5})
    training = Network(Path('normal-2.0.0.onnx')).training
    assert (training['epochs'], training['data']) == (1, meta)
    assert list(Path('log').iterdir())


@dataclass(frozen=True)
class Brighter:
    """
    An augmentation with a setting.
    """

    factor: float = 1.0

    def __call__(self, inputs, truth, generator):
        """Return the inputs brighter."""
        return {name: self.factor * x for name, x in inputs.items()}, truth


@pytest.mark.training
def test_change_recipe(toy):
    """Settings of a recipe and of its augmentation are changed; what there is not is refused."""
    pytest.importorskip('torch')
    from toy.network import RECIPE

    recipe = replace(RECIPE, augment=Brighter())
    items = ['batch_size=8', 'schedule=halving', 'clip=null', 'factor=1.5']
    changed = _commands._change_recipe(recipe, items)
    assert changed == replace(
        recipe, batch_size=8, schedule='halving', clip=None, augment=Brighter(1.5)
    )
    for item in ('width=3', 'batch_size', 'loss=0', 'epochs=3'):
        with pytest.raises(ValueError, match='recipe must be KEY=VALUE with a KEY among'):
            _commands._change_recipe(recipe, [item])
    with pytest.raises(ValueError, match=r"recipe 'batch_size' must be like .*, got 'many'"):
        _commands._change_recipe(recipe, ['batch_size=many'])
    with pytest.raises(ValueError, match='optimizer must be one of'):
        _commands._change_recipe(recipe, ['optimizer=none'])


@pytest.mark.training
def test_train_with_another_recipe():
    """Settings reach the training and its provenance."""
    pytest.importorskip('torch')
    argv = ['train', 'toy', '--mocks', '48', '--epochs', '1', '--workers', '1']
    changes = ['--recipe', 'batch_size=4', '--validation', '0.25', '--bank-seed', '7']
    assert main([*argv, *changes, '-o', 'normal-2.0.0.onnx']) == 0
    training = Network(Path('normal-2.0.0.onnx')).training
    assert (training['batch_size'], training['n_validation']) == (4, 12)
    assert (training['seed'], training['data']['seed']) == (0, 7)


@pytest.mark.parametrize(('text', 'seconds'), [('8min', 480), ('0.5 h', 1800), ('30s', 30)])
def test_budget(text, seconds):
    """A budget is a time with a unit."""
    args = build_parser().parse_args(['train', 'toy', '-o', 'x.onnx', '--budget', text])
    assert args.budget == seconds


@pytest.mark.parametrize('text', ['8', '8 mag', '-1min', 'inf s', 'soon'])
def test_wrong_budget(text, capsys):
    """Anything else is an error that shows how."""
    with pytest.raises(SystemExit, match='2'):
        main(['train', 'toy', '-o', 'x.onnx', f'--budget={text}'])
    assert "must be a time with a unit, such as '8min', got" in capsys.readouterr().err


def test_warnings_are_one_line(monkeypatch, capsys):
    """A warning is shown without the place in the code."""

    def warn(args):
        """Warn as a library does."""
        warnings.warn('two\nlines', StarcnnWarning, stacklevel=1)

    monkeypatch.setitem(_commands.COMMANDS, 'list', warn)
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        assert main(['list']) == 0
    assert capsys.readouterr().err == 'starcnn: warning: two lines\n'


def test_interrupt(monkeypatch, capsys):
    """An interrupt is one line."""

    def interrupt(args):
        """Stop as the user does."""
        raise KeyboardInterrupt

    monkeypatch.setitem(_commands.COMMANDS, 'list', interrupt)
    assert main(['list']) == 1
    assert capsys.readouterr().err == 'starcnn: interrupted\n'
