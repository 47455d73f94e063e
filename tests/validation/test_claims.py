# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of claims and of the table that puts them beside the papers' numbers.
"""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.exceptions import DataFileError
from starcnn.validation import Claim, Measurement, run_claims


def measure(value, error=0.01, n_sources=50):
    """Return a function that measures a fixed number."""
    measured = Measurement(
        value=value, error=error, lower=value - error, upper=value + error, n_sources=n_sources
    )
    return lambda context: measured


def make_claim(name='score', *, value=0.8, error=0.01, prepare=Path, **fields):
    """Return a claim that measures a fixed number."""
    defaults = {'family': 'toy', 'source': 'Table 1', 'measure': measure(value, error)}
    return Claim(name=name, prepare=prepare, **(defaults | fields))


def run(*claims, **options):
    """Run claims in a folder that does not matter."""
    return run_claims(claims, data='.', **options)


def test_table():
    """The table has the paper's number, ours, its error and the verdict."""
    table = run(make_claim(paper=0.75, bar=0.8, value=0.81), make_claim('other', value=1.0))
    first, second = table
    assert (first['family'], first['claim'], first['source']) == ('toy', 'score', 'Table 1')
    assert_allclose([first['paper'], first['value'], first['error']], [0.75, 0.81, 0.01])
    assert (first['bar'], first['status'], first['n_sources']) == ('≥ 0.8', 'pass', 50)
    assert np.ma.is_masked(second['paper'])
    assert (second['bar'], second['status']) == ('', 'none')
    assert table.meta['STARCNN']


def test_no_claims():
    """No claims give a table without rows."""
    assert len(run()) == 0


@pytest.mark.parametrize(
    ('better', 'bar', 'value', 'status'),
    [
        ('higher', 0.9, 0.9, 'pass'),
        ('higher', 0.9, 0.8999, 'fail'),
        ('lower', 0.2, 0.2, 'pass'),
        ('lower', 0.2, 0.21, 'fail'),
        ('within', (0.65, 0.71), 0.71, 'pass'),
        ('within', (0.65, 0.71), 0.64, 'fail'),
        ('within', (0.65, 0.71), 0.72, 'fail'),
        ('higher', 0.9, np.nan, 'fail'),
        ('lower', 0.9, np.nan, 'fail'),
        ('within', (0.1, 0.9), np.nan, 'fail'),
        ('higher', None, 0.9, 'none'),
    ],
)
def test_judge(better, bar, value, status):
    """The bar itself passes; what is not a number fails."""
    assert make_claim(better=better, bar=bar).judge(value) == status


@pytest.mark.parametrize(
    ('better', 'bar', 'text'),
    [
        ('higher', 0.93, '≥ 0.93'),
        ('lower', 0.2, '≤ 0.2'),
        ('within', (0.65, 0.71), '0.65 to 0.71'),
        ('lower', None, ''),
    ],
)
def test_bar_text(better, bar, text):
    """The bar is written as a reader expects it."""
    assert make_claim(better=better, bar=bar).bar_text == text


def test_units():
    """Quantities are converted to the unit of the claim."""
    claim = make_claim(value=2 * u.kpc, error=50 * u.pc, unit='pc', better='lower', bar=1999.0)
    row = run(claim)[0]
    assert_allclose([row['value'], row['error']], [2000, 50])
    assert (row['unit'], row['status']) == ('pc', 'fail')


def test_wrong_unit():
    """A measurement in the wrong unit is an error, not a number."""
    with pytest.raises(u.UnitConversionError):
        run(make_claim(value=2 * u.kpc, error=1 * u.kpc, unit='mag'))


def test_context_is_made_once():
    """Claims that share the function share its result; others do not."""
    calls = []

    def shared(data):
        calls.append(data)
        return len(calls)

    def other(data):
        return 'other'

    seen = []

    def look(context):
        seen.append(context)
        return measure(1.0)(context)

    claims = [
        make_claim(str(index), prepare=prepare, measure=look)
        for index, prepare in enumerate((shared, other, shared))
    ]
    assert run(*claims)['claim'].tolist() == ['0', '1', '2']
    assert calls == [Path()]
    assert seen == [1, 'other', 1]


def test_missing_data():
    """Claims whose files are missing are reported with the reason, the others run."""

    def prepare(data):
        msg = 'data must hold members.fits, got nothing'
        raise DataFileError(msg)

    table = run_claims([make_claim('a', prepare=prepare, bar=0.5), make_claim('b', prepare=repr)])
    assert table['status'].tolist() == ['not run', 'none']
    assert table['note'].tolist() == ['data must hold members.fits, got nothing', '']
    assert np.ma.is_masked(table['value'][0])


def test_other_errors_are_raised():
    """Only missing files are excused."""

    def prepare(data):
        msg = 'wrong'
        raise ValueError(msg)

    with pytest.raises(ValueError, match='wrong'):
        run(make_claim(prepare=prepare))


def test_figures(tmp_path):
    """A claim's figure is written under its name, the same bytes every time."""
    from matplotlib.figure import Figure

    def draw(context):
        figure = Figure(figsize=(1, 1))
        figure.add_subplot().plot([0, 1], [0, len(str(context))])
        return figure

    claims = [make_claim('R² of 68 % (set)', figure=draw), make_claim('no figure')]
    contents = []
    for _ in range(2):
        run(*claims, figures=tmp_path)
        (path,) = tmp_path.iterdir()
        contents.append(path.read_bytes())
    assert path.name == 'toy_r2_of_68_percent_set.png'
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ('fields', 'match'),
    [
        ({'better': 'bigger'}, "better of 'score' must be one of"),
        ({'better': 'within', 'bar': 0.5}, "bar of 'score' must be a number, or"),
        ({'better': 'within', 'bar': (0.7, 0.6)}, "bar of 'score' must be a number, or"),
        ({'better': 'higher', 'bar': (0.6, 0.7)}, "bar of 'score' must be a number, or"),
        ({'unit': 'magg'}, 'magg'),
    ],
)
def test_refused(fields, match):
    """Bars that do not fit the direction and unknown units are refused."""
    with pytest.raises(ValueError, match=match):
        make_claim(**fields)


def test_mocks(tmp_path):
    """Claims on mocks say how many, unless the caller does; the others are prepared as ever."""
    calls = []

    def draw(data, *, n_mocks, folder):
        """Remember what was asked for."""
        calls.append((data, n_mocks, folder))

    def prepare(data):
        """Remember the folder."""
        calls.append(data)

    claims = [make_claim('a', prepare=draw, n_mocks=50), make_claim('b', prepare=draw, n_mocks=50)]
    claims.append(make_claim('c', prepare=prepare))
    run(*claims)
    run(*claims, n_mocks=7, folder=tmp_path)
    assert calls == [(Path(), 50, None), Path(), (Path(), 7, tmp_path), Path()]


@pytest.mark.parametrize('n_mocks', [0, -1, 2.5, True])
def test_number_of_mocks(n_mocks):
    """A number of mocks is a positive integer, for a claim and for a run."""
    with pytest.raises(ValueError, match="n_mocks of 'score' must be a positive integer"):
        make_claim(n_mocks=n_mocks)
    with pytest.raises(ValueError, match='n_mocks must be a positive integer'):
        run(make_claim(), n_mocks=n_mocks)
