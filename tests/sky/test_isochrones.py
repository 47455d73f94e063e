# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the isochrones: known stars, interpolation, official files.
"""

import lzma

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose

from starcnn.exceptions import DataFileError
from starcnn.sky import Isochrones
from starcnn.sky._parsec import metallicity
from starcnn.sky._tracks import CHEB, EAGB, MS, NODE_PHASES, RGB, SGB

SOLAR_Z = metallicity(0.0177)
CMD37 = 'parsec_gaia_edr3_isoch_cmd37_Z0.010_0.015_0.020.dat.xz'


def without(isochrones, *, age=None, m_h=None):
    """
    Return isochrones that lack the age or metallicity of an index.
    """
    ages = np.setdiff1d(np.arange(len(isochrones.log_ages)), [] if age is None else [age])
    metals = np.setdiff1d(np.arange(len(isochrones.m_h)), [] if m_h is None else [m_h])
    nodes = isochrones._nodes[metals][:, ages]
    less = Isochrones(isochrones.log_ages[ages], isochrones.m_h[metals], nodes)
    return less.with_photometry(isochrones._photometry)


def nearest(points, track):
    """
    Return the distances from points to the nearest place on a track of straight lines.
    """
    start, step = track[:-1], np.diff(track, axis=0)
    away = points[:, np.newaxis] - start
    norm = np.maximum((step**2).sum(-1), 1e-30)
    along = np.clip((away * step).sum(-1) / norm, 0, 1)
    return np.sqrt(((away - along[..., np.newaxis] * step) ** 2).sum(-1)).min(1)


def colour_magnitude(track):
    """
    Return BP - RP and G.
    """
    return np.column_stack([track[:, 6] - track[:, 7], track[:, 5]])


def test_sun(isochrones):
    """PARSEC's solar model has the Sun's luminosity and temperature, and M_G = 4.67."""
    star = isochrones.stars([1] * u.solMass, 4.57 * u.Gyr, SOLAR_Z)
    assert_allclose(star['log_l'], 0, atol=0.004)
    assert_allclose(10 ** star['log_teff'], 5772, atol=15)
    magnitudes = isochrones.magnitudes([1] * u.solMass, 4.57 * u.Gyr, SOLAR_Z)
    assert_allclose(magnitudes[0, 0].value, 4.67, atol=0.03)
    assert_allclose((magnitudes[0, 1] - magnitudes[0, 2]).value, 0.82, atol=0.03)


def test_grid(theory):
    """The grid is that of PARSEC v1.2S, and cannot be changed."""
    assert len(theory.m_h) == 15
    assert_allclose(theory.m_h[[0, 9, 14]], metallicity(np.array([1e-4, 0.014, 0.06])))
    assert_allclose(theory.log_ages, np.arange(6, 10.101, 0.05), atol=1e-9)
    assert theory.filters == ()
    with pytest.raises(ValueError, match='read-only'):
        theory.log_ages[0] = 5


def test_isochrone_table(isochrones):
    """An isochrone has the promised columns, rising masses, and all phases."""
    table = isochrones.isochrone(1 * u.Gyr, 0.0)
    assert table.colnames == [
        *('m_ini', 'm_act', 'log_l', 'log_teff', 'log_g', 'phase', 'Gaia_G', 'Gaia_BP', 'Gaia_RP')
    ]
    assert table['m_ini'].unit == u.solMass
    assert table['Gaia_G'].unit == u.mag
    assert (np.diff(table['m_ini'].value) >= 0).all()
    assert set(table['phase']) == set(range(6))
    assert (table['m_act'] <= table['m_ini']).all()


def test_isochrone_without_giants(isochrones):
    """At 2 Myr no star has left the main sequence, and there are no empty points."""
    table = isochrones.isochrone(2 * u.Myr, 0.0)
    assert set(table['phase']) == {0}


@pytest.mark.parametrize('log_age', [7.5, 8.0, 8.5, 9.0, 9.5, 9.8])
def test_isochrone_left_out_is_recovered(isochrones, log_age):
    """Without an age, the main sequence is met to 0.02 mag and the giants to 0.1 mag."""
    index = int(np.argmin(np.abs(isochrones.log_ages - log_age)))
    m_h = isochrones.m_h[9]
    track = isochrones._track_arrays(log_age, m_h)
    less = without(isochrones, age=index)
    sequence = (NODE_PHASES == MS) & (track[:, 0] < 0.97 * track[NODE_PHASES == MS, 0][-1])
    masses = track[sequence, 0] * u.solMass
    error = less.magnitudes(masses, 10**log_age * u.yr, m_h).value - track[sequence, 5:]
    assert np.quantile(np.abs(error[:, 0]), 0.95) < 0.02
    found = colour_magnitude(less._track_arrays(log_age, m_h))
    for phase in (MS, SGB, RGB, CHEB, EAGB):
        points = colour_magnitude(track[phase == NODE_PHASES])
        assert np.quantile(nearest(points, found), 0.9) < 0.1


@pytest.mark.parametrize('log_age', [8.0, 9.0, 9.6])
def test_metallicity_left_out_is_recovered(isochrones, log_age):
    """Without Z = 0.014, its isochrones lie within 0.05 mag of those between neighbours."""
    less = without(isochrones, m_h=9)
    m_h = isochrones.m_h[9]
    expected = colour_magnitude(isochrones._track_arrays(log_age, m_h))
    found = colour_magnitude(less._track_arrays(log_age, m_h))
    for phase in (MS, SGB, RGB, CHEB):
        assert np.quantile(nearest(expected[phase == NODE_PHASES], found), 0.9) < 0.05


def test_masses_on_the_nodes(isochrones):
    """The magnitudes of stars at the points of an isochrone are the isochrone's."""
    table = isochrones.isochrone(300 * u.Myr, 0.1)
    table = table[table['phase'] == MS][:-1]
    found = isochrones.magnitudes(table['m_ini'], 300 * u.Myr, 0.1, filters=['Gaia_RP'])
    assert_allclose(found[:, 0].value, table['Gaia_RP'].value, atol=1e-3)


