"""A network of the lab: a Keras model on the torch backend, with what must travel with it, and its weights by name.

This module sets the backend and imports Keras: import it only where a network is needed.
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from visavis.errors import ConfigError, ModelError, require

os.environ.setdefault("KERAS_BACKEND", "torch")
require("torch", extra="lab")
keras: Any = require("keras", extra="lab")

import torch  # noqa: E402  after the check that it is there

__all__ = [
    "Logits",
    "Network",
    "Normalisation",
    "TorchTrunk",
    "count_parameters",
    "keras",
    "load_state",
    "logits_of",
    "named_state",
]

if keras.backend.backend() != "torch":
    raise ConfigError(
        f"the lab trains on Keras with the torch backend, but Keras runs on {keras.backend.backend()!r}; "
        "unset KERAS_BACKEND, or set it to torch"
    )


@dataclass(frozen=True, slots=True)
class Normalisation:
    """`(pixel - mean) / std` on RGB or BGR pixels of 0..255: what a network's weights were trained on.

    Attributes:
        mean, std: one number a channel, in the order of `colour`.
        colour: `RGB` or `BGR`.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    colour: str = "RGB"

    def __post_init__(self) -> None:
        if self.colour not in ("RGB", "BGR") or min(self.std) <= 0:
            raise ConfigError(f"a normalisation needs RGB or BGR and positive deviations, not {self}")

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, H, W, 3) float32 RGB in 0..255 -> what the network takes."""
        if self.colour == "BGR":
            pictures = pictures.flip(-1)
        return (pictures - torch.tensor(self.mean)) / torch.tensor(self.std)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A Keras model with what must travel with it.

    Attributes:
        model: (N, size, size, 3) normalised -> (N, A) probabilities; its last layer is `attributes`.
        size: side of its pictures in pixels.
        normalise: its pre-processing.
        trunk: names of the layers that came with weights; what `fine-tuning` unfreezes.
        members: the networks of which this one is the mean; none for a network of its own.
        shares: how much each member counts; they sum to 1.
    """

    model: Any
    size: int
    normalise: Normalisation
    trunk: tuple[str, ...]
    members: tuple[Network, ...] = ()
    shares: tuple[float, ...] = ()


class TorchTrunk(keras.layers.TorchModuleWrapper):
    """A torch network inside a Keras model: (N, H, W, 3) -> (N, features), or its last maps (N, h, w, features).

    Args:
        module: from (N, 3, H, W), with methods `maps` for what comes before its own pooling, and `pool` for that.
        features: width of what it gives.
        name: of the layer.
        maps: how often the maps are smaller than the picture; 0 pools them.
        border: so many pixels at each side it does not look at.
    """

    def __init__(self, module: torch.nn.Module, *, features: int, name: str, maps: int = 0, border: int = 0) -> None:
        super().__init__(module, name=name)
        self._features = features
        self._maps = maps
        self.border = border

    @property
    def keeps_maps(self) -> bool:
        """Whether it gives maps, and not their mean."""
        return self._maps > 0

    def seen(self, inputs: torch.Tensor) -> torch.Tensor:
        """What it looks at, (N, 3, h, w): torch takes channels first; the view keeps them last in memory."""
        border, (height, width) = self.border, inputs.shape[1:3]
        return inputs[:, border : height - border, border : width - border].permute(0, 3, 1, 2)

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> Any:
        """Pictures to features, or to maps."""
        pictures = self.seen(inputs)
        # A frozen trunk must not move its running averages either.
        learning = bool(training) and self.trainable
        if not self._maps:
            return super().call(pictures, training=learning)
        self.module.train(learning)
        return self.module.maps(pictures).permute(0, 2, 3, 1)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Shape of the output without running the network."""
        count, height, width = inputs.shape[0], *(side - 2 * self.border for side in inputs.shape[1:3])
        sides = (-(-height // self._maps), -(-width // self._maps)) if self._maps else ()
        return keras.KerasTensor((count, *sides, self._features), "float32")


class Logits(keras.layers.Layer):
    """What a layer computes before its sigmoid, times a share; the weights are that layer's own."""

    def __init__(self, dense: Any, *, name: str, share: float = 1.0) -> None:
        super().__init__(name=name)
        self.dense = dense
        self.share = share

    def call(self, inputs: torch.Tensor) -> Any:
        """(N, features) -> (N, A)."""
        return keras.ops.matmul(inputs, self.dense.kernel * self.share) + self.dense.bias * self.share


def count_parameters(model: Any) -> tuple[int, int]:
    """All parameters of a Keras model, and those that learn."""

    def total(variables: Any) -> int:
        return sum(int(variable.value.numel()) for variable in variables)

    return total(model.weights), total(model.trainable_weights)


def logits_of(probabilities: torch.Tensor) -> torch.Tensor:
    """The numbers behind a model's last sigmoid, (N, A) float32.

    Keras leaves them on the result for its own cross-entropy; taking them avoids the log of a rounded probability.
    """
    logits = getattr(probabilities, "_keras_logits", None)
    if logits is None:
        return torch.logit(probabilities.float().clamp(1e-6, 1 - 1e-6))
    result: torch.Tensor = logits
    return result.float()


def _named(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    for layer in model.layers:
        if isinstance(layer, TorchTrunk):
            for name, tensor in layer.module.state_dict().items():
                yield f"{layer.name}/{name}", tensor
        else:
            for number, variable in enumerate(layer.weights):
                yield f"{layer.name}/{number}:{variable.name}", variable.value.detach()


def named_state(model: Any) -> dict[str, torch.Tensor]:
    """Every weight and running average of a model by name; the tensors are the model's own, not copies."""
    return dict(_named(model))


def load_state(model: Any, state: Mapping[str, torch.Tensor]) -> None:
    """Copy weights into a model of the same form.

    Raises:
        ModelError: names or shapes differ.
    """
    own = named_state(model)
    odd = sorted(set(own) ^ set(state)) or [name for name in own if own[name].shape != state[name].shape]
    if odd:
        raise ModelError(f"the weights are of another network: {len(odd)} tensors differ, among them {odd[0]}")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(state[name])
