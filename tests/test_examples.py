# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the longer examples of the documentation.
"""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import QTable
from astropy.wcs import WCS

EXAMPLES = Path(__file__).parents[1] / 'docs' / 'examples'
SIZE = 64


@pytest.fixture
def m31_frame(monkeypatch):
    """The example with a simulator of points and networks that add up light."""
    spec = importlib.util.spec_from_file_location('m31_frame', EXAMPLES / 'm31_frame.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, kind in (('Simulator', Points), ('Estimator', Sums), ('Classifier', Sums)):
        monkeypatch.setattr(module, name, kind)
    return module


class Points:
    """
    A simulator whose clusters are ten pixels in the middle, with the mass as their light.
    """

    def __init__(self, backend, **options):
        self.options = SimpleNamespace(**options)

    def sample(self, n, *, rng):
        """Return random masses."""
        return QTable(
            {'mass': 10 ** rng.uniform(4, 5, n) * u.solMass, 'r_h': np.full(n, 0.3) * u.arcsec}
        )

    def simulate(self, parameters, *, rng):
        """Return the clusters, as the bank of the family has them."""
        images = np.zeros((len(parameters), 1, SIZE, SIZE), np.float32)
        images[:, :, 32, 30:40] = parameters['mass'].value[:, np.newaxis, np.newaxis] / 10
        truth = parameters.copy()
        truth['visibility'] = rng.uniform(3, 9, len(parameters))
        return {'clusters': images}, truth


class Sums:
    """
    A network that takes the light for the mass.
    """

    def __init__(self, backend, *, weights):
        self.weights = weights

    def predict(self, data):
        """Return a result, as both classes do."""
        assert isinstance(data, NDData)
        assert data.unit == u.electron / u.s
        assert data.meta['filters'] == ('F475W',)
        light = data.data.sum(axis=(1, 2, 3))
        table = data.meta['sources'].copy()
        table['mass'] = light * u.solMass
        table['r_h'] = np.full(len(light), 0.3) * u.arcsec
        table['prob_cluster'] = np.where(light > 1000, 0.9, 0.1)
        return table


@pytest.fixture
def frame_path(tmp_path):
    """A frame in the units of the real one, which fits no whole number of cells."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ['RA---TAN', 'DEC--TAN']
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (11.1, 41.6), (90, 70), (-1.39e-5, 1.39e-5)
    data = np.random.default_rng(1).normal(0, 700, (8 * SIZE + 8, 3 * SIZE + 20))
    path = tmp_path / 'm31.fits'
    fits.writeto(path, data.astype(np.float32), wcs.to_header())
    return path


def test_m31_frame_prints_the_training_command(m31_frame, frame_path, tmp_path, capsys):
    """Without weights, the bottom is calibrated and the command has all options."""
    m31_frame.main([str(frame_path), '--output', str(tmp_path / 'out')])
    command = capsys.readouterr().out
    assert command.startswith('starcnn train m83_hst')
    for text in ('filters=["F475W"]', 'distance=785.0 kpc', 'z=0.02', 'training.fits'):
        assert text in command
    with fits.open(tmp_path / 'out' / 'training.fits') as stored:
        assert u.Unit(stored[0].header['BUNIT']) == u.electron / u.s
        assert stored[0].data.std() == pytest.approx(700 / 7.24e4, rel=0.02)
        assert stored[0].data.shape[0] == 3 * SIZE + 8


def test_m31_frame_makes_a_catalogue(m31_frame, frame_path, tmp_path, capsys):
    """Clusters are found where they were put, with their sky positions and masses."""
    output = tmp_path / 'out'
    m31_frame.main([str(frame_path), '--weights', 'any.onnx', '--output', str(output)])
    catalogue = QTable.read(output / 'catalogue.fits')
    assert len(catalogue) == 15
    np.testing.assert_array_equal(catalogue['prob_cluster'] > 0.5, catalogue['is_cluster'])
    assert catalogue['is_cluster'].sum() == 8
    with fits.open(frame_path) as whole, fits.open(output / 'injected.fits') as stored:
        wcs, image = WCS(whole[0].header), stored[0].data
    x, y = wcs.wcs_world2pix(catalogue['ra'][1:3].value, catalogue['dec'][1:3].value, 0)
    np.testing.assert_allclose(x, [95.5, 159.5], atol=1e-3)
    np.testing.assert_allclose(y, 3 * SIZE + 8 + 31.5, atol=1e-3)
    assert image[32, 160] > 100 > image[32, 96]
    text = capsys.readouterr().out
    assert '8 of 8 mock clusters are called clusters, and 0 of 7 other cells' in text
    assert 'r_h: median error +0.000 dex' in text


@pytest.fixture
def injection(monkeypatch):
    """The example of injection, whose clusters are Gaussians."""
    spec = importlib.util.spec_from_file_location('injection', EXAMPLES / 'injection.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    blob = np.exp(-(x**2 + y**2) / 32) / (32 * np.pi)

    def simulate(n, rng):
        """Return every second cluster bright, the others invisible."""
        flux = np.where(np.arange(n) % 2, 200.0, 0.01)
        truth = QTable({'mass': flux * u.solMass})
        return flux[:, np.newaxis, np.newaxis, np.newaxis] * blob * u.electron / u.s, truth

    monkeypatch.setattr(module, 'simulate', simulate)
    return module


def test_injection_recovers_what_is_bright(injection, frame_path, tmp_path, capsys):
    """All bright clusters are found, and no others; what was there before is known."""
    with fits.open(frame_path, mode='update') as hdus:
        hdus[0].data[300:308, 100:108] += 2e5
    output = tmp_path / 'out'
    injection.main([str(frame_path), '--output', str(output), '-n', '12', '--rounds', '3'])
    clusters = QTable.read(output / 'clusters.ecsv')
    np.testing.assert_array_equal(clusters['is_found'], clusters['mass'] > 1 * u.solMass)
    assert (clusters['separation'][clusters['is_found']] < 0.2 * u.arcsec).all()
    text = capsys.readouterr().out
    assert '6 of 12 clusters are found' in text
    assert 'with 0 spurious sources in 3 rounds' in text
    for name in ('injected.fits', 'recovery.png'):
        assert (output / name).is_file()
