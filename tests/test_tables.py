# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the tables of results.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable, Table
from astropy.tests.helper import assert_quantity_allclose

from starcnn.flags import EDGE, FAINT, FILLED, NO_DATA
from starcnn.networks import Classes, Features, Parameter, Spec
from starcnn.tables import (
    class_table,
    faint_flags,
    missing_flags,
    parameter_table,
    result_meta,
    scatter_table,
)

INPUT = Features(name='x', columns=('c',), units=('mag',), bounds=((-1.0, 3.0),))
PARAMETERS = Spec(
    family='toy',
    variant='dense',
    inputs=(INPUT,),
    outputs=(
        Parameter(name='age', unit='yr', bounds=(6.0, 10.0), log=True),
        Parameter(name='a_v', unit='mag', bounds=(0.0, 3.0)),
        Parameter(name='feh', unit='dex', bounds=(-2.0, 0.5)),
        Parameter(name='visibility', unit='', bounds=(0.0, 1.0), grid=(0.0, 0.5, 1.0)),
    ),
)
LABELS = Spec(
    family='toy',
    variant='dense',
    inputs=(INPUT,),
    outputs=(Classes(name='class', labels=('cluster', '2')),),
)


@pytest.fixture
def outputs():
    """Outputs for four sources: in the middle, at an edge, beyond one, and without result."""
    return {
        'age': np.array([[8.0, 0.1], [9.97, 0.1], [8.0, 0.1], [np.nan, np.nan]]),
        'a_v': np.array([[1.0, 0.2], [1.0, 0.2], [-0.1, 0.2], [np.nan, np.nan]]),
        'feh': np.array([[0.0, 0.2]] * 3 + [[np.nan, np.nan]]),
        'visibility': np.array([[0.2, 0.6, 0.2]] * 3 + [[np.nan] * 3]),
    }


@pytest.fixture
def sources():
    """What is known about these sources."""
    return QTable({'cluster': ['A', 'B', 'C', 'D'], 'ra': [1, 2, 3, 4] * u.deg})


@pytest.fixture
def meta():
    """The meta of a result."""
    return result_meta(
        backend='toy', weights='dense-1.0.0', sha256='0' * 64, bibcode='2019A&A...621A.103B'
    )


def test_columns(outputs, sources, meta):
    """Columns stand in order, with units and descriptions."""
    table = parameter_table(outputs, PARAMETERS, sources=sources, meta=meta)
    names = [name + suffix for name in outputs for suffix in ('', '_16', '_84')]
    assert table.colnames == ['id', 'cluster', 'ra', *names, 'flags']
    assert list(table['id']) == [1, 2, 3, 4]
    units = [table[name].unit for name in ('ra', 'age', 'a_v_16', 'feh_84', 'visibility')]
    assert units == [u.deg, u.yr, u.mag, None, None]
    assert table['age'].info.description == 'age: median'
    assert table['age_16'].info.description == 'age: 16th percentile'
    assert table['feh'].info.description == 'feh: median, in dex'
    assert table.meta == meta


def test_values(outputs):
    """Percentiles are in linear units."""
    table = parameter_table(outputs, PARAMETERS)
    assert_quantity_allclose(table['age'][0], 1e8 * u.yr)
    assert_quantity_allclose(table['age_84'][0], 10**8.1 * u.yr, rtol=0.002)
    assert_quantity_allclose(table['a_v_16'][0], 0.8 * u.mag, rtol=0.002)
    assert table['visibility'][0] == pytest.approx(0.5)


def test_flags(outputs):
    """Medians at the edge or beyond, and rows without result, are marked."""
    table = parameter_table(outputs, PARAMETERS, flags=[FILLED, 0, FILLED, 0])
    assert list(table['flags']) == [FILLED, EDGE, FILLED | EDGE, NO_DATA]
    assert np.isnan(table['age'][3])
    assert np.isnan(table['visibility_84'][3])


def test_no_data(outputs):
    """Rows that are said to have no input get no result."""
    given = np.array([NO_DATA, 0, 0, 0])
    table = parameter_table(outputs, PARAMETERS, flags=given)
    assert list(np.isnan(table['a_v'])) == [True, False, False, True]
    assert list(given) == [NO_DATA, 0, 0, 0]
    assert np.isfinite(outputs['a_v'][0]).all()


