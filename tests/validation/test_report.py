# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the reports on a family's claims.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import QTable

from starcnn.exceptions import DataFileError
from starcnn.validation import (
    Claim,
    Measurement,
    format_claims,
    reproduce,
    run_claims,
    write_rst,
)


def measure_length(context):
    """Measure the length of the context."""
    return Measurement(value=0.8123, error=0.0123, lower=0.8, upper=0.82, n_sources=len(context))


def draw(context):
    """Draw an empty figure."""
    from matplotlib.figure import Figure

    return Figure(figsize=(1, 1))


def refuse(data):
    """Raise as for a missing file."""
    msg = 'data must hold members.fits, got nothing'
    raise DataFileError(msg)


CLAIMS = [
    Claim(
        family='toy',
        name='R² of ann',
        source='Table 1',
        prepare=str,
        measure=measure_length,
        paper=0.747,
        bar=0.75,
        figure=draw,
    ),
    Claim(
        family='toy',
        name='scatter of r_h',
        source='section *4*',
        prepare=str,
        measure=measure_length,
        bar=0.5,
        better='lower',
        unit='mag',
    ),
    Claim(family='toy', name='lost', source='', prepare=refuse, measure=measure_length, bar=1.0),
    Claim(family='toy', name='free', source='', prepare=str, measure=measure_length),
    Claim(family='other', name='R²', source='', prepare=str, measure=measure_length),
]


@pytest.fixture
def table():
    """Return the table of the toy family's claims."""
    return run_claims(CLAIMS[:4], data='somewhere')


@pytest.fixture
def _toy_plugin(monkeypatch):
    """Offer the claims and two weights through the hooks."""
    files = [SimpleNamespace(tag=f'{tag}-1.0.0', sha256=tag * 64) for tag in 'ab']
    backends = [SimpleNamespace(name=name, weights=files) for name in ('toy', 'other')]
    hook = SimpleNamespace(
        starcnn_claims=lambda: [CLAIMS[:2], CLAIMS[2:]],
        starcnn_estimators=lambda: [backends],
        starcnn_classifiers=list,
        starcnn_mass_mappers=list,
    )
    monkeypatch.setattr(
        'starcnn.plugins._manager.get_plugin_manager', lambda: SimpleNamespace(hook=hook)
    )


def test_format_claims(table):
    """The terminal shows paper beside here, the verdict, and why a claim was not run."""
    lines = format_claims(table).splitlines()
    assert lines[0].split() == ['claim', 'paper', 'here', 'bar', 'status']
    assert ' '.join(lines[2].split()) == 'R² of ann 0.747 0.812 ± 0.012 ≥ 0.75 pass'
    assert ' '.join(lines[3].split()) == 'scatter of r_h 0.812 ± 0.012 mag ≤ 0.5 mag fail'
    assert ' '.join(lines[4].split()) == 'lost ≥ 1 not run'
    assert ' '.join(lines[5].split()) == 'free 0.812 ± 0.012'
    assert lines[-2] == '4 claims: 1 pass, 1 fail, 1 without a bar, 1 not run'
    assert lines[-1] == 'data must hold members.fits, got nothing'


def test_format_no_claims():
    """A table without rows says so."""
    assert format_claims(run_claims([])).endswith('no claims')


@pytest.mark.parametrize(
    ('value', 'error', 'text'),
    [
        (0.93412, 0.00817, '0.9341 ± 0.0082'),
        (1234.5, 51.0, '1234 ± 51'),
        (0.5, 0.0, '0.5'),
        (0.25, np.nan, '0.25'),
        (0.68, 1e-16, '0.68'),
        (0.0, 0.0, '0'),
    ],
)
def test_two_digits_of_the_error(value, error, text):
    """The error decides how many digits are shown."""
    measured = Measurement(value=value, error=error, lower=value, upper=value, n_sources=9)
    claim = Claim(family='toy', name='x', source='', prepare=str, measure=lambda context: measured)
    assert format_claims(run_claims([claim])).splitlines()[2].split(maxsplit=1)[1] == text


def test_write_rst(table, tmp_path):
    """The page is a table that docutils reads, with names as they are."""
    core = pytest.importorskip('docutils.core')

    table.meta['WEIGHTS'] = 'set-1.0.0 (abc), cnn-1.0.0 (def)'
    write_rst(table, tmp_path / 'claims.rst')
    text = (tmp_path / 'claims.rst').read_text(encoding='utf-8')
    tree = core.publish_doctree(text, settings_overrides={'halt_level': 2, 'report_level': 2})
    rows = [
        [entry.astext() for entry in row.findall(lambda node: node.tagname == 'entry')]
        for row in tree.findall(lambda node: node.tagname == 'row')
    ]
    assert rows[0] == ['Measure', 'Paper', 'Here', 'Bar', 'Status', 'Source']
    assert rows[2] == [
        'scatter of r_h', '', '0.812 ± 0.012 mag', '≤ 0.5 mag', 'fail', 'section *4*'
    ]  # fmt: skip
    assert len(rows) == 5
    assert 'cnn-1.0.0 (def)' in tree.astext()


