"""Where a network looks: Grad-CAM (Selvaraju et al., arXiv:1610.02391), of Keras backbones and of the torch trunk."""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visavis.errors import ModelError
from visavis.lab.models import Network, TorchTrunk, keras, logits_of
from visavis.types import Float32

__all__ = ["heat_maps"]


def heat_maps(network: Network, squares: NDArray[np.uint8], output: int) -> Float32:
    """What speaks for an attribute, by place.

    The last feature maps are weighed by the mean gradient of the attribute's logit (equation 1), summed, and cut off
    below zero (equation 2). Of a network of several members it is the mean of theirs.

    Args:
        network: any of the lab's.
        squares: (N, size, size, 3) uint8 RGB.
        output: which attribute, by its place.

    Returns:
        (N, size, size) float32 in [0, 1]; each picture's strongest place is 1, unless nothing speaks for the attribute.

    Raises:
        ModelError: the network has no feature maps before its head.
    """
    if network.members:
        maps = [heat_maps(one, squares, output) for one in network.members]
        return np.asarray(np.average(maps, axis=0, weights=network.shares), np.float32)
    stem, rest, border = _parts(network.model)
    pictures = network.normalise(torch.from_numpy(np.ascontiguousarray(squares)).float())
    with torch.no_grad():
        maps = stem(pictures)  # (N, h, w, C)
    with torch.enable_grad():
        maps = maps.detach().requires_grad_()
        chosen = logits_of(rest(maps))[:, output].sum()
        (gradient,) = torch.autograd.grad(chosen, maps)
    heat = (maps.detach() * gradient.mean((1, 2), keepdim=True)).sum(-1).clamp(min=0)
    inner = [side - 2 * border for side in squares.shape[1:3]]
    wide = functional.interpolate(heat[:, None], size=inner, mode="bilinear", align_corners=False)[:, 0]
    wide = functional.pad(wide, [border] * 4)  # what it does not look at speaks for nothing
    peak = wide.amax((1, 2), keepdim=True)
    return np.asarray((wide / peak.clamp(min=1e-12)).numpy(), np.float32)


def _parts(model: Any) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], int]:
    """Pictures to the last feature maps (N, h, w, C), those to probabilities, and the border that is not looked at."""
    trunk = next((layer for layer in model.layers if isinstance(layer, TorchTrunk)), None)
    if trunk is not None and not trunk.keeps_maps:
        head = keras.Model(trunk.output, model.output)
        return (
            lambda pictures: trunk.module.eval().maps(trunk.seen(pictures)).permute(0, 2, 3, 1),
            lambda maps: head(trunk.module.pool(maps.permute(0, 3, 1, 2)), training=False),
            trunk.border,
        )
    names = [layer.name for layer in model.layers]
    if "pool" not in names:
        raise ModelError(f"{model.name} has no feature maps before its head, so there is nothing to see where it looks")
    boundary = model.get_layer("pool").input
    stem, rest = keras.Model(model.input, boundary), keras.Model(boundary, model.output)
    return lambda pictures: stem(pictures, training=False), lambda maps: rest(maps, training=False), 0
