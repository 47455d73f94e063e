# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Each check of the contract finds what it is for; tests/test_contract.py has those that pass.
"""

from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from astropy.table import Column, QTable, Table
from toy import estimator as toy_estimator
from toy import simulator as toy_simulator
from toy.files import write_file

from starcnn import testing
from starcnn.files import DataFile, compute_sha256
from starcnn.flags import NO_DATA
from starcnn.networks import Parameter, Spec, Stars
from starcnn.plugins import NetworkBackend, _manager
from starcnn.tables import parameter_table
from starcnn.testing import ContractError, check_backend


@pytest.fixture
def estimator(plugin_manager, monkeypatch):
    """The toy estimator with one of its weights; imports are checked elsewhere."""
    monkeypatch.setattr(testing, 'check_imports', lambda backend: ())
    backend = _manager.list_backends('starcnn_estimators')['toy']
    return replace(backend, weights=backend.weights[:1])


@pytest.fixture
def simulator(monkeypatch):
    """The toy simulator; imports are checked elsewhere."""
    monkeypatch.setattr(testing, 'check_imports', lambda backend: ())
    return toy_simulator.BACKEND


def test_kind():
    """Only records are checked."""
    with pytest.raises(TypeError, match='backend must be a NetworkBackend or a Simulator'):
        check_backend('toy')


def test_no_data(plugin_manager, estimator):
    """A network without a simulator of its name needs data."""
    with pytest.raises(ValueError, match="data must be given, as no simulator is named 'other'"):
        check_backend(replace(estimator, name='other'))


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'name': 'Toy 1'}, 'name must be lower case'),
        ({'summary': 'Two\nlines'}, 'summary must be one line'),
        ({'summary': 'A sentence.'}, 'summary must be one line'),
        ({'reference': 'Me (2020)'}, 'reference must be an ADS bibcode'),
        ({'weights': ()}, 'weights must be at least one file'),
        ({'encode': None}, 'encode must be a function'),
    ],
)
def test_check_record(estimator, change, text):
    """A record has a name, a summary, a bibcode, weights and functions."""
    with pytest.raises(ContractError, match=f'must pass check_record: {text}'):
        check_backend(replace(estimator, **change))


def test_check_record_tag(estimator):
    """A tag has a version."""
    weights = (replace(estimator.weights[0], tag='normal'),)
    with pytest.raises(ContractError, match=r'tag of weights must be like "cnn-1\.2\.0\"'):
        check_backend(replace(estimator, weights=weights))


def test_check_docstrings(estimator):
    """Functions have docstrings."""
    bare = replace(estimator, encode=lambda data, spec: toy_estimator.encode(data, spec))
    with pytest.raises(ContractError, match='check_docstrings: encode must have a docstring'):
        check_backend(bare)


def test_check_imports(tmp_path, monkeypatch):
    """Importing the module of a backend imports nothing heavy."""
    (tmp_path / 'heavy_module.py').write_text(
        'import onnx\n\ndef sample(n, options, rng):\n    """Draw."""\n\nsimulate = sample\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    import heavy_module

    backend = replace(toy_simulator.BACKEND, simulate=heavy_module.simulate)
    with pytest.raises(ContractError, match='heavy_module must import nothing heavy, got onnx'):
        check_backend(backend)
    (tmp_path / 'heavy_module.py').write_text('import nothing_of_that_name\n')
    with pytest.raises(ContractError, match='heavy_module must be importable, got ModuleNot'):
        check_backend(backend)


class Loose:
    """Options that are no dataclass."""


@dataclass
class Warm:
    """Options that are not frozen."""

    noise: float = 1e-3


@dataclass(frozen=True)
class Bare:
    """Options without a default."""

    noise: float


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        (Loose, 'options must be a dataclass'),
        (Warm, 'options must be frozen'),
        (Bare, 'options must have defaults'),
    ],
)
def test_check_options(simulator, options, text):
    """Options are a frozen dataclass with defaults."""
    with pytest.raises(ContractError, match=f'must pass check_options: {text}'):
        check_backend(replace(simulator, options=options))


def sample_too_few(n, options, rng):
    """Draw one too few."""
    return toy_simulator.sample(max(n - 1, 0), options, rng)


def sample_a_list(n, options, rng):
    """Draw no table."""
    return list(range(n))


def sample_at_will(n, options, rng):
    """Draw without the generator."""
    return toy_simulator.sample(n, options, np.random.default_rng())


def sample_the_same(n, options, rng):
    """Draw the same whatever the generator."""
    return toy_simulator.sample(n, options, np.random.default_rng(0))


@pytest.mark.parametrize(
    ('sample', 'text'),
    [
        (sample_too_few, 'sample must return 1 rows, got 0'),
        (sample_a_list, 'sample must return a QTable, got list'),
        (sample_at_will, 'sample must return the same for the same rng'),
        (sample_the_same, 'sample must return something else for another rng'),
    ],
)
def test_check_sample(simulator, sample, text):
    """Parameters are a table of the right length that the generator decides."""
    with pytest.raises(ContractError, match=f'must pass check_sample: .*{text}'):
        check_backend(replace(simulator, sample=sample))


def simulate_without_truth(parameters, options, rng):
    """Return the images alone."""
    return toy_simulator.simulate(parameters, options, rng)[0]


def simulate_short_truth(parameters, options, rng):
    """Return the truth of some sources."""
    images, truth = toy_simulator.simulate(parameters, options, rng)
    return images, truth[1:]


def simulate_without_unit(parameters, options, rng):
    """Return images without a unit."""
    images, truth = toy_simulator.simulate(parameters, options, rng)
    return NDData(images.data, meta=images.meta), truth


def simulate_fewer(parameters, options, rng):
    """Return images of some sources."""
    images, truth = toy_simulator.simulate(parameters, options, rng)
    return NDData(images.data[1:], unit=images.unit, meta=images.meta), truth


def simulate_and_change(parameters, options, rng):
    """Change the parameters."""
    parameters['mass'] *= 2
    return toy_simulator.simulate(parameters, options, rng)


def simulate_at_will(parameters, options, rng):
    """Simulate without the generator."""
    return toy_simulator.simulate(parameters, options, np.random.default_rng())


@pytest.mark.parametrize(
    ('simulate', 'text'),
    [
        (simulate_without_truth, 'must return observations and truth, got NDData'),
        (simulate_short_truth, 'truth must be a QTable of 4 rows'),
        (simulate_without_unit, 'observations must have a unit'),
        (simulate_fewer, 'observations must be of 4 sources, got 3'),
        (simulate_and_change, 'must leave its parameters as they are'),
        (simulate_at_will, 'must return the same for the same rng'),
    ],
)
def test_check_simulate(simulator, simulate, text):
    """Observations and truth belong together, and the generator decides."""
    with pytest.raises(ContractError, match=f'must pass check_simulate: .*{text}'):
        check_backend(replace(simulator, simulate=simulate))


def test_check_weights(estimator):
    """The file is the listed one."""
    weights = (replace(estimator.weights[0], size=7),)
    with pytest.raises(ContractError, match=r'check_weights: size of .* got 7'):
        check_backend(replace(estimator, weights=weights))
    weights = (replace(estimator.weights[0], tag='cnn-1.0.0'),)
    with pytest.raises(ContractError, match=r"check_weights: tag must start with .*'normal'"):
        check_backend(replace(estimator, weights=weights))


def encode_other_name(data, spec):
    """Return the array by another name."""
    return {'picture': toy_estimator.encode(data, spec)['images']}


def encode_double(data, spec):
    """Return double precision, which the network would refuse."""
    return {name: x.astype(float) for name, x in toy_estimator.encode(data, spec).items()}


def encode_and_change(data, spec):
    """Change the data."""
    inputs = toy_estimator.encode(data, spec)
    data.data[...] *= 2
    return inputs


def encode_fewer(data, spec):
    """Leave out a source."""
    return {name: x[1:] for name, x in toy_estimator.encode(data, spec).items()}


@pytest.mark.parametrize(
    ('encode', 'text'),
    [
        (encode_other_name, r"must return a dictionary with the names \['images'\]"),
        (encode_double, "input 'images' must be a float32 array"),
        (encode_and_change, 'encode must leave data as they are'),
        (encode_fewer, r"input 'images' must have shape \(6, 2, 6, 6\), got \(5, 2, 6, 6\)"),
    ],
)
def test_check_encode(estimator, encode, text):
    """Arrays have the names, the kind and the shapes of the spec."""
    with pytest.raises(ContractError, match=f'must pass check_encode: .*{text}'):
        check_backend(replace(estimator, encode=encode))


def decode_a_table(outputs, spec, data):
    """Return a table without units."""
    return Table(toy_estimator.decode(outputs, spec, data))


def decode_without_flags(outputs, spec, data):
    """Leave out the flags."""
    result = toy_estimator.decode(outputs, spec, data)
    result.remove_column('flags')
    return result


def decode_without_percentile(outputs, spec, data):
    """Leave out a percentile."""
    result = toy_estimator.decode(outputs, spec, data)
    result.remove_column('age_16')
    return result


def decode_other_unit(outputs, spec, data):
    """Return ages in another unit."""
    result = toy_estimator.decode(outputs, spec, data)
    result['age'] = result['age'].to('Myr')
    return result


def decode_out_of_order(outputs, spec, data):
    """Mix up the percentiles."""
    result = toy_estimator.decode(outputs, spec, data)
    result['age_16'] = result['age_84']
    return result


def decode_fewer(outputs, spec, data):
    """Leave out a source."""
    return toy_estimator.decode(outputs, spec, data)[1:]


def decode_and_share(outputs, spec, data):
    """Share the meta of the data."""
    result = toy_estimator.decode(outputs, spec, data)
    data.meta['seen'] = True
    return result


def decode_and_change(outputs, spec, data):
    """Change the outputs."""
    outputs['age'] += 1
    return toy_estimator.decode(outputs, spec, data)


def decode_to_map(outputs, spec, data):
    """Return a map that the spec does not have."""
    return NDData(outputs['age'], unit='yr')


@pytest.mark.parametrize(
    ('decode', 'text'),
    [
        (decode_a_table, 'decode must return a QTable or an NDData, got Table'),
        (decode_without_flags, 'columns must start with id and end with integer flags'),
        (decode_without_percentile, r"columns must have \['age', 'age_16', 'age_84'"),
        (decode_other_unit, "column 'age' must have the unit 'yr', got 'Myr'"),
        (decode_out_of_order, "percentiles of 'age' must be in order"),
        (decode_fewer, 'result must have 6 rows, one per source, got 5'),
        (decode_and_share, 'decode must leave data as they are'),
        (decode_and_change, 'decode must leave outputs as they are'),
        (decode_to_map, 'decode must return a table, as the spec has no map'),
    ],
)
def test_check_decode(estimator, decode, text):
    """Results have one row per source and the promised columns and units."""
    with pytest.raises(ContractError, match=f'must pass check_decode: .*{text}'):
        check_backend(replace(estimator, decode=decode))


def encode_by_brightest(data, spec):
    """Scale by the brightest source, so that each depends on the others."""
    (images,) = toy_estimator.encode(data, spec).values()
    return {'images': images / np.nanmax(images)}


def encode_by_first(data, spec):
    """Scale by the first source, so that the order matters."""
    (images,) = toy_estimator.encode(data, spec).values()
    return {'images': images / images[0].max()}


def encode_filled(data, spec):
    """Fill what is not finite, and say nothing."""
    return {'images': np.nan_to_num(toy_estimator.encode(data, spec)['images'])}


def encode_anything(data, spec):
    """Take no notice of units and filters."""
    if isinstance(data, list):
        msg = 'data must be images, got a list'
        raise TypeError(msg)
    return {'images': data.data.astype(np.float32)}


def encode_lists(data, spec):
    """Take lists."""
    if isinstance(data, list):
        return {'images': np.zeros((3, 2, 6, 6), np.float32)}
    return toy_estimator.encode(data, spec)


@pytest.mark.parametrize(
    ('encode', 'text'),
    [
        (encode_by_first, 'check_order: results must be the same for sources in reverse'),
        (encode_by_brightest, 'check_nan: a source of NaN must leave the other results'),
        (encode_filled, 'check_nan: flags of a source of NaN must say so'),
        (encode_anything, 'check_images: data must be refused if their unit is wrong'),
    ],
)
def test_sources_and_images(estimator, encode, text):
    """Sources do not depend on each other, NaN is flagged, and wrong images are refused."""
    images, _ = toy_simulator.simulate(
        toy_simulator.sample(6, toy_simulator.Options(), np.random.default_rng(1)),
        toy_simulator.Options(),
        np.random.default_rng(1),
    )
    images.data[0] *= 1e3  # the brightest comes first
    with pytest.raises(ContractError, match=text):
        check_backend(replace(estimator, encode=encode), data=images)


def test_check_kind(estimator):
    """Data of another kind are refused."""
    backend = replace(estimator, encode=encode_lists, decode=decode_lists)
    with pytest.raises(ContractError, match='check_kind: data must be refused by a TypeError'):
        check_backend(backend)


def decode_lists(outputs, spec, data):
    """Take lists."""
    meta = getattr(data, 'meta', {})
    return parameter_table(outputs, spec, sources=meta.get('sources'))


def test_check_truth(estimator, plugin_manager):
    """The truth of the simulator has the parameters of the network."""

    def simulate(parameters, options, rng):
        """Leave out the ages."""
        images, truth = toy_simulator.simulate(parameters, options, rng)
        return images, truth['mass', 'class']

    _manager.list_backends('starcnn_simulators')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_simulator, 'BACKEND', replace(toy_simulator.BACKEND, simulate=simulate))
        with pytest.raises(ContractError, match="check_truth: truth must have the column 'age'"):
            check_backend(estimator)


STARS_SPEC = Spec(
    family='stars',
    variant='mean',
    inputs=(Stars(name='stars', columns=('g',), units=('mag',), bounds=((0, 20),), n_max=50),),
    outputs=(Parameter(name='g', unit='mag', bounds=(0.0, 20.0)),),
)


@pytest.fixture
def stars_backend(tmp_path, plugin_manager, monkeypatch):
    """A function that makes a backend of stars, with one of the modes of `encode_stars`."""
    from onnx import helper

    monkeypatch.setattr(testing, 'check_imports', lambda backend: ())
    nodes = [
        helper.make_node('ReduceMean', ['stars', 'axes'], ['mean'], keepdims=0),
        helper.make_node('Mul', ['mean', 'zero'], ['nil']),
        helper.make_node('Add', ['nil', 'one'], ['width']),
        helper.make_node('Concat', ['mean', 'width'], ['g'], axis=1),
    ]
    constants = {'axes': np.array([1]), 'zero': np.float32(0), 'one': np.float32(1)}
    file = write_file(tmp_path, STARS_SPEC, (nodes, constants))
    monkeypatch.setenv('STARCNN_DATA_DIR', str(tmp_path))

    def make(mode):
        def encode(data, spec):
            """Make arrays of stars."""
            return encode_stars(data, mode)

        def decode(outputs, spec, data):
            """Make a table of clusters."""
            sources = QTable({'cluster': np.unique(data['cluster'])})
            return parameter_table(outputs, spec, sources=sources)

        return NetworkBackend(
            name='stars',
            summary='Mean magnitude',
            reference='2018A&A...616A...9L',
            weights=(file,),
            encode=encode,
            decode=decode,
        )

    return make


def encode_stars(data, mode):
    """Make arrays of stars, in a right way or a wrong one."""
    if not isinstance(data, Table):
        msg = f'data must be a table, got {type(data).__name__}'
        raise TypeError(msg)
    if mode != 'key_error':
        for name in ('cluster', 'g'):
            if name not in data.colnames:
                msg = f'data must have a column {name!r}'
                raise ValueError(msg)
    column = data['g']
    if mode in ('takes_any_unit', 'takes_bare'):
        is_bare = getattr(column, 'unit', None) is None
        if mode == 'takes_any_unit' or is_bare:
            column = np.asarray(column) * (2 if is_bare else 1) << u.mag
    if getattr(column, 'unit', None) is None:
        msg = 'g must have a unit'
        raise u.UnitsError(msg)
    if not column.unit.is_equivalent('mag'):
        msg = 'g must be in mag' if mode != 'unclear' else 'wrong unit'
        raise u.UnitsError(msg)
    if mode == 'no_conversion' and column.unit != u.mag:
        msg = 'g must be in mag and nothing else'
        raise u.UnitsError(msg)
    g = column.to_value('mag')
    names = np.asarray(data['cluster'])
    sets = [g[names == name] for name in np.unique(names)]
    if mode == 'first_star':
        sets = [values[:1] for values in sets]
    n_star = max(len(values) for values in sets)
    padded = [np.pad(values, (0, n_star - len(values)), constant_values=np.nan) for values in sets]
    return {'stars': np.array(padded, dtype=np.float32)[:, :, np.newaxis]}


@pytest.fixture
def stars():
    """Three clusters of ten stars."""
    g = np.random.default_rng(1).uniform(10, 18, 30)
    return QTable({'cluster': np.repeat(['a', 'b', 'c'], 10), 'g': g * u.mag})


@pytest.mark.parametrize(
    ('mode', 'text'),
    [
        ('first_star', 'check_order: results must be within 1e-06 for stars in another order'),
        ('key_error', "must be clear and have the word 'g' if column 'g' is missing, got KeyError"),
        ('takes_any_unit', "must be refused if column 'g' has a wrong unit, got a result"),
        ('takes_bare', "must be refused if column 'g' has no unit, got a result"),
        ('unclear', "must be clear and have the word 'g' if column 'g' has a wrong unit"),
        ('no_conversion', "column 'g' must be converted from 1000 mag"),
    ],
)
def test_stars(stars_backend, stars, mode, text):
    """Stars have no order, and their columns are looked at."""
    with pytest.raises(ContractError, match=text):
        check_backend(stars_backend(mode), data=stars)


def test_stars_pass(stars_backend, stars):
    """A right backend of stars passes, with a column that it does not use."""
    stars['other'] = Column(np.arange(30.0), unit='km')
    check_backend(stars_backend('right'), data=stars)


def test_no_data_flag_is_enough(stars_backend, stars):
    """A cluster of NaN has no result and the flag that says so."""
    stars['g'][:10] = np.nan
    backend = stars_backend('right')
    path = _manager.open_file(backend.weights[0])
    assert isinstance(backend.weights[0], DataFile)
    assert compute_sha256(path) == backend.weights[0].sha256
    _, _, network = _manager.open_network(
        'starcnn_estimators', backend, weights=None, device='cpu', batch_size=8
    )
    result = backend.decode(_manager.run_network(backend, network, stars), network.spec, stars)
    assert result['flags'].tolist() == [NO_DATA, 0, 0]
