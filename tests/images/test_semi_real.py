# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.semi_real.
"""

import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.images import (
    PSF,
    MosaicBackgrounds,
    StarColours,
    get_band,
    make_semi_real,
    measure_completeness,
    measure_stars,
)

RATE = u.electron / u.s
SCALE = 0.05 * u.arcsec
SHAPE = (90, 110)
CAMERAS = {'F336W': 'WFC3/UVIS', 'F475W': 'ACS/WFC', 'F814W': 'ACS/WFC'}
TIMES = {'F336W': 1350, 'F475W': 1900, 'F814W': 1800}  # s
BANDS = [
    get_band(camera, name, exposure_time=TIMES[name] * u.s, n_exposures=4)
    for name, camera in CAMERAS.items()
]


@pytest.fixture(scope='module')
def psfs():
    """The point spread functions of the three filters."""
    return [PSF.model(camera, name, pixel_scale=SCALE) for name, camera in CAMERAS.items()]


def make_completeness(*, bias=0.0):
    """Return a completeness that falls to 80 per cent at 26 mag."""
    part = [1, 1, 1, 0.9, 0.7, 0.2, 0]
    columns = {'mag': np.arange(24, 27.1, 0.5) * u.mag, 'completeness': part}
    return QTable({**columns, 'bias': np.full(7, bias) * u.mag})


def make_stars(n=60, *, rng=0):
    """Return a table of stars of 22 to 26.5 mag."""
    rng = np.random.default_rng(rng)
    y, x = (rng.uniform(0, size - 1, n) * u.pix for size in SHAPE)
    mag = np.sort(26.5 - rng.exponential(1, n)) * u.mag
    return QTable({'x': x, 'y': y, 'mag': mag}, meta={'filter': 'F475W'})


def make_mosaic(data=None):
    """Return a mosaic, by default empty."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = 'RA---TAN', 'DEC--TAN'
    wcs.wcs.cdelt = -0.05 / 3600, 0.05 / 3600
    wcs.wcs.crval = 11.1, 41.6
    return CCDData(np.zeros(SHAPE) if data is None else data, unit=RATE, wcs=wcs)


def make(psfs, stars=None, mosaic=None, **options):
    """Return semi-real mosaics."""
    options = {
        'completeness': make_completeness(),
        'bands': BANDS,
        'psfs': psfs,
        'colours': StarColours.phat(),
        'faint': 1.0,
        'rng': 0,
    } | options
    return make_semi_real(
        make_mosaic() if mosaic is None else mosaic,
        make_stars() if stars is None else stars,
        **options,
    )


def test_mosaics(psfs):
    """Mosaics are on the grid of the real one, which stands among them; each says what it is."""
    mosaic = make_mosaic()
    mosaic.mask = np.zeros(SHAPE, bool)
    mosaic.mask[5, 5] = True
    mosaics = make(psfs, mosaic=mosaic)
    assert list(mosaics) == ['F336W', 'F475W', 'F814W']
    assert mosaics['F475W'] is mosaic
    for name in ('F336W', 'F814W'):
        made = mosaics[name]
        assert made.shape == SHAPE
        assert made.unit == RATE
        assert made.wcs is mosaic.wcs
        assert_array_equal(made.mask, mosaic.mask)
        assert made.meta == {'BACKGRND': 'semi-real', 'FILTER': name, 'FAINT': 1.0}
    backgrounds = MosaicBackgrounds(mosaics)
    assert backgrounds.kind == 'semi-real'
    assert backgrounds.draw(2, (12, 12), rng=0).shape == (2, 3, 12, 12)


def test_seed(psfs):
    """The seed decides the colours and the noise; stars stay where they are."""
    stars = make_stars()[:1]
    stars['x'], stars['y'], stars['mag'] = 60 * u.pix, 40 * u.pix, 21 * u.mag
    one, same, other = (make(psfs, stars, faint=0.0, rng=rng)['F814W'].data for rng in (1, 1, 2))
    assert_array_equal(one, same)
    assert abs(one.sum() / other.sum() - 1) > 0.05
    for image in (one, other):
        assert np.unravel_index(image.argmax(), SHAPE) == (40, 60)


