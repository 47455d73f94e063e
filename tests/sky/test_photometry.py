# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the bolometric corrections and extinctions.
"""

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.exceptions import DataFileError
from starcnn.sky import Photometry
from starcnn.sky._parsec import metallicity, read_parsec
from starcnn.sky._tracks import TPAGB, gravity

from .conftest import TABLES

SUN = np.log10(5772), 4.438, 0.0
SYSTEMS = ('johnson', 'hst_acs_wfc', 'hst_wfc3_uvis')


@pytest.fixture(scope='module')
def tables():
    """
    The tables of Johnson's filters and of the cameras of Hubble.
    """
    return {name: Photometry.read(TABLES / f'{name}.npz') for name in SYSTEMS}


def test_contents(photometry):
    """The table has the filters and laws that are promised."""
    assert photometry.filters == ('Gaia_G', 'Gaia_BP', 'Gaia_RP')
    assert photometry.laws == ('CCM89', 'F99', 'F19', 'G23')
    assert photometry.a_v_max == 10 * u.mag


def test_sun(photometry):
    """The Sun has M_G = 4.67 and BP - RP = 0.82 (Casagrande & VandenBerg 2018, table 1)."""
    g, bp, rp = 4.74 - photometry.bolometric_correction(*SUN)[0].value
    assert_allclose(g, 4.67, atol=0.015)
    assert_allclose(bp - rp, 0.82, atol=0.02)


def test_vega(photometry):
    """A star like Vega has no colour."""
    g, bp, rp = photometry.bolometric_correction(np.log10(9550), 3.95, -0.5)[0].value
    assert_allclose([bp - g, g - rp], 0, atol=0.02)


@pytest.mark.parametrize('name', ['0_000500', '0_010500', '0_020500', '0_030500'])
def test_against_official_magnitudes(photometry, official_folder, name):
    """G agrees to 0.03 mag with PARSEC's Gaia EDR3 tables, between 4500 and 20000 K."""
    filters, isochrones = read_parsec(official_folder / f'parsec_gaia_edr3_{name}.dat.xz')
    differences = []
    for raw in isochrones[::6]:
        m_act, log_l, log_teff = raw.values[:, :3].T
        stars = (log_teff > np.log10(4500)) & (log_teff < np.log10(20000)) & (raw.phase < TPAGB)
        log_g = gravity(m_act, log_l, log_teff)
        ours = photometry.bolometric_correction(log_teff, log_g, raw.m_h)[:, 0].value
        official = raw.values[:, 3 + filters.index('G')]
        differences.append((4.74 - 2.5 * log_l - ours - official)[stars])
    differences = np.concatenate(differences)
    assert abs(np.median(differences)) < 0.025
    assert np.quantile(np.abs(differences), 0.95) < 0.035


def test_outside_the_table_the_nearest_value_is_used(photometry):
    """Corrections beyond the ends of the axes are those of the ends."""
    beyond = photometry.bolometric_correction([3.762, 3.762], [5.5, 5.0], [0.7, 0.5])
    assert_allclose(beyond[0], beyond[1])


def test_corrections_are_continuous(photometry):
    """Corrections have no jumps where the sources of the table meet; BP of giants is steep."""
    log_teff = np.linspace(3.4, 5.2, 20_000)
    for log_g in (1.0, 2.5, 4.5):
        bc = photometry.bolometric_correction(log_teff, np.full(20_000, log_g), 0.0).value
        assert np.abs(np.diff(bc, axis=0)).max() < 0.01


@pytest.mark.parametrize(
    ('law', 'expected'),
    [
        ('CCM89', (0.872, 1.092, 0.631)),
        ('F99', (0.824, 1.087, 0.581)),
        ('F19', (0.874, 1.108, 0.643)),
        ('G23', (0.865, 1.100, 0.618)),
    ],
)
def test_extinction_near_the_laws_at_the_pivots(photometry, law, expected):
    """The extinction of a star of 6000 K is near the law at the pivot wavelengths."""
    ratio = photometry.extinction(np.log10([6000]), 1e-3 * u.mag, law=law)[0].value / 1e-3
    assert_allclose(ratio, expected, atol=0.06)


