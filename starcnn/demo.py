# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The main job, shown: ages, extinctions and distances of clusters, and a diagram of each.
"""

import importlib.util
import re
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table, join
from tqdm import tqdm

from starcnn.estimator import Estimator
from starcnn.exceptions import DataFileError
from starcnn.families.gaia_cmd.catalogue import read_catalogue
from starcnn.families.gaia_cmd.members import read_members
from starcnn.families.gaia_cmd.spec import A_V_OFFSET
from starcnn.files import read_files
from starcnn.plugins._manager import open_file

__all__ = ['run']

# Well-known clusters of all ages, those that the folder of real data may have.
_WELL_KNOWN = (
    'NGC_869',
    'NGC_6705',
    'Melotte_22',
    'NGC_2168',
    'NGC_3532',
    'NGC_2477',
    'NGC_7789',
    'NGC_6819',
    'NGC_2682',
    'NGC_188',
)

# How many isochrones show the width of the posterior, and which part of its draws.
_N_DRAWS = 120
_CENTRAL = 0.68

# The phase of `starcnn.sky.Isochrones` that ends at the tip of the red giant branch.
_RGB = 2

_PARAMETERS = ('age', 'a_v', 'distance')
_UNITS = {'age': u.Myr, 'a_v': u.mag, 'distance': u.pc}
_FORMATS = {'age': '.0f', 'a_v': '.2f', 'distance': '.0f'}


def run(*, members=None, real=False, output=Path('starcnn_demo')):
    """
    Estimate the parameters of clusters, print them, and draw their diagrams.

    Parameters
    ----------
    members : str, `~pathlib.Path` or `None`, optional
        A table of member stars; see
        `starcnn.families.gaia_cmd.members.read_members`. By default the
        simulated clusters that ship with the package.

    real : bool, optional
        Whether to take real clusters from the folder that ``STARCNN_DATA_DIR``
        names, and to print the catalogue's values beside the estimates.

    output : str or `~pathlib.Path`, optional
        The folder for the table (``estimates.ecsv``) and the diagrams
        (``<cluster>.png``).

    Raises
    ------
    DataFileError
        If ``real`` and there is no such folder, or it has none of the clusters.

    OSError
        If ``members`` cannot be read.

    ValueError
        If ``members`` is not a table of stars with the columns that are needed.
    """
    if members is not None:
        stars, known, title = read_members(members), None, f'The clusters of {members}'
    elif real:
        stars, known = _real_clusters()
        title = 'Real clusters: the estimate beside Cantat-Gaudin et al. (2020)'
    else:
        stars, known = _mock_clusters()
        title = 'Simulated clusters: the estimate beside the truth'
    estimator = Estimator('gaia_cmd')
    result = estimator.predict(stars)
    print(f'{title}\n')
    _print_results(result, known, 'catalogue' if real else 'truth')
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    result.write(output / 'estimates.ecsv', overwrite=True)
    print(f'\n{output / "estimates.ecsv"}: all columns', flush=True)
    if importlib.util.find_spec('matplotlib') is None:
        print('No figures: they need matplotlib, which comes with starcnn[plot]')
        return
    posterior = estimator.posterior(stars)
    names = _file_names(result['cluster'])
    drawn = np.flatnonzero(np.isfinite(result['age']))
    for index in tqdm(drawn, unit='figure', leave=False, disable=None):
        _draw(stars, result, posterior, index, output / names[index])
    print(f'{output / "<cluster>.png"}: figures, {len(drawn)} in all')


def _mock_clusters():
    """Return the members and the truth of the packaged clusters."""
    files = {file.file: file for file in read_files('starcnn.families.gaia_cmd', 'data')}
    path = open_file(files['demo.fits'])
    return tuple(QTable.read(path, hdu=name) for name in ('MEMBERS', 'TRUTH'))


def _real_clusters():
    """Return the members and the catalogue's values of well-known clusters."""
    members, labels = read_catalogue()
    labels = labels[np.isin(labels['cluster'], _WELL_KNOWN)]
    if not len(labels):
        msg = f'folder of real data must hold one of the clusters {list(_WELL_KNOWN)}, got none'
        raise DataFileError(msg)
    members = members[np.isin(members['cluster'], labels['cluster'])]
    found = set(members['cluster'])
    missing = [name for name in _WELL_KNOWN if name not in found]
    if missing:
        print(f'Not in the folder of real data: {", ".join(missing)}')
    return members, labels


