# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.mocks.augment.
"""

import numpy as np
import pytest

pytest.importorskip('torch')

import torch
from numpy.testing import assert_allclose

from starcnn.mocks import simulate_bank
from starcnn.mocks.augment import Augment

pytestmark = pytest.mark.training

TIMES = (1890.0, 1880.0, 1203.0)
LONG = (1e12,) * 3


def generator(seed=0):
    """Return a generator of torch."""
    return torch.Generator().manual_seed(seed)


def make(n=16, *, level=0.05, cluster=1.0, scatter=0.01):
    """Return a batch of a bank: clusters that differ in every corner, on even fields."""
    shape = torch.zeros(8, 8)
    shape[0, 0], shape[0, 1], shape[1, 0] = 1, 2, 4
    clusters = cluster * shape.expand(n, 3, 8, 8) * torch.arange(1, n + 1)[:, None, None, None]
    inputs = {
        'clusters': clusters.clone(),
        'fields': torch.full((n, 3, 8, 8), level),
        'level': torch.full((n, 3), level),
        'scatter': torch.full((n, 3), scatter),
        'flux': clusters.mean(dim=(2, 3)),
    }
    return inputs, {'age': torch.arange(float(n))}


def test_background_half():
    """Half of a batch is background, of which the class and the visibility say so."""
    inputs, truth = make()
    images, truth = Augment(exposure_times=TIMES, background=0.5)(inputs, truth, generator())
    assert truth['class'].sum() == 8
    empty = truth['class'] == 0
    assert torch.isneginf(truth['visibility'][empty]).all()
    assert truth['visibility'][~empty].isfinite().all()
    torch.testing.assert_close(images['images'][empty], torch.full((8, 3, 8, 8), 0.05))
    assert (images['images'][~empty].amax(dim=(1, 2, 3)) > 1).all()


def test_truth_stays_with_its_cluster():
    """Ages are those of the clusters in the images."""
    inputs, truth = make()
    augment = Augment(exposure_times=LONG, background=0.0, symmetries=False)
    images, after = augment(inputs, truth, generator())
    torch.testing.assert_close(after['age'], truth['age'])
    assert_allclose(images['images'].amax(dim=(1, 2, 3)), 0.05 + 4 * np.arange(1, 17), rtol=1e-4)


def test_symmetries():
    """Clusters are turned and mirrored in all eight ways, without loss of light."""
    inputs, truth = make()
    augment = Augment(exposure_times=LONG, background=0.0)
    images = augment(inputs, truth, generator())[0]['images'] - 0.05
    total = images.sum(dim=(2, 3))
    assert_allclose(total, 7 * np.arange(1, 17)[:, None].repeat(3, axis=1), rtol=1e-3)
    normed = (images[:, 0] / torch.arange(1, 17)[:, None, None]).round()
    assert len({tuple(image.flatten().tolist()) for image in normed}) == 8
    # all filters in the same way
    torch.testing.assert_close(images[:, 0], images[:, 2], rtol=1e-3, atol=1e-3)


def test_every_epoch_is_new():
    """One state of the generator gives one set of images, the next another."""
    inputs, truth = make()
    augment = Augment(exposure_times=TIMES, background=0.25, missing=0.5, calibration_scatter=0.2)
    one, same = (augment(inputs, truth, generator(1))[0]['images'] for _ in range(2))
    torch.testing.assert_close(one, same, equal_nan=True, rtol=0, atol=0)
    other = augment(inputs, truth, generator(2))[0]['images']
    assert not torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))


@pytest.mark.parametrize('electrons', [3.0, 10.0, 100.0, 1e4])
def test_photon_noise(electrons):
    """Mean, variance and skewness of the noise are nearly those of Poisson numbers."""
    n, time = 64, 1000.0
    inputs, truth = make(n, level=electrons / time)
    inputs['clusters'] = torch.zeros(n, 3, 32, 32)
    inputs['fields'] = torch.zeros(n, 3, 32, 32)
    augment = Augment(exposure_times=(time,) * 3, background=0.0)
    counts = augment(inputs, truth, generator())[0]['images'].double().numpy() * time
    reference = np.random.default_rng(0).poisson(electrons, counts.shape) - electrons
    size = np.sqrt(counts.size)
    assert abs(counts.mean() - reference.mean()) < 6 * np.sqrt(electrons) / size
    # the stand-in has the variance of Poisson's numbers and an eighth
    assert counts.var() == pytest.approx(electrons + 1 / 8, rel=8 / size)
    assert counts.var() == pytest.approx(reference.var(), rel=0.05)
    skewness = [np.mean((x - x.mean()) ** 3) / x.std() ** 3 for x in (counts, reference)]
    assert skewness[0] > 0
    assert skewness[0] == pytest.approx(1.5 * skewness[1], abs=0.1 * skewness[1] + 0.02)


def test_noise_is_on_clusters_alone():
    """Fields have their noise already: none is added where there is no cluster."""
    inputs, truth = make()
    images, after = Augment(exposure_times=(1.0,) * 3, background=0.5)(inputs, truth, generator())
    empty = after['class'] == 0
    assert images['images'][empty].std() < 1e-7
    assert images['images'][~empty].std() > 0


def test_negative_levels():
    """Fields from which too much sky was subtracted give numbers."""
    inputs, truth = make(level=-0.5)
    images, _ = Augment(exposure_times=TIMES, background=0.0)(inputs, truth, generator())
    assert images['images'].isfinite().all()


@pytest.mark.parametrize('n_filters', [1, 2, 3])
def test_missing_filters(n_filters):
    """Some images lack filters, whole ones, but none lacks all."""
    inputs, truth = make(400)
    inputs = {name: values[:, :n_filters] for name, values in inputs.items()}
    augment = Augment(exposure_times=TIMES[:n_filters], background=0.0, missing=0.4)
    images = augment(inputs, truth, generator())[0]['images']
    gone = images.isnan()
    assert (gone.all(dim=(2, 3)) == gone.any(dim=(2, 3))).all()
    n_gone = gone[:, :, 0, 0].sum(dim=1)
    assert n_gone.max() == max(n_filters - 1, 0)
    if n_filters > 1:
        assert (n_gone > 0).float().mean() == pytest.approx(0.4, abs=0.1)
        shares = gone[:, :, 0, 0].float().mean(dim=0)
        assert shares.max() < 1.6 * shares.min()


def test_calibration_scatter():
    """A third of the fields have other flux scales, and the visibility follows."""
    inputs, truth = make(600, cluster=0.0)
    inputs['flux'][:] = 1
    augment = Augment(exposure_times=TIMES, background=0.0, calibration_scatter=0.2)
    images, after = augment(inputs, truth, generator())
    scale = images['images'].mean(dim=(2, 3)) / 0.05
    changed = (10 ** -after['visibility'] * 100 - 1).abs() > 1e-5
    assert changed.float().mean() == pytest.approx(1 / 3, abs=0.08)
    assert scale[changed].std() == pytest.approx(0.2, rel=0.15)
    assert scale[~changed].std() < 0.05


def test_visibility_is_the_simulators(parameters, options):
    """Put together on the fly, clusters are as visible as the simulator says."""
    data, table = simulate_bank(parameters, options, np.random.default_rng(4))
    inputs = {name: torch.from_numpy(values).float() for name, values in data.items()}
    augment = Augment(exposure_times=TIMES, background=0.0)
    order = torch.randperm(12, generator=generator())  # which field comes to which cluster
    _, after = augment(inputs, {}, generator())
    scatter = data['scatter'][order]
    expected = (data['flux'] / scatter).mean(axis=1)
    assert_allclose(10 ** after['visibility'], expected, rtol=1e-5)
    unshuffled = (data['flux'] / data['scatter']).mean(axis=1)
    assert_allclose(np.asarray(table['visibility']), unshuffled, rtol=1e-4)
