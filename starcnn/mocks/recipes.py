# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Recipes of networks that are trained on mock clusters, and follow the options of the simulator.
"""

from dataclasses import replace
from functools import partial

from starcnn.mocks.bank import encode_bank
from starcnn.networks import Features, Spec
from starcnn.plugins import Recipe

__all__ = ['make_bank_spec', 'make_recipe']

_BRIGHT = 1e6  # electron/s: above all pixels


def make_bank_spec(spec):
    """
    Return the spec of what a network is trained on.

    Parameters
    ----------
    spec : `~starcnn.networks.Spec`
        The spec of the network, whose first input are images.

    Returns
    -------
    spec : `~starcnn.networks.Spec`
        With the images of clusters and of fields apart, the level and the
        scatter of the fields, and the mean flux of the clusters; and the
        parameters without grids. It has no visibility, which depends on the
        field that a cluster is put on.
    """
    images = spec.inputs[0]
    numbers = {
        'columns': images.filters,
        'units': (images.unit,) * len(images.filters),
        'bounds': ((0.0, _BRIGHT),) * len(images.filters),
    }
    inputs = (
        replace(images, name='clusters'),
        replace(images, name='fields'),
        *(Features(name=name, **numbers) for name in ('level', 'scatter', 'flux')),
    )
    outputs = tuple(
        replace(parameter, grid=None)
        for parameter in spec.parameters
        if parameter.name != 'visibility'
    )
    return Spec(family=spec.family, variant='bank', inputs=inputs, outputs=outputs)


def make_recipe(make_spec, network, loss, *, augment, bank, **settings):
    """
    Return a recipe that follows the options of the simulator.

    Parameters
    ----------
    make_spec : callable
        ``make_spec(filters=, shape=, pixel_scale=, log_age=, log_mass=, a_v=,
        r_h=)`` returns the `~starcnn.networks.Spec` of the network, without
        arguments for the family's own options.

    network, loss : callable
        As for `~starcnn.plugins.Recipe`, but ``loss`` takes ``spec`` as well.

    augment : `~starcnn.mocks.augment.Augment`
        How training puts clusters on fields, for the family's own options.

    bank : `~starcnn.plugins.SimulatorBackend`
        What makes clusters and fields, see `simulate_bank`.

    **settings
        Others of `~starcnn.plugins.Recipe`.

    Returns
    -------
    recipe : `~starcnn.plugins.Recipe`
        The recipe of the family's estimator.
    """
    spec = make_spec()
    recipe = Recipe(
        name=spec.family,
        variant=spec.variant,
        task='estimator',
        spec=spec,
        bank_spec=make_bank_spec(spec),
        network=network,
        loss=partial(loss, spec=spec),
        augment=augment,
        bank_simulator=bank,
        bank_encode=encode_bank,
        **settings,
    )
    return _with_options(recipe, make_spec)


def _with_options(recipe, make_spec):
    """Return the recipe with what makes it follow other options."""
    return replace(recipe, for_options=partial(_for_options, recipe, make_spec))


def _for_options(recipe, make_spec, options):
    """Return the recipe for other options of the simulator."""
    spec = make_spec(
        filters=options.filters,
        shape=options.shape,
        pixel_scale=float(options.pixel_scale.to_value('arcsec')),
        log_age=options.log_age,
        log_mass=options.log_mass,
        a_v=options.a_v,
        r_h=options.r_h,
    )
    changed = replace(
        recipe,
        spec=spec,
        bank_spec=make_bank_spec(spec),
        loss=partial(recipe.loss.func, spec=spec),
        augment=recipe.augment.for_options(options),
    )
    return _with_options(changed, make_spec)
