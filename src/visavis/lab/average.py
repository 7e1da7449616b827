"""The running average of a network's weights, which validates better than any single step's."""

# torch is not typed here, so its decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from visavis.lab.models import load_state, named_state

__all__ = ["follow", "lent_weights"]


@torch.no_grad()
def follow(average: dict[str, Tensor], state: Mapping[str, Tensor], *, step: int, decay: float) -> None:
    """Move the running average towards the weights; quicker at first, so that it soon forgets where it began."""
    keep = min(decay, (1 + step) / (10 + step))
    for name, tensor in average.items():
        if tensor.is_floating_point():
            tensor.lerp_(state[name], 1 - keep)
        else:
            tensor.copy_(state[name])


class lent_weights:  # noqa: N801  reads as a phrase: `with lent_weights(model, average):`
    """Lend a model other weights for a while; an empty mapping lends none."""

    def __init__(self, model: Any, other: Mapping[str, Tensor]) -> None:
        self._model, self._other = model, other

    def __enter__(self) -> None:
        if self._other:
            self._own = {name: tensor.clone() for name, tensor in named_state(self._model).items()}
            load_state(self._model, self._other)

    def __exit__(self, *_: object) -> None:
        if self._other:
            load_state(self._model, self._own)
