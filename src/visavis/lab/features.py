"""What is frozen is computed once: a network is cut where learning begins, and the epochs run on the kept features.

The frozen part of a VGG runs in plain torch, channels last, in bfloat16 where the processor multiplies it natively;
that is several times as fast as Keras layer by layer. Features are memory-mapped, named by the hash of weights,
pixels and precision, and appear whole or not at all.
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from visavis.errors import ConfigError
from visavis.files import replacing
from visavis.lab.models import Network, TorchTrunk, keras
from visavis.lab.pixels import PixelStore, Progress
from visavis.lab.recipe import Recipe
from visavis.lab.train import half_precision
from visavis.lab.training_data import TrainingData

__all__ = ["CutNetwork", "can_cache", "cut_network", "feature_store", "on_features"]

_BATCH: Final = 32
#: The largest number that float16 holds; features beyond it are kept in float32.
_FLOAT16_LIMIT: Final = 65504.0


@dataclass(frozen=True, slots=True, eq=False)
class CutNetwork:
    """A network in two parts.

    Attributes:
        stem: (N, H, W, 3) normalised pictures -> (N, ...) features, nothing in it learns.
        rest: features -> probabilities; its layers are the network's own, so what it learns the network knows.
        weights: sha256 of the stem's weights and form.
        native: whether the stem runs in plain torch.
    """

    stem: Any
    rest: Network
    weights: str
    native: bool


def can_cache(recipe: Recipe, network: Network) -> bool:
    """Whether there are features that stay the same from epoch to epoch: something is frozen and nothing augmented."""
    if recipe.augment.active or recipe.flip_average or recipe.train.head_epochs:
        return False
    return any(layer.weights for layer in _stem(network))


def _stem(network: Network) -> list[Any]:
    """The layers before the first that learns."""
    layers = list(network.model.layers)
    return layers[: next((index for index, layer in enumerate(layers) if layer.trainable_weights), len(layers))]


def cut_network(network: Network) -> CutNetwork:
    """Cut before the first layer that learns; layers without weights just before it belong to the stem.

    Raises:
        ConfigError: the first layer with weights learns, or the frozen layers are no chain.
    """
    layers = list(network.model.layers)
    stem = _stem(network)
    if not any(layer.weights for layer in stem):
        raise ConfigError("nothing before the first learning layer is frozen, so there are no features to keep")
    for before, after in zip(stem, layers[1 : len(stem) + 1], strict=False):
        if after.input is not before.output:
            raise ConfigError(f"the frozen layers are no chain at {after.name!r}; their features cannot be kept")
    boundary = stem[-1].output
    rest = keras.Model(boundary, network.model.output, name=f"{network.model.name}_rest")
    digest = hashlib.sha256()
    for layer in stem:
        digest.update(f"{layer.__class__.__name__} {layer.name} {layer.output.shape}\n".encode())
        if isinstance(layer, TorchTrunk):
            digest.update(f"border {layer.border} of {layer.module}\n".encode())  # what no weight tells
        for tensor in _tensors(layer):
            digest.update(np.ascontiguousarray(tensor.detach().numpy()).tobytes())
    fast = _native(stem)
    runner = fast if fast is not None else keras.Model(network.model.input, boundary)
    return CutNetwork(runner, replace(network, model=rest), digest.hexdigest(), fast is not None)


def _tensors(layer: Any) -> list[Tensor]:
    """All that a layer's output depends on, running averages of norms too."""
    if isinstance(layer, TorchTrunk):
        return list(layer.module.state_dict().values())
    return [variable.value for variable in layer.weights]


class _NativeStem(nn.Module):
    """A chain of Keras convolutions and poolings as torch modules, channels last inside and out."""

    def __init__(self, modules: list[nn.Module], *, pooled: bool) -> None:
        super().__init__()
        self._chain = nn.Sequential(*modules).to(memory_format=torch.channels_last)
        self._pooled = pooled

    def forward(self, pictures: Tensor) -> Tensor:
        maps = self._chain(pictures.permute(0, 3, 1, 2))
        return maps.mean((2, 3)) if self._pooled else maps.permute(0, 2, 3, 1)


