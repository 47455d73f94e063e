# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.gaia_cmd.members.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time

from starcnn.exceptions import StarcnnWarning
from starcnn.families.gaia_cmd.members import GAIA_UNITS, Members, read_members

MAGNITUDES = ('phot_g_mean_mag', 'phot_bp_mean_mag', 'phot_rp_mean_mag')


def small(**columns):
    """Return a table of four stars in the clusters b, a, b, a."""
    table = QTable({'cluster': ['b', 'a', 'b', 'a']})
    magnitudes = ([12, 11, 10, 13], [13, 12, 11, 14], [11, 10, 9, 12])
    for name, values in zip(MAGNITUDES, magnitudes, strict=True):
        table[name] = np.array(values, dtype=float) * u.mag
    table['parallax'] = [1.0, 2.0, 1.5, 2.5] * u.mas
    for name, values in columns.items():
        table[name] = values
    return table


def test_groups_in_order_of_appearance():
    """Clusters come as in the table, their stars by brightness."""
    members = Members.from_table(small())
    assert members.clusters.tolist() == ['b', 'a']
    assert len(members) == 2
    assert members.n_stars.tolist() == [2, 2]
    g, colour, parallax = members.stars(0)
    assert g.tolist() == [10, 12]
    assert colour.tolist() == [2, 2]
    assert parallax.tolist() == [1.5, 1.0]
    assert members.stars(1)[0].tolist() == [11, 13]


def test_unknown_columns_are_nan():
    """Optional columns that are not there are NaN."""
    members = Members.from_table(small())
    assert set(members.columns) == set(GAIA_UNITS)
    assert np.isnan(members.columns['prob_member']).all()


def test_units_are_converted():
    """Parallaxes in arcsec give the same answer."""
    expected = Members.from_table(small()).columns['parallax']
    table = small(parallax=[1e-3, 2e-3, 1.5e-3, 2.5e-3] * u.arcsec)
    np.testing.assert_allclose(Members.from_table(table).columns['parallax'], expected, rtol=1e-14)


def test_plain_table():
    """A Table with units in its columns will do, integers too."""
    table = Table(small())
    table['prob_member'] = [1, 0, 1, 1]
    members = Members.from_table(table)
    assert members.columns['prob_member'].tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize('name', MAGNITUDES)
@pytest.mark.parametrize('how', ['nan', 'inf', 'masked'])
def test_stars_without_a_magnitude_are_left_out(name, how):
    """A star needs all three magnitudes; it is counted."""
    table = Table(small())
    values = np.array(table[name], dtype=float)
    if how == 'masked':
        table[name] = MaskedColumn(values, mask=[True, False, False, False], unit=u.mag)
    else:
        values[0] = float(how)
        table[name] = values * u.mag
    members = Members.from_table(table)
    assert members.n_stars.tolist() == [1, 2]
    assert members.n_left_out.tolist() == [1, 0]
    again = Members.from_table(QTable(table))
    assert again.n_left_out.tolist() == [1, 0]


def test_unknown_parallaxes_are_kept():
    """A star without a parallax is a star."""
    members = Members.from_table(small(parallax=[np.nan, 2.0, 1.5, 2.5] * u.mas))
    assert members.n_stars.tolist() == [2, 2]
    assert members.n_left_out.tolist() == [0, 0]
    np.testing.assert_array_equal(members.stars(0)[2], [1.5, np.nan])


def test_cluster_without_usable_stars_is_kept():
    """A cluster none of whose stars is usable has no stars, and is there."""
    magnitudes = [np.nan, 11, np.nan, 13] * u.mag
    members = Members.from_table(small(phot_g_mean_mag=magnitudes))
    assert members.clusters.tolist() == ['b', 'a']
    assert members.n_stars.tolist() == [0, 2]
    assert members.n_left_out.tolist() == [2, 0]


def test_empty_table():
    """A table without rows has no clusters."""
    members = Members.from_table(small()[:0])
    assert len(members) == 0
    assert members.n_stars.tolist() == []


def test_order_of_rows_does_not_matter(mocks):
    """Any order of the stars gives the same columns, bit for bit."""
    table = mocks[0]
    expected = Members.from_table(table)
    order = np.random.default_rng(1).permutation(len(table))
    members = Members.from_table(table[order])
    for i, name in enumerate(members.clusters):
        j = np.flatnonzero(expected.clusters == name)[0]
        for a, b in zip(members.stars(i), expected.stars(j), strict=True):
            np.testing.assert_array_equal(a, b)


def test_input_is_not_changed():
    """The table stays as it was."""
    table = small()
    before = table.copy()
    Members.from_table(table)
    assert all((table[name] == before[name]).all() for name in table.colnames)


@pytest.mark.parametrize('name', [*MAGNITUDES, 'parallax', 'cluster'])
def test_missing_column(name):
    """An error names the column that is missing."""
    table = small()
    table.remove_column(name)
    with pytest.raises(ValueError, match=rf"data must have the columns .*missing are \['{name}'\]"):
        Members.from_table(table)


def test_wrong_tables():
    """What is not a table of such stars is refused, with the name of the column."""
    with pytest.raises(TypeError, match='data must be an astropy Table of stars, got dict'):
        Members.from_table({'cluster': ['a']})
    with pytest.raises(u.UnitsError, match=r"data\['parallax'\] must have a unit like mas, got no"):
        Members.from_table(small(parallax=[1.0, 2.0, 3.0, 4.0]))
    with pytest.raises(u.UnitsError, match=r"data\['parallax'\] must have a unit like mas, got pc"):
        Members.from_table(small(parallax=[1.0, 2.0, 3.0, 4.0] * u.pc))
    with pytest.raises(TypeError, match=r"data\['parallax'\] must hold one number per star"):
        Members.from_table(small(parallax=['1', '2', '3', '4']))
    with pytest.raises(TypeError, match=r'one number per star, got float64 of shape \(4, 2\)'):
        Members.from_table(small(parallax=np.ones((4, 2)) * u.mas))
    with pytest.raises(TypeError, match=r'one number per star, got Time of shape \(4,\)'):
        Members.from_table(small(parallax=Time(np.arange(4.0), format='mjd')))


