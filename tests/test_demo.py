# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the demo.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from starcnn import demo
from starcnn.demo import run
from starcnn.exceptions import DataFileError


@pytest.fixture
def members_path(tmp_path):
    """A CSV file of the stars of two small clusters, as saved from the Gaia archive."""
    rng = np.random.default_rng(4)
    n = 40
    g = np.sort(rng.uniform(10, 17.5, n))
    colour = 0.3 + 0.2 * (g - 10)
    table = QTable(
        {
            'cluster': np.repeat(['Alpha', 'Beta 2'], n // 2),
            'phot_g_mean_mag': g,
            'phot_bp_mean_mag': g + 0.45 * colour,
            'phot_rp_mean_mag': g - 0.55 * colour,
            'parallax': rng.normal(1.5, 0.05, n),
        }
    )
    table.write(tmp_path / 'members.csv')
    return tmp_path / 'members.csv'


def test_mock_clusters(tmp_path, capsys):
    """The packaged clusters come out beside their truth, with a diagram of each."""
    run(output=tmp_path / 'out')
    text = capsys.readouterr().out
    for word in ('mock A', 'age / Myr', 'truth age', 'truth a_v', 'truth distance'):
        assert word in text
    table = QTable.read(tmp_path / 'out' / 'estimates.ecsv')
    assert list(table['cluster']) == ['mock A', 'mock B', 'mock C', 'mock D']
    assert table['distance'].unit == u.pc
    # The truth of the packaged clusters: ages in the right order, distances within 15 %.
    assert (np.diff(table['age'].to_value(u.Myr)) > 0).all()
    truth = [2200, 700, 1600, 1100] * u.pc
    assert (abs(table['distance'] / truth - 1) < 0.15).all()
    figures = sorted(path.name for path in (tmp_path / 'out').glob('*.png'))
    assert figures == ['mock_A.png', 'mock_B.png', 'mock_C.png', 'mock_D.png']


def test_members_of_the_user(members_path, tmp_path, capsys):
    """A table without units from the Gaia archive is read with the archive's units."""
    run(members=members_path, output=tmp_path / 'out')
    assert 'truth' not in capsys.readouterr().out
    table = QTable.read(tmp_path / 'out' / 'estimates.ecsv')
    assert list(table['cluster']) == ['Alpha', 'Beta 2']
    assert list(table['n_stars']) == [20, 20]
    assert (tmp_path / 'out' / 'Beta_2.png').stat().st_size > 10_000


def test_figures_have_different_names():
    """Clusters whose names differ in what files cannot have get numbers."""
    names = demo._file_names(['NGC 1', 'NGC_1', 'ngc 1', 'NGC_1_2', 2])
    assert names == ['NGC_1.png', 'NGC_1_2.png', 'ngc_1_3.png', 'NGC_1_2_2.png', '2.png']


def test_figures_of_clusters_with_results(members_path, tmp_path, capsys):
    """A cluster without usable stars has no figure; the others are counted."""
    table = QTable.read(members_path)
    table['phot_g_mean_mag'][table['cluster'] == 'Alpha'] = np.nan
    table.write(members_path, overwrite=True)
    run(members=members_path, output=tmp_path / 'out')
    assert capsys.readouterr().out.splitlines()[-1].endswith('<cluster>.png: figures, 1 in all')
    assert [path.name for path in (tmp_path / 'out').glob('*.png')] == ['Beta_2.png']


def test_real_clusters_that_are_not_there(monkeypatch, capsys):
    """The well-known clusters that the folder lacks are named."""
    members = QTable({'cluster': ['NGC_188', 'NGC_188', 'Other']})
    labels = QTable({'cluster': ['NGC_188', 'Other']})
    monkeypatch.setattr(demo, 'read_catalogue', lambda: (members, labels))
    stars, known = demo._real_clusters()
    assert set(stars['cluster']) == set(known['cluster']) == {'NGC_188'}
    missing = ', '.join(name for name in demo._WELL_KNOWN if name != 'NGC_188')
    assert capsys.readouterr().out == f'Not in the folder of real data: {missing}\n'


def test_real_clusters_need_data(tmp_path, monkeypatch):
    """Without the folder of real data the error names the variable, and nothing is written."""
    monkeypatch.delenv('STARCNN_DATA_DIR', raising=False)
    with pytest.raises(DataFileError, match='STARCNN_DATA_DIR must name the folder of real data'):
        run(real=True, output=tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_file_that_is_not_there(tmp_path):
    """A wrong path is an error of the operating system, and nothing is written."""
    with pytest.raises(OSError, match='nowhere'):
        run(members=tmp_path / 'nowhere.csv', output=tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
