# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the longer examples of the documentation.
"""

import importlib.util
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import QTable
from astropy.wcs import WCS

EXAMPLES = Path(__file__).parents[1] / 'docs' / 'examples'
SIZE = 64


@pytest.fixture
def m31_frame(monkeypatch):
    """The example with clusters that are Gaussians, and a network that adds up light."""
    module = load('m31_frame')
    monkeypatch.setattr(module, 'simulate', simulate)
    monkeypatch.setattr(module, 'Estimator', Sums)
    monkeypatch.setattr(module, 'CLUSTER', SkyCoord(11.1 * u.deg, 41.6 * u.deg))
    return module


def load(name):
    """
    Return an example as a module.
    """
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def simulate(n, rng):
    """
    Return Gaussian clusters whose mass is their light; every second is bright, others invisible.
    """
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    blob = np.exp(-(x**2 + y**2) / 32) / (32 * np.pi)
    flux = np.where(np.arange(n) % 2, 200.0, 0.01)
    ones = np.ones(n)
    truth = QTable({'mass': flux * u.solMass, 'age': ones * u.Myr, 'r_h': ones * u.arcsec})
    return flux[:, np.newaxis, np.newaxis, np.newaxis] * blob * u.electron / u.s, truth


class Sums:
    """
    A network that takes the light for the mass.
    """

    def __init__(self, backend, *, weights):
        assert backend == 'm31_phat'
        self.weights = weights

    def predict(self, data):
        """Return a result, as estimators do; only one filter is there."""
        assert isinstance(data, NDData)
        assert data.unit == u.electron / u.s
        assert data.meta['filters'] == ('F336W', 'F475W', 'F814W')
        assert np.isnan(data.data[:, [0, 2]]).all()
        light = np.nan_to_num(data.data[:, 1]).sum(axis=(1, 2))
        table = data.meta['sources'].copy()
        ones = np.ones(len(table))
        for name, values in (
            ('age', ones * u.Myr),
            ('mass', np.maximum(light, 1e-3) * u.solMass),
            ('r_h', 2 * ones * u.arcsec),
        ):
            for end in ('', '_16', '_84'):
                table[f'{name}{end}'] = values
        return table


@pytest.fixture
def frame_path(tmp_path):
    """A frame in the units of the real one."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ['RA---TAN', 'DEC--TAN']
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (11.1, 41.6), (90, 70), (-1.39e-5, 1.39e-5)
    data = np.random.default_rng(1).normal(0, 700, (8 * SIZE + 8, 3 * SIZE + 20))
    path = tmp_path / 'm31.fits'
    fits.writeto(path, data.astype(np.float32), wcs.to_header())
    return path


def test_m31_frame_makes_a_catalogue(m31_frame, frame_path, tmp_path, capsys):
    """Bright clusters come back with sky positions and masses, and the one of the frame, too."""
    with fits.open(frame_path, mode='update') as hdus:
        hdus[0].data[68:72, 88:92] += 2e5  # the cluster of the frame
    output = tmp_path / 'out'
    m31_frame.main([str(frame_path), '--output', str(output), '-n', '12', '--rounds', '3'])
    clusters = QTable.read(output / 'clusters.ecsv')
    np.testing.assert_array_equal(clusters['is_found'], clusters['mass'] > 1 * u.solMass)
    catalogue = QTable.read(output / 'catalogue.ecsv')
    with fits.open(frame_path) as whole, fits.open(output / 'injected.fits') as stored:
        wcs, added = WCS(whole[0].header), stored[0].data - whole[0].data / 7.24e4
    x, y = wcs.world_to_pixel(catalogue['position'])
    np.testing.assert_allclose(x, catalogue['x'].value, atol=0.01)
    is_new = np.hypot(x - 89, y - 69) > 10
    assert is_new.sum() == 2  # of the last round
    for i, j in np.rint([y[is_new], x[is_new]]).astype(int).T:
        assert added[i - 2 : i + 3, j - 2 : j + 3].mean() > 1
    np.testing.assert_allclose(catalogue['mass'][is_new].value, 200, rtol=0.3)
    text = capsys.readouterr().out
    assert '6 of 12 clusters are found' in text
    assert 'AP 3433: log mass 1.6' in text  # 44 electron/s
    assert ' 0.30 ' in text  # the sizes are twice the true ones
    assert (output / 'recovery.png').is_file()


@pytest.fixture
def injection(monkeypatch):
    """The example of injection, whose clusters are Gaussians."""
    module = load('injection')
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
