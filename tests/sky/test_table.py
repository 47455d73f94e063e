# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of the stored tables.
"""

import json

import numpy as np
from numpy.testing import assert_allclose

from starcnn.files import packaged_path, read_files, verify
from starcnn.sky._table import pack, read_table, unpack, write_table


def test_pack_and_unpack(theory):
    """Nodes survive being stored to the stated steps."""
    nodes = theory._nodes[4:6, 40:43]
    again = unpack(pack(nodes))
    assert_allclose(again[..., 0], nodes[..., 0], atol=1e-5)
    assert_allclose(again[..., 1], nodes[..., 1], rtol=2e-5)
    assert_allclose(again[..., 2], nodes[..., 2], atol=1.3e-4)
    assert_allclose(again[..., 3], nodes[..., 3], atol=2.6e-5)


def test_write_and_read(tmp_path):
    """A table keeps its arrays and its description."""
    write_table(tmp_path / 'a.npz', {'x': np.arange(3)}, {'kind': 'toy', 'origin': 'here'})
    table, meta = read_table(tmp_path / 'a.npz', 'toy')
    assert_allclose(table['x'], [0, 1, 2])
    assert meta == {'kind': 'toy', 'origin': 'here'}


def test_shipped_tables_are_listed_and_name_their_origin():
    """The listed hashes are those of the files, which name where they come from."""
    files = read_files('starcnn.sky', 'data')
    assert [file.file for file in files] == [
        'parsec_v12s.npz',
        'gaia_dr2.npz',
        'hst_acs_wfc.npz',
        'hst_wfc3_uvis.npz',
        'johnson.npz',
    ]
    for file in files:
        path = verify(packaged_path(file), file)
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(str(archive['meta']))
        assert meta['origin']
        assert all(len(code) == 19 for code in meta['bibcodes'])
        assert path.stat().st_size == file.size < 6e6