def test_colours_of_stars(psfs):
    """A star has in each filter the flux of the real star that it was given."""
    blue = np.linspace(20, 28, 100)
    offsets = {'F336W': 1.0, 'F475W': 0.0, 'F814W': -2.0}
    magnitudes = np.column_stack([blue + offset for offset in offsets.values()])
    colours = StarColours(magnitudes * u.mag, filters=tuple(offsets))
    stars = make_stars()[:1]
    stars['x'], stars['y'], stars['mag'] = 55.3 * u.pix, 44.6 * u.pix, 20.5 * u.mag
    mosaics = make(psfs, stars, colours=colours, faint=0.0, render_reference=True)
    y, x = np.indices(SHAPE)
    near = np.hypot(x - 55.3, y - 44.6) < 12
    for band, psf in zip(BANDS, psfs, strict=True):
        flux = mosaics[band.filter].data[near].sum()
        expected = band.count_rate((20.5 + offsets[band.filter]) * u.mag).value
        assert_allclose(flux, expected * psf.encircled_energy(12 * SCALE), rtol=0.03)


def test_bias_is_undone(psfs):
    """Stars that are measured too bright by a tenth are rendered fainter."""
    stars = make_stars()[:1]
    stars['x'], stars['y'], stars['mag'] = 55 * u.pix, 44 * u.pix, 20 * u.mag
    options = {'faint': 0.0, 'bands': BANDS[1:2], 'render_reference': True}
    one, two = (
        make(psfs[1:2], stars, completeness=make_completeness(bias=bias), **options)
        for bias in (0.0, -0.1)
    )
    ratio = two['F475W'].data[44, 55] / one['F475W'].data[44, 55]
    assert_allclose(ratio, 10**-0.04, rtol=0.01)


def test_sky_is_subtracted(psfs):
    """The clipped median of each rendered mosaic is zero."""
    from astropy.stats import sigma_clipped_stats

    for ccd in make(psfs, render_reference=True).values():
        assert abs(sigma_clipped_stats(ccd.data)[1]) < 1e-5


def test_noise(psfs):
    """Where there are no stars, a mosaic has the noise of the sky and of the reads."""
    none = make_stars()[:0]
    band = BANDS[2]
    image = make(psfs, none, faint=0.0)['F814W'].data
    time, ratio = 1800, (0.05 / 0.0495) ** 2
    variance = band.sky.value * ratio / time + 4 * (4.2 / time) ** 2
    assert_allclose(image.std(), np.sqrt(variance), rtol=0.03)


def test_faint_stars_are_found_again(psfs):
    """The number of faint stars in a rendered mosaic is found from its unevenness."""
    stars = make_stars(250)
    psfs, options = psfs[1:2], {'bands': BANDS[1:2], 'render_reference': True}
    for faint in (1.0, 3.0):
        rendered = make(psfs, stars, **options, faint=faint, rng=1)['F475W']
        found = make(psfs, stars, mosaic=make_mosaic(rendered.data), **options, faint=None, rng=2)
        assert_allclose(found['F475W'].meta['FAINT'], faint, rtol=0.35)


def test_too_uneven(psfs):
    """A mosaic that no number of faint stars explains is refused."""
    data = np.random.default_rng(0).standard_normal(SHAPE)
    with pytest.raises(ValueError, match='mosaic must be less uneven than 8 times'):
        make(psfs, mosaic=make_mosaic(data), faint=None)


