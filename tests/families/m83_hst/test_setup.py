# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.families.m83_hst._setup.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from starcnn.exceptions import DataFileError
from starcnn.families.m83_hst._setup import get_setup
from starcnn.images import PSF


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


def test_options_reach_the_stars(options):
    """Law, mass function and sampling are those of the options."""
    changed = replace(options, law='F99', imf='salpeter1955', sampling='poisson')
    synthesis = get_setup(changed).synthesis
    assert (synthesis.law, synthesis.imf, synthesis.method) == ('F99', 'salpeter1955', 'poisson')


def test_options_reach_the_fields(options):
    """Law, R_V and mass function of the simulated fields are those of the options, too."""
    field = get_setup(replace(options, law='F99', r_v=4.4, imf='salpeter1955')).field
    assert (field.law, field.r_v, field.imf.name) == ('F99', 4.4, 'salpeter1955')


@pytest.mark.parametrize('n', [0, 1, 5, 70])
def test_numbers_of_backgrounds(options, n):
    """As many backgrounds as asked for, all different, each with its crowding."""
    fields, density = get_setup(options).draw_backgrounds(n, np.random.default_rng(1))
    assert fields.shape == (n, 3, 64, 64)
    assert density.shape == (n,)
    assert np.isfinite(fields).all()
    assert len(np.unique(fields[:, 0, 0, 0])) == n


def test_backgrounds_have_the_crowding_asked_for(options):
    """The density that is measured is about the one that the options ask for."""
    setup = get_setup(replace(options, density=(7.0, 7.5)))
    _, density = setup.draw_backgrounds(3, np.random.default_rng(1))
    assert density == pytest.approx(7.25, rel=0.3)


def test_mosaics_keep_parts_apart(quiet):
    """Backgrounds of training and of test share no pixel."""
    setup = get_setup(quiet)
    drawn = [
        setup.draw_backgrounds(20, np.random.default_rng(1), part)[0]
        for part in ('training', 'test')
    ]
    assert drawn[0].shape == (20, 3, 64, 64)
    pixels = [set(map(tuple, part.transpose(0, 2, 3, 1).reshape(-1, 3))) for part in drawn]
    assert not pixels[0] & pixels[1]


def test_psfs_of_files(options, tmp_path):
    """PSFs are read from files that are given."""
    paths = []
    for name in options.filters:
        paths.append(str(tmp_path / f'{name}.fits'))
        PSF.model('WFC3/UVIS', 'F814W', pixel_scale=0.04 * u.arcsec).write(paths[-1])
    setup = get_setup(replace(options, psfs=tuple(paths)))
    assert_array_equal(setup.psf_radii, setup.psf_radii[0])
    with pytest.raises(DataFileError, match='path must be a file'):
        _ = get_setup(replace(options, psfs=('nothing.fits',) * 3)).psfs


def test_unknown_instrument(options):
    """Instruments without tables are refused."""
    with pytest.raises(ValueError, match=r"instruments must be among \['ACS/WFC', 'WFC3/UVIS'\]"):
        get_setup(replace(options, instruments=('WFPC2',) * 3))
