# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Build the table of theoretical isochrones that ships in ``starcnn/sky/data``.

The input is ``isochrones/parsec_v12s_theoretical.npz`` of the data folder: the
PARSEC v1.2S isochrones with the thermally pulsing AGB of COLIBRI. Run it as::

    python tools/build_isochrones.py --data $STARCNN_DATA_DIR
"""

import argparse
import os
from itertools import chain
from pathlib import Path

import numpy as np

from starcnn.files import compute_sha256
from starcnn.sky._parsec import metallicity
from starcnn.sky._table import pack, unpack, write_table
from starcnn.sky._tracks import MS, NODE_PHASES, TPAGB, mend_phases, resample

LOG_AGES = np.round(np.arange(6.0, 10.101, 0.05), 2)
META = {
    'kind': 'isochrones',
    'origin': 'PARSEC v1.2S with the TP-AGB of COLIBRI, as distributed with FSPS',
    'bibcodes': [
        '2012MNRAS.427..127B',
        '2014MNRAS.444.2525C',
        '2015MNRAS.452.1068C',
        '2013MNRAS.434..488M',
        '2014MNRAS.445.4287T',
    ],
    'metallicity': '[M/H] = log10(Z/X / 0.0207), Y = 0.2485 + 1.78 Z',
    'luminosity': 'log L is in units of 3.846e33 erg/s',
    'changes': 'sampled at common evolutionary points; thermal pulses are averaged',
}


def read_isochrones(path):
    """
    Return the metallicities and, for each, the rows of each age.
    """
    with np.load(path, allow_pickle=False) as archive:
        names = list(archive['columns'])
        tables = {float(name[1:]): archive[name] for name in archive.files if name[0] == 'z'}
    order = [names.index(name) for name in ('m_ini', 'phase', 'm_act', 'log_l', 'log_teff')]
    for z, table in sorted(tables.items()):
        rows = [table[np.isclose(table[:, 0], age, atol=1e-3)][:, order] for age in LOG_AGES]
        yield metallicity(z), [row.astype(float) for row in rows]


def resampling_error(rows, nodes):
    """
    Return the errors of log L and log T_eff at the original points before the pulses.
    """
    log_m = np.maximum.accumulate(np.log10(rows[:, 0]))
    phase = mend_phases(rows[:, 1], rows[:, 0], rows[:, 3], rows[:, 4])
    errors = []
    for code in range(MS, TPAGB):
        track = nodes[code == NODE_PHASES]
        points = np.column_stack([log_m, rows[:, 3:]])[phase == code]
        if not len(points):
            continue
        start, step = track[:-1, [0, 2, 3]], np.diff(track[:, [0, 2, 3]], axis=0)
        scale = np.array([10.0, 1.0, 1.0])
        away = (points[:, np.newaxis] - start) * scale
        norm = np.maximum(((step * scale) ** 2).sum(-1), 1e-30)
        along = np.clip((away * step * scale).sum(-1) / norm, 0, 1)
        away -= along[..., np.newaxis] * step * scale
        best = (away**2).sum(-1).argmin(1)
        errors.append(np.abs(away[np.arange(len(points)), best, 1:]))
    return np.concatenate(errors)


def main():
    """
    Read, resample, check and write.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data', type=Path, default=os.environ.get('STARCNN_DATA_DIR'))
    parser.add_argument('--output', type=Path, default=Path('starcnn/sky/data/parsec_v12s.npz'))
    args = parser.parse_args()
    if args.data is None:
        parser.error('give --data or set STARCNN_DATA_DIR')
    m_h, nodes, raw = [], [], []
    for metals, isochrones in read_isochrones(
        Path(args.data) / 'isochrones/parsec_v12s_theoretical.npz'
    ):
        m_h.append(metals)
        raw.append(isochrones)
        nodes.append([resample(r[:, 0], r[:, 1].astype(int), r[:, 2:]) for r in isochrones])
    packed = pack(np.array(nodes))
    write_table(args.output, packed | {'m_h': np.array(m_h), 'log_ages': LOG_AGES}, META)
    stored = unpack(packed)
    pairs = zip(chain.from_iterable(raw), stored.reshape(-1, *stored.shape[2:]), strict=True)
    errors = np.concatenate([resampling_error(rows, track) for rows, track in pairs])
    for name, error in zip(('log L', 'log T_eff'), errors.T, strict=True):
        worst = np.quantile(error, [0.5, 0.95, 0.99, 1])
        print(f'{name}: 50, 95, 99, 100 % of the points within {worst.round(5)}')
    print(f'{args.output}: {args.output.stat().st_size} bytes, {compute_sha256(args.output)}')


if __name__ == '__main__':
    main()