def test_extinction_depends_on_colour_and_amount(photometry):
    """Red stars, and much dust, suffer less in the wide filter for each magnitude of A_V."""
    log_teff = np.log10([30000, 10000, 5000, 3500])
    little = photometry.extinction(log_teff, 0.1 * u.mag)[:, 0] / 0.1
    much = photometry.extinction(log_teff, 5 * u.mag)[:, 0] / 5
    assert (np.diff(little) < 0).all()
    assert (much < little).all()
    assert 0.05 < little[1].value - little[2].value < 0.2


def test_extinction_of_each_star(photometry):
    """Each star may have its own extinction, in any unit of magnitudes."""
    log_teff = np.array([3.7, 3.8])
    each = photometry.extinction(log_teff, [0.0, 1500] * u.mmag)
    assert_allclose(each[0], 0 * u.mag)
    assert_allclose(each[1], photometry.extinction(log_teff, 1.5 * u.mag)[1])


def test_errors(photometry, tmp_path):
    """Unknown laws, extinctions out of range, missing units and other files are refused."""
    with pytest.raises(ValueError, match=r"law must be one of \['CCM89'.*got 'CCM'"):
        photometry.extinction([3.7], 1 * u.mag, law='CCM')
    with pytest.raises(ValueError, match=r'a_v must be between 0 and 10 mag, got -0\.1'):
        photometry.extinction([3.7], -0.1 * u.mag)
    with pytest.raises(TypeError, match='a_v must be a Quantity'):
        photometry.extinction([3.7], 1.0)
    (tmp_path / 'text.npz').write_text('no table')
    np.savez(tmp_path / 'other.npz', a=np.arange(3))
    for name in ('text.npz', 'other.npz'):
        with pytest.raises(DataFileError, match='path must be a table of photometry'):
            Photometry.read(tmp_path / name)


@pytest.mark.parametrize(
    ('system', 'filters'),
    [
        ('johnson', 'U B V R I'),
        ('hst_acs_wfc', 'F435W F475W F555W F606W F814W'),
        ('hst_wfc3_uvis', 'F275W F336W F438W F475W F555W F606W F814W'),
    ],
)
def test_contents_of_other_systems(tables, system, filters):
    """The tables have the filters that are promised, and a range of R_V."""
    assert tables[system].filters == tuple(filters.split())
    assert tables[system].laws == ('CCM89', 'F99', 'F19', 'G23')
    assert tables[system].r_v_range == (2.5, 5.5)


@pytest.mark.parametrize(
    ('system', 'name', 'pivot', 'ab_minus_vega'),
    # The instrument handbooks of WFC3 and ACS; their zero points differ by 0.02 mag among editions,
    # with the spectrum of Vega. Bessell & Murphy 2012, tables 3 and 5; Vega has 0.03 mag.
    [
        ('hst_wfc3_uvis', 'F275W', 2710, 1.50),
        ('hst_wfc3_uvis', 'F336W', 3354.5, 1.19),
        ('hst_wfc3_uvis', 'F438W', 4326, -0.15),
        ('hst_wfc3_uvis', 'F555W', 5308, -0.03),
        ('hst_wfc3_uvis', 'F814W', 8029.5, 0.42),
        ('hst_acs_wfc', 'F435W', 4318, -0.10),
        ('hst_acs_wfc', 'F475W', 4744, -0.10),
        ('hst_acs_wfc', 'F814W', 8060, 0.43),
        ('johnson', 'B', 4377, -0.13),
        ('johnson', 'V', 5488, -0.02),
        ('johnson', 'I', 7981, 0.41),
    ],
)
def test_pivots_and_zero_points(tables, system, name, pivot, ab_minus_vega):
    """Pivot wavelengths, and AB less Vega magnitudes, are those that are published."""
    table = tables[system]
    assert_allclose(table.pivots[table.filters.index(name)].to_value(u.AA), pivot, atol=1.5)
    assert_allclose(table.ab_minus_vega[name], ab_minus_vega, atol=0.03)


@pytest.mark.parametrize(
    ('system', 'name', 'expected'),
    # Willmer 2018, ApJS 236, 47, table 3, in Vega magnitudes; V is that of Vega's 0.03 mag.
    [
        ('johnson', 'V', 4.81),
        ('hst_wfc3_uvis', 'F438W', 5.51),
        ('hst_wfc3_uvis', 'F555W', 4.89),
        ('hst_wfc3_uvis', 'F814W', 4.10),
        ('hst_acs_wfc', 'F814W', 4.10),
    ],
)
def test_sun_in_other_systems(tables, system, name, expected):
    """The Sun has its absolute magnitudes."""
    table = tables[system]
    magnitude = 4.74 - table.bolometric_correction(*SUN)[0, table.filters.index(name)].value
    assert_allclose(magnitude, expected, atol=0.025)


