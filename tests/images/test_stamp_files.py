# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.stamp_files.
"""

import re

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import NDData, StdDevUncertainty
from astropy.table import QTable
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.exceptions import DataFileError, StarcnnWarning
from starcnn.images import read_stamps, write_stamps

FILTERS = ('F275W', 'F336W', 'F438W', 'F555W', 'F814W')
RATE = u.electron / u.s


def make_stamps(n=3, size=50, filters=FILTERS, **changes):
    """Return stamps of noise, the second without its first filter and with a masked pixel."""
    data = np.random.default_rng(0).normal(size=(n, len(filters), size, size)).astype(np.float32)
    if n > 1:
        data[1, 0] = np.nan
        data[1, 1, 3, 4] = np.nan
    sources = QTable({'id': np.arange(9, 9 + n), 'ra': np.linspace(10, 11, n) * u.deg})
    sources['class'] = [str(i % 4 + 1) for i in range(n)]
    meta = {'filters': filters, 'pixel_scale': 0.04 * u.arcsec, 'sources': sources}
    options = {'unit': RATE, 'mask': np.isnan(data), 'meta': meta} | changes
    return NDData(data, **options)


def write_plain(path, names=FILTERS, *, value=1.0, size=20, **header):
    """Write a file of one candidate as others do: images, and no table."""
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for i, name in enumerate(names):
        hdu = fits.ImageHDU(np.full((size, size), value * (i + 1)), name=name)
        hdu.header.update(header)
        hdus.append(hdu)
    hdus.writeto(path)
    return path


@pytest.mark.parametrize('name', ['stamps.fits', 'stamps'])
def test_round_trip(tmp_path, name):
    """Stamps and table come back from one file and from a folder as they were."""
    stamps = make_stamps()
    path = write_stamps(tmp_path / name, stamps)
    again, table = read_stamps(path)
    assert_array_equal(again.data, stamps.data)
    assert_array_equal(again.mask, stamps.mask)
    assert again.data.dtype == np.float32
    assert again.unit == RATE
    assert again.meta['filters'] == FILTERS
    assert_allclose(again.meta['pixel_scale'].to_value(u.arcsec), 0.04)
    assert table.colnames == ['id', 'ra', 'class']
    assert_array_equal(table['id'], [9, 10, 11])
    assert list(table['class']) == ['1', '2', '3']
    assert_allclose(table['ra'].to_value(u.deg), [10, 10.5, 11])
    assert again.meta['sources'] is table
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_layout_of_the_paper(tmp_path):
    """A candidate has a file with five extensions named by the filters; zeros stand for none."""
    write_stamps(tmp_path / 'all', make_stamps())
    assert sorted(item.name for item in (tmp_path / 'all').iterdir()) == [
        '10.fits',
        '11.fits',
        '9.fits',
    ]
    with fits.open(tmp_path / 'all' / '10.fits') as hdus:
        assert [hdu.name for hdu in hdus] == ['PRIMARY', *FILTERS, 'SOURCES']
        assert {hdu.data.shape for hdu in hdus[1:6]} == {(50, 50)}
        assert (hdus['F275W'].data == 0).all()
        assert np.isnan(hdus['F336W'].data).sum() == 1
        assert hdus['F336W'].header['BUNIT'] == 'electron / s'
        assert hdus[0].header['PIXSCALE'] == 0.04


def test_table_argument(tmp_path):
    """Another table may be written than the stamps have."""
    table = QTable({'id': ['a', 'b', 'c'], 'label': ['x', 'y', 'z']})
    _, again = read_stamps(write_stamps(tmp_path / 'all', make_stamps(), table))
    assert list(again['label']) == ['x', 'y', 'z']


def test_without_table_unit_or_scale(tmp_path):
    """Pictures that are not of the sky come back without unit; names of files are the ids."""
    pictures = NDData(np.ones((1, 1, 12, 14)), meta={'filters': ('g',)})
    again, table = read_stamps(write_stamps(tmp_path / 'g.fits', pictures))
    assert again.unit is None
    assert again.meta['filters'] == ('g',)
    assert 'pixel_scale' not in again.meta
    assert list(table['id']) == ['g']


def test_files_of_others(tmp_path):
    """Units as Hubble spells them, filters of ACS wheels and the scale of a WCS are understood."""
    wcs = {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 10.0, 'CRVAL2': 20.0}
    wcs |= {'CDELT1': -0.04 / 3600, 'CDELT2': 0.04 / 3600, 'CRPIX1': 5.0, 'CRPIX2': 5.0}
    path = write_plain(tmp_path / 'a.fits', ['SCI'], BUNIT='ELECTRONS/S', **wcs)
    with fits.open(path, mode='update') as hdus:
        hdus[1].header['FILTER1'], hdus[1].header['FILTER2'] = 'CLEAR1L', 'F814W'
    stamps, table = read_stamps(path)
    assert stamps.meta['filters'] == ('F814W',)
    assert stamps.unit == RATE
    assert_allclose(stamps.meta['pixel_scale'].to_value(u.arcsec), 0.04, rtol=1e-6)
    assert list(table['id']) == ['a']


def test_given_filters_scale_and_unit(tmp_path):
    """What files do not say can be given."""
    path = write_plain(tmp_path / 'a.fits', ['', '', ''])
    options = {'filters': ['U', 'B', 'V'], 'pixel_scale': 40 * u.mas, 'unit': 'electron / s'}
    stamps, _ = read_stamps(path, **options)
    assert stamps.meta['filters'] == ('U', 'B', 'V')
    assert stamps.unit == RATE
    assert_allclose(stamps.meta['pixel_scale'].to_value(u.arcsec), 0.04)
    with pytest.raises(DataFileError, match='name one filter each'):
        read_stamps(path)
    with pytest.raises(ValueError, match='filters must be 3 names'):
        read_stamps(path, filters=['U'])


def test_list_of_files_with_a_missing_filter(tmp_path):
    """A filter that one of the files lacks is NaN there; the order is that of the full file."""
    whole = write_plain(tmp_path / 'b.fits')
    lacking = write_plain(tmp_path / 'a.fits', FILTERS[1:])
    stamps, table = read_stamps([lacking, whole])
    assert stamps.meta['filters'] == FILTERS
    assert np.isnan(stamps.data[0, 0]).all()
    assert_array_equal(stamps.data[1, :, 0, 0], [1, 2, 3, 4, 5])
    assert_array_equal(stamps.data[0, 1:, 0, 0], [1, 2, 3, 4])
    assert list(table['id']) == ['a', 'b']


def test_units_of_files(tmp_path):
    """A filter in another unit is converted to that of the first, if it can be."""
    path = write_plain(tmp_path / 'a.fits', BUNIT='electron / s')
    with fits.open(path, mode='update') as hdus:
        hdus[2].header['BUNIT'] = 'electron / ks'
    stamps, _ = read_stamps(path)
    assert_allclose(stamps.data[0, 1], 0.002)
    with fits.open(path, mode='update') as hdus:
        hdus[2].header['BUNIT'] = 'Jy'
    with pytest.raises(DataFileError, match='one unit, got electron / s and Jy'):
        read_stamps(path)


def test_numbers_in_names_count(tmp_path):
    """The files of a folder come in the order of their numbers."""
    for i in (10, 9, 100):
        write_plain(tmp_path / f'c{i}.fits', value=i)
    stamps, table = read_stamps(tmp_path)
    assert list(table['id']) == ['c9', 'c10', 'c100']
    assert_array_equal(stamps.data[:, 0, 0, 0], [9, 10, 100])


def test_files_are_whole_or_not_there(tmp_path, monkeypatch):
    """A write that fails leaves nothing, and what was there before."""
    path = write_stamps(tmp_path / 'stamps.fits', make_stamps())
    before = path.read_bytes()

    def fail(self, name, **kwargs):
        name.write_bytes(b'SIMPLE')  # what was written until then
        msg = 'disc full'
        raise OSError(msg)

    monkeypatch.setattr(fits.HDUList, 'writeto', fail)
    with pytest.raises(OSError, match='disc full'):
        write_stamps(path, make_stamps(), overwrite=True)
    with pytest.raises(OSError, match='disc full'):
        write_stamps(tmp_path / 'folder', make_stamps())
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ['stamps.fits']


def test_overwrite(tmp_path):
    """A file is replaced only if that is asked for, a folder never."""
    for name in ('a.fits', 'a'):
        write_stamps(tmp_path / name, make_stamps())
        with pytest.raises(FileExistsError, match=re.escape(f"{name}', which exists")):
            write_stamps(tmp_path / name, make_stamps())
    write_stamps(tmp_path / 'a.fits', make_stamps(1), overwrite=True)
    assert len(read_stamps(tmp_path / 'a.fits')[1]) == 1
    with pytest.raises(FileExistsError, match='new folder'):
        write_stamps(tmp_path / 'a', make_stamps(), overwrite=True)
    with pytest.raises(FileNotFoundError, match='folder that exists'):
        write_stamps(tmp_path / 'no' / 'a.fits', make_stamps())


def test_wrong_stamps(tmp_path):
    """Stamps and tables that cannot be written are told apart."""
    path = tmp_path / 'a.fits'
    with pytest.raises(TypeError, match='cutouts must be NDData, got ndarray'):
        write_stamps(path, np.ones((1, 1, 5, 5)))
    with pytest.raises(ValueError, match=r"and meta\['filters'\], got \(3, 5, 50, 50\) and None"):
        write_stamps(path, make_stamps(meta={}))
    with pytest.raises(ValueError, match='different names'):
        write_stamps(path, make_stamps(filters=('g', 'G')))
    with pytest.raises(ValueError, match='linear unit or none'):
        write_stamps(path, make_stamps(unit=u.ABmag))
    with pytest.raises(ValueError, match='a row for each of 3 stamps, got 1'):
        write_stamps(path, make_stamps(), QTable({'id': [1]}))
    with pytest.raises(TypeError, match='table must be a Table'):
        write_stamps(path, make_stamps(), [1, 2, 3])
    for ids, what in (
        (['a/b', 'c', 'd'], "'a/b'"),
        ([1, 1, 2], 'some twice'),
        (['..', 'a', 'b'], '..'),
    ):
        with pytest.raises(ValueError, match=f'names of files, all different, got .*{what}'):
            write_stamps(tmp_path / 'a', make_stamps(), QTable({'id': ids}))
    with pytest.warns(StarcnnWarning, match='uncertainty of cutouts is not written'):
        write_stamps(path, make_stamps(uncertainty=StdDevUncertainty(np.ones((3, 5, 50, 50)))))


def test_wrong_files(tmp_path):
    """Files that are not stamps are refused with their name."""
    with pytest.raises(FileNotFoundError, match=r'no\.fits'):
        read_stamps(tmp_path / 'no.fits')
    with pytest.raises(FileNotFoundError, match='must have FITS files'):
        read_stamps(tmp_path)
    (tmp_path / 'text.fits').write_text('no FITS', encoding='utf-8')
    with pytest.raises(DataFileError, match=r'text\.fits'):
        read_stamps(tmp_path / 'text.fits')
    fits.PrimaryHDU().writeto(tmp_path / 'empty.fits')
    with pytest.raises(DataFileError, match=r'an image extension for each filter.*empty\.fits'):
        read_stamps(tmp_path / 'empty.fits')
    a = write_plain(tmp_path / 'a.fits')
    for other, match in (
        (write_plain(tmp_path / 'b.fits', size=21), 'one shape'),
        (write_plain(tmp_path / 'c.fits', ['F300W']), 'filters of'),
        (write_plain(tmp_path / 'd.fits', BUNIT='Jy'), 'one unit'),
        (write_plain(tmp_path / 'e.fits', PIXSCALE=0.05), 'one pixel scale'),
    ):
        with pytest.raises(DataFileError, match=match):
            read_stamps([a, other])
    with pytest.raises(u.UnitsError, match='pixel_scale'):
        read_stamps(a, pixel_scale=3 * u.m)


def test_truncated_file(tmp_path):
    """A file that was cut off is refused."""
    path = write_stamps(tmp_path / 'a.fits', make_stamps())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFileError, match=r'a\.fits'):
        read_stamps(path)
