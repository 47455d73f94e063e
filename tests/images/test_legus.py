# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Tests of starcnn.images.legus.
"""

import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import CCDData
from astropy.table import Table
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

from starcnn.exceptions import DataFileError, StarcnnWarning
from starcnn.images import extract_cutouts, read_legus

FILTERS = ('F275W', 'F336W', 'F438W', 'F555W', 'F814W')
NAME = 'hlsp_legus_hst_wfc3_ngc0000-e_multiband_v1_padagb-mwext-avgapcor.tab'

# The first 33 columns of three sources: measured; not detected in the first filter and not
# observed in the last; without correction in the second, and too few filters for a fit.
MAGNITUDES = (
    (22.38, 0.107, 22.332, 0.114, 23.234, 0.075, 23.255, 0.048, 22.411, 0.064),
    (99.999, 99.999, 22.332, 0.114, 23.234, 0.075, 23.255, 0.048, 66.666, 66.666),
    (99.999, 99.999, 44.444, 44.444, 23.234, 0.075, 23.255, 0.048, 22.411, 0.064),
)
FIT = (1.5e7, 2e7, 1e7, 13180, 14940, 11950, 0.25, 0.29, 0.22, -0.06, 0.16, 0.11, -0.08, 0.08)
ROWS = [
    (1, 101, 51.5, 65.0034, -54.90707, *MAGNITUDES[0], 1.44, *FIT, 2.687, 0.045, 5),
    (2, 201.25, 61, 65.00739, -54.90761, *MAGNITUDES[1], 1.6, *FIT, 2.687, 0.045, 4),
    (5, 301, 71, 65.00745, -54.90785, *MAGNITUDES[2], 3.5, *(0,) * 14, 0, 0, 0),
]

# The READMEs differ in such details as two spaces, the camera left out, and the limits of CI.
README = """
# Catalogue of a galaxy that does not exist
Version 1. It has 33 columns and more.