@pytest.mark.parametrize('z', ['0.005500', '0.015500', '0.030000'])
def test_against_official_ubvri(tables, official_folder, z):
    """B, V, R and I agree to 0.03 mag with PARSEC's tables from 4500 to 20000 K, U to 0.07 mag."""
    filters, isochrones = read_parsec(official_folder / f'parsec_ubvrijhk_{z}.dat.xz')
    where = [3 + filters.index(name) for name in 'UBVRI']
    differences = []
    for raw in isochrones[::6]:
        m_act, log_l, log_teff = raw.values[:, :3].T
        stars = (log_teff > np.log10(4500)) & (log_teff < np.log10(20000)) & (raw.phase < TPAGB)
        log_g = gravity(m_act, log_l, log_teff)
        ours = tables['johnson'].bolometric_correction(log_teff, log_g, raw.m_h).value
        official = raw.values[:, where]
        differences.append(((4.74 - 2.5 * log_l)[:, np.newaxis] - ours - official)[stars])
    differences = np.abs(np.concatenate(differences))
    assert (np.median(differences, axis=0) < [0.03, 0.02, 0.02, 0.02, 0.02]).all()
    assert (np.quantile(differences, 0.95, axis=0) < [0.07, 0.03, 0.03, 0.03, 0.03]).all()


@pytest.mark.parametrize(
    ('log_age', 'b_v', 'mass_to_light'),
    # Sums over the official isochrones of Z = 0.0155, which end before the thermal pulses.
    [(7.0, 0.016, 0.0238), (8.0, 0.142, 0.1634), (9.0, 0.479, 0.844), (10.0, 0.978, 6.77)],
)
def test_colours_and_light_of_populations(tables, theory, log_age, b_v, mass_to_light):
    """Populations of a Kroupa initial mass function have the colours of the official magnitudes."""
    edges = np.geomspace(0.08, 150, 20_001)
    mass = np.sqrt(edges[1:] * edges[:-1])
    number = np.where(mass < 0.5, mass**-1.3, 0.5 * mass**-2.3) * np.diff(edges)
    isochrones = theory.with_photometry(tables['johnson'].select(['B', 'V']))
    m_h = metallicity(0.0155)
    absolute = isochrones.magnitudes(mass * u.solMass, 10**log_age * u.yr, m_h).value
    b, v = -2.5 * np.log10(np.nansum(10 ** (-0.4 * absolute) * number[:, np.newaxis], axis=0))
    assert_allclose(b - v, b_v, atol=0.03)
    assert_allclose((number * mass).sum() / 10 ** (-0.4 * (v - 4.81)), mass_to_light, rtol=0.04)


def test_cool_stars_follow_their_neighbours_in_wavelength(tables):
    """Below 4500 K the filters of Hubble stay near those of Johnson at the same wavelengths."""
    log_teff = np.log10(np.linspace(2500, 4500, 50))
    for log_g in (0.5, 4.8):
        johnson, uvis, acs = (
            tables[name].bolometric_correction(log_teff, np.full(50, log_g), 0.0).value
            for name in ('johnson', 'hst_wfc3_uvis', 'hst_acs_wfc')
        )
        v_i, f555w_f814w = johnson[:, 4] - johnson[:, 2], uvis[:, 6] - uvis[:, 4]
        assert np.abs(f555w_f814w / v_i - 1.1).max() < 0.2
        assert np.abs(uvis[:, 6] - acs[:, 4]).max() < 0.05
        assert np.abs(uvis[:, 6] - johnson[:, 4])[log_teff > np.log10(3400)].max() < 0.05


