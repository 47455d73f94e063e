# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The command line: the public classes for people who live in a shell.
"""

import argparse
import sys
import warnings
from pathlib import Path

from starcnn import __version__

__all__ = ['build_parser', 'main']


def build_parser():
    """
    Build the parser of the command line.

    Returns
    -------
    parser : `argparse.ArgumentParser`
        The parser. The name of the command is in ``command``.
    """
    parser = argparse.ArgumentParser(
        prog='starcnn',
        description='Physical parameters of star clusters from images and catalogues.',
    )
    parser.add_argument('--version', action='version', version=f'starcnn {__version__}')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    _add_list(commands)
    _add_fetch(commands)
    _add_demo(commands)
    _add_simulate(commands)
    _add_predict(commands)
    _add_train(commands)
    _add_reproduce(commands)
    return parser


def main(argv=None):
    """
    Run a command.

    Parameters
    ----------
    argv : list of str or `None`, optional
        The arguments; those of the process if `None`.

    Returns
    -------
    status : int
        0 if all went well, 1 after an error, which is one line on the standard
        error. Wrong usage exits with 2.
    """
    args = build_parser().parse_args(argv)
    import astropy.units as u
    from astropy.io.registry import IORegistryError

    from starcnn._commands import COMMANDS

    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            COMMANDS[args.command](args)
        except (
            ArithmeticError,
            ImportError,
            IORegistryError,
            OSError,
            TypeError,
            ValueError,
            u.UnitsError,
        ) as error:
            print(f'starcnn: error: {_one_line(error)}', file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print('starcnn: interrupted', file=sys.stderr)
            return 1
    return 0


def _one_line(message):
    """Return a message without line breaks."""
    return ' '.join(str(message).split()) or type(message).__name__


def _show_warning(message, category, filename, lineno, file=None, line=None):  # noqa: ARG001
    """Write a warning as one line, without the place in the code."""
    print(f'starcnn: warning: {_one_line(message)}', file=sys.stderr)


def _whole(text):
    """Return a whole number from 0, as seeds are."""
    if not text.isdecimal():
        msg = f'must be a whole number from 0, got {text!r}'
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _seconds(text):
    """Return a time with a unit as a number of seconds."""
    import astropy.units as u

    try:
        seconds = u.Quantity(text).to_value(u.s)
    except (TypeError, ValueError, u.UnitsError):
        seconds = -1.0
    if not 0 <= seconds < float('inf'):
        msg = f"must be a time with a unit, such as '8min', got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return float(seconds)


def _add(commands, name, text):
    """Add a command and return its parser."""
    return commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + '.')


def _add_list(commands):
    """Add ``starcnn list``."""
    _add(commands, 'list', 'list the installed families, their weights, and what is here')


def _add_fetch(commands):
    """Add ``starcnn fetch``."""
    parser = _add(commands, 'fetch', 'download and check the files of families')
    parser.add_argument('names', nargs='+', metavar='NAME', help="a family, or 'all'")


def _add_demo(commands):
    """Add ``starcnn demo``."""
    parser = _add(commands, 'demo', 'estimate the parameters of clusters, with a figure of each')
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--members', type=Path, metavar='FILE', help='a table of your own stars')
    group.add_argument(
        '--real', action='store_true', help='real clusters from the folder $STARCNN_DATA_DIR'
    )
    parser.add_argument(
        '--output',
        type=Path,
        default=Path('starcnn_demo'),
        metavar='DIR',
        help='where the table and the figures go (default: %(default)s)',
    )


def _add_simulate(commands):
    """Add ``starcnn simulate``."""
    parser = _add(commands, 'simulate', 'simulate observations and write them to a file')
    parser.add_argument('name', metavar='NAME', help='a family with a simulator')
    parser.add_argument('-n', type=int, default=10, help='how many sources (default: %(default)s)')
    _add_output(parser, required=True, text='the observations, a table or FITS images')
    parser.add_argument(
        '--truth', type=Path, metavar='FILE', help='the truth (default: OUTPUT with _truth.ecsv)'
    )
    parser.add_argument('--seed', type=_whole, help='the same seed gives the same observations')
    _add_option(parser)


def _add_predict(commands):
    """Add ``starcnn predict``."""
    parser = _add(commands, 'predict', 'run a network on observations')
    parser.add_argument('name', metavar='NAME', help='a family with a network')
    parser.add_argument('data', type=Path, metavar='DATA', help='a table, or FITS images')
    _add_output(parser, required=False, text='the result (default: print the table)')
    parser.add_argument('--weights', help='a tag, or an ONNX file (ending in .onnx)')
    parser.add_argument(
        '--task',
        choices=('estimator', 'classifier', 'mass_mapper'),
        help='needed if the family has several',
    )
    _add_device(parser)
    parser.add_argument(
        '--batch-size',
        type=int,
        default=128,
        metavar='N',
        help='sources at once on a GPU (default: %(default)s)',
    )


def _add_train(commands):
    """Add ``starcnn train``."""
    parser = _add(commands, 'train', 'simulate, train a network and write it to an ONNX file')
    parser.add_argument('name', metavar='NAME', help='a family with a recipe')
    parser.add_argument('--variant', help='needed if the family has several')
    parser.add_argument(
        '--mocks', type=int, metavar='N', help='instead of the number in the recipe'
    )
    parser.add_argument('--epochs', type=int, metavar='N', help='instead of those in the recipe')
    parser.add_argument(
        '--validation',
        type=float,
        default=0.1,
        metavar='FRACTION',
        help='of the mocks that are held out (default: %(default)s)',
    )
    parser.add_argument('--seed', type=_whole, default=0, help='(default: %(default)s)')
    _add_device(parser)
    _add_stamps(parser)
    _add_bank(parser)
    parser.add_argument(
        '--checkpoints',
        type=Path,
        metavar='DIR',
        help='what the next call resumes from (default: OUTPUT with .checkpoints)',
    )
    parser.add_argument(
        '--initial', type=Path, metavar='DIR', help='checkpoints of a training to start from'
    )
    parser.add_argument(
        '--budget', type=_seconds, metavar='TIME', help="stop in time, as '8min', to be resumed"
    )
    parser.add_argument(
        '--overlap', action='store_true', help='train while the mocks are being made'
    )
    parser.add_argument(
        '--log-dir', type=Path, metavar='DIR', help='logs for TensorBoard (needs the extra log)'
    )
    parser.add_argument(
        '--deterministic', action='store_true', help='the same bits each time, also on a GPU'
    )
    parser.add_argument('--amp', action='store_true', help='compute in bfloat16 where it is safe')
    parser.add_argument('--half', action='store_true', help='store the weights as float16')
    _add_option(parser)
    parser.add_argument(
        '--recipe',
        action='append',
        default=[],
        metavar='KEY=VALUE',
        help='a setting of the recipe, as batch_size; may be given several times',
    )
    _add_output(parser, required=True, text='the ONNX file, named after its tag')


def _add_stamps(parser):
    """Add labelled stamps of one's own, for classifiers."""
    group = parser.add_argument_group('labelled stamps instead of mocks, for classifiers')
    group.add_argument(
        '--stamps', type=Path, metavar='FILE', help='FITS files as of write_stamps, .npz or HDF5'
    )
    group.add_argument('--labels', metavar='COLUMN', help='their classes')
    group.add_argument(
        '--group',
        metavar='COLUMN',
        help="what is not divided, as the galaxy (default: 'position', if there are any)",
    )
    group.add_argument('--filters', metavar='NAMES', help='those to use, as F438W,F555W')
    group.add_argument('--pixel-scale', metavar='ANGLE', help="as '0.04arcsec', if not in the file")
    group.add_argument('--crop', type=int, metavar='N', help='pixels that are cut out')
    group.add_argument('--size', type=int, metavar='N', help='pixels within the network')
    group.add_argument(
        '--members',
        type=int,
        default=1,
        metavar='N',
        help='networks whose mean is taken (default: %(default)s)',
    )
    group.add_argument(
        '--start',
        default='imagenet',
        metavar='START',
        help="'imagenet', 'random' or a file of weights; with mocks as well (default: %(default)s)",
    )


