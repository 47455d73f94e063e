# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
A process that makes a bank beside the training, and its end.
"""

import multiprocessing
import os
import signal
import sys
import threading
import traceback

_PATIENCE = 10.0  # seconds until a process that was asked to end is killed


class Maker:
    """
    A process that calls a function, whose errors are raised here.

    The process ends with this one, whatever ends it, and so do its own
    children if `end_with_parent` runs in them.
    """

    def __init__(self, function, *args):
        # no fork: it copies the locks of libraries that have threads
        context = multiprocessing.get_context('spawn')
        self._errors, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(sender, function, *args))
        self._process.start()
        sender.close()

    def check(self):
        """Raise what the function has raised."""
        if not self._errors.poll():
            return
        try:
            error = self._errors.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            if code == 0:
                return
            msg = f'bank must be made to its end, but the process that makes it ended with {code}'
            error = ChildProcessError(msg)
        raise error

    def wait(self):
        """Wait for the end of the function."""
        self._errors.poll(None)
        self.check()

    def close(self):
        """End the process at once."""
        self._process.terminate()
        self._process.join(_PATIENCE)
        self._process.kill()
        self._process.join()


def end_with_parent():
    """
    End this process when the one that started it ends, also if that was killed.
    """

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run(sender, function, *args):
    """Call the function, and send what it raises."""
    end_with_parent()
    signal.signal(signal.SIGTERM, _stop)
    # an interrupt from the keyboard reaches all processes, but it is for the first to handle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 - it is raised again where the bank is used
        error.add_note(''.join(traceback.format_exception(error)))
        sender.send(error)
        sys.exit(1)


def _stop(*_):
    """End this process and its children without waiting for what they do."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.exit(1)