@pytest.mark.parametrize(
    ('law', 'expected'),
    [
        ('CCM89', (2.027, 1.635, 1.352, 1.042, 0.593)),
        ('F99', (2.011, 1.632, 1.331, 1.029, 0.550)),
        ('F19', (2.067, 1.664, 1.342, 1.048, 0.604)),
        ('G23', (2.073, 1.669, 1.342, 1.044, 0.587)),
    ],
)
def test_extinction_in_the_filters_of_hubble(tables, law, expected):
    """The extinction of a star of 6000 K is near that of the law at the pivot wavelengths."""
    table = tables['hst_wfc3_uvis'].select(['F275W', 'F336W', 'F438W', 'F555W', 'F814W'])
    ratio = table.extinction(np.log10([6000]), 1e-3 * u.mag, law=law)[0].value / 1e-3
    assert_allclose(ratio, expected, rtol=0.05)


@pytest.mark.parametrize('r_v', [2.5, 3.3, 4.0, 5.0])
def test_r_v(tables, r_v):
    """Extinctions follow Cardelli, Clayton & Mathis 1989, equation 1: linear in 1 / R_V."""
    table = tables['hst_wfc3_uvis'].select(['F438W', 'F814W'])
    x = 1e4 / table.pivots.to_value(u.AA)  # 1/micron
    y = x - 1.82
    # O'Donnell 1994, ApJ 422, 158, equation 3.
    b = np.polyval([3.347, -10.805, 5.491, 11.102, -7.985, -3.989, 2.908, 1.952, 0], y)
    ratio, usual = (
        table.extinction(np.log10([9000]), 1e-3 * u.mag, r_v=value)[0].value / 1e-3
        for value in (r_v, 3.1)
    )
    assert_allclose(ratio - usual, b * (1 / r_v - 1 / 3.1), rtol=0.08)


def test_default_r_v(tables):
    """Without R_V it is 3.1, and the extinction of red light grows with it."""
    table = tables['hst_acs_wfc']
    at = [table.extinction([3.8], 1 * u.mag, r_v=r_v)[0, -1].value for r_v in (2.6, 3.1, 4.5)]
    assert at[1] == table.extinction([3.8], 1 * u.mag)[0, -1].value
    assert at[0] < at[1] < at[2]


def test_select_and_combine(tables):
    """Filters of several cameras come in the order wanted, with all that belongs to them."""
    uvis, acs = tables['hst_wfc3_uvis'], tables['hst_acs_wfc']
    mixed = Photometry.combine([uvis.select(['F814W', 'F336W']), acs.select(['F475W'])])
    assert mixed.filters == ('F814W', 'F336W', 'F475W')
    where = [uvis.filters.index(name) for name in ('F814W', 'F336W')]
    log_teff = np.log10([3600.0, 9000])
    kwargs = {'law': 'F19', 'r_v': 4.0}
    for method, args in (
        ('bolometric_correction', (log_teff, np.array([4.5, 4.0]), 0.1)),
        ('extinction', (log_teff, 1 * u.mag)),
    ):
        extra = kwargs if method == 'extinction' else {}
        ours, theirs, others = (getattr(t, method)(*args, **extra) for t in (mixed, uvis, acs))
        assert_allclose(ours[:, :2], theirs[:, where])
        assert_allclose(ours[:, 2], others[:, acs.filters.index('F475W')])
    assert mixed.ab_minus_vega == {
        'F814W': uvis.ab_minus_vega['F814W'],
        'F336W': uvis.ab_minus_vega['F336W'],
        'F475W': acs.ab_minus_vega['F475W'],
    }
    assert_allclose(mixed.pivots.to_value(u.AA), [8029.5, 3354.8, 4744.4], atol=0.5)
    assert uvis.filters[0] == 'F275W'


def test_errors_of_other_systems(tables, photometry):
    """Unknown filters, filters that occur twice, other grids and R_V out of range are refused."""
    uvis, acs = tables['hst_wfc3_uvis'], tables['hst_acs_wfc']
    with pytest.raises(ValueError, match=r"filters must be among \['F435W'.*got \['F336W'\]"):
        acs.select(['F336W', 'F814W'])
    with pytest.raises(ValueError, match='tables must have different filters'):
        Photometry.combine([uvis, acs])
    with pytest.raises(ValueError, match='tables must have the same grids'):
        Photometry.combine([photometry, acs])
    with pytest.raises(ValueError, match=r'r_v must be between 2\.5 and 5\.5.*got 6'):
        uvis.extinction([3.7], 1 * u.mag, r_v=6)
    with pytest.raises(ValueError, match=r'r_v must be between 3\.1 and 3\.1.*got 2\.8'):
        photometry.extinction([3.7], 1 * u.mag, r_v=2.8)
