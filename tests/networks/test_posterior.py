# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the posterior.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from astropy.tests.helper import assert_quantity_allclose

from starcnn.networks import Posterior

NAMES = ('age', 'a_v', 'distance', 'feh', 'mass', 'r_h')


@pytest.fixture
def outputs(rng):
    """Outputs for the joint spec and 30 sources."""
    weights = rng.dirichlet(np.ones(3), 30)[..., np.newaxis]
    means = rng.normal([3, 0], 0.2, (30, 3, 2))
    factors = rng.uniform(0.05, 0.2, (30, 3, 3))
    return {
        'joint': rng.dirichlet(np.ones(27), 30).reshape(30, 9, 3).astype(np.float32),
        'mixture': np.concatenate([weights, means, factors], axis=-1).astype(np.float32),
        'mass': np.stack([rng.uniform(3, 4, 30), rng.uniform(0.05, 0.2, 30)], axis=1),
        'r_h': rng.dirichlet(np.ones(3), 30),
    }


@pytest.fixture
def posterior(outputs, joint_spec):
    """The posterior of these outputs."""
    return Posterior.from_outputs(outputs, joint_spec)


def test_parameters(posterior):
    """All parameters are known, in the order of the outputs."""
    assert posterior.parameters == NAMES
    assert len(posterior) == 30
    assert repr(posterior) == f'<Posterior of {", ".join(NAMES)} for 30 sources>'


def test_normal(joint_spec, outputs):
    """A mean and deviation in the logarithm give percentiles in linear units."""
    outputs['mass'][:] = [3.0, 0.1]
    posterior = Posterior.from_outputs(outputs, joint_spec)
    assert_quantity_allclose(
        posterior.percentile('mass', [15.865525393145708, 50, 84.13447460685429])[0],
        10 ** np.array([2.9, 3.0, 3.1]) * u.solMass,
        rtol=1e-7,
    )
    assert_quantity_allclose(posterior.mode('mass'), 1e3 * u.solMass)
    factor = np.exp((0.1 * np.log(10)) ** 2 / 2)
    assert_quantity_allclose(posterior.mean('mass'), 1e3 * factor * u.solMass)


@pytest.mark.parametrize('name', NAMES)
def test_percentile(posterior, name):
    """Percentiles increase, have shapes and units, and invert the distribution."""
    values = posterior.percentile(name, [16, 50, 84])
    assert values.shape == (30, 3)
    assert (np.diff(values, axis=1) > 0).all()
    assert_quantity_allclose(values[:, 1], posterior.median(name))
    np.testing.assert_allclose(posterior.cdf(name, values), [[0.16, 0.5, 0.84]] * 30, atol=1e-7)
    np.testing.assert_allclose(posterior.cdf(name, posterior.median(name)), 0.5, atol=1e-7)


@pytest.mark.parametrize('name', NAMES)
def test_draw_agrees(posterior, name):
    """Percentiles of draws are those of the distribution."""
    draws = posterior.draw(4000, rng=1)
    assert list(draws.colnames) == list(NAMES)
    assert draws[name].shape == (30, 4000)
    rank = posterior.cdf(name, draws[name])
    np.testing.assert_allclose(rank.mean(axis=1), 0.5, atol=0.03)
    np.testing.assert_allclose(rank.std(axis=1), 12**-0.5, atol=0.02)


def test_draw_rng(posterior):
    """The same generator gives the same draws."""
    first, again = posterior.draw(3, rng=5), posterior.draw(3, rng=np.random.default_rng(5))
    for name in NAMES:
        assert (first[name] == again[name]).all()


@pytest.mark.parametrize('name', NAMES)
def test_marginal(posterior, name):
    """Densities per linear unit integrate to one, in any unit."""
    low, high = posterior.percentile(name, [0.001, 99.999]).T
    values = np.geomspace(low.min(), high.max(), 20_001) if low.min() > 0 else None
    if values is None:
        values = np.linspace(low.min(), high.max(), 20_001)
    same, density = posterior.marginal(name, values)
    assert same is values
    assert density.shape == (30, 20_001)
    total = np.trapezoid(density, values, axis=1)
    assert_quantity_allclose(total, 1 * u.dimensionless_unscaled, rtol=2e-3)


def test_marginal_units(posterior):
    """Another unit of the values changes the unit of the density alone."""
    values, density = posterior.marginal('age')
    assert_quantity_allclose(values, 10 ** np.linspace(6, 10, 9) * u.yr)
    _, other = posterior.marginal('age', values.to(u.Myr))
    assert other.unit == 1 / u.Myr
    assert_quantity_allclose(other, density)
    assert posterior.marginal('distance')[0].shape == (501,)


