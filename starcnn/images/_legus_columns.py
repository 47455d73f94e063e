# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The columns of the LEGUS catalogues of clusters, as the README of each describes them.
"""

import re

import astropy.units as u

# The start of a description, and the name and the unit of the column.
# The READMEs differ in wording between galaxies; a filter in a description is in the name.
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), name, unit)
    for pattern, name, unit in (
        (r'source id', 'id', None),
        (r'x coordinates in the ref mosaic', 'x_mosaic', u.pix),
        (r'y coordinates in the ref mosaic', 'y_mosaic', u.pix),
        (r'x coordinates', 'x', u.pix),
        (r'y coordinates', 'y', u.pix),
        (r'ra coordinates', 'ra', u.deg),
        (r'dec coordinates', 'dec', u.deg),
        (r'final total mag in\s.*?(?P<filter>F\d+W)', 'mag_{}', u.mag),
        (r'final photometric error in\s.*?(?P<filter>F\d+W)', 'mag_{}_err', u.mag),
        (r'CI\s*=', 'ci', u.mag),
        (r'best age', 'age', u.yr),
        (r'max age', 'age_max', u.yr),
        (r'min age', 'age_min', u.yr),
        (r'best mass', 'mass', u.solMass),
        (r'max mass', 'mass_max', u.solMass),
        (r'min mass', 'mass_min', u.solMass),
        (r'best E\(B-V\)', 'ebv', u.mag),
        (r'max E\(B-V\)', 'ebv_max', u.mag),
        (r'min E\(B-V\)', 'ebv_min', u.mag),
        (r'chi2 fit residual in (?P<filter>F\d+W)', 'residual_{}', None),
        (r'reduced chi2', 'chi2', None),
        (r'Q probability', 'q', None),
        (r'number of filter', 'n_filters', None),
        (r'final assigned class.*applying the mode', 'class_mode', None),
        (r'final assigned class.*applying the mean', 'class_mean', None),
        (r'final (assigned|morphological) class.*\(mode value\)', 'class_mode', None),
        (r'final assigned class.*machine learning', 'class_ml', None),
        (r'final morphological class.*machine learning', 'class_ml', None),
        (r'final morphological flag', 'class_hybrid', None),
        (r'method of visual inspection', 'class_method', None),
        (r'final morphological classification assigned by 1 human', 'class_verified', None),
        (r'final morphological post-reclassification', 'class_revised', None),
        (r'visual classification done by', 'class_visual', None),
        (r'quality flag', 'quality', None),
        (r'halpha morphology', 'h_alpha', None),
        (r'flag indicates how', 'selection', None),
    )
)

# What the README of all catalogues but those of machines and mosaics says, filters left open:
# the first 33 columns, and the two classes of the catalogues that have 35.
_BEFORE = ('id', 'x', 'y', 'ra', 'dec')
_MIDDLE = ('ci', 'age', 'age_max', 'age_min', 'mass', 'mass_max', 'mass_min')
_AFTER = ('chi2', 'q', 'n_filters', 'class_mode', 'class_mean')
_EXTINCTION = ('ebv', 'ebv_max', 'ebv_min')
N_FILTERS, N_COMMON = 5, 33

_UNITS = {name: unit for _, name, unit in _PATTERNS}
_INTEGERS = ('id', 'n_filters', 'class_', 'quality', 'h_alpha', 'selection')

# In one README non-clusters are 4 or 0, and 5 was not looked at; in all others 0 was not.
_ZERO_IS_FOUR = re.compile(r'class\s*=\s*4 or 0', re.IGNORECASE)


def read_readme(text):
    """Return the names of the columns, by their number, and where class 0 is class 4."""
    names, zero_is_four = {}, set()
    for number, description in re.findall(r'^\s*(\d+)\.\s+(\S.*)$', text, re.MULTILINE):
        name = _name(description) or f'column_{number}'
        names[int(number)] = name
        if _ZERO_IS_FOUR.search(description):
            zero_is_four.add(name)
    return names, zero_is_four


def standard_names(filters):
    """Return the names of the columns of a catalogue without classes by machines or mosaics."""
    magnitudes = [f'mag_{name}{end}' for name in filters for end in ('', '_err')]
    residuals = [f'residual_{name}' for name in filters]
    names = (*_BEFORE, *magnitudes, *_MIDDLE, *_EXTINCTION, *residuals, *_AFTER)
    return list(names)


def unit_of(name):
    """Return the unit of a column, or `None`."""
    return _UNITS.get(re.sub(r'_F\d+W', '_{}', name))


def is_integer(name):
    """Whether a column has whole numbers."""
    return name.startswith(_INTEGERS)


def _name(description):
    """Return the name of a column that is described so, or `None`."""
    for pattern, name, _ in _PATTERNS:
        if match := pattern.match(description):
            return name.format(match['filter'].upper()) if '{}' in name else name
    return None