def _add_bank(parser):
    """Add the mocks to train on, and those to score on."""
    parser.add_argument(
        '--workers', type=int, metavar='N', help='processes that simulate (default: all cores)'
    )
    parser.add_argument(
        '--bank', type=Path, metavar='DIR', help='the mocks (default: OUTPUT with .bank)'
    )
    parser.add_argument(
        '--bank-seed', type=_whole, metavar='SEED', help='of the mocks (default: that of --seed)'
    )
    parser.add_argument(
        '--scores',
        type=_whole,
        default=1024,
        metavar='N',
        help='mocks to score the network on, in BANK with .validation (default: %(default)s)',
    )


def _add_reproduce(commands):
    """Add ``starcnn reproduce``."""
    parser = _add(commands, 'reproduce', "print a paper's numbers beside those measured here")
    parser.add_argument('name', metavar='NAME', help='a family with claims')
    parser.add_argument(
        '--data', type=Path, metavar='DIR', help='your data files (default: $STARCNN_DATA_DIR)'
    )
    parser.add_argument(
        '--output',
        type=Path,
        metavar='DIR',
        help='where the table and the figures go (default: NAME_claims)',
    )
    parser.add_argument(
        '--mocks', type=int, metavar='N', help='how many mock sources (default: as the paper)'
    )
    parser.add_argument(
        '--rst',
        type=Path,
        metavar='FILE',
        help='the table for the documentation, with the figures in a folder named after it',
    )


def _add_output(parser, *, required, text):
    """Add the file to write, and whether it may replace another."""
    parser.add_argument('-o', '--output', type=Path, required=required, metavar='FILE', help=text)
    parser.add_argument('--overwrite', action='store_true', help='replace files that exist')


def _add_option(parser):
    """Add the options of the simulator."""
    parser.add_argument(
        '--option',
        action='append',
        default=[],
        metavar='KEY=VALUE',
        help='an option of the simulator; may be given several times',
    )


def _add_device(parser):
    """Add the device."""
    parser.add_argument('--device', default='cpu', help="'cpu' or 'cuda' (default: %(default)s)")


if __name__ == '__main__':
    sys.exit(main())
