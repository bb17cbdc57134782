"""What processes that train together tell each other. Alone, a process hears itself: every tensor is as it was."""

import torch
from torch import Tensor


def num_processes() -> int:
    is_group = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if is_group else 1


def process_index() -> int:
    return torch.distributed.get_rank() if num_processes() > 1 else 0


def total(x: Tensor) -> Tensor:
    """The sum over all processes. A gradient comes back to each of them from all."""
    return x if num_processes() == 1 else Total.apply(x)


class Total(torch.autograd.Function):
    """Both ways the sum over all processes."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        x = x.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return Total.forward(ctx, gradient)


def first(x: Tensor) -> Tensor:
    """The first process's values, such as its random draws."""
    if num_processes() > 1:
        torch.distributed.broadcast(x, src=0)
    return x


def share(x: Tensor) -> Tensor:
    """This process's part of rows that all processes have; equally many for each."""
    count = len(x) // num_processes()
    return x[process_index() * count :][:count]