@pytest.mark.parametrize(
    ('name', 'unit', 'match'),
    [
        ('parallax', u.Unit('millis', parse_strict='silent'), 'a unit like mas, got millis'),
        ('parallax', u.dex(u.mas), r'a unit like mas, got dex\(mas\)'),
        ('phot_g_mean_mag', u.mag(u.AB), r'a unit like mag, got mag\(AB\)'),
        ('ra', u.m, 'a unit like deg, got m'),
        ('prob_member', u.mag, 'no unit, got mag'),
    ],
)
def test_wrong_units(name, unit, match):
    """A unit that is not known, of another kind, or logarithmic is refused with its column."""
    table = Table(small())
    table[name] = Column([0.1, 0.2, 0.3, 0.4], unit=unit)
    with pytest.raises(u.UnitsError, match=rf"data\['{name}'\] must have {match}"):
        Members.from_table(table)


def test_values_that_overflow():
    """A value too large for its new unit is unknown, without a warning."""
    members = Members.from_table(small(parallax=[1e308, 0.1, 0.2, 0.3] * u.arcsec))
    assert np.isnan(members.columns['parallax']).sum() == 1


@pytest.mark.parametrize('value', [-0.1, 1.5])
def test_membership_out_of_range(value):
    """A membership probability is from 0 to 1, or unknown."""
    with pytest.raises(
        ValueError, match=rf"data\['prob_member'\] must be from 0 to 1, got {value}"
    ):
        Members.from_table(small(prob_member=[np.nan, 1.0, value, 0.0]))


def test_masked_cluster():
    """Every star belongs to a named cluster."""
    table = Table(small())
    table['cluster'] = MaskedColumn(table['cluster'], mask=[True, False, False, False])
    with pytest.raises(ValueError, match=r"data\['cluster'\] must name a cluster for every star"):
        Members.from_table(table)


@pytest.mark.parametrize('kind', [str, lambda path: path])
def test_read_members(tmp_path, kind):
    """A CSV file of the archive gets the units of its data model, and the name of the file."""
    path = tmp_path / 'ngc_1.csv'
    table = small()
    plain = Table({name: np.asarray(table[name]) for name in (*MAGNITUDES, 'parallax')})
    plain.write(path)
    members = read_members(kind(path))
    assert isinstance(members, QTable)
    assert members['parallax'].unit == u.mas
    assert set(members['cluster']) == {'ngc_1'}
    assert Members.from_table(members).n_stars.tolist() == [4]


def test_read_members_keeps_units_and_clusters(tmp_path):
    """Units and clusters of the file are kept."""
    path = tmp_path / 'stars.ecsv'
    small(parallax=[1e-3, 2e-3, 1.5e-3, 2.5e-3] * u.arcsec).write(path)
    members = read_members(path)
    assert members['parallax'].unit == u.arcsec
    assert Members.from_table(members).clusters.tolist() == ['b', 'a']


def test_read_members_without_a_file(tmp_path):
    """A file that is not there is an OSError."""
    with pytest.raises(OSError, match='nothing'):
        read_members(tmp_path / 'nothing.ecsv')


def test_read_members_of_unknown_format(tmp_path):
    """What is no table that astropy recognises is refused in one line."""
    path = tmp_path / 'junk.txt'
    path.write_text('junk', encoding='utf-8')
    with pytest.raises(ValueError, match=r'path must be a table in a format .*junk\.txt'):
        read_members(path)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('phot_g_mean_flux_over_error', 0.0),
        ('phot_bp_mean_flux_over_error', -3.0),
        ('parallax_error', 0 * u.mas),
        ('parallax', 1e30 * u.mas),
        ('dec', 200 * u.deg),
        ('pmra', 1e30 * u.mas / u.yr),
    ],
)
def test_impossible_values_are_unknown(name, value):
    """What a column cannot be is not known; the star stays."""
    values = np.full(4, getattr(value, 'value', value)) * getattr(value, 'unit', 1)
    members = Members.from_table(small(**{name: values}))
    assert np.isnan(members.columns[name]).all()
    assert members.n_stars.tolist() == [2, 2]


@pytest.mark.parametrize('value', [1e30, -1e30, 39.0, -29.0, 29.0, -4.9])
def test_impossible_magnitude(value):
    """A star with a magnitude or a colour that cannot be is left out."""
    table = small()
    table['phot_rp_mean_mag'][0] = value * u.mag
    members = Members.from_table(table)
    assert members.n_left_out.tolist() == [1, 0]


@pytest.mark.parametrize('names', [[1.5, np.nan, 2, 3], [True] * 4, ['a', 'b', None, 1]])
def test_clusters_must_be_names(names):
    """Clusters are named by strings or whole numbers."""
    table = Table(small())
    table.replace_column('cluster', np.array(names, dtype=object if None in names else None))
    with pytest.raises(TypeError, match=r"data\['cluster'\] must hold one name or number per star"):
        Members.from_table(table)


def test_places_without_a_unit():
    """Positions without a unit are left out with a warning that names them."""
    with pytest.warns(StarcnnWarning, match=r"data\['ra'\] has no unit like deg and is not used"):
        members = Members.from_table(small(ra=np.arange(4.0), dec=np.arange(4.0) * u.deg))
    assert np.isnan(members.columns['ra']).all()
    assert np.isfinite(members.columns['dec']).all()
