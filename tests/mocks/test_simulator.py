# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.simulator.
"""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, QTable
from astropy.tests.helper import assert_quantity_allclose
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.images import PSF
from starcnn.mocks import sample_clusters, simulate_clusters

RATE = u.electron / u.s
UNITS = {'age': u.yr, 'a_v': u.mag, 'mass': u.solMass, 'r_h': u.arcsec}

LONG = 1e15  # an exposure time with which photon noise is nothing, s

# A bright, wide and a faint, compact cluster.
PAIR = QTable(
    {
        'age': [1e8, 1e9] * u.yr,
        'a_v': [0.2, 1.0] * u.mag,
        'mass': [1e5, 3e4] * u.solMass,
        'r_h': [0.3, 0.06] * u.arcsec,
        'gamma': [3.0, 4.0],
        'seed': [1, 2],
    }
)


def run(parameters, options, seed=0):
    """Return the images as an array, and the truth."""
    images, truth = simulate_clusters(parameters, options, np.random.default_rng(seed))
    return images.data, truth


def test_columns_and_units(parameters, mocks, options):
    """Parameters have units; images say what they are; the truth has all that is true."""
    images, truth = mocks
    assert parameters.colnames == [*UNITS, 'gamma', 'seed']
    assert {name: parameters[name].unit for name in UNITS} == UNITS
    assert images.data.shape == (12, 3, 64, 64)
    assert images.data.dtype == np.float32
    assert images.unit == RATE
    assert images.meta['filters'] == ('F336W', 'F438W', 'F814W')
    assert images.meta['pixel_scale'] == 0.04 * u.arcsec
    assert images.meta['BACKGRND'] == truth.meta['BACKGRND'] == 'simulated'
    assert_array_equal(images.meta['sources']['id'], np.arange(1, 13))
    assert set(truth.colnames) == {
        *parameters.colnames, *options.filters, 'visibility', 'class', 'density',
    }  # fmt: skip
    assert truth['F438W'].unit == u.mag
    assert truth['density'].unit == u.arcsec**-2
    assert (truth['class'] == 'cluster').all()


def test_same_seed_same_images(parameters, mocks, options):
    """One seed gives one set of images, another seed others."""
    again, _ = run(parameters, options, seed=2)
    assert_array_equal(again, mocks[0].data)
    other, _ = run(parameters, options, seed=3)
    assert (other != mocks[0].data).any(axis=(1, 2, 3)).all()


def test_truth_can_be_simulated_again(mocks, options):
    """A truth is a table of parameters: the same clusters come out of it."""
    images, truth = run(mocks[1], options, seed=2)
    assert_array_equal(images, mocks[0].data)
    assert_array_equal(truth['visibility'], mocks[1]['visibility'])


def test_clusters_do_not_depend_on_calls(parameters, quiet):
    """Clusters, all but their backgrounds, are the same one by one and in another order."""
    options = replace(quiet, offset=1.0)
    together, truth = clusters(parameters, options)
    for i in (5, 0):
        alone, truth_alone = clusters(parameters[i : i + 1], options)
        assert_allclose(alone[0], together[i], atol=1e-6)
        assert truth_alone['F814W'][0] == truth['F814W'][i]


def clusters(parameters, options, seed=0):
    """Return images of clusters alone: with them, less without; and the truth."""
    images, truth = run(parameters, options, seed)
    fields, _ = run(parameters, replace(options, background_fraction=1.0), seed)
    return images.astype(float) - fields, truth


def test_seed_decides_the_stars(quiet):
    """The column of seeds decides stars and places, whatever the generator."""
    rows = PAIR[[0, 0, 0]]
    rows['seed'] = [1, 1, 2]
    made, truth = clusters(rows, quiet)
    assert_allclose(made[0], made[1], atol=1e-6)
    assert truth['F336W'][0] == truth['F336W'][1] != truth['F336W'][2]
    other, _ = clusters(rows, quiet, seed=9)
    assert_allclose(other[0], made[0], atol=1e-6)


def test_missing_columns_are_drawn(quiet):
    """The exponent and the seed are drawn where there are none."""
    rows = PAIR[['age', 'a_v', 'mass', 'r_h']]
    _, truth = run(rows, quiet)
    assert ((truth['gamma'] > 2.05) & (truth['gamma'] < 8)).all()
    assert truth['seed'][0] != truth['seed'][1]
    _, other = run(rows, quiet, seed=1)
    assert (other['seed'] != truth['seed']).all()


def test_limits(mocks, parameters, options):
    """All clusters that are drawn are brighter than the limits, which others are not."""
    for name, limit in zip(options.filters, options.magnitude_limits, strict=True):
        assert (mocks[1][name] <= limit * u.mag).all()
    dim = sample_clusters(
        12, replace(options, magnitude_limits=(40.0,) * 3), np.random.default_rng(1)
    )
    _, truth = run(dim, options)
    assert (truth['F336W'] > 24 * u.mag).any()


@pytest.mark.parametrize('limits', [(), (np.inf,) * 3])
def test_no_limits(options, limits):
    """Without limits the first clusters that are drawn are taken."""
    parameters, expected = (
        sample_clusters(12, replace(options, magnitude_limits=values), np.random.default_rng(1))
        for values in (limits, (60.0,) * 3)
    )
    assert_array_equal(parameters['seed'], expected['seed'])
    assert_array_equal(parameters['mass'], expected['mass'])


def test_impossible_limits(options):
    """Limits that nothing passes are refused, not tried for ever."""
    with pytest.raises(ValueError, match='magnitude_limits must let clusters be drawn, got 0'):
        sample_clusters(1, replace(options, magnitude_limits=(5.0,) * 3), np.random.default_rng(1))


def test_empty_tables(options):
    """No clusters give no images."""
    images, truth = run(sample_clusters(0, options, np.random.default_rng(0)), options)
    assert images.shape == (0, 3, 64, 64)
    assert len(truth) == 0


def test_background_fraction(parameters, options):
    """Some images have no cluster; what a cluster has is masked there."""
    half = replace(options, background_fraction=0.5)
    _, truth = run(parameters, half)
    empty = truth['class'] == 'background'
    assert 2 <= empty.sum() <= 10
    for name in (*UNITS, 'visibility', 'F814W', 'seed'):
        assert_array_equal(truth[name].mask, empty)
    assert np.isfinite(truth['density']).all()
    with pytest.raises(ValueError, match=r"parameters\['age'\] must not be masked"):
        run(truth, half)


def test_visibility(quiet):
    """Visibility is equation 2 of the paper, put together again from images."""
    made, truth = clusters(PAIR, quiet)
    fields, _ = run(PAIR, replace(quiet, background_fraction=1.0))
    y, x = np.indices((64, 64)) - 31.5
    distance = np.hypot(x, y)  # pixels
    for i, row in enumerate(PAIR):
        per_filter = []
        for j, name in enumerate(quiet.filters):
            r_h = row['r_h'].to_value(u.arcsec)
            radius = np.hypot(r_h, half_light_radius(name)) / 0.04
            inside = distance <= radius
            f_c, n = made[i, j][inside].sum(), inside.sum()
            sigma_b = np.std(fields[i, j][distance <= 25])
            per_filter.append(f_c / (n * sigma_b))
        assert truth['visibility'][i] == pytest.approx(np.mean(per_filter), rel=1e-3)


def half_light_radius(name):
    """Return the radius that holds half of the light of a PSF by adding up its pixels, arcsec."""
    psf = PSF.model('WFC3/UVIS', name, pixel_scale=0.04 * u.arcsec).resample(0.04 * u.arcsec, 15)
    step = 0.04 / psf.oversampling
    y, x = np.indices(psf.data.shape) - (psf.data.shape[0] - 1) / 2
    radius = np.hypot(x, y).ravel() * step
    order = np.argsort(radius)
    light = np.cumsum(psf.data.ravel()[order])
    return radius[order][np.searchsorted(light, 0.5)]


def test_photon_noise(flat):
    """Pixels scatter as Poisson numbers of electrons of cluster and level."""
    rows = PAIR[[0] * 80]
    noisy, _ = run(rows, flat)
    clean, _ = run(rows[:1], replace(flat, exposure_times=(LONG,) * 3))
    for j, (time, level) in enumerate(
        zip((1890.0, 1880.0, 1203.0), (0.02, 0.03, 0.05), strict=True)
    ):
        bright = clean[0, j] > 2 * level
        assert bright.sum() > 100
        # `clean` has the level in it: it is the rate of the photons
        expected = clean[0, j][bright] / time
        assert_allclose(
            noisy[:, j].mean(axis=0)[bright].mean(), clean[0, j][bright].mean(), rtol=0.01
        )
        ratio = noisy[:, j].var(axis=0, ddof=1)[bright] / expected
        assert ratio.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 79 / bright.sum()))


def test_exposure_time(flat):
    """Four times the time is half the noise."""
    rows = PAIR[[0] * 12]
    long = replace(flat, exposure_times=tuple(4 * time for time in flat.exposure_times))
    one, four = (run(rows, options)[0].std(axis=0).mean() for options in (flat, long))
    assert one / four == pytest.approx(2, rel=0.03)


def test_calibration_scatter(flat):
    """Each background has another flux scale in each filter, the clusters have not."""
    rows = PAIR[[0] * 60]
    scattered = replace(flat, calibration_scatter=0.2, background_fraction=1.0)
    fields, _ = run(rows, scattered)
    scale = np.median(fields, axis=(2, 3)) / (0.02, 0.03, 0.05)
    assert scale.std(axis=0) == pytest.approx(0.2, rel=0.3)
    assert abs(scale.mean() - 1) < 0.05
    assert abs(np.corrcoef(scale.T)[np.triu_indices(3, 1)]).max() < 0.35
    images, _ = run(rows, replace(scattered, background_fraction=0.0))
    made = (images - fields)[:, 1].sum(axis=(1, 2))
    assert made.std() / made.mean() < 0.02


def test_magnitudes_are_those_of_the_image(flat):
    """The light of an image is that of its integrated magnitudes."""
    bright = replace(flat, exposure_times=(LONG,) * 3)
    images, truth = run(PAIR, bright)
    levels = np.median(images[:, :, :3], axis=(2, 3))
    # zero points of the instrument handbook, Vega, of an infinite aperture
    light = -2.5 * np.log10((images - levels[..., None, None]).sum(axis=(2, 3)))
    zero_points = {'F336W': 23.526, 'F438W': 24.994, 'F814W': 24.684}
    for j, (name, zero_point) in enumerate(zero_points.items()):
        lost = light[:, j] + zero_point - truth[name].to_value(u.mag)
        # the image loses light beyond its edges and in the wings of the PSF
        assert ((lost > 0) & (lost < 0.4)).all()


def test_older_is_fainter_and_dust_reddens(quiet):
    """The magnitudes of the truth follow age, mass and dust."""
    rows = PAIR[[0] * 4]
    rows['age'][1] = 1e10 * u.yr
    rows['a_v'][2] = 2 * u.mag
    rows['mass'][3] = 1e4 * u.solMass
    _, truth = run(rows, quiet)
    base, old, dusty, light = (
        np.array([truth[name][i].to_value(u.mag) for name in quiet.filters]) for i in range(4)
    )
    assert (old > base + 2).all()
    # A(F336W), A(F438W), A(F814W) for R_V = 3.1: 1.65, 1.33, 0.60 A_V (Cardelli et al. 1989)
    assert_allclose((dusty - base) / 1.8, [1.65, 1.33, 0.60], rtol=0.05)
    assert_allclose(light - base, 2.5, atol=0.5)


def test_other_galaxy(options):
    """Another galaxy is another set of options: one filter of M31."""
    m31 = replace(
        options,
        filters=('F475W',),
        instruments=('ACS/WFC',),
        exposure_times=(3800.0,),
        magnitude_limits=(24.0,),
        pixel_scale=0.05 * u.arcsec,
        distance=785 * u.kpc,
        z=0.02,
        log_mass=(2.5, 4.0),
        a=(0.1, 3.0),
        r_h=(0.1, 1.5),
        shape=(40, 48),
        density=(3.0, 3.0),
    )
    parameters = sample_clusters(3, m31, np.random.default_rng(0))
    images, truth = run(parameters, m31)
    assert images.shape == (3, 1, 40, 48)
    assert np.isfinite(images).all()
    assert (truth['F475W'] <= 24 * u.mag).all()
    assert (truth['visibility'] > 0).all()
    # the same cluster is 5 log10(4500 / 785) = 3.79 mag fainter in M83
    _, far = run(parameters, replace(m31, distance=4.5 * u.Mpc))
    assert_quantity_allclose(far['F475W'] - truth['F475W'], 3.7917 * u.mag, atol=1e-3 * u.mag)


def test_wide_pixels(options):
    """A cluster smaller than a pixel has a visibility, too."""
    wide = replace(options, pixel_scale=0.3 * u.arcsec, offset=0.0, shape=(20, 20))
    _, truth = run(PAIR, wide)
    assert np.isfinite(truth['visibility']).all()


def test_mosaics_without_unit(flat, tmp_path):
    """Mosaics whose header names no unit are refused: nothing is guessed."""
    paths = []
    for i in range(3):
        paths.append(str(tmp_path / f'{i}.fits'))
        fits.writeto(paths[-1], np.full((320, 320), float(i)))
    with pytest.raises(u.UnitsError, match='mosaics must have their unit in the keyword BUNIT'):
        run(PAIR, replace(flat, mosaics=tuple(paths)))


@pytest.mark.parametrize(
    ('change', 'error', 'match'),
    [
        ({'age': None}, ValueError, r"missing \['age'\]"),
        ({'colour': [1, 2]}, ValueError, r"parameters must have columns among .*got \['colour'\]"),
        ({'age': [1.0, 2.0]}, TypeError, r"parameters\['age'\] must be a Quantity"),
        ({'age': [1, 2] * u.pc}, u.UnitsError, r"\['age'\] must have a unit that converts to yr"),
        ({'mass': [1, np.nan] * u.solMass}, ValueError, r"\['mass'\] must be finite and above 0"),
        (
            {'mass': [0, 1e4] * u.solMass},
            ValueError,
            r"\['mass'\] must be finite and above 0, got 0",
        ),
        ({'r_h': [0, 1] * u.arcsec}, ValueError, r"\['r_h'\] must be finite and above 0"),
        (
            {'a_v': [-1, 1] * u.mag},
            ValueError,
            r"\['a_v'\] must be finite and not negative, got -1",
        ),
        ({'gamma': [2.0001, 3.0]}, ValueError, r"\['gamma'\] must be .* above 2.005, got 2.0001"),
        ({'seed': [1.5, 2.0]}, TypeError, r"\['seed'\] must be integers, got float64"),
        ({'age': [1, 100] * u.Gyr}, ValueError, 'log age must be between'),
    ],
)
def test_parameters_that_cannot_be(quiet, change, error, match):
    """Wrong columns are refused by name."""
    rows = PAIR.copy()
    for name, values in change.items():
        if values is None:
            rows.remove_column(name)
        else:
            rows[name] = values
    with pytest.raises(error, match=match):
        run(rows, quiet)


def test_masked_parameters(quiet):
    """Masked values are refused."""
    rows = PAIR.copy()
    rows['gamma'] = MaskedColumn([3.0, 4.0], mask=[False, True])
    with pytest.raises(ValueError, match=r"parameters\['gamma'\] must not be masked, got 1"):
        run(rows, quiet)


def test_units_are_converted(quiet):
    """Other units change nothing."""
    rows = PAIR.copy()
    rows['age'] = rows['age'].to(u.Myr)
    rows['r_h'] = rows['r_h'].to(u.mas)
    images, truth = run(rows, quiet)
    expected, _ = run(PAIR, quiet)
    assert_allclose(images, expected, rtol=1e-5)
    assert truth['age'].unit == u.yr


def test_each_image_has_a_generator(parameters, options):
    """An image does not depend on those that are made with it."""
    few, all_images = (
        simulate_clusters(parameters[:n], options, np.random.default_rng(3))[0].data
        for n in (2, len(parameters))
    )
    assert len(all_images) > 2
    assert np.array_equal(few, all_images[:2])


def test_few_stars(flat):
    """Clusters of hardly any star are images, too, of which some are empty."""
    rows = PAIR[[0] * 20]
    rows['mass'] = np.geomspace(0.1, 100, 20) * u.solMass
    rows['seed'] = np.arange(20)
    images, truth = run(rows, flat)
    assert np.isfinite(images).all()
    assert np.isfinite(truth['visibility']).all()
    magnitudes = truth['F814W'].value
    assert np.isposinf(magnitudes).sum() in range(1, 12)
    assert magnitudes[-1] < 28
    assert not np.isnan(magnitudes).any()


def test_progress(parameters, quiet, capsys):
    """Nothing is written where there is no terminal."""
    run(parameters[:2], quiet)
    assert capsys.readouterr() == ('', '')