def test_write_figures(tmp_path):
    """The figures that the table names are beside the page, small, with captions."""
    core = pytest.importorskip('docutils.core')
    Image = pytest.importorskip('PIL.Image')

    def draw_noise(context):
        """Draw what does not compress."""
        figure = draw(context)
        figure.set_size_inches(5, 4)
        figure.figimage(np.random.default_rng(1).normal(size=(600, 750)))
        return figure

    claims = [
        replace(CLAIMS[0], figure=draw_noise, caption='Noise of *r_h*.'),
        replace(CLAIMS[1], figure=draw),
        *CLAIMS[2:4],
    ]
    table = run_claims(claims, figures=tmp_path)
    write_rst(table, tmp_path / 'page.rst', figures=tmp_path)
    names = ['toy_r2_of_ann.png', 'toy_scatter_of_r_h.png']
    assert sorted(path.name for path in (tmp_path / 'page').iterdir()) == names
    for name in names:
        with Image.open(tmp_path / 'page' / name) as picture:
            assert len(picture.getcolors()) <= 128
    assert 1e5 < (tmp_path / 'page' / names[0]).stat().st_size < 1.5e5
    tree = core.publish_doctree((tmp_path / 'page.rst').read_text(encoding='utf-8'))
    figures = list(tree.findall(lambda node: node.tagname == 'figure'))
    assert [node.children[1].astext() for node in figures] == [
        'Noise of *r_h*.',
        'scatter of r_h. section *4*',
    ]
    images = [node.children[0] for node in figures]
    assert [image['uri'] for image in images] == [f'page/{name}' for name in names]
    assert images[1]['alt'] == 'scatter of r_h'


def test_same_page_from_file(tmp_path):
    """A table that was written and read again makes the same page and figures."""
    pytest.importorskip('PIL.Image')
    table = run_claims(CLAIMS[:4], figures=tmp_path)
    table.write(tmp_path / 'claims.ecsv')
    contents = []
    for given in (table, QTable.read(tmp_path / 'claims.ecsv')):
        write_rst(given, tmp_path / 'page.rst', figures=tmp_path)
        contents.append(
            [path.read_bytes() for path in (tmp_path / 'page.rst', *(tmp_path / 'page').iterdir())]
        )
    assert len(contents[0]) == 2
    assert contents[0] == contents[1]


def test_write_figures_without_ending(table, tmp_path):
    """The folder of the figures cannot have the name of the page."""
    with pytest.raises(ValueError, match=r"path must end in \.rst .* got '.*page'"):
        write_rst(table, tmp_path / 'page', figures=tmp_path)


@pytest.mark.usefixtures('_toy_plugin')
def test_reproduce(tmp_path):
    """The family's claims are measured; table, page and figures are written."""
    output = tmp_path / 'new' / 'folder'
    table = reproduce('toy', output=output, data='somewhere')
    assert table['claim'].tolist() == ['R² of ann', 'scatter of r_h', 'lost', 'free']
    assert table['n_sources'][0] == len('somewhere')
    assert table.meta['WEIGHTS'] == f'a-1.0.0 ({"a" * 64}), b-1.0.0 ({"b" * 64})'
    names = sorted(path.name for path in output.iterdir())
    assert names == ['claims.ecsv', 'claims.rst', 'toy_r2_of_ann.png']
    back = QTable.read(output / 'claims.ecsv')
    assert back['status'].tolist() == table['status'].tolist()
    assert np.ma.is_masked(back['paper'][1])
    assert back.meta == dict(table.meta)


@pytest.mark.usefixtures('_toy_plugin')
def test_reproduce_again(tmp_path):
    """A second run replaces the files with the same bytes."""
    contents = []
    for _ in range(2):
        reproduce('toy', output=tmp_path, data='somewhere')
        contents.append({path.name: path.read_bytes() for path in tmp_path.iterdir()})
    assert contents[0] == contents[1]


@pytest.mark.usefixtures('_toy_plugin')
def test_reproduce_environment(tmp_path, monkeypatch):
    """The data folder is taken from the environment if it is not given."""
    monkeypatch.setenv('STARCNN_DATA_DIR', 'elsewhere/data')
    assert reproduce('other', output=tmp_path)['n_sources'][0] == len('elsewhere/data')


@pytest.mark.usefixtures('_toy_plugin')
def test_reproduce_mocks(tmp_path, monkeypatch):
    """The number of mocks is passed on; they are kept in the output folder."""
    calls = []

    def prepare(data, *, n_mocks, folder):
        """Remember what was asked for."""
        calls.append((n_mocks, folder))
        return 'mocks'

    claim = replace(CLAIMS[0], prepare=prepare, n_mocks=90)
    monkeypatch.setitem(globals(), 'CLAIMS', [claim, claim, CLAIMS[3]])
    reproduce('toy', output=tmp_path)
    reproduce('toy', output=tmp_path, n_mocks=12)
    assert calls == [(n, tmp_path / 'mocks') for n in (90, 12)]


@pytest.mark.usefixtures('_toy_plugin')
def test_reproduce_unknown(tmp_path):
    """A family without claims is refused with those that have some."""
    with pytest.raises(ValueError, match=r"family must be one with claims: \['other', 'toy'\]"):
        reproduce('m32', output=tmp_path)