1. source id
2. x coordinates in the ref frame (image aligned and registered)
3. y coordinates in the ref frame (image aligned and registered)
4. RA coordinates in the ref frame (image aligned and registered)
5. DEC coordinates in the ref frame (image aligned and registered)
6. final total mag in WFC3/F275W
7. final photometric error in WFC3/F275W
8. final total mag in  WFC3/F336W
9. final photometric error in F336W
10. final total mag in ACS/F435W
11. final photometric error in ACS/F435W
12. final total mag in ACS/F606W
13. final photometric error in ACS/F606W
14. final total mag in ACS/F814W
15. final photometric error in ACS/F814W
16. CI=mag(1px)-mag(3px) measured in the F606W. This catalogue contains only sources with CI>=1.4.
17. best age in yr
18. max age in yr (within 68 % confidence level)
19. min age in yr (within 68 % confidence level)
20. best mass in solar masses
21. max mass in solar masses (within 68 % confidence level)
22. min mass in solar masses (within 68 % confidence level)
23. best E(B-V)
24. max E(B-V) (within 68 % confidence level)
25. min E(B-V) (within 68 % confidence level)
26. chi2 fit residual in F275W, if positive the flux observed is higher
27. chi2 fit residual in F336W, if positive the flux observed is higher
28. chi2 fit residual in F435W, if positive the flux observed is higher
29. chi2 fit residual in F606W, if positive the flux observed is higher
30. chi2 fit residual in F814W, if positive the flux observed is higher
31. reduced chi2
32. Q probability is a measurement of the quality of the fit
33. Number of filter. Sources with UBVI or UV-BVI detection have Nflt=4
"""
MODE = (
    'Final assigned class of the source after visual inspection, applying the mode. Only clusters'
)
MEAN = 'Final assigned class of the source after visual inspection, applying the mean. The classes'
HYBRID = (
    'Final morphological flag. The classification that should be used',
    'Method of visual inspection. Flag 0, the source has been classified only by the ML approach',
    'Final morphological class of the source after visual inspection of 3 humans (mode value).',
    'Final assigned class of the source using the machine learning (ML) approach.',
    'Final morphological classification assigned by 1 human who has verified the ML one.',
    'Final morphological post-reclassification by 1 human of sources that had class 4.',
)
VISUAL = (
    'Visual classification done by LEGUS team-member Brad Whitmore. Class=4, spurious.',
    'Quality flag included by Brad Whitmore. 1 = certain, 2 = likely, 3 = possible',
    'Halpha morphology at the position of the source by Brad Whitmore.',
    'Flag indicates how the source has been detected, 0 is by the LEGUS pipeline',
)


def write(folder, ends, descriptions=(), *, name=NAME):
    """Write a catalogue with columns after the 33rd and their descriptions in a README."""
    lines = [
        ' '.join(f'{value:>12}' for value in (*a, *b)) for a, b in zip(ROWS, ends, strict=True)
    ]
    (folder / name).write_text('\n'.join(lines) + '\n', encoding='utf-8')
    if descriptions:
        text = [f'{i}. {text}' for i, text in enumerate(descriptions, start=34)]
        path = (folder / name).with_suffix('.readme')
        path.write_text(README + '\n'.join(text), encoding='utf-8')
    return folder / name


def test_with_readme(tmp_path):
    """Columns get the names and units that the README gives them."""
    table = read_legus(write(tmp_path, [(1, 2), (4, 4), (0, 0)], [MODE, MEAN]))
    assert table.meta['filters'] == ['F275W', 'F336W', 'F435W', 'F606W', 'F814W']
    assert_array_equal(table['id'], [1, 2, 5])
    assert_allclose(table['x'].to_value(u.pix), [100, 200.25, 300])
    assert_allclose(table['y'].to_value(u.pix), [50.5, 60, 70])
    assert SkyCoord(table['ra'], table['dec'])[1].ra.deg == 65.00739
    assert_allclose(table['mag_F606W'].to_value(u.mag), 23.255)
    assert_allclose(table['mag_F336W_err'].to_value(u.mag), [0.114, 0.114, np.nan])
    assert_allclose(table['mag_F336W'].to_value(u.mag), [22.332, 22.332, np.nan])
    assert_allclose(table['mag_F275W'].to_value(u.mag), [22.38, np.nan, np.nan])
    assert_allclose(table['mag_F814W_err'].to_value(u.mag), [0.064, np.nan, 0.064])
    assert_allclose(table['ci'].to_value(u.mag), [1.44, 1.6, 3.5])
    assert_allclose(table['age_max'].to_value(u.Myr), [20, 20, np.nan])
    assert_allclose(table['mass'].to_value(u.solMass), [13180, 13180, np.nan])
    assert_allclose(table['ebv_min'].to_value(u.mag), [0.22, 0.22, np.nan])
    assert_allclose(table['residual_F606W'], [-0.08, -0.08, np.nan])
    assert_allclose(table['chi2'], [2.687, 2.687, np.nan])
    assert_array_equal(table['n_filters'], [5, 4, 0])
    assert list(table['class']) == ['1', '4', '']
    assert list(table['class_mean']) == [2, 4, 0]
    assert set(table['field']) == {'ngc0000-e'}
    assert table.meta['classes'] == 'class_mode'


def test_without_readme(tmp_path):
    """The filters are enough for the catalogues of 35 columns."""
    path = write(tmp_path, [(1, 2), (4, 4), (0, 0)])
    with pytest.raises(FileNotFoundError, match=r'\.readme.*filters may be given instead'):
        read_legus(path)
    table = read_legus(path, filters=FILTERS)
    assert list(table['class']) == ['1', '4', '']
    assert_allclose(table['mag_F438W_err'].to_value(u.mag), 0.075)
    assert list(read_legus(path, filters=FILTERS, classes='class_mean')['class']) == ['2', '4', '']
    assert_allclose(read_legus(path, filters=FILTERS, origin=0)['x'][0].value, 101)


def test_hybrid_classes(tmp_path):
    """Where machines and people have classified, the survey's own choice is taken."""
    path = write(tmp_path, [(4, 6, 3, 1, 0, 4), (1, 3, 1, 2, 0, 0), (0, 0, 0, 0, 0, 0)], HYBRID)
    table = read_legus(path)
    assert list(table['class']) == ['4', '1', '']
    assert table.meta['classes'] == 'class_hybrid'
    for name, expected in (
        ('class_mode', ['3', '1', '']),
        ('class_ml', ['1', '2', '']),
        ('class_verified', ['', '', '']),
        ('class_revised', ['4', '', '']),
    ):
        assert list(read_legus(path, classes=name)['class']) == expected
    assert list(table['class_method']) == [6, 3, 0]