def test_id(outputs, sources):
    """An ``id`` that the sources have is kept, and comes first."""
    sources['id'] = ['p', 'q', 'r', 's']
    table = parameter_table(outputs, PARAMETERS, sources=sources)
    assert table.colnames[:3] == ['id', 'cluster', 'ra']
    assert list(table['id']) == ['p', 'q', 'r', 's']


@pytest.mark.parametrize('name', ['result.fits', 'result.ecsv'])
@pytest.mark.parametrize('kind', ['parameters', 'classes'])
def test_round_trip(tmp_path, outputs, sources, meta, name, kind):
    """Values, units and meta survive FITS and ECSV."""
    if kind == 'parameters':
        table = parameter_table(outputs, PARAMETERS, sources=sources, meta=meta)
    else:
        probabilities = {'class': [[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [np.nan, np.nan]]}
        table = class_table(probabilities, LABELS, sources=sources, meta=meta)
    table.write(tmp_path / name)
    again = QTable.read(tmp_path / name)
    assert again.colnames == table.colnames
    assert {key: again.meta[key] for key in meta} == meta
    for column in table.colnames:
        assert getattr(again[column], 'unit', None) == getattr(table[column], 'unit', None)
        if table[column].dtype.kind == 'U':
            assert list(np.ma.filled(again[column], '')) == list(table[column])
        else:
            values = [u.Quantity(one[column]).value for one in (again, table)]
            np.testing.assert_allclose(*values)


def test_class_table(sources):
    """The most probable label and all probabilities are given."""
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [np.nan, 0.5], [0.7, 0.3]])
    table = class_table({'class': probabilities}, LABELS, sources=sources, flags=[0, 0, 0, NO_DATA])
    expected = ['id', 'cluster', 'ra', 'class', 'prob_cluster', 'prob_2', 'flags']
    assert table.colnames == expected
    assert list(table['class']) == ['cluster', '2', '', '']
    np.testing.assert_allclose(table['prob_2'], [0.1, 0.8, np.nan, np.nan])
    assert list(table['flags']) == [0, 0, NO_DATA, NO_DATA]
    assert table['prob_2'].info.description == 'probability of class 2'


def test_no_sources(outputs):
    """No sources give a table without rows."""
    empty = {name: array[:0] for name, array in outputs.items()}
    assert len(parameter_table(empty, PARAMETERS, sources=QTable())) == 0
    assert len(class_table({'class': np.empty((0, 2))}, LABELS)) == 0


def test_result_meta(meta):
    """The meta is flat, and its keys fit into FITS."""
    assert list(meta) == ['STARCNN', 'BACKEND', 'WEIGHTS', 'SHA256', 'BIBCODE']
    assert all(len(key) <= 8 and isinstance(value, str) for key, value in meta.items())


@pytest.mark.parametrize(
    ('options', 'error', 'match'),
    [
        ({'sources': Table({'a': [1]})}, ValueError, 'sources must have 4 rows, .* got 1'),
        ({'sources': [1]}, TypeError, 'sources must be a table, got list'),
        (
            {'sources': Table({'age': [1] * 4, 'flags': [0] * 4})},
            ValueError,
            r"sources must not have columns .* got \['age', 'flags'\]",
        ),
        ({'flags': [0, 1]}, ValueError, r'flags must be 4 integers, got int64 with shape \(2,\)'),
        ({'flags': [0.0] * 4}, ValueError, 'flags must be 4 integers, got float64'),
        ({'meta': {'A_LONG_KEY': 1}}, ValueError, "at most 8 letters .* got 'A_LONG_KEY': 1"),
        ({'meta': {'A': {'b': 1}}}, ValueError, 'plain values, got'),
    ],
)
def test_errors(outputs, options, error, match):
    """Sources, flags and meta that do not fit raise."""
    with pytest.raises(error, match=match):
        parameter_table(outputs, PARAMETERS, **options)


def test_class_errors():
    """Specs and outputs without classes raise."""
    with pytest.raises(ValueError, match='spec must have one output with classes, got 0'):
        class_table({}, PARAMETERS)
    with pytest.raises(ValueError, match=r"outputs\['class'\] must have shape \(n, 2\), got"):
        class_table({'class': np.zeros((3, 4))}, LABELS)