def test_stars_that_are_not_there(isochrones):
    """Stars that have ended, and too small ones, are NaN and of phase -1."""
    stars = isochrones.stars([0.01, 1, 50] * u.solMass, 1 * u.Gyr, 0.0)
    assert list(stars['phase']) == [-1, 0, -1]
    assert list(np.isnan(stars['Gaia_G'].value)) == [True, False, True]
    assert_allclose(stars['m_ini'].value, [0.01, 1, 50])


def test_units(isochrones):
    """Any units of mass and time give the same magnitudes."""
    one = isochrones.magnitudes([1] * u.solMass, 1 * u.Gyr, 0.0)
    other = isochrones.magnitudes(u.Quantity([1.0], u.solMass).to(u.kg), 1000 * u.Myr, 0.0)
    assert_allclose(other.value, one.value, atol=1e-9)


def test_errors(isochrones, tmp_path):
    """Values out of range, missing units, unknown filters and other files are refused."""
    mass = [1] * u.solMass
    with pytest.raises(ValueError, match=r'log age must be between 6 and 10\.1, got 10\.3'):
        isochrones.magnitudes(mass, 2e10 * u.yr, 0.0)
    with pytest.raises(ValueError, match=r'm_h must be between -2\.19.* and 0\.695.*, got -3'):
        isochrones.isochrone(1 * u.Gyr, -3)
    with pytest.raises(ValueError, match='age must be positive'):
        isochrones.isochrone(-1 * u.Gyr, 0.0)
    with pytest.raises(TypeError, match='age must be a Quantity'):
        isochrones.isochrone(1e9, 0.0)
    with pytest.raises(u.UnitsError, match='m_ini must have a unit that converts to solMass'):
        isochrones.magnitudes([1] * u.pc, 1 * u.Gyr, 0.0)
    with pytest.raises(ValueError, match=r"filters must be among \['Gaia_G'.*got \['G'\]"):
        isochrones.magnitudes(mass, 1 * u.Gyr, 0.0, filters=['G'])
    np.savez(tmp_path / 'other.npz', a=np.arange(3))
    with pytest.raises(DataFileError, match='path must be a table of isochrones'):
        Isochrones.read(tmp_path / 'other.npz')
    with pytest.raises(ValueError, match='nodes must have shape'):
        Isochrones([6, 7], [0], np.zeros((1, 2, 3, 4)))
    with pytest.raises(ValueError, match='log_ages must be increasing'):
        Isochrones([7, 6], [0], np.zeros((1, 2, len(NODE_PHASES), 4)))