def test_hybrid_classes_without_readme(tmp_path):
    """Columns that are not described have numbers, and one of them may be chosen."""
    path = write(tmp_path, [(4, 6, 3, 1, 0, 4), (1, 3, 1, 2, 0, 0), (0, 0, 0, 0, 0, 0)])
    table = read_legus(path, filters=FILTERS)
    assert 'class' not in table.colnames
    assert table.colnames[33:39] == [f'column_{i}' for i in range(34, 40)]
    assert list(read_legus(path, filters=FILTERS, classes='column_34')['class']) == ['4', '1', '']


def test_classes_of_one_person(tmp_path):
    """In one catalogue non-clusters are 4 or 0, and 5 is what was not looked at."""
    ends = [(0, 1, 4, 0), (5, 0, 0, 0), (3, 2, 1, 1)]
    plain = read_legus(write(tmp_path, ends, VISUAL))
    assert list(plain['class']) == ['', '', '3']
    assert_array_equal(plain['h_alpha'], [4, 0, 1])
    other = (VISUAL[0].replace('Class=4,', 'Class=4 or 0,'), *VISUAL[1:])
    assert list(read_legus(write(tmp_path, ends, other))['class']) == ['4', '', '3']


def test_unknown_classes(tmp_path):
    """A number that is no class gives none, and a warning."""
    path = write(tmp_path, [(1, 2), (7, 4), (0, 0)], [MODE, MEAN])
    with pytest.warns(StarcnnWarning, match=r'class_mode has \[7\]'):
        assert list(read_legus(path)['class']) == ['1', '', '']


def test_undescribed_columns_are_kept(tmp_path):
    """A description that is not known gives a column with a number."""
    table = read_legus(write(tmp_path, [(1, 8), (2, 8), (3, 9)], [MODE, 'Something new']))
    assert_array_equal(table['column_35'], [8, 8, 9])


def test_mosaic_and_single_frame(tmp_path):
    """Some catalogues have the positions in two frames."""
    mosaic = 'x coordinates in the ref mosaic frame (aligned)'
    names = [MODE, mosaic, mosaic.replace('x', 'y', 1)]
    table = read_legus(write(tmp_path, [(1, 11, 21), (2, 12, 22), (3, 13, 23)], names))
    assert_allclose(table['x_mosaic'].value, [10, 11, 12])
    assert_allclose(table['y_mosaic'].value, [20, 21, 22])
    assert_allclose(table['x'].value, [100, 200.25, 300])


