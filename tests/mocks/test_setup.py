# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.setup.
"""

import os
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from numpy.testing import assert_allclose

from starcnn.mocks import get_setup


def test_numbers(options):
    """Distance modulus and zero points are those that the literature has."""
    setup = get_setup(options)
    assert setup.modulus == pytest.approx(28.27, abs=0.01)  # Thim et al. 2003: 28.25
    # Dressel 2012, the handbook of WFC3: Vega mag, within updates of the calibration
    assert setup.zero_points == pytest.approx([23.48, 24.98, 24.70], abs=0.1)
    # Bressan et al. 2012: Y = 0.2485 + 1.78 Z, and Z / X = 0.0207 of the Sun
    assert setup.m_h == pytest.approx(np.log10(0.03 / 0.6681 / 0.0207), abs=0.005)
    assert setup.photometry.filters == options.filters


def test_radii_of_psfs(options):
    """Half of the light of the PSFs is within a few hundredths of an arcsecond, more in the red."""
    radii = get_setup(options).psf_radii
    assert ((radii > 0.04) & (radii < 0.09)).all()
    assert radii[2] > radii[1]


def test_setups_are_kept(options):
    """Equal options have one setup, others another; only few are kept."""
    assert get_setup(options) is get_setup(replace(options))
    others = [get_setup(replace(options, offset=0.1 * k)) for k in range(1, 6)]
    assert len({id(setup) for setup in others}) == 5
    assert get_setup(options) is get_setup(replace(options))


def write_flat(path, value):
    """Write a mosaic of one value, at a time of its own."""
    fits.writeto(
        path,
        np.full((64, 64), value, np.float32),
        fits.Header({'BUNIT': 'electron / s'}),
        overwrite=True,
    )
    os.utime(path, ns=(0, int(1e9 * value)))


def test_files_that_change_are_read_again(options, tmp_path):
    """A mosaic or a table of objects that is written anew, under its old name, is read again."""
    mosaics = [str(tmp_path / f'{name}.fits') for name in options.filters]
    for path in mosaics:
        write_flat(path, 1)
    cut = replace(options, mosaics=tuple(mosaics), shape=(8, 8))
    setup = get_setup(cut)
    assert_allclose(setup.draw_backgrounds(1, np.random.default_rng(1))[0], 1)
    assert get_setup(cut) is setup
    write_flat(mosaics[1], 2)
    fields, _ = get_setup(cut).draw_backgrounds(1, np.random.default_rng(1))
    assert_allclose(fields.mean(axis=(0, 2, 3)), [1, 2, 1])
    with_objects = replace(cut, avoid=str(tmp_path / 'objects.ecsv'))
    setups = []
    for n in (1, 2):
        sky = {name: np.ones(n) * u.deg for name in ('ra', 'dec')}
        QTable(sky).write(with_objects.avoid, overwrite=True)
        setups.append(get_setup(with_objects))
    assert setups[0] is not setups[1]


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        (
            {'log_age': (5.0, 11.0)},
            r'log_age must be between 6 and 10.1, as .*, got \(5.0, 11.0\)',
        ),
        ({'a_v': (0.0, 300.0)}, r'a_v must be between 0 and 10, as the tables of ext.*, got \(0.0'),
        ({'r_v': 9.0}, 'r_v must be between 2.5 and 5.5, as .*, got 9.0'),
        ({'z': 0.08}, 'z must be between 0.0001 and 0.06, as the isochrones have it, got 0.08'),
        ({'field_z': 0.08}, 'field_z must be between 0.0001 and 0.06, .* got 0.08'),
        ({'law': 'none'}, r"law must be one of \['CCM89', .*\], got 'none'"),
    ],
)
def test_beyond_the_tables(options, change, match):
    """What is beyond the tables is refused at once, not when a star happens to be drawn there."""
    with pytest.raises(ValueError, match=match):
        get_setup(replace(options, **change))


def test_ends_of_the_tables(options):
    """The ends of the tables are in them."""
    for z in (0.0001, 0.06):
        setup = get_setup(replace(options, z=z, log_age=(6.0, 10.1), a_v=(0.0, 10.0), r_v=5.5))
        assert np.isfinite(
            setup.synthesis.mean_magnitudes(1 * u.solMass, age=1 * u.Gyr, m_h=setup.m_h).value
        ).all()


def test_options_reach_the_stars(options):
    """Law, mass function and sampling are those of the options."""
    changed = replace(options, law='F99', imf='salpeter1955', sampling='poisson')
    synthesis = get_setup(changed).synthesis
    assert (synthesis.law, synthesis.imf, synthesis.method) == ('F99', 'salpeter1955', 'poisson')


def test_options_reach_the_fields(options):
    """Law, R_V and mass function of the simulated fields are those of the options, too."""
    field = get_setup(replace(options, law='F99', r_v=4.4, imf='salpeter1955')).field
    assert (field.law, field.r_v, field.imf.name) == ('F99', 4.4, 'salpeter1955')


def test_population_of_the_fields(options):
    """Stars of the fields have the metallicity of the clusters unless they have their own."""
    setup = get_setup(options)
    assert (setup.field.m_h, setup.field.decline) == (setup.m_h, np.inf)
    other = get_setup(replace(options, field_z=0.01, field_decline=5 * u.Gyr))
    assert other.m_h == setup.m_h
    assert other.field.m_h == get_setup(replace(options, z=0.01)).m_h
    assert other.field.decline == 5 * u.Gyr


def test_unknown_instrument(options):
    """Instruments without tables are refused."""
    with pytest.raises(ValueError, match=r"instruments must be among \['ACS/WFC', 'WFC3/UVIS'\]"):
        get_setup(replace(options, instruments=('WFPC2',) * 3))


def test_limits(options):
    """No limits are infinite ones."""
    assert list(get_setup(options).magnitude_limits) == [24.0, 23.5, 23.0]
    unlimited = get_setup(replace(options, magnitude_limits=()))
    assert np.isposinf(unlimited.magnitude_limits).all()
    assert unlimited.magnitude_limits.shape == (3,)


def test_aperture(options):
    """The scatter of the background is that of the pixels within the radius."""
    for radius in (25.0, 10.0):
        setup = get_setup(replace(options, background_radius=radius))
        assert setup.aperture.sum() == pytest.approx(np.pi * radius**2, rel=0.02)
        assert setup.aperture[32, 32]
