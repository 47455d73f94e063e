# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Settings of the documentation.

The build needs no network. Links into the documentation of other packages are
made when ``STARCNN_DOCS_LINKS`` is set.
"""

import argparse
import importlib.util
import os
import sys
from importlib.metadata import version as installed_version

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.ext.autodoc.mock import MockFinder
from sphinx_astropy.conf.v3 import *  # noqa: F403
from sphinx_astropy.conf.v3 import exclude_patterns, extensions, intersphinx_mapping

from starcnn.cli import build_parser

project = 'starcnn'
author = 'The starcnn developers'
copyright = f'2026, {author}'  # noqa: A001
release = installed_version('starcnn')
version = release.partition('+')[0]

html_title = f'starcnn {version}'
html_static_path = []

exclude_patterns += [
    '_build',
    'changes/[0-9]*',
    'families/*_results.rst',  # included by the page of the family
]

# The inventories of other packages come from the network.
if os.environ.get('STARCNN_DOCS_LINKS'):
    intersphinx_mapping['pluggy'] = ('https://pluggy.readthedocs.io/en/stable/', None)
else:
    extensions.remove('sphinx.ext.intersphinx')
    intersphinx_mapping.clear()

# Names of other packages stay plain text without the inventories, so the build
# is not nitpicky; tests/test_docs.py checks the names of the package itself.
nitpicky = False

# Drawings of class hierarchies need graphviz and would show one box each.
automodapi_inheritance_diagram = False
automodapi_toctreedirnm = 'reference/api'
automodsumm_inherited_members = False

# The reference of starcnn.train is built on machines without torch as well.
_TRAINING = ('onnx', 'onnxscript', 'safetensors', 'torch', 'zarr')
missing = [name for name in _TRAINING if not importlib.util.find_spec(name)]
if missing:
    sys.meta_path.insert(0, MockFinder(missing))

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = ['png']
plot_rcparams = {'figure.autolayout': True, 'savefig.dpi': 120}
plot_apply_rcparams = True


class CommandLineHelp(Directive):
    """
    The help of the command line and of each subcommand, from the parser itself.
    """

    def run(self):
        """
        Return a section with a literal block for each subcommand.
        """
        parser = build_parser()
        (commands,) = (
            action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
        )
        found = [section('starcnn', parser.format_help())]
        for name, command in commands.choices.items():
            found.append(section(f'starcnn {name}', command.format_help()))
        return found


def section(title, text):
    """
    Return a section with a literal block.
    """
    node = nodes.section(ids=[nodes.make_id(title)], names=[title])
    node += nodes.title(text=title)
    node += nodes.literal_block(text, text, language='none')
    return node


def setup(app):
    """
    Add the directive.
    """
    os.environ['COLUMNS'] = '80'  # the width of the help
    app.add_directive('command-line-help', CommandLineHelp)