def test_read_parsec_against_the_shipped_table(isochrones, official_folder):
    """The official Gaia EDR3 isochrones and ours agree in the colour-magnitude diagram."""
    official = Isochrones.read_parsec(official_folder / CMD37)
    assert official.filters == ('G', 'G_BP', 'G_RP')
    assert_allclose(official.m_h, metallicity(np.array([0.01, 0.015, 0.02])), atol=1e-5)
    m_h = official.m_h[1]
    for log_age in (8.0, 9.0, 9.5):
        theirs = official._track_arrays(log_age, m_h)
        ours = colour_magnitude(isochrones._track_arrays(log_age, m_h))
        warm = (theirs[:, 3] > np.log10(4500)) & (theirs[:, 3] < np.log10(20000))
        for phase in (MS, SGB, CHEB):
            points = colour_magnitude(theirs[warm & (phase == NODE_PHASES)])
            assert np.median(nearest(points, ours)) < 0.04


def test_read_parsec_without_labels(official_folder):
    """CMD 2.7 has no phases: the Sun has M_V = 4.8, and the clump and the tip are found."""
    names = ('0.010500', '0.015500', '0.020500')
    paths = [official_folder / f'parsec_ubvrijhk_{name}.dat.xz' for name in names]
    isochrones = Isochrones.read_parsec(paths)
    assert isochrones.filters == ('U', 'B', 'V', 'R', 'I', 'J', 'H', 'K')
    magnitudes = isochrones.magnitudes([1] * u.solMass, 4.57 * u.Gyr, SOLAR_Z, filters=['V'])
    assert_allclose(magnitudes.value, 4.80, atol=0.04)
    old = isochrones.isochrone(8 * u.Gyr, 0.0)
    assert old['log_l'][old['phase'] == RGB].max() > 3.2
    clump = old[old['phase'] == CHEB]
    assert 1.3 < np.median(clump['log_l']) < 2.2


def test_read_parsec_plain_and_compressed(official_folder, tmp_path):
    """A plain file, given as text, reads as the compressed one does."""
    packed = official_folder / 'parsec_gaia_edr3_0_010500.dat.xz'
    plain = tmp_path / 'plain.dat'
    plain.write_bytes(lzma.decompress(packed.read_bytes()))
    one, other = Isochrones.read_parsec(packed), Isochrones.read_parsec(str(plain))
    assert_allclose(one._nodes, other._nodes)
    with pytest.raises(ValueError, match='m_h must be between'):
        one.isochrone(1 * u.Gyr, 0.0)


def test_read_parsec_files_that_do_not_belong_together(official_folder):
    """Files of other filters or ages are refused."""
    gaia = [official_folder / CMD37, official_folder / 'parsec_gaia_edr3_0_010500.dat.xz']
    with pytest.raises(ValueError, match='paths must hold the same ages at every metallicity'):
        Isochrones.read_parsec(gaia)
    mixed = [gaia[1], official_folder / 'parsec_ubvrijhk_0.010500.dat.xz']
    with pytest.raises(ValueError, match='paths must hold the same filters'):
        Isochrones.read_parsec(mixed)
