# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.train.data.
"""

import multiprocessing
import time
from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, Table
from toy.estimator import encode
from toy.simulator import BACKEND, Options
from toy.spec import SPECS

pytest.importorskip('torch')

from starcnn.networks import Classes, Features, Map, Parameter, Spec
from starcnn.plugins import SimulatorBackend
from starcnn.train import build_bank, truth_arrays

pytestmark = pytest.mark.training

SPEC = SPECS['estimator'][0]


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """No options."""


def draw_clusters(n, options, rng):
    """Draw parameters of clusters."""
    return QTable({'age': 10 ** rng.uniform(6, 10, n) * u.yr, 'a_v': rng.uniform(0, 5, n) * u.mag})


def simulate_stars(parameters, options, rng):
    """Make up to nine stars per cluster."""
    stars = rng.normal(size=(len(parameters), 9, 2)).astype(np.float32)
    stars[np.arange(9) >= rng.integers(0, 10, len(parameters))[:, np.newaxis]] = np.nan
    return stars, parameters


SETS = SimulatorBackend(
    name='sets',
    summary='Sets of stars',
    reference='2018A&A...616A...9L',
    options=NoOptions,
    sample=draw_clusters,
    simulate=simulate_stars,
)


def test_bank_does_not_depend_on_workers(tmp_path):
    """One process and two make the same bytes."""
    banks = [
        build_bank(
            BACKEND, encode, SPEC, n=50, seed=1, folder=tmp_path / f'{n}', n_workers=n, chunk=20
        )
        for n in (1, 2)
    ]
    assert banks[0].sha256 == banks[1].sha256
    assert len(banks[0]) == 50
    assert sorted(path.name for path in (tmp_path / '2').iterdir()) == [
        'inputs',
        'truth',
        'zarr.json',
    ]
    assert banks[0].meta['options'] == {'noise': 1e-3}


def test_bank_is_what_was_simulated(tmp_path):
    """The inputs are the encoded mocks, the truth is on the axes of the spec."""
    bank = build_bank(BACKEND, encode, SPEC, n=8, seed=1, folder=tmp_path)
    rng = np.random.default_rng(np.random.SeedSequence(1, spawn_key=(0,)))
    mocks, truth = BACKEND.simulate(BACKEND.sample(8, Options(), rng), Options(), rng)
    (part,) = SPEC.inputs
    np.testing.assert_array_equal(bank.inputs[part.name][:], encode(mocks, SPEC)[part.name])
    np.testing.assert_allclose(bank.truth['age'], np.log10(truth['age'].to_value(u.yr)), rtol=1e-6)


def test_bank_of_sets_of_stars(stars_spec, tmp_path):
    """Chunks of different lengths are joined, source by source."""
    options = {'spec': stars_spec, 'n': 25, 'seed': 4, 'chunk': 10}

    def encode_stars(data, spec):
        return {'stars': data}

    bank = build_bank(SETS, encode_stars, folder=tmp_path, **options)
    at = 0
    for chunk, n in enumerate((10, 10, 5)):
        rng = np.random.default_rng(np.random.SeedSequence(4, spawn_key=(chunk,)))
        stars, truth = simulate_stars(draw_clusters(n, NoOptions(), rng), NoOptions(), rng)
        inputs, found = bank.batch(np.arange(at, at + n))
        n_star = inputs['stars'].shape[1]
        np.testing.assert_array_equal(inputs['stars'], stars[:, :n_star])
        assert np.isnan(stars[:, n_star:]).all()
        np.testing.assert_allclose(found['a_v'], truth['a_v'].value, rtol=1e-6)
        at += n


def test_bank_goes_on_where_it_stopped(tmp_path):
    """Chunks that are there are kept, and the bank is the same as without a stop."""
    calls = []

    def stop_at_third(parameters, options, rng):
        calls.append(len(parameters))
        if len(calls) == 3:
            msg = 'no power'
            raise OSError(msg)
        return BACKEND.simulate(parameters, options, rng)

    options = {'n': 40, 'seed': 2, 'chunk': 10}
    with pytest.raises(OSError, match='no power'):
        build_bank(
            replace(BACKEND, simulate=stop_at_third), encode, SPEC, folder=tmp_path / 'a', **options
        )
    bank = build_bank(
        replace(BACKEND, simulate=stop_at_third), encode, SPEC, folder=tmp_path / 'a', **options
    )
    assert len(calls) == 3 + 2
    whole = build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'b', **options)
    assert bank.sha256 == whole.sha256
    # and once more: nothing is simulated
    again = build_bank(
        replace(BACKEND, simulate=stop_at_third), encode, SPEC, folder=tmp_path / 'a', **options
    )
    assert again.sha256 == whole.sha256
    assert len(calls) == 5


def test_bank_that_was_cut_short(tmp_path):
    """What an end in the middle of writing leaves behind is made again."""
    options = {'n': 40, 'seed': 2, 'chunk': 10}
    whole = build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'a', **options)
    assert (
        build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'b', max_seconds=0, **options) is None
    )
    (part,) = (tmp_path / 'b' / 'parts').iterdir()
    # the array was there and half of a chunk, but not what says that it is whole
    (chunk,) = (tmp_path / 'b' / 'inputs').glob('*/c.0*')
    chunk.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])
    part.unlink()
    bank = build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'b', n_workers=1, **options)
    assert bank.sha256 == whole.sha256
    bank.check()
    assert not (tmp_path / 'b' / 'parts').exists()


@pytest.mark.slow
def test_killed_bank_goes_on(tmp_path):
    """A process that is killed while it makes a bank leaves what the next one goes on from."""
    options = {'n': 400, 'seed': 2, 'chunk': 10}
    context = multiprocessing.get_context('spawn')
    process = context.Process(
        target=build_bank,
        args=(replace(BACKEND, simulate=simulate_slowly), encode, SPEC),
        kwargs={'folder': tmp_path / 'a', **options},
    )
    process.start()
    parts = tmp_path / 'a' / 'parts'
    while process.is_alive() and len(list(parts.glob('*.npz'))) < 3:
        time.sleep(0.01)
    process.kill()
    process.join()
    assert 3 <= len(list(parts.glob('*.npz'))) < 40
    bank = build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'a', n_workers=2, **options)
    whole = build_bank(BACKEND, encode, SPEC, folder=tmp_path / 'b', **options)
    assert bank.sha256 == whole.sha256


def simulate_slowly(parameters, options, rng):
    """Take a tenth of a second."""
    time.sleep(0.1)
    return BACKEND.simulate(parameters, options, rng)


def test_chunks_must_be_alike(tmp_path):
    """A chunk of another shape than the first is an error."""
    calls = []

    def encode_longer(data, spec):
        calls.append(1)
        return {'x': np.ones((10, len(calls)), np.float32)}

    with pytest.raises(ValueError, match=r'encode must return .* float32 \(2,\) for .x., not .*1'):
        build_bank(BACKEND, encode_longer, SPEC, n=20, seed=1, folder=tmp_path, chunk=10)


def test_bank_refuses_a_folder_of_another(tmp_path):
    """Other arguments in the same folder are an error that says which."""
    build_bank(BACKEND, encode, SPEC, n=4, seed=1, folder=tmp_path)
    with pytest.raises(ValueError, match=r"folder must be empty .* got other \['seed'\]"):
        build_bank(BACKEND, encode, SPEC, n=4, seed=2, folder=tmp_path)
    with pytest.raises(ValueError, match=r"got other \['options'\]"):
        build_bank(BACKEND, encode, SPEC, n=4, seed=1, folder=tmp_path, options=Options(noise=1.0))


def test_bank_types(tmp_path):
    """Inputs are stored as asked for, if their values fit."""
    (part,) = SPEC.inputs
    bank = build_bank(
        BACKEND, encode, SPEC, n=4, seed=1, folder=tmp_path / 'a', dtypes={part.name: 'float16'}
    )
    assert bank.inputs[part.name].dtype == np.float16

    def encode_half(data, spec):
        return {part.name: encode(data, spec)[part.name].astype(np.float16)}

    half = build_bank(BACKEND, encode_half, SPEC, n=4, seed=1, folder=tmp_path / 'c')
    assert half.sha256 == bank.sha256
    for dtype, text in (('uint8', 'a type that holds'), ('int4', 'must be one of')):
        with pytest.raises(ValueError, match=text):
            build_bank(
                BACKEND,
                encode,
                SPEC,
                n=4,
                seed=1,
                folder=tmp_path / dtype,
                dtypes={part.name: dtype},
            )
    with pytest.raises(ValueError, match='n must be at least 1, got 0'):
        build_bank(BACKEND, encode, SPEC, n=0, seed=1, folder=tmp_path / 'b')


TRUTH_SPEC = Spec(
    family='toy',
    variant='all',
    inputs=(Features(name='x', columns=('y',), units=('',), bounds=((0, 1),)),),
    outputs=(
        Parameter(name='age', unit='yr', bounds=(6, 10), log=True),
        Parameter(name='a_v', unit='mag', bounds=(0, 5)),
        Classes(name='class', labels=('cluster', 'star')),
        Map(name='mass_map', unit='solMass/pix', shape=(2, 2)),
    ),
)


def test_truth_arrays():
    """Units are converted, logarithms taken, labels counted; what is masked is NaN."""
    table = QTable(
        {
            'age': [1, 10] * u.Myr,
            'a_v': Table({'a_v': np.ma.masked_invalid([np.nan, 2.0])})['a_v'],
            'class': ['star', 'cluster'],
            'mass_map': np.ones((2, 2, 2)) * u.Unit('1000 solMass/pix'),
        }
    )
    table['a_v'].unit = u.mag
    truth = truth_arrays(table, TRUTH_SPEC)
    np.testing.assert_allclose(truth['age'], [6, 7])
    np.testing.assert_array_equal(truth['a_v'], [np.nan, 2])
    np.testing.assert_array_equal(truth['class'], [1, 0])
    np.testing.assert_allclose(truth['mass_map'], 1000)
    assert {name: array.dtype.name for name, array in truth.items()} == {
        'age': 'float32',
        'a_v': 'float32',
        'class': 'int64',
        'mass_map': 'float32',
    }


def test_truth_arrays_errors():
    """Missing columns, other labels, logarithms of zero and other units are errors."""
    table = QTable(
        {
            'age': [0, 10] * u.Myr,
            'a_v': [1, 2] * u.mag,
            'class': ['star', 'galaxy'],
            'mass_map': np.ones((2, 2, 2)) * u.Unit('solMass/pix'),
        }
    )
    with pytest.raises(ValueError, match=r"table\['age'\] must be above zero, got 0"):
        truth_arrays(table, TRUTH_SPEC)
    table['age'] = [1, 10] * u.Myr
    with pytest.raises(ValueError, match=r"labels of \['cluster', 'star'\], got \['galaxy'\]"):
        truth_arrays(table, TRUTH_SPEC)
    table['age'] = [1, 10] * u.kpc
    with pytest.raises(u.UnitConversionError):
        truth_arrays(table, TRUTH_SPEC)
    table.remove_column('age')
    with pytest.raises(ValueError, match="got none for 'age'"):
        truth_arrays(table, TRUTH_SPEC)
