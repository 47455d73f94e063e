# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of ``starcnn train`` with labelled stamps.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import NDData
from astropy.table import QTable
from numpy.testing import assert_array_equal

from starcnn import Classifier
from starcnn._train_labels import choose_filters, find_groups, read_labelled
from starcnn.cli import main
from starcnn.images import write_stamps

FILTERS = ('F438W', 'F555W', 'F814W')


@pytest.fixture
def stamps():
    """Twenty stamps in three filters: bright at the centre, or around it."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:30, :30] - 14.5
    radius = np.hypot(x, y)
    shapes = [np.exp(-((radius / 2) ** 2)), np.exp(-((radius - 7) ** 2) / 4)]
    images = np.stack([[shapes[k % 2]] * 3 for k in range(20)]) * 20 + rng.normal(
        0, 0.2, (20, 3, 30, 30)
    )
    meta = {'filters': FILTERS, 'pixel_scale': 0.04 * u.arcsec}
    return NDData(images.astype(np.float32), unit='electron / s', meta=meta)


@pytest.fixture
def table():
    """What is known of them."""
    return QTable(
        {
            'kind': ['star', 'ring'] * 10,
            'galaxy': np.repeat(np.arange(5), 4),
            'RA': np.arange(20) / 10 * u.deg,
            'dec': np.zeros(20) * u.deg,
        }
    )


def test_read(stamps, table, tmp_path):
    """FITS stamps and files of arrays give the same."""
    write_stamps(tmp_path / 'x.fits', stamps, table)
    np.savez(
        tmp_path / 'x.npz',
        images=stamps.data,
        filters=FILTERS,
        unit='electron / s',
        pixel_scale=0.04,
        kind=np.array(table['kind']),
    )
    first, columns = read_labelled(tmp_path / 'x.fits')
    second, others = read_labelled(tmp_path / 'x.npz')
    assert_array_equal(first.data, second.data)
    assert first.unit == second.unit
    assert first.meta['filters'] == second.meta['filters'] == FILTERS
    assert columns['kind'].tolist() == others['kind'].tolist()
    with pytest.raises(FileNotFoundError, match='--stamps must be a file'):
        read_labelled(tmp_path / 'y.fits')


def test_filters(stamps):
    """Some of the filters are taken, in the order asked for."""
    chosen = choose_filters(stamps, ('F814W', 'F438W'))
    assert_array_equal(chosen.data, stamps.data[:, [2, 0]])
    assert chosen.meta['filters'] == ('F814W', 'F438W')
    assert stamps.meta['filters'] == FILTERS
    with pytest.raises(ValueError, match=r"--filters must be filters of the stamps, .*'F999W'"):
        choose_filters(stamps, ('F999W',))


@pytest.mark.training
@pytest.mark.parametrize('kind', ['columns', 'SkyCoord', 'plain'])
def test_positions(stamps, table, kind):
    """Stamps that overlap are one group, wherever the positions are."""
    pytest.importorskip('torch')
    table['RA'][1] = 0.5 * u.arcsec
    if kind == 'SkyCoord':
        table = QTable({'place': SkyCoord(table['RA'], table['dec'])})
    elif kind == 'plain':
        table = QTable({'ra': table['RA'].value, 'DEC': table['dec'].value})
    groups = find_groups(table, stamps, 'position')
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 19
    assert_array_equal(groups, find_groups(table, stamps, None))


@pytest.mark.training
def test_groups(stamps, table):
    """A column is taken as it is; without positions and columns there are no groups."""
    pytest.importorskip('torch')
    assert_array_equal(find_groups(table, stamps, 'galaxy'), table['galaxy'])
    bare = table['kind', 'galaxy']
    assert find_groups(bare, stamps, None) is None
    with pytest.raises(ValueError, match='--group must be a column where'):
        find_groups(bare, stamps, 'position')
    with pytest.raises(ValueError, match="--group must be 'position' or a column"):
        find_groups(bare, stamps, 'field')


@pytest.mark.training
def test_command(stamps, table, tmp_path, monkeypatch, capsys):
    """The command gives what the function is called with, and prints its scores."""
    train = pytest.importorskip('starcnn.train')
    called = {}

    class Result:
        network, training = object(), {'scores': {'accuracy': 0.75}}

        def export(self, path, *, half):
            path.write_bytes(b'123')
            return type('File', (), {'size': 2e6})

    def fit_labels(*args, **settings):
        called.update(settings, args=args)
        return Result()

    monkeypatch.setattr(train, 'fit_labels', fit_labels)
    write_stamps(tmp_path / 'x.fits', stamps, table)
    output = tmp_path / 'own.onnx'
    words = f'train phangs_hst --stamps {tmp_path / "x.fits"} --labels kind --group galaxy '
    words += '--filters F555W,F814W --start random --members 2 --epochs 3 --seed 4 '
    words += f'--recipe batch_size=8 -o {output}'
    assert main(words.split()) == 0
    assert called['args'][0].batch_size == 8
    assert called['args'][0].variant == 'default'
    assert called['args'][1].meta['filters'] == ('F555W', 'F814W')
    assert called['args'][2].tolist() == ['star', 'ring'] * 10
    assert_array_equal(called['groups'], table['galaxy'])
    for name, value in {'start': 'random', 'members': 2, 'epochs': 3, 'seed': 4}.items():
        assert called[name] == value
    out = capsys.readouterr().out
    assert 'accuracy 0.75' in out
    assert '2.0 MB' in out


@pytest.mark.training
@pytest.mark.parametrize(
    ('words', 'match'),
    [
        ('', '--labels must name the column'),
        ('--labels nothing', "--labels must be a column of ['id', 'kind'"),
        ('--labels kind --mocks 5', 'without the options of mocks, got --mocks'),
        ('--labels kind --variant nothing', 'variant must be one of'),
    ],
)
def test_wrong_commands(stamps, table, tmp_path, capsys, words, match):
    """What is wrong is one line."""
    pytest.importorskip('torch')
    table['id'] = np.arange(20)
    write_stamps(tmp_path / 'x.fits', stamps, table['id', 'kind'])
    words = f'train phangs_hst --stamps {tmp_path / "x.fits"} -o {tmp_path / "x.onnx"} {words}'
    assert main(words.split()) == 1
    assert match in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.filterwarnings('ignore:stamps of one object')
def test_own_classes(tmp_path):
    """From pictures of 8 bits in one filter to classes: with the network that users get."""
    pytest.importorskip('torch')
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:40, :40] - 19.5
    radius = np.hypot(x, y)
    shapes = [np.exp(-((radius / 3) ** 2)), np.exp(-((radius - 9) ** 2) / 6)]
    images = np.stack([shapes[k % 2] for k in range(40)]) * 150 + rng.normal(50, 5, (40, 40, 40))
    images = images.clip(0, 255).astype(np.uint8)
    np.savez(tmp_path / 'x.npz', image=images, label=np.array(['star', 'ring'] * 20))
    path = tmp_path / 'own.onnx'
    words = f'train phangs_hst --stamps {tmp_path / "x.npz"} --labels label --filters g '
    words += f'--size 48 --epochs 8 --recipe batch_size=16 -o {path}'
    assert main(words.split()) == 0
    stamps = NDData(images[:, None], unit='', meta={'filters': ('g',)})
    classifier = Classifier('phangs_hst', weights=path)
    result = classifier.predict(stamps, confidence=0.8, prevalence={'star': 0.5, 'ring': 0.5})
    assert result.colnames == [
        'id', 'class', 'prob_ring', 'prob_star', 'entropy', 'classes_80', 'flags',
    ]  # fmt: skip
    assert np.mean(result['class'] == ['star', 'ring'] * 20) > 0.9
    brighter = NDData(10.0 * images[:, None], unit='', meta={'filters': ('g',)})
    assert_array_equal(classifier.predict(brighter)['class'], classifier.predict(stamps)['class'])
