"""Training in several processes under `torchrun`: who we are, and gradients and buffers brought together."""

# torch is not typed here, so its decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

__all__ = ["average_buffers", "average_gradients", "join_processes"]


def join_processes() -> tuple[int, int]:
    """Rank and number of processes; 0 and 1 unless `torchrun` started several."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    return int(os.environ.get("RANK", "0")) if world > 1 else 0, world


def average_gradients(parameters: list[Tensor], world: int) -> None:
    """One all-reduce over the gradients laid end to end."""
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters if parameter.grad is not None])
    torch.distributed.all_reduce(flat)
    flat /= world
    start = 0
    for parameter in parameters:
        if parameter.grad is not None:
            count = parameter.grad.numel()
            parameter.grad.copy_(flat[start : start + count].view_as(parameter.grad))
            start += count


@torch.no_grad()
def average_buffers(state: Mapping[str, Tensor], world: int) -> None:
    """Running averages of batch norms see only their process's share; bring them together."""
    for name, tensor in _buffers(state):
        torch.distributed.all_reduce(tensor)
        state[name].div_(world)


def _buffers(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name, tensor) for name, tensor in state.items() if "running_" in name or "moving_" in name)
