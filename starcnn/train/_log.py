# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Logs that TensorBoard reads, if it is there.
"""


class Log:
    """
    Numbers by step in files for TensorBoard; nothing without a folder.
    """

    def __init__(self, folder, step):
        self._writer = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            msg = (
                'log_dir must be None without tensorboard, which comes with the extra "log": '
                'python -m pip install "starcnn[log]"'
            )
            raise ImportError(msg) from None
        # what an interrupted training wrote beyond its checkpoint is hidden
        self._writer = SummaryWriter(str(folder), purge_step=step)

    def write(self, step, **values):
        """Note numbers, but for those that are `None`."""
        if self._writer is None:
            return
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self):
        """Close the files."""
        if self._writer is not None:
            self._writer.close()