def test_log_prob(posterior):
    """Independent outputs multiply, joint ones do not."""
    draws = posterior.draw(4, rng=0)
    log_prob = posterior.log_prob(draws)
    assert log_prob.shape == (30, 4)
    alone = sum(
        np.log(posterior[row].marginal(name, draws[name][row])[1].value[0])
        for name in ('mass', 'r_h')
        for row in [7]
    )
    pairs = 0.0
    for part in posterior._parts[:2]:
        columns = []
        for parameter in part.parameters:
            x = draws[parameter.name].value
            columns.append(np.log10(x) if parameter.log else x)
            if parameter.log:
                pairs = pairs - np.log(x * np.log(10))
        pairs = pairs + part.log_pdf(np.stack(columns, axis=-1))
    np.testing.assert_allclose(log_prob[7], alone + pairs[7], rtol=1e-10)
    first = QTable({name: draws[name][:, 0] for name in NAMES})
    np.testing.assert_allclose(posterior.log_prob(first), log_prob[:, 0])


def test_log_prob_units(posterior):
    """The unit of the values does not matter."""
    draws = posterior.draw(4, rng=0)
    other = QTable(draws)
    other['age'] = other['age'].to(u.Gyr)
    np.testing.assert_allclose(posterior.log_prob(other), posterior.log_prob(draws), rtol=1e-12)


def test_selection(posterior):
    """Elements, slices and boolean arrays select sources."""
    median = posterior.median('distance')
    is_odd = np.arange(30) % 2 == 1
    assert_quantity_allclose(posterior[3].median('distance'), median[3:4])
    assert_quantity_allclose(posterior[-1].median('distance'), median[-1:])
    assert_quantity_allclose(posterior[2:5].median('distance'), median[2:5])
    assert_quantity_allclose(posterior[is_odd].median('distance'), median[is_odd])
    assert len(list(posterior)) == 30
    with pytest.raises(IndexError):
        posterior[30]


def test_no_sources(outputs, joint_spec):
    """No sources give empty results."""
    empty = Posterior.from_outputs({name: array[:0] for name, array in outputs.items()}, joint_spec)
    for name in NAMES:
        assert empty.percentile(name, [16, 84]).shape == (0, 2)
        assert empty.mode(name).shape == (0,)
        assert empty.mean(name).shape == (0,)
        assert empty.cdf(name, empty.median(name)).shape == (0,)
    assert empty.log_prob(empty.draw(3)).shape == (0, 3)


def test_nan(outputs, joint_spec):
    """A source with NaN has NaN results."""
    outputs['mixture'][4] = np.nan
    posterior = Posterior.from_outputs(outputs, joint_spec)
    is_nan = np.isnan(posterior.percentile('feh', [16, 50, 84])).all(axis=1)
    assert list(np.flatnonzero(is_nan)) == [4]
    assert np.isfinite(posterior.median('age')).all()
    assert np.isnan(posterior.log_prob(posterior.draw(2, rng=0))[4]).all()


def test_unchanged(posterior, outputs):
    """No call changes the outputs or the posterior."""
    before = {name: array.copy() for name, array in outputs.items()}
    posterior.draw(3, rng=0)
    posterior.mode('distance')
    posterior.percentile('age', 50)[:] = 0
    assert (posterior.median('age') > 0).all()
    for name, array in outputs.items():
        np.testing.assert_array_equal(array, before[name])


def test_errors(posterior, outputs, joint_spec, specs):
    """Wrong names, values, units and shapes raise."""
    with pytest.raises(ValueError, match=r"name must be one of \['age'.*, got 'z'"):
        posterior.median('z')
    for q in (0, 100, [[50]], np.nan):
        with pytest.raises(ValueError, match='q must be one or more numbers between 0 and 100'):
            posterior.percentile('age', q)
    with pytest.raises(u.UnitsError, match="values must have a unit like 'yr', got 'None'"):
        posterior.cdf('age', np.full(30, 1e8))
    with pytest.raises(u.UnitsError, match="values must have a unit like 'yr', got 'mag'"):
        posterior.marginal('age', [1] * u.mag)
    with pytest.raises(ValueError, match=r'values must have one dimension, got shape \(1, 1\)'):
        posterior.marginal('age', [[1]] * u.yr)
    with pytest.raises(ValueError, match=r'values must have shape \(30,\) or \(30, m\)'):
        posterior.cdf('age', [1] * u.yr)
    with pytest.raises(ValueError, match=r"outputs\['joint'\] must have shape \(n, 9, 3\), got"):
        Posterior.from_outputs(outputs | {'joint': np.zeros((30, 3))}, joint_spec)
    with pytest.raises(ValueError, match=r"outputs must have 'r_h', got \['joint'"):
        Posterior.from_outputs({k: v for k, v in outputs.items() if k != 'r_h'}, joint_spec)
    with pytest.raises(ValueError, match='outputs must have equally many sources'):
        Posterior.from_outputs(outputs | {'r_h': outputs['r_h'][1:]}, joint_spec)
    with pytest.raises(ValueError, match='spec must have an output with parameters'):
        Posterior.from_outputs({}, specs['dense'])


