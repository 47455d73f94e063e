# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
The processes that train one network together, as torchrun starts them.
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

# The first process makes the bank while the others wait.
_TIMEOUT = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Team:
    """
    The number of processes, and which of them this is.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self):
        """Whether this is the process that writes."""
        return self.rank == 0

    def place(self, device):
        """Return the device of this process: each has a GPU of its own."""
        if self.size > 1 and device == 'cuda':
            return f'cuda:{os.environ["LOCAL_RANK"]}'
        return device

    def wrap(self, network):
        """Return the network that all processes train together."""
        if self.size == 1:
            return network
        return torch.nn.parallel.DistributedDataParallel(network)

    def wait(self):
        """Wait until all processes are here."""
        if self.size > 1:
            distributed.barrier()

    def largest(self, value):
        """Return the largest of the integers of all processes."""
        if self.size == 1:
            return value
        found = torch.tensor(value)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return int(found)

    def mean(self, values):
        """Return the mean of the tensors of all processes."""
        if self.size == 1:
            return values
        total = values.cpu()
        distributed.all_reduce(total)
        return (total / self.size).to(values.device)


@contextmanager
def join_team():
    """
    Meet the other processes that torchrun started, if there are any; part at the end.
    """
    if distributed.is_initialized():
        yield Team(rank=distributed.get_rank(), size=distributed.get_world_size())
        return
    if int(os.environ.get('WORLD_SIZE', '1')) == 1:
        yield Team()
        return
    backend = 'cpu:gloo,cuda:nccl' if torch.cuda.is_available() else 'gloo'
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
    distributed.init_process_group(backend, timeout=_TIMEOUT)
    try:
        yield Team(rank=distributed.get_rank(), size=distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