def test_scatter(outputs, sources, meta):
    """Percentiles of estimates take the place of those of posteriors, within the bounds."""
    table = parameter_table(outputs, PARAMETERS, sources=sources, meta=meta)
    before = table.copy()
    rng = np.random.default_rng(1)
    log_age = rng.normal([[7.0], [9.0], [10.0], [np.nan]], 0.1, (4, 1001))
    estimates = {
        'age': 10 ** (log_age - 6) * u.Myr,
        'a_v': rng.uniform(-1, 1, (4, 1001)) * u.mag,
        'feh': np.full((4, 1001), 0.25) * u.dex,
        'visibility': rng.uniform(0, 1, (4, 1001)) * u.one,
    }
    found = scatter_table(table, estimates, PARAMETERS)
    assert found.colnames == before.colnames
    assert found.meta == before.meta
    assert found['age'].unit == u.yr
    expected = [[6.9, 7.0, 7.1], [8.9, 9.0, 9.1], [9.9, 10.0, 10.0]]
    for row, ages in enumerate(expected):
        for name, age in zip(['age_16', 'age', 'age_84'], ages, strict=True):
            np.testing.assert_allclose(np.log10(found[name][row].value), age, atol=0.015)
    assert np.isnan(found['age'][3])
    np.testing.assert_array_equal(found['a_v_16'][:3], [0.0] * 3 * u.mag)
    np.testing.assert_array_equal(found['feh'], [0.25] * 3 + [np.nan])
    assert_quantity_allclose(found['visibility_84'][:3], 0.84, atol=0.05)
    assert (table['age'][:3] == before['age'][:3]).all()


def test_scatter_of_no_data(outputs):
    """A source that has no data keeps NaN, whatever the estimates are."""
    table = parameter_table(outputs, PARAMETERS, flags=[0, NO_DATA, 0, 0])
    estimates = {
        parameter.name: np.ones((4, 3)) << u.Unit(parameter.unit)
        for parameter in PARAMETERS.outputs
    }
    found = scatter_table(table, estimates, PARAMETERS)
    for name in ('age', 'a_v_16', 'feh_84', 'visibility'):
        np.testing.assert_array_equal(np.isnan(found[name]), [False, True, False, True])


def test_both_kinds_of_outputs(outputs):
    """Each table passes over the outputs of the other kind."""
    spec = Spec(
        family='toy',
        variant='dense',
        inputs=(INPUT,),
        outputs=(*LABELS.outputs, *PARAMETERS.outputs),
    )
    outputs['class'] = np.array([[0.9, 0.1]] * 4)
    assert parameter_table(outputs, spec).colnames == parameter_table(outputs, PARAMETERS).colnames
    assert class_table(outputs, spec).colnames == ['id', 'class', 'prob_cluster', 'prob_2', 'flags']


def test_missing_flags():
    """Some pixels, or filters, are filled; with most of all filters missing there is no data."""
    missing = np.array([[0, 0, 0], [0.1, 0, 0], [1, 1, 0], [1, 1, 0.5], [0.6, 1, 0.51]])
    wanted = [0, FILLED, FILLED, FILLED, FILLED | NO_DATA]
    assert list(missing_flags(missing)) == wanted
    assert list(missing_flags(np.zeros((0, 3)))) == []


def test_faint_flags():
    """The median of the visibility decides; without one nothing is known to be faint."""
    visibility = Parameter(
        name='visibility', unit='', bounds=(-1.0, 1.0), log=True, grid=(-0.5, 0.5)
    )
    spec = replace(PARAMETERS, outputs=(PARAMETERS.outputs[0], visibility))
    outputs = {
        'age': np.array([[8.0, 0.1]] * 4),
        'visibility': np.array([[0.6, 0.4], [0.4, 0.6], [1, 0], [np.nan, np.nan]]),
    }
    assert list(faint_flags(outputs, spec)) == [FAINT, 0, FAINT, 0]
    assert list(faint_flags(outputs, replace(spec, outputs=spec.outputs[:1]))) == [0] * 4


def test_edge_of_wide_cells():
    """Where all is in the last cell of a grid, the median is at its edge, however wide it is."""
    age = Parameter(name='age', unit='yr', bounds=(6.0, 9.0), log=True, grid=(6.5, 7.5, 8.5))
    spec = replace(PARAMETERS, outputs=(age,))
    cells = np.array([[0.9, 0.1, 0], [0.3, 0.6, 0.1], [0, 0.4, 0.6], [0, 0.05, 0.95]])
    flags = parameter_table({'age': cells}, spec)['flags']
    assert list(flags & EDGE) == [EDGE, 0, 0, EDGE]