def test_unfold(posterior, outputs):
    """The estimate has the parameter's unit; with no radius it is the node of the joint peak."""
    peaks = outputs['joint'].reshape(30, -1).argmax(axis=1)
    expected = 10 ** np.linspace(6, 10, 9)[peaks // 3] * u.yr
    assert_quantity_allclose(posterior.unfold('age', radius=0), expected)
    assert_quantity_allclose(posterior.unfold('age', radius=99), 10 ** (
        outputs['joint'].sum(axis=2) @ np.linspace(6, 10, 9)
    ) * u.yr, rtol=1e-5)  # fmt: skip
    assert posterior.unfold('r_h').unit == u.arcsec
    assert posterior[:0].unfold('age').shape == (0,)


def test_joint(posterior, outputs):
    """The joint density has the order of the names, units, and integrates to one."""
    axes, density = posterior.joint(['r_h', 'age', 'a_v'])
    assert [axis.unit for axis in axes] == [u.arcsec, u.yr, u.mag]
    assert density.unit == 1 / (u.arcsec * u.yr * u.mag)
    assert density.shape == (30, 3, 9, 3)
    # cells of r_h end at 0, 0.15, 0.65 and 1, those of log age halfway between nodes
    widths = [0.15, 0.5, 0.35], [0.25, *[0.5] * 7, 0.25], [1.0, 1.0, 1.0]
    probability = density.value * axes[1].value[:, np.newaxis] * np.log(10)
    for k, width in enumerate(widths):
        probability = np.moveaxis(np.moveaxis(probability, k + 1, -1) * width, -1, k + 1)
    expected = outputs['r_h'][:, :, np.newaxis, np.newaxis] * outputs['joint'][:, np.newaxis]
    np.testing.assert_allclose(probability, expected, rtol=1e-5)
    axes, other = posterior.joint(['a_v', 'age'])
    np.testing.assert_allclose(other.value.swapaxes(1, 2), (density.value * np.array(
        widths[0])[:, np.newaxis, np.newaxis]).sum(axis=1), rtol=1e-5)  # fmt: skip


def test_joint_agrees_with_marginal(posterior):
    """The map of one parameter is the mean over each cell of its marginal density."""
    (nodes,), density = posterior.joint(['a_v'])
    values, at_nodes = posterior.marginal('a_v')
    assert_quantity_allclose(nodes, values)
    at_edges = posterior.marginal('a_v', [0, 1, 2, 3] * u.mag)[1]
    mean = (at_edges[:, :-1] + 4 * at_nodes + at_edges[:, 1:]) / 6  # exact for quadratics
    assert_quantity_allclose(density, mean)
    assert abs(density / at_nodes - 1).max() > 0.1


def test_n_modes_and_extent(outputs, joint_spec):
    """Two peaks far apart are two, in the plane that shows them; wide maps extend far."""
    joint = np.zeros((30, 9, 3), dtype=np.float32)
    joint[:, 1, 0] = joint[:, 7, 2] = 0.5
    joint[1] = np.array([0.25, *[0.5] * 7, 0.25])[:, np.newaxis] / 12  # equal density
    joint[2] = np.nan
    outputs['joint'] = joint
    posterior = Posterior.from_outputs(outputs, joint_spec)
    assert posterior.n_modes(('age', 'a_v'))[:4].tolist() == [2, 1, 0, 2]
    assert posterior.n_modes('a_v', dip=0.01)[:3].tolist() == [2, 1, 0]
    assert posterior.n_modes('age', share=0.6)[0] == 1
    # 0.68 of the probability is in 0.68 of two cells, each a 24th of the grid
    np.testing.assert_allclose(posterior.extent(('age', 'a_v'))[:2], [0.68 / 12, 0.68], rtol=1e-5)
    np.testing.assert_allclose(posterior.extent(('a_v', 'age'))[:2], [0.68 / 12, 0.68], rtol=1e-5)
    assert np.isnan(posterior.extent('age')[2])
    assert posterior[:0].n_modes('age').shape == posterior[:0].extent('age').shape == (0,)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda p: p.unfold('feh'), "names must be parameters on grids, got 'feh'"),
        (lambda p: p.joint(['age', 'age']), 'names must be one or more different parameters'),
        (lambda p: p.joint([]), 'names must be one or more different parameters'),
        (lambda p: p.n_modes('size'), "name must be one of .* got 'size'"),
        (lambda p: p.n_modes('age', dip=0), 'dip must be between 0 and 1, got 0'),
        (lambda p: p.extent('age', level=68), 'level must be between 0 and 1, got 68'),
        (lambda p: p.unfold('age', radius=-1), 'radius must be a number of cells'),
    ],
)
def test_wrong_arguments_on_grids(posterior, call, message):
    """Arguments that make no sense are refused."""
    with pytest.raises(ValueError, match=message):
        call(posterior)


def test_order_of_pieces(outputs, joint_spec):
    """More sources than are looked at together keep their order."""
    outputs = {
        name: np.tile(array, (20,) + (1,) * (array.ndim - 1)) for name, array in outputs.items()
    }
    posterior = Posterior.from_outputs(outputs, joint_spec)
    for function in (posterior.unfold, posterior.extent, posterior.n_modes):
        values = u.Quantity(function('age')).value
        np.testing.assert_array_equal(values.reshape(20, 30), [values[:30]] * 20)
    np.testing.assert_array_equal(posterior[580:].unfold('age'), posterior.unfold('age')[580:])