def test_bad_arguments(psfs):
    """Tables without their columns, and filters that do not agree, are refused."""
    stars = make_stars()
    with pytest.raises(ValueError, match=r"stars must have the columns \['mag'\]"):
        make(psfs, stars['x', 'y'])
    with pytest.raises(ValueError, match=r"completeness must have the columns \['bias'\]"):
        make(psfs, completeness=make_completeness()['mag', 'completeness'])
    stars.meta['filter'] = 'F438W'
    with pytest.raises(ValueError, match=r"stars.meta\['filter'\] must be one of .* got 'F438W'"):
        make(psfs, stars)
    with pytest.raises(ValueError, match=r"psfs must be of \['F336W', 'F475W', 'F814W'\]"):
        make(psfs[::-1])
    with pytest.raises(ValueError, match=r"bands must be of .* got \['F555W'\]"):
        make(psfs, bands=[get_band('ACS/WFC', 'F555W')])
    stars.meta['filter'] = 'F475W'
    red = {'bands': BANDS[2:], 'faint': None}
    with pytest.raises(ValueError, match='bands must have F475W, the filter of the mosaic'):
        make(psfs[2:], stars, **red)
    assert list(make(psfs[2:], stars, **red | {'faint': 1.5})) == ['F814W']
    with pytest.raises(ValueError, match='faint must be from 0 to 8, got 9'):
        make(psfs, faint=9)
    completeness = make_completeness()
    completeness['completeness'] = 1.0
    with pytest.raises(ValueError, match=r'completeness must fall from above 0\.8 to below it'):
        make(psfs, completeness=completeness)
    with pytest.raises(u.UnitsError, match='mosaic must have a unit that converts'):
        make(psfs, mosaic=CCDData(np.zeros(SHAPE), unit=u.K))


@pytest.fixture(scope='module')
def real(psfs):
    """A part of a real frame of M31, its stars, their completeness, and semi-real mosaics."""
    if 'STARCNN_DATA_DIR' not in os.environ:
        pytest.skip('needs STARCNN_DATA_DIR')
    path = Path(os.environ['STARCNN_DATA_DIR']) / 'images/m31_phat_b09_f475w.fits'
    band = BANDS[1]
    with fits.open(path) as hdus:
        # Its zero point is 38.31 mag.
        data = hdus[0].data * band.count_rate(38.31 * u.mag)
        mosaic = CCDData(data, wcs=WCS(hdus[0].header))[300:600, 150:450]
    stars = measure_stars(mosaic, psf=psfs[1], band=band)
    edges = np.arange(23, 28.6, 0.5) * u.mag
    completeness = measure_completeness(mosaic, edges, psf=psfs[1], band=band, rng=0)
    mosaics = make(
        psfs, stars, mosaic, completeness=completeness, faint=None, render_reference=True
    )
    return mosaic, stars, completeness, mosaics


@pytest.mark.slow
def test_counts_of_a_real_frame(real, psfs):
    """A semi-real mosaic has the counts of the real one where that is complete."""
    _, stars, completeness, mosaics = real
    assert (completeness['completeness'][:6] > 0.8).all()  # to 26 mag
    again = measure_stars(mosaics['F475W'], psf=psfs[1], band=BANDS[1])
    edges = [22, 24, 24.5, 25, 25.5, 26] * u.mag
    before, after = (np.histogram(table['mag'], edges)[0] for table in (stars, again))
    assert before.sum() > 400
    assert (abs(before - after) < 3 * np.sqrt(before)).all()
    assert_allclose(after.sum(), before.sum(), rtol=0.1)


@pytest.mark.slow
def test_pixels_of_a_real_frame(real):
    """The pixels of a semi-real mosaic are distributed as those of the real one."""
    mosaic, _, _, mosaics = real
    limits = [1, 5, 16, 84, 95, 99]
    before, after = (
        np.percentile(ccd.data, limits) - np.median(ccd.data) for ccd in (mosaic, mosaics['F475W'])
    )
    assert_allclose(after, before, rtol=0.15)


@pytest.mark.slow
def test_measured_colours_of_a_semi_real_frame(real, psfs):
    """Colours measured in semi-real mosaics are those of the real stars at that magnitude."""
    from scipy.stats import ks_2samp

    _, stars, _, mosaics = real
    bright = stars[(stars['mag'] > 23 * u.mag) & (stars['mag'] < 25.25 * u.mag)]
    red = measure_stars(mosaics['F814W'], psf=psfs[2], band=BANDS[2])
    dx, dy = (red[name].value[:, np.newaxis] - bright[name].value for name in 'xy')
    distance = np.hypot(dx, dy)
    found = distance.min(axis=0) < 1
    assert found.mean() > 0.9
    measured = (bright['mag'] - red['mag'][distance.argmin(axis=0)])[found].value
    drawn = StarColours.phat().draw(np.repeat(bright['mag'], 20), 'F475W', rng=5).value
    assert ks_2samp(measured, drawn[:, 2] - drawn[:, 3]).pvalue > 0.01
