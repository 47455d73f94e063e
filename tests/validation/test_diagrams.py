# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of colour-magnitude diagrams.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table
from numpy.testing import assert_allclose

from starcnn.validation import cmd_with_isochrone

pytest.importorskip('matplotlib')


def make_stars(n=60, *, shift=0.0):
    """Return stars along a straight main sequence."""
    g = np.linspace(10, 18, n)
    colour = (g - 9) / 5 + shift
    return Table(
        {
            'phot_g_mean_mag': g,
            'phot_bp_mean_mag': g + 0.6 * colour,
            'phot_rp_mean_mag': g - 0.4 * colour,
        }
    )


def points(axes):
    """Return the positions of the stars that were drawn."""
    return np.asarray(axes.collections[-1].get_offsets())


def test_contents(tmp_path):
    """Stars, isochrone and band are drawn where they are, bright stars up."""
    stars = make_stars()
    band = [make_stars(shift=shift) for shift in (-0.1, 0.1)]
    axes = cmd_with_isochrone(stars, make_stars(), band=band, title='NGC 0', text='age 1 Gyr')
    assert_allclose(points(axes)[:, 1], stars['phot_g_mean_mag'])
    assert_allclose(points(axes)[:, 0], (stars['phot_g_mean_mag'] - 9) / 5)
    assert_allclose(axes.lines[0].get_xdata(), (stars['phot_g_mean_mag'] - 9) / 5)
    assert len(axes.collections[0].get_segments()) == 2
    assert axes.yaxis_inverted()
    assert axes.get_title() == 'NGC 0'
    assert axes.texts[0].get_text() == 'age 1 Gyr'
    axes.figure.savefig(tmp_path / 'cmd.png')


def test_limits_hold_the_stars():
    """A long isochrone does not change the scale; all magnitudes are inside."""
    isochrone = make_stars()
    isochrone['phot_g_mean_mag'] *= 3
    axes = cmd_with_isochrone(make_stars(), isochrone)
    faint, bright = axes.get_ylim()
    assert 8 < bright < 10
    assert 18 < faint < 19


def test_given_axes():
    """Given axes are drawn into and returned."""
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert cmd_with_isochrone(make_stars(), make_stars(), axes=axes) is axes


def test_missing_magnitudes():
    """Stars without a magnitude, NaN or masked, are not drawn."""
    stars = make_stars()
    stars['phot_bp_mean_mag'][0] = np.nan
    stars['phot_g_mean_mag'] = MaskedColumn(stars['phot_g_mean_mag'], mask=np.arange(60) == 1)
    assert len(points(cmd_with_isochrone(stars, make_stars()))) == 58


def test_units_change_nothing():
    """Magnitudes with a unit are drawn at the same place."""
    stars = make_stars()
    with_unit = QTable({name: stars[name] * u.mag for name in stars.colnames})
    assert_allclose(
        points(cmd_with_isochrone(with_unit, make_stars())),
        points(cmd_with_isochrone(stars, make_stars())),
    )


def test_unlikely_members_are_pale():
    """The opacity follows the membership; an unknown one counts as certain."""
    stars = make_stars(4)
    stars['prob_member'] = [1.0, 0.5, 0.0, np.nan]
    alpha = cmd_with_isochrone(stars, make_stars()).collections[-1].get_alpha()
    assert_allclose(alpha / alpha[0], [1, 0.5, 0.2, 1])


def test_stars_are_not_changed():
    """Drawing leaves its inputs alone."""
    stars, isochrone = make_stars(), make_stars()
    before = stars.copy()
    cmd_with_isochrone(stars, isochrone)
    assert (stars == before).all()


def test_refused():
    """Missing columns and clusters without a usable star are refused."""
    stars = make_stars()
    with pytest.raises(ValueError, match=r'stars must have the columns .* missing are'):
        cmd_with_isochrone(stars['phot_g_mean_mag',], make_stars())
    with pytest.raises(ValueError, match='isochrone must have the columns'):
        cmd_with_isochrone(stars, stars['phot_g_mean_mag',])
    stars['phot_rp_mean_mag'] = np.nan
    with pytest.raises(ValueError, match='stars must have at least one row with all three'):
        cmd_with_isochrone(stars, make_stars())
