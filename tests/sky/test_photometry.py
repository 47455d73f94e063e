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
from starcnn.sky._parsec import read_parsec
from starcnn.sky._tracks import TPAGB, gravity

SUN = np.log10(5772), 4.438, 0.0


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
