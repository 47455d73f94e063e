# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The families, one folder for each paper. All are plugins and found by their names.
"""