def test_errors(tmp_path):
    """What is not a catalogue, or has not the columns of its README, is refused."""
    ends = [(1, 2), (4, 4), (0, 0)]
    path = write(tmp_path, ends, [MODE])
    with pytest.raises(DataFileError, match='each of the 35 columns'):
        read_legus(path)
    with pytest.raises(ValueError, match='readme must not be given together'):
        read_legus(path, readme=path, filters=FILTERS)
    with pytest.raises(ValueError, match='filters must be 5 names'):
        read_legus(path, filters=FILTERS[1:])
    with pytest.raises(ValueError, match='origin must be 0 or 1, got 2'):
        read_legus(path, filters=FILTERS, origin=2)
    with pytest.raises(ValueError, match=r"classes must be one of \['class_mode', 'class_mean'\]"):
        read_legus(path, filters=FILTERS, classes='class')
    with pytest.raises(FileNotFoundError, match='path must be a catalogue'):
        read_legus(tmp_path / 'no.tab')
    readme = path.with_suffix('.readme')
    readme.write_text(README.replace('RA coord', 'R coord') + '34. a\n35. b', encoding='utf-8')
    with pytest.raises(DataFileError, match=r"without \['ra'\]"):
        read_legus(path)
    for text in ('1 2 3\n4 5 6\n', 'some words\nand more words\n'):
        path.write_text(text, encoding='utf-8')
        with pytest.raises(DataFileError, match='hlsp_legus'):
            read_legus(path, filters=FILTERS)


def test_pixels_are_those_of_the_mosaic(tmp_path):
    """A source at the first pixel of the catalogue, 1, is in the corner of the mosaic."""
    table = read_legus(write(tmp_path, [(1, 2), (4, 4), (0, 0)]), filters=FILTERS)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ('RA---TAN', 'DEC--TAN'), (65, -54.9)
    wcs.wcs.cdelt = -1.1e-5, 1.1e-5
    image = np.zeros((90, 320), np.float32)
    image[70, 300] = 1  # in FITS, and in the catalogue, (301, 71)
    mosaic = CCDData(image, unit='electron / s', wcs=wcs)
    cutouts = extract_cutouts({'F555W': mosaic}, table['id', 'x', 'y', 'class'], shape=(3, 3))
    assert_array_equal(cutouts.data[2, 0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert list(cutouts.meta['sources']['class']) == ['1', '4', '']


@pytest.mark.slow
def test_real_catalogue(tmp_path):
    """Real sources, put into the distributed format, come back, and pass the cuts of the survey."""
    folder = os.environ.get('STARCNN_DATA_DIR')
    if folder is None:
        pytest.skip('STARCNN_DATA_DIR is not set')
    path = Path(folder) / 'catalogs' / 'legus_labelled.csv.xz'
    if not path.is_file():
        pytest.skip(f'{path} is not there')
    known = Table.read(path, format='ascii.csv')
    known = known[known['galaxy'] == 'ngc628-c']
    names = known.colnames[1:-1]
    assert len(names) == 33
    lines = [' '.join(str(row[name]) for name in (*names, 'class', 'class')) for row in known]
    catalogue = tmp_path / NAME
    catalogue.write_text('\n'.join(lines), encoding='utf-8')
    table = read_legus(catalogue, filters=('F275W', 'F336W', 'F435W', 'F555W', 'F814W'))
    assert [int(x) for x in table['class']] == list(known['class'])
    assert_allclose(table['ci'].value, known['ci'])
    assert set(table['n_filters']) <= {4, 5}
    v = table['mag_F555W'].value - 5 * np.log10(9.9e5)  # of 9.9 Mpc: Wei et al. 2020, Table 2
    assert np.mean(v < -6) > 0.85  # the survey cuts at -6 with corrections by the CI
    assert np.nanmin(table['ci'].value) >= 1.4
    errors = np.stack([table[f'mag_{x}_err'].value for x in table.meta['filters']])
    assert ((errors < 0.3).sum(axis=0) >= 4).mean() > 0.95
    # The positions on the sky are those in pixels, up to their rounding.
    ra, dec = table['ra'].value, table['dec'].value
    matrix = np.stack([np.ones(len(table)), table['x'].value, table['y'].value])
    for angle in ((ra - ra[0]) * np.cos(np.radians(dec)), dec - dec[0]):
        fit = np.linalg.lstsq(matrix.T, angle, rcond=None)[0]
        assert_allclose(np.hypot(*fit[1:]) * 3600, 0.0396, rtol=0.01)
        assert abs(angle - fit @ matrix).max() < 1.1e-5