def _native(layers: list[Any]) -> nn.Module | None:
    """The same chain in torch, or None where it holds a layer that is not translated."""
    modules: list[nn.Module] = []
    pooled = False
    for layer in layers:
        kind = layer.__class__.__name__
        if pooled:
            return None
        if kind == "InputLayer":
            continue
        if kind == "Conv2D" and layer.padding == "same" and set(layer.strides) == {1} and layer.groups == 1:
            activation = layer.activation.__name__
            if activation not in ("relu", "linear"):
                return None
            kernel = layer.kernel.value.detach().permute(3, 2, 0, 1)  # (h, w, in, out) -> (out, in, h, w)
            conv = nn.Conv2d(kernel.shape[1], kernel.shape[0], kernel.shape[2], padding="same")
            with torch.no_grad():
                conv.weight.copy_(kernel)
                conv.bias.copy_(layer.bias.value) if layer.use_bias else conv.bias.zero_()
            modules += [conv, nn.ReLU(inplace=True)] if activation == "relu" else [conv]
        elif kind == "MaxPooling2D" and tuple(layer.pool_size) == tuple(layer.strides) and layer.padding == "valid":
            modules.append(nn.MaxPool2d(layer.pool_size[0]))
        elif kind == "GlobalAveragePooling2D":
            pooled = True
        else:
            return None
    return _NativeStem(modules, pooled=pooled).eval().requires_grad_(False)


@torch.inference_mode()
def feature_store(
    cut: CutNetwork, network: Network, store: PixelStore, *, folder: Path, half: bool, progress: Progress | None = None
) -> PixelStore:
    """Features of every square of a store, memory-mapped; made first where they are not there.

    Raises:
        OutputError: the file cannot be written.
    """
    key = hashlib.sha256(f"2\n{cut.weights}\n{network.normalise}\n{store.key}\n{half}".encode()).hexdigest()
    path = folder / f"features-{key[:16]}.npy"
    if not path.is_file():
        with replacing(path) as temporary:
            target: Any = None
            for start in range(0, len(store.pixels), _BATCH):
                squares = torch.from_numpy(np.array(store.pixels[start : start + _BATCH])).float()
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    features = cut.stem(network.normalise(squares)).float().numpy()
                if target is None:
                    # Room to spare: what later pictures give may exceed the first batch.
                    small = float(np.abs(features).max()) < _FLOAT16_LIMIT / 16
                    shape = (len(store.pixels), *features.shape[1:])
                    kept = np.float16 if small else np.float32
                    target = np.lib.format.open_memmap(temporary, mode="w+", dtype=kept, shape=shape)
                target[start : start + len(features)] = features
                if progress is not None:
                    progress(start + len(features), len(store.pixels))
            target.flush()
    features = np.load(path, mmap_mode="r")
    return PixelStore(features, store.usable, key)


def on_features(
    recipe: Recipe, network: Network, data: TrainingData, *, folder: Path, progress: Progress | None = None
) -> tuple[Network, TrainingData]:
    """What `train` needs to run the same recipe on kept features in the place of pictures.

    Raises:
        ConfigError: the recipe augments pictures, averages with mirror images, trains in phases, or freezes nothing.
    """
    if not can_cache(recipe, network):
        raise ConfigError(
            "features can be kept only of frozen layers, without augmentation and head_epochs, and with "
            "flip_average = false"
        )
    cut = cut_network(network)
    half = half_precision(recipe.train.precision)
    stores: dict[str, PixelStore] = {}
    for store in (data.store, data.exact):
        if store.key not in stores:
            stores[store.key] = feature_store(cut, network, store, folder=folder, half=half, progress=progress)
    changed = replace(data, store=stores[data.store.key], exact=stores[data.exact.key])
    return cut.rest, changed