def _print_results(result, known, label):
    """Print estimates with their 68 % intervals, beside what is known."""
    table = Table({'id': result['id'], 'cluster': result['cluster'], 'stars': result['n_stars']})
    if known is not None:
        known = join(result['id', 'cluster'], known, keys='cluster', join_type='left')
        known.sort('id')
    for name in _PARAMETERS:
        unit, form = _UNITS[name], _FORMATS[name]
        values = (result[name + suffix].to_value(unit) for suffix in ('', '_16', '_84'))
        table[f'{name} / {unit}'] = [
            f'{middle:{form}} ({low:{form}} - {high:{form}})'
            for middle, low, high in zip(*values, strict=True)
        ]
        if known is not None:
            values = u.Quantity(known[name]).to_value(unit)
            table[f'{label} {name}'] = [f'{value:{form}}' for value in values]
    table['flags'] = result['flags']
    lines = table.pformat(max_lines=-1, max_width=-1)
    print('\n'.join(line.rstrip() for line in lines), flush=True)


def _file_names(clusters):
    """Return the names of the figures, different for all clusters."""
    names, taken = [], set()
    for cluster in clusters:
        stem = name = re.sub('[^A-Za-z0-9.+-]+', '_', str(cluster))
        number = 1
        while name.lower() in taken:  # some file systems know no upper case
            number += 1
            name = f'{stem}_{number}'
        taken.add(name.lower())
        names.append(f'{name}.png')
    return names


def _draw(stars, result, posterior, index, path):
    """Draw the diagram of one cluster into a file."""
    from starcnn.validation.diagrams import cmd_with_isochrone

    row = result[index]
    name = str(row['cluster'])
    axes = cmd_with_isochrone(
        stars[stars['cluster'] == row['cluster']],
        _isochrone(row['age'], row['a_v'], row['distance']),
        band=_band(posterior[index : index + 1]),
        title=name.replace('_', ' '),
        text='\n'.join(
            f'{symbol} = {_interval(row, parameter)}'
            for symbol, parameter in (('age', 'age'), ('$A_V$', 'a_v'), ('d', 'distance'))
        ),
    )
    axes.figure.savefig(path, dpi=150)


def _interval(row, name):
    """Return an estimate with its 68 % interval, as text for a figure."""
    unit, form = _UNITS[name], _FORMATS[name]
    low, middle, high = (row[name + suffix].to_value(unit) for suffix in ('_16', '', '_84'))
    text = f'{middle:{form}}$^{{+{high - middle:{form}}}}_{{-{middle - low:{form}}}}$'
    return f'{text} {unit}'


def _band(posterior):
    """Return isochrones at the draws that are most probable."""
    draws = posterior.draw(_N_DRAWS, rng=0)
    density = posterior.log_prob(draws)[0]
    draws = QTable({name: draws[name][0] for name in _PARAMETERS})
    central = draws[density >= np.quantile(density, 1 - _CENTRAL)]
    return [_isochrone(*(row[name] for name in _PARAMETERS)) for row in central]


def _isochrone(age, a_v, distance):
    """Return the apparent isochrone of solar metallicity nearest to an estimate."""
    from starcnn.families.gaia_cmd.simulator import population

    stars = population()
    lowest, highest = 10.0 ** stars.isochrones.log_ages[[0, -1]] * u.yr
    table = stars.apparent_isochrone(
        age=np.clip(age, lowest, highest),
        m_h=0.0,
        distance=distance,
        a_v=np.clip(a_v + A_V_OFFSET * u.mag, 0 * u.mag, stars.photometry.a_v_max),
    )
    table.rename_columns(
        ('Gaia_G', 'Gaia_BP', 'Gaia_RP'),
        ('phot_g_mean_mag', 'phot_bp_mean_mag', 'phot_rp_mean_mag'),
    )
    # No star crosses from the tip of the red giant branch to the burning of helium.
    jump = np.flatnonzero(np.diff(table['phase']) > 0)
    table['phot_g_mean_mag'][jump[table['phase'][jump] == _RGB]] = np.nan * u.mag
    return table
